"""One receiver with its zones: what it says becomes state, what is asked of it is seen through."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar, assert_never

from sugartalkd.denon import settings
from sugartalkd.denon.link import Link
from sugartalkd.denon.protocol import (
    FOLLOWS_MAIN,
    MAIN,
    Change,
    Mute,
    Question,
    Sleep,
    SoundMode,
    Source,
    Subject,
    UnitPower,
    Volume,
    VolumeLimit,
    ZonePower,
    encode,
    question,
    subject_of,
)
from sugartalkd.denon.settings import SettingChange
from sugartalkd.denon.share import Share
from sugartalkd.errors import (
    NotConfirmed,
    ReceiverOffline,
    SugartalkError,
    Superseded,
    TimedOut,
    Unsupported,
)
from sugartalkd.model import ReceiverState, ReceiverZone, receiver_link
from sugartalkd.state import LinkBook

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sugartalkd.denon.session import Session
    from sugartalkd.model import ReceiverId
    from sugartalkd.state import StateStore

C = TypeVar("C", bound=Change)

WAKING: Final = 1.0
"""Seconds without a command that the maker asks for after power-on."""
CONFIRM_LIMIT: Final = 1.0
"""Seconds to answer when asked whether a command took effect; then it is asked again."""
SEEN_LIMIT: Final = 4.5
"""Seconds after which a command that was not seen to take effect has failed. The maker allows events 5 s,
the contract a setting as many, from its start."""
GRACE: Final = 0.3
"""Seconds in which what was wanted may still follow a line that says something else: the line may have been
on its way before the question."""
INPUT_RESENDS: Final = 1.0
"""Seconds after a change of the input in which the receiver sends the sound mode again (denon.md 1.3)."""
REFRESH_LIMIT: Final = 4.0
"""Seconds for the `PW?` that shows that a receiver which is read again is there."""
POWER_TAKES: Final = 3
"""Power may take so many times longer than other commands before it is asked for."""
ZONE_FOLLOWS: Final = 2
"""The same until the main zone is switched on by itself, if it did not come with the unit."""
SLEEP_INTERVAL: Final = 60.0
"""Seconds between questions for a running sleep timer: its countdown is not pushed."""
REREADS: Final = (2.0, 5.0, 15.0)
"""Seconds until a zone that is on and did not say its volume is read again: it was still starting up."""


@dataclass(slots=True, eq=False)
class _Pending:
    """A command that was written and is not confirmed yet."""

    wanted: Change
    line: str
    before: Change | None = None
    """What was known when it was written."""
    repeated: int = 0
    """Lines since then that said just that: beyond the answer to a question they are the receiver's echo."""
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def finish(self, error: SugartalkError | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
            self.done.exception()  # whoever asked may have gone; that is no fault


class DenonReceiver:
    """Keeps what a receiver says in the store; `zone` gives the controls of one of its zones."""

    def __init__(
        self,
        receiver: ReceiverId,
        host: str,
        port: int,
        store: StateStore,
        zones: frozenset[ReceiverZone],
        *,
        pacing: float = 0.06,
        confirm_after: float = 1.0,
        idle: float = 20.0,
        probe: float = 5.0,
        share: tuple[str, int] | None = None,
    ) -> None:
        self._receiver = receiver
        self._store = store
        self._zones = tuple(zone for zone in ReceiverZone if zone in zones)
        self._confirm_after = confirm_after
        book = LinkBook(store, receiver_link(receiver), host)
        shared = None if share is None else Share(f"{host}:{port}", *share)
        self._link = Link(host, port, book, self, pacing=pacing, idle=idle, probe=probe, share=shared)
        self._known: dict[Subject, Change] = {}
        self._pending: dict[Subject, list[_Pending]] = {}
        self._speaks_zm: bool | None = None
        """Single-zone units do not know `ZM`: there the unit's power is the main zone's."""
        self._read_through = False
        self._stale: set[ReceiverZone] = set()
        """Zones to be read again."""
        self._unheard: set[ReceiverZone] = set()
        """Zones that have not said their volume since they came on: they may still be starting up."""
        self._mode_follows_until = 0.0
        """Until when a sound mode may be the input's, in the loop's time."""
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Keep a session with the receiver until cancelled."""
        await self._link.run()

    def zone(self, zone: ReceiverZone) -> ReceiverControl:
        """The controls of one zone."""
        return ReceiverControl(self, zone)

    # -- what the link calls ---------------------------------------------------------------------------

    def heard(self, session: Session, change: Change) -> None:
        """Take in one line, now."""
        if isinstance(change, VolumeLimit):
            return
        unit, zones = self._unit_power, {zone: self._power(zone) for zone in ReceiverZone}
        if isinstance(change, ZonePower) and change.zone is MAIN:
            self._speaks_zm = True
        follows_input = self._follows_input(change)
        self._note(change)
        if not follows_input:
            self._settle(change)
        # A second PWON is an answer to a question; only a change of power is a receiver starting up.
        if unit is False and self._unit_power:
            session.hold(WAKING)
            self._reread(self._zones)
        for zone, was in zones.items():
            if was is False and self._power(zone):
                if zone is MAIN:
                    session.hold(WAKING)
                self._reread(one for one in self._zones if one is zone)
        if self._read_through:
            self._publish()

    async def opened(self, session: Session) -> None:
        """Read everything and publish it."""
        self._stale.clear()
        self._unheard.clear()
        self._woken.clear()
        await self._read(session, self._zones)
        self._read_through = True
        self._publish()

    async def serve(self, session: Session) -> None:
        """Read zones again that came on, and those that left something out."""
        session.start(self._follow_sleep(session), "sleep timer")
        rereads = iter(REREADS)
        while True:
            silent = [
                zone
                for zone in self._zones
                if self._power(zone) and (zone in self._unheard or self._last(Volume, zone) is None)
            ]
            with suppress(TimeoutError):
                async with asyncio.timeout(next(rereads, None) if silent else None):
                    await self._woken.wait()
            if self._woken.is_set():
                rereads = iter(REREADS)
                await asyncio.sleep(WAKING)  # PWON and ZMON come one after the other
            zones = self._stale | set(silent)
            self._stale.clear()
            self._woken.clear()
            await self._read(session, zones)
            self._publish()

    def closed(self, reason: str) -> None:
        """Forget what was said: the next session finds out anew."""
        self._read_through = False
        self._known.clear()
        self._speaks_zm = None
        for waiting in self._pending.values():
            for pending in waiting:
                pending.finish(ReceiverOffline(f"{reason} before it confirmed {_words(pending.wanted)}"))
        self._pending.clear()

    # -- state -----------------------------------------------------------------------------------------

    def _last(self, kind: type[C], zone: ReceiverZone = MAIN) -> C | None:
        change = self._known.get(Subject(kind, zone))
        return change if isinstance(change, kind) else None

    @property
    def _unit_power(self) -> bool | None:
        unit = self._last(UnitPower)
        return None if unit is None else unit.on

    def _power(self, zone: ReceiverZone) -> bool | None:
        if zone is MAIN and self._speaks_zm is False:
            return self._unit_power
        own = self._last(ZonePower, zone)
        return None if own is None else own.on

    def _follows_input(self, change: Change) -> bool:
        """Whether this is the sound mode that a change of the input brings along, and no command's doing."""
        present = asyncio.get_running_loop().time()
        match change:
            case Source(zone=zone) if zone is MAIN and change != self._last(Source):
                self._mode_follows_until = present + INPUT_RESENDS
            case SoundMode() if present < self._mode_follows_until:
                self._mode_follows_until = 0.0
                for pending in self._pending.get(subject_of(change), []):
                    if pending.wanted == change:
                        return False
                    pending.before = change
                return True
            case _:
                pass
        return False

    def _note(self, change: Change) -> None:
        """Keep a change, with what it means for its neighbours."""
        self._known[subject_of(change)] = change
        match change:
            case Volume(zone=zone):
                self._unheard.discard(zone)
            case UnitPower(on=False):
                # Standby takes every zone down, and some models answer only `PW?` there.
                for zone in ReceiverZone:
                    self._note(ZonePower(False, zone))
            case ZonePower(on=True):
                self._known[Subject(UnitPower, MAIN)] = UnitPower(True)
            case ZonePower(on=False, zone=zone) if self._last(Sleep, zone) is not None:
                # A timer ends with its zone's power, without a line of its own.
                self._known[Subject(Sleep, zone)] = Sleep(0, zone)
            case _:
                pass

    def _state(self, zone: ReceiverZone) -> ReceiverState:
        volume, mute, sleep = self._last(Volume, zone), self._last(Mute, zone), self._last(Sleep, zone)
        source, mode = self._last(Source, zone), self._last(SoundMode, zone)
        if source is not None and source.name == FOLLOWS_MAIN:
            source = self._last(Source, MAIN)
        return ReceiverState(
            power=self._power(zone),
            volume=None if volume is None else volume.half_steps / 2,
            mute=None if mute is None else mute.on,
            input=None if source is None else source.name,
            sound_mode=None if mode is None else mode.mode,
            sleep=None if sleep is None else sleep.minutes,
        )

    def _publish(self) -> None:
        for zone in self._zones:
            self._store.put_receiver(self._receiver, zone, self._state(zone))

    # -- reading ---------------------------------------------------------------------------------------

    def _reread(self, zones: Iterable[ReceiverZone]) -> None:
        zones = set(zones)
        self._stale |= zones
        self._unheard |= zones
        self._woken.set()

    async def refresh(self, zone: ReceiverZone) -> None:
        """Ask for everything of a zone again."""
        session = self._link.session
        async with asyncio.TaskGroup() as group:
            there = group.create_task(session.ask(question(UnitPower), patience=REFRESH_LIMIT))
            group.create_task(self._read(session, [zone]))
        if there.result() == [None]:
            raise TimedOut("the receiver did not answer PW?; it hangs, or its connection is dead")
        self._publish()

    async def _read(self, session: Session, zones: Iterable[ReceiverZone]) -> None:
        """Ask everything of these zones; silence is an answer too. In standby only power is asked for."""
        zones = [zone for zone in ReceiverZone if zone in set(zones)]
        if not zones:
            return
        others = [zone for zone in zones if zone is not MAIN]
        main = zones[0] is MAIN
        power = [
            *(question(ZonePower, zone) for zone in zones),
            *(question(kind, zone) for zone in others for kind in (Volume, Source)),  # all by one `Z2?`
        ]
        rest = [
            *(question(kind) for kind in (Volume, Mute, Source, SoundMode, Sleep) if main),
            *(question(kind, zone) for zone in others for kind in (Mute, Sleep)),
            *([] if main else [question(Source)]),  # zone 2 and 3 may follow it
        ]
        if self._unit_power and all(self._power(zone) for zone in zones):
            await session.ask(*power, *rest)
            return
        answers = await session.ask(*power)
        if not self._unit_power:
            return
        if main and answers[0] is None and self._speaks_zm is None:
            self._speaks_zm = False
            self._settle(UnitPower(True))
        await session.ask(*rest)

    async def _follow_sleep(self, session: Session) -> None:
        while True:
            await asyncio.sleep(SLEEP_INTERVAL)
            running = [
                zone
                for zone in self._zones
                if self._power(zone) and (sleep := self._last(Sleep, zone)) is not None and sleep.minutes
            ]
            await session.ask(*(question(Sleep, zone) for zone in running))

    # -- commands --------------------------------------------------------------------------------------

    async def set(self, wanted: Change) -> asyncio.Future[None]:
        """Return when the command has been written; the future is its confirmation.

        Raises ReceiverOffline at once while there is no session.
        """
        session = self._link.session
        pending = _Pending(wanted, self._line(wanted))
        await session.send(pending.line, subject_of(wanted), lambda: self._begin(session, pending))
        return pending.done

    def _line(self, wanted: Change) -> str:
        """The command; the main zone comes on with the unit, and is all of it where `ZM` is unknown."""
        if isinstance(wanted, ZonePower) and wanted.zone is MAIN:
            asleep = wanted.on and self._unit_power is False
            if asleep or self._speaks_zm is False:
                return encode(UnitPower(wanted.on))
        return encode(wanted)

    def _begin(self, session: Session, pending: _Pending) -> None:
        subject = subject_of(pending.wanted)
        pending.before = self._known.get(subject)
        self._pending.setdefault(subject, []).append(pending)
        if self._wakes(pending.wanted):
            session.hold(WAKING)
        session.start(self._confirm(session, pending), f"confirmation of {pending.line}")

    def _wakes(self, wanted: Change) -> bool:
        """Whether the receiver starts up on this: what is written to it then is lost."""
        match wanted:
            case ZonePower(on=True, zone=zone):
                return not self._power(zone)
            case Source():
                return self._unit_power is False
            case _:
                return False

    async def _confirm(self, session: Session, pending: _Pending) -> None:
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
            pending.finish(Superseded(f"a newer command took the place of {_words(wanted)}"))

    def _questions(self, wanted: Change) -> list[Question]:
        """How to find out whether a command took effect; the first one's answer decides."""
        own = question(type(wanted), wanted.zone)
        if isinstance(wanted, ZonePower):
            if wanted.zone is MAIN and self._speaks_zm is False:
                return [question(UnitPower)]
            if not wanted.on:
                return [own, question(UnitPower)]  # in standby some models answer only this one
        return [own]

    async def _follow_with_zone(self, session: Session, pending: _Pending) -> None:
        """`PWON` may leave the main zone off: switch it on by itself, unless something newer is wanted."""
        subject = subject_of(pending.wanted)
        follows = pending.line == encode(UnitPower(True)) and self._speaks_zm is not False
        if follows and self._is_newest(pending) and not session.has_waiting(subject):
            with suppress(Superseded):
                await session.send(encode(pending.wanted), subject, lambda: None)

    def _is_newest(self, pending: _Pending) -> bool:
        return self._pending[subject_of(pending.wanted)][-1:] == [pending]

    def _settle(self, change: Change) -> None:
        """Confirm the oldest command that this line shows to be carried out."""
        subject = subject_of(change)
        power = isinstance(change, UnitPower)
        for one in [Subject(ZonePower, zone) for zone in ReceiverZone] if power else [subject]:
            for pending in self._pending.get(one, []):
                pending.repeated += change == pending.before
                if self._confirms(pending, change):
                    self._finish(pending, None)
                    break

    def _confirms(self, pending: _Pending, change: Change) -> bool:
        match pending.wanted, change:
            case ZonePower(on, zone), _:
                return self._power(zone) is on
            case SoundMode(), SoundMode():
                # What is reported is not what was sent, and the first line still has the old mode.
                return change == pending.wanted or pending.before not in {None, change}
            case Sleep(wanted), Sleep(minutes):
                return minutes == wanted or 0 < minutes == wanted - 1
            case _:
                return change == pending.wanted

    def _supersede_before(self, pending: _Pending) -> None:
        waiting = self._pending[subject_of(pending.wanted)]
        place = waiting.index(pending)
        for older in waiting[:place]:
            older.finish(Superseded(f"{_words(pending.wanted)} took the place of {_words(older.wanted)}"))
        del waiting[:place]

    def _finish(self, pending: _Pending, error: SugartalkError | None) -> None:
        self._supersede_before(pending)
        self._pending[subject_of(pending.wanted)].remove(pending)
        pending.finish(error)

    def _verdict(self, pending: _Pending, asked: Question, answer: Change | None) -> SugartalkError | None:
        """What became of a command whose value was not seen, though it was asked for."""
        if isinstance(pending.wanted, SoundMode) and pending.repeated > (answer is not None):
            return None  # it took the command and stays as it is: the mode was on already, by another name
        wanted = _words(pending.wanted)
        if not self._is_only(pending):
            return Superseded(f"a newer command took the place of {wanted}")
        if answer is not None:
            return NotConfirmed(f"asked for {wanted}, the receiver stays at {_named(answer)[1]}")
        off = ": it is off" if self._power(pending.wanted.zone) is False else ""
        return NotConfirmed(f"asked for {wanted}, the receiver did not answer {asked.text} afterwards{off}")

    def _is_only(self, pending: _Pending) -> bool:
        return self._pending[subject_of(pending.wanted)] == [pending]


@dataclass(frozen=True, slots=True)
class ReceiverControl:
    """What can be asked of one zone of a receiver. Each setter returns once its command is on the wire.

    The future it returns is the confirmation: NotConfirmed, Superseded or ReceiverOffline if there is none.
    """

    _receiver: DenonReceiver
    _zone: ReceiverZone

    async def set_power(self, on: bool) -> asyncio.Future[None]:
        return await self._receiver.set(ZonePower(on, self._zone))

    async def set_volume(self, value: float) -> asyncio.Future[None]:
        """`value` is 0…98 in steps of 0.5."""
        return await self._receiver.set(Volume(round(value * 2), self._zone))

    async def set_mute(self, on: bool) -> asyncio.Future[None]:
        return await self._receiver.set(Mute(on, self._zone))

    async def set_input(self, name: str) -> asyncio.Future[None]:
        """`name` is the receiver's own, from INPUTS or OTHER_INPUTS."""
        return await self._receiver.set(Source(name, self._zone))

    async def set_sound_mode(self, mode: str) -> asyncio.Future[None]:
        """`mode` is one of SOUND_MODES; only the main zone has one."""
        if self._zone is not MAIN:
            raise Unsupported(f"{self._zone.value} of a receiver has no sound mode of its own")
        return await self._receiver.set(SoundMode(mode))

    async def set_sleep(self, minutes: int) -> asyncio.Future[None]:
        """`minutes` is 0…120, 0 = off."""
        return await self._receiver.set(Sleep(minutes, self._zone))

    async def refresh(self) -> None:
        """Ask for everything of the zone again and wait for the answers. Raises ReceiverOffline."""
        await self._receiver.refresh(self._zone)


def _words(change: Change) -> str:
    return " ".join(_named(change))


def _named(change: Change) -> tuple[str, str]:
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
        case _:
            assert_never(change)
    return named
