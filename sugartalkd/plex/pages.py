"""Long lists of a Plex server, read page by page until they are complete, however often it takes."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from sugartalkd.errors import NoMatch, PlexOffline, TimedOut
from sugartalkd.model import MediaKind
from sugartalkd.plex import entries as raw
from sugartalkd.plex.entries import LEAN, TYPE_NUMBERS, following, whole
from sugartalkd.plex.http import JSON, XML, content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sugartalkd.library import Entry
    from sugartalkd.plex.http import Http

PAUSES: Final = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before a page is tried again; the last repeats."""
PATIENCE: Final = 300.0
"""Seconds for which one page is tried before the list is given up."""
SMALLEST: Final = 50
"""A server that is too slow for a page gets asked for half of it, down to this."""
BELIEVED_AFTER: Final = 3
"""A page that so often has another length than it says has that length."""
LISTS: Final = (MediaKind.ARTIST, MediaKind.ALBUM, MediaKind.TRACK)
"""What a section holds; playlists stand beside it."""
SAFETY: Final = 5
"""Seconds by which one look at what has changed overlaps the one before."""
PLAYLISTS: Final = "/playlists?playlistType=audio"


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. Items of no use to us are counted but not among the entries."""

    entries: tuple[Entry, ...]
    count: int
    total: int | None
    clock: int | None
    """The server's own time when it answered, in seconds since 1970."""


def section_list(section: str, kind: MediaKind, more: str = "") -> str:
    """Artists, albums or tracks of a section in an order that does not change while they are read."""
    base = f"/library/sections/{section}/all?type={TYPE_NUMBERS[kind]}&sort={kind.value}.id&{LEAN}"
    return f"{base}&{more}" if more else base


def listing(http: Http, path: str, size: int, *, patience: float = PATIENCE) -> Iterator[Page]:
    """All pages of a list. A page is tried again while the server fails, for `patience` seconds.

    Raises PlexUnauthorized and NoMatch at once, PlexOffline and TimedOut when patience is at its end.
    """
    start, failures, before = 0, 0, None
    since = time.monotonic()
    while True:
        try:
            page = read_page(
                http, path, start, size, accept=XML if failures % 2 else JSON, exact=failures < BELIEVED_AFTER
            )
        except (PlexOffline, TimedOut) as error:
            if time.monotonic() - since > patience:
                raise
            if isinstance(error, TimedOut):
                size = max(SMALLEST, size // 2)
            time.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
            failures += 1
            continue
        failures = 0
        since = time.monotonic()
        repeated = before is not None and page.total is None and page.entries == before.entries
        if not repeated:
            yield page
        after = following(start, page.count, size, page.total, repeated=repeated)
        if after is None:
            return
        start, before = after, page


def playlists(http: Http, size: int, *, patience: float = PATIENCE) -> Iterator[Page]:
    """All audio playlists; a server that knows of none may well answer 404."""
    with suppress(NoMatch):
        yield from listing(http, PLAYLISTS, size, patience=patience)


def read_page(
    http: Http, path: str, start: int, size: int, *, accept: str = JSON, exact: bool = True
) -> Page:
    """`exact`: what has another length than it says counts as cut off. Raises PlexOffline and more."""
    paging = {"X-Plex-Container-Start": str(start), "X-Plex-Container-Size": str(size)}
    answer = http.get(path, accept, paging)
    container = content(answer)
    items: Sequence[Any]
    if isinstance(container, dict):
        say: Callable[[str], object] = container.get
        items = raw.objects(container.get("Metadata"))
        entries = [entry for one in items if (entry := raw.from_json(one)) is not None]
    else:
        say = container.get
        items = list(container)
        entries = [entry for one in items if (entry := raw.from_xml(one)) is not None]
    told = whole(say("size"))
    if exact and size and told is not None and told != len(items):
        raise PlexOffline(f"a page has {len(items)} items and says that it has {told}")
    return Page(tuple(entries), len(items), whole(say("totalSize")), _clock(answer.date))


def total(http: Http, path: str) -> int | None:
    """How long a list is."""
    page = read_page(http, path, 0, 0, exact=False)
    return page.total


def by_keys(http: Http, keys: Sequence[int]) -> tuple[Entry, ...]:
    """Those of these items that are still there."""
    try:
        return read_page(http, f"/library/metadata/{','.join(map(str, keys))}?{LEAN}", 0, len(keys)).entries
    except NoMatch:
        return ()


def _clock(date: str | None) -> int | None:
    try:
        return None if date is None else int(parsedate_to_datetime(date).timestamp())
    except ValueError:
        return None
