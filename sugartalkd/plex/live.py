"""What the server's own search finds, looked through like the index: for what the index does not have."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Protocol

from sugartalkd import resolver
from sugartalkd.library import Builder, Finder, Matches, Reader
from sugartalkd.library.reading import opened
from sugartalkd.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sugartalkd.command import Wished
    from sugartalkd.library import Entry

_log = get_logger(__name__)

LIVE: Final = 20
"""Items of each kind that the server is asked for."""
MOST_PHRASES: Final = 3


class Searching(Protocol):
    async def hub_search(self, phrase: str, limit: int) -> tuple[Entry, ...]: ...


def phrases(wished: Wished) -> tuple[str, ...]:
    """What to ask the server for, which takes every word as one of a name: `play` and `by`, too."""
    said = next((one for one in (wished.phrase, wished.album, wished.artist) if one), None)
    if said is None:
        return ()
    titles = [one.title or one.artist for one in resolver.readings(said)]
    return tuple(sorted({said, *filter(None, titles)}, key=lambda one: (len(one), one))[:MOST_PHRASES])


async def ask(server: Searching, wished: Wished, question: Callable[[Finder], Matches]) -> Matches:
    """The answer to a question to the index, if that were made of what the server finds."""
    for phrase in phrases(wished):
        if found := await server.hub_search(phrase, LIVE):
            try:
                return await asyncio.to_thread(_answered, found, question)
            except (OSError, sqlite3.Error) as error:  # a system without room for temporary files
                _log.warning("what the Plex server found cannot be looked through", reason=str(error))
                break
    return Matches()


def _answered(entries: Sequence[Entry], question: Callable[[Finder], Matches]) -> Matches:
    with TemporaryDirectory(prefix="sugartalk-") as folder:
        path = Path(folder) / "found.sqlite"
        with Builder(path) as builder:
            builder.add(entries)
            builder.finish()
        with closing(opened(path)) as connection:
            return question(Finder(Reader(connection)))
