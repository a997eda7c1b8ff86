"""What the daemon itself keeps for a zone: ramps, limits for a while, sleep with a fade, snapshots."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sugartalkd.model import ZoneId
from sugartalkd.state import StateStore, now
from sugartalkd.zone.room import Kept, Room, SleepTimer
from sugartalkd.zone.room_file import FILE, Rooms
from tests.house import KITCHEN, LIVING, House, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path

    from sugartalkd.simulator.heos import HeosSimulator
    from tests.house import Broker, Watcher


@pytest.fixture
async def house(broker: Broker, watcher: Watcher, tmp_path: Path, address: str) -> AsyncIterator[House]:
    async with running(broker, tmp_path, address) as one:
        await watcher.wait("bridge/state", "online")
        await watcher.wait("bridge/connection/heos", "online")
        await watcher.wait("bridge/connection/receiver/denon", "online")
        yield one


# -- ramps ---------------------------------------------------------------------------------------------


async def test_a_ramp_moves_evenly_and_arrives_in_time(house: House, watcher: Watcher) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    reply = await watcher.ask("kitchen/volume/set", {"value": 40, "seconds": 3})
    took = loop.time() - began
    assert reply["status"] == "ok"
    assert 2.5 < took < 4.5
    volumes = house.volumes()
    assert volumes == sorted(volumes)
    assert volumes[-1] == 40
    assert len(volumes) >= 8
    assert volumes[len(volumes) // 2] in range(25, 36), "half way after half of the time"


async def test_a_ramp_of_a_receiver_goes_in_half_steps_below_the_limit(
    house: House, watcher: Watcher
) -> None:
    reply = await watcher.ask("living_room/volume/set", {"value": 95, "seconds": 1.5})
    assert reply["status"] == "ok"
    assert reply["data"]["clamped"] is True
    await watcher.wait("living_room/volume", "80")
    assert len(house.frames("MV")) > 4


@pytest.mark.parametrize("newer", ["17", "+2", '{"value": 22, "seconds": 1}'])
async def test_a_newer_command_ends_a_ramp(house: House, watcher: Watcher, newer: str) -> None:
    asked = asyncio.create_task(watcher.ask("kitchen/volume/set", {"value": 90, "seconds": 20}))
    await watcher.until(lambda: len(house.volumes()) > 2)
    assert (await watcher.ask("kitchen/volume/set", newer))["status"] == "ok"
    assert (await asked)["error_code"] == "superseded"
    count = len(house.volumes())
    await asyncio.sleep(0.6)
    assert len(house.volumes()) == count, "the ramp is over"


async def test_another_limit_ends_no_ramp(house: House, watcher: Watcher) -> None:
    asked = asyncio.create_task(watcher.ask("kitchen/volume/set", {"value": 60, "seconds": 2}))
    await watcher.until(lambda: len(house.volumes()) > 2)
    assert (await watcher.ask("kitchen/max_volume/set", {"value": 50, "minutes": 5}))["status"] == "ok"
    assert (await asked)["status"] == "ok"
    assert house.volumes()[-1] == 50


async def test_the_knob_ends_a_ramp(house: House, watcher: Watcher) -> None:
    asked = asyncio.create_task(watcher.ask("kitchen/volume/set", {"value": 90, "seconds": 30}))
    await watcher.until(lambda: len(house.volumes()) > 2)
    house.heos.turn_volume(KITCHEN, 5)
    reply = await asked
    assert reply["error_code"] == "superseded"
    assert "turned" in reply["error"]
    await watcher.wait("kitchen/volume", "5")


async def test_the_knob_ends_a_ramp_also_where_the_ramp_has_been(house: House, watcher: Watcher) -> None:
    asked = asyncio.create_task(watcher.ask("kitchen/volume/set", {"value": 80, "seconds": 6}, seconds=10))
    await watcher.until(lambda: house.volumes() and house.volumes()[-1] > 45)
    house.heos.turn_volume(KITCHEN, 30)
    reply = await asked
    assert reply["error_code"] == "superseded"
    assert "turned" in reply["error"]
    await watcher.wait("kitchen/volume", "30")


# -- a limit for a while -------------------------------------------------------------------------------


async def test_another_limit_holds_for_a_while(house: House, watcher: Watcher) -> None:
    await watcher.wait("living_room/max_volume", "80")
    assert watcher.text("living_room/max_volume_until") == "None"
    reply = await watcher.ask("living_room/max_volume/set", {"value": 40, "minutes": 0.1})
    assert reply["status"] == "ok"
    await watcher.wait("living_room/max_volume", "40")
    await watcher.wait("living_room/max_volume_until", reply["data"]["until"])
    reply = await watcher.ask("living_room/volume/set", "70")
    assert reply["data"] == {"clamped": True}
    await watcher.wait("living_room/volume", "40")
    await watcher.wait("living_room/max_volume", "80", seconds=8)
    await watcher.wait("living_room/max_volume_until", "None")
    assert (await watcher.ask("living_room/volume/set", "70"))["data"] == {}


async def test_a_limit_can_be_lifted_and_ended(house: House, watcher: Watcher) -> None:
    assert (await watcher.ask("living_room/max_volume/set", {"value": None, "minutes": 60}))["status"] == "ok"
    await watcher.wait("living_room/max_volume", "None")
    assert (await watcher.ask("living_room/volume/set", "90"))["data"] == {}
    assert (await watcher.ask("living_room/max_volume/set", "auto"))["status"] == "ok"
    await watcher.wait("living_room/max_volume", "80")


@pytest.mark.parametrize(
    ("payload", "code"),
    [("60", "bad_payload"), ('{"value": 60}', "bad_payload"), ('{"value": 99, "minutes": 5}', "out_of_range"),
     ('{"value": 60, "minutes": 0}', "out_of_range"), ('{"minutes": 5}', "bad_payload")],
)  # fmt: skip
async def test_what_is_no_limit_is_refused(house: House, watcher: Watcher, payload: str, code: str) -> None:
    assert (await watcher.ask("living_room/max_volume/set", payload))["error_code"] == code
    assert watcher.text("living_room/max_volume") == "80"


async def test_a_limit_outlives_a_restart(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    async with running(broker, tmp_path, address):
        await watcher.wait("kitchen/max_volume", "None")
        await watcher.wait("bridge/state", "online")
        await watcher.ask("kitchen/max_volume/set", {"value": 30, "minutes": 60})
    await watcher.wait("bridge/state", "offline")
    async with running(broker, tmp_path, address):
        await watcher.wait("bridge/state", "online")
        await watcher.wait("bridge/connection/heos", "online")
        await watcher.wait("kitchen/max_volume", "30")
        assert (await watcher.ask("kitchen/volume/set", "70"))["data"] == {"clamped": True}


# -- sleep ---------------------------------------------------------------------------------------------


async def _plays(house: House, watcher: Watcher, zone: str) -> None:
    await watcher.ask(f"{zone}/play", {"url": "http://127.0.0.1:9/a.mp3", "title": "A"})
    await watcher.wait(f"{zone}/state", "playing")


async def test_a_player_falls_asleep_with_a_fade_and_has_its_volume_back(
    house: House, watcher: Watcher
) -> None:
    await _plays(house, watcher, "kitchen")
    await watcher.ask("kitchen/volume/set", "24")
    assert (await watcher.ask("kitchen/sleep/set", {"value": 1, "fade": 58}))["status"] == "ok"
    await watcher.wait("kitchen/sleep", "1")
    house.volumes().clear()
    _advance(house, "kitchen", fade=3)
    await watcher.wait("kitchen/state", "idle", seconds=10)
    await watcher.wait("kitchen/volume", "24")
    await watcher.wait("kitchen/sleep", "0")
    volumes = house.volumes()[1:]
    down = volumes[: volumes.index(0) + 1]
    assert down == sorted(down, reverse=True)
    assert len(down) > 5
    assert volumes[-1] == 24
    await watcher.wait("kitchen/volume", "24")


async def test_a_fade_that_is_called_off_brings_the_volume_back(house: House, watcher: Watcher) -> None:
    await _plays(house, watcher, "kitchen")
    await watcher.ask("kitchen/volume/set", "24")
    await watcher.ask("kitchen/sleep/set", {"value": 1, "fade": 58})
    _advance(house, "kitchen", fade=6)
    await watcher.until(lambda: house.volumes()[-1] < 20)
    assert (await watcher.ask("kitchen/sleep/set", "0"))["status"] == "ok"
    await watcher.wait("kitchen/volume", "24")
    await asyncio.sleep(1)
    assert watcher.text("kitchen/state") == "playing"
    assert watcher.text("kitchen/sleep") == "0"


async def test_a_merged_zone_fades_and_is_off_then(house: House, watcher: Watcher) -> None:
    await _plays(house, watcher, "living_room")
    await watcher.ask("living_room/volume/set", "50")
    assert (await watcher.ask("living_room/sleep/set", {"value": 1, "fade": 60}))["status"] == "ok"
    _advance(house, "living_room", fade=2)
    await watcher.wait("living_room/state", "off", seconds=10)
    assert house.avr.state.main.volume == 100, "its volume is back before it went off"
    assert house.heos.players[LIVING].state == "stop"


async def test_the_receivers_own_timer_needs_no_fade(house: House, watcher: Watcher) -> None:
    assert (await watcher.ask("living_room/sleep/set", "30"))["status"] == "ok"
    assert house.frames("SLP")[-1] == "SLP030"
    await watcher.wait("living_room/sleep", "30")


@pytest.mark.parametrize(
    ("zone", "payload", "code"),
    [("den", {"value": 10, "fade": 5}, "unsupported"), ("kitchen", {"value": 1, "fade": 61}, "bad_payload"),
     ("kitchen", {"value": 121}, "out_of_range")],
)  # fmt: skip
async def test_what_is_no_sleep_is_refused(
    house: House, watcher: Watcher, zone: str, payload: dict[str, Any], code: str
) -> None:
    assert (await watcher.ask(f"{zone}/sleep/set", payload))["error_code"] == code


def _advance(house: House, zone: str, fade: int) -> None:
    """Let the timer be so near its end that only a fade of so many seconds is left."""
    house.daemon.rooms.room(ZoneId(zone)).set_timer(fade / 60, fade)


async def test_music_that_cannot_be_stopped_does_not_become_loud_again(
    house: House, watcher: Watcher
) -> None:
    await _plays(house, watcher, "kitchen")
    await watcher.ask("kitchen/volume/set", "24")
    house.heos.faults.fail("player/set_play_state", 9, None)
    _advance(house, "kitchen", fade=2)
    await watcher.until(lambda: house.volumes()[-1] == 0)
    await watcher.wait("kitchen/sleep", "0")
    await asyncio.sleep(1)
    assert watcher.text("kitchen/state") == "playing"
    assert house.volumes()[-1] == 0


async def test_a_member_that_cannot_leave_does_not_stop_the_others(house: House, watcher: Watcher) -> None:
    await watcher.ask("living_room/group/set", '["kitchen"]')
    await _plays(house, watcher, "living_room")
    await watcher.wait("kitchen/state", "playing")
    house.heos.faults.fail("group/set_group", 9, None)
    _advance(house, "kitchen", fade=1)
    await watcher.until(lambda: house.daemon.rooms.room(ZoneId("kitchen")).timer is None)
    await asyncio.sleep(0.5)
    assert house.heos.players[LIVING].state == "play"


async def test_a_fade_that_failed_brings_the_volume_back_at_its_end(house: House, watcher: Watcher) -> None:
    await _plays(house, watcher, "kitchen")
    await watcher.ask("kitchen/volume/set", "24")
    _advance(house, "kitchen", fade=4)
    await watcher.until(lambda: house.volumes()[-1] < 20)
    house.heos.faults.fail("player/set_volume", 9)
    await watcher.wait("kitchen/state", "idle", seconds=12)
    await watcher.wait("kitchen/volume", "24")


async def test_a_sleep_that_the_receiver_cannot_be_told_changes_nothing(
    house: House, watcher: Watcher
) -> None:
    room = house.daemon.rooms.room(ZoneId("living_room"))
    await watcher.ask("living_room/sleep/set", {"value": 20, "fade": 5})
    before = room.timer
    assert before is not None
    await house.avr.stop()
    await watcher.until(lambda: watcher.text("bridge/connection/receiver/denon") != "online")
    for payload in ({"value": 30, "fade": 10}, {"value": 0}):
        reply = await watcher.ask("living_room/sleep/set", payload)
        assert reply["error_code"] == "receiver_offline"
        assert room.timer == before


# -- snapshots -----------------------------------------------------------------------------------------


async def test_a_snapshot_brings_a_receivers_zone_back(house: House, watcher: Watcher) -> None:
    await watcher.ask("living_room/set", {"input": "TV box", "sound_mode": "STEREO", "volume": 31.5})
    assert (await watcher.ask("living_room/snapshot/save", "evening"))["status"] == "ok"
    await watcher.until(lambda: watcher.json("living_room/snapshots") == ["evening"])
    await watcher.ask("living_room/set", {"input": "BD", "sound_mode": "MCH STEREO", "volume": 50})
    await watcher.ask("living_room/power/set", "OFF")
    reply = await watcher.ask("living_room/snapshot/restore", "evening", seconds=20)
    assert reply["status"] == "ok", reply
    assert reply["data"]["restored"][:4] == ["power", "input", "sound_mode", "volume"]
    await watcher.wait("living_room/power", "ON")
    await watcher.wait("living_room/input", "TV box")
    await watcher.wait("living_room/sound_mode", "STEREO")
    await watcher.wait("living_room/volume", "31.5")


async def test_a_snapshot_of_a_zone_that_was_off_switches_it_off(house: House, watcher: Watcher) -> None:
    await watcher.ask("den/power/set", "OFF")
    await watcher.ask("den/snapshot/save", "night")
    await watcher.ask("den/power/set", "ON")
    await watcher.wait("den/power", "ON")
    reply = await watcher.ask("den/snapshot/restore", "night", seconds=20)
    assert reply["data"]["restored"][-1] == "power"
    await watcher.wait("den/power", "OFF")


async def test_a_member_that_comes_back_to_its_group_leaves_the_leaders_music_alone(
    house: House, watcher: Watcher
) -> None:
    await _plays(house, watcher, "living_room")
    await watcher.ask("living_room/group/set", '["kitchen"]')
    await watcher.wait("kitchen/state", "playing")
    await watcher.ask("living_room/command", "pause")
    await watcher.wait("kitchen/state", "paused")
    await watcher.ask("kitchen/snapshot/save", "party")
    await watcher.ask("living_room/group/set", "[]")
    await watcher.ask("living_room/command", "play")
    await watcher.wait("living_room/state", "playing")
    reply = await watcher.ask("kitchen/snapshot/restore", "party")
    assert reply["status"] == "ok", reply
    assert "group" in reply["data"]["restored"]
    assert house.heos.players[LIVING].state == "play"


async def test_snapshots_outlive_a_restart_and_can_be_deleted(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    async with running(broker, tmp_path, address):
        await watcher.wait("bridge/connection/heos", "online")
        await watcher.wait("kitchen/volume", "20")
        await watcher.ask("kitchen/snapshot/save", {"name": "Fäst"})
    await watcher.wait("bridge/state", "offline")
    async with running(broker, tmp_path, address) as house:
        await watcher.wait("bridge/state", "online")
        await watcher.wait("bridge/connection/heos", "online")
        await watcher.until(lambda: watcher.json("kitchen/snapshots") == ["Fäst"])
        await watcher.ask("kitchen/volume/set", "50")
        assert (await watcher.ask("kitchen/snapshot/restore", "Fäst"))["status"] == "ok"
        assert house.volumes()[-1] == 20
        assert (await watcher.ask("kitchen/snapshot/delete", "Fäst"))["status"] == "ok"
        await watcher.until(lambda: watcher.json("kitchen/snapshots") == [])
        assert (await watcher.ask("kitchen/snapshot/restore", "Fäst"))["error_code"] == "no_match"


@pytest.mark.parametrize(
    ("verb", "payload", "code"),
    [("save", "a/b", "bad_payload"), ("save", "x" * 65, "bad_payload"), ("restore", "nothing", "no_match"),
     ("delete", "nothing", "no_match"), ("save", "{}", "bad_payload")],
)  # fmt: skip
async def test_what_is_no_snapshot_is_refused(
    house: House, watcher: Watcher, verb: str, payload: str, code: str
) -> None:
    assert (await watcher.ask(f"kitchen/snapshot/{verb}", payload))["error_code"] == code


async def test_a_zone_has_twenty_snapshots_at_most(house: House, watcher: Watcher) -> None:
    for number in range(20):
        await watcher.publish("kitchen/snapshot/save", f"s{number}")
    assert (await watcher.ask("kitchen/snapshot/save", "one more"))["error_code"] == "out_of_range"
    assert (await watcher.ask("kitchen/snapshot/save", "s3"))["status"] == "ok", "the same name is replaced"


# -- the file ------------------------------------------------------------------------------------------


def test_a_broken_file_is_set_aside_and_one_broken_zone_harms_no_other(tmp_path: Path) -> None:
    file = tmp_path / FILE
    file.write_text("{")
    Rooms(file, StateStore())
    assert (tmp_path / f"{FILE}.broken").exists()
    good = {"snapshots": {}, "timer": None, "limit": {"value": 30, "until": "2999-01-01T00:00:00+00:00"}}
    bad: list[Any] = [
        7, {}, good | {"limit": {"value": 3, "until": "2999-01-01T00:00:00"}},
        good | {"snapshots": {"a": {"colour": 1}}}, good | {"timer": {"until": 5, "fade": 1}},
        good | {"snapshots": []}, good | {"snapshots": {"a": "x"}},
        good | {"timer": {"until": "2999-01-01T00:00:00+00:00", "fade": float("inf")}},
    ]  # fmt: skip
    file.write_text(json.dumps({"good": good} | {f"bad{number}": one for number, one in enumerate(bad)}))
    rooms = Rooms(file, StateStore())
    limit = rooms.room(ZoneId("good")).limit
    assert limit is not None
    assert limit.value == 30
    for number in range(len(bad)):
        assert rooms.room(ZoneId(f"bad{number}")).limit is None


async def test_a_timer_of_an_earlier_run_is_due_at_once() -> None:
    due: list[SleepTimer] = []
    kept = Kept({}, SleepTimer(_past(), 30))
    room = Room(ZoneId("z"), kept, StateStore(), lambda _kept: None)
    task = asyncio.create_task(room.run(due.append), name="Task-room")
    await asyncio.sleep(0.05)
    assert due == [kept.timer]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _past() -> datetime:
    return now() - timedelta(hours=1)


@pytest.mark.parametrize(("ago", "asleep"), [(20, True), (3600, False)])
async def test_a_timer_that_fell_due_while_the_daemon_was_away(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str, ago: int, asleep: bool
) -> None:
    due = (now() - timedelta(seconds=ago)).isoformat()
    kept = {"kitchen": {"snapshots": {}, "timer": {"until": due, "fade": 5}, "limit": None}}
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / FILE).write_text(json.dumps(kept))

    def playing(heos: HeosSimulator) -> None:
        heos.play_url(KITCHEN, "http://127.0.0.1:9/a.mp3")

    async with running(broker, tmp_path, address, prepare=playing) as house:
        await watcher.wait("bridge/state", "online")
        if asleep:
            await watcher.until(lambda: house.heos.players[KITCHEN].state == "stop")
        await watcher.wait("kitchen/sleep", "0")
        await watcher.wait("kitchen/state", "idle" if asleep else "playing")
