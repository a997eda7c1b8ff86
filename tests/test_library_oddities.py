"""Odd libraries and odd phrases: decoys that are played more, signs for names, damage below an open index."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sugartalkd import names
from sugartalkd.command import Wished
from sugartalkd.library import Builder, Changes, Entry, Finder, Library, NotSynced, Reader
from sugartalkd.library.reading import opened
from sugartalkd.model import MediaKind
from tests import music

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator
    from pathlib import Path

    from sugartalkd.library import Matches

ARTIST, ALBUM, TRACK, PLAYLIST = MediaKind.ARTIST, MediaKind.ALBUM, MediaKind.TRACK, MediaKind.PLAYLIST
FIRST_KEY: Final = 1_000_000


def build(path: Path, entries: Iterable[Entry]) -> None:
    with Builder(path) as builder:
        builder.add(entries)
        builder.finish()


def mistaken() -> list[Entry]:
    """What is mistaken for other music, live, sung by others, played more than what is meant."""
    numbers = itertools.count(FIRST_KEY)
    made = list[Entry]()
    for line in music.lines("mistaken_music.txt")[1:]:
        kind, title, performer, album, year, plays = (part.strip() for part in line.split("|"))
        made.append(
            Entry(
                MediaKind(kind), next(numbers), None, title, performer or None,
                album_artist=performer or None, album=album or None, artist_key=FIRST_KEY - 1,
                year=int(year or 0) or None, plays=int(plays),
            )
        )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("library") / "library.db"
    build(path, [*music.entries(), *mistaken()])
    return path


@pytest.fixture(scope="module")
def finder(index: Path) -> Iterator[Finder]:
    connection = opened(index)
    yield Finder(Reader(connection))
    connection.close()


@asynccontextmanager
async def reading(path: Path) -> AsyncGenerator[Library]:
    library = Library(path)
    try:
        yield library
    finally:
        await library.close()


def titles(matches: Matches) -> list[str]:
    return [match.entry.title for match in matches.items]


# -- phrases -----------------------------------------------------------------------------------------


def test_decoys_do_not_win_and_what_is_not_there_is_not_guessed(finder: Finder) -> None:
    wrong = list[str]()
    for line in music.lines("mistaken_phrases.txt")[1:]:
        phrase, *wanted = (part.strip() for part in line.split("|"))
        items = finder.find(Wished(phrase)).items
        entry = items[0].entry if items else None
        found = ["-"] if entry is None else [entry.kind.value, entry.title, entry.artist or ""]
        if found[: len(wanted)] != wanted:
            wrong.append(f"{phrase!r}: {wanted} is meant, {found} is found")
    assert not wrong, "\n".join(wrong)


ODD: Final = (
    '"',
    '"a',
    "\0",
    "a\0b",
    "\ud800",
    "|:|",
    "|",
    "(",
    "a | b",
    "{nt}:a",
    "* OR a",
    "% _ %",
    "é\u0301",
    "\u202e…:…",
)


def test_marks_of_every_kind_are_folded() -> None:
    assert names.plain("Don´t") == names.plain("DON’T") == names.plain("Don't") == "dont"
    assert names.plain("\U0001d4d0bba") == "abba"
    assert names.plain("SIGUR RO\u0301S") == names.plain("Sigur Rós") == "sigur ros"
    assert names.plain("Straße ØL") == "strasse ol"


@pytest.mark.parametrize("text", ODD, ids=ascii)
def test_signs_that_mean_something_to_sqlite_mean_nothing_here(finder: Finder, text: str) -> None:
    for wished in (
        Wished(text),
        Wished("love", artist=text),
        Wished("love", album=text),
        Wished(None, genre=text),
    ):
        assert finder.find(wished) == finder.find(wished)
        assert len(finder.search(wished, 3, 0).items) <= 3


@pytest.mark.parametrize(
    "wished",
    [
        Wished(None, kind=TRACK, artist="jony mitchel"),
        Wished("blue", artist="Joni Mitchell"),
        Wished("one", year=1991),
        Wished("so what", genre="JAZZ"),
        Wished("yesterday", rating=8.0),
        Wished(None, kind=ALBUM, year=1991, genre="rock"),
        Wished("hey jude", kind=ALBUM),
    ],
    ids=str,
)
def test_a_filter_holds_for_everything_that_is_found(finder: Finder, wished: Wished) -> None:
    for matches in (finder.find(wished), finder.search(wished, 50, 0)):
        assert matches.items
        for match in matches.items:
            entry = match.entry
            assert wished.kind in {None, entry.kind}
            assert wished.year in {None, entry.year}
            assert wished.rating is None or (entry.rating or 0) >= wished.rating
            assert wished.genre is None or wished.genre.casefold() in {one.casefold() for one in entry.genres}
            assert wished.artist is None or entry.artist == "Joni Mitchell"


def test_a_filter_that_nothing_passes_finds_nothing(finder: Finder) -> None:
    for wished in (
        Wished("yesterday", year=1812),
        Wished(None, genre="polka"),
        Wished("hey jude", kind=PLAYLIST),
        Wished("yesterday", rating=10),
        Wished(None, kind=PLAYLIST, year=1991),
    ):
        assert not finder.find(wished).items, wished
        assert not finder.search(wished, 5, 0).items, wished


# -- libraries ---------------------------------------------------------------------------------------


async def test_an_artist_plays_in_order_and_with_what_others_have_of_it(tmp_path: Path) -> None:
    def track(key: int, title: str, artist: str = "Ana", artist_key: int = 1, **more: Any) -> Entry:
        return Entry(TRACK, key, None, title, artist, artist_key=artist_key, **more)

    path = tmp_path / "library.db"
    entries = [
        Entry(ARTIST, 1, None, "Ana"),
        Entry(ALBUM, 2, None, "Late", "Ana", artist_key=1, year=2000),
        track(11, "D", album_key=2, album="Late", year=2000, disc=2, index=1, plays=99),
        track(12, "C", album_key=2, album="Late", year=2000, index=10),
        track(13, "B", album_key=2, album="Late", year=2000, disc=1, index=2),
        track(14, "A", album_key=3, album="Early", year=1990, index=1),
        track(15, "Guest", "Ana feat. Bob", 9, album_artist="Various Artists", album_key=8),
        track(16, "Duet", "Bob & Ana", 7, album_artist="Bob", album_key=6),
        track(17, "Other", "Ana Banana", 5, album_artist="Ana Banana", album_key=4),
    ]
    await asyncio.to_thread(build, path, entries)
    async with reading(path) as library:
        assert [one.title for one in await library.tracks_of(ALBUM, 2)] == ["B", "C", "D"]
        played = [one.title for one in await library.tracks_of(ARTIST, 1)]
    assert played[:4] == ["A", "B", "C", "D"]
    assert sorted(played[4:]) == ["Duet", "Guest"]


async def test_damage_below_an_open_index_is_noticed_and_the_next_index_is_read(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    await asyncio.to_thread(build, path, music.entries())

    def damage() -> None:
        file = path.resolve()
        file.write_bytes(file.read_bytes()[:8192] + b"\xa5" * 200_000)

    async with reading(path) as library:
        await library.counts()
        await asyncio.to_thread(damage)

        async def ask() -> None:
            for phrase in ("abbey road", "thriller", "hey jude", "kind of blue"):
                await library.find(Wished(phrase))

        with pytest.raises(NotSynced):
            await ask()
        await asyncio.to_thread(build, path, [Entry(TRACK, 1, None, "Zebracadabra")])
        assert titles(await library.find(Wished("zebracadabra"))) == ["Zebracadabra"]


async def test_many_indexes_replace_each_other_under_constant_questions(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    await asyncio.to_thread(build, path, [Entry(TRACK, 1, None, "Zebracadabra")])
    async with reading(path) as library:
        seen = set[str]()

        async def ask() -> None:
            while True:
                seen.update(titles(await library.find(Wished("zebracadabra"))))

        def change(number: int) -> None:
            build(path, [Entry(TRACK, 1, None, f"Zebracadabra {number}")])
            with Changes(path) as changes:
                changes.put([Entry(TRACK, 2, None, f"Zebracadabra again {number}")])

        asking = asyncio.create_task(ask())
        for number in range(4):
            await asyncio.to_thread(change, number)
            found = titles(await library.find(Wished(f"zebracadabra again {number}")))
            assert found[0] == f"Zebracadabra again {number}"
        assert not asking.done()
        asking.cancel()
        assert len(seen) > 1


texts = st.text(max_size=30) | st.text(alphabet="abAB ()[]-!&|\"'.,;:/*^+÷éß\x00\x1f東", max_size=30)
entries_of_any_kind = st.builds(
    Entry, st.sampled_from(MediaKind), st.integers(1, 40), st.none() | texts, texts, st.none() | texts,
    st.none() | texts, st.none() | texts, year=st.none() | st.integers(0, 3000), plays=st.integers(0, 10**9),
    popularity=st.integers(0, 10**9), rating=st.none() | st.floats(0, 10), genres=st.tuples(texts),
)  # fmt: skip


@given(
    built=st.lists(entries_of_any_kind, max_size=8),
    put=st.lists(entries_of_any_kind, max_size=8),
    gone=st.sets(st.integers(1, 40)),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_an_entry_holds_the_index_stays_whole(
    tmp_path: Path, built: list[Entry], put: list[Entry], gone: set[int]
) -> None:
    path = tmp_path / "any.db"
    build(path, built)
    expected = {entry.key for entry in [*built, *put]} - gone
    with Changes(path) as changes:
        changes.put(put)
        changes.remove(gone)
        assert changes.keys() == expected
    connection = opened(path, writing=True)
    try:
        connection.execute("INSERT INTO names(names) VALUES('integrity-check')")
        counts = "SELECT sum(value) FROM meta WHERE name LIKE 'count_%'"
        (counted,) = connection.execute(counts).fetchone()
        assert counted == len(expected)
        for entry in put:
            found = Finder(Reader(connection)).find(Wished(entry.title))
            assert all(match.entry.key in expected for match in found.items)
    finally:
        connection.close()
