"""What people do with the queue of one player: fill it, move in it, change it, talk over it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from sugartalkd.errors import Expired, HeosFailed, OutOfRange, SugartalkError
from sugartalkd.model import Enqueue, Repeat, Transport
from sugartalkd.play_queue.announce import Announcement, Before
from sugartalkd.play_queue.attempt import START_LIMIT
from sugartalkd.play_queue.order import Order
from sugartalkd.play_queue.runner import Phase, Runner
from sugartalkd.zone.room import Turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sugartalkd.model import Object, PlayerKey, PlayerState, Track
    from sugartalkd.play_queue.device import UrlPlayer
    from sugartalkd.play_queue.home import Home

RESTARTS_AFTER: Final = 3.0
"""Seconds into a track from which on `previous` begins it again."""
STOP_LIMIT: Final = 2.0
"""Seconds in which a player tells that it has stopped."""
INHERITS: Final = 10.0
"""Seconds after an announcement in which the next one brings back what that one interrupted."""


class PlayQueue:
    """One player's queue. While it is empty, everything is the player's own business."""

    def __init__(self, key: PlayerKey, home: Home) -> None:
        self.runner = Runner(key, home)
        self._home = home
        self._key = key
        self._announcing = Turns()
        """Of a whole group: each of its zones has announcements of its own."""
        self._interruption: QueueInterruption | None = None

    @property
    def is_ours(self) -> bool:
        """Whether commands for a queue mean this one: something of it plays, or did."""
        return bool(self.runner.order)

    @property
    def _device(self) -> UrlPlayer:
        return self._home.device(self._key)

    def overtake(self) -> None:
        """Something else is wished now: an announcement ends, and nothing comes back after it."""
        self.runner.turn += 1
        self._end_announcement()

    def go_on(self) -> None:
        """What was to take its place could not be played: what was about to start has given way already."""
        if self.runner.phase is Phase.STARTING:
            self.runner.rest()
            self.runner.show()

    def _end_announcement(self) -> None:
        announcement, self.runner.announcement = self.runner.announcement, None
        if announcement is not None:
            announcement.end()

    # -- filling it ----------------------------------------------------------------------------------

    async def put(self, tracks: Sequence[Track], enqueue: Enqueue, *, shuffle: bool | None) -> Object:
        """Queue tracks, and play them if that is wished or nothing was queued."""
        runner, fresh = self.runner, not self.is_ours
        if fresh or enqueue is Enqueue.REPLACE:
            place = await self._replace(tracks, shuffle=shuffle, clear=enqueue is Enqueue.REPLACE)
        else:
            if shuffle is not None:
                runner.order.set_shuffle(shuffle)
            if enqueue is Enqueue.NOW:
                self.overtake()
            place = runner.order.put(tracks, enqueue)
            if enqueue is Enqueue.NOW:
                await self._start(runner.aim(place))
            self.runner.changed()
        return {"queued": len(tracks), "index": place, "length": len(runner.order)}

    async def _replace(self, tracks: Sequence[Track], *, shuffle: bool | None, clear: bool) -> int:
        """Play these and nothing else. What was there before is gone once it is known that they can start.

        The player's own queue is cleared only where that is wished.
        """
        runner, raw, before = self.runner, self._raw, self.runner.order
        if before:
            repeat, mixed = before.repeat, before.shuffle
        else:
            repeat = Repeat.OFF if raw is None or raw.repeat is None else raw.repeat
            mixed = raw is not None and bool(raw.shuffle)
        order = Order(repeat=repeat, shuffle=mixed if shuffle is None else shuffle)
        place = order.put(tracks, Enqueue.REPLACE)
        self.overtake()
        runner.order, runner.returned = order, False
        turn = runner.aim(place)
        try:
            await self._start(turn, instead_of=before, clear=clear)
        except SugartalkError:
            if not before and runner.order is order:
                runner.drop(None)
            raise
        return place

    # -- moving in it --------------------------------------------------------------------------------

    async def play(self) -> None:
        """Go on; what was stopped begins again, and after the end the first one, or what has been added."""
        runner = self.runner
        if runner.phase in {Phase.STOPPED, Phase.ENDED}:
            index = runner.order.index or 0
            if runner.phase is Phase.ENDED:
                index = runner.order.neighbour(1) or 0
            await self._switch(index)
            return
        async with runner.attempts.lock:
            await self._device.play()

    async def pause(self) -> None:
        async with self.runner.attempts.lock:
            await self._device.pause()

    async def stop(self) -> None:
        """Stop; the queue is kept."""
        runner = self.runner
        self.overtake()
        runner.by_hand = True
        try:
            async with runner.attempts.lock:
                await self._device.stop()
        except BaseException:
            runner.by_hand = False
            raise
        raw = self._raw
        if runner.phase is Phase.STARTING or raw is None or raw.transport is Transport.IDLE:
            runner.rest()
        runner.show()

    async def next(self) -> None:
        """Raises OutOfRange at the end."""
        index = self.runner.order.neighbour(1)
        if index is None:
            raise OutOfRange(
                f"nothing follows: this is the last of the queue's {len(self.runner.order)} tracks"
            )
        await self._switch(index)

    async def previous(self) -> None:
        """One back, or the present track from its start once some of it was played."""
        runner = self.runner
        played = runner.phase in {Phase.PLAYING, Phase.PAUSED} and runner.clock.position > RESTARTS_AFTER
        before = runner.order.neighbour(-1)
        await self._switch((runner.order.index or 0) if played or before is None else before)

    async def jump(self, index: int) -> None:
        """Raises OutOfRange, as the others do."""
        self.runner.order.check(index)
        await self._switch(index)

    async def _switch(self, index: int) -> None:
        self.overtake()
        await self._start(self.runner.aim(index))

    async def _start(self, turn: int, *, instead_of: Order | None = None, clear: bool = False) -> None:
        """Start the present track, maybe `instead_of` all that was queued; if it fails, that goes on.

        It ends beside if the command is given up meanwhile: a player that has been told half of it would
        play what nobody knows.
        """
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def ended(_task: asyncio.Task[None]) -> None:
            if not told.done():  # it was cancelled, maybe before its first step
                told.set_exception(Expired("the queues ended before the player was told"))

        work = self._start_wished(turn, told, instead_of, clear=clear)
        self._home.beside.start(work, f"queue of {self._key}").add_done_callback(ended)
        await told

    async def _start_wished(
        self, turn: int, told: asyncio.Future[None], instead_of: Order | None, *, clear: bool
    ) -> None:
        runner, shown = self.runner, self.runner.shown
        runner.begin_anew()
        try:
            if clear:
                await runner.caretaker.clear()
            await runner.start(turn)
        except Exception as error:  # noqa: BLE001  # whoever wished it takes it
            if turn == runner.turn:
                runner.order = instead_of or runner.order
                runner.go_back(shown)
            if not told.done():
                told.set_exception(error)
        else:
            if not told.done():
                told.set_result(None)

    # -- changing it ---------------------------------------------------------------------------------

    async def remove(self, indices: Sequence[int]) -> None:
        """Without the present track, the next one plays."""
        runner, order = self.runner, self.runner.order
        order.check(*indices)
        present = order.index or 0
        gone = set(indices)
        last = all(index in gone for index in range(present, len(order)))
        if len(gone) == len(order):
            await self.clear()
            return
        lost = order.remove(gone)
        self.runner.changed()
        if not lost or runner.phase in {Phase.STOPPED, Phase.ENDED}:
            return
        if last and order.repeat is not Repeat.ALL:
            await self.stop()
            runner.rest()
            runner.phase = Phase.ENDED
            return
        await self._switch(0 if last else order.index or 0)

    def move(self, origin: int, target: int) -> None:
        self.runner.order.move(origin, target)
        self.runner.changed()

    async def clear(self) -> None:
        """Stop, and forget everything."""
        runner = self.runner
        if runner.phase not in {Phase.STOPPED, Phase.ENDED}:
            await self.stop()
        runner.drop(None)

    def set_repeat(self, repeat: Repeat) -> None:
        self.runner.order.repeat = repeat
        self.runner.changed()

    def set_shuffle(self, *, on: bool) -> None:
        self.runner.order.set_shuffle(on)
        self.runner.changed()

    # -- talking over it -----------------------------------------------------------------------------

    async def interrupt(self, url: str, seconds: float) -> QueueInterruption:
        """Play a URL once; returns when it is over. Raises Busy, or what it failed for."""
        self._announcing.check("announcements")
        async with self._announcing:
            return await self._interrupt(url, seconds)

    async def _interrupt(self, url: str, seconds: float) -> QueueInterruption:
        runner, device = self.runner, self._device
        earlier = self._interruption
        before = earlier.inherit() if earlier is not None else None
        before = self._before() if before is None else before
        runner.turn += 1
        announcement = runner.announcement = Announcement(url)
        interruption = self._interruption = QueueInterruption(self, before, runner.turn)
        try:
            await runner.attempts.settled()
            async with runner.attempts.lock:
                await device.play_url(url, None)
            async with asyncio.timeout(START_LIMIT):
                await announcement.began.wait()
        except TimeoutError:
            announcement.error = f"the player did not start it within {START_LIMIT:g} s"
        except BaseException:
            self._over(announcement, begun=announcement.began.is_set())
            raise
        try:
            await self._outlast(announcement, device, seconds)
        finally:
            self._over(announcement)
        interruption.ended_at = time.monotonic()
        if announcement.error is not None:
            await interruption.resume()
            raise HeosFailed(f"the announcement could not be played: {announcement.error}")
        return interruption

    def is_last(self, interruption: QueueInterruption) -> bool:
        """Whether no other announcement follows on this one."""
        return not self._announcing.waiting and self._interruption is interruption

    async def _outlast(self, announcement: Announcement, device: UrlPlayer, seconds: float) -> None:
        """Wait for its end; what is too long is stopped."""
        if announcement.error is not None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await announcement.over.wait()
        if announcement.over.is_set():
            return
        async with self.runner.attempts.lock:
            if self.runner.announcement is announcement:
                await device.stop()
        with suppress(TimeoutError):  # what is still heard of it then is taken for somebody else's
            async with asyncio.timeout(STOP_LIMIT):
                await announcement.over.wait()

    def _over(self, announcement: Announcement, *, begun: bool = True) -> None:
        """It is over, or could not begin, so that what played goes on."""
        runner = self.runner
        if runner.announcement is not announcement:
            return
        runner.announcement = None
        if self.is_ours and (runner.phase is Phase.STARTING or (begun and runner.phase is not Phase.ENDED)):
            runner.rest()
        runner.show()

    def _before(self) -> Before:
        """What there would be to bring back."""
        raw, phase = self._raw, self.runner.phase
        if self.is_ours and not self.runner.returned:
            if phase in {Phase.STOPPED, Phase.ENDED}:
                return Before(None)
            return Before("queue", playing=phase is not Phase.PAUSED)
        if raw is None or raw.transport is not Transport.PLAYING:
            return Before(None)
        if raw.queue_index is not None:
            return Before("item", index=raw.queue_index)
        if raw.track is not None and raw.track.media_id is not None:
            return Before("station", media_id=raw.track.media_id)
        return Before(None)

    async def bring_back(self, before: Before) -> str | None:
        """Do again what a player did before; what that was."""
        runner = self.runner
        if before.kind == "queue" and self.is_ours:
            if before.playing:
                await self._start(runner.aim(runner.order.index or 0))
            return "queue"
        if before.kind == "item" and before.index is not None:
            await self._device.jump_in_queue(before.index)
        elif before.kind == "station" and before.media_id is not None:
            await self._device.play_media(before.media_id, Enqueue.REPLACE, shuffle=None)
        else:
            await self._fall_silent()
        runner.tidy()
        return before.kind

    async def _fall_silent(self) -> None:
        """The player may have gone on to something by itself."""
        raw = self._raw
        if raw is not None and raw.transport is Transport.PLAYING:
            await self._device.stop()

    @property
    def _raw(self) -> PlayerState | None:
        return self._home.store.player(self._key)


class QueueInterruption:
    """What a player did before an announcement."""

    def __init__(self, queue: PlayQueue, before: Before, turn: int) -> None:
        self._queue = queue
        self._before: Before | None = before
        self._turn = turn
        self.ended_at: float | None = None

    def inherit(self) -> Before | None:
        """What the next announcement has to bring back instead of this one; nothing once that is done."""
        recent = self.ended_at is not None and time.monotonic() - self.ended_at < INHERITS
        before = self._before if recent and self._turn == self._queue.runner.turn else None
        self._before = None
        return before

    async def resume(self) -> str | None:
        """Bring it back, unless somebody wished something else meanwhile, or another announcement does it."""
        if not self._queue.is_last(self):
            return None
        before, self._before = self._before, None
        if before is None or self._turn != self._queue.runner.turn:
            return None
        return await self._queue.bring_back(before)
