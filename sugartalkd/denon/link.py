"""The one telnet connection to a receiver: paced writing, asking, a watchdog, and trying again."""

from __future__ import annotations

import asyncio
import errno
import random
import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from sugartalkd.denon.protocol import Change, Lines, Question, Subject, UnitPower, parse, question, subject_of
from sugartalkd.errors import ReceiverOffline, Superseded
from sugartalkd.log import get_logger
from sugartalkd.model import LinkWord
from sugartalkd.state import now

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sugartalkd.state import LinkBook

_log = get_logger(__name__)

CONNECT_LIMIT: Final = 5.0
FIRST_ANSWER_LIMIT: Final = 5.0
"""Seconds for the first `PW?`: with 2 s a receiver that answers in 2.5 s never came up (denon.md 3.3)."""
CLOSE_LIMIT: Final = 1.0
SLOW_ANSWER: Final = 2.5
"""Seconds that no question waits longer, however slow the receiver was before."""
STABLE: Final = 10.0
"""Seconds of answered session after which the back-off begins anew."""
BACKOFF: Final = (0.4, 30.0)
BACKOFF_SHARE: Final = 1 / 3
"""The pause, as a share of the outage until now: short outages are found at once, long ones cost little."""
SHORT_SESSIONS: Final = 2
"""So many sessions in a row may be shorter than STABLE; each further one doubles the shortest pause."""
CLOSED_EARLY_PAUSE: Final = 1.0
"""Seconds at least before a receiver is tried again that closed before it answered."""
AT_ONCE: Final = 1.0
"""Seconds: an attempt that begins sooner after a loss is still the first one."""
JITTER: Final = (0.8, 1.0)
TURNED_AWAY_LIMIT: Final = 3
"""Attempts in a row that found TCP but no session before the link is called busy (contract 2)."""
READ_SIZE: Final = 65_536

SLOT_TAKEN: Final = (
    "another telnet client (an app, Home Assistant's denonavr) probably holds its only session"
)


class Tenant(Protocol):
    """Who lives on the connection: hears every change, and has its say while a session lasts."""

    def heard(self, session: Session, change: Change) -> None: ...

    async def opened(self, session: Session) -> None:
        """Read and publish everything; when it returns the link is online."""
        ...

    async def serve(self, session: Session) -> None:
        """What goes on while the session lasts; cancelled at its end."""
        ...

    def closed(self, reason: str) -> None: ...


class _Ended(Exception):
    """The session is over; the text says how, from the receiver's point of view."""


class _Silent(_Ended):
    """TCP stands, the receiver says nothing."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How an attempt came to its end, and for how long it had been online until then."""

    error: str
    turned_away: bool = False
    shortest_pause: float = BACKOFF[0]
    online_for: float | None = None
    """Seconds; `None` if it never was."""


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False)
class _Command:
    line: str
    subject: Subject
    then: Callable[[], None]
    written: asyncio.Future[None] = field(default_factory=_future)


@dataclass(slots=True, eq=False)
class _Asked:
    question: Question
    answer: asyncio.Future[Change]
    written: asyncio.Future[None] = field(default_factory=_future)
    written_at: float = 0.0


class Session:
    """One open connection. Commands go before questions; nothing is written faster than the pace."""

    def __init__(
        self,
        name: str,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        group: asyncio.TaskGroup,
        heard: Callable[[Session, Change], None],
        *,
        pacing: float,
        idle: float,
        probe: float,
    ) -> None:
        self.name = name
        self.latency = 0.0
        """Seconds that the last `PW?` took."""
        self._reader, self._writer = streams
        self._group = group
        self._heard = heard
        self._pacing, self._idle, self._probe = pacing, idle, probe
        self._loop = asyncio.get_running_loop()
        self._commands: deque[_Command] = deque()
        self._waiting: list[_Asked] = []
        self._asked: list[_Asked] = []
        self._filled = asyncio.Event()
        self._free_at = self._loop.time()
        """When the next line may be written."""
        self._heard_at = self._loop.time()
        self._over: str | None = None
        """How the session ended."""

    # -- for the tenant --------------------------------------------------------------------------------

    def start(self, work: Coroutine[None, None, None], name: str) -> None:
        """Run something for as long as the session lasts."""
        self._group.create_task(work, name=f"{self.name} {name}")

    def hold(self, seconds: float) -> None:
        """Write nothing for a while; what waits goes out afterwards."""
        self._free_at = max(self._free_at, self._loop.time() + seconds)

    def has_waiting(self, subject: Subject) -> bool:
        """Whether a command about this subject has not been written yet."""
        return any(one.subject == subject for one in self._commands if not one.written.done())

    async def send(self, line: str, subject: Subject, then: Callable[[], None]) -> None:
        """Return when the line has been written; `then` is called in that very moment.

        Raises Superseded when a newer line about the same subject came first, ReceiverOffline when the
        session ended before.
        """
        self._check()
        for older in self._commands:
            if older.subject == subject and not older.written.done():
                _fail(older.written, Superseded("a newer value took its place before it was sent"))
        command = _Command(line, subject, then)
        self._commands.append(command)
        self._filled.set()
        await command.written

    async def ask(self, *questions: Question, patience: float | None = None) -> list[Change | None]:
        """Ask, and wait for the answers; `None` for each that did not come in time after it was written.

        Without `patience` each question's own counts, or twice what the receiver took for `PW?`.
        Raises ReceiverOffline when the session ended meanwhile.
        """
        self._check()
        asked = [_Asked(one, self._loop.create_future()) for one in questions]
        self._waiting += asked
        self._filled.set()
        answers: list[Change | None] = []
        try:
            for one in asked:
                await one.written
                usual = min(max(one.question.patience, 2 * self.latency), SLOW_ANSWER)
                limit = usual if patience is None else patience
                left = one.written_at + limit - self._loop.time()
                await asyncio.wait({one.answer}, timeout=max(left, 0))
                answers.append(one.answer.result() if one.answer.done() else None)
        finally:
            for one in asked:
                one.written.cancel()
                one.answer.cancel()
            self._asked = [one for one in self._asked if not one.answer.done()]
        return answers

    # -- for the link ----------------------------------------------------------------------------------

    async def greet(self) -> bool:
        """Whether `PW?` was answered: only then this is a session."""
        return (await self._ask_power(FIRST_ANSWER_LIMIT)) is not None

    async def read(self) -> None:
        """Hand on what the receiver says; ends with `_Ended`."""
        lines = Lines()
        while True:
            try:
                data = await self._reader.read(READ_SIZE)
            except OSError as error:
                raise _Ended(f"broke the connection ({_why(error)})") from error
            if not data:
                raise _Ended("closed the connection")
            self._heard_at = self._loop.time()
            for line in lines.feed(data):
                change = parse(line)
                if change is None:
                    _log.debug("line not understood", receiver=self.name, line=line)
                else:
                    self._take(change)

    async def write(self) -> None:
        """Write what waits, one line per pace; ends with `_Ended`."""
        while True:
            if not (self._commands or self._waiting):
                self._filled.clear()
                await self._filled.wait()
            elif (pause := self._free_at - self._loop.time()) > 0:
                await asyncio.sleep(pause)
            else:
                self._write_next()
                try:
                    await self._writer.drain()
                except OSError as error:
                    raise _Ended(f"broke the connection ({_why(error)})") from error

    async def watch(self, measured: Callable[[float], None]) -> None:
        """Tell a silent receiver from a vanished one: W models say nothing while nothing changes.

        `measured` is told the milliseconds of each answered `PW?`.
        """
        while True:
            quiet = self._loop.time() - self._heard_at
            if quiet < self._idle:
                await asyncio.sleep(self._idle - quiet)
                continue
            asked_at = self._loop.time()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._probe):
                    if await self._ask_power(self._probe) is not None:
                        measured(self.latency * 1000)
            if self._heard_at < asked_at:
                raise _Silent(
                    f"said nothing for {self._idle:g} s and did not answer PW? within {self._probe:g} s"
                )

    def end(self, reason: str) -> None:
        """Whoever still waits for this session waits in vain."""
        self._over = gone = f"{self.name} {reason}"
        for command in self._commands:
            _fail(command.written, ReceiverOffline(gone))
        for one in (*self._waiting, *self._asked):
            _fail(one.written, ReceiverOffline(gone))
            _fail(one.answer, ReceiverOffline(gone))

    # -- inside ----------------------------------------------------------------------------------------

    def _check(self) -> None:
        if self._over is not None:
            raise ReceiverOffline(self._over)

    async def _ask_power(self, patience: float) -> Change | None:
        [answer] = await self.ask(question(UnitPower), patience=patience)
        return answer

    def _take(self, change: Change) -> None:
        self._heard(self, change)
        subject = subject_of(change)
        for one in self._asked:
            if one.question.subject == subject and not one.answer.done():
                one.answer.set_result(change)
                took = self._loop.time() - one.written_at
                # The first `PW?` may have met a receiver that was starting up, and later answers say better;
                # but a line that only happens to come now may pass for an answer.
                power = subject.kind is UnitPower
                self.latency = took if power else min(self.latency, max(took, self.latency / 2))
        self._asked = [one for one in self._asked if not one.answer.done()]

    def _write_next(self) -> None:
        while self._commands:
            command = self._commands.popleft()
            if not command.written.done():
                self._put(command.line)
                command.written.set_result(None)
                command.then()
                return
        # Several may wait for the same answer, and `Z2?` is answered by several lines: it goes out once.
        self._waiting = [one for one in self._waiting if not one.written.done()]
        if not self._waiting:
            return
        text = self._waiting[0].question.text
        due = [one for one in self._waiting if one.question.text == text]
        self._waiting = [one for one in self._waiting if one.question.text != text]
        self._put(text)
        for one in due:
            one.written_at = self._loop.time()
            one.written.set_result(None)
        self._asked += due

    def _put(self, line: str) -> None:
        # CR alone: the LF of a CRLF corrupts the next command (k3erg/marantz-denon-telnet#2).
        self._writer.write(line.encode("ascii") + b"\r")
        self._free_at = max(self._free_at, self._loop.time() + self._pacing)
        _log.debug("sent", receiver=self.name, line=line)


class Link:
    """Keeps one session with one receiver for as long as `run` runs."""

    def __init__(
        self,
        host: str,
        port: int,
        book: LinkBook,
        tenant: Tenant,
        *,
        pacing: float,
        idle: float,
        probe: float,
    ) -> None:
        self.name = f"{host}:{port}"
        self._host, self._port = host, port
        self._book = book
        self._tenant = tenant
        self._pacing, self._idle, self._probe = pacing, idle, probe
        self._session: Session | None = None
        self._last_error: str | None = None
        self._turned_away = 0

    @property
    def session(self) -> Session:
        """The session, once it is online. Raises ReceiverOffline while there is none."""
        if self._session is None:
            last = self._last_error or "its first answer is still awaited"
            raise ReceiverOffline(f"there is no session with the receiver at {self.name}: {last}")
        return self._session

    async def run(self) -> None:
        """Connect, serve, and connect again, until cancelled."""
        loop = asyncio.get_running_loop()
        lost_at = loop.time()
        short_sessions = 0
        self._turned_away = 0
        try:
            while True:
                self._book.connecting()
                outcome = await self._attempt()
                if outcome.online_for is not None:
                    lost_at = loop.time()
                    short_sessions = 0 if outcome.online_for >= STABLE else short_sessions + 1
                flapping = BACKOFF[0] * 2.0 ** max(0, short_sessions - SHORT_SESSIONS)
                pause = pause_after(loop.time() - lost_at, max(outcome.shortest_pause, flapping))
                if outcome.online_for is None or pause > AT_ONCE:
                    self._report(outcome, pause)
                await asyncio.sleep(pause)
        finally:
            self._book.close()

    def _report(self, outcome: _Outcome, pause: float) -> None:
        self._turned_away = self._turned_away + 1 if outcome.turned_away else 0
        word = LinkWord.BUSY if self._turned_away >= TURNED_AWAY_LIMIT else LinkWord.OFFLINE
        if outcome.error != self._last_error:
            _log.warning("no session with the receiver", receiver=self.name, reason=outcome.error)
        self._last_error = outcome.error
        self._book.down(word, outcome.error, now() + timedelta(seconds=pause))

    async def _attempt(self) -> _Outcome:
        try:
            async with asyncio.timeout(CONNECT_LIMIT):
                streams = await asyncio.open_connection(self._host, self._port)
        except TimeoutError:
            return _Outcome(
                f"{self.name} does not answer a connection attempt within {CONNECT_LIMIT:g} s: the receiver "
                "is probably off at the mains, off the network, or has another address"
            )
        except OSError as error:
            if _refused(error):
                return _Outcome(
                    f"{self.name} refuses the connection: {SLOT_TAKEN}, or it is starting up, or its "
                    "network control is not set to Always On",
                    turned_away=True,
                )
            return _Outcome(
                f"{self.name} cannot be reached ({_why(error)}): the receiver is probably off at the mains, "
                "off the network, or has another name or address"
            )
        writer = streams[1]
        try:
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return await self._live(streams)
        finally:
            await _close(writer)

    async def _live(self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> _Outcome:
        """One session from its first byte to its last."""
        loop = asyncio.get_running_loop()
        session: Session | None = None
        answered = False
        online_at: float | None = None
        ended = _Ended("was left: the daemon lets go of it")
        try:
            async with asyncio.TaskGroup() as group:
                session = Session(
                    self.name, streams, group, self._tenant.heard,
                    pacing=self._pacing, idle=self._idle, probe=self._probe,
                )  # fmt: skip
                session.start(session.read(), "reader")
                session.start(session.write(), "writer")
                if not await session.greet():
                    raise _Silent(
                        f"took the connection but did not answer PW? within {FIRST_ANSWER_LIMIT:g} s"
                    )
                answered = True
                session.start(session.watch(self._book.latency), "watchdog")
                await self._tenant.opened(session)
                self._session, self._last_error, self._turned_away = session, None, 0
                online_at = loop.time()
                self._book.online(round(session.latency * 1000, 1))
                _log.info("session with the receiver", receiver=self.name)
                await self._tenant.serve(session)
        except* _Ended as endings:
            [ended] = [one for one in endings.exceptions if isinstance(one, _Ended)][:1]
        finally:
            self._session = None
            if session is not None:
                session.end(str(ended))
            self._tenant.closed(f"{self.name} {ended}")
        return self._judge(ended, None if online_at is None else loop.time() - online_at, answered=answered)

    def _judge(self, ended: _Ended, online_for: float | None, *, answered: bool) -> _Outcome:
        """What the end of a session means for the link."""
        error = f"{self.name} {ended}"
        if not answered:
            if isinstance(ended, _Silent):
                return _Outcome(f"{error}: it is starting up, hangs, or is no Denon or Marantz receiver")
            return _Outcome(
                f"{self.name} closes the connection before answering: {SLOT_TAKEN}",
                turned_away=True,
                shortest_pause=CLOSED_EARLY_PAUSE,
            )
        if online_for is not None:
            _log.warning("session with the receiver lost", receiver=self.name, reason=str(ended))
            self._last_error = error
            self._book.lost(error)
        return _Outcome(error, online_for=online_for)


def pause_after(outage: float, shortest: float = BACKOFF[0]) -> float:
    """Seconds until the next attempt, from the seconds without a session."""
    wait = min(max(outage * BACKOFF_SHARE, shortest), BACKOFF[1])
    return wait * random.uniform(*JITTER)  # noqa: S311  # spreads attempts, keeps no secret


async def _close(writer: asyncio.StreamWriter) -> None:
    """Say FIN and wait for it: a peer that vanishes without it may keep the receiver's only slot."""
    writer.close()
    try:
        async with asyncio.timeout(CLOSE_LIMIT):
            await writer.wait_closed()
    except TimeoutError:
        writer.transport.abort()
    except OSError:
        pass  # the receiver was faster


def _fail(future: asyncio.Future[None] | asyncio.Future[Change], error: Exception) -> None:
    """Give a future its error, and see to it that nobody is blamed for not reading it."""
    if not future.done():
        future.set_exception(error)
        future.exception()


def _refused(error: OSError) -> bool:
    # A name with several addresses (localhost) gives one OSError without errno that lists the others' texts.
    return error.errno in {errno.ECONNREFUSED, errno.ECONNRESET} or f"[Errno {errno.ECONNREFUSED}]" in str(
        error
    )


def _why(error: OSError) -> str:
    return error.strerror or str(error)
