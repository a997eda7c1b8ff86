"""What Plex says of one item, as XML or JSON, made into an entry of the library."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, cast

from sugartalkd.library import Entry
from sugartalkd.model import MediaKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from xml.etree.ElementTree import Element

KINDS: Final = {kind.value: kind for kind in MediaKind}
TYPE_NUMBERS: Final = {MediaKind.ARTIST: 8, MediaKind.ALBUM: 9, MediaKind.TRACK: 10}
"""What Plex calls the kinds of things that a section holds; playlists stand beside the sections."""
_TRACK: Final = MediaKind.TRACK
_NUMBERS: Final = (
    "ratingKey", "parentRatingKey", "grandparentRatingKey", "year", "parentYear", "duration", "parentIndex",
    "index", "viewCount", "ratingCount", "addedAt", "updatedAt", "leafCount",
)  # fmt: skip
LEAN: Final = (
    "excludeElements=Media,Mood,Style,Country,Similar,Guid,Image,UltraBlurColors,Collection,Field"
    "&excludeFields=summary"
)
"""What an entry has no use for; a server that does not know this sends it all the same."""


def from_json(item: Mapping[str, Any]) -> Entry | None:
    """`None` for what is no music, and for what lacks a key or a title."""
    genres = item.get("Genre")
    return _entry(item, _tags(genres) if genres else ())


def from_xml(element: Element) -> Entry | None:
    """As `from_json`."""
    tags = tuple(tag for one in element.iterfind("Genre") if (tag := one.get("tag"))) if len(element) else ()
    return _entry(element.attrib, tags)


def all_from_xml(root: Iterable[Element] | None) -> tuple[Entry, ...]:
    """Those that can be used; an answer without a body has none."""
    return tuple(entry for one in root if (entry := from_xml(one))) if root is not None else ()


def _tags(genres: object) -> tuple[str, ...]:
    return tuple(str(tag) for one in objects(genres) if (tag := one.get("tag")))


def objects(value: object) -> list[dict[str, Any]]:
    """The objects of a JSON list; nothing for what is none."""
    found = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", one) for one in found if isinstance(one, dict)]


def _entry(item: Mapping[str, Any], genres: tuple[str, ...]) -> Entry | None:
    get = item.get
    kind = KINDS.get(get("type") or "")
    # A million tracks go through here, so what is a number already is not looked at closely.
    numbers = [one if one is None or one.__class__ is int else whole(one) for one in map(get, _NUMBERS)]
    key, parent, grandparent, year, made, length, disc, index, plays, heard, added, changed, leaves = numbers
    title = get("title")
    if kind is None or key is None or not title or title.__class__ is not str:
        return None
    artist = album_artist = album = artist_key = album_key = None
    thumb = get("thumb")
    if kind is _TRACK:
        album_artist = get("grandparentTitle")
        artist = get("originalTitle") or album_artist
        album = get("parentTitle")
        artist_key, album_key = grandparent, parent
        year = year or made
        thumb = thumb or get("parentThumb") or get("grandparentThumb")
    else:
        disc = index = None
        if kind is MediaKind.ALBUM:
            artist = album_artist = get("parentTitle")
            artist_key = parent
            thumb = thumb or get("parentThumb")
        elif kind is MediaKind.PLAYLIST:
            thumb = get("composite") or thumb
    rating = get("userRating")
    return Entry(
        kind, key, get("guid"), title, artist, album_artist, album, artist_key, album_key, year, length, disc,
        index, plays or 0, heard or 0, None if rating is None else real(rating), genres, thumb, added,
        changed, leaves,
    )  # fmt: skip


def following(start: int, count: int, size: int, total: int | None, *, repeated: bool = False) -> int | None:
    """Where the next part of a list begins, after one with `count` of `size` items; `None` at its end.

    Some servers do not tell the total, and some of those do not page either: they send everything every time.
    """
    after = start + count
    if not count or repeated:
        return None
    if total is not None:
        return after if after < total else None
    return after if count == size else None


def whole(value: object) -> int | None:
    """A number that came as one or as text; nothing for anything else."""
    if value is None or value.__class__ is int:
        return value  # pyright: ignore[reportReturnType]
    try:
        return int(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError, OverflowError):
        return None


def real(value: object) -> float | None:
    """As `whole`."""
    if value is None:
        return None
    try:
        number = float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
