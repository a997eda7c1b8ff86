"""Where in its track a player is: what it says, moved on by the time since."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from sugartalkd.play_queue.device import Progress

NEAR: Final = 2.5
"""Seconds: what stops so close to its end has ended; library and player need not count alike."""


class Clock:
    """Runs while the player plays; all in seconds. `told` is what the player said last of any track."""

    def __init__(self, told: Callable[[], Progress | None]) -> None:
        self._told = told
        self._duration: float | None = None
        self._seconds = 0.0
        self._since = time.monotonic()
        self._running = False

    def start(self, duration: float | None, *, running: bool) -> None:
        """Another track begins now, which the library says is so long."""
        self._duration, self._seconds = duration, 0.0
        self._since, self._running = time.monotonic(), running

    def run(self, *, running: bool) -> None:
        """It plays, or it does not."""
        if running != self._running:
            self._seconds, self._since = self.position, time.monotonic()
            self._running = running

    @property
    def position(self) -> float:
        progress, seconds, since = self._progress, self._seconds, self._since
        if progress is not None:
            seconds, since = progress.seconds, progress.at
        return seconds + (time.monotonic() - since if self._running else 0.0)

    @property
    def near_end(self) -> bool:
        """Whether it is about over, by the library's count or the player's own.

        Of what has no length nobody can tell, so it is, unless it has hardly begun.
        """
        position = self.position
        return any(position >= one - min(NEAR, one / 2) for one in self._lengths or (2 * NEAR,))

    def overdue(self, allowed: float) -> bool:
        """Whether its end passed so long ago, and the player told of no position since."""
        if not self._lengths or not self._running or self.position < max(self._lengths) + allowed:
            return False
        progress = self._progress
        return progress is None or time.monotonic() - progress.at >= allowed

    @property
    def _progress(self) -> Progress | None:
        progress = self._told()
        return None if progress is None or progress.at < self._since else progress

    @property
    def _lengths(self) -> list[float]:
        progress = self._progress
        return [one for one in (self._duration, None if progress is None else progress.duration) if one]
