"""What the server's own search finds, looked through like the index: for what the index does not have."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Protocol

from sugartalkd import resolver
from sugartalkd.library import Builder, Finder, Match, Matches, Reader
from sugartalkd.library.reading import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sugartalkd.command import Wished
    from sugartalkd.library import Entry

LIVE: Final = 20
"""Items of each kind that the server is asked for."""
MOST_PHRASES: Final = 3
UNLIKE: Final = 0.3
"""How well something fits whose name is not like what was wished, but for which the server has a reason."""


class Searching(Protocol):
    async def hub_search(self, phrase: str, limit: int) -> tuple[Entry, ...]: ...


def phrases(wished: Wished) -> tuple[str, ...]:
    """What to ask the server for, which takes every word as one of a name: `play` and `by`, too."""
    said = next((one for one in (wished.phrase, wished.album, wished.artist) if one), None)
    if said is None:
        return ()
    titles = (one.title or one.artist for one in resolver.readings(said))
    return tuple(sorted(dict.fromkeys((said, *titles)), key=len)[:MOST_PHRASES])


async def ask(server: Searching, wished: Wished, question: Callable[[Finder, Wished], Matches]) -> Matches:
    """The answer to a question to the index, if that were made of what the server finds."""
    for phrase in phrases(wished):
        if found := await server.hub_search(phrase, LIVE):
            return await asyncio.to_thread(_answered, found, wished, question)
    return Matches()


def _answered(
    entries: Sequence[Entry], wished: Wished, question: Callable[[Finder, Wished], Matches]
) -> Matches:
    with TemporaryDirectory(prefix="sugartalk-") as folder:
        path = Path(folder) / "found.sqlite"
        with Builder(path) as builder:
            builder.add(entries)
            builder.finish()
        with closing(opened(path)) as connection:
            return _matches(Finder(Reader(connection)), wished, question)


def _matches(finder: Finder, wished: Wished, question: Callable[[Finder, Wished], Matches]) -> Matches:
    matches = question(finder, wished)
    if matches.total or matches.items:
        return matches
    others = question(finder, replace(wished, phrase=None))
    return replace(others, items=tuple(Match(one.entry, UNLIKE) for one in others.items), ambiguous=True)
