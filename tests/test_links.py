"""Devices that close, hang, refuse and come back: the topics tell the truth, and all is whole after."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.house import KITCHEN, Broker, House, Watcher, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def house(broker: Broker, watcher: Watcher, tmp_path: Path, address: str) -> AsyncIterator[House]:
    async with running(broker, tmp_path, address) as one:
        await watcher.wait("kitchen/availability", "online")
        await watcher.wait("living_room/availability", "online")
        await watcher.wait("bridge/connection/receiver/denon", "online")
        yield one


async def test_a_receiver_that_loses_power_is_told_at_once(house: House, watcher: Watcher) -> None:
    volume = watcher.text("living_room/volume")
    loop = asyncio.get_running_loop()
    started = loop.time()
    await house.avr.power_off_hard()
    await watcher.wait("living_room/power", "None", 1)
    await watcher.wait("den/availability", "offline", 1)
    assert watcher.text("living_room/availability") == "online", "its player still answers"
    await watcher.wait("living_room/volume", "None", 1)  # the volume never changes its owner
    assert loop.time() - started < 1
    reply = await watcher.ask("living_room/volume/set", "30")
    assert reply["error_code"] == "receiver_offline"
    assert reply["retryable"] is True
    await asyncio.sleep(2)
    house.avr.state.main.volume = 77
    await house.avr.power_on_hard()
    back = loop.time()
    await watcher.wait("living_room/volume", "38.5", 2)
    await watcher.wait("bridge/connection/receiver/denon", "online", 2)
    assert loop.time() - back < 2
    assert volume != "38.5"
    assert house.frames("MV30") == [], "nothing is replayed"
    assert watcher.json("bridge/health")["links"]["receiver/denon"]["reconnects"] == 1


async def test_a_heos_system_that_loses_power(house: House, watcher: Watcher) -> None:
    loop = asyncio.get_running_loop()
    await house.heos.power_off()
    await watcher.wait("kitchen/availability", "offline", 1)
    await watcher.wait("kitchen/volume", "None", 1)
    assert watcher.text("bridge/connection/heos") in {"connecting", "offline"}
    assert (await watcher.ask("kitchen/volume/set", "30"))["error_code"] == "heos_offline"
    await watcher.wait("bridge/connection/heos", "offline", 3)
    house.heos.players[KITCHEN].level = 55
    await asyncio.sleep(2)
    await house.heos.power_on()
    back = loop.time()
    await watcher.wait("kitchen/volume", "55", 2)
    await watcher.wait("kitchen/availability", "online", 2)
    assert loop.time() - back < 2
    house.heos.turn_volume(KITCHEN, 56)
    await watcher.wait("kitchen/volume", "56", 1)
    assert (await watcher.ask("kitchen/volume/set", "57"))["status"] == "ok"


async def test_the_slot_is_taken(broker: Broker, watcher: Watcher, tmp_path: Path, address: str) -> None:
    house = running(broker, tmp_path, address)
    async with house as one:
        await watcher.wait("den/availability", "online")
        one.avr.faults.close_on_connect = True
        one.avr.faults.close_all()
        await watcher.wait("bridge/connection/receiver/denon", "busy", 6)
        reply = await watcher.ask("den/power/set", "ON")
        assert reply["error_code"] == "receiver_offline"
        assert "client" in watcher.json("bridge/health")["links"]["receiver/denon"]["last_error"]
        assert one.avr.connections_total < 15


async def test_nothing_is_there(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str, other_address: str
) -> None:
    nothing: dict[str, Any] = {
        "heos": {"host": other_address},
        "receivers": {"denon": {"host": other_address, "port": 9}},
    }
    async with running(broker, tmp_path, address, **nothing):
        await watcher.wait("bridge/state", "online", 1)
        await watcher.wait("bridge/connection/heos", "offline")
        await watcher.until(lambda: watcher.text("bridge/connection/receiver/denon") in {"offline", "busy"})
        await watcher.wait("kitchen/availability", "offline")
        await watcher.wait("kitchen/volume", "None")


async def test_old_values_stand_until_something_is_known(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    await watcher.publish("kitchen/volume", "17", retain=True)
    async with running(broker, tmp_path, address, heos_settings={"answer_delay": 0.3}):
        await watcher.wait("bridge/state", "online", 2)
        assert watcher.text("kitchen/volume") == "17"
        await watcher.wait("kitchen/volume", "20", 10)
        assert [one.text for one in watcher.all("kitchen/volume")] == ["17", "20"]


async def test_either_side_alone_is_a_complete_zone(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    zones = {"cinema": {"receiver": "denon"}, "kitchen": {"player": "SIM-KITCHEN"}}
    async with running(broker, tmp_path, address, zones=zones):
        await watcher.wait("cinema/state", "on")
        assert watcher.text("cinema/position") is None
        assert (await watcher.ask("cinema/command", "play"))["error_code"] == "unsupported"
        assert (await watcher.ask("kitchen/command", "stop"))["status"] == "ok"
        assert (await watcher.ask("kitchen/power/set", "ON"))["error_code"] == "unsupported"


async def test_a_player_that_leaves_and_returns(house: House, watcher: Watcher) -> None:
    gone = house.heos.players[KITCHEN]
    house.heos.remove_player(KITCHEN)
    await watcher.wait("kitchen/availability", "offline")
    assert {zone["id"] for zone in watcher.json("bridge/zones")} == {"living_room", "kitchen", "den"}
    assert (await watcher.ask("kitchen/volume/set", "30"))["error_code"] == "heos_offline"
    gone.pid = 4711  # a firmware update on the way
    house.heos.add_player(gone)
    await watcher.wait("kitchen/availability", "online")
    assert (await watcher.ask("kitchen/volume/set", "31"))["status"] == "ok"
    assert house.volumes(4711) == [31]


@pytest.mark.parametrize(
    "fault", ["send_garbage", "send_huge_line", "send_without_heos", "close_all", "reset_all"]
)
async def test_heos_nonsense_is_survived(house: House, watcher: Watcher, fault: str) -> None:
    house.heos.players[KITCHEN].level = 63  # without an event: only who connects again can know
    if fault == "send_huge_line":
        house.heos.send_huge_line(2_000_000)  # what a long list may have is read
    else:
        getattr(house.heos, fault)()
    await watcher.wait("kitchen/volume", "63", 14)
    house.heos.turn_volume(KITCHEN, 64)
    await watcher.wait("kitchen/volume", "64", 2)


async def test_eid_13_is_tried_again(house: House, watcher: Watcher) -> None:
    house.heos.faults.fail("player/set_volume", 13, 2)
    assert (await watcher.ask("kitchen/volume/set", "30"))["status"] == "ok"
    house.heos.faults.fail("player/set_volume", 14, 1)
    reply = await watcher.ask("kitchen/volume/set", "31")
    assert reply["error_code"] == "heos_error"
    assert "14" in reply["error"]
