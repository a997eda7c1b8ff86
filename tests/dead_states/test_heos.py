"""The dead states of a HEOS connection (heos.md 3.2), each while the house is idle, plays, slides and browses."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.dead_states.trial import HEOS, Fault, endure_all, hasten, kitchen
from tests.house import KITCHEN, LIVING, running

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from tests.house import Broker, House, Watcher

ZONES: Final = {"kitchen": {"player": "Kitchen"}, "bath": {"player": "Living Room"}}


@asynccontextmanager
async def home(
    broker: Broker, watcher: Watcher, folder: Path, address: str, **config: Any
) -> AsyncGenerator[House]:
    """Two players without a receiver, all online."""
    async with running(broker, folder, address, zones=ZONES, receivers=..., **config) as house:
        await watcher.wait("kitchen/availability", "online")
        await watcher.wait("bath/availability", "online")
        yield house


# -- what breaks the link ------------------------------------------------------------------------------


async def garbage(house: House) -> None:
    house.heos.send_garbage()


async def without_heos(house: House) -> None:
    house.heos.send_without_heos()


async def huge_line(house: House) -> None:
    house.heos.send_huge_line()


async def fall_silent(house: House) -> None:
    house.heos.faults.silent = True


async def speak_again(house: House) -> None:
    house.heos.faults.silent = False


async def close(house: House) -> None:
    house.heos.close_all()


async def reset(house: House) -> None:
    house.heos.reset_all()


async def power_off(house: House) -> None:
    await house.heos.power_off()


async def power_on(house: House) -> None:
    await house.heos.power_on()


async def fail_while_setting_up(house: House) -> None:
    """As soon as it is connected again something fails, once busy and once for good."""
    faults = house.heos.faults
    faults.fail("system/register_for_change_events", 12)
    faults.fail("player/get_players", 11)
    faults.fail("player/get_players", 13)
    house.heos.close_all()


async def close_while_setting_up(house: House) -> None:
    house.heos.faults.close_during_setup = 2
    house.heos.close_all()


async def drop_a_pending_command(house: House) -> None:
    house.heos.faults.delay["player/set_volume"] = 1.5
    await asyncio.sleep(0.1)
    house.heos.close_all()


async def drop_in_an_event(house: House) -> None:
    """The connection ends while what an event announced is being read."""
    house.heos.faults.delay["player/get_now_playing_media"] = 0.3
    house.heos.play_url(KITCHEN, "http://127.0.0.1/new.mp3")
    await asyncio.sleep(0.1)
    assert house.heos.received("player/get_now_playing_media"), "the event is being handled"
    house.heos.close_all()


async def events_go_on(house: House, watcher: Watcher) -> None:
    house.heos.turn_volume(KITCHEN, 17)
    await watcher.wait("kitchen/volume", "17", 2)


async def one_reading_fails(house: House) -> None:
    house.heos.faults.fail("player/get_mute", 11, 2, pid=LIVING)
    house.heos.close_all()


BREAKING: Final = (
    Fault("1 a line that is no JSON", garbage, noticed=3.0, look=events_go_on),
    Fault("1 JSON without heos", without_heos, noticed=3.0, look=events_go_on),
    Fault("2 a line of 70 kB", huge_line, noticed=3.0, look=events_go_on),
    Fault("3 silent", fall_silent, speak_again, noticed=3.0, lasting=True, look=events_go_on),
    Fault("4 set-up fails", fail_while_setting_up, look=events_go_on),
    Fault("4 closed during set-up", close_while_setting_up, look=events_go_on),
    Fault("6 refused", power_off, power_on, lasting=True, last_word="offline", look=events_go_on),
    Fault("7 a command is pending", drop_a_pending_command, look=events_go_on),
    Fault("7 reset", reset, look=events_go_on),
    Fault("10 an event is being handled", drop_in_an_event, look=events_go_on),
    Fault("15 one reading of one player fails", one_reading_fails, look=events_go_on),
)


@pytest.mark.parametrize("fault", BREAKING, ids=str)
async def test_the_link_breaks_and_is_whole_again(
    broker: Broker,
    watcher: Watcher,
    tmp_path: Path,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
) -> None:
    hasten(monkeypatch)
    async with home(broker, watcher, tmp_path, address) as house:
        await endure_all(house, watcher, HEOS, fault)
        assert kitchen(house).level == 17
        assert not house.heos.received("system/sign_out")
