"""Entries of the library to what is shown and played; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sugartalkd.model import Item, MediaKind, Track
from sugartalkd.plex.artwork import artwork_id
from sugartalkd.plex.media_id import MediaId

if TYPE_CHECKING:
    from sugartalkd.library import Entry

SOURCE: Final = "plex"
SOURCE_NAME: Final = "Plex"


def seconds(milliseconds: int | None) -> int | None:
    """Whole seconds, half rounded up; a track is never shown to have none."""
    return None if not milliseconds else max(1, (milliseconds + 500) // 1000)


def item(entry: Entry, score: float | None = None) -> Item:
    return Item(
        str(MediaId(entry.kind, entry.key)),
        entry.kind.value,
        entry.title,
        None if entry.kind is MediaKind.ARTIST else entry.artist,
        entry.title if entry.kind is MediaKind.ALBUM else entry.album,
        entry.year,
        seconds(entry.duration_ms),
        entry.index if entry.kind is MediaKind.TRACK else None,
        None if score is None else round(score, 3),
        artwork_id(entry.thumb),
    )


def track(entry: Entry) -> Track:
    return Track(
        title=entry.title,
        artist=entry.artist,
        album=entry.album,
        album_artist=entry.album_artist,
        track_number=entry.index,
        year=entry.year,
        duration=seconds(entry.duration_ms),
        source=SOURCE,
        source_name=SOURCE_NAME,
        media_id=str(MediaId(MediaKind.TRACK, entry.key)),
        artwork_id=artwork_id(entry.thumb),
        guid=entry.guid or None,
    )
