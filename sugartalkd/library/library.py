"""The index as the daemon uses it: one worker thread that follows whichever file is in use."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from sugartalkd.library.entry import NotSynced
from sugartalkd.library.finding import Finder
from sugartalkd.library.reading import Reader, drop, opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sugartalkd.command import Wished
    from sugartalkd.library.entry import Entry, Matches
    from sugartalkd.model import MediaKind

T = TypeVar("T")

_BROKEN: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Library:
    """Reads the index; every method raises `NotSynced` while there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="library")
        self._open: tuple[str, Reader] | None = None

    async def search(self, wished: Wished, limit: int, offset: int) -> Matches:
        """A page of everything that fits, best first."""
        return await self._run(lambda reader: Finder(reader).search(wished, limit, offset))

    async def find(self, wished: Wished) -> Matches:
        """What is most likely meant, with at most nine alternatives; nothing if nothing comes near."""
        return await self._run(lambda reader: Finder(reader).find(wished))

    async def children(
        self, kind: MediaKind, key: int, limit: int, offset: int
    ) -> tuple[tuple[Entry, ...], int]:
        """The albums of an artist by year, the tracks of an album in order; and how many there are."""
        return await self._run(lambda reader: reader.children(kind, key, limit, offset))

    async def tracks_of(self, kind: MediaKind, key: int) -> tuple[Entry, ...]:
        """In playing order; of an artist also what others' albums have of it; nothing of a playlist."""
        return await self._run(lambda reader: reader.tracks_of(kind, key))

    async def entry(self, kind: MediaKind, key: int) -> Entry | None:
        return await self._run(lambda reader: reader.entry(kind, key))

    async def by_guid(self, guid: str) -> Entry | None:
        """The most popular entry of this guid."""
        return await self._run(lambda reader: reader.by_guid(guid))

    async def artists(self, limit: int, offset: int) -> tuple[tuple[Entry, ...], int]:
        """By name; and how many there are."""
        return await self._run(lambda reader: reader.artists(limit, offset))

    async def counts(self) -> dict[MediaKind, int]:
        return await self._run(lambda reader: reader.counts())

    async def meta(self, name: str) -> str | None:
        return await self._run(lambda reader: reader.meta(name))

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._worker, self._leave)
        self._worker.shutdown(wait=False)

    async def _run(self, call: Callable[[Reader], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, self.reading, call)

    def reading(self, call: Callable[[Reader], T]) -> T:
        """Call it with the index in use, here and now: for a thread, one at a time.

        Raises:
            NotSynced: there is none.
        """
        try:
            target = self._path.readlink().name if self._path.is_symlink() else ""
            if self._open is None or self._open[0] != target:
                self._leave()
                self._open = target, Reader(opened(self._path))
            return call(self._open[1])
        except sqlite3.OperationalError as problem:
            self._leave()
            if problem.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # a fault of ours, not of the file
                raise
            raise NotSynced(f"the index of the music library cannot be read: {problem}") from problem
        except sqlite3.DatabaseError as problem:
            self._leave()
            if getattr(problem, "sqlite_errorcode", None) not in _BROKEN:  # a fault of ours as well
                raise
            drop(self._path)
            raise NotSynced(
                f"the index of the music library was broken and is dropped: {problem}"
            ) from problem

    def _leave(self) -> None:
        if self._open is not None:
            self._open[1].connection.close()
            self._open = None
