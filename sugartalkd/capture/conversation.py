"""Questions over one socket, with a record of every line and of when it came."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sugartalkd.recording import Device, Exchange, Unasked

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

CONNECT_LIMIT: Final = 5.0
CLOSE_LIMIT: Final = 1.0
LONGEST_LINE: Final = 4 << 20
"""Bytes; after so many without an end there is none."""
LATEST: Final = 5.0
"""Seconds after which a line is no late answer any more to a question that got none."""
_CHUNK: Final = 1 << 16


class Unavailable(Exception):
    """The device cannot be asked (any more); the text says what happened, for people."""

    def __init__(self, text: str, *, taken: bool = False) -> None:
        """`taken`: somebody else may hold what only one can have."""
        super().__init__(text)
        self.taken = taken


@dataclass(slots=True)
class _Asked:
    sent: bytes
    at: float
    lines: list[tuple[float, bytes]] = field(default_factory=list[tuple[float, bytes]])


@dataclass(frozen=True, slots=True)
class Language:
    """How a device speaks."""

    sends: bytes
    """What ends our lines."""
    ends: bytes
    """What ends its lines; other white space at the end of a line is `strips`."""
    strips: bytes
    belongs: Callable[[bytes, bytes], bool]
    """Whether a line may answer this question."""
    completes: Callable[[bytes], bool]
    """Whether nothing follows this line of an answer."""


class Conversation:
    """All that was said with one device, on one connection after another."""

    def __init__(self, host: str, port: int, language: Language) -> None:
        self.name = f"{host}:{port}"
        self.answered = 0
        self._host, self._port = host, port
        self._language = language
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._rest = b""
        self._asked: list[_Asked] = []
        self._unasked: list[tuple[float, bool, bytes]] = []
        self._listens_since: float | None = None
        self._began: float | None = None

    async def open(self) -> None:
        """Connect; whatever was open before is closed. Raises Unavailable."""
        await self.close()
        try:
            async with asyncio.timeout(CONNECT_LIMIT):
                self._streams = await asyncio.open_connection(self._host, self._port)
        except TimeoutError:
            raise Unavailable(
                f"{self.name} does not answer: no connection within {CONNECT_LIMIT:g} s"
            ) from None
        except OSError as error:
            # asyncio's own text repeats the address.
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            refused = isinstance(error, ConnectionRefusedError)
            raise Unavailable(f"{self.name} cannot be reached: {why}", taken=refused) from None
        ours: socket.socket = self._streams[1].get_extra_info("socket")
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self._began = self._began or _now()

    async def close(self) -> None:
        """With a FIN: a receiver would keep its only session for somebody who has just vanished."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_LIMIT):
                    await streams[1].wait_closed()

    async def ask(self, sent: bytes, first: float, following: float) -> list[bytes]:
        """The lines that answer: each may take so many seconds, the first from now, others from the last one.

        Raises Unavailable if the connection ends.
        """
        asked = _Asked(sent, _now())
        self._asked.append(asked)
        _, writer = self._open_streams()
        writer.write(sent + self._language.sends)
        deadline = asked.at + first
        while lines := await self._lines(deadline):
            count = len(asked.lines)
            for line in lines:
                self._file(line)
            if len(asked.lines) > count:
                self.answered += not count
                if self._language.completes(asked.lines[-1][1]):
                    break
                deadline = _now() + following
        return [line for _, line in asked.lines]

    async def listen(self, seconds: float, *, last: bool = False) -> None:
        """Write down what comes; `last`: no question follows. Raises Unavailable if the connection ends."""
        if last:
            self._listens_since = _now()
        deadline = _now() + seconds
        while lines := await self._lines(deadline):
            for line in lines:
                self._file(line)

    def device(
        self, kind: Literal["heos", "avr"], *, model: str | None, firmware: str | None, ended: str | None
    ) -> Device:
        """The record until now."""
        exchanges = [
            Exchange(
                sent=asked.sent,
                at_ms=self._since_begin(asked.at),
                after_ms=tuple(_milliseconds(at - asked.at) for at, _ in asked.lines),
                received=tuple(line for _, line in asked.lines),
            )
            for asked in self._asked
        ]
        unasked = [
            Unasked(
                at_ms=_milliseconds(at - (self._listens_since or at)) if listening else self._since_begin(at),
                line=line,
                listening=listening,
            )
            for at, listening, line in self._unasked
        ]
        return Device(
            kind=kind,
            model=model,
            firmware=firmware,
            ended=ended,
            exchanges=tuple(exchanges),
            unasked=tuple(unasked),
        )

    def _since_begin(self, at: float) -> int:
        return _milliseconds(at - (at if self._began is None else self._began))

    def _open_streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            raise Unavailable(f"{self.name} closed the connection")
        return self._streams

    async def _lines(self, deadline: float) -> list[bytes]:
        """What came whole until then, at once if there is something."""
        reader, _ = self._open_streams()
        while True:
            try:
                async with asyncio.timeout(max(0.0, deadline - _now())):
                    data = await reader.read(_CHUNK)
            except TimeoutError:
                return []
            except OSError as error:
                raise Unavailable(
                    f"{self.name} ended the connection: {error.strerror or error}", taken=True
                ) from None
            if not data:
                raise Unavailable(f"{self.name} closed the connection", taken=True)
            *whole, self._rest = (self._rest + data).split(self._language.ends)
            if len(self._rest) > LONGEST_LINE:
                raise Unavailable(f"{self.name} sent {LONGEST_LINE >> 20} MiB without the end of a line")
            lines = [line.rstrip(self._language.strips) if self._language.strips else line for line in whole]
            if any(lines):
                return [line for line in lines if line]

    def _file(self, line: bytes) -> None:
        """To the question it answers, the newest first; a late answer to one that got none."""
        at = _now()
        for asked in reversed(self._asked):
            present = asked is self._asked[-1]
            if not present and at - asked.at > LATEST:
                break
            waits = present or not asked.lines
            if waits and self._listens_since is None and self._language.belongs(asked.sent, line):
                asked.lines.append((at, line))
                return
        self._unasked.append((at, self._listens_since is not None, line))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))
