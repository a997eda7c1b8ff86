"""The ways in which a Plex client names several tracks at once, and stations."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote

from sugartalkd.simulator import plex_filters as filters
from sugartalkd.simulator.plex_library import SimAlbum, SimArtist, SimTrack

if TYPE_CHECKING:
    from sugartalkd.simulator.plex_library import PlexLibrary, SimItem

STATION_SIZE: Final = 60
"""Tracks that a station plays."""

_TRACKS: Final = 10


def tracks_of(item: SimItem) -> list[SimTrack]:
    match item:
        case SimTrack():
            return [item]
        case SimAlbum():
            return list(item.tracks)
        case SimArtist():
            return [track for album in item.albums for track in album.tracks]


def resolve(library: PlexLibrary, uri: str) -> tuple[list[SimTrack], int]:
    """The tracks that a `uri=` means, and how many items it asked for; unknown ones are left out."""
    path = unquote(unquote(uri))
    if (station := re.search(r"/library/(?:metadata|sections)/(\d+)/station", path)) is not None:
        found = similar(library, int(station[1]), STATION_SIZE)
        return found, len(found)
    if (playlist := re.search(r"/playlists/(\d+)", path)) is not None:
        kept = library.playlists.get(int(playlist[1]))
        found = [] if kept is None else [track for _, track in kept.items]
        return found, len(found)
    if (listing := re.search(r"/library/sections/\d+/all\?(.*)", path)) is not None:
        query = parse_qsl(listing[1], keep_blank_values=True)
        found = [one for one in filters.chosen(library.tracks, _TRACKS, query) if isinstance(one, SimTrack)]
        found = found[: int(dict(query).get("limit", len(found)))]
        return found, len(found)
    keys = re.search(r"/library/metadata/([\d,]+)", path)
    asked = [int(key) for key in keys[1].split(",") if key] if keys is not None else []
    items = [item for key in asked if (item := library.items.get(key)) is not None]
    return [track for item in items for track in tracks_of(item)], len(asked)


def similar(library: PlexLibrary, key: int, limit: int) -> list[SimTrack]:
    """Tracks that go with this one, always the same: of its genres first."""
    item = library.items.get(key)
    chance = random.Random(key)  # noqa: S311 - has to be repeatable
    some = chance.sample(library.tracks, min(len(library.tracks), 20 * limit))
    genres: set[str] = set()
    if item is not None:
        own = tracks_of(item)
        genres = {genre for track in own[:1] for genre in track.album.genres}
        some = [track for track in some if track is not item]
    some.sort(key=lambda track: genres.isdisjoint(track.album.genres))
    return some[:limit]
