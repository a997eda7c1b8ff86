"""One receiver with its zones: what it says becomes state, what is asked of it is seen through."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

from sugartalkd.denon import settings
from sugartalkd.denon.confirmation import Confirmations, Pending
from sugartalkd.denon.identity import Identity, read_identity
from sugartalkd.denon.known import Known
from sugartalkd.denon.link import Link
from sugartalkd.denon.polling import Polling
from sugartalkd.denon.protocol import (
    LONGEST_COMMAND,
    MAIN,
    Change,
    Frequency,
    Mute,
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
from sugartalkd.errors import BadPayload, TimedOut, Unsupported
from sugartalkd.model import ReceiverZone, receiver_link
from sugartalkd.state import LinkBook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sugartalkd.denon.session import Session
    from sugartalkd.model import ReceiverId, SettingValue
    from sugartalkd.state import StateStore

WAKING: Final = 1.0
"""Seconds without a command that the maker asks for after power-on."""
INPUT_RESENDS: Final = 1.0
"""Seconds after a change of the input in which the receiver sends the sound mode again (denon.md 1.3)."""
REFRESH_LIMIT: Final = 4.0
"""Seconds for the `PW?` that shows that a receiver which is read again is there."""
REREADS: Final = (2.0, 5.0, 15.0)
"""Seconds until a zone that is on and did not say its volume is read again: it was still starting up."""
RAW_LISTENS: Final = 0.3
"""Seconds after a raw command in which what the receiver says counts as its answer (contract 5)."""


def _nobody(_receiver: ReceiverId, _told: object) -> None:
    """Nobody wants to know."""


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
        settings_known: Iterable[str] = (),
        on_settings: Callable[[ReceiverId, tuple[str, ...]], None] = _nobody,
        poll_media: Callable[[ReceiverZone], bool] = lambda _zone: True,
        http_ports: tuple[int, ...] = (),
        on_identity: Callable[[ReceiverId, Identity], None] = _nobody,
    ) -> None:
        """`settings_known` are those that it ever answered for; `on_settings` is told when there are more.

        `http_ports` are where its web side is asked who it is, once per connection until it said so;
        `on_identity` is told what it said.

        `poll_media` says whether anybody needs to know what the zone's network input plays.
        """
        self._receiver = receiver
        self._store = store
        self._zones = tuple(zone for zone in ReceiverZone if zone in zones)
        self._known = Known()
        self._confirmations = Confirmations(self._known, confirm_after)
        self._answered = set(settings_known)
        self._on_settings = on_settings
        self._polling = Polling(
            self._known, self._zones, poll_media, publish=self._publish, surveyed=self._tell_settings
        )
        self._raw_numbers = count()
        self._host = host
        self._http_ports = http_ports
        self._on_identity = on_identity
        self._identity: Identity | None = None
        book = LinkBook(store, receiver_link(receiver), host)
        shared = None if share is None else Share(f"{host}:{port}", *share)
        self._link = Link(host, port, book, self, pacing=pacing, idle=idle, probe=probe, share=shared)
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
        known = self._known
        unit, zones = known.unit_power, {zone: known.power(zone) for zone in ReceiverZone}
        old = known.get(subject_of(change))
        if isinstance(change, ZonePower) and change.zone is MAIN:
            known.speaks_zm = True
        follows_input = self._follows_input(change)
        known.note(change)
        if not follows_input:
            self._confirmations.settle(change)
        self._tell_polling(change, old)
        # A second PWON is an answer to a question; only a change of power is a receiver starting up.
        if unit is False and known.unit_power:
            session.hold(WAKING)
            self._reread(self._zones)
        for zone, was in zones.items():
            if was is False and known.power(zone):
                if zone is MAIN:
                    session.hold(WAKING)
                    self._polling.woken()
                self._reread(one for one in self._zones if one is zone)
        if self._read_through:
            self._publish()

    def _tell_polling(self, change: Change, old: Change | None) -> None:
        """What a line means for what has to be asked."""
        match change:
            case Volume(zone=zone):
                self._unheard.discard(zone)
            case Source(zone=zone) if zone is MAIN and change != old:
                self._polling.source_changed()
            case Frequency() if old is not None and change != old:
                self._polling.retuned()
            case SettingChange(name) if name == settings.QUICK_SELECT and old not in {None, change}:
                self._polling.recalled()
            case _:
                pass
        if isinstance(change, SettingChange) and not self._polling.surveying:
            self._tell_settings()

    def _tell_settings(self) -> None:
        """Say which settings this receiver has, once it has answered for one more."""
        if not self._known.settings.keys() <= self._answered:
            self._answered |= self._known.settings.keys()
            self._on_settings(
                self._receiver, tuple(name for name in settings.NAMES if name in self._answered)
            )

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
        self._polling.start(session)
        if self._http_ports and self._identity is None:
            session.start(self._identify(), "identity")
        rereads = iter(REREADS)
        while True:
            silent = [
                zone
                for zone in self._zones
                if self._known.power(zone)
                and (zone in self._unheard or self._known.last(Volume, zone) is None)
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

    async def _identify(self) -> None:
        self._identity = await read_identity(self._host, self._http_ports)
        if self._identity is not None:
            self._on_identity(self._receiver, self._identity)

    def closed(self, reason: str) -> None:
        """Forget what was said: the next session finds out anew."""
        self._read_through = False
        self._known.clear()
        self._confirmations.lost(reason)

    # -- state -----------------------------------------------------------------------------------------

    def _follows_input(self, change: Change) -> bool:
        """Whether this is the sound mode that a change of the input brings along, and no command's doing."""
        present = asyncio.get_running_loop().time()
        match change:
            case Source(zone=zone) if zone is MAIN and change != self._known.last(Source):
                self._mode_follows_until = present + INPUT_RESENDS
            case SoundMode() if present < self._mode_follows_until:
                self._mode_follows_until = 0.0
                for pending in self._confirmations.waiting(subject_of(change)):
                    if pending.wanted == change:
                        return False
                    pending.before = change
                return True
            case _:
                pass
        return False

    def _publish(self) -> None:
        for zone in self._zones:
            self._store.put_receiver(self._receiver, zone, self._known.state(zone))

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
        if self._known.unit_power and all(self._known.power(zone) for zone in zones):
            await session.ask(*power, *rest)
            return
        answers = await session.ask(*power)
        if not self._known.unit_power:
            return
        if main and answers[0] is None and self._known.speaks_zm is None:
            self._known.speaks_zm = False
            self._confirmations.settle(UnitPower(True))
        await session.ask(*rest)

    # -- commands --------------------------------------------------------------------------------------

    async def set(self, wanted: Change) -> asyncio.Future[None]:
        """Return when the command has been written; the future is its confirmation.

        Raises ReceiverOffline at once while there is no session.
        """
        session = self._link.session
        line, *others = self._lines(wanted)
        pending = Pending(wanted, line, tuple(others))
        if isinstance(wanted, SettingChange):
            await self._prepare(session, wanted)
        await session.send(line, subject_of(wanted), lambda: self._begin(session, pending))
        return pending.done

    async def _prepare(self, session: Session, wanted: SettingChange) -> None:
        """Switch on what the setting acts through, unless that is on."""
        first = settings.before(wanted)
        if first is not None and not self._known.has(first):
            await session.send(encode(first), subject_of(first), lambda: None)

    async def set_setting(self, name: str, value: SettingValue) -> asyncio.Future[None]:
        """As `set`, by the setting's name in the contract. Raises ValueError for what the wire lacks."""
        return await self.set(settings.wanted(name, value))

    async def ask_setting(self, name: str) -> None:
        """Ask for one setting and wait for the answer, or for the time in which it would have come."""
        await self._polling.ask(self._link.session, name)

    async def raw(self, line: str) -> list[str]:
        """Write one command as it is; the result is every line that came within 0.3 s after it.

        Raises BadPayload for what cannot be a command, ReceiverOffline while there is no session.
        """
        if not (line and line.isascii() and line.isprintable() and len(line) <= LONGEST_COMMAND):
            raise BadPayload(
                f"a receiver takes 1 to {LONGEST_COMMAND} printable ASCII characters as one command"
            )
        session = self._link.session
        heard: list[str] = []
        with ExitStack() as listening, self._polling.silenced():
            # A subject of its own: nothing takes its place, and it takes nothing's.
            subject = Subject(SettingChange, MAIN, f"raw {next(self._raw_numbers)}")
            await session.send(line, subject, lambda: listening.enter_context(session.overhear(heard.append)))
            await asyncio.sleep(RAW_LISTENS)
        return heard

    def _lines(self, wanted: Change) -> tuple[str, ...]:
        """The command, in every form that the receiver may understand, the likeliest first."""
        if isinstance(wanted, SettingChange):
            return settings.encode(wanted, self._known.forms.get(wanted.name))
        return (self._line(wanted),)

    def _line(self, wanted: Change) -> str:
        """The command; the main zone comes on with the unit, and is all of it where `ZM` is unknown."""
        if isinstance(wanted, ZonePower) and wanted.zone is MAIN:
            asleep = wanted.on and self._known.unit_power is False
            if asleep or self._known.speaks_zm is False:
                return encode(UnitPower(wanted.on))
        return encode(wanted)

    def _begin(self, session: Session, pending: Pending) -> None:
        if self._wakes(pending.wanted):
            session.hold(WAKING)
        self._confirmations.begin(session, pending)

    def _wakes(self, wanted: Change) -> bool:
        """Whether the receiver starts up on this: what is written to it then is lost."""
        match wanted:
            case ZonePower(on=True, zone=zone):
                return not self._known.power(zone)
            case Source():
                return self._known.unit_power is False
            case _:
                return False


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

    async def set_setting(self, name: str, value: SettingValue) -> asyncio.Future[None]:
        """One of settings.NAMES, with a value of its kind; only the main zone has settings."""
        self._check_settings()
        return await self._receiver.set_setting(name, value)

    async def ask_setting(self, name: str) -> None:
        """Ask for a setting and wait for the answer, if there is one."""
        self._check_settings()
        await self._receiver.ask_setting(name)

    def _check_settings(self) -> None:
        if self._zone is not MAIN:
            raise Unsupported(f"{self._zone.value} of a receiver has no settings of its own")

    async def raw(self, line: str) -> list[str]:
        """Send one command of at most 134 bytes; the lines that came within 0.3 s after it."""
        return await self._receiver.raw(line)

    async def refresh(self) -> None:
        """Ask for everything of the zone again and wait for the answers. Raises ReceiverOffline."""
        await self._receiver.refresh(self._zone)
