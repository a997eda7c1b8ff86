"""Where in its track a player is: what it says, moved on by the time since."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sugartalkd.play_queue.device import Progress

NEAR: Final = 5.0
"""Seconds: what stops so close to its end has ended; library and player need not count alike."""


class Clock:
    """Runs while the player plays; all in seconds."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._since = time.monotonic()
        self._running = False

    def start(self, *, running: bool) -> None:
        """Another track begins now."""
        self._seconds, self._since, self._running = 0.0, time.monotonic(), running

    def run(self, progress: Progress | None, *, running: bool) -> None:
        """It plays, or it does not."""
        if running != self._running:
            self._seconds, self._since = self.position(progress), time.monotonic()
            self._running = running

    def position(self, progress: Progress | None) -> float:
        seconds, since = self._seconds, self._since
        if progress is not None and progress.at >= since:
            seconds, since = progress.seconds, progress.at
        return seconds + (time.monotonic() - since if self._running else 0.0)

    def near_end(self, progress: Progress | None, duration: float | None) -> bool:
        """Whether it is about over, by the library's count or the player's own.

        Of what has no length nobody can tell, so it is, unless it has hardly begun.
        """
        told = None if progress is None or progress.at < self._since else progress.duration
        lengths = [one for one in (duration, told) if one]
        position = self.position(progress)
        return any(position >= one - min(NEAR, one / 2) for one in lengths or (2 * NEAR,))

    def overdue(self, progress: Progress | None, duration: float | None, allowed: float) -> bool:
        """Whether its end has passed so long ago, and the player tells of no position beyond it."""
        told = None if progress is None or progress.at < self._since else progress
        lengths = [one for one in (duration, None if told is None else told.duration) if one]
        if not lengths or not self._running or self.position(progress) < max(lengths) + allowed:
            return False
        return told is None or time.monotonic() - told.at >= allowed
