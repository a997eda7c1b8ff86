"""Commands that were written and are not confirmed yet: each is seen through to its outcome."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, assert_never

from sugartalkd.denon import settings
from sugartalkd.denon.protocol import (
    MAIN,
    Change,
    Frequency,
    Mute,
    Question,
    ScreenText,
    Sleep,
    SoundMode,
    Source,
    StationName,
    Subject,
    UnitPower,
    Volume,
    VolumeLimit,
    ZonePower,
    encode,
    question,
    setting_questions,
    subject_of,
)
from sugartalkd.denon.settings import SettingChange
from sugartalkd.errors import NotConfirmed, ReceiverOffline, SugartalkError, Superseded
from sugartalkd.model import ReceiverZone

if TYPE_CHECKING:
    from sugartalkd.denon.known import Known
    from sugartalkd.denon.session import Session

CONFIRM_LIMIT: Final = 1.0
"""Seconds to answer when asked whether a command took effect; then it is asked again."""
SEEN_LIMIT: Final = 4.5
"""Seconds after which a command that was not seen to take effect has failed. The maker allows events 5 s,
the contract a setting as many, from its start."""
GRACE: Final = 0.3
"""Seconds in which what was wanted may still follow a line that says something else: the line may have been
on its way before the question."""
POWER_TAKES: Final = 3
"""Power may take so many times longer than other commands before it is asked for."""
ZONE_FOLLOWS: Final = 2
"""The same until the main zone is switched on by itself, if it did not come with the unit."""


@dataclass(slots=True, eq=False)
class Pending:
    """A command that was written and is not confirmed yet."""

    wanted: Change
    line: str
    others: tuple[str, ...] = ()
    """The same in the words of other models, to be tried if nothing comes of it."""
    before: Change | None = None
    """What was known when it was written."""
    repeated: int = 0
    """Lines since then that said just that: beyond the answer to a question they are the receiver's echo."""
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def finish(self, error: SugartalkError | None) -> None:
        """Tell whoever waits; `None` is a success. Later calls change nothing."""
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
            self.done.exception()  # whoever asked may have gone; that is no fault


class Confirmations:
    """What was asked of one receiver and not seen yet. `known` is what it has said."""

    def __init__(self, known: Known, confirm_after: float) -> None:
        self._known = known
        self._confirm_after = confirm_after
        """Seconds until a value that was not seen is asked for."""
        self._pending: dict[Subject, list[Pending]] = {}

    def begin(self, session: Session, pending: Pending) -> None:
        """A command has been written, now."""
        subject = subject_of(pending.wanted)
        pending.before = self._known.get(subject)
        self._pending.setdefault(subject, []).append(pending)
        session.start(self._confirm(session, pending), f"confirmation of {pending.line}")

    def waiting(self, subject: Subject) -> list[Pending]:
        """What waits to be seen, the oldest first."""
        return self._pending.get(subject, [])

    def lost(self, reason: str) -> None:
        """The session is over: nothing of it will be seen any more."""
        for waiting in self._pending.values():
            for pending in waiting:
                pending.finish(ReceiverOffline(f"{reason} before it confirmed {words(pending.wanted)}"))
        self._pending.clear()

    async def _confirm(self, session: Session, pending: Pending) -> None:
        """Wait for the value to be seen, then ask, and give what was wanted a last chance to follow."""
        loop = asyncio.get_running_loop()
        wanted, patience = pending.wanted, self._confirm_after
        deadline = loop.time() + SEEN_LIMIT

        async def seen(seconds: float) -> bool:
            left = min(seconds, deadline - loop.time())
            await asyncio.wait({pending.done}, timeout=max(left, 0.0))
            return pending.done.done()

        if isinstance(wanted, ZonePower):
            await seen(patience * ZONE_FOLLOWS)
            await self._follow_with_zone(session, pending)
            patience *= POWER_TAKES - ZONE_FOLLOWS
        if pending.others and not await seen(patience):
            await self._try_others(session, pending)
        answer: Change | None = None
        if not await seen(patience) and self._is_newest(pending):
            self._supersede_before(pending)
            asked = self._questions(wanted)
            while answer is None and not await seen(0.0) and loop.time() < deadline:
                limit = min(max(CONFIRM_LIMIT, 2 * session.latency), deadline - loop.time())
                answer = (await session.ask(*asked, patience=limit))[0]
            await seen(max(GRACE, 2 * session.latency))
            if pending in self._pending[subject_of(wanted)]:
                self._finish(pending, self._verdict(pending, asked[0], answer))
        elif not await seen(SEEN_LIMIT):
            # What becomes of it is decided with the newer one, unless newer ones follow without end.
            self._pending[subject_of(wanted)].remove(pending)
            pending.finish(Superseded(f"a newer command took the place of {words(wanted)}"))

    def _questions(self, wanted: Change) -> list[Question]:
        """How to find out whether a command took effect; the first one's answer decides."""
        if isinstance(wanted, SettingChange):
            return [*setting_questions(wanted.name, self._known.forms.get(wanted.name))]
        own = question(type(wanted), wanted.zone)
        if isinstance(wanted, ZonePower):
            if wanted.zone is MAIN and self._known.speaks_zm is False:
                return [question(UnitPower)]
            if not wanted.on:
                return [own, question(UnitPower)]  # in standby some models answer only this one
        return [own]

    async def _follow_with_zone(self, session: Session, pending: Pending) -> None:
        """`PWON` may leave the main zone off: switch it on by itself, unless something newer is wanted."""
        subject = subject_of(pending.wanted)
        follows = pending.line == encode(UnitPower(True)) and self._known.speaks_zm is not False
        if follows and self._is_newest(pending) and not session.has_waiting(subject):
            with suppress(Superseded):
                await session.send(encode(pending.wanted), subject, lambda: None)

    async def _try_others(self, session: Session, pending: Pending) -> None:
        """Nothing came of the likeliest words: the model may be an older one, or of the other make."""
        subject = subject_of(pending.wanted)
        for line in pending.others:
            if self._is_newest(pending) and not session.has_waiting(subject):
                with suppress(Superseded):
                    await session.send(line, subject, lambda: None)

    def _is_newest(self, pending: Pending) -> bool:
        return self._pending[subject_of(pending.wanted)][-1:] == [pending]

    def settle(self, change: Change) -> None:
        """Confirm the oldest command that this line shows to be carried out."""
        subject = subject_of(change)
        power = isinstance(change, UnitPower)
        for one in [Subject(ZonePower, zone) for zone in ReceiverZone] if power else [subject]:
            for pending in self._pending.get(one, []):
                pending.repeated += change == pending.before
                if self._confirms(pending, change):
                    self._finish(pending, None)
                    break

    def _confirms(self, pending: Pending, change: Change) -> bool:
        match pending.wanted, change:
            case ZonePower(on, zone), _:
                return self._known.power(zone) is on
            case SoundMode(), SoundMode():
                # What is reported is not what was sent, and the first line still has the old mode.
                return change == pending.wanted or pending.before not in {None, change}
            case Sleep(wanted), Sleep(minutes):
                return minutes == wanted or 0 < minutes == wanted - 1
            case _:
                return change == pending.wanted

    def _supersede_before(self, pending: Pending) -> None:
        waiting = self._pending[subject_of(pending.wanted)]
        place = waiting.index(pending)
        for older in waiting[:place]:
            older.finish(Superseded(f"{words(pending.wanted)} took the place of {words(older.wanted)}"))
        del waiting[:place]

    def _finish(self, pending: Pending, error: SugartalkError | None) -> None:
        self._supersede_before(pending)
        self._pending[subject_of(pending.wanted)].remove(pending)
        pending.finish(error)

    def _verdict(self, pending: Pending, asked: Question, answer: Change | None) -> SugartalkError | None:
        """What became of a command whose value was not seen, though it was asked for."""
        if isinstance(pending.wanted, SoundMode) and pending.repeated > (answer is not None):
            return None  # it took the command and stays as it is: the mode was on already, by another name
        wanted = words(pending.wanted)
        if not self._is_only(pending):
            return Superseded(f"a newer command took the place of {wanted}")
        off = self._known.power(pending.wanted.zone) is False
        why = ": it is off, switch it on first" if off else _needs(pending.wanted)
        if answer is not None:
            return NotConfirmed(f"asked for {wanted}, the receiver stays at {named(answer)[1]}{why}")
        return NotConfirmed(f"asked for {wanted}, the receiver did not answer {asked.text} afterwards{why}")

    def _is_only(self, pending: Pending) -> bool:
        return self._pending[subject_of(pending.wanted)] == [pending]


def _needs(wanted: Change) -> str:
    """What else must be so that a receiver takes a setting."""
    needs = settings.BY_NAME[wanted.name].needs if isinstance(wanted, SettingChange) else ""
    return f"; {needs}" if needs else ""


def words(change: Change) -> str:
    """A change in the contract's words."""
    return " ".join(named(change))


def named(change: Change) -> tuple[str, str]:
    """A change in the contract's words: attribute and value."""
    match change:
        case UnitPower(on) | ZonePower(on):
            named = "power", "ON" if on else "OFF"
        case Volume(half_steps) | VolumeLimit(half_steps):
            named = "volume", f"{half_steps / 2:g}"
        case Mute(on):
            named = "mute", "ON" if on else "OFF"
        case Source(name):
            named = "input", name
        case SoundMode(mode):
            named = "sound mode", mode
        case Sleep(minutes):
            named = "sleep", str(minutes)
        case SettingChange(name, value):
            named = settings.whole_of(name), settings.words_of(value)
        case ScreenText(line, text):
            named = f"line {line} of the screen", text
        case Frequency(text) | StationName(text):
            named = "tuner", text
        case _:
            assert_never(change)
    return named
