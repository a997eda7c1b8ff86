"""What the index keeps of an artist, an album, a track or a playlist, and what a search answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sugartalkd.model import MediaKind


class NotSynced(Exception):
    """There is no index yet, or it was broken and has been dropped; a full sync makes one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the music library."""

    kind: MediaKind
    key: int
    """The server's number for it, which a rescan may change."""
    guid: str | None
    """What stays the same; several entries may share it."""
    title: str
    artist: str | None = None
    """Who performs: of a track its own artist, of an album the album's."""
    album_artist: str | None = None
    album: str | None = None
    artist_key: int | None = None
    album_key: int | None = None
    year: int | None = None
    duration_ms: int | None = None
    disc: int | None = None
    index: int | None = None
    plays: int = 0
    """How often it was played here."""
    popularity: int = 0
    """How many listen to it elsewhere."""
    rating: float | None = None
    """0…10."""
    genres: tuple[str, ...] = ()
    thumb: str | None = None
    added_at: int | None = None
    """Seconds since 1970, as `updated_at`."""
    updated_at: int | None = None
    leaf_count: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """An entry, and how well it fits: 0…1."""

    entry: Entry
    score: float


@dataclass(frozen=True, slots=True)
class Matches:
    """A part of all that fits, best first."""

    items: tuple[Match, ...] = ()
    total: int = 0
    ambiguous: bool = False
    """The second is something else and fits hardly less well than the first."""
