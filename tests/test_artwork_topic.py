"""The picture of what a zone plays, as a retained topic: there in time, gone in time, never a stale one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sugartalkd.aside import Aside
from sugartalkd.errors import PlexOffline
from sugartalkd.model import (
    HEOS_LINK,
    PLEX_LINK,
    Artwork,
    LinkState,
    LinkWord,
    PlayerKey,
    PlayerState,
    Track,
    Transport,
    Zone,
    ZoneId,
)
from sugartalkd.plex.shown import ShownArtwork
from sugartalkd.simulator.local_broker import LocalBroker, find_mosquitto
from sugartalkd.state import StateStore, now
from tests.house import Broker, Watcher
from tests.plex_home import home

if TYPE_CHECKING:
    from pathlib import Path

TOPIC = "sugartalk/kitchen/artwork"


def _shown(watcher: Watcher) -> bytes:
    return watcher.newest[TOPIC].payload if TOPIC in watcher.newest else b""


async def test_a_picture_comes_with_its_music_and_goes_with_it(
    broker: Broker, tmp_path: Path, address: str
) -> None:
    async with Watcher(broker, version5=False) as old:
        await old.publish("kitchen/artwork", b"\xff\xd8 of an earlier run", retain=True)
        async with home(broker, tmp_path, address) as (_, _, watcher):
            await watcher.wait("kitchen/state", "idle")
            await watcher.until(lambda: not _shown(watcher))
            await watcher.ask("kitchen/play", "abbey road")
            await watcher.until(lambda: _shown(watcher))
            picture = watcher.newest[TOPIC]
            assert picture.payload.startswith((b"\xff\xd8", b"\x89PNG"))
            assert picture.properties.ContentType in {"image/jpeg", "image/png"}
            assert not getattr(picture.properties, "PayloadFormatIndicator", 0)
            await old.until(lambda: _shown(old) == picture.payload)
            artwork_id = watcher.json("kitchen/now_playing")["artwork_id"]
            await watcher.until(lambda: watcher.json("kitchen").get("artwork") == artwork_id)
            assert "sugartalk/den/artwork" not in watcher.newest, "it has no player"
            zones = {one["id"]: one["capabilities"] for one in watcher.json("bridge/zones")}
            assert {zone for zone, can in zones.items() if "artwork" in can} == {"living_room", "kitchen"}
            await watcher.ask("kitchen/command", "stop")
            await watcher.until(lambda: not _shown(watcher))
            assert not hasattr(watcher.newest[TOPIC].properties, "ContentType")


class Gallery:
    """Gives pictures when it is told to."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.away = False
        self.asked: list[str] = []

    async def artwork(self, artwork_id: str) -> Artwork:
        self.asked.append(artwork_id)
        if artwork_id.startswith("slow"):
            await self.opened.wait()
        if self.away:
            raise PlexOffline("away")
        return Artwork(artwork_id, "image/png", artwork_id.encode())


async def test_pictures_that_are_late_slow_or_away() -> None:
    store, gallery = StateStore(), Gallery()
    shown = ShownArtwork(store, gallery)
    store.put_link(HEOS_LINK, LinkState(LinkWord.ONLINE, since=now()))
    for name in ("a", "b"):
        store.put_zone(Zone(ZoneId(name), name, player=PlayerKey(name)))
    beside = Aside()
    beside.start(shown.run(), "artwork")

    async def plays(zone: str, artwork_id: str) -> None:
        track = Track(zone, artwork_id=artwork_id)
        store.put_player(PlayerKey(zone), PlayerState(transport=Transport.PLAYING, track=track))
        for _ in range(10):
            await asyncio.sleep(0)

    def picture(zone: str) -> str | None:
        artwork = store.zones[ZoneId(zone)].artwork
        return None if artwork is None else artwork.id

    await plays("a", "slow1")
    await plays("b", "quick1")
    assert (picture("a"), picture("b")) == (None, "quick1")
    await plays("a", "quick2")
    gallery.opened.set()
    await asyncio.sleep(0.01)
    assert picture("a") == "quick2", "the slow one came when something else was played already"
    gallery.away = True
    await plays("b", "late")
    assert picture("b") == "quick1"  # the topic shows it only with its own track
    gallery.away = False
    gallery.asked.clear()
    store.put_link(PLEX_LINK, LinkState(LinkWord.ONLINE, since=now()))
    await asyncio.sleep(0.01)
    assert (picture("b"), gallery.asked) == ("late", ["late"])
    await beside.end()


async def test_a_broker_that_takes_only_small_messages(tmp_path: Path, address: str) -> None:
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    async with (
        LocalBroker(only="mosquitto", lines=["max_packet_size 3000"]) as local,
        home(_where(local), tmp_path, address) as (_, plex, watcher),
    ):
        await watcher.publish("kitchen/artwork", b"\xff\xd8 of an earlier track", retain=True)
        longest = max(plex.library.playlists.values(), key=lambda one: len(one.items))
        reply = await watcher.ask("kitchen/play", {"playlist": longest.title})
        assert reply["status"] == "ok", reply
        await watcher.until(lambda: _queued(watcher) == len(longest.items))
        queue = watcher.json("kitchen/queue")
        assert 5 < len(queue["items"]) < queue["length"] == len(longest.items)
        assert (queue["index"], queue["offset"]) == (0, 0)
        assert queue["items"][0]["title"] == watcher.json("kitchen/now_playing")["title"]
        await watcher.until(lambda: "title" in watcher.json("kitchen"))
        await watcher.until(lambda: watcher.json("kitchen")["title"] == queue["items"][0]["title"])
        assert "queue" not in watcher.json("kitchen")
        await watcher.until(lambda: _shown(watcher) == b"")
        long = await watcher.ask(
            "bridge/request/plex/browse", {"media_id": "plex:root:artists", "limit": 500}
        )
        assert (long["error_code"], long["data"]) == ("out_of_range", {})
        picture = await watcher.ask(
            "bridge/request/artwork", watcher.json("kitchen/now_playing")["artwork_id"]
        )
        assert picture["error_code"] == "out_of_range"


def _where(local: LocalBroker) -> Broker:
    return Broker("127.0.0.1", local.port, local.port5, local.name)


def _queued(watcher: Watcher) -> int:
    queue: dict[str, int] = watcher.json("kitchen/queue") or {"length": 0}
    return queue["length"]
