"""The one telnet connection to a receiver: opened, judged when it ends, and opened again."""

from __future__ import annotations

import asyncio
import errno
import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from sugartalkd.denon.session import Ended, Session, Silent, why
from sugartalkd.errors import ReceiverOffline
from sugartalkd.log import get_logger
from sugartalkd.model import LinkWord
from sugartalkd.retry import Retry
from sugartalkd.state import now

if TYPE_CHECKING:
    from sugartalkd.denon.protocol import Change
    from sugartalkd.denon.share import Share
    from sugartalkd.state import LinkBook

_log = get_logger(__name__)

CONNECT_LIMIT: Final = 5.0
CLOSE_LIMIT: Final = 1.0
SHORTEST_PAUSE: Final = 0.4
CLOSED_EARLY_PAUSE: Final = 1.0
"""Seconds at least before a receiver is tried again that closed before it answered."""
TURNED_AWAY_LIMIT: Final = 3
"""Attempts in a row that found TCP but no session before the link is called busy (contract 2)."""

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


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How an attempt came to its end, and for how long it had been online until then."""

    error: str
    turned_away: bool = False
    shortest_pause: float = 0.0
    online_for: float | None = None
    """Seconds; `None` if it never was."""


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
        share: Share | None = None,
    ) -> None:
        self.name = f"{host}:{port}"
        self._host, self._port = host, port
        self._book = book
        self._tenant = tenant
        self._share = share
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
        """Connect, serve, and connect again, until cancelled; what shares the session lives as long."""
        if self._share is None:
            await self._keep()
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._share.run(), name=f"{self.name} share")
            group.create_task(self._keep(), name=f"{self.name} link")

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        retry = Retry(SHORTEST_PAUSE, loop.time())
        self._turned_away = 0
        try:
            while True:
                self._book.connecting()
                outcome = await self._attempt()
                if outcome.online_for is not None:
                    retry.lost(loop.time(), outcome.online_for)
                pause = retry.pause(loop.time(), outcome.shortest_pause)
                if not pause.at_once:
                    self._report(outcome, pause.seconds)
                await asyncio.sleep(pause.seconds)
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
                f"{self.name} cannot be reached ({why(error)}): the receiver is probably off at the mains, "
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
        ended = Ended("was left: the daemon lets go of it")
        try:
            async with asyncio.TaskGroup() as group:
                session = Session(
                    self.name, streams, group, self._tenant.heard,
                    pacing=self._pacing, idle=self._idle, probe=self._probe, guests=self._share,
                )  # fmt: skip
                session.start(session.read(), "reader")
                session.start(session.write(), "writer")
                await session.greet()
                answered = True
                session.start(session.watch(self._book.latency), "watchdog")
                if self._share is not None:
                    self._share.opened(session)
                await self._tenant.opened(session)
                self._session, self._last_error, self._turned_away = session, None, 0
                online_at = loop.time()
                self._book.online(round(session.latency * 1000, 1))
                _log.info("session with the receiver", receiver=self.name)
                await self._tenant.serve(session)
        except* Ended as endings:
            [ended] = [one for one in endings.exceptions if isinstance(one, Ended)][:1]
        finally:
            self._session = None
            if self._share is not None:
                self._share.closed()
            if session is not None:
                session.end(str(ended))
            self._tenant.closed(f"{self.name} {ended}")
        return self._judge(ended, None if online_at is None else loop.time() - online_at, answered=answered)

    def _judge(self, ended: Ended, online_for: float | None, *, answered: bool) -> _Outcome:
        """What the end of a session means for the link."""
        error = f"{self.name} {ended}"
        if not answered:
            if isinstance(ended, Silent):
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


def _refused(error: OSError) -> bool:
    # A name with several addresses (localhost) gives one OSError without errno that lists the others' texts.
    return error.errno in {errno.ECONNREFUSED, errno.ECONNRESET} or f"[Errno {errno.ECONNREFUSED}]" in str(
        error
    )
