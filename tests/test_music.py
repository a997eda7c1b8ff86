"""From a phrase to sound: the whole daemon with a Plex server, players that really fetch, and a receiver."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

from tests.plex_home import SECONDS, home

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.house import Broker, Watcher


def _picture(watcher: Watcher) -> bytes:
    message = watcher.newest.get("sugartalk/kitchen/artwork")
    return b"" if message is None else message.payload


async def test_a_misspelt_album_plays_moves_on_and_is_shown(
    broker: Broker, tmp_path: Path, address: str
) -> None:
    async with home(broker, tmp_path, address) as (_, plex, watcher):
        reply = await watcher.ask("kitchen/play", "the album abby rode by the beetles")
        assert reply["status"] == "ok", reply
        assert (reply["data"]["title"], reply["data"]["type"]) == ("Abbey Road", "album")
        await watcher.until(lambda: watcher.json("kitchen/now_playing")["album"] == "Abbey Road")
        first = watcher.json("kitchen/now_playing")
        assert (first["source"], first["album"], first["queue_index"]) == ("plex", "Abbey Road", 0)
        await watcher.until(lambda: _picture(watcher).startswith((b"\xff\xd8", b"\x89P")))
        await watcher.until(lambda: watcher.json("kitchen/now_playing")["queue_index"] == 1, SECONDS + 3)
        second = watcher.json("kitchen/now_playing")
        assert second["title"] == first["next"]["title"]
        states = [one.text for one in watcher.all("kitchen/state")]
        assert states[-1] == "playing"
        assert "idle" not in states[states.index("playing") :]
        positions = [(one.json["title"], one.json["position"]) for one in watcher.all("kitchen/now_playing")]
        assert (first["title"], 0) not in positions[positions.index((first["title"], 0)) + 1 :], positions
        assert any(report.state == "playing" for report in plex.timelines)


async def test_no_token_or_address_of_plex_leaves_the_daemon(
    broker: Broker, tmp_path: Path, address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with home(broker, tmp_path, address, log={"level": "debug"}) as (house, plex, watcher):
        await watcher.ask("kitchen/play", "here comes the sun")
        await watcher.ask("bridge/request/plex/browse", "{}")
        plex.faults.unauthorized = True
        await watcher.wait("bridge/connection/plex", "unauthorized", 30)
        heard = b"\n".join(one.topic.encode() + one.payload for one in watcher.seen)
        devices = json.dumps([one.arguments for one in house.heos.ledger]).encode()
        log = "".join(capfd.readouterr()).encode()
        for text in (heard, devices, log):
            assert (plex.token or "").encode() not in text
        assert b"X-Plex-Token" not in heard + devices + log
        allowed = {plex.url.encode()}
        assert set(re.findall(rb"https?://[^\"\\\s]+", heard)) <= allowed


async def test_a_restart_starts_nothing_and_play_goes_on(
    broker: Broker, tmp_path: Path, address: str
) -> None:
    async with home(broker, tmp_path, address) as (house, _, watcher):
        await watcher.ask("kitchen/play", "abbey road")
        await watcher.wait("kitchen/state", "playing")
        await asyncio.sleep(1.2)  # the queue is written down soon, not at once
    async with home(broker, tmp_path, address) as (house, _, watcher):
        await watcher.wait("kitchen/state", "idle")
        await asyncio.sleep(0.5)
        assert not [one for one in house.heos.ledger if "play" in one.command and "set" in one.command]
        assert watcher.json("kitchen/queue")["length"] > 3
        assert (await watcher.ask("kitchen/command", "play"))["status"] == "ok"
        await watcher.until(lambda: watcher.json("kitchen/now_playing")["album"] == "Abbey Road")


async def test_a_play_that_is_refused_leaves_everything_as_it_was(
    broker: Broker, tmp_path: Path, address: str
) -> None:
    async with home(broker, tmp_path, address) as (_, plex, watcher):
        await watcher.ask("kitchen/play", "the album abbey road")
        await watcher.until(lambda: watcher.json("kitchen/now_playing")["title"] == "Come Together")
        await plex.stop()
        refused = await watcher.ask("kitchen/play", "metallica", 15)
        assert refused["error_code"] == "plex_offline", refused
        await plex.start()
        queue, playing = watcher.json("kitchen/queue"), watcher.json("kitchen/now_playing")
        assert queue["items"][0]["title"] == "Come Together"
        assert playing["album"] == "Abbey Road"
        await watcher.until(lambda: watcher.json("kitchen/now_playing")["title"] == "Something", 10)


async def test_what_is_no_phrase_is_not_played(broker: Broker, tmp_path: Path, address: str) -> None:
    async with home(broker, tmp_path, address) as (house, _, watcher):
        for payload in ('{"query": ', "{'query': 'abbey road'}", "null", "http://127.0.0.1/a.mp3"):
            assert (await watcher.ask("kitchen/play", payload))["error_code"] == "bad_payload", payload
        assert not [one for one in house.heos.ledger if one.command == "browse/play_stream"]
