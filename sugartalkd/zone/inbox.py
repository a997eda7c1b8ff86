"""A zone's inbox: takes commands in order, lets the newest value win, and sees each to its outcome."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar, assert_never

from sugartalkd.aside import Aside
from sugartalkd.command import (
    Announce,
    DeleteSnapshot,
    DeviceCommand,
    EndMaxVolume,
    KeptCommand,
    PlayFavorite,
    PlayMedia,
    PlayPlaylist,
    PlayQuery,
    PlayUrl,
    RampVolume,
    Reread,
    RestoreSnapshot,
    SaveSnapshot,
    SetGroupVolume,
    SetMany,
    SetMaxVolume,
    SetVolume,
    Steps,
    ZoneCommand,
)
from sugartalkd.errors import Busy, Expired, Internal, SugartalkError, Superseded, TimedOut
from sugartalkd.log import get_logger
from sugartalkd.topics.payload import stamp
from sugartalkd.zone import playing, several
from sugartalkd.zone.outcome import Answer, Outcome
from sugartalkd.zone.rules import Lane, attribute_of, is_value, lane, may_take_long

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

    from sugartalkd.model import Object, Zone
    from sugartalkd.zone.devices import Target, ZoneDevices
    from sugartalkd.zone.room import SleepTimer

T = TypeVar("T")

_log = get_logger(__name__)

WAITING_LIMIT: Final = 32
"""Commands that may wait in one zone (contract 5)."""
START_LIMIT: Final = 10.0
"""Seconds within which a command must start."""
SETTING_LIMIT: Final = 5.0
LONG_LIMIT: Final = 30.0
"""Seconds a setting, or what a device may work on for long, may take once it has started."""
LANE_WAITS: Final = 2.0
"""Seconds that what comes behind such a command waits for it."""
VOLUME_SPACING: Final = 0.05
"""Seconds between two volumes sent to one device: a slider's 200 values a second become 20."""


@dataclass(slots=True, eq=False)
class _Job:
    """One command on its way, with everybody who waits for its outcome."""

    command: DeviceCommand
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
        self._queues = {one: _Queue() for one in Lane}
        self._beside = Aside()
        self._several = 0
        """Commands under way that consist of several."""
        self._arrivals = 0
        self._newest: dict[str, int] = {}
        """The number of the newest value that arrived for each attribute."""
        self._touched: dict[str, int] = {}
        """The same of the newest command of any kind: a step, a toggle or a ramp as well."""
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
        for attribute in _attributes(command):
            self._touched[attribute] = self._arrivals
        course = _Course(self, self._arrivals, expires_in)
        match command:
            case SetMany():
                self._begin(several.set_many(command, course), answer, "several attributes")
            case RampVolume():
                self._begin(several.ramp(command, course), answer, "a volume ramp")
            case RestoreSnapshot():
                self._begin(several.restore(command, course), answer, "a snapshot")
            case Reread():
                self._begin(several.reread(command, course), answer, "get")
            case SetMaxVolume() | EndMaxVolume() | SaveSnapshot() | DeleteSnapshot():
                answer(Outcome(self._keep(command)))
            case Announce():
                self._begin(playing.announce(command, course), answer, "an announcement")
            case PlayQuery():
                self._begin(playing.play_query(command, course), answer, "play")
            case PlayUrl() | PlayMedia() | PlayFavorite() | PlayPlaylist():
                self._begin(playing.play(command, course), answer, "play")
            case _:
                goes = lane(command, self.zone)
                self._enqueue(
                    _Job(command, goes, attribute_of(command), self._arrivals, answer, asked), expires_in
                )

    async def run(self) -> None:
        """Carry commands out until cancelled; whatever waits then is answered `expired`."""
        self._ended = False
        try:
            async with asyncio.TaskGroup() as group:
                for one in Lane:
                    group.create_task(self._run_lane(self._queues[one]), name=f"{self.zone.id} {one.value}")
                group.create_task(self._devices.room.run(self._fall_asleep), name=f"{self.zone.id} timers")
        finally:
            self._ended = True
            for queue in self._queues.values():
                while queue.waiting:
                    gone = Expired(f"{self.zone.id} ended before the command started")
                    self._finish(queue.waiting.popleft(), Outcome(error=gone))
            await self._beside.end()

    # -- waiting -------------------------------------------------------------------------------------

    @property
    def _waiting(self) -> int:
        waiting = (job for queue in self._queues.values() for job in queue.waiting if not job.step)
        return self._several + sum(1 for _ in waiting)

    def _would_replace(self, command: ZoneCommand) -> bool:
        attribute = attribute_of(command)
        if attribute is None or not is_value(command):
            return False
        return any(job.attribute == attribute for job in self._queues[lane(command, self.zone)].waiting)

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
            volume = isinstance(queue.waiting[0].command, SetVolume | SetGroupVolume)
            if volume and (pause := queue.volume_at + VOLUME_SPACING - loop.time()) > 0:
                await asyncio.sleep(pause)
                continue  # by now a newer value may stand in its place
            job = queue.waiting.popleft()
            self._cancel_expiry(job)
            if may_take_long(job.command):
                work = self._aside(self._carry_out(job, LONG_LIMIT), job.name)
                await asyncio.wait({work}, timeout=LANE_WAITS)
            else:
                await self._carry_out(job, SETTING_LIMIT)
            if volume:
                queue.volume_at = loop.time()

    async def _carry_out(self, job: _Job, limit: float) -> None:
        """Send one command; what its device still has to confirm is awaited beside."""
        data: Object = {}
        deadline = asyncio.get_running_loop().time() + limit
        devices = self._devices
        pending = await self._attempt(job, devices.start(job.command, data), deadline)
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

    def _aside(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        """Run something of this zone beside its lanes; `run` ends it."""
        return self._beside.start(work, f"{self.zone.id} {name}")

    # -- several commands that arrived as one --------------------------------------------------------

    def _begin(self, work: Coroutine[None, None, Outcome], answer: Answer, name: str) -> None:
        """Run several commands as one, which has one outcome however it ends."""
        outcome = self._unfinished(name)

        async def carry_out() -> None:
            nonlocal outcome
            try:
                outcome = await work
            except Exception:  # noqa: BLE001  # the edge, as in _attempt
                outcome = self._fault(name)

        def ended(_task: asyncio.Task[None]) -> None:
            work.close()  # a task may be cancelled before its first step
            self._several -= 1
            answer(outcome)

        self._several += 1
        self._aside(carry_out(), name).add_done_callback(ended)

    def _fall_asleep(self, timer: SleepTimer) -> None:
        """The music begins to fade. It counts as arrived now: whatever arrives from here on overtakes it."""

        def answer(outcome: Outcome) -> None:
            if outcome.error is not None and not isinstance(outcome.error, Superseded):
                _log.warning("a zone did not fall asleep", zone=self.zone.id, error=str(outcome.error))

        course = _Course(self, self._arrivals, START_LIMIT)
        self._begin(several.fall_asleep(timer, course), answer, "the sleep timer")

    def _keep(self, command: KeptCommand) -> Object:
        """What concerns only what the daemon itself keeps is done at once."""
        room = self._devices.room
        match command:
            case SetMaxVolume(value, minutes):
                return {"until": stamp(room.set_limit(value, minutes))}
            case EndMaxVolume():
                room.end_limit()
            case SaveSnapshot(name):
                room.save(name, several.snapshot_of(self._devices.state))
            case DeleteSnapshot(name):
                room.delete(name)
            case _:
                assert_never(command)
        return {}

    # -- for what consists of several ----------------------------------------------------------------

    @property
    def devices(self) -> ZoneDevices:
        return self._devices

    def touched_after(self, attribute: str, number: int) -> bool:
        return self._touched.get(attribute, 0) > number

    async def step(self, command: DeviceCommand, number: int, expires_in: float) -> Outcome:
        """One of several commands, which has its place among the others by the number of the whole."""
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def answer(outcome: Outcome) -> None:
            if not done.done():  # whoever waited may have been cancelled
                done.set_result(outcome)

        try:
            self._devices.check(command)  # the zone may have been described anew meanwhile
        except SugartalkError as refusal:
            return Outcome(error=refusal)
        goes, attribute = lane(command, self.zone), attribute_of(command)
        self._enqueue(_Job(command, goes, attribute, number, answer, asked=True, step=True), expires_in)
        return await done


class _Course:
    """The place that several commands, arrived as one, have among all others of the zone."""

    def __init__(self, inbox: Inbox, number: int, expires_in: float) -> None:
        self._inbox = inbox
        self._number = number
        self._expires_in = expires_in

    @property
    def devices(self) -> ZoneDevices:
        return self._inbox.devices

    async def step(self, command: DeviceCommand) -> Outcome:
        expires_in, self._expires_in = self._expires_in, START_LIMIT
        return await self._inbox.step(command, self._number, expires_in)

    def overtaken(self, attribute: str) -> bool:
        return self._inbox.touched_after(attribute, self._number)


def _attributes(command: ZoneCommand) -> list[str]:
    """What a command concerns."""
    commands = [one for _, one in command.settings] if isinstance(command, SetMany) else [command]
    return [name for one in commands if (name := attribute_of(one)) is not None]


def _superseded(job: _Job) -> Outcome:
    return Outcome(error=Superseded(f"a newer value for {job.name} took its place"))


def _both(first: Answer, second: Answer) -> Answer:
    def answer(outcome: Outcome) -> None:
        first(outcome)
        second(outcome)

    return answer
