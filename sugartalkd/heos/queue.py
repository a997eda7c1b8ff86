"""The queues of HEOS players: read one after the other, over a connection that holds up nobody."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from pyheos import CommandFailedError, const
from pyheos import command as words

from sugartalkd import retry
from sugartalkd.errors import HeosOffline, SugartalkError
from sugartalkd.heos import translate
from sugartalkd.heos.connection import PAUSES, Moved, NoReply, Unreachable, ask
from sugartalkd.heos.media import whole
from sugartalkd.log import get_logger
from sugartalkd.model import Queue, QueueItem

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyheos import Heos

    from sugartalkd.heos.connection import CommandConnection
    from sugartalkd.heos.groups import Groups
    from sugartalkd.heos.known import Known

_log = get_logger(__name__)

WINDOW: Final = 200
"""Items that are shown at most."""
BEFORE: Final = 100
"""So many of them lie before the present one, in a queue that is long enough."""
PAGES: Final = (50, 10)
"""Items asked for at a time. pyheos stops reading for good at a line of 64 KiB (heos.md 3.2 number 2): a
player that does not answer is asked for fewer."""
PAGE_LIMIT: Final = 8.0
"""Seconds for one page."""
SETTLES: Final = 0.5
"""Seconds from an event to the reading: changes come in numbers."""
RESTARTS: Final = 4
"""A reading begins anew when the queue changes meanwhile, at most so often in a row."""


class System(Protocol):
    """What is needed of the system whose players' queues these are."""

    @property
    def groups(self) -> Groups: ...
    def listed(self) -> Collection[Known]: ...
    def is_silent(self, known: Known) -> bool: ...
    def own_connection(self, timeout: float | None = None) -> CommandConnection: ...
    def changed(self, known: Known) -> None: ...


class Queues:
    """The queues of one system's players; `run` reads those that may have changed."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._due: dict[Known, float] = {}
        """When each is to be read, on the monotonic clock."""
        self._restarts: Counter[Known] = Counter()
        self._failures: Counter[Known] = Counter()
        self._small: set[Known] = set()
        """Who did not answer for a whole page."""
        self._reading: Known | None = None
        self._wake = asyncio.Event()
        self._connection: CommandConnection | None = None

    def ask(self, known: Known) -> None:
        """A queue has changed: read it soon; many changes in a row are one."""
        known.queue_stale = True
        known.queue_changes += 1
        self._plan(known, SETTLES)

    def renew(self) -> None:
        """Changes may have been missed: read again what is known."""
        for known in self._system.listed():
            if known.queue is not None:
                self._plan(known, 0.0)

    def look(self, known: Known) -> None:
        """A player has changed: see whether its queue, and the right part of it, is there."""
        if not self._leads(known):
            self._due.pop(known, None)
        elif known is not self._reading and known not in self._due:
            queue, index = known.queue, known.queue_index
            if queue is None or (
                index is not None and not queue.offset <= index < queue.offset + len(queue.items)
            ):
                self._plan(known, 0.0)

    def leave(self) -> None:
        """The session is over."""
        self._due.clear()
        self._restarts.clear()
        self._failures.clear()
        self._small.clear()
        self._close()

    def _leads(self, known: Known) -> bool:
        """Whether the player follows its own queue: a member of a group shows its leader's."""
        return self._system.groups.leader_of(known.found.key) == known.found.key

    def _plan(self, known: Known, seconds: float) -> None:
        due = time.monotonic() + seconds
        self._due[known] = min(due, self._due.get(known, due))
        self._wake.set()

    # -- reading -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read what is due, the earliest first."""
        while True:
            known = min(self._due, key=self._due.__getitem__, default=None)
            wait = None if known is None else self._due[known] - time.monotonic()
            if known is not None and wait is not None and wait <= 0:
                del self._due[known]
                self._reading = known
                try:
                    await self._read(known)
                finally:
                    self._reading = None
                self._system.changed(known)
                continue
            self._close()
            self._wake.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _read(self, known: Known) -> None:
        player = known.player
        if player is None or not self._leads(known):
            return
        if self._system.is_silent(known):
            self._later(known)
            return
        try:
            queue = await self._pages(known, player.player_id)
        except (Moved, HeosOffline):
            return  # the next session asks
        except (CommandFailedError, NoReply, Unreachable, SugartalkError) as error:
            if known.player is not player:
                return  # the same
            if isinstance(error, NoReply):
                self._small.add(known)
            self._refused(known, error)
        else:
            if queue is None or known.player is not player:
                self._plan(known, SETTLES)
                return
            self._failures.pop(known, None)
            known.queue = known.queue if queue == known.queue else queue
            known.queue_stale = known in self._due

    def _refused(self, known: Known, error: Exception) -> None:
        """What stood before may be wrong by now."""
        _log.info("a player does not tell its queue now", player=known.found.name, error=str(error))
        known.queue = None
        self._later(known)

    def _later(self, known: Known) -> None:
        pause = retry.after(self._failures[known], PAUSES)
        self._failures[known] += 1
        self._plan(known, pause)

    async def _pages(self, known: Known, pid: int) -> Queue | None:
        """The part of a queue that is shown; `None` if it changed meanwhile."""
        if known.queue is not None:
            with suppress(CommandFailedError, SugartalkError):  # the queue can be told all the same
                await self._open().call(known.recount)
        size = PAGES[known in self._small]
        pool = {} if known.queue is None else {item: item for item in known.queue.items}
        first = max(0, (known.queue_index or 0) - BEFORE)
        items: dict[int, QueueItem] = {}
        offset, end, start = first, first + WINDOW, first
        while True:
            asked: int = min(size, end - start)
            page, length = await self._page(pid, start, start + asked - 1)
            if known in self._due and self._restarts[known] < RESTARTS:
                self._restarts[known] += 1
                return None
            if not page and not items and start and length is None:
                offset, end, start, first = 0, WINDOW, 0, 0  # it is shorter than thought
                continue
            for number, item in enumerate(page, start):
                items[number] = pool.setdefault(item, item)
            if length is None and len(page) < asked:
                length = start + len(page)
            if length is not None:
                offset = max(0, min(first, length - WINDOW))
                end = min(offset + WINDOW, length)
            missing = next((number for number in range(offset, end) if number not in items), None)
            if missing is None or (not page and start == missing):
                break
            start = missing
        self._restarts.pop(known, None)
        shown: list[QueueItem] = []
        while offset + len(shown) in items and len(shown) < WINDOW:
            shown.append(items[offset + len(shown)])
        return Queue(end if length is None else length, offset, tuple(shown))

    async def _page(self, pid: int, start: int, last: int) -> tuple[list[QueueItem], int | None]:
        """A part of a queue, and the length of the whole if the device tells it."""
        arguments = {words.ATTR_PLAYER_ID: pid, words.ATTR_RANGE: f"{start},{last}"}

        async def read(heos: Heos) -> tuple[list[QueueItem], int | None]:
            reply = await ask(heos, words.COMMAND_GET_QUEUE, arguments)
            return translate.queue_items(reply.payload), whole(reply.message.get(words.ATTR_COUNT))

        try:
            return await self._open().call(read)
        except CommandFailedError as error:
            if error.error_id == const.ERROR_DATA_NOT_AVAILABLE or (
                error.error_id == const.ERROR_PARAMETER_OUT_OF_RANGE and start
            ):
                return [], None if start else 0
            raise

    def _open(self) -> CommandConnection:
        if self._connection is None:
            self._connection = self._system.own_connection(PAGE_LIMIT)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
