"""A Denon receiver on a TCP port: for the demo, for tests, and to talk to by hand."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Final

from sugartalkd.simulator.avr_connection import Connection
from sugartalkd.simulator.avr_faults import AvrFaults
from sugartalkd.simulator.avr_receiver import AvrState, Frames, Receiver, StandbyAnswers
from sugartalkd.simulator.avr_wire import CHANNELS, MODELS, SOUND_MODES, VOLUME_TOP, Framing, is_question
from sugartalkd.simulator.console import Console
from sugartalkd.simulator.replay import say_again

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType
    from typing import Self

    from sugartalkd.simulator.replay import AvrReplay

__all__ = ["AvrFaults", "AvrSimulator", "AvrState", "Received", "SlotPolicy", "StandbyAnswers", "serve"]

COMMAND_GAP: Final = 0.05
"""Seconds the maker asks for between two commands."""
_KNOB_GAP: Final = (0.04, 0.08)
"""Seconds between two half steps of a turning knob."""
_CHATTER: Final = [b"OPSTS 0000000000000000", b"SSINFAISFSV 48K"]


class SlotPolicy(Enum):
    """What a second client meets while the first is connected."""

    REFUSE = "refuse"
    """Refused: nobody listens."""
    ACCEPT_CLOSE = "accept_close"
    """Accepted, then closed."""
    KICK_OLD = "kick_old"
    """Served, and the first is closed."""
    MULTI = "multi"
    """Served as well; everything sent goes to all."""


@dataclass(frozen=True, slots=True)
class Received:
    """One command as it came: monotonic seconds, the connection's number from 1, its text without CR."""

    at: float
    connection: int
    frame: str


class AvrSimulator:
    """A receiver that listens, answers, can be operated at its front panel, and can be made to fail.

    `port` 0 takes a free one, see `.port`. `zones` is 1 to 3. In seconds: `answer_delay` is the shortest and
    longest time to an answer, `boot_time` how long nothing is answered after power-on, `minute` a minute of
    the sleep timer. `volume_limit` is in half steps (0 to 196). With `single_zone` the unit does not know
    `ZM`. `speakers` are those that have a level; `old_words` and `marantz` change a few words of the wire.
    With `any_line_end` commands may also end with LF or CR LF, and whoever sends LF gets CR LF: for
    people, receivers do no such thing. `on_activity` is told `"received"` or `"sent"`, and the frame.
    With `replay` it answers as the recorded receiver did, and only that; what that one said unasked comes to
    each client once, with `replay_unasked_again` over and over.

    Raises ValueError for numbers out of range.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 23,
        zones: int = 2,
        answer_delay: tuple[float, float] = (0.02, 0.15),
        slot: SlotPolicy = SlotPolicy.REFUSE,
        boot_time: float = 1.0,
        volume_limit: int | None = None,
        single_zone: bool = False,
        standby_answers: StandbyAnswers = StandbyAnswers.ALL,
        minute: float = 60.0,
        speakers: tuple[str, ...] = CHANNELS,
        old_words: bool = False,
        marantz: bool = False,
        any_line_end: bool = False,
        on_activity: Callable[[str, str], None] | None = None,
        replay: AvrReplay | None = None,
        replay_unasked_again: bool = False,
    ) -> None:
        if zones not in MODELS:
            raise ValueError(f"a simulated receiver has 1 to {max(MODELS)} zones, not {zones}")
        if volume_limit is not None and not 0 <= volume_limit <= VOLUME_TOP:
            raise ValueError(f"a volume limit is 0 to {VOLUME_TOP} half steps, not {volume_limit}")
        self.host = host
        self.slot = slot
        self.answer_delay = answer_delay
        self.ledger: list[Received] = []
        self.connection_times: list[float] = []
        self._connections: list[Connection] = []
        self._faults = AvrFaults(connections=self._connections)
        self._receiver = Receiver(
            zones=zones,
            clock=time.monotonic,
            quirks=self._faults,
            boot_time=boot_time,
            volume_limit=volume_limit,
            single_zone=single_zone,
            standby_answers=standby_answers,
            minute=minute,
            speakers=speakers,
            old_words=old_words,
            marantz=marantz,
        )
        self._port = port
        self._any_line_end = any_line_end
        self._on_activity = on_activity
        self._replay = replay
        self._replay_unasked_again = replay_unasked_again
        self._chance = random.Random()  # noqa: S311 - it spaces frames, it keeps no secret
        self._mains = False
        self._server: asyncio.Server | None = None
        self._commands: asyncio.Queue[tuple[float, Received]] = asyncio.Queue()
        self._answered_at = -inf
        self._replan = asyncio.Event()
        self._sending = asyncio.Lock()
        self._listening = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._talks: set[asyncio.Task[None]] = set()
        self._late: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []

    # What a test looks at

    @property
    def port(self) -> int:
        """The TCP port; with 0 asked for, the one taken since `start`."""
        return self._port

    @property
    def state(self) -> AvrState:
        """What the receiver knows; to be changed at will, without a word on the wire."""
        return self._receiver.state

    @property
    def faults(self) -> AvrFaults:
        """The faults to switch on, while it runs or before."""
        return self._faults

    @property
    def connections_total(self) -> int:
        """Clients ever accepted, those closed at once included."""
        return len(self.connection_times)

    @property
    def connections_open(self) -> int:
        return sum(connection.is_open for connection in self._connections)

    @property
    def min_gap(self) -> float:
        """The smallest seconds between two commands on one connection; infinite without two."""
        last: dict[int, list[float]] = {}
        for received in self.ledger:
            last.setdefault(received.connection, []).append(received.at)
        return min(
            (later - earlier for times in last.values() for earlier, later in pairwise(times)), default=inf
        )

    # Life

    async def start(self) -> None:
        """Listen; raises OSError if the address cannot be had."""
        self._mains = True
        await self._listen()
        self._own(self._answer_commands(), "avr-answers")
        self._own(self._watch_clock(), "avr-clock")
        self._own(self._chatter(), "avr-chatter")

    async def stop(self) -> None:
        """Close everything and wait for it; raises what went wrong inside while it ran."""
        self._mains = False
        async with self._listening:  # cancelled in the middle, start_server would leave its socket behind
            self._stop_listening()
        connections = list(self._connections)
        for connection in connections:
            connection.abort()
        tasks = self._tasks | self._talks | self._late
        for task in tasks:
            task.cancel()
        await asyncio.gather(
            *tasks, *(connection.gone() for connection in connections), return_exceptions=True
        )
        if self._failures:
            raise self._failures[0]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # The front panel, the remote control and the mains

    async def turn_knob(self, half_steps: int, zone: int = 1) -> None:
        """Turn the volume by half steps, one report each, 40 to 80 ms apart; the knob ends at the limit."""
        step = 1 if half_steps > 0 else -1
        for turned in range(abs(half_steps)):
            if turned:
                await asyncio.sleep(self._chance.uniform(*_KNOB_GAP))
            target = self._receiver.zones[zone].volume + step
            if not self._receiver.booting and target <= self._receiver.top(zone):
                await self._push(self._receiver.set_volume(zone, target))

    async def press_mute(self, zone: int = 1) -> None:
        """Mute a zone, or end its mute."""
        if not self._receiver.booting:
            await self._push(self._receiver.set_mute(zone, not self._receiver.zones[zone].mute))

    async def select_input(self, name: str, zone: int = 1) -> None:
        """Select an input by its wire name; raises ValueError if this receiver has none of that name."""
        if not self._receiver.offers(zone, name):
            raise ValueError(f"zone {zone} has no input {name!r}")
        await self._operate(self._receiver.select_input(zone, name))

    async def press_power(self, zone: int = 1) -> None:
        """Switch a zone on or off."""
        if not self._receiver.booting:
            on = self._receiver.zones[zone].power
            await self._operate(self._receiver.switch_off(zone) if on else self._receiver.switch_on(zone))

    async def select_surround(self, name: str) -> None:
        """Select a sound mode by the words that set it (`MOVIE`) or that report it (`DOLBY SURROUND`)."""
        await self._operate(self._receiver.select_surround(SOUND_MODES.get(name, name)))

    async def heos_starts(self) -> None:
        """A HEOS player in the receiver begins to play: main zone on, input NET, in that order.

        From standby the rest follows after the boot time (https://github.com/home-assistant/core/issues/143188).
        """
        await self.select_input("NET")

    async def power_off_hard(self, *, rst: bool = False) -> None:
        """Pull the plug: stop listening, drop all sockets (with RST if asked), forget waiting commands.

        A real plug leaves no FIN behind either; for that, set `faults.silent` before.
        """
        self._mains = False
        self._stop_listening()
        for connection in list(self._connections):
            if rst:
                connection.reset()
            else:
                connection.abort()
        while not self._commands.empty():
            self._commands.get_nowait()
        for late in self._late:
            late.cancel()
        if self._talks:
            await asyncio.wait(self._talks)

    async def power_on_hard(self) -> None:
        """Put the plug back: listen on the same port again, in the state from before."""
        self._mains = True
        await self._listen()

    async def _operate(self, frames: Frames) -> None:
        self._replan.set()
        await self._push(frames)

    # Connections

    async def _listen(self) -> None:
        async with self._listening:
            if self._server is None and self._mains:
                self._server = await asyncio.start_server(self._accept, self.host, self._port)
                self._port = self._server.sockets[0].getsockname()[1]

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connection_times.append(time.monotonic())
        connection = Connection(len(self.connection_times), writer)
        others = [other for other in self._connections if other.is_open]
        taken = bool(others) and self.slot in {SlotPolicy.REFUSE, SlotPolicy.ACCEPT_CLOSE}
        if taken or self._faults.close_on_connect or not self._mains:
            connection.close()
            return
        if self.slot is SlotPolicy.KICK_OLD:
            for other in others:
                other.close()
        if self.slot is SlotPolicy.REFUSE:
            self._stop_listening()
        self._connections.append(connection)
        self._own(self._talk(connection, reader), f"avr-client-{connection.number}", self._talks)

    async def _talk(self, connection: Connection, reader: asyncio.StreamReader) -> None:
        try:
            if self._faults.banner is not None:
                await connection.send_raw(self._faults.banner.encode() + self._end(connection))
            if self._replay is not None:
                still = (lambda: connection.is_open) if self._replay_unasked_again else None
                self._own(
                    say_again(self._replay.unasked, self._send_line, still), "avr-replay-unasked", self._late
                )
            framing = Framing(any_end=self._any_line_end)
            while data := await reader.read(4096):
                connection.by_hand |= self._any_line_end and b"\n" in data
                for command in framing.feed(data):
                    self._hear(connection, command)
        except ConnectionError:
            pass  # the client reset it: gone is gone
        finally:
            connection.close()
            self._connections.remove(connection)
        await self._listen()

    # Commands in

    def _hear(self, connection: Connection, command: str) -> None:
        now = time.monotonic()
        before, connection.heard_at = connection.heard_at, now
        received = Received(now, connection.number, command)
        self.ledger.append(received)
        self._tell("received", command)
        if self._faults.drop_fast_commands and before is not None and now - before < COMMAND_GAP:
            self._faults.dropped += 1
            return
        lost = command.startswith(tuple(self._faults.swallow)) or command in self._faults.mute_queries
        if lost or self._faults.silent:
            return
        if self._replay is not None:
            answers = self._replay.answers(command)
            self._own(say_again(answers, self._send_line), "avr-replay", self._late)
            return
        # Answers keep the order of the commands, yet do not wait for each other's delay.
        self._answered_at = max(self._answered_at, now + self._chance.uniform(*self.answer_delay))
        self._commands.put_nowait((self._answered_at, received))

    async def _answer_commands(self) -> None:
        while True:
            due, received = await self._commands.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            frames = self._receiver.answer(received.frame, received.at)
            late = max(
                (s for prefix, s in self._faults.late.items() if received.frame.startswith(prefix)),
                default=0.0,
            )
            if not is_question(received.frame):
                late = max(late, self._faults.late_events)
            await self._push(frames, late)
            self._replan.set()

    async def _watch_clock(self) -> None:
        while True:
            self._replan.clear()
            due = self._receiver.due
            try:
                async with asyncio.timeout(None if due is None else max(0.0, due - time.monotonic())):
                    await self._replan.wait()
            except TimeoutError:
                await self._push(self._receiver.elapse())

    async def _chatter(self) -> None:
        while True:
            await asyncio.sleep(self._faults.chatter_gap)
            if self._faults.chatter:
                await self._send(_CHATTER)

    # Frames out

    def _end(self, connection: Connection) -> bytes:
        return b"\r\n" if self._faults.crlf or connection.by_hand else b"\r"

    async def _push(self, frames: Frames, late: float | None = None) -> None:
        """Send after so many seconds, without waiting for it; what nobody asked for is as late as events."""
        late = self._faults.late_events if late is None else late
        if late:
            self._own(self._send_late(frames, late), "avr-late", self._late)
        else:
            await self._send(frames)

    async def _send_late(self, frames: Frames, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._send(frames)

    async def _send_line(self, line: bytes) -> None:
        await self._send([line])

    async def _send(self, frames: Frames) -> None:
        """Send to all clients; the lock keeps single bytes of two answers apart."""
        if not frames or self._faults.silent or not self.connections_open:
            return
        if self._faults.duplicate_events:
            frames = [frame for frame in frames for _ in range(2)]
        gap = self._faults.frame_gap
        async with self._sending:
            for number, part in enumerate([[frame] for frame in frames] if gap else [frames]):
                if number:
                    await asyncio.sleep(gap)
                for frame in part:
                    self._tell("sent", frame.decode(errors="replace"))
                for connection in list(self._connections):
                    await connection.send(
                        part,
                        self._end(connection),
                        split=self._faults.split_frames,
                        close_after=self._faults.close_after,
                    )

    def _tell(self, direction: str, frame: str) -> None:
        if self._on_activity is not None:
            self._on_activity(direction, frame)

    def _own(
        self, work: Coroutine[None, None, None], name: str, owner: set[asyncio.Task[None]] | None = None
    ) -> None:
        tasks = self._tasks if owner is None else owner
        task = asyncio.get_running_loop().create_task(work, name=name)
        tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            if not task.cancelled() and (error := task.exception()):
                self._failures.append(error)

        task.add_done_callback(ended)


async def serve(host: str, port: int, zones: int, replay: AvrReplay | None = None) -> None:
    """Run a receiver until cancelled, printing each frame that comes (`<`) and goes (`>`).

    Commands may end with CR, LF or both. Lines on standard input turn its faults on and off: see Console.
    """
    marks = {"received": "<", "sent": ">"}

    def show(direction: str, frame: str) -> None:
        # A frame may hold NULs and junk; a terminal is spared them.
        readable = frame.encode("unicode_escape").decode()
        say(f"{time.strftime('%H:%M:%S')} {marks[direction]} {readable}")

    def say(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    async with AvrSimulator(
        host=host,
        port=port,
        zones=zones,
        any_line_end=True,
        on_activity=show,
        replay=replay,
        replay_unasked_again=True,
    ) as simulator:
        what = "a recorded receiver" if replay else f"a receiver with {zones} zones"
        say(f"{what} listens on {host}:{simulator.port}")
        faults = simulator.faults
        once = (
            faults.close_all, faults.reset_all, faults.send_garbage, faults.send_cut_texts,
            faults.send_megabytes, simulator.power_off_hard, simulator.power_on_hard,
            simulator.turn_knob, simulator.press_mute, simulator.press_power, simulator.select_input,
            simulator.select_surround, simulator.heos_starts,
        )  # fmt: skip
        await Console(faults, {one.__name__: one for one in once}).run(say)
        await asyncio.Event().wait()
