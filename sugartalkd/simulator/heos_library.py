"""What a simulated HEOS system has to browse: services, a DLNA server, playlists, history, favourites."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TUNEIN: Final = 3
TIDAL: Final = 10
LOCAL_MUSIC: Final = 1024
PLAYLISTS: Final = 1025
HISTORY: Final = 1026
AUX_INPUTS: Final = 1027
FAVOURITES: Final = 1028
DLNA_SERVER: Final = 1_904_871_134
"""The sid of the one DLNA server below local music."""
BIG: Final = 1_000
"""Entries of the largest folder."""
SEARCHED_TRACKS: Final = "SEARCHED_TRACKS-"


@dataclass(slots=True)
class SimulatedItem:
    """A queue item, a station or an input; `duration_ms` 0 is endless, `url` is what `fetch` gets."""

    song: str
    album: str = ""
    artist: str = ""
    image_url: str = ""
    mid: str = "1"
    album_id: str = "1"
    duration_ms: int = 0
    url: str = ""
    sid: int = LOCAL_MUSIC
    type: str = "song"
    station: str = ""


@dataclass(slots=True)
class SimulatedFolder:
    """A container: `type` is the device's word for it; `playable` says whether it can be queued whole."""

    cid: str
    title: str
    entries: list[Entry]
    type: str = "container"
    artist: str = ""
    playable: bool = False

    def tracks(self) -> list[SimulatedItem]:
        """What is queued when it is queued whole."""
        return [one for one in self.entries if isinstance(one, SimulatedItem)]


Entry: TypeAlias = SimulatedItem | SimulatedFolder


@dataclass(frozen=True, slots=True)
class SimulatedSource:
    """A source as `get_music_sources` lists it."""

    name: str
    type: str
    sid: int
    needs_account: bool = False


@dataclass(frozen=True, slots=True)
class SimulatedCriterion:
    """One way to search a source; `type` is what it finds."""

    name: str
    scid: int
    type: str
    cid: str = ""
    playable: bool = False


def some_favourites() -> list[SimulatedItem]:
    return [_station(name, mid, TUNEIN) for name, mid in (("Radio One", "s24939"), ("Jazz & Blues", "s6814"))]


def _station(name: str, mid: str, sid: int) -> SimulatedItem:
    return SimulatedItem(f"{name} live", mid=mid, album_id="", sid=sid, type="station", station=name)


def _album(
    cid: str, title: str, artist: str, songs: Iterable[str], sid: int = LOCAL_MUSIC
) -> SimulatedFolder:
    tracks: list[Entry] = [
        SimulatedItem(
            song,
            title,
            artist,
            mid=f"{cid}${number}",
            album_id=cid,
            duration_ms=180_000 + 1000 * number,
            sid=sid,
        )
        for number, song in enumerate(songs, 1)
    ]
    return SimulatedFolder(cid, title, tracks, "album", artist, playable=True)


def _server() -> list[Entry]:
    """Its folders cannot be played, its albums can (home-assistant/core issue 150334)."""
    everything = _album("all", "Everything", "", (f"Track {number:04}" for number in range(1, BIG + 1)))
    everything.type, everything.playable = "container", False
    naima = _album("0$1&x=5%", "Giant Steps", "John Coltrane", ("Giant Steps", "Naima"))
    return [
        _album("c7", "Blue Train", "John Coltrane", ("Blue Train", "Moment's Notice", "Locomotion")),
        _album("c8", "R&B Hits", "Various", ("Moanin'", "Work Song")),
        everything,
        SimulatedFolder("a1", "John Coltrane", [naima], "artist", "John Coltrane"),
        SimulatedFolder("empty", "Nothing here", []),
    ]


def _playlist(cid: str, title: str, songs: Iterable[str]) -> SimulatedFolder:
    playlist = _album(cid, title, "", songs, PLAYLISTS)
    playlist.type = "playlist"
    return playlist


@dataclass(slots=True)
class SimulatedLibrary:
    """Everything behind the sources; `roots` by sid."""

    sources: list[SimulatedSource] = field(
        default_factory=lambda: [
            SimulatedSource("TuneIn", "music_service", TUNEIN),
            SimulatedSource("Tidal", "music_service", TIDAL, needs_account=True),
            SimulatedSource("Local Music", "heos_server", LOCAL_MUSIC),
            SimulatedSource("Playlists", "heos_service", PLAYLISTS, needs_account=True),
            SimulatedSource("History", "heos_service", HISTORY, needs_account=True),
            SimulatedSource("AUX Input", "heos_service", AUX_INPUTS),
            SimulatedSource("Favorites", "heos_service", FAVOURITES, needs_account=True),
        ]
    )
    roots: dict[int, list[Entry]] = field(
        default_factory=lambda: {
            DLNA_SERVER: _server(),
            TUNEIN: [
                SimulatedFolder("g1", "Local Radio", [_station("Radio Two", "s2", TUNEIN)]),
                _station("Radio Three", "s3", TUNEIN),
            ],
            TIDAL: [_album("tidal1", "Discovery", "Daft Punk", ("One More Time", "Aerodynamic"), TIDAL)],
            PLAYLISTS: [
                _playlist("901", "Morning", ("Wake up", "Coffee")),
                _playlist("902", "R&B = 100%", ("Slow",)),
            ],
            HISTORY: [
                SimulatedFolder("TRACKS", "Tracks", [SimulatedItem("Naima", mid="h1", sid=HISTORY)]),
                SimulatedFolder("STATIONS", "Stations", [_station("Radio Two", "s2", TUNEIN)]),
            ],
        }
    )
    criteria: dict[int, list[SimulatedCriterion]] = field(
        default_factory=lambda: {
            DLNA_SERVER: [
                SimulatedCriterion("Artist", 1, "artist"),
                SimulatedCriterion("Album", 2, "album"),
                SimulatedCriterion("Track", 3, "song", SEARCHED_TRACKS, playable=True),
            ],
            TUNEIN: [SimulatedCriterion("Station", 4, "station")],
        }
    )
    range_on_roots: bool = False
    """Whether a range is honoured at the root of every source, not only of favourites."""
    page: int = 100
    """Records in one reply at most, whatever the range says; services have 50 or 100."""

    def needs_account(self, sid: int) -> bool:
        return any(source.needs_account for source in self.sources if source.sid == sid)

    def everything(self, sid: int) -> Iterator[Entry]:
        """All entries of a source, whatever folder they are in."""
        waiting = list(self.roots.get(sid, []))
        while waiting:
            entry = waiting.pop(0)
            yield entry
            if isinstance(entry, SimulatedFolder):
                waiting += entry.entries

    def folder(self, sid: int, cid: str) -> SimulatedFolder | None:
        for entry in self.everything(sid):
            if isinstance(entry, SimulatedFolder) and entry.cid == cid:
                return entry
        if sid in self.criteria and cid.startswith(SEARCHED_TRACKS):
            found = self.search(sid, "song", cid.removeprefix(SEARCHED_TRACKS))
            return SimulatedFolder(cid, "Found", found, playable=True)
        return None

    def search(self, sid: int, wanted: str, text: str) -> list[Entry]:
        """Entries of one type that have the text in their title."""
        return [
            entry
            for entry in self.everything(sid)
            if entry.type == wanted and text.casefold() in title_of(entry).casefold()
        ]

    def station(self, mid: str) -> SimulatedItem | None:
        for sid in self.roots:
            for entry in self.everything(sid):
                if isinstance(entry, SimulatedItem) and (entry.type, entry.mid) == ("station", mid):
                    return replace(entry)
        return None


def title_of(entry: Entry) -> str:
    if isinstance(entry, SimulatedFolder):
        return entry.title
    return entry.station or entry.song
