"""The music library's index: built, changed and replaced while it is read, whatever stands in its entries."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sugartalkd.command import Wished
from sugartalkd.library import Builder, Changes, Entry, Library, NotSynced
from sugartalkd.library.reading import opened
from sugartalkd.model import MediaKind
from tests import music

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable
    from pathlib import Path

    from sugartalkd.library import Matches

ARTIST, ALBUM, TRACK, PLAYLIST = MediaKind.ARTIST, MediaKind.ALBUM, MediaKind.TRACK, MediaKind.PLAYLIST
NOW: Final = Entry(
    TRACK, 900_001, "plex://track/now", "Zebracadabra", "Quixotica", album="Vimto", artist_key=900_000,
    album_key=900_002, year=2024, duration_ms=181_000, disc=2, index=7, plays=3, popularity=12, rating=7.5,
    genres=("Hip-Hop", "Soul"), thumb="/library/metadata/900001/thumb/1", added_at=1, updated_at=2, leaf_count=None,
)  # fmt: skip


def build(path: Path, entries: Iterable[Entry], **meta: str) -> None:
    with Builder(path) as builder:
        builder.add(entries)
        for name, value in meta.items():
            builder.meta(name, value)
        builder.finish()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index that no test changes."""
    path = tmp_path_factory.mktemp("library") / "library.db"
    build(path, music.entries())
    return path


@asynccontextmanager
async def reading(path: Path) -> AsyncGenerator[Library]:
    library = Library(path)
    try:
        yield library
    finally:
        await library.close()


def titles(matches: Matches) -> list[str]:
    return [match.entry.title for match in matches.items]


# -- built and replaced ------------------------------------------------------------------------------


async def test_without_an_index_everything_says_so(tmp_path: Path) -> None:
    async with reading(tmp_path / "library.db") as library:
        for call in (library.find(Wished("x")), library.search(Wished("x"), 5, 0), library.counts()):
            with pytest.raises(NotSynced):
                await call
    with pytest.raises(NotSynced):
        Changes(tmp_path / "library.db")


async def test_an_entry_comes_back_as_it_was_and_its_neighbours_with_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "library.db"
    build(path, [NOW], section="4", cursor="17")
    async with reading(path) as library:
        assert await library.entry(TRACK, NOW.key) == NOW
        assert await library.entry(ALBUM, NOW.key) is None
        assert await library.by_guid("plex://track/now") == NOW
        assert await library.by_guid("plex://track/") is None
        assert await library.meta("cursor") == "17"
        assert await library.meta("nothing") is None
        assert await library.counts() == {PLAYLIST: 0, ARTIST: 0, ALBUM: 0, TRACK: 1}


async def test_a_build_that_was_not_finished_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    build(path, [NOW])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RuntimeError, match="page"), Builder(path) as builder:  # noqa: PT012
        builder.add([replace(NOW, title="Half")])
        raise RuntimeError("page")
    assert sorted(tmp_path.iterdir()) == before
    async with reading(path) as library:
        assert titles(await library.find(Wished("zebracadabra"))) == ["Zebracadabra"]


async def test_an_index_is_replaced_and_changed_under_those_who_read(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    build(path, [NOW])
    async with reading(path) as library:
        stop = asyncio.Event()

        async def ask() -> set[str]:
            seen = set[str]()
            while not stop.is_set():
                seen.update(titles(await library.find(Wished("zebracadabra"))))
            return seen

        asking = asyncio.create_task(ask())
        for number in range(4):
            await asyncio.to_thread(build, path, [replace(NOW, title=f"Zebracadabra {number}")])
            changes = Changes(path)
            changes.put([replace(NOW, key=5, guid=None, title=f"Zebracadabra again {number}")])
            changes.close()
            found = titles(await library.find(Wished(f"zebracadabra again {number}")))
            assert found[0] == f"Zebracadabra again {number}"
        stop.set()
        assert len(await asking) > 1
    databases = {one.name for one in tmp_path.iterdir() if not one.name.endswith(("-wal", "-shm"))}
    assert len(databases) == 2, databases  # the link and what it points at


@pytest.mark.parametrize("damage", ["empty", "text", "middle", "cut", "other version"])
async def test_a_broken_index_is_dropped_and_the_next_one_is_read(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "library.db"
    build(path, music.entries())
    file = path.resolve()
    whole = file.read_bytes()
    async with reading(path) as library:
        match damage:
            case "empty":
                file.write_bytes(b"")
            case "text":
                file.write_bytes(b"not a database, but long enough to look like one " * 100)
            case "middle":
                file.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
            case "cut":
                file.write_bytes(whole[: len(whole) // 3])
            case _:
                with sqlite3.connect(file) as other:
                    other.execute("PRAGMA user_version=99")
                other.close()
        with pytest.raises(NotSynced):
            await library.find(Wished("abbey road"))
        build(path, [NOW])
        assert titles(await library.find(Wished("zebracadabra"))) == ["Zebracadabra"]


async def test_damage_below_an_open_index_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    build(path, music.entries())
    async with reading(path) as library:
        await library.counts()
        file = path.resolve()
        file.write_bytes(file.read_bytes()[:8192] + b"\xa5" * 200_000)
        with pytest.raises(NotSynced):
            for phrase in ("abbey road", "thriller", "hey jude", "kind of blue"):
                await library.find(Wished(phrase))
        build(path, [NOW])
        assert titles(await library.find(Wished("zebracadabra"))) == ["Zebracadabra"]


async def test_what_moved_between_two_pages_is_there_once(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    build(path, [NOW, replace(NOW, plays=900), NOW])
    async with reading(path) as library:
        assert (await library.counts())[TRACK] == 1
        assert (await library.search(Wished("zebracadabra"), 10, 0)).total == 1
        assert (await library.entry(TRACK, NOW.key)) == replace(NOW, plays=900)


# -- changed -----------------------------------------------------------------------------------------


async def test_changes_are_found_by_every_way_and_what_is_gone_by_none(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    build(path, music.entries())
    async with reading(path) as library:
        before = await library.counts()
        with Changes(path) as changes:
            assert NOW.key not in changes.keys()
            changes.put([NOW])
            changes.put([replace(NOW, title="Yellow Quagmire", guid="plex://track/then", plays=40)])
            changes.meta("cursor", "18")
            assert NOW.key in changes.keys()
        for phrase in (
            "yellow quagmire",
            "yelow quagmyre",
            "quixotica",
            "play yellow quagmire by quicksotica",
        ):
            assert "Yellow Quagmire" in titles(await library.find(Wished(phrase))), phrase
        assert "Zebracadabra" not in titles(await library.search(Wished("zebracadabra"), 10, 0))
        assert await library.by_guid("plex://track/now") is None
        assert await library.meta("cursor") == "18"
        assert (await library.counts())[TRACK] == before[TRACK] + 1
        with Changes(path) as changes:
            changes.remove([NOW.key, NOW.key, 123_456_789])
        assert await library.counts() == before
        assert titles(await library.find(Wished("yellow quagmire"))) != ["Yellow Quagmire"]
        assert await library.entry(TRACK, NOW.key) is None


names = st.text(max_size=30) | st.text(alphabet="abAB ()[]-–!&|\"'’.,;:/*^+÷éß\x00\x1f東", max_size=30)
entries = st.builds(
    Entry, st.sampled_from(MediaKind), st.integers(1, 40), st.none() | names, names, st.none() | names,
    st.none() | names, st.none() | names, year=st.none() | st.integers(0, 3000), plays=st.integers(0, 10**9),
    popularity=st.integers(0, 10**9), rating=st.none() | st.floats(0, 10), genres=st.tuples(names) | st.just(()),
)  # fmt: skip


@given(
    built=st.lists(entries, max_size=8), put=st.lists(entries, max_size=8), gone=st.sets(st.integers(1, 40))
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
        (rows,) = connection.execute(
            "SELECT count(*) FROM exact WHERE id NOT IN (SELECT id FROM entry)"
        ).fetchone()
        assert rows == 0
        kept = connection.execute("SELECT sum(value) FROM meta WHERE name LIKE 'count_%'").fetchone()[0]
        assert kept == len(expected)
    finally:
        connection.close()


# -- read --------------------------------------------------------------------------------------------


async def test_tracks_come_in_playing_order(tmp_path: Path) -> None:
    path = tmp_path / "library.db"

    def track(key: int, title: str, **more: object) -> Entry:
        return replace(Entry(TRACK, key, None, title, "Ana", album_artist="Ana", artist_key=1), **more)  # type: ignore[arg-type]

    build(
        path,
        [
            Entry(ARTIST, 1, None, "Ana"),
            Entry(ALBUM, 2, None, "Late", "Ana", artist_key=1, year=2000),
            Entry(ALBUM, 3, None, "Early", "Ana", artist_key=1, year=1990),
            track(11, "D", album_key=2, album="Late", year=2000, disc=2, index=1, plays=99),
            track(12, "C", album_key=2, album="Late", year=2000, index=10),
            track(13, "B", album_key=2, album="Late", year=2000, disc=1, index=2),
            track(14, "A", album_key=3, album="Early", year=1990, index=1),
            track(
                15,
                "Elsewhere",
                artist="Ana feat. Bob",
                album_artist="Various Artists",
                artist_key=9,
                album_key=8,
                album="Hits",
            ),
            track(
                16,
                "Together",
                artist="Bob & Ana",
                album_artist="Bob",
                artist_key=7,
                album_key=6,
                album="Bobs",
            ),
            track(
                17,
                "Other",
                artist="Ana Banana",
                album_artist="Ana Banana",
                artist_key=5,
                album_key=4,
                album="No",
            ),
        ],
    )
    async with reading(path) as library:
        assert [one.title for one in await library.tracks_of(ALBUM, 2)] == ["B", "C", "D"]
        of_artist = [one.title for one in await library.tracks_of(ARTIST, 1)]
        assert of_artist[:4] == ["A", "B", "C", "D"]
        assert set(of_artist[4:]) == {"Elsewhere", "Together"}
        assert [one.title for one in (await library.children(ARTIST, 1, 10, 0))[0]] == ["Early", "Late"]
        page, total = await library.children(ALBUM, 2, 1, 1)
        assert ([one.title for one in page], total) == (["C"], 3)
        assert [one.title for one in await library.tracks_of(TRACK, 11)] == ["D"]
        assert await library.tracks_of(ALBUM, 777) == ()


@pytest.mark.parametrize(
    "wished",
    [
        Wished("love"), Wished("the"), Wished("b"), Wished("queen"), Wished(None), Wished(None, kind=ALBUM),
        Wished(None, genre="rock"), Wished("live", kind=TRACK), Wished("hey jude"), Wished(None, artist="The Beatles"),
        Wished("", year=1991), Wished("o", genre="pop", year=1991),
    ],
    ids=str,
)  # fmt: skip
async def test_pages_of_a_search_are_complete_and_never_repeat(index: Path, wished: Wished) -> None:
    async with reading(index) as library:
        total = (await library.search(wished, 1, 0)).total
        seen = list[int]()
        while len(seen) < total:
            page = await library.search(wished, 7, len(seen))
            assert page.total == total
            assert page.items, f"{len(seen)} of {total}"
            seen += [match.entry.key for match in page.items]
        assert len(set(seen)) == len(seen) == total
        assert total
        assert not (await library.search(wished, 7, total)).items


@pytest.mark.parametrize(
    ("wished", "fits"),
    [
        (Wished(None, artist="joni mitchell"), lambda e: e.artist == "Joni Mitchell" or e.title == "Joni Mitchell"),
        (Wished(None, kind=TRACK, artist="jony mitchel"), lambda e: e.artist == "Joni Mitchell"),
        (Wished("blue", artist="Joni Mitchell"), lambda e: e.artist == "Joni Mitchell"),
        (Wished("blue", kind=TRACK, album="Blue"), lambda e: e.kind is TRACK and "Blue" in e.album),
        (Wished(None, kind=ALBUM, year=1991), lambda e: e.kind is ALBUM and e.year == 1991),
        (Wished("one", year=1991), lambda e: e.year == 1991),
        (Wished(None, genre="jazz"), lambda e: e.genres == ("Jazz",)),
        (Wished("so what", genre="JAZZ"), lambda e: e.genres == ("Jazz",)),
        (Wished(None, rating=8), lambda e: e.rating >= 8),
        (Wished("yesterday", rating=8.0), lambda e: e.rating >= 8),
        (Wished("hey jude", kind=ALBUM), lambda e: e.kind is ALBUM),
    ],
    ids=str,
)  # fmt: skip
async def test_filters_hold_for_all_that_is_found(index: Path, wished: Wished, fits: object) -> None:
    assert callable(fits)
    async with reading(index) as library:
        for matches in (await library.find(wished), await library.search(wished, 50, 0)):
            assert matches.items
            assert [match.entry for match in matches.items if not fits(match.entry)] == []


async def test_a_filter_that_nothing_passes_finds_nothing(index: Path) -> None:
    async with reading(index) as library:
        for wished in (
            Wished("yesterday", year=1812),
            Wished(None, genre="polka"),
            Wished("hey jude", kind=PLAYLIST),
            Wished("yesterday", rating=10),
            Wished(None, kind=PLAYLIST, year=1991),
        ):
            assert await library.find(wished) == await library.search(wished, 5, 0), wished
            assert not (await library.find(wished)).items, wished


@given(
    phrase=st.text(st.characters(), max_size=80) | names | st.lists(st.sampled_from(
        "play the by from in of album song live 2 two AND OR NOT NEAR * \" ( ) queen love year 1984 please kitchen".split()
    ), max_size=9).map(" ".join),
    kind=st.none() | st.sampled_from(MediaKind), artist=st.none() | names, genre=st.none() | names,
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_any_text_finds_something_or_nothing_and_always_the_same(
    index: Path, phrase: str, kind: MediaKind | None, artist: str | None, genre: str | None
) -> None:
    library = Library(index)
    wished = Wished(phrase, kind, artist, genre=genre)

    async def ask() -> tuple[Matches, Matches, Matches]:
        try:
            return await library.find(wished), await library.find(wished), await library.search(wished, 5, 3)
        finally:
            await library.close()

    first, again, page = asyncio.run(ask())
    assert first == again
    assert all(0 <= match.score <= 1 for match in (*first.items, *page.items))
