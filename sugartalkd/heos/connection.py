"""Connections to a HEOS system: pyheos without what it does by itself, and one that carries commands."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pyheos import (
    CommandError,
    CommandFailedError,
    ConnectionState,
    Heos,
    HeosError,
    HeosNowPlayingMedia,
    HeosOptions,
    const,
)
from pyheos import command as words
from pyheos.connection import CLI_PORT
from pyheos.message import HeosCommand, HeosMessage
from pyheos.types import MediaType

from sugartalkd.errors import Busy, HeosFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

T = TypeVar("T")

CLOSE_LIMIT: Final = 1.0
"""Seconds that closing a connection may take."""
READING_LIMIT: Final = 29.0
"""Seconds that one browse, search or queue reading may take, what the device needs included."""
READING_IDLE: Final = 60.0
"""Seconds after which a connection for reading is closed that nobody uses."""
READING_WAIT: Final = 16
"""So many readings may wait for the one before them."""
REBOOT_SILENCE: Final = 2.0
"""Seconds without a refusal after which a reboot counts as begun."""
BUSY: Final = frozenset({const.ERROR_PROCESSING_PREVIOUS_COMMAND, const.ERROR_TOO_MANY_COMMANDS_IN_QUEUE})
BUSY_PAUSES: Final = (0.15, 0.3, 0.6, 1.2, 2.0)
"""Seconds before a command is tried again that met a busy device; the last one repeats."""
PAUSES: Final = (3.0, 10.0, 60.0)
"""Seconds until what was refused or not answered is asked again; the last one repeats."""
LINE_LIMIT: Final = 1_000_000
"""Bytes of one line: no reply is that long."""
UNREADABLE: Final = (KeyError, ValueError, AttributeError, TypeError)
"""What pyheos 1.0.6 raises on replies that it did not expect (heos.md 3.3)."""

NOT_SIGNED_IN: Final = "not signed in; set heos.username and heos.password, or ask heos/sign_in"

_AUTH: Final = frozenset(
    {const.ERROR_INVALID_CREDNETIALS, const.ERROR_USER_NOT_LOGGED_IN, const.ERROR_USER_NOT_FOUND}
)
_AUTH_SYSTEM_ERRORS: Final = frozenset(
    {const.SYSTEM_ERROR_USER_NOT_LOGGED_IN, const.SYSTEM_ERROR_USER_NOT_FOUND}
)
_GONE: Final = 1_000_000
"""An eid that no device sends: the connection ended before the reply came."""


class NoReply(Exception):
    """The device did not answer in time, or the connection ended before it did."""


class Unreachable(Exception):
    """No connection could be made."""


class Refused(HeosFailed):
    """The device answered with an error; `eid` is its number."""

    def __init__(self, text: str, eid: int) -> None:
        super().__init__(text)
        self.eid = eid


class Moved(Exception):
    """Commands for this player go over another connection by now; nothing was sent."""


class Quiet(Heos):
    """pyheos without what it does by itself on connecting, on disconnecting and on errors."""

    def __init__(self, options: HeosOptions) -> None:
        super().__init__(options)
        connection = cast("Any", self._connection)
        self._read = connection._read_handler  # noqa: SLF001
        connection._read_handler = self._read_lines  # noqa: SLF001

    async def _read_lines(self, reader: asyncio.StreamReader) -> None:
        """As pyheos does, but a list of 100 entries may come, and a line that is none ends the connection.

        pyheos stops reading at either, and goes on as if it were connected (heos.md 3.2 numbers 1 and 2).
        """
        cast("Any", reader)._limit = LINE_LIMIT  # noqa: SLF001
        try:
            await self._read(reader)
        except (asyncio.LimitOverrunError, *UNREADABLE) as error:
            await cast("Any", self._connection)._disconnect_from_error(error)  # noqa: SLF001

    async def _on_connected(self) -> None:
        """Nothing: pyheos would ask for the account and register for events first."""

    async def _on_disconnected(self, from_error: bool) -> None:  # noqa: ARG002
        """Tell whoever waits for a reply: pyheos lets them wait for the whole time-out (heos.md 3.2, 7)."""
        closed = HeosMessage("", result=False, message={"eid": str(_GONE), "text": "closed"})
        waiting = cast("Any", self._connection)._pending_command_event  # noqa: SLF001
        waiting._response = closed  # noqa: SLF001
        waiting._event.set()  # noqa: SLF001

    async def _on_command_error(self, error: CommandFailedError) -> None:
        """Nothing: pyheos would sign the whole household out (heos.md 3.2 number 9)."""

    async def reboot(self) -> None:
        """No reply ever comes: done when the connection ends, or when no refusal comes for 2 s."""
        await super().reboot()
        waiting = cast("Any", self._connection)._pending_command_event  # noqa: SLF001
        try:
            async with asyncio.timeout(REBOOT_SILENCE):
                reply: HeosMessage = await waiting.wait(words.COMMAND_REBOOT)
        except TimeoutError:
            return
        if not reply.result and reply.message.get("eid") != str(_GONE):
            raise CommandFailedError._from_message(reply)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    async def get_now_playing_media(
        self, player_id: int, update: HeosNowPlayingMedia | None = None
    ) -> HeosNowPlayingMedia:
        """As pyheos does, but an empty qid, a new media type or no payload harm nothing (heos.md 3.3)."""
        command = HeosCommand(words.COMMAND_GET_NOW_PLAYING_MEDIA, {words.ATTR_PLAYER_ID: player_id})
        reply = await self._connection.command(command)
        given = reply.payload if isinstance(reply.payload, dict) else {}
        known = {key: value for key, value in given.items() if value not in {"", None} or key not in _NUMBERS}
        if known.get(words.ATTR_TYPE) not in _MEDIA_TYPES:
            known.pop(words.ATTR_TYPE, None)
        reply.payload = known
        media = update or HeosNowPlayingMedia()
        media._update_from_message(reply)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return media


_NUMBERS: Final = (words.ATTR_QUEUE_ID, words.ATTR_SOURCE_ID)
_MEDIA_TYPES: Final = tuple(MediaType)


def has_ended(error: CommandFailedError) -> bool:
    """Whether this is no refusal by the device: the connection ended before its reply."""
    return error.error_id == _GONE


def let_go() -> None:
    """Raise the cancellation that `asyncio.wait_for` loses on Python 3.11 if the reply comes with it.

    pyheos waits for every reply with it, and whoever was cancelled would go on and hold up the stop.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def refusal(error: CommandFailedError) -> str:
    """What the device said, and what to do if it wants an account (heos.md 1.6)."""
    said = f"{error.error_text} (eid {error.error_id})"
    wants_account = error.error_id in _AUTH or (
        error.error_id == const.ERROR_SYSTEM_ERROR and error.system_error_number in _AUTH_SYSTEM_ERRORS
    )
    return f"{said}: {NOT_SIGNED_IN}" if wants_account else said


async def ask(
    heos: Heos, command: str, arguments: Mapping[str, object], limit: float | None = None
) -> HeosMessage:
    """The reply as it came: what pyheos makes of it can fail at one odd entry (heos.md 3.3).

    `limit` in seconds, if less than the connection's own. Raises CommandError, which ends the connection.
    """
    try:
        async with asyncio.timeout(limit):
            return await heos._connection.command(HeosCommand(command, dict(arguments)))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    except TimeoutError:
        raise CommandError(command, f"no answer within {limit} s") from None


async def close(heos: Heos) -> None:
    """Disconnect under a limit; what goes wrong there does not matter any more."""
    with suppress(HeosError, OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_LIMIT):
            await heos.disconnect()


async def accepts(host: str, seconds: float) -> None:
    """Return if something accepts HEOS connections there. Raises OSError or TimeoutError."""
    async with asyncio.timeout(seconds):
        _, writer = await asyncio.open_connection(host, CLI_PORT)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


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
        self._closed = False

    async def call(
        self, operation: Callable[[Heos], Awaitable[T]], *, still_here: Callable[[], bool] = lambda: True
    ) -> T:
        """Run one pyheos call. Raises CommandFailedError, NoReply, Unreachable, HeosFailed or Moved.

        `still_here` is asked once it is this call's turn: meanwhile its player may have been moved.
        """
        async with self._lock:
            if self._closed or not still_here():
                raise Moved
            heos = await self._open()
            try:
                result = await operation(heos)
                let_go()
            except CommandFailedError as error:
                if has_ended(error):
                    self._drop()
                    raise NoReply("the connection was closed") from None
                raise
            except HeosError as error:
                self._drop()
                raise NoReply(str(error)) from None
            except UNREADABLE as error:
                raise HeosFailed(f"the answer cannot be read: {type(error).__name__} {error}") from error
            except asyncio.CancelledError:
                self._drop()
                raise
            return result

    def close(self) -> None:
        """End for good: calls that still wait for their turn raise Moved."""
        self._closed = True
        self._drop()

    def _drop(self) -> None:
        if self._heos is not None:
            self._discard(self._heos)
            self._heos = None

    async def _open(self) -> Heos:
        if self._heos is not None:
            if self._heos.connection_state is ConnectionState.CONNECTED:
                return self._heos
            self._drop()
        heos = Quiet(self._options)
        try:
            await heos.connect()
        except HeosError as error:
            self._discard(heos)
            raise Unreachable(str(error)) from None
        except asyncio.CancelledError:
            self._discard(heos)
            raise
        if self._closed:  # meanwhile: whoever closed could not know of this one
            self._discard(heos)
            raise Moved
        self._heos = heos
        return heos


class ReadingConnection(CommandConnection):
    """The connection for browsing, searching and reading queues, which may take long.

    What waits here is answered in order and delays nobody's volume or transport. It closes itself while
    it is not needed.
    """

    def __init__(self, host: str, discard: Callable[[Heos], None], *, idle: float = READING_IDLE) -> None:
        super().__init__(host, READING_LIMIT, discard)
        self._idle = idle
        self._pending = 0
        self._end: asyncio.TimerHandle | None = None

    async def call(
        self, operation: Callable[[Heos], Awaitable[T]], *, still_here: Callable[[], bool] = lambda: True
    ) -> T:
        """As any connection does. Raises Busy, too."""
        if self._pending > READING_WAIT:
            raise Busy(f"{READING_WAIT} readings wait for the HEOS system already")
        self._keep()
        self._pending += 1
        try:
            return await super().call(operation, still_here=still_here)
        finally:
            self._pending -= 1
            if not self._pending:
                self._keep()
                self._end = asyncio.get_running_loop().call_later(self._idle, self._drop)

    def close(self) -> None:
        super().close()
        self._keep()

    def _keep(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
