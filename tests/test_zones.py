"""Commands reach the right device and state comes back: the house as its owner sees it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from tests.house import KITCHEN, LIVING, Broker, House, Watcher, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def house(broker: Broker, watcher: Watcher, tmp_path: Path, address: str) -> AsyncIterator[House]:
    async with running(broker, tmp_path, address) as one:
        await watcher.wait("bridge/connection/heos", "online")
        await watcher.wait("bridge/connection/receiver/denon", "online")
        await watcher.until(
            lambda: {"sugartalk/kitchen", "sugartalk/living_room", "sugartalk/den"} <= watcher.newest.keys()
        )
        yield one


async def test_what_a_newcomer_sees(house: House, watcher: Watcher) -> None:
    await watcher.wait("bridge/state", "online")
    await watcher.wait("living_room/volume", str(house.avr.state.main.volume / 2).removesuffix(".0"))
    assert watcher.text("kitchen/volume") == "20"
    assert watcher.text("kitchen/state") == "idle"
    assert watcher.text("kitchen/title") == "None"
    assert watcher.text("kitchen/power") is None, "a topic that the zone cannot have is never published"
    assert watcher.text("den/state") in {"on", "off"}
    assert watcher.text("den/sound_mode") is None
    zones = {zone["id"]: zone for zone in watcher.json("bridge/zones")}
    assert zones.keys() == {"living_room", "kitchen", "den"}
    assert zones["living_room"]["volume"] == {"min": 0, "max": 98, "step": 0.5, "max_volume": 80}
    assert zones["kitchen"]["volume"] == {"min": 0, "max": 100, "step": 1, "max_volume": None}
    assert {"id": "SAT/CBL", "name": "TV box", "label": None, "hidden": False} in zones["living_room"][
        "inputs"
    ]
    info = watcher.json("bridge/info")
    assert info["mqtt_protocol"] == "5"
    assert info["config"]["mqtt"]["password"] is None
    health = watcher.json("bridge/health")
    assert health["links"]["heos"]["state"] == "online"
    assert health["memory"] > 1_000_000


async def test_a_volume_is_exact_in_half_steps(house: House, watcher: Watcher) -> None:
    reply = await watcher.ask("living_room/volume/set", "35.5")
    assert reply["status"] == "ok"
    assert house.frames("MV3") == ["MV355"]
    await watcher.wait("living_room/volume", "35.5")
    await watcher.wait("living_room/volume_db", "-44.5")
    assert (await watcher.ask("living_room/volume_db/set", {"value": -50}))["status"] == "ok"
    await watcher.wait("living_room/volume", "30")
    await watcher.until(lambda: watcher.json("living_room")["volume"] == 30)


async def test_the_limit_clamps_before_sending(house: House, watcher: Watcher) -> None:
    reply = await watcher.ask("living_room/volume/set", "95")
    assert reply["status"] == "ok"
    assert reply["data"]["clamped"] is True
    assert house.frames("MV8") == ["MV80"]
    refused = await watcher.ask("living_room/volume/set", "99")
    assert refused["error_code"] == "out_of_range"
    refused = await watcher.ask("living_room/volume/set", "0.35")
    assert refused["error_code"] == "bad_payload"


async def test_the_knob_is_reported_above_the_limit(house: House, watcher: Watcher) -> None:
    house.avr.state.main.volume = 161
    await house.avr.turn_knob(1)
    await watcher.wait("living_room/volume", "81")


async def test_relative_steps_add_up(house: House, watcher: Watcher) -> None:
    await watcher.ask("kitchen/volume/set", "40")
    for _ in range(5):
        await watcher.publish("kitchen/volume/set", "+2")
    await watcher.wait("kitchen/volume", "50")
    await watcher.publish("kitchen/command", "volume_down")
    await watcher.wait("kitchen/volume", "49")


async def test_input_by_any_name(house: House, watcher: Watcher) -> None:
    for wished in ("tv BOX", "SAT/CBL", "sat/cbl"):
        assert (await watcher.ask("living_room/input/set", wished))["status"] == "ok"
        await watcher.wait("living_room/input", "TV box")
        assert watcher.text("living_room/state") == "on"
    assert watcher.json("living_room/now_playing")["source"] == "receiver"
    assert watcher.json("living_room/now_playing")["source_name"] == "TV box"
    refused = await watcher.ask("living_room/input/set", "toaster")
    assert refused["error_code"] == "out_of_range"
    assert "TV box" in refused["error"]
    await watcher.ask("living_room/input/set", "NET")
    await watcher.wait("living_room/state", "idle")


async def test_sound_mode_sleep_mute_power(house: House, watcher: Watcher) -> None:
    assert (await watcher.ask("living_room/sound_mode/set", "movie"))["status"] == "ok"
    assert (await watcher.ask("living_room/sleep/set", "30"))["status"] == "ok"
    await watcher.wait("living_room/sleep", "30")
    assert (await watcher.ask("living_room/sleep/set", "0"))["status"] == "ok"
    await watcher.wait("living_room/sleep", "0")
    assert (await watcher.ask("living_room/mute/set", "toggle"))["status"] == "ok"
    await watcher.wait("living_room/mute", "ON")
    assert (await watcher.ask("living_room/power/set", "OFF"))["status"] == "ok"
    await watcher.wait("living_room/power", "OFF")
    await watcher.wait("living_room/state", "off")
    assert watcher.json("living_room/now_playing")["title"] is None
    assert (await watcher.ask("living_room/command", "power_toggle"))["status"] == "ok"
    await watcher.wait("living_room/power", "ON")
    assert [json.loads(one.payload)["power"] for one in watcher.all("living_room/event")
            if b"power_changed" in one.payload] == ["OFF", "ON"]  # fmt: skip


async def test_zone_2_is_a_zone(house: House, watcher: Watcher) -> None:
    assert (await watcher.ask("den/power/set", "ON"))["status"] == "ok"
    await watcher.wait("den/power", "ON")
    assert (await watcher.ask("den/volume/set", "40.5"))["status"] == "ok"
    await watcher.wait("den/volume", "40.5")
    assert (await watcher.ask("den/input/set", "TUNER"))["status"] == "ok"
    assert (await watcher.ask("den/mute/set", "ON"))["status"] == "ok"
    await watcher.wait("den/mute", "ON")
    assert (await watcher.ask("den/sound_mode/set", "STEREO"))["error_code"] == "unsupported"


async def test_play_a_url_and_transport(house: House, watcher: Watcher) -> None:
    reply = await watcher.ask(
        "kitchen/play", {"url": "http://127.0.0.1:9/song.mp3?a=1&b=2", "title": "Song", "artist": "Someone",
                         "volume": 33},
    )  # fmt: skip
    assert reply["status"] == "ok", reply
    await watcher.wait("kitchen/state", "playing")
    await watcher.wait("kitchen/title", "Song")
    assert watcher.text("kitchen/volume") == "33"
    await watcher.until(lambda: watcher.json("kitchen/now_playing")["source"] == "url")
    told = [one.payload for one in watcher.seen if not one.topic.endswith("/play")]
    assert b"127.0.0.1:9" not in b"".join(told), "no media URL on any topic of ours"
    for verb, state in (("pause", "paused"), ("toggle", "playing"), ("stop", "idle")):
        assert (await watcher.ask("kitchen/command", verb))["status"] == "ok"
        await watcher.wait("kitchen/state", state)
    await watcher.wait("kitchen/title", "None")
    assert (await watcher.ask("kitchen/repeat/set", "all"))["status"] == "ok"
    await watcher.wait("kitchen/repeat", "all")
    assert (await watcher.ask("kitchen/shuffle/set", "toggle"))["status"] == "ok"
    await watcher.wait("kitchen/shuffle", "ON")
    assert watcher.text("kitchen/repeat") == "all"


@pytest.mark.parametrize(
    "url",
    [
        "http://h/a\r\nheos://system/reboot",
        "http://h/a b",
        "https://h/a",
        "http://user:secret@h/a",
        "http://h/" + "a" * 250,
        "http:///a",
        "file:///etc/passwd",
        "http://h/\u00e9",
    ],
)
async def test_a_url_cannot_carry_a_second_command(house: House, watcher: Watcher, url: str) -> None:
    reply = await watcher.ask("kitchen/play", {"url": url})
    assert reply["error_code"] == "bad_payload"
    assert not [one for one in house.heos.ledger if one.command in {"browse/play_stream", "system/reboot"}]


async def test_several_attributes_at_once(house: House, watcher: Watcher) -> None:
    await watcher.ask("living_room/power/set", "OFF")
    reply = await watcher.ask(
        "living_room/set", {"mute": "OFF", "volume": 25, "input": "BD", "power": "ON", "transaction": 7}, 15
    )
    assert reply["status"] == "ok", reply
    assert reply["data"] == {"power": "ok", "input": "ok", "volume": "ok", "mute": "ok"}
    assert reply["transaction"] == 7
    await watcher.wait("living_room/volume", "25")
    sent = house.frames()
    assert sent.index("SIBD") < sent.index("MV25")


async def test_several_attributes_are_checked_whole_first(house: House, watcher: Watcher) -> None:
    before = len(house.frames("MV"))
    reply = await watcher.ask("living_room/set", {"volume": 25, "input": "toaster"})
    assert reply["error_code"] == "out_of_range"
    assert len(house.frames("MV")) == before
    assert (await watcher.ask("living_room/set", {"volume": 25, "colour": "red"}))[
        "error_code"
    ] == "bad_payload"
    house.avr.faults.swallow.add("SI")
    reply = await watcher.ask("living_room/set", {"volume": 25, "input": "CD", "mute": "ON"})
    assert reply["error_code"] == "not_confirmed"
    assert reply["data"] == {"input": "not_confirmed", "volume": "skipped", "mute": "skipped"}


@pytest.mark.parametrize(
    ("topic", "value", "prefix"),
    [("volume", "40", "MV"), ("mute", "toggle", "MU"), ("input", "CD", "SI"), ("sleep", "20", "SLP"),
     ("power", "toggle", "ZM"), ("sound_mode", "GAME", "MS")],
)  # fmt: skip
async def test_nothing_is_ok_that_the_receiver_swallowed(
    house: House, watcher: Watcher, topic: str, value: str, prefix: str
) -> None:
    house.avr.faults.swallow |= {prefix, "PWON", "PWSTANDBY"}
    before = watcher.text(f"living_room/{topic}")
    reply = await watcher.ask(f"living_room/{topic}/set", value)
    assert reply["error_code"] == "not_confirmed", reply
    assert watcher.text(f"living_room/{topic}") == before


async def test_get_reads_again_and_publishes_again(house: House, watcher: Watcher) -> None:
    count = len(watcher.all("kitchen/volume"))
    asked = len([one for one in house.heos.ledger if one.command == "player/get_volume"])
    assert (await watcher.ask("kitchen/get", "volume"))["status"] == "ok"
    await watcher.until(lambda: len(watcher.all("kitchen/volume")) == count + 1)
    assert len([one for one in house.heos.ledger if one.command == "player/get_volume"]) > asked
    house.heos.players[KITCHEN].level = 77  # behind our back, without an event
    await watcher.publish("kitchen/get")
    await watcher.wait("kitchen/volume", "77")


async def test_repeat_and_shuffle_do_not_undo_each_other(house: House, watcher: Watcher) -> None:
    """HEOS sets both at once, and its events may come late."""
    house.heos.faults.late_events = 0.5
    reply = await watcher.ask("kitchen/set", {"repeat": "all", "shuffle": "ON"})
    assert reply["status"] == "ok"
    await watcher.wait("kitchen/repeat", "all")
    await watcher.wait("kitchen/shuffle", "ON")
    sent = house.heos.received("player/set_play_mode")
    assert [(one.arguments["repeat"], one.arguments["shuffle"]) for one in sent] == [
        ("on_all", "off"), ("on_all", "on"),
    ]  # fmt: skip


async def test_position_is_sparse_and_does_not_jump_back(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    async with running(broker, tmp_path, address, heos_settings={"progress_interval": 0.05}) as house:
        await watcher.wait("kitchen/state", "idle")
        await watcher.ask("kitchen/play", {"url": "http://127.0.0.1:9/a.mp3"})
        await watcher.wait("kitchen/state", "playing")
        await asyncio.sleep(1.5)
        positions = [one.text for one in watcher.all("kitchen/position")]
        assert len(positions) <= 4, positions
        house.heos.seek(KITCHEN, 100)
        await watcher.until(lambda: (watcher.text("kitchen/position") or "").startswith("10"))
        await watcher.until(lambda: watcher.json("kitchen/now_playing")["position"] in {100, 101})
        assert len([one for one in watcher.seen if one.topic.endswith("now_playing")]) < 30


async def test_the_apps_own_doings_are_seen(house: House, watcher: Watcher) -> None:
    house.heos.turn_volume(KITCHEN, 61)
    await watcher.wait("kitchen/volume", "61")
    house.heos.press_mute(KITCHEN)
    await watcher.wait("kitchen/mute", "ON")
    house.heos.playback_error(KITCHEN, "Could Not Download")
    await watcher.until(
        lambda: any(b"Could Not Download" in one.payload for one in watcher.all("kitchen/event"))
    )


async def test_the_merged_zone_follows_the_receiver(house: House, watcher: Watcher) -> None:
    house.heos.set_state(LIVING, "play")
    await house.avr.heos_starts()
    await watcher.wait("living_room/state", "playing")
    await house.avr.select_input("BD")
    await watcher.wait("living_room/state", "on")
    await watcher.wait("living_room/title", "None")
    assert any(b"input_changed" in one.payload for one in watcher.all("living_room/event"))
    house.heos.turn_volume(LIVING, 12)  # not the owner: volume belongs to the receiver
    await asyncio.sleep(0.2)
    assert watcher.text("living_room/volume") != "12"


async def test_automatic_zones(broker: Broker, watcher: Watcher, tmp_path: Path, address: str) -> None:
    async with running(broker, tmp_path, address, automatic=True) as house:
        await watcher.wait("bridge/state", "online")
        await watcher.wait("denon/availability", "online")
        await watcher.until(lambda: any(zone["player"] for zone in watcher.json("bridge/zones")))
        zones = {zone["id"]: zone for zone in watcher.json("bridge/zones")}
        assert zones.keys() == {"denon", "kitchen"}
        assert zones["denon"]["player"] == "Living Room", "a player at the receiver's address is inside it"
        house.heos.players[KITCHEN].name = "Küche"
        house.heos.send_event("event/players_changed")
        await watcher.until(lambda: "Küche" in watcher.text("bridge/zones"))  # type: ignore[operator]
        assert {zone["id"] for zone in watcher.json("bridge/zones")} == {"denon", "kitchen"}
    saved = json.loads((tmp_path / "state/zones.json").read_text())
    assert saved["SIM-KITCHEN"]["zone"] == "kitchen"


@pytest.mark.parametrize(
    ("topic", "payload", "named"),
    [("kitchen/set", {"volume": 30}, "volume: "),
     ("kitchen/play", {"url": "http://127.0.0.1:9/a.mp3", "volume": 30}, "volume: ")],
)  # fmt: skip
async def test_a_refusal_of_one_of_several_is_the_devices_and_no_fault_of_ours(
    house: House, watcher: Watcher, topic: str, payload: dict[str, object], named: str
) -> None:
    house.heos.faults.fail("player/set_volume", 9)
    reply = await watcher.ask(topic, payload)
    assert reply["error_code"] == "heos_error"
    assert reply["error"].startswith(named)
