"""The simulated receiver, heard over a raw socket."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypedDict, Unpack

import pytest

from sugartalkd.simulator.avr import AvrSimulator, SlotPolicy, StandbyAnswers, serve
from sugartalkd.simulator.avr_wire import Framing, half_steps_text, parse_half_steps

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

QUIET = 0.06
"""Seconds without a byte after which an answer counts as complete."""


class Client:
    """A telnet client that knows nothing but bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def hears(self, until: int | str | None = None) -> list[str]:
        """Frames until there are so many, until one is that, or, with neither, until all is quiet."""
        frames: list[str] = []
        rest = ""
        while chunk := await self.chunk(QUIET if until is None or isinstance(until, str) else 2):
            assert b"\n" not in chunk
            *more, rest = (rest + chunk.decode()).split("\r")
            frames += more
            if until in frames or until == len(frames):
                break
        assert not rest
        return frames

    async def chunk(self, limit: float = QUIET) -> bytes:
        """The next bytes; none if none come within `limit` seconds or the receiver has closed."""
        try:
            return await asyncio.wait_for(self.reader.read(65536), limit)
        except TimeoutError:
            return b""

    async def says(self, *commands: str, end: str = "\r") -> list[str]:
        """What is answered before the answer to a last question, or before all is quiet."""
        self.writer.write("".join(command + end for command in (*commands, "MNMEN?")).encode())
        return [frame for frame in await self.hears("MNMEN OFF") if frame != "MNMEN OFF"]

    async def ended(self) -> bool:
        """Whether the receiver closes now."""
        try:
            return await asyncio.wait_for(self.reader.read(), 1) == b""
        except ConnectionResetError:
            return True

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


async def connect(simulator: AvrSimulator) -> Client:
    return Client(*await asyncio.open_connection(simulator.host, simulator.port))


class Settings(TypedDict, total=False):
    """What these tests ask of a simulator."""

    port: int
    zones: int
    answer_delay: tuple[float, float]
    slot: SlotPolicy
    boot_time: float
    volume_limit: int | None
    single_zone: bool
    standby_answers: StandbyAnswers
    minute: float
    any_line_end: bool
    speakers: tuple[str, ...]
    old_words: bool
    marantz: bool


def receiver(**settings: Unpack[Settings]) -> AvrSimulator:
    quick: Settings = {"port": 0, "answer_delay": (0.0, 0.002), "boot_time": 0.2}
    return AvrSimulator(**(quick | settings))


@asynccontextmanager
async def talking(**settings: Unpack[Settings]) -> AsyncGenerator[tuple[AvrSimulator, Client]]:
    async with receiver(**settings) as simulator:
        client = await connect(simulator)
        try:
            yield simulator, client
        finally:
            await client.close()


# Framing


async def test_only_cr_ends_a_command() -> None:
    async with talking() as (simulator, client):
        assert await client.says("MU?", "", "", "SI?") == ["MUOFF", "SITV"]
        assert await client.says("MU?", "SI?", end="\r\n") == ["MUOFF"]
        frames = [received.frame for received in simulator.ledger]
        assert frames == ["MU?", "SI?", "MNMEN?", "MU?", "\nSI?", "\nMNMEN?"]


async def test_by_hand_lf_ends_a_command_too_and_is_sent() -> None:
    async with talking(any_line_end=True, slot=SlotPolicy.MULTI) as (simulator, client):
        client.writer.write(b"PW?\r")
        assert await client.chunk() == b"PWON\r"
        client.writer.write(b"MU?\nPW?\r\n\n")
        assert await client.reader.readuntil(b"PWON\r\n") == b"MUOFF\r\nPWON\r\n"
        program = await connect(simulator)
        assert await program.says("SI?") == ["SITV"]
        assert await client.chunk() == b"SITV\r\nMNMEN OFF\r\n"
        assert [received.frame for received in simulator.ledger] == ["PW?", "MU?", "PW?", "SI?", "MNMEN?"]
        await program.close()


async def test_a_command_may_come_in_pieces_but_not_be_too_long() -> None:
    async with talking() as (_, client):
        client.writer.write(b"M")
        assert not await client.chunk(0.01)
        assert await client.says("U?") == ["MUOFF"]
        assert await client.says("MU?" + "x" * 200, "x" * 100_000, "MU?") == ["MUOFF"]


def test_framing_keeps_little() -> None:
    framing = Framing()
    for _ in range(100):
        assert framing.feed(b"x" * 1000) == []
    assert [len(command) for command in framing.feed(b"\r")] == [136]


# Volume


def test_half_steps_survive_the_wire() -> None:
    for half_steps in range(197):
        assert parse_half_steps(half_steps_text(half_steps)) == half_steps
    assert [half_steps_text(n) for n in (0, 1, 101, 196)] == ["00", "005", "505", "98"]
    assert [parse_half_steps(text) for text in ("350", "503", "5", "-1", "", "5051", "²5")] == [70] + [
        None
    ] * 6


async def test_volume() -> None:
    async with talking() as (simulator, client):
        assert await client.says("MV?") == ["MV50", "MVMAX 98"]
        assert await client.says("MV505") == ["MV505", "MVMAX 98"]
        assert await client.says("MVUP") == ["MV51", "MVMAX 98"]
        assert await client.says("MV350") == ["MV35", "MVMAX 98"]
        assert await client.says("MV503", "MV99", "MV985", "MV-1", "MV5", "MV") == []
        assert simulator.state.main.volume == 70
        assert await client.says("MV98", "MVUP") == ["MV98", "MVMAX 98"]


async def test_volume_above_the_limit_makes_it_deaf() -> None:
    async with talking(volume_limit=120) as (simulator, client):
        assert await client.says("MV61") == []
        assert await client.says("MV60") == ["MV60", "MVMAX 60"]
        simulator.faults.deaf_over_limit = 0.15
        assert await client.says("MVUP", "MV?") == []
        await asyncio.sleep(0.12)
        assert await client.says("MV?") == ["MV60", "MVMAX 60"]


async def test_mvmax_may_drift_and_volume_may_end_the_mute() -> None:
    async with talking() as (simulator, client):
        simulator.faults.mvmax_drifts = True
        simulator.faults.unmute_on_volume = True
        assert await client.says("MUON") == ["MUON"]
        assert await client.says("MV41") == ["MV41", "MVMAX 645", "MUOFF"]


# Power


async def test_power_on_is_followed_by_silence_then_reports() -> None:
    async with talking() as (simulator, client):
        assert await client.says("PWSTANDBY") == ["ZMOFF", "PWSTANDBY"]
        assert await client.says("PW?", "ZM?", "Z2?") == ["PWSTANDBY", "ZMOFF", "Z2OFF", "Z2TUNER", "Z240"]
        assert await client.says("MV?", "SI?", "MUON", "ECO?", "MVUP", "NSE") == []
        assert await client.says("PWON", "MV?") == ["PWON", "ZMON"]
        assert await client.hears(4) == ["MV50", "MVMAX 98", "SITV", "MSSTEREO"]
        assert simulator.state.power


@pytest.mark.parametrize(
    ("wakes", "said", "reported"),
    [
        ("ZMON", ["PWON", "ZMON"], ["MV50", "MVMAX 98", "SITV", "MSSTEREO"]),
        ("Z2ON", ["PWON", "Z2ON"], ["Z240", "Z2TUNER"]),
        ("SIBD", ["PWON", "ZMON"], ["MV50", "MVMAX 98", "SIBD", "MSSTEREO"]),
    ],
)
async def test_what_wakes_it(wakes: str, said: list[str], reported: list[str]) -> None:
    async with talking() as (_, client):
        await client.says("PWSTANDBY")
        assert await client.says(wakes) == said
        assert await client.hears(len(reported)) == reported


async def test_the_last_zone_takes_the_unit_down() -> None:
    async with talking() as (_, client):
        assert await client.says("Z2ON") == ["Z2ON", "Z240", "Z2TUNER"]
        assert await client.says("ZMOFF") == ["ZMOFF"]
        assert await client.says("PW?") == ["PWON"]
        assert await client.says("Z2OFF") == ["Z2OFF", "PWSTANDBY"]


async def test_some_units_say_less() -> None:
    async with talking(standby_answers=StandbyAnswers.PW_ONLY) as (_, client):
        await client.says("PWSTANDBY")
        assert await client.says("ZM?", "Z2?", "PW?") == ["PWSTANDBY"]
    async with talking(single_zone=True) as (_, client):
        assert await client.says("ZM?", "Z2?", "PW?") == ["PWON"]
        assert await client.says("PWSTANDBY") == ["PWSTANDBY"]
        assert await client.says("PWON") == ["PWON"]


async def test_sleep_counts_down_without_a_word() -> None:
    async with talking(minute=0.1) as (_, client):
        assert await client.says("SLP?", "SLP000", "SLP121", "SLP10") == ["SLPOFF"]
        assert await client.says("SLP002") == ["SLP002"]
        await asyncio.sleep(0.15)
        assert await client.says("SLP?") == ["SLP001"]
        assert await client.hears(2) == ["ZMOFF", "PWSTANDBY"]


# Inputs, sound modes, settings


async def test_inputs() -> None:
    async with talking() as (_, client):
        stereo = ["MSSTEREO", "CVFL 50", "CVFR 50", "CVSW 50", "CVEND"]
        assert await client.says("SIBD") == ["SIBD", *stereo]
        assert await client.says("SIBD") == ["SIBD"]
        assert await client.says("SICBL", "SIPHONO", "SISOURCE", "SI") == []
        assert await client.says("SISAT/CBL") == ["SISAT/CBL", *stereo]


async def test_sound_modes_are_answered_in_other_words() -> None:
    async with talking() as (_, client):
        said = await client.says("MSMOVIE")
        assert said[:3] == ["MSSTEREO", "MSDOLBY SURROUND", "CVFL 50"]
        assert len(said) == 11
        assert await client.says("MSMOVIE") == ["MSDOLBY SURROUND"]
        assert (await client.says("SIBD"))[1] == "MSSTEREO"
        assert (await client.says("SITV"))[1] == "MSDOLBY SURROUND"


async def test_quick_select_moves_everything() -> None:
    async with talking() as (_, client):
        assert await client.says("MSQUICK ?") == ["MSQUICK0"]
        assert await client.says("MSQUICK2") == [
            *("MSQUICK2", "SIGAME", "MV42", "MVMAX 98", "MSDOLBY SURROUND"),
        ]
        await client.says("MV30", "MSQUICK2 MEMORY", "MV50")
        assert "MV30" in await client.says("MSQUICK2")
        assert await client.says("MSQUICK ?") == ["MSQUICK2"]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("PSDYNEQ ?", ["PSDYNEQ ON"]),
        ("PSDYNEQ?", []),
        ("PSDYNEQ TOGGLE", []),
        ("PSDYNEQ OFF", ["PSDYNEQ OFF"]),
        ("PSDIL ?", ["PSDIL ON", "PSDIL 50"]),
        ("PSDIL 505", ["PSDIL 505"]),
        ("PSDIL UP", ["PSDIL 505"]),
        ("PSDIL 63", []),
        ("PSSWL 00", ["PSSWL 00"]),
        ("PSMULTEQ: ?", ["PSMULTEQ:AUDYSSEY"]),
        ("PSCINEMA EQ. ?", ["PSCINEMA EQ.OFF"]),
        ("PSBAS 52", []),
        ("PSDEL 010", ["PSDEL 010"]),
        ("PSDELAY 010", ["PSDELAY 010"]),
        ("DIM SEL", ["DIM DIM"]),
        ("ECOAUTO", ["ECOAUTO"]),
        ("SV?", ["SVBD", "SVOFF"]),
        ("TFANUP", ["TFAN008755"]),
        ("TPANUP", ["TPAN01"]),
        ("CVFL UP", ["CVFL 505"]),
        ("Z3?", []),
        ("TR?", []),
        ("PSLFC ?", []),
        ("NS9A", []),
    ],
)
async def test_settings(command: str, answer: list[str]) -> None:
    async with talking() as (_, client):
        assert await client.says(command) == answer


async def test_only_speakers_in_use_have_a_level() -> None:
    async with talking(speakers=("FL", "TFL")) as (_, client):
        assert await client.says("CV?") == ["CVFL 50", "CVTFL 50", "CVEND"]
        assert await client.says("CVTFL 515") == ["CVTFL 515"]
        assert await client.says("CVC 52", "CVSDR 52") == []


async def test_older_models_and_the_other_make_have_words_of_their_own() -> None:
    async with talking(old_words=True, marantz=True) as (_, client):
        assert await client.says("PSDYNVOL HEV", "PSDYNVOL NGT") == ["PSDYNVOL NGT"]
        assert await client.says("PSRSTR LOW", "PSRSTR MODE3") == ["PSRSTR MODE3"]
        assert await client.says("MSQUICK ?", "MSSMART ?") == ["MSSMART0"]
        assert (await client.says("MSSMART2"))[:2] == ["MSSMART2", "SIGAME"]


async def test_the_tuner_has_a_name_or_none() -> None:
    async with talking() as (simulator, client):
        assert await client.says("TFANNAME?") == ["TFANNAMESUGAR FM"]
        simulator.state.now_playing.station = ""
        assert await client.says("TFANNAME?", "TFAN?") == ["TFAN008750"]


async def test_settings_that_need_others() -> None:
    async with talking() as (_, client):
        await client.says("PSTONE CTRL ON", "PSMULTEQ:OFF")
        assert await client.says("PSBAS 52", "PSBAS UP", "PSDYNEQ OFF") == ["PSBAS 52", "PSBAS 53"]


async def test_now_playing_lines() -> None:
    async with talking() as (simulator, client):
        await client.says("SINET")
        simulator.state.now_playing.title = "x" * 94 + "é"
        client.writer.write(b"NSE\r")
        lines = (await client.chunk()).split(b"\r")[:-1]
        assert [line[:4] for line in lines] == [f"NSE{n}".encode() for n in range(9)]
        assert lines[0].startswith(b"NSE0Now Playing Media Server\0")
        assert lines[1] == b"NSE1\x01" + b"x" * 94 + b"\xc3"
        assert lines[2].startswith(b"NSE2\x01Energy 52\0\xff")
        assert {len(line) for line in lines} == {100}


# Other zones


async def test_zone_2() -> None:
    async with talking() as (_, client):
        assert await client.says("Z250", "Z2MUON") == []
        await client.says("Z2ON")
        assert await client.says("Z2?") == ["Z2ON", "Z2TUNER", "Z240"]
        assert await client.says("Z2405", "Z2UP", "Z2DOWN") == ["Z2405", "Z241", "Z2405"]
        assert await client.says("Z2SOURCE", "Z2MU?", "Z2MUON") == ["Z2SOURCE", "Z2MUOFF", "Z2MUON"]
        assert await client.says("Z2SLP030", "Z2SLP?", "Z2STBY?") == ["Z2SLP030", "Z2SLP030", "Z2STBYOFF"]
        assert await client.says("Z2QUICK1", "Z2QUICK ?") == [
            *("Z2QUICK1", "Z2SAT/CBL", "Z245", "Z2QUICK1"),
        ]
        assert await client.says("MV?", "Z299", "Z2CBL") == ["MV50", "MVMAX 98"]


async def test_zone_3_is_for_larger_receivers() -> None:
    async with talking(zones=3) as (_, client):
        assert await client.says("Z3ON", "Z3?", "TR?") == [
            *("Z3ON", "Z340", "Z3TUNER", "Z3ON", "Z3TUNER", "Z340", "TR1 OFF", "TR2 OFF")
        ]
    with pytest.raises(ValueError, match="1 to 3 zones"):
        receiver(zones=4)


# Slots


async def test_refuse() -> None:
    async with talking(slot=SlotPolicy.REFUSE) as (simulator, client):
        await client.says("PW?")
        with pytest.raises(ConnectionRefusedError):
            await connect(simulator)
        await client.close()
        await asyncio.sleep(0.05)
        again = await connect(simulator)
        assert await again.says("PW?") == ["PWON"]
        assert (simulator.connections_total, simulator.connections_open) == (2, 1)
        await again.close()


async def test_accept_close() -> None:
    async with talking(slot=SlotPolicy.ACCEPT_CLOSE) as (simulator, client):
        await client.says("PW?")
        second = await connect(simulator)
        assert await second.ended()
        await second.close()
        assert await client.says("PW?") == ["PWON"]


async def test_kick_old() -> None:
    async with talking(slot=SlotPolicy.KICK_OLD) as (simulator, client):
        await client.says("PW?")
        second = await connect(simulator)
        assert await client.ended()
        assert await second.says("PW?") == ["PWON"]
        await second.close()


async def test_multi() -> None:
    async with talking(slot=SlotPolicy.MULTI) as (simulator, client):
        second = await connect(simulator)
        assert await second.says("MUON") == ["MUON"]
        assert await client.hears(2) == ["MUON", "MNMEN OFF"]
        await second.close()


# Front panel


async def test_the_knob_reports_every_half_step() -> None:
    async with talking(volume_limit=102) as (simulator, client):
        await client.says("PW?")
        await simulator.turn_knob(3)
        assert await client.hears() == ["MV505", "MVMAX 51", "MV51", "MVMAX 51"]
        await simulator.turn_knob(-1)
        assert await client.hears() == ["MV505", "MVMAX 51"]


async def test_the_other_keys() -> None:
    async with talking() as (simulator, client):
        await client.says("PW?")
        await simulator.press_mute()
        await simulator.select_input("BD")
        await simulator.select_surround("MUSIC")
        await simulator.press_power(2)
        said = await client.hears()
        assert said[:2] == ["MUON", "SIBD"]
        assert "MSNEURAL:X" in said
        assert said[-3:] == ["Z2ON", "Z240", "Z2TUNER"]
        with pytest.raises(ValueError, match="PHONO"):
            await simulator.select_input("PHONO")


async def test_heos_wakes_it_and_takes_the_input() -> None:
    async with talking() as (simulator, client):
        await client.says("PWSTANDBY")
        await simulator.heos_starts()
        await simulator.turn_knob(1)
        assert await client.hears() == ["PWON", "ZMON"]
        assert await client.hears(4) == ["MV50", "MVMAX 98", "SINET", "MSSTEREO"]
        await client.says("SITV")
        await simulator.heos_starts()
        assert (await client.hears())[0] == "SINET"


async def test_the_plug() -> None:
    async with talking() as (simulator, client):
        await client.says("PW?")
        port = simulator.port
        await simulator.power_off_hard(rst=True)
        assert await client.ended()
        with pytest.raises(ConnectionRefusedError):
            await connect(simulator)
        await simulator.power_on_hard()
        again = await connect(simulator)
        assert simulator.port == port
        assert await again.says("PW?") == ["PWON"]
        await again.close()


# Faults


async def test_lost_and_late_commands() -> None:
    async with talking() as (simulator, client):
        simulator.faults.swallow = {"MV", "SI"}
        simulator.faults.mute_queries = {"PSDYNEQ ?"}
        assert await client.says("MV40", "SIBD", "PSDYNEQ ?", "PSDYNEQ OFF") == ["PSDYNEQ OFF"]
        simulator.faults.late = {"MU": 0.03}
        assert await client.says("MUON", "PW?") == ["PWON"]
        assert await client.hears(1) == ["MUON"]
        simulator.faults.silent = True
        await simulator.turn_knob(1)
        assert await client.says("PW?") == []
        assert simulator.connections_open == 1


async def test_the_frames_of_an_answer_may_come_apart() -> None:
    async with talking() as (simulator, client):
        simulator.faults.frame_gap = 0.1
        client.writer.write(b"MSMOVIE\rPW?\r")
        assert await client.reader.readuntil(b"\r") == b"MSSTEREO\r"
        assert await client.chunk(0.07) == b""
        assert await client.reader.readuntil(b"\r") == b"MSDOLBY SURROUND\r"
        await client.reader.readuntil(b"PWON\r")


async def test_events_may_be_late_while_questions_are_answered() -> None:
    async with talking() as (simulator, client):
        await client.says("PW?")
        simulator.faults.late_events = 0.12
        await simulator.turn_knob(1)
        assert await client.says("MV41", "MV?", "MUON", "MU?") == ["MV41", "MVMAX 98", "MUON"]
        assert await client.hears(5) == ["MV505", "MVMAX 98", "MV41", "MVMAX 98", "MUON"]
        await simulator.press_mute()
        await simulator.power_off_hard()
        assert await client.ended()
        await simulator.power_on_hard()
        again = await connect(simulator)
        assert await again.says("MU?") == ["MUOFF"]
        assert await again.chunk(0.2) == b"", "what was to be said before the plug was pulled is not"
        await again.close()


async def test_a_boot_without_reports() -> None:
    async with talking() as (simulator, client):
        simulator.faults.silent_boot = True
        await client.says("PWSTANDBY")
        assert await client.says("PWON", "MV?") == ["PWON", "ZMON"]
        assert await client.chunk(0.3) == b""
        assert await client.says("MV?", "SI?") == ["MV50", "MVMAX 98", "SITV"]


async def test_a_model_without_mvmax() -> None:
    async with talking() as (simulator, client):
        simulator.faults.no_mvmax = True
        assert await client.says("MV?", "MV60", "MVUP") == ["MV50", "MV60", "MV605"]
        await client.says("PWSTANDBY", "PWON")
        assert await client.hears(3) == ["MV605", "SITV", "MSSTEREO"]


async def test_odd_frames() -> None:
    async with receiver() as simulator:
        simulator.faults.banner = "BridgeCo AG Telnet server"
        simulator.faults.crlf = True
        client = await connect(simulator)
        assert await client.chunk() == b"BridgeCo AG Telnet server\r\n"
        simulator.faults.crlf = False
        simulator.faults.duplicate_events = True
        assert await client.says("MUON") == ["MUON", "MUON"]
        simulator.faults.duplicate_events = False
        simulator.faults.split_frames = True
        assert not await client.chunk(0.01)
        client.writer.write(b"PW?\r")
        assert [await client.chunk() for _ in range(5)] == [b"P", b"W", b"O", b"N", b"\r"]
        await client.close()


async def test_chatter() -> None:
    async with receiver() as simulator:
        simulator.faults.chatter = True
        await simulator.stop()
        simulator.faults.chatter_gap = 0.01
        await simulator.start()
        client = await connect(simulator)
        await asyncio.sleep(0.03)
        assert b"SSINFAISFSV 48K\r" in await client.chunk()
        await client.close()


async def test_raw_bytes() -> None:
    async with talking() as (simulator, client):
        await client.says("PW?")
        await simulator.faults.send_raw(b"PWON\rMV")
        assert await client.chunk() == b"PWON\rMV"
        await simulator.faults.send_garbage()
        assert (await client.chunk()).startswith(b"\xff\xfb")
        sending = asyncio.create_task(simulator.faults.send_megabytes(2))
        assert await client.reader.readexactly(2 << 20) == b"A" * (2 << 20)
        await sending


async def test_commands_too_fast() -> None:
    async with talking() as (simulator, client):
        simulator.faults.drop_fast_commands = True
        assert await client.says("PW?", "MU?") == ["PWON"]
        assert simulator.faults.dropped == 2
        assert simulator.min_gap < 0.05


async def test_endings() -> None:
    async with receiver() as simulator:
        simulator.faults.close_on_connect = True
        client = await connect(simulator)
        assert await client.ended()
        await client.close()
        simulator.faults.close_on_connect = False
        simulator.faults.close_after = 2
        client = await connect(simulator)
        assert await client.says("Z2?") == ["Z2OFF", "Z2TUNER"]
        assert await client.ended()
        await client.close()
        simulator.faults.close_after = None
        for end in (simulator.faults.close_all, simulator.faults.reset_all):
            await asyncio.sleep(0.02)
            client = await connect(simulator)
            await client.says("PW?")
            end()
            assert await client.ended()
            await client.close()


async def test_answers_keep_their_order_whatever_the_delay() -> None:
    async with talking(answer_delay=(0.0, 0.05)) as (_, client):
        wanted = [f"MV{volume}" for volume in range(10, 40)]
        said = await client.says(*wanted)
        assert said[::2] == wanted


async def test_stop_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    async with talking(slot=SlotPolicy.MULTI) as (simulator, client):
        await client.says("PWSTANDBY", "PWON")
        await simulator.stop()
        assert await client.ended()
        assert asyncio.all_tasks() == before


async def test_serve_prints_what_passes(capsys: pytest.CaptureFixture[str]) -> None:
    serving = asyncio.create_task(serve("127.0.0.1", 0, 2))
    await asyncio.sleep(0.02)
    port = int(capsys.readouterr().out.rsplit(":", 1)[1])
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    client.writer.write(b"MU?\r")
    assert await client.reader.readuntil(b"\r") == b"MUOFF\r"
    await client.close()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    lines = [line.split(" ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["< MU?", "> MUOFF"]


async def test_the_knob_takes_its_time() -> None:
    async with talking() as (simulator, _):
        started = asyncio.get_running_loop().time()
        await simulator.turn_knob(3)
        assert 0.08 <= asyncio.get_running_loop().time() - started <= 0.3
