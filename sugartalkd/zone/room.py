"""What the daemon itself keeps for a zone: snapshots, a sleep timer, a limit of the volume for a while."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sugartalkd.errors import Busy, NoMatch, OutOfRange
from sugartalkd.model import KeptState, Limit
from sugartalkd.state import now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sugartalkd.model import ZoneId
    from sugartalkd.state import StateStore

SNAPSHOT_LIMIT: Final = 20
"""Snapshots that one zone may have."""
_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Played:
    """What a zone played, as far as it can be started again."""

    state: str | None = None
    """`playing`, `paused` or `idle`."""
    media_id: str | None = None
    queue: tuple[str, ...] = ()
    """The titles of the queue, to tell whether it is still the same one."""
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a zone did at one moment; `None` is what it could not tell."""

    power: bool | None = None
    input: str | None = None
    """The receiver's own name."""
    sound_mode: str | None = None
    volume: float | None = None
    mute: bool | None = None
    group: tuple[str, ...] | None = None
    """Zone ids, the leader first; nothing while it played alone."""
    playback: Played | None = None


@dataclass(frozen=True, slots=True)
class SleepTimer:
    """When the zone falls asleep, and how many seconds before the volume begins to go down."""

    until: datetime
    fade: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Everything that is kept for one zone over a restart."""

    snapshots: Mapping[str, Snapshot]
    timer: SleepTimer | None = None
    limit: Limit | None = None


WAITING: Final = 4
"""Announcements that may wait (contract 5)."""


class Turns:
    """One at a time, in the order of arrival."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self.waiting = 0

    def check(self, what: str) -> None:
        """Raises Busy where as many wait as may."""
        if self.waiting >= WAITING:
            raise Busy(f"{WAITING} {what} wait already; send this one later")

    async def __aenter__(self) -> None:
        self.waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self.waiting -= 1

    async def __aexit__(self, *_error: object) -> None:
        self._lock.release()


class Room:
    """One zone's; `run` lets time pass, `changed` is told whenever something is to be written down."""

    def __init__(self, zone: ZoneId, kept: Kept, store: StateStore, changed: Callable[[Kept], None]) -> None:
        self._zone = zone
        self._kept = kept
        self._store = store
        self._changed = changed
        self._woken = asyncio.Event()
        self.announcements = Turns()
        self.finding = Turns()
        """What is to be played is looked for one after the other, in the order in which it was asked for."""
        self._show()

    @property
    def limit(self) -> Limit | None:
        """The limit of the moment, if one is in force."""
        limit = self._kept.limit
        return None if limit is None or limit.until <= now() else limit

    @property
    def timer(self) -> SleepTimer | None:
        return self._kept.timer

    # -- commands ------------------------------------------------------------------------------------

    def set_limit(self, value: float | None, minutes: float) -> datetime:
        """Another limit for so many minutes; when it ends."""
        until = now() + timedelta(minutes=minutes)
        self._keep(replace(self._kept, limit=Limit(value, until)))
        return until

    def end_limit(self) -> None:
        self._keep(replace(self._kept, limit=None))

    def set_timer(self, minutes: float, fade: int) -> None:
        """Fall asleep in so many minutes, the volume going down in the last `fade` seconds; 0: never."""
        timer = SleepTimer(now() + timedelta(minutes=minutes), fade) if minutes else None
        self._keep(replace(self._kept, timer=timer))

    def end_timer(self) -> None:
        if self._kept.timer is not None:
            self._keep(replace(self._kept, timer=None))

    def save(self, name: str, snapshot: Snapshot) -> None:
        """Keep a snapshot in place of one of the same name. Raises OutOfRange when there are too many."""
        snapshots = self._kept.snapshots
        if name not in snapshots and len(snapshots) >= SNAPSHOT_LIMIT:
            raise OutOfRange(
                f"{self._zone} has {SNAPSHOT_LIMIT} snapshots already; delete one of {', '.join(snapshots)}"
            )
        self._keep(replace(self._kept, snapshots={**snapshots, name: snapshot}))

    def snapshot(self, name: str) -> Snapshot:
        """Raises NoMatch."""
        try:
            return self._kept.snapshots[name]
        except KeyError:
            known = ", ".join(self._kept.snapshots) or "none"
            raise NoMatch(f"{self._zone} has no snapshot {name[:64]!r}; it has {known}") from None

    def delete(self, name: str) -> None:
        """Raises NoMatch."""
        self.snapshot(name)
        others = {key: one for key, one in self._kept.snapshots.items() if key != name}
        self._keep(replace(self._kept, snapshots=others))

    # -- time ----------------------------------------------------------------------------------------

    async def run(self, fall_asleep: Callable[[SleepTimer], None]) -> None:
        """Count minutes, end the limit; `fall_asleep` is called when the volume is to go down."""
        told: SleepTimer | None = None
        while True:
            self._woken.clear()
            timer, limit, present = self._kept.timer, self._kept.limit, now()
            waits = [math.inf]
            if limit is not None:
                if limit.until <= present:
                    self.end_limit()
                    continue
                waits.append((limit.until - present).total_seconds())
            if timer is not None and timer is not told:
                begins = (timer.until - present).total_seconds() - timer.fade
                if begins <= 0:
                    told = timer
                    fall_asleep(timer)
                else:
                    waits.append(begins)
            if timer is not None:
                waits.append(max((timer.until - present).total_seconds() % _MINUTE, 1.0))
            self._show()
            wait = min(waits)
            with suppress(TimeoutError):
                async with asyncio.timeout(None if wait == math.inf else wait):
                    await self._woken.wait()

    def _keep(self, kept: Kept) -> None:
        self._kept = kept
        self._changed(kept)
        self._show()
        self._woken.set()

    def _show(self) -> None:
        kept = self._kept
        minutes = None
        if kept.timer is not None:
            minutes = max(0, math.ceil((kept.timer.until - now()).total_seconds() / _MINUTE))
        self._store.put_kept(self._zone, KeptState(minutes, kept.limit, tuple(sorted(kept.snapshots))))
