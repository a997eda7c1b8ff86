"""Playing something in a zone: find it, see to it that it can be heard, start it, in this order."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sugartalkd.command import (
    Absolute,
    Announce,
    DeviceCommand,
    Play,
    PlayMedia,
    PlayQuery,
    SetInput,
    SetPower,
    SetVolume,
)
from sugartalkd.errors import NotConfirmed, SugartalkError, Superseded, TimedOut
from sugartalkd.model import Enqueue
from sugartalkd.topics.item import item_json
from sugartalkd.zone.outcome import Outcome
from sugartalkd.zone.several import Course, about

if TYPE_CHECKING:
    from sugartalkd.command import VolumeChange
    from sugartalkd.merge import ZoneState
    from sugartalkd.model import Found, Object

RECEIVER_FOLLOWS: Final = 5.0
"""Seconds a receiver may take to switch on and over by itself when its player starts (denon.md 4.5)."""
RECEIVER_BOOTS: Final = 10.0
"""Seconds after which a receiver that was just switched on takes what it is told."""
FIND_LIMIT: Final = 15.0
LOOK: Final = 0.1
"""Seconds between two looks at what the receiver does by itself."""


async def play_query(query: PlayQuery, course: Course) -> Outcome:
    """Find what a phrase means, then play it. Nothing is switched on for what cannot be found."""
    try:
        async with course.devices.room.finding, asyncio.timeout(FIND_LIMIT):
            found = await course.devices.find(query.wished)
    except SugartalkError as failure:
        return Outcome(error=failure)
    except TimeoutError:
        return Outcome(error=TimedOut(f"finding {query.wished.phrase!r} took more than {FIND_LIMIT:g} s"))
    wished = PlayMedia(str(found.best.media_id), query.enqueue, query.shuffle, query.volume, query.radio)
    outcome = await _play(wished, course)
    return Outcome(_found_json(found) | outcome.data, outcome.error)


def _found_json(found: Found) -> Object:
    best = found.best
    return {
        "media_id": best.media_id,
        "type": best.type,
        "title": best.title,
        "artist": best.artist,
        "album": best.album,
        "score": best.score,
        "ambiguous": found.ambiguous,
        "alternatives": [item_json(one) for one in found.alternatives],
    }


async def play(wished: Play, course: Course) -> Outcome:
    """Play what needs no finding, behind what was asked for before it and is still being looked for."""
    async with course.devices.room.finding:
        pass
    return await _play(wished, course)


async def _play(wished: Play, course: Course) -> Outcome:
    """Start what is wished, at the wished volume, and see to it that the receiver lets it be heard.

    A player inside the receiver switches that on and over by itself, so it starts first; any other player
    is of no use before. The failure says which step it was.
    """
    start = replace(wished, volume=None)
    zone, state = course.devices.zone, course.devices.state
    if zone.receiver is None or _only_queues(wished, state):
        return await _steps([*_volume_steps(wished.volume), ("play", start)], course)
    if not zone.player_inside:
        before = await _switch_over(course)
        return before or await _steps([*_volume_steps(wished.volume), ("play", start)], course)
    if course.devices.asleep:
        outcome = await _steps([("play", start)], course)
        outcome = outcome if outcome.error is not None else await _follow(course, outcome)
        return outcome if outcome.error else await _steps(_volume_steps(wished.volume), course, outcome)
    outcome = await _steps([*_volume_steps(wished.volume), ("play", start)], course)
    return outcome if outcome.error is not None else await _follow(course, outcome)


def _only_queues(wished: Play, state: ZoneState) -> bool:
    """Whether it goes behind what plays, so that nothing begins that would have to be heard."""
    player = state.player_up
    queued = player is not None and player.queue is not None and player.queue.length > 0
    return queued and getattr(wished, "enqueue", None) in {Enqueue.NEXT, Enqueue.END}


def _volume_steps(volume: VolumeChange | None) -> list[tuple[str, DeviceCommand]]:
    return [] if volume is None else [("volume", SetVolume(volume))]


async def _steps(
    steps: list[tuple[str, DeviceCommand]], course: Course, before: Outcome | None = None
) -> Outcome:
    """One after the other; the first failure ends it. A value that a newer one replaced is no failure."""
    data: Object = {} if before is None else dict(before.data)
    for name, step in steps:
        outcome = await course.step(step)
        data |= outcome.data
        if outcome.error is not None and not (isinstance(outcome.error, Superseded) and name == "volume"):
            return Outcome(data, about(name, outcome.error))
    return Outcome(data)


async def _switch_over(course: Course) -> Outcome | None:
    """Switch the receiver on and to the player's input, whatever is missing of it; a failure, if any."""
    devices = course.devices
    booting = not _power(devices.state)
    if booting:
        outcome = await _steps([("power", SetPower(True))], course)
        if outcome.error is not None:
            return outcome
    if _input(devices.state) == devices.zone.player_input:
        return None
    # What a receiver is told within about a second of switching on is lost (denon.md 1.4): it is told again.
    deadline = asyncio.get_running_loop().time() + (RECEIVER_BOOTS if booting else 0.0)
    while True:
        outcome = await _steps([("input", SetInput(devices.zone.player_input))], course)
        late = asyncio.get_running_loop().time() > deadline
        if outcome.error is None:
            return None
        if late or not isinstance(outcome.error, NotConfirmed):
            return outcome


async def _follow(course: Course, started: Outcome) -> Outcome:
    """Give the receiver its time to follow the player inside it; then send what is missing."""
    devices = course.devices
    deadline = asyncio.get_running_loop().time() + RECEIVER_FOLLOWS
    while not _audible(devices.state):
        if devices.state.receiver_up is None or course.overtaken("power") or course.overtaken("input"):
            return started  # nobody can tell whether it follows, or somebody wants something else of it
        if asyncio.get_running_loop().time() > deadline:
            failed = await _switch_over(course)
            return started if failed is None else Outcome(started.data, failed.error)
        await asyncio.sleep(LOOK)
    return started


def _audible(state: ZoneState) -> bool:
    return bool(_power(state)) and _input(state) in {None, state.zone.player_input}


def _power(state: ZoneState) -> bool | None:
    return None if state.receiver_up is None else state.receiver_up.power


def _input(state: ZoneState) -> str | None:
    return None if state.receiver_up is None else state.receiver_up.input


# -- announcements -------------------------------------------------------------------------------------


async def announce(wished: Announce, course: Course) -> Outcome:
    """Play a URL once over whatever runs; power, input and volume come back always, music where it can.

    One after the other: each has its own volume, and finds the zone as it was before all of them.
    """
    turns = course.devices.room.announcements
    try:
        turns.check("announcements")
    except SugartalkError as refusal:
        return Outcome(error=refusal)
    async with turns:
        return await _announce(wished, course)


async def _announce(wished: Announce, course: Course) -> Outcome:
    devices = course.devices
    before = devices.state
    power, chosen, volume = _power(before), _input(before), before.volume
    outcome = Outcome()
    if devices.zone.receiver is not None and not devices.zone.player_inside:
        outcome = await _switch_over(course) or outcome
    early, late = ([], _volume_steps(wished.volume)) if devices.asleep else (_volume_steps(wished.volume), [])
    if outcome.error is None:
        outcome = await _steps(early, course)
    interruption = None
    if outcome.error is None:
        waking = asyncio.create_task(_when_awake(late, course), name="announcement's volume")
        try:
            interruption = await devices.interrupt(wished.url, wished.max_duration)
        except SugartalkError as failure:
            outcome = Outcome(error=about("play", failure))
        finally:
            waking.cancel()
            await asyncio.gather(waking, return_exceptions=True)
    restored, failed = await _bring_back(course, power, chosen, volume, wished)
    if interruption is not None and power is not False:
        try:
            resumed = await interruption.resume()
        except SugartalkError as failure:
            failed = failed or about("resume", failure)
        else:
            restored += [] if resumed is None else [resumed]
    return Outcome({"restored": [*restored]}, outcome.error or failed)


async def _when_awake(steps: list[tuple[str, DeviceCommand]], course: Course) -> None:
    """For a receiver that the player inside it switches on: until then it takes no volume."""
    if steps:
        await course.devices.awake(RECEIVER_FOLLOWS)
        if not course.devices.asleep:
            await _steps(steps, course)


async def _bring_back(
    course: Course, power: bool | None, chosen: str | None, volume: object, wished: Announce
) -> tuple[list[str], SugartalkError | None]:
    """Volume, input and power as they were, as far as they are not; what came back, and the first failure."""
    state = course.devices.state
    steps: list[tuple[str, DeviceCommand]] = []
    if isinstance(volume, float) and (wished.volume is not None or state.volume != volume):
        steps.append(("volume", SetVolume(Absolute(volume))))
    if chosen is not None and _input(state) not in {None, chosen}:
        steps.append(("input", SetInput(chosen)))
    if power is False and _power(state) is not False:
        steps.append(("power", SetPower(False)))
    restored: list[str] = []
    failed: SugartalkError | None = None
    for name, step in steps:
        outcome = await _steps([(name, step)], course)
        if outcome.error is None:
            restored.append(name)
        else:
            failed = failed or outcome.error
    return restored, failed
