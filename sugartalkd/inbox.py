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
from sugartalkd.zone import Lane, Target, ZoneDevices, attribute_of, is_value

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
    number: int
    """Its place in the order of arrival; that of the whole for a step of several."""
    answer: Answer
    asked: bool
    step: bool = False
    """Part of several commands that arrived as one."""
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
        self._queues = {lane: _Queue() for lane in Lane}
        self._beside: set[asyncio.Task[None]] = set()
        self._several = 0
        """Commands under way that consist of several."""
        self._arrivals = 0
        self._newest: dict[str, int] = {}
        """The number of the newest value that arrived for each attribute."""
        self._ended = False

    @property
    def zone(self) -> Zone:
        return self._devices.zone

    def renew(self, devices: ZoneDevices) -> None:
        """The zone is described anew: what waits goes to these devices, what has started ends as it began."""
        if devices.parts != self._devices.parts:  # else those at hand know what was sent last
            self._devices = devices

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
        Raises Unsupported, OutOfRange, Expired or Busy where the refusal is known at once.
        """
        if self._ended:
            raise Expired(f"{self.zone.id} is ending; nothing new is begun")
        self._devices.check(command)
        if self._waiting >= WAITING_LIMIT and not self._would_replace(command):
            raise Busy(f"{self.zone.id} has {WAITING_LIMIT} commands waiting already; send fewer at a time")
        self._arrivals += 1
        match command:
            case SetMany():
                self._begin(self._set_many(command, self._arrivals, expires_in), answer, "several attributes")
            case Reread():
                self._begin(self._reread(), answer, "get")
            case PlayUrl(volume=volume) if volume is not None:
                work = self._play_at_volume(command, volume, self._arrivals, expires_in)
                self._begin(work, answer, "play at a volume")
            case _:
                self._enqueue(
                    _Job(
                        command, self._devices.lane(command), attribute_of(command), self._arrivals, answer,
                        asked,
                    ),
                    expires_in,
                )  # fmt: skip

    async def run(self) -> None:
        """Carry commands out until cancelled; whatever waits then is answered `expired`."""
        self._ended = False
        try:
            async with asyncio.TaskGroup() as group:
                for lane in Lane:
                    group.create_task(self._run_lane(self._queues[lane]), name=f"{self.zone.id} {lane.value}")
        finally:
            self._ended = True
            for queue in self._queues.values():
                while queue.waiting:
                    gone = Expired(f"{self.zone.id} ended before the command started")
                    self._finish(queue.waiting.popleft(), Outcome(error=gone))
            for task in self._beside:
                task.cancel()
            await asyncio.gather(*self._beside, return_exceptions=True)

    # -- waiting -------------------------------------------------------------------------------------

    @property
    def _waiting(self) -> int:
        waiting = (job for queue in self._queues.values() for job in queue.waiting if not job.step)
        return self._several + sum(1 for _ in waiting)

    def _would_replace(self, command: ZoneCommand) -> bool:
        attribute = attribute_of(command)
        if attribute is None or not is_value(command):
            return False
        return any(job.attribute == attribute for job in self._queues[self._devices.lane(command)].waiting)

    def _enqueue(self, job: _Job, expires_in: float) -> None:
        if job.attribute is not None and is_value(job.command):
            if self._newest.get(job.attribute, 0) > job.number:
                self._finish(job, _superseded(job))
                return
            self._newest[job.attribute] = job.number
        queue = self._queues[job.lane]
        loop = asyncio.get_running_loop()
        expires_at = loop.time() + min(expires_in, START_LIMIT)
        if (older := self._replace_older(queue, job)) is not None:
            expires_at = min(expires_at, older)
        job.expiry = loop.call_at(expires_at, self._expire, job)
        queue.waiting.append(job)
        queue.filled.set()

    def _replace_older(self, queue: _Queue, new: _Job) -> float | None:
        """Take out what the new value makes pointless; the result is when a step taken in would expire.

        Steps add up. A toggle replaces nothing: what it means depends on what came before.
        """
        if new.attribute is None:
            return None
        if is_value(new.command):
            for job in [job for job in queue.waiting if job.attribute == new.attribute]:
                queue.waiting.remove(job)
                self._finish(job, _superseded(job))
            return None
        last = queue.waiting[-1] if queue.waiting else None
        match last, new.command:
            case _Job(command=SetVolume(Steps(before)), expiry=expiry), SetVolume(Steps(more)):
                queue.waiting.pop()
                new.command = SetVolume(Steps(before + more))
                new.answer = _both(last.answer, new.answer)
                new.asked |= last.asked
                self._cancel_expiry(last)
                return None if expiry is None else expiry.when()
            case _:
                return None

    def _expire(self, job: _Job) -> None:
        with suppress(ValueError):
            self._queues[job.lane].waiting.remove(job)
            late = Expired(f"{self.zone.id} was busy and {job.name} could not start in time")
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
            devices = self._devices
            pending = await self._attempt(job, devices.start(job.command, data), deadline)
            if volume:
                queue.volume_at = loop.time()
            aimed = devices.aimed(job.attribute)
            if isinstance(pending, Outcome):
                devices.release(job.attribute, aimed)
                self._finish(job, pending)
            elif pending is None:
                self._finish(job, Outcome(data))
            else:
                confirmed = self._attempt(job, pending, deadline)
                self._aside(self._confirm(job, confirmed, data, devices, aimed), "confirmation")

    async def _confirm(
        self,
        job: _Job,
        confirmed: Awaitable[Outcome | None],
        data: Object,
        devices: ZoneDevices,
        aimed: Target | None,
    ) -> None:
        failed = await confirmed
        devices.release(job.attribute, aimed)
        self._finish(job, failed or Outcome(data))

    async def _attempt(self, job: _Job, work: Awaitable[T], deadline: float) -> T | Outcome:
        """Await a device's work until the deadline; every way in which it can fail becomes an outcome."""
        try:
            async with asyncio.timeout_at(deadline):
                return await work
        except SugartalkError as failure:
            return Outcome(error=failure)
        except TimeoutError:
            text = f"the {job.lane.value} of {self.zone.id} did not finish {job.name} in time"
            return Outcome(error=TimedOut(text))
        except asyncio.CancelledError:
            self._finish(job, self._unfinished(job.name))
            raise
        except Exception:  # noqa: BLE001  # the edge: a fault of ours is answered, and the zone lives on
            return self._fault(job.name)

    def _unfinished(self, name: str) -> Outcome:
        return Outcome(error=TimedOut(f"{self.zone.id} ended before it was known what became of {name}"))

    def _fault(self, name: str) -> Outcome:
        _log.exception("a command failed inside the daemon", zone=self.zone.id, command=name)
        return Outcome(error=Internal(f"{name} failed inside the daemon; its log says where"))

    def _aside(self, work: Coroutine[None, None, None], name: str) -> None:
        """Run something of this zone beside its lanes; `run` ends it."""
        task = asyncio.get_running_loop().create_task(work, name=f"{self.zone.id} {name}")
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    # -- several commands that arrived as one --------------------------------------------------------

    def _begin(self, work: Coroutine[None, None, Outcome], answer: Answer, name: str) -> None:
        """Run several commands as one, which has one outcome however it ends."""

        async def carry_out() -> None:
            outcome = self._unfinished(name)
            self._several += 1
            try:
                outcome = await work
            except Exception:  # noqa: BLE001  # the edge, as in _attempt
                outcome = self._fault(name)
            finally:
                self._several -= 1
                answer(outcome)

        self._aside(carry_out(), name)

    async def _set_many(self, many: SetMany, number: int, expires_in: float) -> Outcome:
        """Attribute after attribute through this same inbox; the first failure ends it.

        A value that was overtaken by a newer one of its own does not: what it wanted is not wanted any more.
        """
        said: Object = {name: "skipped" for name, _ in many.settings}
        overtaken: SugartalkError | None = None
        for name, setting in many.settings:
            outcome = await self._step(setting, number, expires_in)
            expires_in = START_LIMIT
            said |= {key: value for key, value in outcome.data.items() if key == "clamped"}
            said[name] = "ok" if outcome.error is None else outcome.error.code
            if isinstance(outcome.error, Superseded):
                overtaken = _about(name, outcome.error)
            elif outcome.error is not None:
                return Outcome(said, _about(name, outcome.error))
        return Outcome(said, overtaken)

    async def _play_at_volume(
        self, play: PlayUrl, volume: VolumeChange, number: int, expires_in: float
    ) -> Outcome:
        """Set the volume before the first sound; a receiver that is off must come on first."""
        asleep = self._devices.asleep
        steps: list[ZoneCommand] = [SetVolume(volume), replace(play, volume=None)]
        data: Object = {}
        for step in reversed(steps) if asleep else steps:
            if asleep and isinstance(step, SetVolume):
                await self._devices.awake(RECEIVER_WAKES)
            outcome = await self._step(step, number, expires_in)
            expires_in = START_LIMIT
            data |= outcome.data
            if outcome.error is not None and not isinstance(outcome.error, Superseded):
                name = "volume" if isinstance(step, SetVolume) else "play"
                return Outcome(data, _about(name, outcome.error))
        return Outcome(data)

    async def _reread(self) -> Outcome:
        try:
            async with asyncio.timeout(SETTING_LIMIT):
                await self._devices.refresh()
        except SugartalkError as failure:
            return Outcome(error=failure)
        except TimeoutError:
            return Outcome(error=TimedOut(f"the devices of {self.zone.id} did not answer in time"))
        return Outcome()

    async def _step(self, command: ZoneCommand, number: int, expires_in: float) -> Outcome:
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def answer(outcome: Outcome) -> None:
            if not done.done():  # whoever waited may have been cancelled
                done.set_result(outcome)

        try:
            self._devices.check(command)  # the zone may have been described anew meanwhile
        except SugartalkError as refusal:
            return Outcome(error=refusal)
        lane, attribute = self._devices.lane(command), attribute_of(command)
        self._enqueue(_Job(command, lane, attribute, number, answer, asked=True, step=True), expires_in)
        return await done


def _superseded(job: _Job) -> Outcome:
    return Outcome(error=Superseded(f"a newer value for {job.name} took its place"))


def _about(name: str, error: SugartalkError) -> SugartalkError:
    """The same failure, saying which of several commands it was."""
    return type(error)(f"{name}: {error}")


def _both(first: Answer, second: Answer) -> Answer:
    def answer(outcome: Outcome) -> None:
        first(outcome)
        second(outcome)

    return answer
