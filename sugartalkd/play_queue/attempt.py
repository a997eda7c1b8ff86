"""Giving one track after the other to a player: each start, and what is known of how it went."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sugartalkd.errors import Superseded
from sugartalkd.play_queue import showing
from sugartalkd.play_queue.supply import Supply

if TYPE_CHECKING:
    from collections.abc import Callable

    from sugartalkd.model import PlayerKey, Stream, Track
    from sugartalkd.play_queue.home import Home

START_LIMIT: Final = 10.0
"""Seconds a player may take to play what it has taken."""
SHOWN_WITHIN: Final = 1.0
LOOK: Final = 0.02
"""Seconds."""
ERROR_HOLDS: Final = 3.0
"""Seconds between a player's complaint and its stop that make the one the cause of the other."""


@dataclass(slots=True)
class Attempt:
    """One start of a track."""

    track: Track
    stream: Stream
    turn: int
    before: Track | None = None
    """What the player showed until then."""
    taken_at: float | None = None
    """When it took the URL."""
    shown: bool = False
    """Whether the player has told that this is what it has."""
    seen: bool = False
    """Whether it has been heard to play, and was still wished."""
    place: int | None = None
    """Which item of its own queue it became."""
    error: str | None = None
    """What the player had to complain of."""
    error_at: float = 0.0


class Attempts:
    """What one player was given; `lock` is held while it is told something."""

    def __init__(self, key: PlayerKey, home: Home) -> None:
        self._key = key
        self._home = home
        self.lock = asyncio.Lock()
        self.supply = Supply(key, home)
        self.latest: Attempt | None = None
        self._old: list[Stream] = []

    async def begin(self, track: Track, turn: int, *, transcode: bool, wanted: Callable[[], bool]) -> None:
        """Give this track to the player, if it still is `wanted` when it could be. Raises Superseded."""
        stream = await self.supply.take(track, transcode=transcode)
        try:
            await self.settled()
            async with self.lock:
                _check(wanted)
                await self._tell(Attempt(track, stream, turn))
        except BaseException:
            self.supply.close(stream)
            raise

    async def _tell(self, attempt: Attempt) -> None:
        before, raw = self.latest, self._home.store.player(self._key)
        attempt.before = None if raw is None else raw.track
        self.latest = attempt
        try:
            await self._home.device(self._key).play_url(attempt.stream.url, attempt.track)
        except BaseException:
            self.latest = before
            raise
        attempt.taken_at = time.monotonic()
        self._old += [] if before is None else [before.stream]

    async def settled(self) -> None:
        """Wait a moment for the player to show what it was given last.

        Of two that it is given at once, nobody could tell which one it shows.
        """
        latest = self.latest
        while latest is not None and latest is self.latest and not latest.shown:
            if latest.taken_at is None or time.monotonic() - latest.taken_at > SHOWN_WITHIN:
                return
            await asyncio.sleep(LOOK)

    def seen(self) -> None:
        """The latest plays: the others are over."""
        if self.latest is not None:
            self.latest.seen = True
        self.supply.close(*self._old)
        self._old.clear()

    def forget(self) -> None:
        """Nothing of it plays any more."""
        self.seen()
        self.supply.forget()
        latest, self.latest = self.latest, None
        if latest is not None:
            self.supply.close(latest.stream)

    def complained(self, error: str) -> None:
        if self.latest is not None:
            self.latest.error, self.latest.error_at = error, time.monotonic()

    def explains(self, track: Track | None) -> bool:
        """Whether a player that says it plays this may just have begun the latest, and not have said so."""
        latest = self.latest
        if latest is None or latest.seen:
            return False
        recent = latest.taken_at is None or time.monotonic() - latest.taken_at < START_LIMIT
        return recent and not showing.is_another(track, latest.before)

    @property
    def overdue_complaint(self) -> str | None:
        """What the player complained of so long ago that it should have stopped, and did not."""
        latest = self.latest
        if latest is None or time.monotonic() - latest.error_at < ERROR_HOLDS:
            return None
        return latest.error

    @property
    def trouble(self) -> str | None:
        """Why the latest may have stopped, or not have begun."""
        latest = self.latest
        if latest is None:
            return None
        if latest.error is not None and time.monotonic() - latest.error_at < ERROR_HOLDS:
            return latest.error
        return self.supply.trouble(latest.stream)

    @property
    def cut_off(self) -> bool:
        """Whether the content of the latest could not be brought to the player."""
        return self.latest is not None and self.supply.trouble(self.latest.stream) is not None


def _check(wanted: Callable[[], bool]) -> None:
    if not wanted():
        raise Superseded("something else was asked for while this was about to start")
