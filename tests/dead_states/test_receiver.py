"""The dead states of a receiver's telnet session (denon.md 3.2), each during every load."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import pytest

from sugartalkd.simulator.avr import SlotPolicy
from tests.dead_states.trial import RECEIVER, Fault, endure_all, hasten
from tests.house import running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.house import Broker, House, Watcher


async def events_go_on(house: House, watcher: Watcher) -> None:
    await house.avr.turn_knob(1)
    await watcher.wait("living_room/volume", "33.5", 2)


# -- what breaks the link ------------------------------------------------------------------------------


async def unplug(house: House) -> None:
    await house.avr.power_off_hard()


async def plug_in(house: House) -> None:
    await house.avr.power_on_hard()


async def accept_and_close(house: House) -> None:
    house.avr.faults.close_on_connect = True
    house.avr.faults.close_all()


async def let_in(house: House) -> None:
    house.avr.faults.close_on_connect = False


async def kick(house: House) -> None:
    """Another client connects and takes the only session, for a moment."""
    house.avr.slot = SlotPolicy.KICK_OLD
    _, writer = await asyncio.open_connection(house.avr.host, house.avr.port)
    await asyncio.sleep(0.05)
    writer.close()
    await writer.wait_closed()


async def reset(house: House) -> None:
    house.avr.faults.reset_all()


async def close_after_a_few(house: House) -> None:
    """The receiver closes in the middle of being read."""
    house.avr.faults.close_after = 2
    house.avr.faults.close_all()
    await asyncio.sleep(0.6)


async def close_no_more(house: House) -> None:
    house.avr.faults.close_after = None


async def fall_silent(house: House) -> None:
    house.avr.faults.silent = True


async def speak_again(house: House) -> None:
    house.avr.faults.silent = False


async def answer_slowly(house: House) -> None:
    """The first `PW?` of the next session takes so long that 2 s would never do (denon.md 3.3)."""
    house.avr.faults.late["PW?"] = 2.3
    house.avr.faults.close_all()


async def answer_quickly(house: House) -> None:
    house.avr.faults.late.clear()


BREAKING: Final = (
    Fault("refused", unplug, plug_in, lasting=True, last_word="busy", look=events_go_on),
    Fault(
        "accepted, then closed", accept_and_close, let_in, lasting=True, last_word="busy", look=events_go_on
    ),
    Fault("kicked by another client", kick, look=events_go_on),
    Fault("reset", reset, look=events_go_on),
    Fault("closed while it is read", close_after_a_few, close_no_more, look=events_go_on),
    Fault("half-open", fall_silent, speak_again, noticed=3.0, lasting=True, look=events_go_on),
    Fault("slow first PW?", answer_slowly, look=events_go_on),
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
    async with running(broker, tmp_path, address) as house:
        await watcher.wait("bridge/connection/receiver/denon", "online")
        await watcher.wait("kitchen/availability", "online")
        await endure_all(house, watcher, RECEIVER, fault)
        assert house.avr.connections_total < 40


# -- what must not break it ----------------------------------------------------------------------------


async def send_megabytes(house: House) -> None:
    await house.avr.faults.send_megabytes(8)


async def send_garbage(house: House) -> None:
    await house.avr.faults.send_garbage()


async def send_cut_texts(house: House) -> None:
    await house.avr.faults.send_cut_texts()


async def nothing_odd_is_shown(house: House, watcher: Watcher) -> None:
    """A CR ends what had none; then the receiver is understood as before."""
    await house.avr.faults.send_raw(b"\r")
    for _ in range(10):
        before = watcher.text("den/volume")
        await house.avr.turn_knob(1, zone=2)
        await watcher.until(lambda before=before: watcher.text("den/volume") != before, 2)
    assert watcher.text("living_room/input") == "NET"
    assert "�" not in "".join(one.text for one in watcher.all("living_room/now_playing"))


async def go_deaf(house: House) -> None:
    """A set above the limit, and the receiver hears nothing for a while (integration-denonavr issue 149)."""
    house.avr.faults.deaf_over_limit = 0.6


async def deaf_for_a_while(house: House, watcher: Watcher) -> None:
    reply = await watcher.ask("den/volume/set", "79")
    assert reply["error_code"] in {"not_confirmed", "superseded"}, reply
    await watcher.until(lambda: watcher.text("den/volume") not in {"79", "None"})
    assert (await watcher.ask("den/volume/set", "22"))["status"] == "ok"
    await watcher.wait("den/volume", "22")


async def go_to_standby(house: House) -> None:
    house.avr.state.main.power = house.avr.state.zones[2].power = False
    await house.avr.press_power()
    await house.avr.press_power()


ENDURED: Final = (
    Fault("8 MB without CR", send_megabytes, noticed=None, look=nothing_odd_is_shown),
    Fault("garbage", send_garbage, noticed=None, look=nothing_odd_is_shown),
    Fault("cut UTF-8", send_cut_texts, noticed=None, look=nothing_odd_is_shown),
    Fault("deaf after an over-limit set", go_deaf, noticed=None, look=deaf_for_a_while),
)


@pytest.mark.parametrize("fault", ENDURED, ids=str)
async def test_the_link_stays_online(
    broker: Broker,
    watcher: Watcher,
    tmp_path: Path,
    address: str,
    fault: Fault,
) -> None:
    limited: dict[str, Any] = {"volume_limit": 150} if fault.name.startswith("deaf") else {}
    async with running(broker, tmp_path, address, avr_settings=limited) as house:
        await watcher.wait("bridge/connection/receiver/denon", "online")
        await watcher.wait("kitchen/availability", "online")
        await endure_all(house, watcher, RECEIVER, fault)
        assert {one.text for one in watcher.all("bridge/connection/receiver/denon")} <= {
            "connecting",
            "online",
        }
