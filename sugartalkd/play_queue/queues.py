"""The queues of all players: tells them what their players say, and keeps them over a restart."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from sugartalkd.aside import Aside
from sugartalkd.errors import HeosOffline
from sugartalkd.play_queue import file
from sugartalkd.play_queue.attempt import Attempt
from sugartalkd.play_queue.file import Kept
from sugartalkd.play_queue.queue import PlayQueue
from sugartalkd.state import ZoneReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sugartalkd.merge import ZoneState
    from sugartalkd.model import LinkId, LinkState, Object, PlayerKey, PlayerState, Zone, ZoneId
    from sugartalkd.play_queue.device import UrlPlayer
    from sugartalkd.play_queue.sources import Music, Streams
    from sugartalkd.state import StateStore

TICK: Final = 0.5
WRITE_AFTER: Final = 0.1
WRITE_PAUSE: Final = 1.0
"""Seconds: the first change is written at once, what follows it together."""
OFF: Final = float("-inf")


class PlayQueues:
    """Every player's queue; `run` follows the time and writes down what changes.

    `player_of` has the players as their drivers offer them. `music` and `streams` may be missing, and come
    later: without them nothing new is queued.
    """

    def __init__(
        self,
        store: StateStore,
        player_of: Callable[[PlayerKey], UrlPlayer | None],
        path: Path,
        music: Music | None = None,
        streams: Streams | None = None,
    ) -> None:
        self.store = store
        self.music = music
        self.streams = streams
        self.beside = Aside()
        self._player_of = player_of
        self._path = path
        self._queues: dict[PlayerKey, PlayQueue] = {}
        self._dirty = asyncio.Event()
        self._left: dict[ZoneId, float] = {}
        """Since when a zone's receiver plays something else."""
        self._reporting = False
        for key, kept in file.read(path).items():
            self._restore(self.queue(key), kept)
        store.watch(self)
        store.listen(self)

    def queue(self, key: PlayerKey) -> PlayQueue:
        """The queue of one player, which may well be empty."""
        if key not in self._queues:
            self._queues[key] = PlayQueue(key, self)
        return self._queues[key]

    # -- for queues ----------------------------------------------------------------------------------

    def device(self, key: PlayerKey) -> UrlPlayer:
        """A player as its driver offers it. Raises HeosOffline."""
        player = self._player_of(key)
        if player is None:
            raise HeosOffline("this player is not configured any more")
        return player

    def unheard_since(self, key: PlayerKey) -> float | None:
        """Since when nobody can hear a player; `None` while somebody can, or nobody knows."""
        since = [
            self._unheard_in(state)
            for state in self.store.zones.values()
            if state.zone.player is not None and key in {state.zone.player, _leader(state)}
        ]
        return max((one for one in since if one is not None), default=None) if all(since) else None

    def _unheard_in(self, state: ZoneState) -> float | None:
        receiver = state.receiver_up
        if receiver is None:
            return None
        return OFF if receiver.power is False else self._left.get(state.zone.id)

    def report(self, key: PlayerKey, event_type: str, content: Object) -> None:
        self._reporting = True
        try:
            self.store.report(key, ZoneReport(event_type, content))
        finally:
            self._reporting = False

    def changed(self) -> None:
        self._dirty.set()

    # -- what is heard -------------------------------------------------------------------------------

    def player_said(self, player: PlayerKey, state: PlayerState | None) -> None:
        if (queue := self._queues.get(player)) is not None:
            queue.runner.heard(state)

    def player_reported(self, player: PlayerKey, report: ZoneReport) -> None:
        queue = self._queues.get(player)
        if queue is not None and not self._reporting and report.event_type == "playback_error":
            queue.runner.reported(str(report.content.get("error")))

    def zone_changed(self, old: ZoneState | None, new: ZoneState | None) -> None:
        """Note when the receiver leaves the player's input."""
        if new is None:
            if old is not None:
                self._left.pop(old.zone.id, None)
            return
        receiver = new.receiver_up
        if receiver is None or receiver.input in {None, new.zone.player_input}:
            self._left.pop(new.zone.id, None)
        else:
            self._left.setdefault(new.zone.id, time.monotonic())

    def zone_reported(self, zone: Zone, report: ZoneReport) -> None:
        """Players tell it by themselves."""

    def link_changed(self, link: LinkId, old: LinkState | None, new: LinkState | None) -> None:
        """Zones tell what becomes of it."""

    # -- over time -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the time until cancelled."""
        writing = asyncio.create_task(self._write_changes(), name="queues' file")
        try:
            while True:
                await asyncio.sleep(TICK)
                for queue in list(self._queues.values()):
                    queue.runner.tick()
        finally:
            await self.beside.end()
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _write_changes(self) -> None:
        try:
            while True:
                await self._dirty.wait()
                await asyncio.sleep(WRITE_AFTER)
                self._dirty.clear()
                work = asyncio.ensure_future(asyncio.to_thread(file.write, self._path, self._kept()))
                try:
                    await asyncio.shield(work)
                except asyncio.CancelledError:
                    await work
                    raise
                await asyncio.sleep(WRITE_PAUSE)
        finally:
            if self._dirty.is_set():
                file.write(self._path, self._kept())

    def _kept(self) -> dict[PlayerKey, Kept]:
        kept: dict[PlayerKey, Kept] = {}
        for key, queue in self._queues.items():
            runner = queue.runner
            if not runner.order:
                continue
            attempt, order = runner.attempt, runner.order
            started = None if attempt is None else order.place_of(attempt.track)
            kept[key] = Kept(
                order.tracks,
                order.plain,
                order.index or 0,
                order.repeat,
                None if attempt is None or started is None else attempt.stream,
                started,
                None if attempt is None else attempt.place,
            )
        return kept

    def _restore(self, queue: PlayQueue, kept: Kept) -> None:
        runner = queue.runner
        runner.order, runner.returned = kept.order(), True
        if kept.stream is not None and kept.started is not None:
            track = runner.order.track(kept.started)
            runner.attempts.latest = Attempt(track, kept.stream, runner.turn, place=kept.place)


def _leader(state: ZoneState) -> PlayerKey | None:
    player = state.player
    return None if player is None or player.group is None else player.group.leader
