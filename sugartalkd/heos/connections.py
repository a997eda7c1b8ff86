"""Every connection to a HEOS system but the one for events: who may use which, and their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sugartalkd.aside import Aside
from sugartalkd.errors import HeosOffline
from sugartalkd.heos.connection import CommandConnection, ReadingConnection, close

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyheos import Heos

    from sugartalkd.model import PlayerKey

SLOW: Final = 28.0
"""Seconds for what may take long: signing in, or a URL that the device looks at before it answers."""


class Connections:
    """All go to the same device; `timeout` is the seconds a command may take."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self.host: str | None = None
        """The address that was used last."""
        self._commands: CommandConnection | None = None
        self._reading: ReadingConnection | None = None
        self._spare: dict[PlayerKey, CommandConnection] = {}
        self._closing = Aside()

    @property
    def spare(self) -> Mapping[PlayerKey, CommandConnection]:
        """A connection of its own for each player that does not answer."""
        return self._spare

    @property
    def ready(self) -> bool:
        """Whether commands can be sent."""
        return self._commands is not None

    def begin(self) -> None:
        """The system answers: from here on commands can be sent."""
        if self._commands is None and self.host is not None:
            self._commands = CommandConnection(self.host, self._timeout, self.discard)

    def for_player(self, key: PlayerKey) -> CommandConnection:
        """The shared connection; a player that does not answer has one of its own meanwhile."""
        if self._commands is None:
            raise HeosOffline("the HEOS system is not connected")
        return self._spare.get(key, self._commands)

    def own(self, timeout: float | None = None) -> CommandConnection:
        """A connection for what may take long, or fail by itself; whoever asks for it closes it."""
        if self.host is None:
            raise HeosOffline("the HEOS system is not connected")
        return CommandConnection(self.host, timeout or SLOW, self.discard)

    def reading(self) -> CommandConnection:
        """The connection for browsing and searching: in order, 29 s each, Busy when full."""
        if self._reading is None:
            self._reading = ReadingConnection(self.host or "", self.discard)
        return self._reading

    def set_aside(self, key: PlayerKey) -> None:
        """A player does not answer: the others must not wait behind it."""
        if key not in self._spare and self.host is not None:
            self._spare[key] = CommandConnection(self.host, self._timeout, self.discard)

    def take_back(self, key: PlayerKey) -> bool:
        """A player answers; whether it had not before."""
        if (spare := self._spare.pop(key, None)) is None:
            return False
        spare.close()
        return True

    def close(self) -> None:
        """Whatever waits on a connection raises Moved or NoReply."""
        for connection in (self._commands, self._reading, *self._spare.values()):
            if connection is not None:
                connection.close()
        self._commands = self._reading = None
        self._spare.clear()

    def discard(self, heos: Heos) -> None:
        """Close a connection without waiting for it."""
        self._closing.start(close(heos), "heos close")

    async def closed(self) -> None:
        """Wait until what was discarded is closed."""
        await self._closing.wait()
