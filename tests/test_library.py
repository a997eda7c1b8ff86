"""The library's index: built beside the one in use, changed while read, dropped when broken."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sugartalkd.command import Wished
from sugartalkd.library import Builder, Changes, Entry, Library, NotSynced
from sugartalkd.model import MediaKind
from tests import music

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path


def build(path: Path, entries: Iterable[Entry]) -> None:
    with Builder(path) as builder:
        builder.add(entries)
        builder.meta("cursor", "17")
        builder.finish()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.db"


@pytest.fixture
async def library(path: Path) -> AsyncIterator[Library]:
    opened = Library(path)
    yield opened
    await opened.close()


def files(path: Path) -> set[str]:
    return {one.name for one in path.parent.iterdir() if not one.name.endswith(("-wal", "-shm"))}


def damage_it(path: Path, damage: str) -> None:
    content = path.read_bytes()
    match damage:
        case "garbage":
            path.write_bytes(b"no database at all" * 1000)
        case "cut":
            path.write_bytes(content[:5000])
        case "empty":
            path.write_bytes(b"")
        case _:
            path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))


async def look_for(library: Library, *phrases: str) -> None:
    for phrase in phrases:
        await library.find(Wished(phrase))


def named(title: str, artist: str | None = None) -> Entry:
    return next(one for one in music.entries() if one.title == title and artist in {None, one.artist})


async def first(library: Library, phrase: str) -> Entry | None:
    items = (await library.find(Wished(phrase))).items
    return items[0].entry if items else None


async def test_without_an_index_it_says_so(library: Library) -> None:
    with pytest.raises(NotSynced):
        await library.find(Wished("hello"))
    with pytest.raises(NotSynced):
        await library.counts()


async def test_an_entry_comes_back_as_it_was(library: Library, path: Path) -> None:
    entries = music.entries()
    build(path, entries)
    for entry in entries[::20]:
        assert await library.entry(entry.kind, entry.key) == entry
    assert await library.entry(MediaKind.ALBUM, entries[0].key) is None
    assert await library.meta("cursor") == "17"
    assert await library.meta("nothing") is None
    counts = await library.counts()
    assert {kind: sum(one.kind is kind for one in entries) for kind in MediaKind} == counts


async def test_it_is_used_while_a_new_one_is_built_and_then_replaced(library: Library, path: Path) -> None:
    build(path, [named("Hello", "Adele")])
    assert await first(library, "hello") is not None
    with Builder(path) as builder:
        builder.add([named("Yesterday")])
        assert await first(library, "hello") is not None
        with Changes(path) as changes:  # into the one in use
            changes.put([named("Thunderstruck")])
        assert await first(library, "thunderstruck") is not None
        builder.finish()
    assert await first(library, "hello") is None
    assert await first(library, "yesterday") is not None
    assert len(files(path)) == 2  # the file and the link to it


async def test_one_left_unfinished_vanishes(library: Library, path: Path) -> None:
    with Builder(path) as builder:
        builder.add(music.entries())
    assert files(path) == set()
    with pytest.raises(NotSynced):
        await library.counts()


async def test_an_entry_twice_counts_once(library: Library, path: Path) -> None:
    entry = named("Hello", "Adele")
    build(path, [replace(entry, plays=0), entry, *music.entries()[:10]])
    assert (await library.counts())[MediaKind.TRACK] == 1 + sum(
        one.kind is MediaKind.TRACK for one in music.entries()[:10]
    )
    assert await library.entry(MediaKind.TRACK, entry.key) == entry


async def test_changes_are_found_at_once_and_what_went_is_not(library: Library, path: Path) -> None:
    build(path, music.entries())
    before = await library.counts()
    new = Entry(MediaKind.TRACK, 90_001, "plex://track/new", "Zweiundzwanzig Kröten", "Ñandú", year=2024)
    hello = named("Hello", "Adele")
    with Changes(path) as changes:
        changes.put([new])
        assert changes.keys() == {one.key for one in music.entries()} | {90_001}
        assert (await first(library, "zweiundzwanzig kroten")) == new
        assert (await first(library, "zwaiundzwanzik kröten")) == new
        changes.put([replace(hello, title="Howdy Stranger")])
        assert await first(library, "howdy stranger") == replace(hello, title="Howdy Stranger")
        changes.remove([90_001, 123_456_789])
        changes.meta("cursor", "18")
    assert await first(library, "zweiundzwanzig kröten") is None
    assert all(one.entry.key != hello.key for one in (await library.find(Wished("hello"))).items)
    assert await library.counts() == before
    assert await library.meta("cursor") == "18"


async def test_a_key_that_changed_is_found_by_guid(library: Library, path: Path) -> None:
    build(path, music.entries())
    entry = named("Thunderstruck")
    with Changes(path) as changes:
        changes.remove([entry.key])
        changes.put([replace(entry, key=70_007)])
    assert entry.guid is not None
    found = await library.by_guid(entry.guid)
    assert found == replace(entry, key=70_007)
    assert await library.by_guid("plex://track/unknown") is None


async def test_what_is_in_what(library: Library, path: Path) -> None:
    build(path, music.entries())
    beatles, abbey_road = named("The Beatles"), named("Abbey Road (Remastered)")
    albums, total = await library.children(MediaKind.ARTIST, beatles.key, 3, 1)
    assert total == 7
    assert [album.year for album in albums] == [1967, 1968, 1969]
    tracks = await library.tracks_of(MediaKind.ALBUM, abbey_road.key)
    assert [track.index for track in tracks] == list(range(1, 8))
    page, total = await library.children(MediaKind.ALBUM, abbey_road.key, 2, 5)
    assert ([track.title for track in page], total) == (["Golden Slumbers", "The End"], 7)
    michael = await library.tracks_of(MediaKind.ARTIST, named("Michael Jackson").key)
    assert [track.album for track in michael] == (
        ["Thriller"] * 4 + ["Bad"] * 3 + ["Now That’s What I Call Music! 50"]  # what others' albums have
    )
    artists, total = await library.artists(2, 0)
    assert total == (await library.counts())[MediaKind.ARTIST]
    assert [artist.title for artist in artists] == ["a-ha", "ABBA"]


async def test_pages_of_a_search_join_without_gap_or_double(library: Library, path: Path) -> None:
    build(path, music.entries())
    for phrase in ("love", "be", "the", "queen", "beatles", "ing"):
        whole = await library.search(Wished(phrase), 1000, 0)
        keys = [one.entry.key for one in whole.items]
        assert len(keys) == len(set(keys)) == whole.total > 0
        paged: list[int] = []
        for offset in range(0, whole.total, 7):
            page = await library.search(Wished(phrase), 7, offset)
            assert page.total == whole.total
            paged += [one.entry.key for one in page.items]
        assert paged == keys
    assert (await library.search(Wished("thriller"), 1, 0)).items[0].entry.title == "Thriller"
    assert "Bridge Over Troubled Water" in {
        one.entry.title for one in (await library.search(Wished("ridge"), 20, 0)).items
    }


@pytest.mark.parametrize("damage", ["garbage", "cut", "empty", "middle"])
async def test_a_broken_index_is_dropped_and_another_can_be_built(
    library: Library, path: Path, damage: str
) -> None:
    build(path, music.entries())
    damage_it(path, damage)
    with pytest.raises(NotSynced):
        await look_for(library, "hello", "bohemian rapsody", "abbey road by the beatles")
    with pytest.raises(NotSynced):
        Changes(path)
    build(path, music.entries())
    assert await first(library, "hello") is not None


async def test_a_file_of_an_older_form_is_dropped(library: Library, path: Path) -> None:
    await asyncio.to_thread(path.write_bytes, b"what an older daemon left")
    with pytest.raises(NotSynced):
        await library.counts()
    assert files(path) == set()


async def test_it_is_read_while_it_is_changed(library: Library, path: Path) -> None:
    build(path, music.entries())

    def change() -> None:
        with Changes(path) as changes:
            for number in range(20):
                changes.put(
                    [
                        Entry(
                            MediaKind.TRACK, 50_000 + 50 * number + place, None, f"Song {place}", "Somebody"
                        )
                        for place in range(50)
                    ]
                )

    changing = asyncio.create_task(asyncio.to_thread(change))
    while not changing.done():
        assert await first(library, "bohemian rapsody") is not None
    await changing
    assert (await library.search(Wished("song somebody"), 1, 0)).total >= 1000
