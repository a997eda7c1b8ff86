"""Keeps the player's own queue and play mode out of the way of ours: they know nothing of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from sugartalkd.errors import SugartalkError
from sugartalkd.log import get_logger
from sugartalkd.model import Repeat

if TYPE_CHECKING:
    from collections.abc import Callable

    from sugartalkd.model import PlayerKey
    from sugartalkd.play_queue.home import Home

_log = get_logger(__name__)

CLEAR_WAITS: Final = 3.0
"""Seconds that a start waits for the player to empty its own queue; that may take ten times as long."""
TIDY_AFTER: Final = 1.0
"""Seconds from a start to the tidying: players have enough to do at first."""


class Caretaker:
    """Looks after one player. What it cannot do harms nothing that plays, so it is only noted."""

    def __init__(self, key: PlayerKey, home: Home, lock: asyncio.Lock) -> None:
        self._key = key
        self._home = home
        self._lock = lock
        self._clearing: asyncio.Task[None] | None = None
        self._cleared_at = 0.0

    async def clear(self) -> None:
        """Empty the player's own queue; what takes long goes on beside."""
        if self._home.device(self._key).has_own_queue:
            self._clearing = self._home.beside.start(self._clear(), f"emptying the queue of {self._key}")
            await asyncio.wait([self._clearing], timeout=CLEAR_WAITS)

    async def _clear(self) -> None:
        try:
            await self._home.device(self._key).clear_queue()
        except SugartalkError as error:
            _log.info("the player's own queue was not emptied", player=self._key, reason=str(error))
        self._cleared_at = time.monotonic()

    def may_have_taken(self, started_at: float) -> bool:
        """Whether what was started then may have been taken out with the rest of the queue."""
        if self._clearing is None:
            return False
        return not self._clearing.done() or self._cleared_at > started_at

    async def calm(self) -> None:
        """Nothing of ours may be played twice, or in another order."""
        raw = self._home.store.player(self._key)
        try:
            device = self._home.device(self._key)
            if raw is not None and raw.repeat not in {None, Repeat.OFF}:
                await device.set_repeat(Repeat.OFF)
            if raw is not None and raw.shuffle:
                await device.set_shuffle(False)
        except SugartalkError as error:
            _log.info("the player keeps its play mode", player=self._key, reason=str(error))

    async def silence(self) -> None:
        """Stop what began though it was not wished any more."""
        try:
            async with self._lock:
                await self._home.device(self._key).stop()
        except SugartalkError as error:
            _log.warning("the player did not stop", player=self._key, reason=str(error))

    def tidy_soon(self, still: Callable[[], bool]) -> None:
        """Take out what earlier playing has left in the player's queue, if that is `still` wanted then."""
        self._home.beside.start(self.tidy(still), f"tidying the queue of {self._key}")

    async def tidy(self, still: Callable[[], bool]) -> None:
        await asyncio.sleep(TIDY_AFTER)
        try:
            async with self._lock:
                if still():
                    await self._home.device(self._key).tidy_streams()
        except SugartalkError as error:
            _log.info("the player's own queue was not tidied", player=self._key, reason=str(error))
