"""The link to the Plex server: up, down and up again, its words, and an index that follows the server."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from sugartalkd.config import PlexConfig
from sugartalkd.errors import PlexOffline, PlexUnauthorized
from sugartalkd.library import NotSynced
from sugartalkd.model import PLEX_LINK, LinkWord, MediaKind
from sugartalkd.plex import link as link_module
from sugartalkd.plex import server as server_module
from sugartalkd.plex import watch
from sugartalkd.plex.identity import load
from sugartalkd.plex.link import PlexLink
from sugartalkd.simulator.plex import TOKEN, PlexSimulator
from sugartalkd.state import StateStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from sugartalkd.model import LinkState, Object


@dataclass
class Home:
    """A link that runs, and what it said."""

    link: PlexLink
    store: StateStore
    events: list[tuple[str, Object]] = field(default_factory=list[tuple[str, Any]])

    @property
    def state(self) -> LinkState:
        return self.store.links[PLEX_LINK]

    async def word(self, word: str, seconds: float = 8.0) -> None:
        await until(lambda: PLEX_LINK in self.store.links and self.state.word is LinkWord(word), seconds)

    async def event(self, name: str, seconds: float = 8.0) -> Object:
        """The next of this name; what came before it is forgotten."""
        await until(lambda: any(one[0] == name for one in self.events), seconds)
        found = next(content for kind, content in self.events if kind == name)
        self.events.clear()
        return found

    async def indexed(self, key: int, kind: MediaKind = MediaKind.TRACK) -> bool:
        try:
            return await self.link.library.entry(kind, key) is not None
        except NotSynced:
            return False


async def until(condition: Callable[[], object], seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for happens in several objects
            await asyncio.sleep(0.01)


async def until_true(condition: Callable[[], Awaitable[bool]], seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.02)


def gone(home: Home, key: int) -> Callable[[], Awaitable[bool]]:
    async def work() -> bool:
        return not await home.indexed(key)

    return work


@asynccontextmanager
async def running(
    folder: Path, *, plex_tv: str = "http://127.0.0.1:9", **config: Any
) -> AsyncGenerator[Home]:
    store = StateStore()
    events: list[tuple[str, Object]] = []
    link = PlexLink(
        PlexConfig(**config), store, folder, identity=load(folder),
        on_event=lambda name, content: events.append((name, content)), plex_tv=plex_tv,
    )  # fmt: skip
    run = asyncio.create_task(link.run(), name="plex link")
    try:
        yield Home(link, store, events)
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


async def test_the_index_follows_the_server(address: str, tmp_path: Path) -> None:
    """A full sync, notifications, and a comparison for what nobody told; the index survives a restart."""
    async with PlexSimulator(host=address) as plex:
        async with running(tmp_path, url=plex.url, token=TOKEN) as home:
            with pytest.raises(NotSynced):
                await home.link.library.counts()
            synced = await home.event("library_synced")
            assert synced["tracks"] == len(plex.library.tracks)
            assert set(synced) == {"artists", "albums", "tracks", "playlists", "seconds"}
            assert home.state.host == f"{address}:{plex.port}"
            await until(lambda: plex.sockets)
            await asyncio.sleep(0.2)

            async with asyncio.timeout(2.0):
                record = await plex.changes.add_tracks("Neue Band", "Erstes", ["Eins", "Zwei"])
                await until_true(lambda: home.indexed(record.tracks[1].key))
                assert await home.indexed(record.key, MediaKind.ALBUM)
            track = record.tracks[0]
            await plex.changes.retitle(track, "Anders")

            async def retitled() -> bool:
                entry = await home.link.library.entry(MediaKind.TRACK, track.key)
                return entry is not None and entry.title == "Anders"

            await until_true(retitled, 2.0)
            await plex.changes.retitle(record.artist, "Umbenannt")  # what belongs to it is not said to change

            async def renamed() -> bool:
                entry = await home.link.library.entry(MediaKind.TRACK, track.key)
                return entry is not None and entry.album_artist == "Umbenannt"

            await until_true(renamed, 2.0)
            old = track.key
            await plex.changes.rescan_new_keys([track])
            await until_true(lambda: home.indexed(track.key), 2.0)
            await until_true(gone(home, old), 2.0)
            assert await home.link.key_of(track.guid) == track.key
            removed = record.tracks[1].key
            await plex.changes.remove_tracks([record.tracks[1]])
            await until_true(gone(home, removed), 2.0)

        # Nobody hears of what happens while the daemon is away.
        quiet = plex.library.tracks[3]
        was = quiet.key
        await plex.changes.rescan_new_keys([quiet], quietly=True)
        async with running(tmp_path, url=plex.url, token=TOKEN) as home:
            assert await home.link.library.counts()  # at once, from the file
            await until_true(lambda: home.indexed(quiet.key))
            await home.event("library_synced")  # the numbers differed, so everything was compared
            await until_true(gone(home, was))
            assert (await home.link.sync())["tracks"] == len(plex.library.tracks)
            await home.event("library_synced")


async def test_outages_are_seen_and_end_by_themselves(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PROBE", 1.5)
    monkeypatch.setattr(watch, "PROBE_LIMIT", 0.4)
    monkeypatch.setattr(watch, "SPACING", 0.1)
    monkeypatch.setattr(server_module, "READ_LIMIT", 1.0)
    async with PlexSimulator(host=address) as plex:
        async with running(tmp_path, url=plex.url, token=TOKEN) as home:
            with pytest.raises(PlexOffline):
                _ = home.link.server
            await home.event("library_synced")
            key = plex.library.tracks[0].key

            await plex.stop()  # refused: a failed call is enough
            with pytest.raises(PlexOffline):
                await home.link.server.item(MediaKind.TRACK, key)
            await home.word("offline", 4)
            assert home.state.last_error is not None
            assert "refuses" in home.state.last_error
            assert await home.indexed(key)  # lookups go on
            await plex.start()
            await home.word("online")
            assert (await home.link.server.item(MediaKind.TRACK, key))[0].key == key
            assert home.state.reconnects == 1

            plex.faults.unavailable = True  # it says 503 to everything
            await home.word("offline")
            with pytest.raises(PlexOffline, match="503"):
                _ = home.link.server
            plex.faults.unavailable = False
            await home.word("online")

            plex.faults.slow = 20.0  # it takes connections and is silent
            await until(lambda: home.state.word is not LinkWord.ONLINE, 4)
            plex.faults.slow = 0.0
            await home.word("online", 12)
        assert home.state.word is LinkWord.OFFLINE


async def test_a_refused_token_is_told_so_and_tried_again(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "UNAUTHORIZED_PAUSE", 0.3)
    async with (
        PlexSimulator(host=address) as plex,
        running(tmp_path, url=plex.url, token=TOKEN) as home,
    ):
        await home.event("library_synced")
        plex.faults.unauthorized = True
        with pytest.raises(PlexUnauthorized):
            await home.link.server.item(MediaKind.TRACK, 1)
        await home.word("unauthorized")
        with pytest.raises(PlexUnauthorized, match="token"):
            _ = home.link.server
        assert await home.link.library.counts()
        plex.faults.unauthorized = False
        await home.word("online")


async def test_without_a_token_only_a_server_that_wants_none_is_used(address: str, tmp_path: Path) -> None:
    async with PlexSimulator(host=address, token=None) as plex, running(tmp_path, url=plex.url) as home:
        await home.event("library_synced")
        assert home.link.server.token is None
    async with PlexSimulator(host=address) as plex, running(tmp_path, url=plex.url) as home:
        await home.word("unauthorized")
        assert "there is none" in str(home.state.last_error)


async def test_another_server_has_another_index(address: str, tmp_path: Path) -> None:
    async with (
        PlexSimulator(host=address) as plex,
        running(tmp_path, url=plex.url, token=TOKEN) as home,
    ):
        await home.event("library_synced")
        plex.faults.other_machine = True
        home.link.trouble(PlexOffline("look"))
        await home.event("library_synced")
        assert home.link.server.machine_id == plex.shown_machine_id
        assert len([one for one in (tmp_path / "library").iterdir() if one.is_symlink()]) == 2


async def test_a_library_that_does_not_exist_is_named(address: str, tmp_path: Path) -> None:
    async with (
        PlexSimulator(host=address) as plex,
        running(tmp_path, url=plex.url, token=TOKEN, library="Jazz") as home,
    ):
        await home.word("offline")
        assert "'Jazz'" in str(home.state.last_error)
        assert "'Music'" in str(home.state.last_error)


async def test_a_token_is_in_no_log_line_or_file_of_others(
    address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole run with every fault, at debug level."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(link_module, "UNAUTHORIZED_PAUSE", 0.2)
    async with (
        PlexSimulator(host=address) as plex,
        running(tmp_path, url=plex.url, token=TOKEN) as home,
    ):
        await home.event("library_synced")
        for fault in ("unauthorized", "unavailable", "cut_pages", "malformed", "html", "no_websocket"):
            setattr(plex.faults, fault, True)
            home.link.trouble(PlexUnauthorized("look"))
            await plex.notifications.drop()
            await asyncio.sleep(0.3)
            setattr(plex.faults, fault, False)
            await home.word("online")
        events = repr(home.events) + repr(home.store.links)
    said = caplog.text + "".join(record.getMessage() for record in caplog.records) + events
    assert TOKEN not in said
    assert "X-Plex-Token" not in said
    for file in tmp_path.rglob("*"):  # noqa: ASYNC240  # small files
        if file.is_file() and file.suffix != ".sqlite":
            assert TOKEN.encode() not in file.read_bytes()
