"""Keeps the index of the music library true: read as a whole by a process of its own, then bit by bit."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from sugartalkd.aside import Aside
from sugartalkd.errors import PlexOffline, SugartalkError
from sugartalkd.library import Library, NotSynced
from sugartalkd.log import get_logger
from sugartalkd.plex.changes import LIMIT, Deltas, TooMany
from sugartalkd.plex.http import Http
from sugartalkd.plex.notifications import Heard
from sugartalkd.plex.pages import LISTS
from sugartalkd.plex.reading import read_library
from sugartalkd.plex.sync import Job
from sugartalkd.plex.threads import Threads
from sugartalkd.retry import after

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sugartalkd.model import Object
    from sugartalkd.plex.changes import Source

_log = get_logger(__name__)
T = TypeVar("T")

FOLDER: Final = "library"
GATHER: Final = 0.4
"""Seconds for which changes are gathered before they are read."""
CLOCK_INTERVAL: Final = 60.0
AGAIN: Final = 5.0
"""Seconds before changes that could not be read are asked for again."""
SWEEP_INTERVAL: Final = 600.0
COMPARE_INTERVAL: Final = 24 * 3600.0
COMPARE_PAUSE: Final = 30.0
"""Seconds at least between two comparisons of everything that a changed number of items asks for."""
COMPARE_SHARE: Final = 10
"""And at least so many times as long as the last one took: a scan changes the number all the time."""
DELTA_LIMIT: Final = 120.0
FAILED_PAUSES: Final = (5.0, 30.0, 120.0, 600.0)
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9-]+")


class Keeper:
    """Owns the index of one section at a time. `serve` keeps it true while the server answers."""

    def __init__(
        self,
        folder: Path,
        on_event: Callable[[str, Object], None],
        on_trouble: Callable[[SugartalkError], None],
    ) -> None:
        self._folder = folder / FOLDER
        self._on_event = on_event
        self._on_trouble = on_trouble
        self._aside = Aside()
        self._file = self._folder / "none.sqlite"
        self._library = Library(self._file)
        self._source: Source | None = None
        self._reading: asyncio.Task[None] | None = None
        self._failed: int = 0
        """How often in a row the whole could not be read."""
        self._last: Object | None = None
        """What the last reading of everything brought."""
        self._news = asyncio.Event()
        self._heard = Heard()
        self._clock: str | None = None
        self._compare_not_before = self._sweep_at = 0.0

    @property
    def library(self) -> Library:
        return self._library

    @property
    def reading(self) -> bool:
        """Whether the whole library is being read."""
        return self._reading is not None and not self._reading.done()

    def open(self, machine_id: str, section_uuid: str) -> None:
        """From now on the index of this section is meant, whether or not the server answers."""
        name = _UNSAFE.sub("_", f"{machine_id}.{section_uuid}")
        file = self._folder / f"{name}.sqlite"
        if file == self._file:
            return
        if self._reading is not None:
            self._reading.cancel()
        self._file, self._clock, self._failed = file, None, 0
        self._aside.start(self._library.close(), "closing an index")
        self._library = Library(file)

    def hear(self, heard: Heard) -> None:
        """Something has changed at the server."""
        self._heard |= heard
        self._news.set()

    def read_anew(self, *, compare: bool = False) -> bool:
        """Begin to read everything, while what is there goes on being used; false if that goes on already."""
        if self.reading or self._source is None:
            return False
        self._reading = self._aside.start(
            self._read(self._source, compare=compare), "reading the Plex library"
        )
        return True

    async def read_through(self) -> Object:
        """Read everything anew, or wait for the reading that goes on; what there is then.

        Raises PlexOffline where it failed.
        """
        self.read_anew()
        if self._reading is not None:
            await asyncio.wait([self._reading])
        if self._last is None:
            raise PlexOffline("the library could not be read; the log and bridge/event say why")
        return self._last

    async def serve(self, source: Source) -> None:
        """Until cancelled. Raises nothing that a server can cause."""
        self._source = source
        self.open(source.machine_id, source.section_uuid)
        threads = Threads("changes", 1, lambda _until: Http(source.origin, source.headers, LIMIT))
        self._heard |= Heard(missed=True)
        try:
            while True:
                await self._whole()
                await self._wait(await self._catch_up(threads, source))
        finally:
            threads.close()

    async def end(self) -> None:
        """Nothing is read and no file is open any more; it may be served again."""
        self._source = None
        await self._aside.end()
        await self._library.close()
        self._library = Library(self._file)

    # -- as a whole ----------------------------------------------------------------------------------

    async def _whole(self) -> None:
        """Until there is an index and nobody writes a new one."""
        while True:
            if self._reading is not None:
                await asyncio.wait([self._reading])
            if await self._meta("cursor") is not None:
                return
            if self._reading is not None and not self._failed:
                self._failed = 1  # it was read, and yet there is nothing that can be opened
            if self._failed:
                await asyncio.sleep(after(self._failed - 1, FAILED_PAUSES))
            self.read_anew()

    async def _read(self, source: Source, *, compare: bool) -> None:
        began, self._last = time.monotonic(), None
        job = Job(
            origin=source.origin,
            headers=dict(source.headers),
            section=source.section,
            section_uuid=source.section_uuid,
            machine_id=source.machine_id,
            file=str(self._file),
            compare=compare,
        )
        try:
            counts = await read_library(job, self._on_event)
        except (SugartalkError, OSError) as error:
            self._failed += 1
            if isinstance(error, SugartalkError):
                self._on_trouble(error)
            why = str(error) if isinstance(error, SugartalkError) else error.strerror or type(error).__name__
            _log.warning("the Plex library could not be read", reason=why)
            self._on_event(
                "error", {"part": "plex library", "error": f"the library could not be read: {why}"}
            )
            return
        finally:
            took = time.monotonic() - began
            self._compare_not_before = time.monotonic() + max(COMPARE_PAUSE, COMPARE_SHARE * took)
        self._failed = 0
        self._heard |= Heard(missed=True)  # what changed meanwhile
        self._news.set()
        _log.info("the Plex library is read", seconds=round(took, 1), **counts)
        self._last = {**counts, "seconds": round(took, 1)}
        self._on_event("library_synced", self._last)

    # -- bit by bit ----------------------------------------------------------------------------------

    async def _catch_up(self, threads: Threads[Http], source: Source) -> float:
        """How long to wait for news before the next look."""
        heard, self._heard = self._heard, Heard()
        try:
            if heard.changed or heard.gone:
                await self._delta(threads, source, lambda deltas: deltas.apply(heard.changed, heard.gone))
            clock = await self._delta(threads, source, Deltas.clock)
            moved = self._clock is not None and clock != self._clock
            if heard.missed or moved:
                self._sweep_at = time.monotonic() + SWEEP_INTERVAL
                cursor = int(await self._meta("cursor") or 0)
                await self._delta(threads, source, lambda deltas: deltas.sweep(cursor))
            if heard.missed or moved or heard.playlists:
                known = [int(one) for one in (await self._meta("playlists") or "").split()]
                await self._delta(threads, source, lambda deltas: deltas.playlists(known))
            if heard.missed or moved:
                await self._count(threads, source)
            self._clock = clock
        except TooMany:
            self.read_anew()
        except (NotSynced, sqlite3.Error, OSError) as error:
            _log.warning(
                "the index of the Plex library cannot be changed; reading it anew", reason=str(error)
            )
            self.read_anew()
        except SugartalkError as error:
            self._heard = heard | self._heard
            _log.info("changes of the Plex library cannot be read now", reason=str(error))
            self._on_trouble(error)
            return AGAIN
        return CLOCK_INTERVAL

    async def _count(self, threads: Threads[Http], source: Source) -> None:
        """Deletions are seen by nothing but a number that does not fit."""
        totals = await self._delta(threads, source, Deltas.totals)
        counts = await self._library.counts()
        gaps = [(int(await self._meta(f"gap_{kind.value}") or 0), kind) for kind in LISTS]
        odd = any(kind in totals and totals[kind] - counts[kind] != gap for gap, kind in gaps)
        listed_at = float(await self._meta("listed_at") or 0)
        if (
            odd and time.monotonic() > self._compare_not_before
        ) or time.time() - listed_at > COMPARE_INTERVAL:
            self.read_anew(compare=True)

    async def _delta(self, threads: Threads[Http], source: Source, work: Callable[[Deltas], T]) -> T:
        file = self._file

        def with_file(http: Http, _until: float) -> T:
            # Opened each time: reading everything anew puts another file in its place.
            with Deltas(source, http, file) as deltas:
                return work(deltas)

        return await threads.run("reading what changed in the Plex library", DELTA_LIMIT, with_file)

    async def _wait(self, limit: float) -> None:
        """For news, or until it is time to look."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._news.wait()
                await asyncio.sleep(GATHER)
        self._news.clear()
        if time.monotonic() > self._sweep_at:
            self._heard |= Heard(missed=True)

    async def _meta(self, name: str) -> str | None:
        try:
            return await self._library.meta(name)
        except NotSynced:
            return None
