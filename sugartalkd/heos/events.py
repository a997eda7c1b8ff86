"""The HEOS connection that carries events and heartbeats: lists the players, asks them, and follows them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from pyheos import CommandError, CommandFailedError, ConnectionState, HeosOptions, HeosPlayer, const
from pyheos import command as words
from pyheos.message import HeosCommand

from sugartalkd import retry
from sugartalkd.heos.connection import BUSY, BUSY_PAUSES, UNREADABLE, Quiet, has_ended, let_go
from sugartalkd.heos.known import MEDIA_READING
from sugartalkd.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyheos.message import HeosMessage

    from sugartalkd.heos.groups import Groups
    from sugartalkd.heos.known import Known
    from sugartalkd.heos.queue import Queues

_log = get_logger(__name__)

BUSY_TRIES: Final = 5
"""How often a question is asked that meets a busy device (eid 12, 13, 16)."""

_BUSY: Final = BUSY | {const.ERROR_SYSTEM_ERROR}


class Lost(Exception):
    """The session with the system is over; the text says why."""


class Poisoned(Exception):
    """A player did not answer on the event connection, so late replies could hit another one."""


class Follower(Protocol):
    """Who wants to know what happens."""

    @property
    def groups(self) -> Groups: ...
    @property
    def queues(self) -> Queues: ...
    def known_at(self, pid: int) -> Known | None: ...
    def is_silent(self, known: Known) -> bool: ...
    def fell_silent(self, known: Known) -> None: ...
    def changed(self, known: Known) -> None: ...
    def reported(self, known: Known, error: str) -> None: ...
    def account_changed(self, name: str | None) -> None: ...
    def sources_changed(self) -> None: ...


class Events(Quiet):
    """pyheos with our own listing and following of players.

    One player that fails or keeps silent must not keep the others from being known (heos.md 3.2 number
    15), and what an event changed is shown in the same step that took it in.
    """

    def __init__(self, host: str, timeout: float, follower: Follower) -> None:
        super().__init__(HeosOptions(host, timeout=timeout, heart_beat=False, events=True))
        self._follower = follower
        self.over = asyncio.Event()
        """Something is to be done: look at the connection, `poisoned` and `stale`."""
        self.poisoned = False
        self.stale = False
        """The players are others than those listed."""
        self._reading: set[Known] = set()
        connection = cast("Any", self._connection)
        self._debounce = connection._debounce_on_event  # noqa: SLF001
        connection._debounce_on_event = self._take_event  # noqa: SLF001

    async def _on_disconnected(self, from_error: bool) -> None:
        await super()._on_disconnected(from_error)
        self.over.set()

    async def set_up(self) -> list[HeosPlayer]:
        """Connect and register for events; the players that the system lists."""
        await self.connect()
        await patiently(lambda: self.register_for_change_events(enable=True))
        return await self.list_players()

    async def list_players(self) -> list[HeosPlayer]:
        """Who is there; a player that was listed before is the same object."""
        players: dict[int, HeosPlayer] = {}

        async def ask() -> None:
            response = await self._connection.command(HeosCommand(words.COMMAND_GET_PLAYERS))
            for one in cast("list[dict[str, object]]", response.payload or []):
                fresh = HeosPlayer._from_data(one, self)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
                old = self._players.get(fresh.player_id)
                if old is not None and old.serial == fresh.serial:
                    old._update_from_data(one)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
                    fresh = old
                players[fresh.player_id] = fresh

        await patiently(ask)
        self._players = players
        return list(players.values())

    async def read(self, known: Known) -> None:
        """Ask a player what is not known of it; what it refuses to tell stays unknown. Raises Poisoned."""
        for reading in known.missing:
            await self._ask(known, lambda reading=reading: known.ask(reading, self))
        known.read = True
        self._follower.changed(known)

    async def beat(self) -> float:
        """Milliseconds of a heartbeat; one that is missed is repeated at once. Raises Lost."""
        for _ in range(2):
            began = time.monotonic()
            try:
                await self.heart_beat()
                let_go()
            except CommandFailedError as error:
                if has_ended(error):
                    break
                # an answer, if a strange one
            except CommandError:
                if self.connection_state is not ConnectionState.CONNECTED:
                    break
                continue
            return round((time.monotonic() - began) * 1000, 1)
        else:
            raise Lost("answered neither of two heartbeats; it has lost power or hangs")
        raise Lost("closed the connection")

    # -- what pyheos calls ---------------------------------------------------------------------------

    async def _on_event_player(self, event: HeosMessage) -> None:
        try:
            known = self._follower.known_at(event.get_message_value_int(words.ATTR_PLAYER_ID))
            if known is None or known.player is None:
                return
            if event.command == const.EVENT_PLAYER_NOW_PLAYING_CHANGED:
                known.media_announced()
                await self._read_media(known)
            elif event.command == const.EVENT_PLAYER_QUEUE_CHANGED:
                self._follower.queues.ask(known)
            elif event.command == const.EVENT_PLAYER_PLAYBACK_ERROR:
                self._follower.reported(known, event.get_message_value(words.ATTR_ERROR))
            elif known.hear(known.player, event):
                self._follower.changed(known)
        except Poisoned:
            self.poisoned = True
            self.over.set()
        except UNREADABLE as error:
            _log.warning("an event cannot be read", heos_event=event.command, error=repr(error))

    def _take_event(self, event: HeosMessage) -> None:
        """Pyheos holds a change of groups back for 1 s, longer than a burst of them lasts."""
        if event.command == const.EVENT_GROUPS_CHANGED:
            self._follower.groups.ask()
        else:
            self._debounce(event)

    async def _on_event_heos(self, event: HeosMessage) -> None:
        if event.command == const.EVENT_USER_CHANGED:
            self._follower.account_changed(event.message.get(words.ATTR_USER_NAME))
        elif event.command == const.EVENT_SOURCES_CHANGED:
            self._follower.sources_changed()
        elif event.command == const.EVENT_PLAYERS_CHANGED:
            self.stale = True
            self.over.set()

    async def _on_event_group(self, event: HeosMessage) -> None:
        try:
            gid = event.get_message_value_int(words.ATTR_GROUP_ID)
            self._follower.groups.volume_told(gid, event.get_message_value_int(words.ATTR_LEVEL))
        except UNREADABLE as error:
            _log.warning("an event cannot be read", heos_event=event.command, error=repr(error))

    # -- inside --------------------------------------------------------------------------------------

    async def _read_media(self, known: Known) -> None:
        """Read what is being played now; many announcements in a row need no more than two readings."""
        if self._follower.is_silent(known):
            known.media_unknown()  # it is asked again when it answers
            return
        if known in self._reading:
            return  # whoever reads will see that there is something newer
        self._reading.add(known)
        try:
            announced = None
            while announced != known.media_announcements:
                announced = known.media_announcements
                if not await self._ask(known, lambda: known.ask(MEDIA_READING, self)):
                    known.media_unknown()
                    self.stale = True  # so that it is asked again
                    self.over.set()
                    break
        finally:
            self._reading.discard(known)
        known.media_read()
        self._follower.changed(known)

    async def _ask(self, known: Known, question: Callable[[], Awaitable[None]]) -> bool:
        """Whether a question to one player was answered. Raises Poisoned, or Lost with the connection."""
        try:
            await patiently(question)
        except CommandFailedError as error:
            _log.info("a player does not tell everything", player=known.found.name, error=str(error))
            return False
        except CommandError:
            if self.connection_state is ConnectionState.CONNECTED:
                self._follower.fell_silent(known)
            raise Poisoned(known.found.name) from None
        except UNREADABLE as error:
            _log.warning("a player's answer cannot be read", player=known.found.name, error=repr(error))
            return False
        return True


async def patiently(question: Callable[[], Awaitable[object]]) -> None:
    """Ask, again while the device says that it is busy. Raises CommandFailedError or CommandError."""
    for number in range(BUSY_TRIES):
        try:
            await question()
            let_go()
        except CommandFailedError as error:
            if has_ended(error):
                raise CommandError(error.command, "the connection was closed") from None
            if error.error_id not in _BUSY or number == BUSY_TRIES - 1:
                raise
            await asyncio.sleep(retry.after(number, BUSY_PAUSES))
        else:
            return
