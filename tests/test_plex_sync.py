"""The library read as a whole, by a process of its own, whatever the server makes of it."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sugartalkd.errors import PlexUnauthorized
from sugartalkd.library import Changes, Library, NotSynced
from sugartalkd.model import MediaKind
from sugartalkd.plex import entries
from sugartalkd.plex.reading import read_library
from sugartalkd.plex.sync import Job, line_for
from sugartalkd.simulator.plex import TOKEN, PlexSimulator

if TYPE_CHECKING:
    from sugartalkd.model import Object


def job_for(plex: PlexSimulator, folder: Path, *, compare: bool = False) -> Job:
    return Job(
        origin=plex.url,
        headers={"X-Plex-Token": TOKEN},
        section=plex.section_key,
        section_uuid=plex.section_uuid,
        machine_id=plex.machine_id,
        file=str(folder / "library" / "music.sqlite"),
        compare=compare,
    )


def ignore(_name: str, _content: Object) -> None:
    """Nobody wants to know how far it has come."""


def keys_in(job: Job) -> set[int]:
    with Changes(Path(job.file)) as changes:
        return changes.keys()


def keys_of(plex: PlexSimulator) -> set[int]:
    return {*plex.library.items, *plex.library.playlists}


async def test_the_library_is_complete_whatever_breaks_on_the_way(address: str, tmp_path: Path) -> None:
    """Cut pages, pages of neither XML nor JSON, HTML, 503 and missing totals, with 2,000 tracks."""
    events: list[tuple[str, Object]] = []
    faults_shown: set[str] = set()
    async with PlexSimulator(2000, host=address) as plex:
        job = job_for(plex, tmp_path)
        plex.faults.no_total = True

        async def disturb() -> None:
            for fault in itertools.cycle(("cut_pages", "malformed", "html", "unavailable")):
                for broken in (True, False):
                    setattr(plex.faults, fault, broken)
                    asked = len(plex.ledger)
                    while len(plex.ledger) == asked:  # noqa: ASYNC110  # the simulator has no events
                        await asyncio.sleep(0.001)
                    faults_shown.add(fault)

        disturbing = asyncio.create_task(disturb(), name="disturbing")
        try:
            counts = await read_library(job, lambda name, content: events.append((name, content)))
        finally:
            disturbing.cancel()
            await asyncio.gather(disturbing, return_exceptions=True)
        assert keys_in(job) == keys_of(plex)
        library = Library(Path(job.file))
        try:
            indexed = await library.counts()
            assert {f"{kind.value}s": count for kind, count in indexed.items()} == counts
            assert indexed[MediaKind.TRACK] == len(plex.library.tracks)
            track = plex.library.tracks[-1]
            entry = await library.entry(MediaKind.TRACK, track.key)
            assert entry is not None
            assert (entry.title, entry.guid, entry.duration_ms) == (
                track.title, track.guid, track.duration_ms,
            )  # fmt: skip
        finally:
            await library.close()
        assert len(faults_shown) == 4
    assert {"artists", "albums", "tracks"} <= {str(content["kind"]) for _, content in events}
    assert {name for name, _ in events} == {"library_progress"}


async def test_a_comparison_finds_what_went_and_what_came(address: str, tmp_path: Path) -> None:
    async with PlexSimulator(300, host=address) as plex:
        await read_library(job_for(plex, tmp_path), ignore)
        for track in plex.library.tracks[10:40]:
            plex.library.forget(track)
        for track in plex.library.tracks[-5:]:
            plex.library.rekey(track)
        job = job_for(plex, tmp_path, compare=True)
        assert keys_in(job) != keys_of(plex)
        await read_library(job, ignore)
        assert keys_in(job) == keys_of(plex)


async def test_a_refused_token_ends_it_and_leaves_no_index(address: str, tmp_path: Path) -> None:
    async with PlexSimulator(host=address) as plex:
        plex.faults.unauthorized = True
        job = job_for(plex, tmp_path)
        with pytest.raises(PlexUnauthorized) as caught:
            await read_library(job, ignore)
        assert TOKEN not in str(caught.value)
        with pytest.raises(NotSynced):
            Changes(Path(job.file))
        assert not list(Path(job.file).parent.glob("*"))


async def test_the_process_shows_no_token_and_ends_with_its_parent(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUGARTALK_PLEX__TOKEN", TOKEN)
    async with PlexSimulator(host=address) as plex:
        plex.faults.slow = 30.0
        reading = asyncio.create_task(read_library(job_for(plex, tmp_path), ignore), name="reading")
        async with asyncio.timeout(8):
            while not plex.ledger:  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.02)
        shown = ""
        for one in Path("/proc").glob("[0-9]*"):  # noqa: ASYNC240  # no disk
            try:
                line = (one / "cmdline").read_bytes()
                if b"sugartalkd.plex.sync" in line:
                    shown += line.decode() + (one / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
        assert "sugartalkd.plex.sync" in shown
        assert TOKEN not in shown
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

        # Killed outright, a daemon cannot end its children: they see it at their stdin.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sugartalkd.plex.sync", stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL, env=dict(os.environ),
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(line_for(job_for(plex, tmp_path)))
        await process.stdin.drain()
        asked = len(plex.ledger)
        async with asyncio.timeout(8):
            while len(plex.ledger) == asked:  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.02)
            process.stdin.close()
            assert await process.wait() == 3


def test_items_without_what_an_entry_needs_are_left_out() -> None:
    def entry(**item: Any) -> Any:
        return entries.from_json({"type": "track", "ratingKey": "5", "title": "Song"} | item)

    assert entry().key == 5
    assert entry(ratingKey=None) is None
    assert entry(ratingKey="five") is None
    assert entry(title="") is None
    assert entry(title=1999) is None
    assert entry(type="clip") is None
    broken = entry(index="x", duration=None, userRating="nan", Genre="rock", year="1999", viewCount="3")
    assert (broken.index, broken.duration_ms, broken.rating, broken.genres) == (None, None, None, ())
    assert (broken.year, broken.plays) == (1999, 3)
    full = entry(
        originalTitle="Guest", grandparentTitle="Various Artists", parentTitle="Hits", parentYear=1984,
        parentRatingKey="4", grandparentRatingKey="3", parentIndex=2, index=7, userRating=8.0,
        Genre=[{"tag": "Pop"}, {}], guid="plex://track/5", parentThumb="/library/metadata/4/thumb/1",
    )  # fmt: skip
    assert (full.artist, full.album_artist, full.album, full.year) == (
        "Guest", "Various Artists", "Hits", 1984,
    )  # fmt: skip
    assert (full.album_key, full.artist_key, full.disc, full.index) == (4, 3, 2, 7)
    assert (full.rating, full.genres, full.thumb) == (8.0, ("Pop",), "/library/metadata/4/thumb/1")
