"""The Plex server as the daemon sees it, against the simulated one: what is read, and how it fails."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import plexapi
import pytest

from sugartalkd.command import LibraryTask, SecretText
from sugartalkd.errors import (
    BadPayload,
    NoMatch,
    PlexOffline,
    PlexUnauthorized,
    SugartalkError,
    TimedOut,
    Unsupported,
)
from sugartalkd.model import MediaKind
from sugartalkd.plex import server as server_module
from sugartalkd.plex.identity import Identity, latin
from sugartalkd.plex.server import Server
from sugartalkd.plex.values import Report
from sugartalkd.simulator.plex import TOKEN, PlexSimulator

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

IDENTITY = Identity("test-client-0001", "Wohnzimmer “日本”")


@asynccontextmanager
async def connected(
    plex: PlexSimulator,
    library: str | None = None,
    token: str | None = TOKEN,
    troubles: list[SugartalkError] | None = None,
) -> AsyncGenerator[Server]:
    heard: list[SugartalkError] = [] if troubles is None else troubles
    one = Server(plex.url, None if token is None else SecretText(token), IDENTITY, heard.append)
    try:
        await one.connect(library)
        yield one
    finally:
        one.close()


def base_headers() -> dict[str, str]:
    """What plexapi sends with everything."""
    everything: Any = plexapi
    return everything.BASE_HEADERS


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

        entry, item = await server.item(MediaKind.TRACK, track.key)
        assert (entry.key, entry.title) == (track.key, track.title)
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
    troubles: list[SugartalkError] = []
    async with PlexSimulator(host=address) as plex, connected(plex, troubles=troubles) as server:
        setattr(plex.faults, fault, value)
        with pytest.raises(kind, match=text) as caught:
            await server.item(MediaKind.TRACK, plex.library.tracks[0].key)
        for part in (TOKEN, "<", "X-Plex", "/library"):
            assert part not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        assert troubles == [caught.value]
        setattr(plex.faults, fault, False)
        assert (await server.item(MediaKind.TRACK, plex.library.tracks[0].key))[1]


async def test_what_is_not_there_is_no_trouble_of_the_link(address: str) -> None:
    troubles: list[SugartalkError] = []
    async with PlexSimulator(host=address) as plex, connected(plex, troubles=troubles) as server:
        with pytest.raises(NoMatch):
            await server.item(MediaKind.TRACK, 999_999)
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
        slow = asyncio.create_task(server.item(MediaKind.TRACK, plex.library.tracks[0].key))
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
        tracks = [server.item(MediaKind.TRACK, one.key) for one in plex.library.tracks[:6]]
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
            for call in (
                server.item(MediaKind.TRACK, key),
                server.entries([key]),
                server.rate(key, 8),
                server.playlists(),
            ):
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


async def test_playlists_ratings_and_the_library_are_changed(address: str) -> None:
    async with PlexSimulator(500, host=address) as plex, connected(plex) as server:
        keys = [track.key for track in plex.library.tracks]
        made = await server.create_playlist("Am Abend & mehr?", keys[:250])  # more than one request takes
        assert (made.kind, made.title, made.leaf_count) == (MediaKind.PLAYLIST, "Am Abend & mehr?", 250)
        grown = await server.add_to_playlist(made.key, [keys[300], keys[0]])
        assert grown.leaf_count == 252
        shrunk = await server.remove_from_playlist(made.key, [keys[0], keys[1]])
        assert shrunk.leaf_count == 249
        assert [one.key for one in await server.playlist_items(made.key)] == [*keys[2:250], keys[300]]
        with pytest.raises(NoMatch):
            await server.remove_from_playlist(made.key, [keys[0]])
        with pytest.raises(NoMatch):
            await server.add_to_playlist(made.key, [999_999])
        with pytest.raises(BadPayload):
            await server.create_playlist("Nothing", [])
        await server.delete_playlist(made.key)
        assert made.key not in plex.library.playlists

        track = plex.library.tracks[0]
        await server.rate(track.key, 7)
        assert track.rating == 7
        await server.rate(track.key, None)
        assert track.rating is None

        for task in LibraryTask:
            await server.maintain(task)
        section = f"/library/sections/{plex.section_key}"
        assert [(one.method, one.path, one.query.get("force")) for one in plex.ledger[-4:]] == [
            ("GET", f"{section}/refresh", None),
            ("GET", f"{section}/refresh", "1"),
            ("PUT", f"{section}/analyze", None),
            ("PUT", f"{section}/emptyTrash", None),
        ]


async def test_radios(address: str) -> None:
    async with PlexSimulator(host=address) as plex, connected(plex) as server:
        track = plex.library.tracks[0]
        near = await server.radio(MediaKind.TRACK, track.key, 20)
        assert near[0].key == track.key
        assert 5 < len({one.key for one in near}) == len(near) <= 20
        for kind, key in (
            (MediaKind.ARTIST, track.album.artist.key),
            (MediaKind.ALBUM, track.album.key),
            (MediaKind.PLAYLIST, next(key for key, one in plex.library.playlists.items() if one.items)),
        ):
            tracks = await server.radio(kind, key, 20)
            assert 5 < len(tracks) <= 20
            assert {one.kind for one in tracks} == {MediaKind.TRACK}
        plex.faults.no_stations = True
        with pytest.raises(Unsupported, match="Plex Pass"):
            await server.radio(MediaKind.TRACK, track.key, 20)


async def test_playback_is_reported_for_each_zone(address: str) -> None:
    async with PlexSimulator(host=address) as plex, connected(plex) as server:
        track = plex.library.tracks[0]
        report = Report("zone-kitchen", "Küche “日本”", "session-1", track.key, "playing", 1500, 180_000)
        assert await server.timeline(report) is None
        [told] = plex.timelines
        assert (told.client, told.session, told.key, told.state) == (
            "zone-kitchen", "session-1", track.key, "playing",
        )  # fmt: skip
        assert (told.device_name, told.time_ms, told.duration_ms) == (
            latin(report.device_name),
            1500,
            180_000,
        )
        await server.timeline(replace(report, state="stopped", continuing=True))
        assert plex.timelines[-1].query["continuing"] == "1"
        await server.item(MediaKind.TRACK, track.key)
        assert plex.ledger[-1].headers["X-Plex-Client-Identifier"] == IDENTITY.client_id


async def test_plex_players_get_commands_but_never_our_token(address: str) -> None:
    """A command to a player must not leave its name or our token in the headers of other requests."""
    async with PlexSimulator(host=address) as plex, connected(plex) as server:
        player = plex.client
        assert [one["name"] for one in await server.clients()] == [player.name]
        album = plex.library.tracks[0].album
        await server.client_play(player.name, MediaKind.ALBUM, album.key)
        assert player.playing["machineIdentifier"] == plex.machine_id
        assert TOKEN not in str(player.playing)
        await server.client_command(player.identifier, "pause")
        await server.client_command(player.name, "volume", 30.0)
        await server.client_command(player.name, "seek", 61.5)
        await server.client_command(player.name, "next")
        assert (player.state, player.volume, player.time_ms) == ("paused", 30, 61_500)
        assert all(one[1].get("type") == "music" for one in player.commands)
        with pytest.raises(NoMatch):
            await server.client_command("Nobody", "pause")
        with pytest.raises(BadPayload):
            await server.client_command(player.name, "explode")

    assert not {name for name in base_headers() if "Token" in name or "Target" in name}


async def test_headers_of_one_server_do_not_reach_another(address: str, other_address: str) -> None:
    async with (
        PlexSimulator(host=address) as one,
        PlexSimulator(host=other_address, token=None) as two,
        connected(one) as first,
        connected(two, token=None) as second,
    ):
        await first.client_command(one.client.name, "pause")
        await second.item(MediaKind.TRACK, two.library.tracks[0].key)
        for asked in two.ledger:
            assert not {name for name in asked.headers if "Token" in name or "Target" in name}
        for asked in one.ledger:
            if not asked.path.startswith("/player"):
                assert "X-Plex-Target-Client-Identifier" not in asked.headers


def test_plexapi_is_as_this_daemon_needs_it() -> None:
    """Against plexapi's own habits: configuration files, hidden reloads, one dict of headers for all."""
    config: Any = plexapi.CONFIG
    assert config.get("plexapi.autoreload", True, bool) is False
    assert config.get("auth.server_token") is None
    assert server_module.plexapi.client.BASE_HEADERS is not plexapi.BASE_HEADERS  # type: ignore[attr-defined]
