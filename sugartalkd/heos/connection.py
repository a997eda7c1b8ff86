"""Connections to a HEOS system that carry commands, apart from the one that carries events."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from pyheos import CommandFailedError, ConnectionState, Heos, HeosError, HeosOptions

from sugartalkd.errors import HeosFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

CLOSE_LIMIT: Final = 1.0
"""Seconds that closing a connection may take."""
UNREADABLE: Final = (KeyError, ValueError, AttributeError, TypeError)
"""What pyheos 1.0.6 raises on replies that it did not expect (heos.md 3.3)."""


class NoReply(Exception):
    """The device did not answer in time, or the connection ended before it did."""


class Unreachable(Exception):
    """No connection could be made."""


class Quiet(Heos):
    """pyheos without what it does by itself on connecting and on errors."""

    async def _on_connected(self) -> None:
        """Nothing: pyheos would ask for the account and register for events first."""

    async def _on_disconnected(self, from_error: bool) -> None:
        """Nothing: nobody listens to this connection."""

    async def _on_command_error(self, error: CommandFailedError) -> None:
        """Nothing: pyheos would sign the whole household out (heos.md 3.2 number 9)."""


async def close(heos: Heos) -> None:
    """Disconnect under a limit; what goes wrong there does not matter any more."""
    with suppress(HeosError, OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_LIMIT):
            await heos.disconnect()


class CommandConnection:
    """One connection, one command at a time, opened when it is needed.

    pyheos matches replies by the command's name alone, so after a time-out or a cancelled call the late
    reply would be taken for the next one (heos.md 3.2 number 8): such a connection is thrown away.
    """

    def __init__(self, host: str, timeout: float, discard: Callable[[Heos], None]) -> None:
        self._options = HeosOptions(host, timeout=timeout, events=False, heart_beat=False)
        self._discard = discard
        self._lock = asyncio.Lock()
        self._heos: Heos | None = None

    async def call(self, operation: Callable[[Heos], Awaitable[T]]) -> T:
        """Run one pyheos call. Raises CommandFailedError, NoReply, Unreachable or HeosFailed."""
        async with self._lock:
            heos = await self._open()
            try:
                return await operation(heos)
            except CommandFailedError:
                raise
            except HeosError as error:
                self.drop()
                raise NoReply(str(error)) from None
            except UNREADABLE as error:
                raise HeosFailed(f"the answer cannot be read: {type(error).__name__} {error}") from error
            except asyncio.CancelledError:
                self.drop()
                raise

    def drop(self) -> None:
        """Throw the connection away; the next call opens another."""
        if self._heos is not None:
            self._discard(self._heos)
            self._heos = None

    async def _open(self) -> Heos:
        if self._heos is not None:
            if self._heos.connection_state is ConnectionState.CONNECTED:
                return self._heos
            self.drop()
        heos = Quiet(self._options)
        try:
            await heos.connect()
        except HeosError as error:
            self._discard(heos)
            raise Unreachable(str(error)) from None
        except asyncio.CancelledError:
            self._discard(heos)
            raise
        self._heos = heos
        return heos
