"""A music library as a Plex server keeps it, made up from a seed, and changeable while it is served."""

from __future__ import annotations

import gc
import random
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Final, TypeVar

from sugartalkd.simulator import plex_words as words
from sugartalkd.simulator.plex_core import RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")

EPOCH: Final = 1_700_000_000
"""When the first item was added, in Unix seconds."""

_LARGE: Final = 50_000
_CODECS: Final = ("mp3",) * 9 + ("flac",) * 7 + ("aac",) * 2 + ("alac", "ogg", "wav")


@dataclass(slots=True, eq=False)
class SimArtist:
    """Times in Unix seconds; `number` makes the guid, which outlives the key."""

    key: int
    number: int
    title: str
    genres: tuple[str, ...]
    updated_at: int
    plays: int = 0
    rating: float | None = None
    last_viewed: int | None = None
    albums: list[SimAlbum] = field(default_factory=list["SimAlbum"])

    @property
    def guid(self) -> str:
        return f"plex://artist/{self.number:024x}"


@dataclass(slots=True, eq=False)
class SimAlbum:
    key: int
    number: int
    artist: SimArtist
    title: str
    year: int | None
    genres: tuple[str, ...]
    subformat: str | None
    updated_at: int
    plays: int = 0
    rating: float | None = None
    last_viewed: int | None = None
    tracks: list[SimTrack] = field(default_factory=list["SimTrack"])

    @property
    def guid(self) -> str:
        return f"plex://album/{self.number:024x}"


@dataclass(slots=True, eq=False)
class SimTrack:
    """`performer` is another one than the album's artist; `rating` 0…10; `codec` names a row of `CODECS`."""

    key: int
    number: int
    album: SimAlbum
    title: str
    performer: str | None
    disc: int
    index: int
    duration_ms: int
    codec: str
    popularity: int
    updated_at: int
    plays: int = 0
    skips: int = 0
    rating: float | None = None
    last_viewed: int | None = None
    changed: int = 0
    """How often its file was replaced: part of the file's path."""

    @property
    def guid(self) -> str:
        return f"plex://track/{self.number:024x}" if self.number else f"local://{self.key}"


@dataclass(slots=True, eq=False)
class SimPlaylist:
    """`items` are pairs of an id of the place in the list and the track there."""

    key: int
    title: str
    updated_at: int
    items: list[tuple[int, SimTrack]] = field(default_factory=list[tuple[int, SimTrack]])
    smart: bool = False
    content: str | None = None


SimItem = SimArtist | SimAlbum | SimTrack


class PlexLibrary:
    """Everything in one music section, and the playlists; whoever changes items calls `touch`."""

    def __init__(self, tracks: int, *, seed: int, track_seconds: float | None) -> None:
        """`tracks` in all; the real records are there even if that makes it more."""
        self.artists: list[SimArtist] = []
        self.albums: list[SimAlbum] = []
        self.tracks: list[SimTrack] = []
        self.playlists: dict[int, SimPlaylist] = {}
        self.items: dict[int, SimItem] = {}
        self.version = 0
        """Counts the changes, so that orderings can be kept until the next one."""
        self.content_changed_at = EPOCH
        self._track_ms = None if track_seconds is None else round(track_seconds * 1000)
        self._keys = count(1000)
        self.place_ids = count(1)
        self._random = random.Random(seed)  # noqa: S311 - has to be repeatable
        self._by_name: dict[str, SimArtist] = {}
        self._add_core()
        self._invent(tracks)
        self._add_playlists()
        if tracks >= _LARGE:
            # The collector would look at all of it, again and again.
            gc.freeze()

    # Building.

    def new_key(self) -> int:
        return next(self._keys)

    def artist(self, title: str, genres: tuple[str, ...]) -> SimArtist:
        """The one of that name, made if need be."""
        found = self._by_name.get(title)
        if found is None:
            key = self.new_key()
            found = SimArtist(key, self._number(key), title, genres, EPOCH + key)
            self._by_name[title] = self.items[key] = found
            self.artists.append(found)
        return found

    def album(
        self,
        artist: SimArtist,
        title: str,
        year: int | None,
        genres: tuple[str, ...] = (),
        subformat: str | None = None,
    ) -> SimAlbum:
        key = self.new_key()
        album = SimAlbum(
            key, self._number(key), artist, title, year, genres or artist.genres, subformat, EPOCH + key
        )
        self.items[key] = album
        self.albums.append(album)
        artist.albums.append(album)
        return album

    def track(
        self, album: SimAlbum, title: str, codec: str, *, performer: str | None = None, disc: int = 1
    ) -> SimTrack:
        """A new one at the end of its disc."""
        key, rand = self.new_key(), self._random.random
        before = album.tracks[-1] if album.tracks else None
        index = before.index + 1 if before is not None and before.disc == disc else 1
        length = self._track_ms or 90_000 + int(rand() * rand() * 500_000)
        heard = rand()
        track = SimTrack(
            key,
            self._number(key),
            album,
            title,
            performer,
            disc,
            index,
            length,
            codec,
            int(heard**8 * 1_000_000),
            EPOCH + key,
            int(heard**20 * 40),
        )
        self.items[key] = track
        self.tracks.append(track)
        album.tracks.append(track)
        return track

    @staticmethod
    def _number(key: int) -> int:
        # Any number that is the same in each run and looks like those of the real ids.
        return (key * 0x9E3779B97F4A7C15F39CC060) % (1 << 92) + (0x5D07 << 76)

    def _add_core(self) -> None:
        for record in RECORDS.strip().removeprefix("# ").split("\n# "):
            head, _, body = record.partition("\n")
            artist, title, year, genres, codec, *kind = head.split(" | ")
            named = tuple(genres.split(", "))
            album = self.album(self.artist(artist, named), title, int(year), named, kind[0] if kind else None)
            for disc, tracks in enumerate(body.replace("\n", " / ").split(" // "), 1):
                for line in tracks.split(" / "):
                    name, _, performer = line.partition(" :: ")
                    self.track(album, name, codec, performer=performer or None, disc=disc)
        for track in self.tracks:
            # Known records are the well known ones.
            known = 500_000 if track.album.subformat is None else 20_000
            track.popularity += known + 1000 * len(track.title)
        for album in self.albums:
            if album.artist.title.startswith("Karaoke"):
                for track in album.tracks:
                    track.popularity = 50

    def _invent(self, tracks: int) -> None:
        rand = self._random.random
        people = self._people()
        various = self.artist("Various Artists", ("Pop",))
        while len(self.tracks) < tracks:
            name = next(people)
            artist = self.artist(name, (_pick(words.GENRES, rand()), _pick(words.GENRES, rand())))
            language = int(rand() * len(words.FOREIGN) * 2)
            for _ in range(1 + int(rand() * 4)):
                compilation = rand() < 0.08  # noqa: PLR2004 - one album in twelve
                owner = various if compilation else artist
                live = rand() < 0.06  # noqa: PLR2004
                kind = "Compilation" if compilation else "Live" if live else None
                title = self._title(language) + (" (Live)" if live else "")
                album = self.album(owner, title, 1955 + int(rand() * 70), artist.genres, kind)
                codec = _pick(_CODECS, rand())
                discs = 2 if rand() < 0.1 else 1  # noqa: PLR2004
                per_disc = 8 + int(rand() * 8)
                for number in range(discs * per_disc):
                    if len(self.tracks) >= tracks:
                        return
                    self._invent_track(album, codec, language, number // per_disc + 1, people)

    def _invent_track(
        self, album: SimAlbum, codec: str, language: int, disc: int, people: Iterator[str]
    ) -> None:
        rand = self._random.random
        performer = next(people) if album.subformat == "Compilation" else None
        title, odds = self._title(language), rand()
        if odds < 0.1:  # noqa: PLR2004 - one in ten is a version of something
            title += _pick(words.VERSIONS, rand())
        elif odds < 0.14:  # noqa: PLR2004
            title += f" (feat. {next(people)})"
        elif odds < 0.16 and performer is None:  # noqa: PLR2004
            performer = f"{album.artist.title} feat. {next(people)}"
        track = self.track(album, title, codec, performer=performer, disc=disc)
        if odds > 0.99:  # noqa: PLR2004
            track.number = 0  # what Plex could not match
        elif odds > 0.98 and performer is not None:  # noqa: PLR2004
            # The same recording on its own record and on a compilation: one guid for both.
            twin = _pick(self.tracks, rand())
            track.number, track.title = twin.number, twin.title
            track.performer = twin.performer or twin.album.artist.title

    def _title(self, language: int) -> str:
        rand = self._random.random
        if language < len(words.FOREIGN):
            phrases = words.FOREIGN[language]
            first = _pick(phrases, rand())
            return first if rand() < 0.3 else f"{first}, {_pick(phrases, rand())}"  # noqa: PLR2004
        parts = (words.THINGS, words.QUALITIES, words.THINGS, words.ACTS)
        picked = [_pick(part, rand()).title() for part in parts]
        return _pick(words.SENTENCES, rand()).format(*picked)

    def _people(self) -> Iterator[str]:
        rand = self._random.random
        while True:
            if rand() < 0.5:  # noqa: PLR2004
                last = _pick(words.LAST_NAMES, rand())
                if rand() < 0.4:  # noqa: PLR2004
                    last = f"{_pick(words.LAST_NAMES, rand())} {last}"
                yield f"{_pick(words.FIRST_NAMES, rand())} {last}"
            else:
                picked = [
                    _pick(part, rand()).title() for part in (words.THINGS, words.QUALITIES, words.THINGS)
                ]
                yield _pick(words.BANDS, rand()).format(*picked)

    def _add_playlists(self) -> None:
        rand = self._random.random
        by_title = {track.title: track for track in reversed(self.tracks)}
        dinner = ("Something", "So What", "Jóga", "River", "Das Model", "Here Comes the Sun")
        self.add_playlist("Dinner", [by_title[title] for title in dinner])
        for title, size in (("Sunday Morning", 12), ("Für die Küche", 25), ("Everything Else", 40)):
            self.add_playlist(title, [_pick(self.tracks, rand()) for _ in range(size)])
        smart = self.add_playlist(
            "All-Time Favourites", sorted(self.tracks, key=lambda one: -one.popularity)[:50]
        )
        smart.smart = True
        smart.content = "library://x/directory/%2Flibrary%2Fsections%2F3%2Fall%3Ftype%3D10"

    # Changing it later.

    def add_playlist(self, title: str, tracks: list[SimTrack]) -> SimPlaylist:
        key = self.new_key()
        playlist = SimPlaylist(key, title, EPOCH + key)
        playlist.items = [(next(self.place_ids), track) for track in tracks]
        self.playlists[key] = playlist
        return playlist

    def of_kind(self, number: int) -> Sequence[SimItem]:
        """All artists (8), albums (9) or tracks (10), the oldest first."""
        kinds: dict[int, Sequence[SimItem]] = {8: self.artists, 9: self.albums, 10: self.tracks}
        return kinds[number]

    def touch(self, item: SimItem | SimPlaylist, at: int) -> None:
        """This item is different since then."""
        item.updated_at = at
        self.changed(at)

    def changed(self, at: int) -> None:
        self.version += 1
        self.content_changed_at = at

    def forget(self, track: SimTrack) -> list[SimItem]:
        """Take the track out, with an album or artist that is empty without it; all that went."""
        gone: list[SimItem] = [track]
        album, artist = track.album, track.album.artist
        self.tracks.remove(track)
        album.tracks.remove(track)
        for playlist in self.playlists.values():
            playlist.items = [place for place in playlist.items if place[1] is not track]
        if not album.tracks:
            gone.append(album)
            self.albums.remove(album)
            artist.albums.remove(album)
            if not artist.albums:
                gone.append(artist)
                self.artists.remove(artist)
                self._by_name.pop(artist.title, None)
        for item in gone:
            del self.items[item.key]
        return gone

    def rekey(self, item: SimItem) -> int:
        """Give the same thing a new key, as a re-scan can; the one it had."""
        old = item.key
        del self.items[old]
        item.key = self.new_key()
        self.items[item.key] = item
        return old


def _pick(choices: Sequence[T], chance: float) -> T:
    return choices[int(chance * len(choices))]
