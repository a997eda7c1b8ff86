"""Commands of a zone that consist of several: each step goes through the zone's inbox like any other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from sugartalkd.command import (
    Absolute,
    ChangeGroup,
    DeviceCommand,
    GroupChange,
    JumpInQueue,
    PlayMedia,
    Press,
    RampVolume,
    Reread,
    RestoreSnapshot,
    SetInput,
    SetMany,
    SetMute,
    SetPower,
    SetSoundMode,
    SetVolume,
    Verb,
)
from sugartalkd.errors import Expired, NotConfirmed, ReceiverOffline, SugartalkError, Superseded, TimedOut
from sugartalkd.model import Enqueue, Playback, Transport, ZoneId
from sugartalkd.state import now
from sugartalkd.zone.outcome import Outcome
from sugartalkd.zone.room import Played, Snapshot

if TYPE_CHECKING:
    from sugartalkd.merge import ZoneState
    from sugartalkd.model import Object
    from sugartalkd.zone.devices import ZoneDevices
    from sugartalkd.zone.room import SleepTimer

REREAD_LIMIT: Final = 5.0
OVERDUE: Final = 600.0
"""Seconds after which a sleep timer that fell due while the daemon was away is not carried out any more."""
SETTLES: Final = 12.0
"""Seconds: after 10 s a zone has settled, whatever its devices do."""
RAMP_STEP: Final = 0.25
"""Seconds at least between two volumes of a ramp."""
TURNED: Final = 2.0
"""Units by which a volume is off the ramp when somebody else turned it."""


class Course(Protocol):
    """How several commands get through the inbox, at the place at which they arrived as one."""

    @property
    def devices(self) -> ZoneDevices: ...

    async def step(self, command: DeviceCommand) -> Outcome:
        """Carry out one command, behind what waits already; its outcome."""
        ...

    def overtaken(self, attribute: str) -> bool:
        """Whether somebody has asked for something else of this attribute since."""
        ...


def about(name: str, error: SugartalkError) -> SugartalkError:
    """The same failure, saying which of several commands it was."""
    told = type(error).__new__(type(error))  # a kind of failure may need more than a text to be made
    told.__dict__.update(error.__dict__)
    told.args = (f"{name}: {error}",)
    return told


async def set_many(many: SetMany, course: Course) -> Outcome:
    """Attribute after attribute; the first failure ends it.

    A value that was overtaken by a newer one of its own does not: what it wanted is not wanted any more.
    """
    said: Object = {name: "skipped" for name, _ in many.settings}
    overtaken: SugartalkError | None = None
    for name, setting in many.settings:
        outcome = await course.step(setting)
        said |= {key: value for key, value in outcome.data.items() if key == "clamped"}
        said[name] = "ok" if outcome.error is None else outcome.error.code
        if isinstance(outcome.error, Superseded):
            overtaken = about(name, outcome.error)
        elif outcome.error is not None:
            return Outcome(said, about(name, outcome.error))
    return Outcome(said, overtaken)


async def reread(command: Reread, course: Course) -> Outcome:
    """Ask the devices again."""
    try:
        async with asyncio.timeout(REREAD_LIMIT):
            await course.devices.refresh(command.attribute)
    except SugartalkError as failure:
        return Outcome(error=failure)
    except TimeoutError:
        return Outcome(error=TimedOut(f"the devices of {course.devices.zone.id} did not answer in time"))
    return Outcome()


# -- over time -----------------------------------------------------------------------------------------


async def ramp(wished: RampVolume, course: Course, *also: str) -> Outcome:
    """Move the volume evenly; whoever else turns it, by command or by hand, ends the ramp.

    So does a command for one of the attributes in `also`.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    zone = course.devices.zone
    present = await _volume(course)
    resolved = None if present is None else course.devices.resolve(wished.change)
    if present is None or resolved is None:
        return Outcome(error=NotConfirmed(f"{zone.id} does not say its volume, so it cannot be moved evenly"))
    data: Object = {"clamped": True} if resolved.clamped else {}
    start, last, furthest = present, present, present
    furthest_of = max if resolved.value >= start else min
    while True:
        share = min((loop.time() - began) / wished.seconds, 1.0) if wished.seconds else 1.0
        value = round((start + (resolved.value - start) * share) / zone.scale.step) * zone.scale.step
        heard = course.devices.state.volume
        if any(course.overtaken(one) for one in ("volume", *also)):
            return Outcome(data, Superseded("a newer command took the place of the ramp"))
        if isinstance(heard, float):
            # Events are late but in order: what goes back to where the ramp has been is somebody's hand.
            if _off(heard, furthest, last):
                text = f"somebody turned the volume to {heard:g}; the ramp ends there"
                return Outcome(data, Superseded(text))
            furthest = furthest_of(furthest, heard)
        if value != last:
            outcome = await course.step(SetVolume(Absolute(value)))
            if outcome.error is not None:
                return Outcome(data, outcome.error)
            last = value
        if share >= 1.0:
            return Outcome(data)
        await asyncio.sleep(RAMP_STEP)


def _off(heard: float, furthest: float, last: float) -> bool:
    """Whether a volume is none that can be heard between `furthest`, heard already, and `last`, sent."""
    return not min(furthest, last) - TURNED < heard < max(furthest, last) + TURNED


async def _volume(course: Course) -> float | None:
    heard = course.devices.state.volume
    if not isinstance(heard, float):
        await reread(Reread(), course)
        heard = course.devices.state.volume
    return heard if isinstance(heard, float) else None


async def fall_asleep(timer: SleepTimer, course: Course) -> Outcome:
    """Let the music fade, stop it, set the volume back where it was, and switch the zone off.

    A member leaves its group instead of stopping it: the others are still awake.
    """
    devices, room = course.devices, course.devices.room
    if (now() - timer.until).total_seconds() > OVERDUE:
        # The daemon was away; whoever listens now is awake.
        room.end_timer()
        return Outcome(
            error=Expired(f"{devices.zone.id} should have fallen asleep long ago; it is left alone")
        )
    await _settled(course)
    state = devices.state
    before = state.volume if state.playback is Playback.PLAYING and timer.fade else None
    if isinstance(before, float):
        silence = RampVolume(Absolute(devices.zone.scale.minimum), _seconds_to(timer))
        faded = await ramp(silence, course, "sleep")
        if isinstance(faded.error, Superseded) and not course.overtaken("sleep"):
            before = None  # somebody turned it: that is what it stays at
    if not course.overtaken("sleep"):
        await asyncio.sleep(_seconds_to(timer))
    asleep = room.timer is timer
    awake = await _fall_silent(course) if asleep and devices.zone.player is not None else None
    # What still plays must not become loud again; a receiver's zone is off a moment later.
    if isinstance(before, float) and (awake is None or devices.zone.receiver is not None):
        await course.step(SetVolume(Absolute(before)))
    if not asleep:
        return Outcome(error=Superseded("the sleep timer was changed while the music faded"))
    room.end_timer()
    return Outcome(error=awake) if devices.zone.receiver is None else await course.step(SetPower(False))


async def _fall_silent(course: Course) -> SugartalkError | None:
    """Stop what the zone plays; why it plays on, if it does.

    A member that cannot leave its group plays on: to stop it would stop everybody.
    """
    zone, player = course.devices.zone, course.devices.state.player_up
    if player is not None and player.group is not None and player.group.leader != zone.player:
        left = await course.step(ChangeGroup(GroupChange.REMOVE, (zone.id,)))
        if left.error is not None:
            return about("group", left.error)
    return (await course.step(Press(Verb.STOP))).error


async def _settled(course: Course) -> None:
    """After a start: wait until the zone's devices have answered or had their time to."""
    for _ in range(round(SETTLES / 0.1)):
        if not course.devices.state.waiting:
            return
        await asyncio.sleep(0.1)


def _seconds_to(timer: SleepTimer) -> float:
    return max((timer.until - now()).total_seconds(), 0.0)


# -- snapshots -----------------------------------------------------------------------------------------


def snapshot_of(state: ZoneState) -> Snapshot:
    """What a zone does now. Raises ReceiverOffline when none of its devices can tell."""
    receiver, player = state.receiver_up, state.player_up
    if receiver is None and player is None:
        raise ReceiverOffline(f"no device of {state.zone.id} answers, so there is nothing to remember")
    volume, mute = state.volume, state.mute
    played = None
    if player is not None:
        queue = player.queue
        played = Played(
            None if player.transport is None else player.transport.value,
            None if player.track is None else player.track.media_id,
            () if queue is None else tuple(item.title or "" for item in queue.items),
            player.queue_index,
        )
    return Snapshot(
        power=None if receiver is None else receiver.power,
        input=None if receiver is None else receiver.input,
        sound_mode=None if receiver is None else receiver.sound_mode,
        volume=volume if isinstance(volume, float) else None,
        mute=mute if isinstance(mute, bool) else None,
        group=None if player is None or state.group is None else state.group.members,
        playback=played,
    )


async def restore(wished: RestoreSnapshot, course: Course) -> Outcome:
    """Bring back what a snapshot holds, step by step; what cannot come back is told and hinders nothing."""
    try:
        snapshot = course.devices.room.snapshot(wished.name)
    except SugartalkError as error:
        return Outcome(error=error)
    restored: list[str] = []
    failed: Object = {}
    first: SugartalkError | None = None
    for name, steps in _steps(snapshot, course.devices.state):
        error = None
        for step in steps:
            error = (await course.step(step)).error
            if error is not None:
                break
        if error is None:
            restored.append(name)
        else:
            failed[name] = error.code
            first = first or about(name, error)
    return Outcome({"restored": [*restored], "failed": failed}, first)


def _steps(snapshot: Snapshot, state: ZoneState) -> list[tuple[str, list[DeviceCommand]]]:
    """What is to be done, in order: power first, unless the zone is to be off again at the end."""
    zone = state.zone
    steps: list[tuple[str, list[DeviceCommand]]] = []
    if snapshot.power:
        steps.append(("power", [SetPower(True)]))
    if snapshot.group is not None and state.group is not None and snapshot.group != state.group.members:
        steps.append(("group", [_regroup(snapshot.group, zone.id)]))
    if snapshot.input is not None:
        steps.append(("input", [SetInput(snapshot.input)]))
    if snapshot.sound_mode in zone.sound_modes:
        steps.append(("sound_mode", [SetSoundMode(snapshot.sound_mode)]))
    if snapshot.volume is not None:
        steps.append(("volume", [SetVolume(Absolute(snapshot.volume))]))
    if snapshot.mute is not None:
        steps.append(("mute", [SetMute(snapshot.mute)]))
    # What a member heard was its leader's: it comes back with the group.
    follows = snapshot.group is not None and snapshot.group[:1] not in {(), (zone.id,)}
    if snapshot.playback is not None and not follows and (play := _play(snapshot.playback, state)):
        steps.append(("queue", play))
    if snapshot.power is False:
        receiver = state.receiver_up
        return [*(steps if receiver is not None and receiver.power else []), ("power", [SetPower(False)])]
    return steps


def _regroup(members: tuple[str, ...], zone: ZoneId) -> DeviceCommand:
    if members and members[0] != zone:
        return ChangeGroup(GroupChange.JOIN, (ZoneId(members[0]),))
    return ChangeGroup(GroupChange.SET, tuple(ZoneId(one) for one in members if one != zone))


def _play(played: Played, state: ZoneState) -> list[DeviceCommand]:
    """How to get back to what was played: the same queue at its item, or the station once more."""
    player = state.player_up
    queue = None if player is None else player.queue
    steps: list[DeviceCommand] = []
    titles = () if queue is None else tuple(item.title or "" for item in queue.items)
    if player is None or (played.state == "idle" and player.transport is Transport.IDLE):
        return []
    if played.index is not None and titles and titles == played.queue and queue is not None:
        if played.index != player.queue_index:
            steps.append(JumpInQueue(played.index))
    elif played.media_id is not None:
        track = player.track
        if track is None or track.media_id != played.media_id:
            steps.append(PlayMedia(played.media_id, Enqueue.REPLACE))
    verb = {"playing": Verb.PLAY, "paused": Verb.PAUSE, "idle": Verb.STOP}.get(played.state or "")
    return steps if verb is None else [*steps, Press(verb)]
