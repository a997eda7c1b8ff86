"""A HEOS device on a TCP port: simulated players that speak the CLI protocol to any number of sockets."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, cast
from zlib import crc32

from sugartalkd.simulator import heos_wire as wire
from sugartalkd.simulator.console import Console
from sugartalkd.simulator.heos_answers import ANSWERS
from sugartalkd.simulator.heos_faults import HeosFaults
from sugartalkd.simulator.heos_fetch import Fetched, NotDownloaded, fetch
from sugartalkd.simulator.heos_library import SimulatedItem
from sugartalkd.simulator.heos_system import HeosSystem, SimulatedPlayer
from sugartalkd.simulator.replay import say_again
from sugartalkd.simulator.ssdp import SsdpResponder

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence
    from typing import Self

    from sugartalkd.simulator.replay import HeosReplay

__all__ = ["HeosFaults", "HeosSimulator", "SimulatedItem", "SimulatedPlayer", "serve"]

PORT: Final = 1255
MAX_CONNECTIONS: Final = 32
"""Simultaneous sockets of one device (CLI specification); that it closes one more is our guess."""

_CHUNK: Final = 4096
_TICK_SECONDS: Final = 0.05
_SILENCE_POLL_SECONDS: Final = 0.01
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)


class _Connection:
    """One accepted socket, with the requests that wait for their turn on it."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer
        self.registered = False
        self.waiting: asyncio.Queue[wire.Request] = asyncio.Queue()
        self.requests = 0

    def send(self, line: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(line)

    def drop(self, *, rst: bool, flush: bool = True) -> None:
        """Close with a FIN, or with an RST; without `flush`, what the client has not taken yet is lost."""
        if rst and not self.writer.is_closing():
            linger = (socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            cast("socket.socket", self.writer.get_extra_info("socket")).setsockopt(*linger)
        if rst or not flush:
            self.writer.transport.abort()
        else:
            self.writer.close()


class HeosSimulator(HeosSystem):
    """Listens from `start` to `stop`; everything about players may be read and changed at any time."""

    def __init__(
        self,
        players: Iterable[SimulatedPlayer],
        *,
        host: str = "127.0.0.1",
        port: int = PORT,
        progress_interval: float = 5.0,
        events_without_effect: bool = False,
        answer_delay: float = 0.0,
        fetch: bool = False,
        on_activity: Callable[[SimulatedPlayer, str], None] | None = None,
        trace: Callable[[str], None] | None = None,
        replay: HeosReplay | None = None,
        replay_events_again: bool = False,
    ) -> None:
        """Nothing is opened yet.

        Args:
            players: All with different pids.
            host: The only address listened on.
            port: 0 takes any free one, to be read from `port` after `start`.
            progress_interval: Seconds between progress events while playing.
            events_without_effect: Whether setting the value that is already there sends an event.
            answer_delay: Seconds before every command takes effect and is answered.
            fetch: Whether a URL that starts is really got over HTTP.
            on_activity: Told play, pause, stop, now_playing, queue, volume, mute, repeat or shuffle.
            trace: Given one text per received command and per event, passwords masked.
            replay: Answers instead of `players`, which then may be none.
            replay_events_again: Whether its events come again and again, and not once.
        """
        super().__init__(
            players,
            progress_interval=progress_interval,
            events_without_effect=events_without_effect,
            on_activity=on_activity,
        )
        self.host = host
        self.port = port
        self.answer_delay = answer_delay
        self.fetch = fetch
        self.faults = HeosFaults()
        self.ledger: list[wire.Received] = []
        self.connections_total = 0
        self._trace = trace
        self._replay = replay
        self._replay_events_again = replay_events_again
        self._open: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.fetches: list[Fetched] = []
        """Every URL that a player got or tried to get."""
        self.read_ahead = 2_000_000
        """Bytes that a player takes beyond what it has played."""
        self.undecodable: set[str] = set()
        """Formats that end in a playback error: mp3, wav, flac, aac, alac, ogg."""
        self._fetching: dict[int, tuple[asyncio.Task[None], Fetched]] = {}
        self._held: list[bytes] | None = None
        self._running = False

    # Life.

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken or not ours.
        """
        await self.power_on()
        self._running = True
        self._own(self._run_clock())

    async def stop(self) -> None:
        """Close everything; raises what broke inside the simulator meanwhile, if anything did."""
        self._running = False
        await self._unplug(rst=False)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def power_on(self) -> None:
        """Listen (again) on the same address; does nothing if it already does."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, self.host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def power_off(self, rst: bool = False) -> None:
        """Refuse connections, drop the open ones with FIN or RST; players stop but keep queue and level.

        A mains cut sends neither: for that, use `faults.silent`.
        """
        await self._unplug(rst=rst)
        if self.faults.forgets_account:
            self.user = None
        for player in self.players.values():
            player.state, player.position_ms = "stop", 0.0
            self.item_changed(player, None)

    async def _unplug(self, *, rst: bool) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        self._drop_all(rst=rst, flush=False)
        if server is not None:
            await server.wait_closed()

    def _own(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """A task that `stop` ends and awaits; one that broke is kept until then, to be raised there."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._disown)
        return task

    def _disown(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            self._tasks.discard(task)

    # What tests look at.

    @property
    def connections(self) -> int:
        """Sockets open now."""
        return len(self._open)

    def received(self, command: str) -> list[wire.Received]:
        """The ledger's lines of one command."""
        return [line for line in self.ledger if line.command == command]

    # What a misbehaving device sends or does.

    def send_event(self, command: str, message: str = "") -> None:
        """To every registered socket; after the reply if a command caused it."""
        if self.faults.silent:
            return
        command = command if command.startswith("event/") else f"event/{command}"
        message = self.faults.distort_message(command, message)
        self._print(f"-> {command} {message}")
        line = wire.event(command, message)
        if self._held is not None:
            self._held.append(line)
        else:
            self._broadcast(line)

    def _broadcast(self, line: bytes) -> None:
        for connection in self._open:
            if connection.registered:
                connection.send(line)

    def send_garbage(self) -> None:
        """A line that is no JSON, to every socket."""
        self._send_all(b'{"heos":{"command":"event/pl\r\n')

    def send_huge_line(self, size: int = 70_000) -> None:
        """A proper event of more than `size` bytes, to every socket."""
        self._send_all(wire.event("event/sources_changed", "x" * size))

    def send_without_heos(self) -> None:
        """A JSON object that lacks `heos`, to every socket."""
        self._send_all(wire.frame({"payload": []}))

    def send_line(self, line: bytes) -> None:
        """Send a line, given without its end, to every registered connection's client as it is."""
        self._send_all(line + b"\r\n")

    def _send_all(self, line: bytes) -> None:
        for connection in self._open:
            connection.send(line)

    def close_all(self) -> None:
        """FIN on every socket; new ones are accepted."""
        self._drop_all(rst=False)

    def reset_all(self) -> None:
        """RST on every socket; new ones are accepted."""
        self._drop_all(rst=True)

    def _drop_all(self, *, rst: bool, flush: bool = True) -> None:
        for connection in list(self._open):
            self._drop(connection, rst=rst, flush=flush)

    def _drop(self, connection: _Connection, *, rst: bool = False, flush: bool = True) -> None:
        if connection in self._open:
            self._open.remove(connection)
            connection.drop(rst=rst, flush=flush)

    def _print(self, text: str) -> None:
        if self._trace is not None:
            self._trace(text)

    # Sockets.

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = cast("socket.socket", writer.get_extra_info("socket"))
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self._open) >= MAX_CONNECTIONS or self._server is None:
            writer.close()
            return
        self.connections_total += 1
        connection = _Connection(self.connections_total, reader, writer)
        self._open.add(connection)
        self._own(self._read(connection))

    async def _read(self, connection: _Connection) -> None:
        """Every line goes to the ledger at once, even while earlier ones wait for their answers."""
        answering = self._own(self._answer_all(connection))
        rest = b""
        try:
            while chunk := await connection.reader.read(_CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._receive(connection, line.rstrip(b"\r").decode(errors="replace"))
        except OSError:
            pass  # reset by the client
        finally:
            self._drop(connection)
            answering.cancel()

    def _receive(self, connection: _Connection, line: str) -> None:
        if not line or connection not in self._open:
            return
        request = wire.parse_request(line)
        at = asyncio.get_running_loop().time()
        self.ledger.append(
            wire.Received(at, connection.number, request.command, request.arguments, request.text)
        )
        self._print(f"<- [{connection.number}] {_masked(line)}")
        connection.requests += 1
        if connection.requests == 1 and self.faults.close_during_setup > 0:
            self.faults.close_during_setup -= 1
            self._drop(connection)
            return
        connection.waiting.put_nowait(request)

    async def _answer_all(self, connection: _Connection) -> None:
        try:
            while True:
                await self._answer(connection, await connection.waiting.get())
                await connection.writer.drain()
        except OSError:
            pass  # the client went away
        finally:
            self._drop(connection)

    async def _answer(self, connection: _Connection, request: wire.Request) -> None:
        faults, command = self.faults, request.command
        if faults.silent:
            return
        if faults.silences(request):
            # Switches are plain data that tests write to, so there is nothing to await.
            while faults.silent_player_blocks_socket and faults.silences(request):  # noqa: ASYNC110
                await asyncio.sleep(_SILENCE_POLL_SECONDS)
            return
        if command in faults.under_process | faults.under_process_never:
            parts = ("command under process", request.echo())
            connection.send(wire.success(command, "&".join(filter(None, parts))))
            if command in faults.under_process_never:
                return
        delay = self.answer_delay + faults.delay.get(command, 0.0)
        if delay:
            await asyncio.sleep(delay)
        if not faults.silent and connection in self._open:
            if self._replay is not None:
                await self._answer_as_recorded(self._replay, connection, request)
            else:
                self._act(connection, request)

    async def _answer_as_recorded(
        self, replay: HeosReplay, connection: _Connection, request: wire.Request
    ) -> None:
        async def send(line: bytes) -> None:
            if not self.faults.silent:
                connection.send(line + b"\r\n")

        await say_again(replay.answers(request), send)
        if request.command == "system/register_for_change_events":
            before = connection.registered
            connection.registered = request.arguments.get("enable") == "on"
            if connection.registered and not before:
                still = (lambda: connection in self._open) if self._replay_events_again else None
                self._own(say_again(replay.unasked, send, still))

    def _act(self, connection: _Connection, request: wire.Request) -> None:
        """The effect, then the reply, then the events the effect caused."""
        if request.command == "system/reboot" and not self.faults.plans(request):
            if not self.faults.reboot_unanswered:
                self.close_all()
            return
        self._held = []
        try:
            reply = self._reply(connection, request)
        finally:
            held, self._held = self._held, None
        if self.faults.early_events:
            self._broadcast_all(held)
        connection.send(reply)
        if self.faults.late_events:
            asyncio.get_running_loop().call_later(self.faults.late_events, self._broadcast_all, held)
        elif not self.faults.early_events:
            self._broadcast_all(held)

    def _broadcast_all(self, lines: list[bytes]) -> None:
        for line in lines:
            self._broadcast(line)

    def _reply(self, connection: _Connection, request: wire.Request) -> bytes:
        faults, command = self.faults, request.command
        try:
            answer = self._effect(connection, request)
        except wire.Refusal as refusal:
            parts = (refusal.message(with_text=not faults.fail_without_text), request.echo())
            message = faults.distort_message(command, "&".join(filter(None, parts)))
            return wire.failure(command, message)
        faults.distort_answer(command, answer)
        message = faults.distort_message(command, answer.message(request.echo()))
        return wire.success(command, message, answer)

    def _effect(self, connection: _Connection, request: wire.Request) -> wire.Answer:
        refusal = self.faults.take_failure(request)
        if refusal is not None:
            raise refusal
        if request.command in self.faults.swallow:
            return wire.Answer()
        if request.command == "system/register_for_change_events":
            connection.registered = request.word("enable", "on", "off") == "on"
            return wire.Answer()
        answer = ANSWERS.get(request.command)
        if answer is None:
            raise wire.Refusal(wire.NOT_RECOGNIZED)
        return answer(self, request)

    # Time, and what is got over HTTP.

    async def _run_clock(self) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(min(_TICK_SECONDS, self.progress_interval))
            now = loop.time()
            self.advance(now - before)
            before = now

    def item_changed(self, player: SimulatedPlayer, item: SimulatedItem | None) -> None:
        """Starts getting a URL, and gives up the one before."""
        running = self._fetching.pop(player.pid, None)
        if running is not None:
            running[0].cancel()
        if self.fetch and self._running and item is not None and item.url:
            got = Fetched(item.url, asyncio.get_running_loop().time(), player.pid)
            self.fetches.append(got)
            self._fetching[player.pid] = (self._own(self._fetch(player, item, got)), got)

    def has_sound(self, player: SimulatedPlayer, until_ms: float) -> bool:
        if player.pid not in self._fetching:
            return True
        got = self._fetching[player.pid][1]
        return got.complete or (got.sound is not None and until_ms * got.sound.rate <= got.size)

    async def _fetch(self, player: SimulatedPlayer, item: SimulatedItem, got: Fetched) -> None:
        said_ms = item.duration_ms

        def learn() -> None:
            if got.sound is not None and got.sound.format in self.undecodable:
                raise NotDownloaded(f"{got.url}: cannot play {got.sound.format}")
            if got.sound is not None and not said_ms:
                item.duration_ms = got.sound.duration_ms

        async def room() -> None:
            learn()
            # The position is plain data that the clock moves, so there is nothing to await.
            while (  # noqa: ASYNC110
                got.sound is not None
                and got.sound.rate
                and got.size > player.position_ms * got.sound.rate + self.read_ahead
            ):
                await asyncio.sleep(_TICK_SECONDS)

        try:
            await fetch(got, room)
            learn()
        except NotDownloaded as error:
            self._print(f"-- {error}")
            self._fetching.pop(player.pid, None)
            self.playback_error(player.pid, "Could Not Download")
            self.set_state(player.pid, "stop")


def _masked(line: str) -> str:
    return re.sub(r"(?<=[?&]pw=)[^&]*", "***", line)


async def serve(host: str, port: int, names: Sequence[str], replay: HeosReplay | None = None) -> None:
    """Simulate a player for each name until cancelled, printing a line per command and event.

    Lines on standard input turn its faults on and off: see Console.

    Raises:
        OSError: the address is taken or not ours.
    """
    players = [
        # Real pids are signed 32-bit numbers, and stay the same.
        SimulatedPlayer(name, crc32(name.encode()) - 2**31, serial=f"SIM{number:04}", ip=host)
        for number, name in enumerate(() if replay else names, 1)
    ]
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(
            HeosSimulator(
                players,
                host=host,
                port=port,
                fetch=True,
                trace=_print_line,
                replay=replay,
                replay_events_again=True,
            )
        )
        try:
            await stack.enter_async_context(SsdpResponder(host))
        except OSError as error:
            _print_line(f"heos.host: auto will not find it: no SSDP on port 1900 ({error.strerror})")
        listed = ", ".join(f"{player.name} (pid {player.pid})" for player in players)
        listed = "a recorded system, which nothing changes" if replay else listed
        _print_line(f"HEOS simulator on {simulator.host}:{simulator.port}: {listed}")
        once = (
            simulator.faults.fail, simulator.close_all, simulator.reset_all, simulator.send_garbage,
            simulator.send_huge_line, simulator.send_without_heos, simulator.power_off, simulator.power_on,
            simulator.turn_volume, simulator.press_mute, simulator.set_state, simulator.seek, simulator.skip,
            simulator.playback_error, simulator.remove_player, simulator.change_pid,
        )  # fmt: skip
        await Console(simulator.faults, {one.__name__: one for one in once}).run(_print_line)
        await asyncio.get_running_loop().create_future()


def _print_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
