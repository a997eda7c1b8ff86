"""What a receiver has said since its session began, and the state of its zones that this makes; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sugartalkd.denon import settings
from sugartalkd.denon.protocol import (
    FOLLOWS_MAIN,
    MAIN,
    Change,
    Frequency,
    Mute,
    ScreenText,
    Sleep,
    SoundMode,
    Source,
    StationName,
    Subject,
    UnitPower,
    Volume,
    ZonePower,
    subject_of,
)
from sugartalkd.denon.screen import NETWORK_INPUTS, TUNER, playing, tuned
from sugartalkd.denon.settings import SettingChange
from sugartalkd.model import ReceiverState, ReceiverZone

if TYPE_CHECKING:
    from sugartalkd.model import SettingValue, Track

C = TypeVar("C", bound=Change)


class Known:
    """Everything a receiver last said, by subject; each change is kept with what it means for others."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything: the next session finds out anew."""
        self._changes: dict[Subject, Change] = {}
        self.speaks_zm: bool | None = None
        """Single-zone units do not know `ZM`: there the unit's power is the main zone's."""
        self.forms: dict[str, int] = {}
        """Which form of a setting this receiver speaks, where it showed."""
        self._heard: dict[str, SettingValue] = {}
        self._settings: dict[str, SettingValue] = {}
        self._lines: dict[int, str] = {}
        self._media: tuple[str, Track] | None = None
        """What one of its own sources plays, and which input that is."""

    def get(self, subject: Subject) -> Change | None:
        return self._changes.get(subject)

    def last(self, kind: type[C], zone: ReceiverZone = MAIN) -> C | None:
        """The last change of a kind, but of settings."""
        change = self._changes.get(Subject(kind, zone))
        return change if isinstance(change, kind) else None

    @property
    def unit_power(self) -> bool | None:
        unit = self.last(UnitPower)
        return None if unit is None else unit.on

    def power(self, zone: ReceiverZone) -> bool | None:
        """A zone's own power."""
        if zone is MAIN and self.speaks_zm is False:
            return self.unit_power
        own = self.last(ZonePower, zone)
        return None if own is None else own.on

    @property
    def source(self) -> str | None:
        """The main zone's input while that zone is on."""
        source = self.last(Source)
        return source.name if source is not None and self.power(MAIN) else None

    @property
    def settings(self) -> dict[str, SettingValue]:
        """Those heard, in the contract's words."""
        return self._settings

    def has(self, change: SettingChange) -> bool:
        """Whether a setting or a part of one is known to be just so."""
        return self._heard.get(change.name) == change.value

    def note(self, change: Change) -> None:
        """Keep a change, with what it means for its neighbours."""
        old = self._changes.get(subject_of(change))
        self._changes[subject_of(change)] = change
        match change:
            case UnitPower(on=False):
                # Standby takes every zone down, and some models answer only `PW?` there.
                for zone in ReceiverZone:
                    self.note(ZonePower(False, zone))
            case ZonePower(on=True):
                self._changes[Subject(UnitPower, MAIN)] = UnitPower(True)
            case ZonePower(on=False, zone=zone) if self.last(Sleep, zone) is not None:
                # A timer ends with its zone's power, without a line of its own.
                self._changes[Subject(Sleep, zone)] = Sleep(0, zone)
            case SettingChange(name, value, form):
                if form is not None:
                    self.forms[name] = form
                self._heard[name] = value
                self._settings = settings.wholes(self._heard)
            case ScreenText(line, text):
                self._lines[line] = text
            case Frequency() if change != old:
                self._changes.pop(Subject(StationName, MAIN), None)  # it was the last station's
            case _:
                pass

    def read_media(self) -> None:
        """Take what the receiver's lines and tuner said as what its present input plays."""
        source = self.source
        track: Track | None = None
        if source in NETWORK_INPUTS:
            track = playing(self._lines, source)
        elif source == TUNER:
            name, frequency = self.last(StationName), self.last(Frequency)
            track = tuned(None if name is None else name.name, None if frequency is None else frequency.text)
        self._media = None if track is None or source is None else (source, track)

    def forget_lines(self) -> None:
        """What the screen said is about to be said anew."""
        self._lines.clear()

    def forget_media(self) -> None:
        """Nobody asks any longer what the receiver itself plays."""
        self._media = None

    def state(self, zone: ReceiverZone) -> ReceiverState:
        """One zone as it is published; settings and media are the main zone's."""
        volume, mute, sleep = self.last(Volume, zone), self.last(Mute, zone), self.last(Sleep, zone)
        source, mode = self.last(Source, zone), self.last(SoundMode, zone)
        if source is not None and source.name == FOLLOWS_MAIN:
            source = self.last(Source, MAIN)
        media = self._media if zone is MAIN else None
        return ReceiverState(
            power=self.power(zone),
            volume=None if volume is None else volume.half_steps / 2,
            mute=None if mute is None else mute.on,
            input=None if source is None else source.name,
            sound_mode=None if mode is None else mode.mode,
            sleep=None if sleep is None else sleep.minutes,
            settings=self._settings if zone is MAIN else {},
            media=media[1] if media is not None and media[0] == self.source else None,
        )
