"""Starts the process that reads the whole Plex library (plex/sync.py), and passes on how far it has come."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sugartalkd.errors import BadPayload, Internal, NoMatch, PlexOffline, PlexUnauthorized, TimedOut
from sugartalkd.log import get_logger
from sugartalkd.plex.sync import line_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from sugartalkd.errors import SugartalkError
    from sugartalkd.model import Object
    from sugartalkd.plex.sync import Job

_log = get_logger(__name__)

PROGRAM: Final = "sugartalkd.plex.sync"
LOG_EVERY: Final = 5.0
EVENT_EVERY: Final = 1.0
_OURS: Final = "SUGARTALK"
"""What the environment says to the daemon is not for its children: there may be a token among it."""
_FAULTS: Final = {one.code: one for one in (PlexOffline, PlexUnauthorized, TimedOut, NoMatch, BadPayload)}


async def read_library(job: Job, on_event: Callable[[str, Object], None]) -> dict[str, int]:
    """How many artists, albums, tracks and playlists there are now. Raises SugartalkError and OSError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", PROGRAM, env=_environment(),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    stdin, stdout, stderr = _pipes(process)
    errors = asyncio.ensure_future(stderr.read())
    progress = _Progress(on_event)
    last: dict[str, Any] = {}
    try:
        with suppress(ConnectionError):  # it ended at once; its exit code and stderr say why
            stdin.write(line_for(job))
            await stdin.drain()
        async for line in stdout:
            last = json.loads(line)
            if "done" in last:
                progress.heard(str(last["kind"]), int(last["done"]), last["total"])
        await process.wait()
        trace = (await errors).decode(errors="replace").strip()
    finally:
        errors.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
    if "counts" in last:
        return last["counts"]
    raise _fault(last, process.returncode, trace)


def _pipes(
    process: asyncio.subprocess.Process,
) -> tuple[asyncio.StreamWriter, asyncio.StreamReader, asyncio.StreamReader]:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise Internal("the process that reads the Plex library has no pipes")
    return process.stdin, process.stdout, process.stderr


def _fault(last: dict[str, Any], code: int | None, trace: str) -> SugartalkError:
    if "error" in last:
        return _FAULTS.get(str(last.get("code")), Internal)(str(last["error"]))
    _log.error("the process that reads the Plex library failed", exit_code=code, trace=trace[-2000:])
    return Internal(f"the process that reads it ended with {code}; the log has the rest")


def _environment() -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [environment.get("PYTHONPATH")])]
    return environment | {"PYTHONPATH": os.pathsep.join(paths)}


class _Progress:
    """Not more of it than somebody can read."""

    def __init__(self, on_event: Callable[[str, Object], None]) -> None:
        self._on_event = on_event
        self._said = self._logged = 0.0
        self._kind = ""

    def heard(self, kind: str, done: int, total: int | None) -> None:
        present = time.monotonic()
        if kind != self._kind or present - self._said >= EVENT_EVERY:
            self._said = present
            percent = round(100 * done / total) if total else None
            self._on_event(
                "library_progress", {"kind": kind, "done": done, "total": total, "percent": percent}
            )
        if kind != self._kind or present - self._logged >= LOG_EVERY:
            self._logged = present
            _log.info("reading the Plex library", kind=kind, done=done, total=total)
        self._kind = kind
