"""Reads the whole library of a Plex server into the local index: a process of its own (plex/reading.py).

The job comes as one line of JSON on stdin, the token in it, so that no process list shows that; progress and
the result go to stdout line by line. It ends when stdin does, which is when the daemon does.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sugartalkd.errors import SugartalkError
from sugartalkd.library import Builder, Changes
from sugartalkd.model import MediaKind
from sugartalkd.plex import pages
from sugartalkd.plex.changes import joined
from sugartalkd.plex.http import Http

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sugartalkd.library import Entry

PAGE: Final = 500
LIMIT: Final = 60.0
"""Seconds for one page: a server on a small NAS sorts a large library for long."""
EVERY: Final = 0.25
"""Seconds between two lines of progress."""
NICE: Final = 10
ABORTED: Final = 3


@dataclass(frozen=True, slots=True)
class Job:
    """What the daemon wants done."""

    origin: str
    headers: Mapping[str, str] = field(repr=False)
    section: str
    section_uuid: str
    machine_id: str
    file: str
    compare: bool = False
    """Only bring the file up to date: what is new, what is gone."""


class Lists:
    """Everything in the section, kind after kind, counted on the way."""

    def __init__(self, job: Job, say: Callable[[str, int, int | None], None]) -> None:
        self._http = Http(job.origin, job.headers, LIMIT)
        self._job = job
        self._say = say
        self.clock: int | None = None
        """The server's time when it all began."""
        self.counts: dict[MediaKind, int] = {}
        self.keys: set[int] = set()
        """Of everything that was listed; pages that moved meanwhile may list an item twice."""
        self.playlists: set[int] = set()
        self.totals: dict[MediaKind, int] = {}
        """How many the server says there are, usable or not."""

    def __iter__(self) -> Iterator[tuple[Entry, ...]]:
        for kind in (*pages.LISTS, MediaKind.PLAYLIST):
            playlists = kind is MediaKind.PLAYLIST
            done = 0
            self.counts[kind] = 0
            for page in self._pages(kind):
                if self.clock is None:
                    self.clock = page.clock or int(time.time()) - 3600
                done += page.count
                self.totals[kind] = done if page.total is None else page.total
                entries = self._new(page.entries)
                self.counts[kind] += len(entries)
                if playlists:
                    self.playlists.update(one.key for one in entries)
                self._say(f"{kind.value}s", done, page.total)
                yield entries

    def _new(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        keys = {one.key for one in entries}
        if len(keys) != len(entries) or not self.keys.isdisjoint(keys):
            entries = tuple({one.key: one for one in entries if one.key not in self.keys}.values())
        self.keys |= keys
        return entries

    def _pages(self, kind: MediaKind) -> Iterator[pages.Page]:
        if kind is MediaKind.PLAYLIST:
            return pages.playlists(self._http, PAGE)
        return pages.listing(self._http, pages.section_list(self._job.section, kind), PAGE)


def build(job: Job, lists: Lists) -> None:
    """A new file beside the old one, and into its place when it is complete."""
    Path(job.file).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with Builder(Path(job.file)) as builder:
        for entries in lists:
            builder.add(entries)
        for name, value in _meta(job, lists).items():
            builder.meta(name, value)
        builder.finish()


def compare(job: Job, lists: Lists) -> None:
    """Only after the last page is anything taken out: an item that was not listed may only be late."""
    changes = Changes(Path(job.file))
    known = changes.keys()
    for entries in lists:
        changes.put([one for one in entries if one.key not in known])
    changes.remove(known - lists.keys)
    for name, value in _meta(job, lists).items():
        changes.meta(name, value)


def _meta(job: Job, lists: Lists) -> dict[str, str]:
    gaps = {f"gap_{kind.value}": str(lists.totals.get(kind, 0) - lists.counts[kind]) for kind in pages.LISTS}
    return {
        "machine_id": job.machine_id,
        "section_uuid": job.section_uuid,
        "cursor": str((lists.clock or int(time.time())) - pages.SAFETY),
        "playlists": joined(lists.playlists),
        "listed_at": str(int(time.time())),
        **gaps,
    }


class _Progress:
    """Lines for the daemon, not more than it wants."""

    def __init__(self) -> None:
        self._at = 0.0
        self._kind = ""

    def __call__(self, kind: str, done: int, total: int | None) -> None:
        present = time.monotonic()
        if kind == self._kind and present - self._at < EVERY and done != total:
            return
        self._at, self._kind = present, kind
        _line({"kind": kind, "done": done, "total": total})


def _line(content: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    with suppress(OSError, ValueError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    os._exit(ABORTED)


def main() -> int:
    """Do the one job that stdin brings; the exit code is 0 if it is done."""
    job = Job(**json.loads(sys.stdin.buffer.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(OSError):
        os.nice(NICE)
    gc.disable()  # nothing here goes in circles, and looking for them is a fifth of all the work
    lists = Lists(job, _Progress())
    try:
        (compare if job.compare else build)(job, lists)
    except SugartalkError as error:
        _line({"error": str(error), "code": error.code})
        return 1
    except OSError as error:
        _line({"error": f"the library's index cannot be written: {error.strerror}", "code": "internal"})
        return 1
    _line({"counts": {f"{kind.value}s": count for kind, count in lists.counts.items()}})
    return 0


def line_for(job: Job) -> bytes:
    """The job as this program reads it."""
    return json.dumps(asdict(job)).encode() + b"\n"


if __name__ == "__main__":
    sys.exit(main())
