"""The dead states of a receiver's telnet session (denon.md 3.2), each during every load."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import pytest

from sugartalkd.simulator.avr import SlotPolicy, StandbyAnswers
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
    await asyncio.sleep(0.3)


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


BREAKING: Final = (
    Fault("refused", unplug, plug_in, lasting=True, last_word="busy", look=events_go_on),
    Fault("accepted and closed", accept_and_close, let_in, lasting=True, last_word="busy", look=events_go_on),
    Fault("kicked by another client", kick, look=events_go_on),
    Fault("reset", reset, look=events_go_on),
    Fault("closed while it is read", close_after_a_few, close_no_more, look=events_go_on),
    Fault("half-open", fall_silent, speak_again, noticed=3.0, lasting=True, look=events_go_on),
)
KICKING: Final = {"slot": SlotPolicy.KICK_OLD}


@pytest.mark.parametrize("fault", BREAKING, ids=str)
async def test_the_link_breaks_and_is_whole_again(
    broker: Broker, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    hasten(monkeypatch)
    settings = KICKING if fault.strike is kick else {}
    await endure_all(broker, tmp_path, address, RECEIVER, fault, avr_settings=settings)


async def test_a_slow_first_answer(broker: Broker, tmp_path: Path, address: str) -> None:
    """Within the real limits."""
    fault = Fault("slow first PW?", answer_slowly, look=events_go_on)
    await endure_all(broker, tmp_path, address, RECEIVER, fault)


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
    await events_reach_us(house, watcher)
    assert watcher.text("living_room/input") == "NET"
    assert watcher.text("living_room/power") == "ON"
    assert watcher.text("living_room/sound_mode") == "STEREO"


async def events_reach_us(house: House, watcher: Watcher) -> None:
    for _ in range(2):
        await house.avr.press_mute()
        muted = "ON" if house.avr.state.main.mute else "OFF"
        await watcher.wait("living_room/mute", muted, 2)


async def go_deaf(house: House) -> None:
    """A set above the limit comes next: the receiver hears nothing then (integration-denonavr issue 149)."""
    house.avr.faults.deaf_over_limit = 0.2


async def hear_again(house: House, watcher: Watcher) -> None:
    await asyncio.sleep(0.2)
    deaf = await watcher.ask("den/power/set", "ON")
    assert deaf.get("error_code") == "not_confirmed" or deaf["status"] == "ok"
    await events_reach_us(house, watcher)


async def go_to_standby(house: House) -> None:
    await house.avr.press_power()


async def wake(house: House, watcher: Watcher) -> None:
    """Only `PW?` is answered there: the link stays, power says OFF, and power brings everything back."""
    await watcher.wait("living_room/power", "OFF")
    await watcher.wait("den/power", "OFF")
    asked = len(house.frames("PW?"))
    async with asyncio.timeout(3):
        while len(house.frames("PW?")) == asked:  # noqa: ASYNC110  # the watchdog asks, and nobody hears of it
            await asyncio.sleep(0.05)
    assert (await watcher.ask("living_room/power/set", "ON"))["status"] == "ok"
    await watcher.wait("living_room/power", "ON")
    await events_reach_us(house, watcher)


LIMITED: Final[dict[str, Any]] = {"volume_limit": 150}
LITTLE: Final[dict[str, Any]] = {"standby_answers": StandbyAnswers.PW_ONLY}
USUAL: Final[dict[str, Any]] = {}
ENDURED: Final = (
    (Fault("8 MB without CR", send_megabytes, noticed=None, look=nothing_odd_is_shown), USUAL),
    (Fault("garbage", send_garbage, noticed=None, look=nothing_odd_is_shown), USUAL),
    (Fault("cut UTF-8", send_cut_texts, noticed=None, look=nothing_odd_is_shown), USUAL),
    (Fault("deaf after an over-limit set", go_deaf, noticed=None, look=hear_again), LIMITED),
    (Fault("standby that answers little", go_to_standby, noticed=None, look=wake), LITTLE),
)


@pytest.mark.parametrize(("fault", "settings"), ENDURED, ids=str)
async def test_the_link_stays_online(
    broker: Broker,
    tmp_path: Path,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    settings: dict[str, Any],
) -> None:
    hasten(monkeypatch)
    await endure_all(broker, tmp_path, address, RECEIVER, fault, avr_settings=settings)


async def test_one_lost_question_is_no_end(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watchdog's `PW?` falls into a moment of deafness; the link stays."""
    hasten(monkeypatch)
    async with running(broker, tmp_path, address) as house:
        await watcher.wait("bridge/connection/receiver/denon", "online")
        house.avr.faults.mute_queries.add("PW?")
        before = len(house.frames("PW?"))
        async with asyncio.timeout(3):
            while len(house.frames("PW?")) == before:  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.01)
        house.avr.faults.mute_queries.clear()
        await asyncio.sleep(1)
        assert {one.text for one in watcher.all("bridge/connection/receiver/denon")} <= {
            "connecting",
            "online",
        }
        assert house.avr.connections_total == 1
