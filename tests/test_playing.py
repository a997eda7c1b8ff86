"""Playing in a zone with a receiver: what is switched on and over, in which order, and what is said of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.house import KITCHEN, LIVING, Watcher, running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.house import Broker, House

URL: Final = {"url": "http://127.0.0.1:9/a.mp3"}


def _zones(**changes: Any) -> dict[str, Any]:
    """A zone whose player is inside its receiver, and one whose player is a box on an input of it."""
    inside = {"receiver": "denon", "player": "Living Room"}
    beside = {"receiver": "denon", "player": "Kitchen", "player_input": "CD"}
    return {"living_room": inside if changes["player"] == "Living Room" else beside}


async def _all_up(watcher: Watcher) -> None:
    for link in ("receiver/denon", "heos"):
        await watcher.wait(f"bridge/connection/{link}", "online")
    await watcher.until(lambda: watcher.text("living_room/input") not in {None, "None"})


def _streams(house: House, pid: int) -> list[str]:
    return [one.command for one in house.heos.ledger if one.command == "browse/play_stream"
            and one.arguments["pid"] == str(pid)]  # fmt: skip


async def test_a_box_on_an_input_is_chosen_before_it_starts(
    broker: Broker, tmp_path: Path, address: str
) -> None:
    async with (
        running(broker, tmp_path, address, zones=_zones(player="Kitchen")) as house,
        Watcher(broker) as watcher,
    ):
        await _all_up(watcher)
        await watcher.ask("living_room/power/set", "OFF")
        reply = await watcher.ask("living_room/play", URL | {"volume": 33}, seconds=15)
        assert reply["status"] == "ok", reply
        assert watcher.text("living_room/power") == "ON"
        assert watcher.text("living_room/input") == "CD"
        assert _streams(house, KITCHEN)


async def test_nothing_starts_while_the_receiver_is_away(
    broker: Broker, tmp_path: Path, address: str
) -> None:
    async with (
        running(broker, tmp_path, address, zones=_zones(player="Kitchen")) as house,
        Watcher(broker) as watcher,
    ):
        await _all_up(watcher)
        await house.avr.power_off_hard()
        await watcher.until(lambda: watcher.text("bridge/connection/receiver/denon") != "online")
        reply = await watcher.ask("living_room/play", URL, seconds=15)
        assert (reply["error_code"], reply["error"].partition(":")[0]) == ("receiver_offline", "power")
        assert not _streams(house, KITCHEN)


@pytest.mark.parametrize("follows", [True, False])
async def test_a_player_inside_starts_and_the_receiver_follows_or_is_told(
    broker: Broker, tmp_path: Path, address: str, follows: bool
) -> None:
    async with (
        running(broker, tmp_path, address, zones=_zones(player="Living Room")) as house,
        Watcher(broker) as watcher,
    ):
        await _all_up(watcher)
        await watcher.ask("living_room/input/set", "SAT/CBL")
        await watcher.ask("living_room/power/set", "OFF")
        sent = len(house.frames())
        answer = asyncio.ensure_future(watcher.ask("living_room/play", URL, seconds=15))
        await watcher.until(lambda: _streams(house, LIVING))
        if follows:
            await house.avr.heos_starts()
        assert (await answer)["status"] == "ok"
        assert watcher.text("living_room/input") == "NET"
        told = [frame for frame in house.frames()[sent:] if frame in {"ZMON", "PWON", "SINET"}]
        assert bool(told) is not follows


async def test_announcements_wait_for_each_other_and_leave_the_volume(
    broker: Broker, tmp_path: Path, address: str
) -> None:
    async with running(broker, tmp_path, address) as house, Watcher(broker) as watcher:
        await watcher.wait("bridge/connection/heos", "online")
        house.heos.url_duration_ms = 500
        await watcher.ask("kitchen/volume/set", "20")
        house.heos.ledger.clear()
        replies = await asyncio.gather(
            *(watcher.ask("kitchen/announce", URL | {"volume": volume}, 10) for volume in (30, 50))
        )
        assert [one["status"] for one in replies] == ["ok", "ok"]
        assert house.volumes() == [30, 20, 50, 20]
        assert all("volume" in one["data"]["restored"] for one in replies)
