"""The Plex server as the daemon sees it, against the simulated one: what is read, and what every failure says."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import plexapi
import pytest

from sugartalkd.command import SecretText
from sugartalkd.errors import NoMatch, PlexOffline, PlexUnauthorized, SugartalkError, TimedOut
from sugartalkd.model import MediaKind
from sugartalkd.plex import server as server_module
from sugartalkd.plex.identity import Identity, latin
from sugartalkd.plex.server import Server
from sugartalkd.simulator.plex import TOKEN, PlexSimulator

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

IDENTITY = Identity("test-client-0001", "Wohnzimmer – 日本")


@asynccontextmanager
async def connected(
    plex: PlexSimulator, library: str | None = None, token: str | None = TOKEN
) -> AsyncGenerator[Server]:
    one = Server(plex.url, None if token is None else SecretText(token), IDENTITY)
    try:
        await one.connect(library)
        yield one
    finally:
        one.close()


async def test_items_are_read_as_our_own_values(address: str) -> None:
    async with PlexSimulator(host=address) as plex, connected(plex) as server:
        assert server.machine_id == plex.machine_id
        assert (server.section_key, server.section_uuid) == ("3", plex.section_uuid)
        track = plex.library.tracks[0]
        missing = 999_999
        entries = await server.entries([track.key, missing, track.album.key, track.album.artist.key])
        assert [one.kind for one in entries] == [MediaKind.TRACK, MediaKind.ALBUM, MediaKind.ARTIST]
        first = entries[0]
        assert (first.title, first.album, first.album_artist) == (
            track.title, track.album.title, track.album.artist.title,
        )  # fmt: skip
        assert (first.guid, first.album_key, first.index) == (track.guid, track.album.key, track.index)

        part = await server.part(track.key)
        assert part.path.startswith("/library/parts/")
        assert part.container
        assert part.duration_ms == track.duration_ms

        item = await server.item(track.key)
        text = json.dumps(item)
        assert item["title"] == track.title
        assert item["duration"] == track.duration_ms // 1000
        assert "/library/" not in text
        assert "://127" not in text
        assert "file" not in item["media"][0]["part"][0]  # type: ignore[index,call-overload]

        found = await server.hub_search(track.album.title, 5)
        assert any(one.title == track.album.title for one in found)
        assert await server.by_guid(track.guid)
        playlists = await server.playlists()
        listed = next(one for one in playlists if plex.library.playlists[one.key].items)
        tracks = await server.playlist_items(listed.key)
        assert [one.key for one in tracks] == [
            place[1].key for place in plex.library.playlists[listed.key].items
        ]
        # Nothing was asked that nobody asked for: no item is reloaded, no token is in an address.
        assert len(plex.asked(f"/library/metadata/{track.key}")) <= 3
        assert all(TOKEN not in str(one.query) for one in plex.ledger)
        assert all("Plex-Token" not in name for one in plex.ledger for name in one.query)


async def test_requests_say_who_asks(address: str) -> None:
    async with PlexSimulator(host=address) as plex, connected(plex):
        headers = plex.ledger[-1].headers
        assert headers["X-Plex-Client-Identifier"] == "test-client-0001"
        assert headers["X-Plex-Product"] == "sugartalkd"
        assert headers["X-Plex-Device-Name"] == latin(IDENTITY.device_name)
        assert headers["X-Plex-Token"] == TOKEN


async def test_the_library_is_chosen_by_name(address: str) -> None:
    async with PlexSimulator(host=address) as plex:
        async with connected(plex, "mUSIC") as server:
            assert server.section_title == "Music"
        with pytest.raises(NoMatch, match=r"'Jazz'.*'Music'"):
            async with connected(plex, "Jazz"):
                pass
        plex.section_title = "Meine Musik"
        async with connected(plex) as server:  # nothing configured, and only one there
            assert server.section_title == "Meine Musik"


FAULTS = (
    ("unauthorized", True, PlexUnauthorized, "token"),
    ("unavailable", True, PlexOffline, "503"),
    ("cut_pages", True, PlexOffline, "connection"),
    ("malformed", True, PlexOffline, "XML"),
    ("html", True, PlexOffline, "XML"),
)


@pytest.mark.parametrize(("fault", "value", "kind", "text"), FAULTS)
async def test_failures_are_named(
    address: str, fault: str, value: object, kind: type[SugartalkError], text: str
) -> None:
    async with PlexSimulator(host=address) as plex, connected(plex) as server:
        troubles: list[SugartalkError] = []
        server._on_trouble = troubles.append
        setattr(plex.faults, fault, value)
        with pytest.raises(kind, match=text) as caught:
            await server.item(plex.library.tracks[0].key)
        for part in (TOKEN, "<", "X-Plex", "/library"):
            assert part not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        assert troubles == [caught.value]
        setattr(plex.faults, fault, False)
        assert await server.item(plex.library.tracks[0].key)


async def test_what_is_not_there_is_no_trouble_of_the_link(address: str) -> None:
    async with PlexSimulator(host=address) as plex, connected(plex) as server:
        troubles: list[SugartalkError] = []
        server._on_trouble = troubles.append
        with pytest.raises(NoMatch):
            await server.item(999_999)
        with pytest.raises(NoMatch):
            await server.part(999_999)
        assert await server.entries([999_999]) == ()
        assert not troubles


async def test_a_server_that_is_gone_is_named_at_once(address: str) -> None:
    plex = PlexSimulator(host=address)
    async with plex, connected(plex) as server:
        await plex.stop()
        with pytest.raises(PlexOffline, match="refuses or drops") as caught:
            await server.playlists()
        assert f"{address}:{plex.port}" in str(caught.value)
        assert "/playlists" not in str(caught.value)


async def test_a_slow_answer_holds_up_no_other_and_ends_in_time(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "READ_LIMIT", 0.6)
    async with PlexSimulator(host=address) as plex, connected(plex) as server:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*[server.entries([1]) for _ in range(3)])  # every thread has its connection
        plex.faults.slow = 5.0
        slow = asyncio.create_task(server.item(plex.library.tracks[0].key))
        await asyncio.sleep(0.1)
        plex.faults.slow = 0.0
        began = loop.time()
        await server.hub_search("a", 1)
        assert loop.time() - began < 0.3
        with pytest.raises(TimedOut, match="in time"):
            await slow
        assert loop.time() - began < 1.5


async def test_what_ends_while_it_waits_is_told_so(address: str) -> None:
    async with PlexSimulator(host=address) as plex, connected(plex) as server:
        plex.faults.slow = 0.4
        tracks = [server.item(one.key) for one in plex.library.tracks[:6]]
        waiting = asyncio.gather(*tracks, return_exceptions=True)
        await asyncio.sleep(0.1)
        server.close()
        results = await waiting
        assert sum(isinstance(one, PlexOffline) for one in results) >= 3
        with pytest.raises(PlexOffline):
            await server.playlists()


async def test_a_token_is_not_in_any_log_or_error(address: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    async with PlexSimulator(host=address) as plex, connected(plex) as server:
        key = plex.library.tracks[0].key
        for fault, value, _, _ in FAULTS:
            setattr(plex.faults, fault, value)
            for call in (server.item(key), server.entries([key]), server.rate(key, 8), server.playlists()):
                try:
                    await call
                except SugartalkError as error:
                    texts.append(repr(error))
            setattr(plex.faults, fault, False)
        assert TOKEN not in repr(server.token)
    assert len(texts) > 10
    said = "\n".join([*texts, *(record.getMessage() for record in caplog.records), caplog.text])
    assert TOKEN not in said
    assert "/library/metadata" not in said


def test_plexapi_is_as_this_daemon_needs_it() -> None:
    """Against plexapi's own habits: configuration files, hidden reloads, one dict of headers for all."""
    config: Any = plexapi.CONFIG
    assert config.get("plexapi.autoreload", True, bool) is False
    assert config.get("auth.server_token") is None
    assert server_module.plexapi.client.BASE_HEADERS is not plexapi.BASE_HEADERS  # type: ignore[attr-defined]
