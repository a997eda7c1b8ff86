"""A zone's inbox: takes commands in order, lets the newest value win, and sees each to its outcome."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from sugartalkd.command import PlayUrl, Reread, SetMany, SetVolume, Steps, VolumeChange, ZoneCommand
from sugartalkd.errors import Busy, Expired, Internal, SugartalkError, Superseded, TimedOut
from sugartalkd.log import get_logger
from sugartalkd.zone import Confirmation, Lane, ZoneDevices, attribute_of

if TYPE_CHECKING:
    from sugartalkd.model import Json, Object, Zone

T = TypeVar("T")

_log = get_logger(__name__)

WAITING_LIMIT: Final = 32
"""Commands that may wait in one zone (contract 5)."""
START_LIMIT: Final = 10.0
"""Seconds within which a command must start."""
SETTING_LIMIT: Final = 5.0
PLAY_LIMIT: Final = 30.0
"""Seconds a setting or a `play` may take once it has started."""
VOLUME_SPACING: Final = 0.05
"""Seconds between two volumes sent to one device: a slider's 200 values a second become 20."""
RECEIVER_WAKES: Final = 5.0
"""Seconds a receiver may take to switch on by itself when its player starts (denon.md 4.5)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reply will say: its `data`, and the failure if there was one."""

    data: Object = field(default_factory=dict[str, "Json"])
    error: SugartalkError | None = None


Answer: TypeAlias = Callable[[Outcome], None]


@dataclass(slots=True, eq=False)
class _Job:
    """One command on its way, with everybody who waits for its outcome."""

    command: ZoneCommand
    lane: Lane
    attribute: str | None
    """What a newer value of would take its place; `None`: never."""
    answer: Answer
    asked: bool
    expiry: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        return self.attribute or type(self.command).__name__.lower()


@dataclass(slots=True, eq=False)
class _Queue:
    """The commands that wait for one device of the zone."""

    waiting: deque[_Job] = field(default_factory=deque["_Job"])
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    volume_at: float = float("-inf")
    """When the last volume was sent, in the loop's time."""


class Inbox:
    """Takes the commands of one zone; `run` carries them out until it is cancelled.

    Commands for one device run in the order in which they came; those of the zone's other device do not
    wait for them. A receiver's command has left the lane once it is on the wire; its confirmation is
    awaited beside.
    """

    def __init__(self, devices: ZoneDevices) -> None:
        self._devices = devices
        self._zone = devices.zone
        self._queues = {lane: _Queue() for lane in Lane}
        self._beside: set[asyncio.Task[None]] = set()

    @property
    def zone(self) -> Zone:
        return self._zone

    def submit(
        self,
        command: ZoneCommand,
        answer: Answer,
        *,
        asked: bool,
        expires_in: float = START_LIMIT,
    ) -> None:
        """Take a command; `answer` is called exactly once with its outcome, now or later.

        `asked` tells that somebody waits for a reply, so a superseded command is answered too.
        Raises Unsupported, OutOfRange or Busy where the refusal is known at once.
        """
        self._devices.check(command)
        match command:
            case SetMany():
                self._aside(self._set_many(command, answer), "several attributes")
                return
            case Reread():
                self._aside(self._reread(answer), "get")
                return
            case PlayUrl(volume=volume) if volume is not None:
                self._aside(self._play_at_volume(command, volume, answer), "play at a volume")
                return
            case _:
                lane = self._devices.lane(command)
        queue = self._queues[lane]
        if self._waiting >= WAITING_LIMIT and not self._would_replace(queue, command):
            raise Busy(f"{self._zone.id} has {WAITING_LIMIT} commands waiting already; send fewer at a time")
        job = _Job(command, lane, attribute_of(command), answer, asked)
        self._replace_older(queue, job)
        loop = asyncio.get_running_loop()
        job.expiry = loop.call_later(min(expires_in, START_LIMIT), self._expire, job)
        queue.waiting.append(job)
        queue.filled.set()

    async def run(self) -> None:
        """Carry commands out until cancelled; whatever waits then is answered `expired`."""
        try:
            async with asyncio.TaskGroup() as group:
                for lane in Lane:
                    group.create_task(
                        self._run_lane(self._queues[lane]), name=f"{self._zone.id} {lane.value}"
                    )
        finally:
            for task in self._beside:
                task.cancel()
            await asyncio.gather(*self._beside, return_exceptions=True)
            for queue in self._queues.values():
                while queue.waiting:
                    gone = Expired(f"{self._zone.id} ended before the command started")
                    self._finish(queue.waiting.popleft(), Outcome(error=gone))

    # -- waiting -------------------------------------------------------------------------------------

    @property
    def _waiting(self) -> int:
        return sum(len(queue.waiting) for queue in self._queues.values())

    def _would_replace(self, queue: _Queue, command: ZoneCommand) -> bool:
        attribute = attribute_of(command)
        return attribute is not None and any(job.attribute == attribute for job in queue.waiting)

    def _replace_older(self, queue: _Queue, new: _Job) -> None:
        """Take out what the new value makes pointless; steps add up, a step on a value keeps the value."""
        if new.attribute is None:
            return
        if isinstance(new.command, SetVolume) and isinstance(new.command.change, Steps):
            last = queue.waiting[-1] if queue.waiting else None
            if last is None or not isinstance(last.command, SetVolume):
                return
            if isinstance(last.command.change, Steps):
                queue.waiting.pop()
                self._cancel_expiry(last)
                total = last.command.change.value + new.command.change.value
                new.command = SetVolume(Steps(total))
                new.answer = _both(last.answer, new.answer)
                new.asked |= last.asked
            return
        for job in [job for job in queue.waiting if job.attribute == new.attribute]:
            queue.waiting.remove(job)
            newer = Superseded(f"a newer value for {new.attribute} took its place")
            self._finish(job, Outcome(error=newer))

    def _expire(self, job: _Job) -> None:
        with suppress(ValueError):
            self._queues[job.lane].waiting.remove(job)
            late = Expired(f"{self._zone.id} was busy and {job.name} could not start in time")
            self._finish(job, Outcome(error=late))

    @staticmethod
    def _cancel_expiry(job: _Job) -> None:
        if job.expiry is not None:
            job.expiry.cancel()
            job.expiry = None

    def _finish(self, job: _Job, outcome: Outcome) -> None:
        self._cancel_expiry(job)
        if job.asked or not isinstance(outcome.error, Superseded):
            job.answer(outcome)

    # -- carrying out --------------------------------------------------------------------------------

    async def _run_lane(self, queue: _Queue) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not queue.waiting:
                queue.filled.clear()
                await queue.filled.wait()
                continue
            volume = isinstance(queue.waiting[0].command, SetVolume)
            if volume and (pause := queue.volume_at + VOLUME_SPACING - loop.time()) > 0:
                await asyncio.sleep(pause)
                continue  # by now a newer value may stand in its place
            job = queue.waiting.popleft()
            self._cancel_expiry(job)
            data: Object = {}
            limit = PLAY_LIMIT if isinstance(job.command, PlayUrl) else SETTING_LIMIT
            deadline = loop.time() + limit
            pending = await self._attempt(job, self._devices.start(job.command, data), deadline)
            if volume:
                queue.volume_at = loop.time()
            if isinstance(pending, Outcome):
                self._finish(job, pending)
            elif pending is None:
                self._finish(job, Outcome(data))
            else:
                self._aside(self._confirm(job, pending, data, deadline), "confirmation")

    async def _confirm(self, job: _Job, pending: Confirmation, data: Object, deadline: float) -> None:
        failed = await self._attempt(job, pending, deadline)
        if failed is not None and isinstance(job.command, SetVolume):
            self._devices.forget_target()
        self._finish(job, failed or Outcome(data))

    async def _attempt(self, job: _Job, work: Awaitable[T], deadline: float) -> T | Outcome:
        """Await a device's work until the deadline; every way in which it can fail becomes an outcome."""
        try:
            async with asyncio.timeout_at(deadline):
                return await work
        except SugartalkError as failure:
            return Outcome(error=failure)
        except TimeoutError:
            text = f"the {job.lane.value} of {self._zone.id} did not finish {job.name} in time"
            return Outcome(error=TimedOut(text))
        except asyncio.CancelledError:
            self._finish(job, Outcome(error=Expired(f"{self._zone.id} ended before {job.name} was done")))
            raise
        except Exception:  # noqa: BLE001  # the edge: a fault of ours is answered, and the zone lives on
            _log.exception("a command failed inside the daemon", zone=self._zone.id, command=job.name)
            return Outcome(error=Internal(f"{job.name} failed inside the daemon; its log says where"))

    def _aside(self, work: Coroutine[None, None, None], name: str) -> None:
        """Run something of this zone beside its lanes; `run` ends it."""
        task = asyncio.get_running_loop().create_task(work, name=f"{self._zone.id} {name}")
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def _set_many(self, many: SetMany, answer: Answer) -> None:
        """Attribute after attribute through this same inbox; the first failure ends it."""
        said: Object = {name: "skipped" for name, _ in many.settings}
        for name, setting in many.settings:
            outcome = await self._submit_and_wait(setting)
            if outcome.error is not None:
                said[name] = outcome.error.code
                answer(Outcome(said, type(outcome.error)(f"{name}: {outcome.error}")))
                return
            said[name] = "ok"
        answer(Outcome(said))

    async def _play_at_volume(self, play: PlayUrl, volume: VolumeChange, answer: Answer) -> None:
        """Set the volume before the first sound; a receiver that is off must come on first."""
        asleep = self._devices.asleep
        steps: list[ZoneCommand] = [SetVolume(volume), replace(play, volume=None)]
        for step in reversed(steps) if asleep else steps:
            if asleep and isinstance(step, SetVolume):
                await self._devices.awake(RECEIVER_WAKES)
            outcome = await self._submit_and_wait(step)
            if outcome.error is not None:
                step_name = "volume" if isinstance(step, SetVolume) else "play"
                answer(Outcome(outcome.data, type(outcome.error)(f"{step_name}: {outcome.error}")))
                return
        answer(Outcome())

    async def _reread(self, answer: Answer) -> None:
        try:
            async with asyncio.timeout(SETTING_LIMIT):
                await self._devices.refresh()
        except SugartalkError as failure:
            answer(Outcome(error=failure))
        except TimeoutError:
            answer(Outcome(error=TimedOut(f"the devices of {self._zone.id} did not answer in time")))
        else:
            answer(Outcome())

    async def _submit_and_wait(self, command: ZoneCommand) -> Outcome:
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        try:
            self.submit(command, done.set_result, asked=True)
        except SugartalkError as refusal:
            return Outcome(error=refusal)
        return await done


def _both(first: Answer, second: Answer) -> Answer:
    def answer(outcome: Outcome) -> None:
        first(outcome)
        second(outcome)

    return answer
