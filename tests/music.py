"""A small music library of real names that are easily mistaken, and phrases with what they mean in it."""

from __future__ import annotations

import itertools
import zlib
from pathlib import Path
from typing import Final

from sugartalkd.library import Entry
from sugartalkd.model import MediaKind

DATA: Final = Path(__file__).parent / "data"
PLAYLISTS: Final = ("Morning Coffee", "Sunday Morning", "Road Trip", "Café del Mar", "Party 2024", "Jazz")
PLAYED: Final = {"The Beatles": 90, "Queen": 80, "Adele": 40, "U2": 30, "Pink Floyd": 50, "Nirvana": 30}


def entries() -> list[Entry]:
    """All of it; the same every time."""
    numbers, made = itertools.count(1), list[Entry]()
    artists: dict[str, int] = {}
    for line in lines("music.txt"):
        owner, album, year, tracks = (part.strip() for part in line.split("|"))
        plays = PLAYED.get(owner, 5)
        if owner not in artists:
            artists[owner] = next(numbers)
            made.append(Entry(MediaKind.ARTIST, artists[owner], f"plex://artist/{owner}", owner, plays=plays))
        album_key = next(numbers)
        made.append(
            Entry(
                MediaKind.ALBUM, album_key, f"plex://album/{owner}/{album}", album, owner,
                artist_key=artists[owner], year=int(year), plays=plays, genres=(genre(owner),),
            )
        )  # fmt: skip
        for index, text in enumerate(tracks.split("; "), 1):
            title, _, performer = (part.strip() for part in text.partition(" @ "))
            made.append(
                Entry(
                    MediaKind.TRACK, next(numbers), f"plex://track/{owner}/{title}", title,
                    performer or owner, album_artist=owner, album=album, artist_key=artists[owner],
                    album_key=album_key, year=int(year), disc=1, index=index, plays=plays,
                    rating=8.0 if plays > 5 else None,
                    popularity=zlib.crc32(title.encode()) % 1000, duration_ms=200_000, genres=(genre(owner),),
                )
            )  # fmt: skip
    made += [Entry(MediaKind.PLAYLIST, next(numbers), None, name, leaf_count=10) for name in PLAYLISTS]
    return made


def genre(artist: str) -> str:
    return "Jazz" if artist == "Miles Davis" else "Rock" if artist in PLAYED else "Pop"


def phrases() -> list[tuple[str, ...]]:
    """Phrase, kind, title, perhaps artist and album."""
    return [tuple(part.strip() for part in line.split("|")) for line in lines("phrases.txt")]


def lines(name: str) -> list[str]:
    return (DATA / name).read_text(encoding="utf-8").splitlines()
