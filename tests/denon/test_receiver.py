"""A receiver as the daemon sees it, against the simulated one on a real socket."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from sugartalkd.denon.receiver import DenonReceiver
from sugartalkd.errors import NotConfirmed, ReceiverOffline, Superseded, Unsupported
from sugartalkd.model import LinkWord, ReceiverId, ReceiverState, ReceiverZone, Zone, ZoneId, receiver_link
from sugartalkd.simulator.avr import AvrSimulator, SlotPolicy, StandbyAnswers
from sugartalkd.state import StateStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from sugartalkd.merge import ZoneState
    from sugartalkd.model import LinkId, LinkState
    from sugartalkd.state import ZoneReport

MAIN, ZONE2 = ReceiverZone.MAIN, ReceiverZone.ZONE2
DENON: Final = ReceiverId("denon")
QUICK: Final = (0.0, 0.01)


class House:
    """A running receiver, with everything that was ever published about it."""

    def __init__(self, port: int, zones: frozenset[ReceiverZone], settings: dict[str, Any]) -> None:
        self.store = StateStore()
        self.states: dict[ReceiverZone, list[ReceiverState]] = {zone: [] for zone in zones}
        self.links: list[LinkState] = []
        self.store.listen(self)
        for zone in zones:
            self.store.put_zone(Zone(ZoneId(zone.value), zone.value, receiver=DENON, receiver_zone=zone))
        self.receiver = DenonReceiver(DENON, "127.0.0.1", port, self.store, zones, **settings)
        self.main = self.receiver.zone(MAIN)
        self.zone2 = self.receiver.zone(ZONE2)
        self.task: asyncio.Task[None] | None = None

    def zone_changed(self, old: ZoneState | None, new: ZoneState | None) -> None:
        if new is not None and new.receiver is not None:
            self.states[new.zone.receiver_zone].append(new.receiver)

    def zone_reported(self, zone: Zone, report: ZoneReport) -> None: ...

    def link_changed(self, link: LinkId, old: LinkState | None, new: LinkState | None) -> None:
        if new is not None:
            self.links.append(new)

    @property
    def link(self) -> LinkState:
        return self.store.links[receiver_link(DENON)]

    @property
    def words(self) -> list[str]:
        """The words of the link, repetitions left out."""
        words = [state.word.value for state in self.links]
        return [word for place, word in enumerate(words) if words[place - 1 : place] != [word]]

    def state(self, zone: ReceiverZone = MAIN) -> ReceiverState:
        return self.states[zone][-1] if self.states[zone] else ReceiverState()

    def core(self) -> ReceiverState:
        """The main zone's state without its settings: a receiver sends channel levels by itself."""
        return replace(self.state(), settings={})

    async def online(self, limit: float = 3) -> None:
        await until(lambda: self.link.word is LinkWord.ONLINE, limit)


async def until(true: Callable[[], object], limit: float = 3) -> None:
    async with asyncio.timeout(limit):
        while not true():  # noqa: ASYNC110  # the simulator tells nobody
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(
    port: int, *zones: ReceiverZone, wait: bool = True, **settings: Any
) -> AsyncGenerator[House]:
    house = House(port, frozenset(zones or {MAIN}), {"pacing": 0.01, **settings})
    house.task = asyncio.get_running_loop().create_task(house.receiver.run(), name="receiver")
    try:
        if wait:
            await house.online()
        yield house
    finally:
        house.task.cancel()
        with suppress(asyncio.CancelledError):
            await house.task
        assert house.link.word is LinkWord.OFFLINE


def sent(avr: AvrSimulator, since: int = 0) -> list[str]:
    return [received.frame for received in avr.ledger[since:]]


# -- reading -------------------------------------------------------------------------------------------


async def test_everything_is_read_before_the_link_is_online() -> None:
    async with AvrSimulator(port=0) as avr:
        avr.state.main.sleep = 30
        began = time.monotonic()
        async with running(avr.port, pacing=0.06) as house:
            assert time.monotonic() - began < 2
            whole = ReceiverState(True, 50.0, False, "TV", "STEREO", 30)
            assert house.states[MAIN] == [whole] * len(house.states[MAIN])
            assert house.words == ["connecting", "online"]
            latency = house.link.latency_ms
            assert latency is not None
            assert 10 < latency < 400
            assert sent(avr)[:2] == ["PW?", "ZM?"]
            assert not [frame for frame in sent(avr) if frame.startswith(("CV", "Z2"))]
            assert avr.min_gap >= 0.05


async def test_what_happens_at_the_receiver_is_published_at_once() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        house.states[MAIN].clear()
        await avr.turn_knob(3)
        await avr.press_mute()
        await avr.select_input("BD")
        await avr.select_surround("MOVIE")
        await until(lambda: house.state().sound_mode == "DOLBY SURROUND")
        assert house.core() == ReceiverState(True, 51.5, True, "BD", "DOLBY SURROUND", 0)
        volumes = [state.volume for state in house.states[MAIN]]
        assert volumes[:3] == [50.5, 51.0, 51.5]


async def test_silence_is_an_answer() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        avr.faults.mute_queries |= {"MU?", "SLP?", "MS?"}
        began = time.monotonic()
        async with running(avr.port) as house:
            assert time.monotonic() - began < 1.2
            assert house.state() == ReceiverState(True, 50.0, None, "TV", None, None)


async def test_zone_2_has_its_own_state_and_commands() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        avr.state.zone2.power = True
        async with running(avr.port, MAIN, ZONE2) as house:
            assert house.state(ZONE2) == ReceiverState(True, 40.0, False, "TUNER", None, 0)
            assert sent(avr).count("Z2?") == 1
            await (await house.zone2.set_volume(40.5))
            await (await house.zone2.set_mute(True))
            await (await house.zone2.set_sleep(30))
            await (await house.zone2.set_input("SOURCE"))
            assert sent(avr)[-4:] == ["Z2405", "Z2MUON", "Z2SLP030", "Z2SOURCE"]
            # SOURCE follows the main zone, now and later.
            assert house.state(ZONE2) == ReceiverState(True, 40.5, True, "TV", None, 30)
            await avr.select_input("CD")
            await until(lambda: house.state(ZONE2).input == "CD")
            assert house.state().volume == 50.0
            await (await house.zone2.set_power(False))
            assert house.state(ZONE2) == ReceiverState(False, 40.5, True, "CD", None, 0)
            assert house.state().power is True
            with pytest.raises(Unsupported):
                await house.zone2.set_sound_mode("STEREO")


async def test_zone_2_alone_does_not_switch_the_main_zone_on() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK, boot_time=0.3) as avr:
        avr.state.power = avr.state.main.power = False
        async with running(avr.port, MAIN, ZONE2) as house:
            assert house.state(ZONE2).power is False
            await (await house.zone2.set_power(True))
            await until(lambda: house.state(ZONE2).volume == 40.0)
            assert house.state(ZONE2).power is True
            assert {state.power for state in house.states[MAIN]} == {False}


async def test_standby_is_left_alone() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        avr.state.power = avr.state.main.power = False
        async with running(avr.port, confirm_after=0.2) as house:
            assert house.state() == ReceiverState(power=False)
            assert sent(avr) == ["PW?", "ZM?"]
            with pytest.raises(
                NotConfirmed, match=r"volume 45, .* did not answer MV\? afterwards: it is off"
            ):
                await (await house.main.set_volume(45))


@pytest.mark.parametrize(
    ("answers", "single_zone"),
    [(StandbyAnswers.ALL, False), (StandbyAnswers.PW_ONLY, True)],
)
async def test_power_on_waits_and_reads_again(answers: StandbyAnswers, single_zone: bool) -> None:
    async with AvrSimulator(
        port=0, answer_delay=QUICK, boot_time=0.6, standby_answers=answers, single_zone=single_zone
    ) as avr:
        avr.state.power = avr.state.main.power = False
        async with running(avr.port) as house:
            assert house.state().power is False
            began = time.monotonic()
            confirmed = await house.main.set_power(True)
            await asyncio.sleep(0.1)
            waiting = asyncio.create_task(house.main.set_volume(30.5))
            await confirmed
            assert time.monotonic() - began < 3
            await (await waiting)
            await until(lambda: sent(avr)[-1] == "SLP?")
            await until(lambda: house.state() == ReceiverState(True, 30.5, False, "TV", "STEREO", 0))
            [on_at] = [received.at for received in avr.ledger if received.frame == "PWON"]
            after = [received for received in avr.ledger if received.at > on_at]
            assert after[0].at - on_at >= 0.95
            assert after[0].frame == "MV305"  # a command goes before questions
            assert single_zone or "ZMON" not in sent(avr)
            assert {"ZM?", "MV?", "MU?", "SI?", "MS?", "SLP?"} <= {received.frame for received in after}


async def test_the_main_zone_is_switched_on_when_it_does_not_follow_the_unit() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK, boot_time=0.1) as avr:
        avr.state.power = avr.state.main.power = False
        avr.faults.swallow.add("PWON")
        async with running(avr.port, confirm_after=0.3) as house:
            confirmed = await house.main.set_power(True)
            await confirmed
            assert [frame for frame in sent(avr) if frame.endswith("ON")] == ["PWON", "ZMON"]
            assert house.state().power is True


@pytest.mark.parametrize("single_zone", [False, True])
async def test_power_off_keeps_what_was_last_said(single_zone: bool) -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK, single_zone=single_zone) as avr:
        avr.state.main.sleep = 20
        async with running(avr.port) as house:
            assert house.state().power is True
            await (await house.main.set_power(False))
            assert house.state() == ReceiverState(False, 50.0, False, "TV", "STEREO", 0)
            assert sent(avr)[-1] == ("PWSTANDBY" if single_zone else "ZMOFF")


async def test_a_receiver_that_was_still_starting_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sugartalkd.denon.receiver.REREADS", (0.1, 0.1))
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        avr.faults.mute_queries |= {"MV?", "SI?"}
        async with running(avr.port) as house:
            assert house.state().volume is None
            avr.faults.mute_queries.clear()
            await until(lambda: house.state().volume == 50.0, 3)
            await until(lambda: house.state().input == "TV")


async def test_a_running_sleep_timer_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sugartalkd.denon.polling.SLEEP_INTERVAL", 0.1)
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        await asyncio.sleep(0.25)
        assert sent(avr).count("SLP?") == 1
        await (await house.main.set_sleep(10))
        avr.state.main.sleep = 9
        await until(lambda: house.state().sleep == 9, 0.5)


async def test_get_reads_everything_again() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        avr.state.main.volume = 61
        avr.state.main.sleep = 7
        await house.main.refresh()
        assert house.state().volume == 30.5
        assert house.state().sleep == 7


# -- commands ------------------------------------------------------------------------------------------


async def test_half_steps_are_exact_on_the_wire_and_paced() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port, pacing=0.06) as house:
        began = len(avr.ledger)
        values = [30.5, 5.5, 0.5, 0.0, 5.0, 79.5, 98.0]
        for value in values:
            await (await house.main.set_volume(value))
            assert house.state().volume == value
        assert sent(avr, began) == ["MV305", "MV055", "MV005", "MV00", "MV05", "MV795", "MV98"]
        assert avr.min_gap >= 0.05


async def test_every_setting_is_confirmed_by_what_the_receiver_says() -> None:
    async with AvrSimulator(port=0) as avr, running(avr.port) as house:
        began = len(avr.ledger)
        await (await house.main.set_mute(True))
        await (await house.main.set_input("SAT/CBL"))
        await (await house.main.set_sound_mode("MOVIE"))
        await (await house.main.set_sleep(10))
        await until(lambda: house.state().sound_mode == "DOLBY SURROUND")
        assert house.core() == ReceiverState(True, 50.0, True, "SAT/CBL", "DOLBY SURROUND", 10)
        await (await house.main.set_sleep(0))
        assert sent(avr, began) == ["MUON", "SISAT/CBL", "MSMOVIE", "SLP010", "SLPOFF"]
        with pytest.raises(ValueError, match="name of an input"):
            await house.main.set_input("CD\rPWSTANDBY")


async def test_a_command_is_written_first_and_confirmed_later() -> None:
    async with AvrSimulator(port=0, answer_delay=(0.15, 0.15)) as avr, running(avr.port) as house:
        confirmed = await house.main.set_volume(20.5)
        await until(lambda: sent(avr)[-1] == "MV205", 0.1)
        assert not confirmed.done()
        assert house.state().volume == 50.0
        await confirmed
        assert house.state().volume == 20.5


@pytest.mark.parametrize(
    ("attribute", "value", "line", "asked", "text"),
    [
        ("volume", 45.0, "MV45", "MV?", "asked for volume 45, the receiver stays at 50"),
        ("mute", True, "MUON", "MU?", "asked for mute ON, the receiver stays at OFF"),
        ("input", "CD", "SICD", "SI?", "asked for input CD, the receiver stays at TV"),
        ("sound_mode", "MOVIE", "MSMOVIE", "MS?", "asked for sound mode MOVIE, the receiver stays at STEREO"),
        ("sleep", 30, "SLP030", "SLP?", "asked for sleep 30, the receiver stays at 0"),
        ("power", False, "ZMOFF", "ZM?", "asked for power OFF, the receiver stays at ON"),
    ],
)
async def test_a_swallowed_command_is_asked_for_once(
    attribute: str, value: float | str, line: str, asked: str, text: str
) -> None:
    async with (
        AvrSimulator(port=0, answer_delay=QUICK) as avr,
        running(avr.port, confirm_after=0.2) as house,
    ):
        avr.faults.swallow.add(line)
        began = len(avr.ledger)
        confirmed: asyncio.Future[None] = await getattr(house.main, f"set_{attribute}")(value)
        with pytest.raises(NotConfirmed) as failure:
            await confirmed
        assert str(failure.value) == text
        # Whether a zone went off, some models only tell by PW? when they are in standby.
        assert sent(avr, began) == [line, asked, *(["PW?"] if line == "ZMOFF" else [])]


async def test_a_sound_mode_that_is_reported_differently_is_confirmed_by_asking() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        avr.faults.late["MSMOVIE"] = 0.6
        async with running(avr.port, confirm_after=0.2) as house:
            await (await house.main.set_sound_mode("MOVIE"))
            assert sent(avr)[-2:] == ["MSMOVIE", "MS?"]


async def test_a_late_answer_is_still_taken() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        avr.faults.late["MV"] = 0.5
        async with running(avr.port) as house:
            assert house.state().volume is None
            await until(lambda: house.state().volume == 50.0, 1)


async def test_a_newer_volume_supersedes_an_older_one() -> None:
    async with AvrSimulator(port=0, answer_delay=(0.1, 0.1)) as avr, running(avr.port) as house:
        first = await house.main.set_volume(20)
        second = await house.main.set_volume(21)
        await first
        await second
        avr.faults.swallow.add("MV30")
        lost = await house.main.set_volume(30)
        newer = await house.main.set_volume(31)
        with pytest.raises(Superseded, match="volume 31 took the place of volume 30"):
            await lost
        await newer
        assert house.state().volume == 31


async def test_only_the_newest_waiting_volume_is_sent() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port, pacing=0.1) as house:
        began = len(avr.ledger)
        calls = [asyncio.create_task(house.main.set_volume(20 + step / 2)) for step in range(40)]
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(one) for one in done[:-1]] == [Superseded] * 39
        last = done[-1]
        assert isinstance(last, asyncio.Future)
        await last
        assert sent(avr, began) == ["MV395"]


async def test_a_caller_that_gave_up_is_not_obeyed_later() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port, pacing=0.1) as house:
        await house.main.set_mute(True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(house.main.set_volume(60), 0.03)
        await asyncio.sleep(0.2)
        assert "MV60" not in sent(avr)


# -- the link ------------------------------------------------------------------------------------------


async def test_without_a_session_commands_fail_at_once() -> None:
    async with AvrSimulator(port=0) as avr:
        await avr.power_off_hard()
        async with running(avr.port, wait=False) as house:
            with pytest.raises(ReceiverOffline, match="first answer is still awaited"):
                await house.main.set_volume(20)
            await until(lambda: house.link.last_error is not None)
            began = time.monotonic()
            with pytest.raises(ReceiverOffline, match=rf"127.0.0.1:{avr.port}.* refuses the connection"):
                await house.main.set_volume(20)
            with pytest.raises(ReceiverOffline):
                await house.main.refresh()
            assert time.monotonic() - began < 0.05
            await avr.power_on_hard()
            await house.online()
            assert "MV20" not in sent(avr)


async def test_three_refusals_are_busy() -> None:
    async with AvrSimulator(port=0) as avr:
        _, other = await asyncio.open_connection("127.0.0.1", avr.port)
        await until(lambda: avr.connections_open == 1)
        async with running(avr.port, wait=False) as house:
            await until(lambda: house.link.word is LinkWord.BUSY)
            assert house.words == ["connecting", "offline", "busy"]
            assert house.link.last_error is not None
            assert "another telnet client" in house.link.last_error
            assert house.link.next_attempt_at is not None
            other.close()
            await other.wait_closed()
            await house.online()
            assert house.words == ["connecting", "offline", "busy", "online"]


async def test_accepted_and_closed_is_busy_without_a_storm() -> None:
    async with AvrSimulator(port=0, slot=SlotPolicy.ACCEPT_CLOSE) as avr:
        _, other = await asyncio.open_connection("127.0.0.1", avr.port)
        await until(lambda: avr.connections_open == 1)
        async with running(avr.port, wait=False) as house:
            await asyncio.sleep(2.3)
            assert house.link.word is LinkWord.BUSY
            assert house.link.last_error is not None
            assert house.link.last_error.startswith(
                f"127.0.0.1:{avr.port} closes the connection before answering: another telnet client"
            )
            assert 3 <= avr.connections_total - 1 <= 7
            other.close()
            await other.wait_closed()
            await house.online()


async def test_an_unreachable_receiver_is_offline() -> None:
    house = House(23, frozenset({MAIN}), {})
    house.receiver = DenonReceiver(DENON, "no-such-receiver.invalid", 23, house.store, frozenset({MAIN}))
    task = asyncio.create_task(house.receiver.run())
    await until(lambda: house.link.last_error is not None)
    assert house.link.word is LinkWord.OFFLINE
    assert "no-such-receiver.invalid:23 cannot be reached" in (house.link.last_error or "")
    task.cancel()
    await asyncio.wait({task})


async def test_a_receiver_that_does_not_answer_is_offline_not_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sugartalkd.denon.session.FIRST_ANSWER_LIMIT", 0.1)
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        avr.faults.silent = True
        async with running(avr.port, wait=False) as house:
            await until(lambda: avr.connections_total == 4)
            assert house.words == ["connecting", "offline"]
            assert "took the connection but did not answer PW?" in (house.link.last_error or "")
            avr.faults.silent = False
            await house.online()


async def test_a_half_open_connection_is_noticed() -> None:
    async with (
        AvrSimulator(port=0, answer_delay=QUICK, slot=SlotPolicy.KICK_OLD) as avr,
        running(avr.port, idle=0.4, probe=0.3) as house,
    ):
        await asyncio.sleep(0.6)
        assert house.words == ["connecting", "online"]
        assert sent(avr) == ["PW?", "ZM?", "MV?", "MU?", "SI?", "MS?", "SLP?", "PW?"]
        avr.faults.silent = True
        confirmed = await house.main.set_volume(20)
        began = time.monotonic()
        await until(lambda: house.link.word is not LinkWord.ONLINE, 1)
        assert time.monotonic() - began < 0.9
        with pytest.raises(ReceiverOffline, match="before it confirmed volume 20"):
            await confirmed
        assert house.link.word is LinkWord.CONNECTING
        assert "did not answer PW? within 0.3 s" in (house.link.last_error or "")
        avr.faults.silent = False
        await house.online(4)


@pytest.mark.parametrize("how", ["close_all", "reset_all"])
async def test_a_lost_session_comes_back_with_what_is_true_by_then(how: str) -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        began = time.monotonic()
        getattr(avr.faults, how)()
        avr.state.main.volume = 77
        await until(lambda: house.link.word is LinkWord.CONNECTING, 0.5)
        with pytest.raises(ReceiverOffline):
            await house.main.set_mute(True)
        await house.online()
        assert time.monotonic() - began < 2
        assert house.state().volume == 38.5
        assert house.words == ["connecting", "online", "connecting", "online"]
        assert house.link.reconnects == 1
        assert house.link.last_error is None


async def test_a_receiver_that_was_unplugged_is_found_again() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        await avr.power_off_hard(rst=True)
        await asyncio.sleep(0.6)
        assert house.link.word in {LinkWord.OFFLINE, LinkWord.BUSY}
        avr.state.power = avr.state.main.power = False
        began = time.monotonic()
        await avr.power_on_hard()
        await house.online()
        assert time.monotonic() - began < 2
        assert house.state() == ReceiverState(power=False)


async def test_odd_bytes_do_not_end_a_session() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        avr.faults.banner = "BridgeCo AG Telnet server"
        avr.faults.duplicate_events = True
        avr.faults.crlf = True
        avr.faults.split_frames = True
        avr.faults.chatter = True
        avr.faults.chatter_gap = 0.1
        async with running(avr.port) as house:
            before = house.state()
            await avr.faults.send_garbage()
            await avr.faults.send_raw(b"\xff\xfb\x01MV305\r\nNSE1\x01Caf\xc3\r\r\r")
            await until(lambda: house.state() == replace(before, volume=30.5))
            await (await house.main.set_volume(31.5))
            assert house.words == ["connecting", "online"]


async def test_megabytes_without_an_end_are_cheap() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        began = time.monotonic()
        await avr.faults.send_megabytes(8)
        await avr.faults.send_raw(b"\rMV305\r")
        await until(lambda: house.state().volume == 30.5)
        assert time.monotonic() - began < 2
        assert house.words == ["connecting", "online"]


async def test_a_stop_says_goodbye_and_leaves_nothing() -> None:
    ends: list[bytes | str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(100):
                if b"PW?" in data:
                    writer.write(b"PWON\rZMON\r")
            ends.append(data)
        except ConnectionResetError:
            ends.append("reset")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    before = asyncio.all_tasks()
    async with running(server.sockets[0].getsockname()[1]) as house:
        assert house.state() == ReceiverState(power=True)
        pending = await house.main.set_volume(20)
        began = time.monotonic()
    assert time.monotonic() - began < 1
    await until(lambda: ends == [b""])
    assert isinstance(pending.exception(), ReceiverOffline)
    server.close()
    await until(lambda: asyncio.all_tasks() <= before)
