"""Lets other programs take part in the receiver's one telnet session."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from sugartalkd.denon.protocol import LONGEST_COMMAND, LONGEST_LINE
from sugartalkd.denon.session import why
from sugartalkd.log import get_logger

if TYPE_CHECKING:
    from sugartalkd.denon.session import Session

_log = get_logger(__name__)

MOST_CLIENTS: Final = 8
MOST_WAITING: Final = 8
"""Commands of one client that wait to be sent; with so many no more is read from it."""
MOST_UNREAD: Final = 65_536
"""Bytes that may wait for a client that does not read."""
SEND_BUFFER: Final = 32_768
"""Bytes that the system may keep besides: by itself it lets megabytes pile up unseen."""
BIND_PAUSE: Final = 30.0
"""Seconds until a port is tried again that could not be had."""
ANSWER_TIME: Final = 0.2
"""Seconds in which the receiver says that a command wakes it; then nothing is sent while it starts up."""
LINGER: Final = 0.5
"""Seconds that a client still hears the receiver after it has ended its side, as `nc -N` does."""
CLOSE_LIMIT: Final = 0.5
GOODBYE: Final = "the session is no longer shared here, or the daemon stops"

_COMMAND: Final = re.compile(rb"[\x20-\x7e]{1,%d}" % LONGEST_COMMAND)
_WAKES: Final = re.compile(r"(?:PW|ZM|Z2|Z3)ON|SI.*[^?]")
# A client may vanish without a word; the system's own two hours would keep its place for too long.
_KEEPALIVE: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 3}


class Frames:
    """Cuts bytes at CR. What is too long comes out cut, yet still longer than `longest`."""

    def __init__(self, longest: int) -> None:
        self._keep = longest + 1
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """What these bytes complete, without CR, without empty ones."""
        *whole, rest = (self._rest + data).split(b"\r")
        self._rest = rest[: self._keep]
        return [one[: self._keep] for one in whole if one]


class Share:
    """Listens for clients. Each hears every line of the receiver; what they send goes out in turn.

    `name` is the receiver's, for the log. Clients stay while there is no session: denonavr, when it is
    closed at once, comes back thousands of times within seconds (denon.md 3.2).
    """

    def __init__(self, name: str, host: str, port: int) -> None:
        self.name = name
        self._host, self._port = host, port
        self._session: Session | None = None
        self._clients: deque[_Client] = deque()
        """The first one has the next turn."""
        self._lines = Frames(LONGEST_LINE)
        self._hold: asyncio.TimerHandle | None = None
        """Set while nothing may be sent."""
        self._full = False
        self._empty = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled. A port that cannot be had is logged and tried again."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                server = await loop.create_server(lambda: _Client(self), self._host, self._port)
            except OSError as error:
                _log.error(  # where it failed is plain
                    f"cannot offer the receiver's session ({why(error)}): another program has the port, or "
                    f"this machine has no such address; tried again in {BIND_PAUSE:g} s",
                    receiver=self.name,
                    share=f"{self._host}:{self._port}",
                )
                await asyncio.sleep(BIND_PAUSE)
                continue
            try:
                await loop.create_future()
            finally:
                server.close()
                await self._dismiss()

    async def _dismiss(self) -> None:
        for client in list(self._clients):
            client.close()
        if self._clients:
            self._empty.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_LIMIT):
                    await self._empty.wait()
        for client in list(self._clients):
            client.cut(GOODBYE)

    # -- for the link and its session --------------------------------------------------------------------

    def opened(self, session: Session) -> None:
        """From now on clients can send."""
        self._session = session

    def closed(self) -> None:
        """What waits is dropped: nothing is carried out that was meant for another time."""
        self._session = None
        self._release()
        self._lines = Frames(LONGEST_LINE)
        for client in self._clients:
            client.drop()

    def heard(self, data: bytes) -> None:
        """Pass on what the receiver sent, in whole lines: a client may have come amid one."""
        lines = [line for line in self._lines.feed(data) if len(line) <= LONGEST_LINE]
        # A receiver that ends lines with CR LF begins the next one with the LF.
        block = b"".join(line.removeprefix(b"\n") + b"\r" for line in lines if line != b"\n")
        if block:
            for client in list(self._clients):
                client.tell(block)

    @property
    def ready(self) -> bool:
        """Whether a client has something that may be sent now."""
        return (
            self._session is not None
            and self._hold is None
            and any(client.waiting for client in self._clients)
        )

    def take(self) -> str | None:
        """The next command; whoever sent it is last in the row then."""
        if not self.ready:
            return None
        while not self._clients[0].waiting:
            self._clients.rotate(-1)
        line = self._clients[0].take()
        self._clients.rotate(-1)
        if line.endswith("?"):
            # Everybody hears the answer, so it is asked for once.
            for client in self._clients:
                while client.waiting and client.waiting[0] == line:
                    client.take()
        elif _WAKES.fullmatch(line):
            self._hold = asyncio.get_running_loop().call_later(ANSWER_TIME, self._release)
        return line

    # -- for clients -------------------------------------------------------------------------------------

    def admit(self, client: _Client) -> bool:
        """Whether there is room for one more."""
        if len(self._clients) >= MOST_CLIENTS:
            if not self._full:
                _log.warning(
                    "no room for another client of the receiver's session; its place must become free first",
                    receiver=self.name, client=client.name, clients=MOST_CLIENTS,
                )  # fmt: skip
            self._full = True
            return False
        self._clients.append(client)
        _log.info(
            "a client shares the receiver's session",
            receiver=self.name, client=client.name, clients=len(self._clients),
        )  # fmt: skip
        return True

    def left(self, client: _Client, reason: str) -> None:
        """A client has gone, or was never admitted."""
        if client not in self._clients:
            return
        self._clients.remove(client)
        self._full = False
        _log.info(
            "a client has left the receiver's session",
            receiver=self.name, client=client.name, clients=len(self._clients), reason=reason,
        )  # fmt: skip
        if not self._clients:
            self._empty.set()

    def accepts(self, client: _Client, line: bytes) -> bool:
        """Whether this can be sent now; the log says what cannot."""
        if not _COMMAND.fullmatch(line):
            _log.debug("not a command", receiver=self.name, client=client.name, line=line)
        elif self._session is None:
            _log.debug("dropped: there is no session", receiver=self.name, client=client.name, line=line)
        else:
            return True
        return False

    def filled(self) -> None:
        """A client has something to send."""
        if self._session is not None:
            self._session.wake()

    def _release(self) -> None:
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None
            self.filled()


class _Client(asyncio.BufferedProtocol):
    """One program that takes part. It reads so little at a time that nothing piles up on our side."""

    def __init__(self, share: Share) -> None:
        self.name = ""
        self.waiting: deque[str] = deque()
        self._share = share
        self._buffer = bytearray(LONGEST_COMMAND + 1)
        self._commands = Frames(LONGEST_COMMAND)
        self._ended = False
        """Whether it has said that nothing more comes."""
        self._reason = "closed the connection"

    # -- for the share -----------------------------------------------------------------------------------

    def take(self) -> str:
        """Its oldest command. Raises IndexError."""
        line = self.waiting.popleft()
        if len(self.waiting) < MOST_WAITING:
            self._transport.resume_reading()
        self._end_when_done()
        return line

    def drop(self) -> None:
        """Forget what waits."""
        self.waiting.clear()
        self._transport.resume_reading()
        self._end_when_done()

    def tell(self, block: bytes) -> None:
        """Send what the receiver said; who leaves too much of it unread is disconnected."""
        if self._transport.is_closing():
            return
        self._transport.write(block)
        if self._transport.get_write_buffer_size() > MOST_UNREAD:
            self.cut(f"did not read, more than {MOST_UNREAD} bytes waited for it")

    def close(self) -> None:
        """Close after what is still to be sent."""
        self._reason = GOODBYE
        self._transport.close()

    def cut(self, reason: str) -> None:
        """Close at once."""
        self._reason = reason
        self.waiting.clear()
        self._transport.abort()

    # -- what asyncio calls ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer: tuple[str, int] | None = transport.get_extra_info("peername")
        self.name = "somebody who has gone" if peer is None else f"{peer[0]}:{peer[1]}"
        raw: socket.socket = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE.items():
            if hasattr(socket, option):  # not on every system
                raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        if not self._share.admit(self):
            self._transport.close()

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002  # asyncio's to say, ours to ignore
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        # No command has a LF in it, so it may just as well end one: CR LF does, and so do people with `nc`.
        data = bytes(self._buffer[:nbytes]).replace(b"\n", b"\r")
        lines = [line for line in self._commands.feed(data) if self._share.accepts(self, line)]
        self.waiting += (line.decode("ascii") for line in lines)
        if len(self.waiting) >= MOST_WAITING:
            self._transport.pause_reading()
        if lines:
            self._share.filled()

    def eof_received(self) -> bool:
        self._ended = True
        self._end_when_done()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.waiting.clear()
        if isinstance(exc, OSError):
            self._reason = f"broke the connection ({why(exc)})"
        self._share.left(self, self._reason)

    def _end_when_done(self) -> None:
        """What it sent before it ended its side is still carried out, and answered."""
        if self._ended and not self.waiting:
            asyncio.get_running_loop().call_later(LINGER, self._transport.close)
