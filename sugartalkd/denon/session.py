"""One open telnet session with a receiver: paced writing, asking, a watchdog."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from sugartalkd.denon.protocol import (
    Change,
    Lines,
    Question,
    SoundMode,
    Subject,
    UnitPower,
    parse,
    question,
    subject_of,
)
from sugartalkd.errors import ReceiverOffline, Superseded
from sugartalkd.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

_log = get_logger(__name__)

FIRST_ANSWER_LIMIT: Final = 5.0
"""Seconds for the first `PW?`: with 2 s a receiver that answers in 2.5 s never came up (denon.md 3.3)."""
SLOW_ANSWER: Final = 2.5
"""Seconds that no question waits longer, however slow the receiver was before."""
READ_SIZE: Final = 65_536


class Guests(Protocol):
    """Others who live on the session too: they hear every byte, and send when nothing of ours waits."""

    @property
    def ready(self) -> bool: ...

    def take(self) -> str | None:
        """The next line to send, without CR."""
        ...

    def heard(self, data: bytes) -> None: ...


class Ended(Exception):
    """The session is over; the text says how, from the receiver's point of view."""


class Silent(Ended):
    """TCP stands, the receiver says nothing."""


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
    """One open connection. Commands go before questions, both before what guests send; all keep the pace."""

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
        guests: Guests | None = None,
    ) -> None:
        self.name = name
        self.latency = 0.0
        """Seconds that the last `PW?` took."""
        self._reader, self._writer = streams
        self._group = group
        self._heard = heard
        self._guests = guests
        self._pacing, self._idle, self._probe = pacing, idle, probe
        self._loop = asyncio.get_running_loop()
        self._commands: deque[_Command] = deque()
        self._waiting: list[_Asked] = []
        self._asked: list[_Asked] = []
        self._listeners: list[Callable[[str], None]] = []
        self._filled = asyncio.Event()
        self._free_at = self._loop.time()
        """When the next line may be written."""
        self._heard_at = self._loop.time()
        self._over: str | None = None
        """How the session ended."""
        self._mode: Change | None = None
        """The sound mode that was heard last."""
        self._mode_asked_at: float | None = None
        """When a guest asked for it, until it is answered."""

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

    @contextmanager
    def overhear(self, listener: Callable[[str], None]) -> Generator[None]:
        """Have every line told as it came, also those that are not understood."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

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

    def wake(self) -> None:
        """Look again for something to write."""
        self._filled.set()

    # -- for the link ----------------------------------------------------------------------------------

    async def greet(self) -> None:
        """Wait until `PW?` is answered: only then this is a session. Ends with `Silent`."""
        if await self._ask_power(FIRST_ANSWER_LIMIT) is None:
            raise Silent(f"took the connection but did not answer PW? within {FIRST_ANSWER_LIMIT:g} s")

    async def read(self) -> None:
        """Hand on what the receiver says; ends with `Ended`."""
        lines = Lines()
        while True:
            try:
                data = await self._reader.read(READ_SIZE)
            except OSError as error:
                raise Ended(f"broke the connection ({why(error)})") from error
            if not data:
                raise Ended("closed the connection")
            self._heard_at = self._loop.time()
            if self._guests is not None:
                self._guests.heard(data)
            for line in lines.feed(data):
                for listener in tuple(self._listeners):
                    listener(line)
                change = parse(line)
                if change is None:
                    _log.debug("line not understood", receiver=self.name, line=line)
                else:
                    self._take(change)

    async def write(self) -> None:
        """Write what waits, one line per pace; ends with `Ended`."""
        while True:
            guest = self._guests is not None and self._guests.ready
            if not (self._commands or self._waiting or guest):
                self._filled.clear()
                await self._filled.wait()
            elif (pause := self._free_at - self._loop.time()) > 0:
                await asyncio.sleep(pause)
            else:
                self._write_next()
                try:
                    await self._writer.drain()
                except OSError as error:
                    raise Ended(f"broke the connection ({why(error)})") from error

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
                    # Asked twice: one that is deaf for a moment is not gone (integration-denonavr issue 149).
                    while await self._ask_power(self._probe / 2) is None:
                        pass
                    measured(self.latency * 1000)
            if self._heard_at < asked_at:
                raise Silent(
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
        if not self._is_guests_echo(change):
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

    def _is_guests_echo(self, change: Change) -> bool:
        """Whether this only tells a guest what is known; to us a repeated mode says that a command took."""
        if not isinstance(change, SoundMode):
            return False
        asked_at, self._mode_asked_at = self._mode_asked_at, None
        before, self._mode = self._mode, change
        return asked_at is not None and change == before and self._loop.time() - asked_at < SLOW_ANSWER

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
            self._write_guests()
            return
        text = self._waiting[0].question.text
        due = [one for one in self._waiting if one.question.text == text]
        self._waiting = [one for one in self._waiting if one.question.text != text]
        self._put(text)
        for one in due:
            one.written_at = self._loop.time()
            one.written.set_result(None)
        self._asked += due

    def _write_guests(self) -> None:
        line = None if self._guests is None else self._guests.take()
        if line is not None:
            self._put(line)
            if line == question(SoundMode).text:
                self._mode_asked_at = self._loop.time()

    def _put(self, line: str) -> None:
        # CR alone: the LF of a CRLF corrupts the next command (k3erg/marantz-denon-telnet#2).
        self._writer.write(line.encode("ascii") + b"\r")
        self._free_at = max(self._free_at, self._loop.time() + self._pacing)
        _log.debug("sent", receiver=self.name, line=line)


def _fail(future: asyncio.Future[None] | asyncio.Future[Change], error: Exception) -> None:
    """Give a future its error, and see to it that nobody is blamed for not reading it."""
    if not future.done():
        future.set_exception(error)
        future.exception()


def why(error: OSError) -> str:
    """What the system says of a failure."""
    return error.strerror or str(error)
