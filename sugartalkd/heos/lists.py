"""Asks a HEOS system for lists, page by page, whatever it says about their length."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, cast

from pyheos import CommandFailedError, const
from pyheos import command as words

from sugartalkd import retry
from sugartalkd.errors import HeosOffline, TimedOut
from sugartalkd.heos.connection import (
    BUSY,
    BUSY_PAUSES,
    READING_LIMIT,
    Moved,
    NoReply,
    Refused,
    Unreachable,
    ask,
    refusal,
)
from sugartalkd.heos.media import whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyheos.message import HeosMessage

    from sugartalkd.heos.connection import CommandConnection

PAGE: Final = 50
"""Entries asked for at once: 100 with long artwork URLs are more than pyheos can read (heos.md 3.2)."""

_BUSY_TRIES: Final = 8
_PAST_THE_END: Final = frozenset({const.ERROR_DATA_NOT_AVAILABLE, const.ERROR_PARAMETER_OUT_OF_RANGE})


class System(Protocol):
    """What is asked."""

    def browse_connection(self) -> CommandConnection:
        """Raises HeosOffline."""
        ...


class Lists:
    """Each method raises HeosOffline, HeosFailed, TimedOut or Busy; `patience` is seconds for one answer."""

    def __init__(self, system: System) -> None:
        self._system = system

    async def gather(
        self,
        command: str,
        arguments: Mapping[str, object],
        limit: int,
        offset: int,
        *,
        from_start: bool = False,
        patience: float = READING_LIMIT,
    ) -> tuple[list[object], int]:
        """Entries from `offset` on, and how many there are, as far as the device can be believed.

        The root of a source is read from its start, because many devices send all of it whatever range is
        asked for (heos.md 1.4). `count` may be missing or wrong: an empty page is the end, a full one is
        not.
        """
        got: list[object] = []
        start, end = 0 if from_start else offset, offset + limit
        before: list[object] | None = None
        while True:
            at = start + len(got)
            asked = min(PAGE, end - at)
            given = {**arguments, words.ATTR_RANGE: f"{at},{at + asked - 1}"}
            try:
                reply = await self.ask(command, given, patience)
            except Refused as error:
                if at == 0 or error.eid not in _PAST_THE_END:
                    raise
                if got:
                    return got[offset - start :], at
                return [], (await self.gather(command, arguments, 1, 0, patience=patience))[1]
            entries, count = entries_of(reply), whole(reply.message.get(words.ATTR_COUNT))
            if at and entries and (entries == before or asked < len(entries) == count):
                # All of it once more: the range means nothing here.
                return entries[offset:end], max(len(entries), count or 0)
            before = entries
            got += entries[:asked] if at else entries
            at = start + len(got)
            if not entries:
                return got[offset - start :], at if count is None else min(at, count)
            full = len(entries) == asked
            # A count below what came, or that only repeats it, is no count.
            doubtful = count is not None and (count < at or count == len(entries))
            more = full if count is None else at < count or (full and doubtful)
            if at >= end or not more:
                # As far as is known there is one more, so that whoever pages goes on.
                total = at + full if count is None or count < at else count
                return got[offset - start : end - start], total

    async def ask(
        self, command: str, arguments: Mapping[str, object], patience: float = READING_LIMIT
    ) -> HeosMessage:
        """One question, again while the device is busy."""
        tries = 0
        while True:
            connection = self._system.browse_connection()
            try:
                return await connection.call(lambda heos: ask(heos, command, arguments, patience))
            except CommandFailedError as error:
                if error.error_id not in BUSY or tries == _BUSY_TRIES:
                    text = f"the HEOS system refused {command}: {refusal(error)}"
                    raise Refused(text, error.error_id) from None
            except NoReply as error:
                raise TimedOut(f"the HEOS system did not answer {command}: {error}") from None
            except (Moved, Unreachable) as error:
                reason = str(error) or "it was lost meanwhile"
                raise HeosOffline(f"the HEOS system cannot be asked {command}: {reason}") from None
            await asyncio.sleep(retry.after(tries, BUSY_PAUSES))
            tries += 1


def entries_of(reply: HeosMessage) -> list[object]:
    """What is listed; nothing if the reply has no list."""
    return cast("list[object]", reply.payload) if isinstance(reply.payload, list) else []
