"""The receiver's one telnet session, shared with other programs over real sockets."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self

import pytest
import yaml

from sugartalkd.config import load
from sugartalkd.denon import share
from sugartalkd.denon.receiver import DenonReceiver
from sugartalkd.errors import NotConfirmed
from sugartalkd.model import LinkWord, ReceiverId, ReceiverZone, Zone, ZoneId, receiver_link
from sugartalkd.simulator.avr import AvrSimulator
from sugartalkd.simulator.local_broker import free_port
from sugartalkd.state import StateStore
from tests.denon.test_receiver import until
from tests.house import running

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from sugartalkd.model import ReceiverState
    from tests.house import Broker, Watcher

DENON: Final = ReceiverId("denon")
QUICK: Final = (0.0, 0.01)
PACING: Final = 0.06

QUESTIONS: Final = (
    "PW?", "ZM?", "MV?", "MU?", "SI?", "MS?", "SLP?", "Z2?", "Z2MU?", "Z2SLP?", "CV?", "DC?", "SD?", "SV?",
    "ECO?", "STBY?", "DIM ?", "TFAN?", "TPAN?", "TMAN?", "PSTONE CTRL ?", "PSBAS ?", "PSTRE ?", "PSDIL ?",
    "PSSWL ?", "PSSWR ?", "PSCINEMA EQ. ?", "PSLOM ?", "PSMULTEQ: ?", "PSDYNEQ ?", "PSREFLEV ?",
    "PSDYNVOL ?", "PSGEQ ?", "PSHEQ ?", "PSDRC ?", "PSLFE ?", "PSDELAY ?", "PSRSTR ?", "VSMONI ?", "VSVPM ?",
)  # fmt: skip
"""What denonavr asks at once when it has connected, about."""


class Program:
    """A program at the share, such as Home Assistant's denonavr: asks 40 things at once, then listens."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.heard = b""
        self.ended = False

    @property
    def lines(self) -> list[bytes]:
        return self.heard.split(b"\r")[:-1]

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.sleep(0.02)  # the daemon takes it a moment later
        self._task = asyncio.create_task(self._listen(), name="Task-program")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        with suppress(OSError):
            await self.writer.wait_closed()

    async def _listen(self) -> None:
        with suppress(OSError):
            while data := await self.reader.read(65_536):
                self.heard += data
        self.ended = True

    def send(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\r" for line in lines).encode())


class House:
    """A running receiver whose session is shared."""

    def __init__(self, avr: AvrSimulator, port: int, settings: dict[str, Any]) -> None:
        self.port = port
        self.store = StateStore()
        self.store.put_zone(Zone(ZoneId("main"), "main", receiver=DENON, receiver_zone=ReceiverZone.MAIN))
        self.receiver = DenonReceiver(
            DENON, "127.0.0.1", avr.port, self.store, frozenset({ReceiverZone.MAIN}),
            share=("127.0.0.1", port), **settings,
        )  # fmt: skip
        self.main = self.receiver.zone(ReceiverZone.MAIN)
        self.task = asyncio.create_task(self.receiver.run(), name="receiver")

    @property
    def word(self) -> LinkWord:
        return self.store.links[receiver_link(DENON)].word

    @property
    def state(self) -> ReceiverState | None:
        return self.store.zones[ZoneId("main")].receiver

    async def online(self) -> None:
        await until(lambda: self.word is LinkWord.ONLINE)

    async def stop(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    def program(self) -> Program:
        return Program(self.port)


@asynccontextmanager
async def sharing(avr: AvrSimulator, **settings: float) -> AsyncGenerator[House]:
    house = House(avr, free_port(), {"pacing": PACING, **settings})
    try:
        await house.online()
        yield house
    finally:
        await house.stop()


def sent(avr: AvrSimulator, prefix: str = "") -> list[str]:
    return [received.frame for received in avr.ledger if received.frame.startswith(prefix)]


def at(avr: AvrSimulator, frame: str) -> float:
    """When the receiver was last sent this."""
    return [received.at for received in avr.ledger if received.frame == frame][-1]


# -- hearing -------------------------------------------------------------------------------------------


async def test_every_client_hears_every_line_of_the_knob() -> None:
    async with (
        AvrSimulator(port=0, answer_delay=QUICK) as avr,
        sharing(avr) as house,
        house.program() as first,
        house.program() as second,
    ):
        first.send("PW?")
        second.send("MU?")
        await until(lambda: first.lines == second.lines == [b"PWON", b"MUOFF"])
        await avr.turn_knob(5)
        turned = [b"MV505", b"MVMAX 98", b"MV51", b"MVMAX 98", b"MV515", b"MVMAX 98", b"MV52", b"MVMAX 98"]
        turned += [b"MV525", b"MVMAX 98"]
        await until(lambda: first.lines[2:] == second.lines[2:] == turned)
        assert b"\n" not in first.heard
        assert house.state is not None
        assert house.state.volume == 52.5
        assert avr.connections_total == 1


async def test_lines_keep_their_bytes() -> None:
    odd = (
        b"NSE1\x01Caf\xc3\xa9 del Mar\0\xff\xfejunk\n\x80old\xc3", b"BridgeCo AG Telnet server",
        b"\xff\xfb\x01", b"\0\0", b"\xc3\x28", b"MV\n", b"X" * 256,
    )  # fmt: skip
    whole = [b"SSINFAISFSV 48K", *odd, b"MV40", b"MUON", b"MUOFF"]
    async with (
        AvrSimulator(port=0, answer_delay=QUICK) as avr,
        sharing(avr) as house,
        house.program() as early,
    ):
        await avr.faults.send_raw(b"SSINFAI")
        await asyncio.sleep(0.05)
        async with house.program() as late:  # it comes amid a line
            await avr.faults.send_raw(b"SFSV 48K\r\r\r")
            for line in odd:
                await avr.faults.send_raw(line[:5])
                await asyncio.sleep(0.01)
                await avr.faults.send_raw(line[5:] + b"\r")
            # A receiver that ends lines with CR LF, and one line without end.
            await avr.faults.send_raw(b"MV40\r\nMUON\r\n" + b"Y" * 300_000 + b"\rMUOFF\r")
            await until(lambda: early.lines == late.lines == whole)


# -- sending -------------------------------------------------------------------------------------------


async def test_a_flood_delays_nobody() -> None:
    async with (
        AvrSimulator(port=0, answer_delay=QUICK) as avr,
        sharing(avr) as house,
        house.program() as flood,
        house.program() as other,
    ):
        flood.send(*(f"MV{10 + number % 80}" for number in range(500)))
        await until(lambda: len(sent(avr, "MV")) > 5)
        waits: list[float] = []
        for number in range(8):
            began = time.monotonic()
            confirmed = await house.main.set_sleep(number + 1)
            await until(lambda: sent(avr, "SLP")[-1] == f"SLP{number + 1:03d}")  # noqa: B023  # awaited here
            waits.append(at(avr, f"SLP{number + 1:03d}") - began)
            await confirmed
            began = time.monotonic()
            other.send(f"PSDELAY {number:03d}")
            await until(lambda: f"PSDELAY {number:03d}" in sent(avr))  # noqa: B023
            waits.append(at(avr, f"PSDELAY {number:03d}") - began)
        assert max(waits) < 0.2, waits
        assert avr.min_gap >= 0.05
        await until(lambda: f"PSDELAY {7:03d}".encode() in flood.lines)
        volumes = sent(avr, "MV1") + sent(avr, "MV2")
        assert 10 < len(volumes) < 100, "the rest waits at the client's"
        assert house.word is LinkWord.ONLINE


async def test_nothing_of_a_flood_is_lost() -> None:
    async with (
        AvrSimulator(port=0, answer_delay=QUICK) as avr,
        sharing(avr, pacing=0.004) as house,
        house.program() as flood,
    ):
        lines = [f"PSDELAY {number % 201:03d}" for number in range(500)]
        flood.send(*lines)
        await until(lambda: len(sent(avr, "PSDELAY")) == 500, 10)
        assert sent(avr, "PSDELAY") == lines


async def test_what_is_not_read_waits_at_the_client() -> None:
    """The daemon takes little in advance: a client that breaks away takes the rest along."""
    async with (
        AvrSimulator(port=0, answer_delay=QUICK) as avr,
        sharing(avr) as house,
        house.program() as flood,
    ):
        flood.writer.write(b"PSDELAY 010\r" * 2_000_000)
        await until(lambda: len(sent(avr, "PSDELAY")) > 10)
        unsent = flood.writer.transport.get_write_buffer_size()
        await asyncio.sleep(0.5)
        assert unsent - flood.writer.transport.get_write_buffer_size() < 10_000
        raw: socket.socket = flood.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closes with a RST
        flood.writer.transport.abort()
        await asyncio.sleep(2)
        assert len(sent(avr, "PSDELAY")) < 45
        assert house.word is LinkWord.ONLINE


async def test_two_denonavr_start_at_once() -> None:
    async with AvrSimulator(port=0) as avr, sharing(avr) as house:
        before = len(avr.ledger)
        async with house.program() as first, house.program() as second:
            first.send(*QUESTIONS)
            second.send(*QUESTIONS)
            began = time.monotonic()
            await (await house.main.set_volume(30.5))
            assert at(avr, "MV305") - began < 0.2
            await until(lambda: b"VSVPMAUTO" in first.lines and b"VSVPMAUTO" in second.lines, 10)
            assert first.lines == second.lines
            assert {b"PWON", b"MV305", b"PSDYNEQ ON", b"CVEND", b"ECOAUTO"} <= set(first.lines)
            asked = [received.frame for received in avr.ledger[before:] if received.frame != "MV305"]
            assert asked == list(QUESTIONS), "the answer to one is heard by all"
            assert avr.min_gap >= 0.05
            first.send("PW?")  # keeps it alive
            await until(lambda: first.lines[-1] == b"PWON")
            assert not first.ended


async def test_what_is_no_command_is_ignored() -> None:
    longest = "PS" + "X" * 132
    async with (
        AvrSimulator(port=0, answer_delay=QUICK) as avr,
        sharing(avr) as house,
        house.program() as client,
        house.program() as other,
    ):
        before = len(avr.ledger)
        client.writer.write(
            b"MUON\r\nSLP010\r\n\r\n\r" + b"\xff\xfb\x01\rMV\xc3\xa9\rMV\x0040\r\tMV41\r" + b"A" * 200_000
        )
        client.writer.write(b"B" * 135 + b"\r" + longest.encode() + b"\rMV3")
        await until(lambda: longest in sent(avr))
        other.send("MUOFF")  # whoever leaves a command unfinished holds up nobody
        await until(lambda: "MUOFF" in sent(avr))
        client.writer.write(b"05\n")
        await until(lambda: "MV305" in sent(avr))
        frames = [received.frame for received in avr.ledger[before:]]
        assert frames == ["MUON", "SLP010", longest, "MUOFF", "MV305"]
        await until(lambda: house.state is not None and house.state.volume == 30.5)


async def test_a_receiver_that_a_client_wakes_is_left_alone() -> None:
    async with AvrSimulator(port=0, answer_delay=(0.15, 0.15), boot_time=0.6) as avr:
        avr.state.power = avr.state.main.power = False
        async with sharing(avr) as house, house.program() as client:
            client.send("PWON", "MV305", "SICD")
            await until(lambda: b"SICD" in client.lines, 5)
            assert at(avr, "MV305") - at(avr, "PWON") >= 1.0
            await until(lambda: house.state is not None and house.state.volume == 30.5)
            assert house.state is not None
            assert (house.state.power, house.state.input) == (True, "CD")


async def test_a_clients_question_confirms_nothing() -> None:
    """A mode that is reported again says that a command took effect, unless somebody asked for it."""
    async with (
        AvrSimulator(port=0, answer_delay=QUICK) as avr,
        sharing(avr, pacing=0.02, confirm_after=0.5) as house,
        house.program() as client,
    ):
        avr.faults.swallow.add("MSMOVIE")
        confirmed = await house.main.set_sound_mode("MOVIE")
        client.send("MS?", "MV?", "MS?")
        await until(lambda: client.lines.count(b"MSSTEREO") == 2)
        with pytest.raises(NotConfirmed):
            await confirmed
        client.send("MSJAZZ CLUB")
        await until(lambda: house.state is not None and house.state.sound_mode == "JAZZ CLUB")
        avr.faults.swallow.add("MV")
        confirmed = await house.main.set_volume(20)
        avr.faults.swallow.clear()
        client.send("MV20")
        await confirmed  # whoever did it: it is so


async def test_a_client_that_ends_its_side_is_still_served() -> None:
    async with (
        AvrSimulator(port=0, answer_delay=(0.1, 0.15)) as avr,
        sharing(avr) as house,
        house.program() as client,
    ):
        client.send("MV305", "MU?")
        client.writer.write_eof()
        await until(lambda: client.ended)
        assert client.lines == [b"MV305", b"MVMAX 98", b"MUOFF"]


# -- coming and going ----------------------------------------------------------------------------------


async def test_a_client_that_does_not_read_is_cut() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, sharing(avr) as house:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", house.port))
            async with house.program() as client:
                for _ in range(100):
                    await avr.faults.send_raw((b"Z" * 99 + b"\r") * 40)
                    await asyncio.sleep(0)
                await until(lambda: len(client.lines) == 4_000)
                deaf.settimeout(1)
                got = 0
                with suppress(ConnectionResetError):
                    while data := deaf.recv(65_536):
                        got += len(data)
                assert got < 300_000, "the rest was not kept for it"
                client.send("MU?")
                await until(lambda: client.lines[-1] == b"MUOFF")


async def test_the_ninth_client_is_closed_at_once() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, sharing(avr) as house:
        async with house.program() as first:
            eight = [first, *[await house.program().__aenter__() for _ in range(7)]]
            async with house.program() as ninth:
                await until(lambda: ninth.ended, 0.5)
            first.send("MU?")
            await until(lambda: all(one.lines == [b"MUOFF"] for one in eight))
            for one in eight[1:]:
                await one.__aexit__()
        await asyncio.sleep(share.LINGER + 0.1)
        async with house.program() as next_one:
            next_one.send("PW?")
            await until(lambda: next_one.lines == [b"PWON"])
            assert not next_one.ended


async def test_clients_outlast_a_receiver_without_mains() -> None:
    async with (
        AvrSimulator(port=0, answer_delay=QUICK) as avr,
        sharing(avr) as house,
        house.program() as client,
        house.program() as flood,
    ):
        flood.send(*["PSDELAY 010"] * 100)
        await until(lambda: len(sent(avr, "PSDELAY")) > 3)
        await avr.power_off_hard()
        await until(lambda: house.word is not LinkWord.ONLINE)
        before = len(avr.ledger)
        client.heard = b""
        client.send("MV10", *QUESTIONS)
        async with house.program() as newcomer:
            newcomer.send("MV11", "PW?")
            await asyncio.sleep(0.6)
            avr.state.main.volume = 77
            await avr.power_on_hard()
            await house.online()
            for one in (client, newcomer):
                await until(lambda: b"MV385" in one.lines)  # noqa: B023  # awaited here
                assert {b"PWON", b"ZMON", b"SITV"} <= set(one.lines)
                assert not one.ended
            client.send("MV20")
            await until(lambda: b"MV20" in newcomer.lines)
            await asyncio.sleep(0.2)
            later = [received.frame for received in avr.ledger[before:]]
            assert later == ["PW?", "ZM?", "MV?", "MU?", "SI?", "MS?", "SLP?", "MV20"], "nothing is replayed"


async def test_a_port_that_is_taken_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "BIND_PAUSE", 0.2)
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        with socket.socket() as squatter:
            squatter.bind(("127.0.0.1", free_port()))
            squatter.listen()
            house = House(avr, squatter.getsockname()[1], {"pacing": 0.01})
            await house.online()
            await (await house.main.set_volume(20))
        await asyncio.sleep(0.5)
        async with house.program() as client:
            client.send("MV?")
            await until(lambda: client.lines == [b"MV20", b"MVMAX 98"])
        await house.stop()


async def test_a_stop_closes_everything() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        house = House(avr, free_port(), {"pacing": 0.01})
        await house.online()
        async with house.program() as client:
            began = time.monotonic()
            await house.stop()
            assert time.monotonic() - began < 0.3
            await until(lambda: client.ended, 0.2)
        house = House(avr, free_port(), {"pacing": 0.01})
        await house.online()
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", house.port))
            async with house.program() as client, house.program() as flood:
                flood.send(*["PSDELAY 010"] * 1_000)
                for _ in range(20):
                    await avr.faults.send_raw((b"Z" * 99 + b"\r") * 40)
                await until(lambda: len(client.lines) > 800)
                began = time.monotonic()
                await house.stop()
                assert time.monotonic() - began < 1
                await until(lambda: client.ended, 0.2)
                with pytest.raises(OSError, match="Connect call failed"):
                    await asyncio.open_connection("127.0.0.1", house.port)
        await until(lambda: avr.connections_open == 0)


# -- in the daemon -------------------------------------------------------------------------------------


async def test_the_daemon_shares_and_takes_another_port(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    first, second = free_port(), free_port()
    async with running(broker, tmp_path, address) as house:
        await watcher.wait("bridge/connection/receiver/denon", "online")
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection("127.0.0.1", first)

        def take(share: str | None) -> None:
            receiver: dict[str, Any] = {"host": address, "port": house.avr.port, "share": share}
            file = tmp_path / "config.yaml"
            file.write_text(yaml.safe_dump(house.config | {"receivers": {"denon": receiver}}))
            house.daemon.apply(load(file, {}))

        take(str(first))
        await until(lambda: len(house.avr.connection_times) == 2)
        await watcher.wait("bridge/connection/receiver/denon", "online")
        async with Program(first) as client:
            client.send(*(f"PSDELAY {number % 201:03d}" for number in range(500)))
            await until(lambda: house.frames("PSDELAY"))
            for volume in ("21", "22", "23"):
                began = time.monotonic()
                assert (await watcher.ask("living_room/volume/set", volume))["status"] == "ok"
                assert at(house.avr, f"MV{volume}") - began < 0.2
            client.send("MUON")
            await until(lambda: b"MV23" in client.lines)
            take(f"{address}:{second}")
            await until(lambda: client.ended)
        await until(lambda: len(house.avr.connection_times) == 3)
        await watcher.wait("bridge/connection/receiver/denon", "online")
        client = Program(second)
        client.reader, client.writer = await asyncio.open_connection(address, second)
        client.send("MU?")
        assert await client.reader.readuntil(b"MUOFF\r")
        take(None)
        assert await client.reader.read(1000) in {b"", b"PWON\r"}
        client.writer.close()
        await watcher.wait("bridge/connection/receiver/denon", "online")
        assert house.avr.min_gap >= 0.05
