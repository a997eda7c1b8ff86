"""When a lost device is tried again: quickly after a short outage, seldom after a long one."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

STABLE: Final = 10.0
"""Seconds that a session has to last so as not to count as short."""
SHORT_SESSIONS: Final = 2
"""So many sessions in a row may be short; each further one doubles the shortest pause."""
LONGEST: Final = 30.0
SHARE: Final = 1 / 3
"""The pause, as a share of the outage until now: short outages are found at once, long ones cost little."""
AT_ONCE: Final = 1.0
"""Seconds: an attempt that begins sooner after a loss is still the first one."""
JITTER: Final = (0.8, 1.0)
MOST_DOUBLINGS: Final = 10
"""From there on the longest pause counts anyway, and a float has an end."""


def after(failures: int, pauses: Sequence[float]) -> float:
    """The pause behind so many failures in a row before this one; the last of `pauses` repeats."""
    return pauses[min(failures, len(pauses) - 1)]


@dataclass(frozen=True, slots=True)
class Pause:
    """The wait before the next attempt."""

    seconds: float
    at_once: bool
    """Whether that attempt is still the first one after a loss."""


class Retry:
    """Keeps how long an outage lasts and how many sessions were short. All times are seconds of one clock.

    `shortest` is the shortest pause; `present` the time at which nothing is connected yet.
    """

    def __init__(self, shortest: float, present: float) -> None:
        self._shortest = shortest
        self._lost_at = present
        self._short_sessions = 0
        self._just_lost = False

    def lost(self, present: float, online_for: float | None) -> None:
        """A session that was online has ended now; `None` where nobody knows how long it was."""
        self._lost_at, self._just_lost = present, True
        if online_for is not None:
            self._short_sessions = 0 if online_for >= STABLE else self._short_sessions + 1

    def pause(self, present: float, at_least: float = 0.0) -> Pause:
        """How long to wait now before the next attempt; up to a fifth of it is taken off by chance."""
        doublings = min(max(0, self._short_sessions - SHORT_SESSIONS), MOST_DOUBLINGS)
        shortest = max(self._shortest * 2.0**doublings, at_least)
        seconds = min(max((present - self._lost_at) * SHARE, shortest), LONGEST)
        seconds *= random.uniform(*JITTER)  # noqa: S311  # spreads attempts, keeps no secret
        just_lost, self._just_lost = self._just_lost, False
        return Pause(seconds, at_once=just_lost and seconds <= AT_ONCE)
