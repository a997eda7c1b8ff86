"""Groups, queues, favourites and browsing as people use them: over MQTT."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from sugartalkd.simulator.heos import SimulatedItem, SimulatedPlayer
from tests.credentials import PASSWORD
from tests.house import KITCHEN, LIVING, House, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sugartalkd.simulator.heos import HeosSimulator
    from tests.house import Broker, Watcher

BATH: Final = 3003
ZONES: Final = {
    "living_room": {"receiver": "denon", "player": "Living Room"},
    "kitchen": {"player": "Kitchen"},
    "bath": {"player": "Bath"},
    "den": {"receiver": "denon", "receiver_zone": "zone2"},
}


def prepare(heos: HeosSimulator) -> None:
    heos.add_player(SimulatedPlayer("Bath", BATH, serial="SIM-BATH", ip="127.0.0.10"))
    heos.user = "someone@example.org"
    heos.players[KITCHEN].queue = [
        SimulatedItem(f"Title {number}", "Album", "Artist", mid=f"t{number}", duration_ms=180_000)
        for number in range(6)
    ]


@pytest.fixture
async def house(broker: Broker, watcher: Watcher, tmp_path: Path, address: str) -> AsyncIterator[House]:
    more: dict[str, Any] = {"zones": ZONES, "allow_admin": True}
    async with running(broker, tmp_path, address, prepare=prepare, **more) as one:
        await watcher.wait("bridge/state", "online")
        await watcher.wait("bridge/connection/heos", "online")
        await watcher.wait("bridge/connection/receiver/denon", "online")
        await watcher.until(lambda: _newest(watcher, "kitchen/queue")["length"] == 6)
        await watcher.until(lambda: _newest(watcher, "bath/group") == ALONE)
        yield one


ALONE: Final[dict[str, Any]] = {"leader": None, "members": []}


def _newest(watcher: Watcher, topic: str) -> Any:
    text = watcher.text(topic)
    return (None if text is None else json.loads(text)) or {"length": None}


def _together(*zones: str) -> dict[str, Any]:
    return {"leader": zones[0], "members": list(zones)}


async def _until(watcher: Watcher, topic: str, content: object) -> None:
    await watcher.until(lambda: _newest(watcher, topic) == content)


# -- groups --------------------------------------------------------------------------------------------


async def test_three_players_in_a_group(house: House, watcher: Watcher) -> None:
    reply = await watcher.ask("kitchen/group/set", '["living_room", "bath"]')
    assert reply["status"] == "ok"
    for zone in ("kitchen", "living_room", "bath"):
        await _until(watcher, f"{zone}/group", _together("kitchen", "living_room", "bath"))
    await watcher.wait("kitchen/group_volume", "20")
    assert watcher.text("bath/group_volume") == "None"
    assert (await watcher.ask("kitchen/group_volume/set", "40"))["status"] == "ok"
    await watcher.wait("bath/volume", "40")
    assert (await watcher.ask("bath/group_volume/set", "10"))["error_code"] == "unsupported"
    assert (await watcher.ask("bath/group/remove", "living_room"))["status"] == "ok"
    await _until(watcher, "living_room/group", ALONE)
    await _until(watcher, "bath/group", _together("kitchen", "bath"))
    assert (await watcher.ask("bath/group/add", "living_room"))["status"] == "ok", "joins the leader's group"
    await _until(watcher, "bath/group", _together("kitchen", "bath", "living_room"))
    assert (await watcher.ask("kitchen/group/set", "[]"))["status"] == "ok"
    for zone in ("kitchen", "living_room", "bath"):
        await _until(watcher, f"{zone}/group", ALONE)


async def test_a_member_mirrors_and_its_transport_is_its_leaders(house: House, watcher: Watcher) -> None:
    await watcher.ask("kitchen/group/set", "bath")
    await _until(watcher, "bath/group", _together("kitchen", "bath"))
    assert (await watcher.ask("bath/command", "play"))["status"] == "ok"
    for zone in ("kitchen", "bath"):
        await watcher.wait(f"{zone}/state", "playing")
        await watcher.wait(f"{zone}/title", "Title 0")
        await watcher.until(lambda zone=zone: _newest(watcher, f"{zone}/queue").get("index") == 0)
    assert (await watcher.ask("bath/queue/jump", "3"))["status"] == "ok"
    await watcher.wait("bath/title", "Title 3")
    assert {one.arguments["pid"] for one in house.heos.received("player/play_queue")} == {str(KITCHEN)}
    assert (await watcher.ask("bath/volume/set", "33"))["status"] == "ok"
    assert house.volumes(BATH) == [33]
    assert not house.volumes(KITCHEN)


@pytest.mark.parametrize(
    ("verb", "payload", "code"),
    [("set", "den", "unsupported"), ("add", '["bath", "attic"]', "unknown_zone"),
     ("add", "[]", "bad_payload"), ("set", '["Bad Zone"]', "bad_payload"),
     ("set", '[{"a": 1}]', "bad_payload")],
)  # fmt: skip
async def test_what_cannot_be_grouped_changes_nothing(
    house: House, watcher: Watcher, verb: str, payload: str, code: str
) -> None:
    assert (await watcher.ask(f"kitchen/group/{verb}", payload))["error_code"] == code
    assert not house.heos.received("group/set_group")


async def test_a_snapshot_brings_a_group_and_a_place_in_the_queue_back(
    house: House, watcher: Watcher
) -> None:
    await watcher.ask("kitchen/group/set", "bath")
    await watcher.ask("kitchen/queue/jump", "4")
    await watcher.wait("kitchen/title", "Title 4")
    await watcher.until(lambda: _newest(watcher, "kitchen/queue").get("index") == 4)
    await watcher.ask("kitchen/snapshot/save", "party")
    await watcher.ask("bath/snapshot/save", "guest")
    await watcher.ask("kitchen/group/set", "[]")
    await watcher.ask("kitchen/queue/jump", "0")
    await watcher.wait("kitchen/title", "Title 0")
    reply = await watcher.ask("kitchen/snapshot/restore", "party", seconds=20)
    assert reply["status"] == "ok", reply
    assert {"group", "queue", "volume"} <= set(reply["data"]["restored"])
    await _until(watcher, "bath/group", _together("kitchen", "bath"))
    await watcher.wait("kitchen/title", "Title 4")
    await watcher.ask("kitchen/group/set", "[]")
    await _until(watcher, "bath/group", ALONE)
    reply = await watcher.ask("bath/snapshot/restore", "guest", seconds=20)
    assert "group" in reply["data"]["restored"], reply
    await _until(watcher, "bath/group", _together("kitchen", "bath"))


async def test_a_member_that_falls_asleep_leaves_the_others_awake(house: House, watcher: Watcher) -> None:
    from sugartalkd.model import ZoneId  # noqa: PLC0415

    await watcher.ask("kitchen/group/set", "bath")
    await watcher.ask("kitchen/command", "play")
    await watcher.wait("bath/state", "playing")
    house.daemon.rooms.room(ZoneId("bath")).set_timer(0.02, 1)
    await _until(watcher, "bath/group", ALONE)
    await watcher.wait("bath/state", "idle")
    await asyncio.sleep(0.3)
    assert watcher.text("kitchen/state") == "playing"


# -- the device's queue --------------------------------------------------------------------------------


async def test_the_devices_queue_is_seen_and_changed(house: House, watcher: Watcher) -> None:
    queue = watcher.json("kitchen/queue")
    assert queue | {"items": None} == {
        "index": None, "length": 6, "offset": 0, "shuffle": "OFF", "repeat": "off", "items": None,
    }  # fmt: skip
    assert queue["items"][5]["title"] == "Title 5"
    assert (await watcher.ask("kitchen/queue/jump", "2"))["status"] == "ok"
    await watcher.until(lambda: watcher.json("kitchen/now_playing")["queue_index"] == 2)
    now = watcher.json("kitchen/now_playing")
    assert (now["queue_length"], now["next"]["title"]) == (6, "Title 3")
    assert (await watcher.ask("kitchen/queue/move", {"from": 5, "to": 0}))["status"] == "ok"
    await watcher.until(lambda: watcher.json("kitchen/queue")["items"][0]["title"] == "Title 5")
    assert (await watcher.ask("kitchen/queue/remove", "[0, 1]"))["status"] == "ok"
    await watcher.until(lambda: watcher.json("kitchen/queue")["length"] == 4)
    assert (await watcher.ask("kitchen/queue/jump", "9"))["error_code"] == "out_of_range"
    assert (await watcher.ask("kitchen/queue/clear", "{}"))["status"] == "ok"
    await watcher.until(lambda: watcher.json("kitchen/queue")["length"] == 0)
    assert (await watcher.ask("den/queue/clear", "{}"))["error_code"] == "unsupported"
    for payload in ('{"from": 1}', "1"):
        assert (await watcher.ask("kitchen/queue/move", payload))["error_code"] == "bad_payload"


# -- browsing and playing ------------------------------------------------------------------------------


async def test_what_is_browsed_is_played(house: House, watcher: Watcher) -> None:
    sources = (await watcher.ask("bridge/request/heos/sources", "{}"))["data"]["items"]
    local = next(item for item in sources if item["title"] == "Local Music")
    servers = (await watcher.ask("bridge/request/heos/browse", {"source": local["media_id"]}))["data"]
    assert servers["total"] == 1
    found = (await watcher.ask("bridge/request/heos/browse", servers["items"][0]["media_id"]))["data"]
    album = next(item for item in found["items"] if item["type"] == "album")
    tracks = (await watcher.ask("bridge/request/heos/browse", {"container": album["media_id"]}))["data"]
    assert tracks["total"] == len(tracks["items"])
    play = {"media_id": album["media_id"], "volume": 12}
    assert (await watcher.ask("kitchen/play", play))["status"] == "ok"
    await watcher.wait("kitchen/state", "playing")
    await watcher.wait("kitchen/title", tracks["items"][0]["title"])
    await watcher.wait("kitchen/volume", "12")
    await watcher.until(lambda: watcher.json("kitchen/queue")["length"] == tracks["total"])
    last = {"media_id": tracks["items"][-1]["media_id"], "enqueue": "next"}
    assert (await watcher.ask("kitchen/play", last))["status"] == "ok"
    await watcher.until(lambda: watcher.json("kitchen/queue")["length"] == tracks["total"] + 1)
    assert watcher.json("kitchen/queue")["items"][1]["title"] == tracks["items"][-1]["title"]
    assert (await watcher.ask("kitchen/play", {"media_id": "heos:nonsense"}))["error_code"] == "bad_payload"


async def test_favourites_by_number_and_by_name(house: House, watcher: Watcher) -> None:
    favorites = (await watcher.ask("bridge/request/heos/favorites", "{}"))["data"]
    assert [item["track_number"] for item in favorites["items"]] == [1, 2]
    assert (await watcher.ask("kitchen/play", {"favorite": "jazz & blues"}))["status"] == "ok"
    await watcher.until(lambda: watcher.json("kitchen/now_playing")["station"] == "Jazz & Blues")
    station = watcher.json("kitchen/now_playing")["media_id"]
    assert (await watcher.ask("living_room/play", {"favorite": 1}))["status"] == "ok"
    await watcher.until(lambda: watcher.json("living_room/now_playing")["station"] == "Radio One")
    assert (await watcher.ask("living_room/play", {"media_id": station}))["status"] == "ok"
    await watcher.until(lambda: watcher.json("living_room/now_playing")["station"] == "Jazz & Blues")
    reply = await watcher.ask("kitchen/play", {"favorite": "Jaz"})
    assert reply["error_code"] == "no_match"
    assert "Jazz & Blues" in reply["error"]
    assert (await watcher.ask("kitchen/play", {"favorite": 77}))["error_code"] == "out_of_range"


async def test_the_account_is_seen_in_health_at_once(house: House, watcher: Watcher) -> None:
    def account() -> str | None:
        return watcher.json("bridge/health")["heos"]["account"]

    await watcher.until(lambda: account() == "someone@example.org")
    assert (await watcher.ask("bridge/request/heos/sign_out", "{}"))["status"] == "ok"
    await watcher.until(lambda: account() == "signed_out")
    reply = await watcher.ask("bridge/request/heos/favorites", "{}")
    assert reply["error_code"] == "heos_error"
    assert "sign" in reply["error"]
    assert (await watcher.ask("kitchen/play", {"favorite": 1}))["error_code"] == "heos_error"
    house.heos.password = PASSWORD
    wrong = {"username": "me@example.org", "password": "not-this"}
    assert (await watcher.ask("bridge/request/heos/sign_in", wrong))["error_code"] == "heos_error"
    reply = await watcher.ask("bridge/request/heos/sign_in", wrong | {"password": PASSWORD})
    assert reply["status"] == "ok"
    await watcher.until(lambda: account() == "me@example.org")
    everything = b"".join(one.payload for one in watcher.seen if "answers" not in one.topic)
    assert b"not-this" not in everything.replace(json.dumps(wrong).encode(), b"")


async def test_requests_wait_for_their_turn_and_are_answered_at_the_end(
    house: House, watcher: Watcher
) -> None:
    house.heos.faults.delay["browse/browse"] = 3.0
    answers = [asyncio.create_task(watcher.ask("bridge/request/heos/browse", "local")) for _ in range(2)]
    await watcher.until(lambda: house.heos.received("browse/browse"))
    assert (await watcher.ask("kitchen/volume/set", "44", seconds=1.0))["status"] == "ok"
    for _ in range(16):
        await watcher.publish("bridge/request/heos/browse", '{"source": "local", "transaction": 1}')
    await watcher.until(
        lambda: any('"busy"' in one.text for one in watcher.all("bridge/response/heos/browse"))
    )
    assert {(await one)["status"] for one in answers} == {"ok"}


async def test_without_heos_the_requests_are_refused(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    zones = {"living_room": {"receiver": "denon"}}
    async with running(broker, tmp_path, address, heos=..., zones=zones):
        await watcher.wait("bridge/state", "online")
        for action in ("sources", "favorites", "playlists"):
            assert (await watcher.ask(f"bridge/request/heos/{action}", "{}"))["error_code"] == "unsupported"
        assert (await watcher.ask("bridge/request/heos/reboot", "{}"))["error_code"] == "forbidden"
        assert (await watcher.ask("living_room/group/set", "[]"))["error_code"] == "unsupported"


async def test_who_plays_whose_input(house: House, watcher: Watcher) -> None:
    inputs = (await watcher.ask("bridge/request/heos/browse", "inputs"))["data"]["items"]
    one = next(item for item in inputs if "Living Room" in item["title"] and "CD" in item["title"])
    assert (await watcher.ask("kitchen/play", {"media_id": one["media_id"]}))["status"] == "ok"
    played = house.heos.received("browse/play_input")[-1]
    assert (played.arguments["pid"], played.arguments["spid"]) == (str(KITCHEN), str(LIVING))
