"""What breaks a HEOS connection (heos.md 3.2), each during every load."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Final

import pytest

from tests.dead_states.trial import HEOS, ZONES, Fault, endure_all, events_go_on, hasten
from tests.house import KITCHEN, LIVING

if TYPE_CHECKING:
    from datetime import tzinfo
    from pathlib import Path

    from tests.house import Broker, House, Watcher


async def garbage(house: House) -> None:
    house.heos.send_garbage()


async def without_heos(house: House) -> None:
    house.heos.send_without_heos()


async def huge_line(house: House) -> None:
    house.heos.send_huge_line(2_000_000)


async def fall_silent(house: House) -> None:
    house.heos.faults.silent = True


async def speak_again(house: House) -> None:
    house.heos.faults.silent = False


class PastClock(datetime):
    """The wall clock, which an NTP server or the end of summer time may set back."""

    back: ClassVar[timedelta] = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # pyright: ignore[reportIncompatibleMethodOverride]
        return datetime.now(tz) - cls.back


async def fall_silent_in_the_past(house: House) -> None:
    PastClock.back += timedelta(hours=1)
    house.heos.faults.silent = True


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


async def everything_is_known(house: House, watcher: Watcher) -> None:
    """What one player refused to tell was asked for again."""
    assert "None" in {one.text for one in watcher.all("bath/mute")}
    await watcher.wait("bath/mute", "OFF", 3)
    await events_go_on(house, watcher)


async def one_reading_fails(house: House) -> None:
    house.heos.faults.fail("player/get_mute", 11, 2, pid=LIVING)
    house.heos.close_all()


BREAKING: Final = (
    Fault("1 a line that is no JSON", garbage, noticed=3.0, look=events_go_on),
    Fault("1 JSON without heos", without_heos, noticed=3.0, look=events_go_on),
    Fault("2 a line of 2 MB", huge_line, noticed=3.0, look=events_go_on),
    Fault("3 silent", fall_silent, speak_again, noticed=3.0, lasting=True, look=events_go_on),
    Fault("4 set-up fails", fail_while_setting_up, look=events_go_on),
    Fault("4 closed during set-up", close_while_setting_up, look=events_go_on),
    Fault("6 refused", power_off, power_on, lasting=True, last_word="offline", look=events_go_on),
    Fault("7 a command is pending", drop_a_pending_command, look=events_go_on),
    Fault("7 reset", reset, look=events_go_on),
    Fault("10 an event is being handled", drop_in_an_event, look=events_go_on),
    Fault(
        "14 the clock is set back",
        fall_silent_in_the_past,
        speak_again,
        noticed=3.0,
        lasting=True,
    ),
    Fault("15 one reading of one player fails", one_reading_fails, look=everything_is_known),
)


@pytest.mark.parametrize("fault", BREAKING, ids=str)
async def test_the_link_breaks_and_is_whole_again(
    broker: Broker, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    hasten(monkeypatch)
    for module in ("pyheos.connection", "sugartalkd.heos.session", "sugartalkd.heos.known"):
        monkeypatch.setattr(f"{module}.datetime", PastClock)
    await endure_all(broker, tmp_path, address, HEOS, fault, zones=ZONES, receivers=...)
