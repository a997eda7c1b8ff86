"""The receiver's telnet language: a line to a typed change and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias, assert_never

from sugartalkd.denon import settings
from sugartalkd.denon.digits import decode_volume, encode_volume
from sugartalkd.denon.settings import SettingChange
from sugartalkd.model import RECEIVER_INPUT, ReceiverZone

MAIN: Final = ReceiverZone.MAIN

# -- what can be said ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnitPower:
    """`PW`: the whole unit. `PWON` also comes when only zone 2 is switched on."""

    on: bool
    zone: ReceiverZone = MAIN


@dataclass(frozen=True, slots=True)
class ZonePower:
    """`ZM`, `Z2`, `Z3`: one zone."""

    on: bool
    zone: ReceiverZone = MAIN


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume in half steps, 0…196; the display's 30.5 is 61."""

    half_steps: int
    zone: ReceiverZone = MAIN


@dataclass(frozen=True, slots=True)
class VolumeLimit:
    """`MVMAX`, undocumented: information only, on a Marantz NR1710 it drifts with the present volume."""

    half_steps: int
    zone: ReceiverZone = MAIN


@dataclass(frozen=True, slots=True)
class Mute:
    """Whether a zone is silenced."""

    on: bool
    zone: ReceiverZone = MAIN


@dataclass(frozen=True, slots=True)
class Source:
    """A zone's input by the receiver's own name; `FOLLOWS_MAIN` in zone 2 and 3 is the main zone's."""

    name: str
    zone: ReceiverZone = MAIN


@dataclass(frozen=True, slots=True)
class SoundMode:
    """What the receiver makes of the sound; what it reports is not what was sent (denon.md 1.8)."""

    mode: str
    zone: ReceiverZone = MAIN


@dataclass(frozen=True, slots=True)
class Sleep:
    """Minutes until the zone switches itself off, 0 = never."""

    minutes: int
    zone: ReceiverZone = MAIN


@dataclass(frozen=True, slots=True)
class ScreenText:
    """`NSE`: one line, 0…8, of what the screen shows of a network source."""

    line: int
    text: str
    zone: ReceiverZone = MAIN


@dataclass(frozen=True, slots=True)
class Frequency:
    """`TFAN`: what the tuner is tuned to, six digits."""

    text: str
    zone: ReceiverZone = MAIN


@dataclass(frozen=True, slots=True)
class StationName:
    """`TFANNAME`: the RDS name of the station, eight characters."""

    name: str
    zone: ReceiverZone = MAIN


Change: TypeAlias = (
    UnitPower
    | ZonePower
    | Volume
    | VolumeLimit
    | Mute
    | Source
    | SoundMode
    | Sleep
    | SettingChange
    | ScreenText
    | Frequency
    | StationName
)


class Subject(NamedTuple):
    """What a change is about: two changes of one subject replace each other."""

    kind: type[Change]
    zone: ReceiverZone
    name: str = ""
    """Which setting, or which line of the screen; nothing else needs one."""


def subject_of(change: Change) -> Subject:
    """What this change is about."""
    match change:
        case SettingChange(name):
            return Subject(SettingChange, change.zone, name)
        case ScreenText(line):
            return Subject(ScreenText, change.zone, str(line))
        case _:
            return Subject(type(change), change.zone)


# -- tables --------------------------------------------------------------------------------------------

INPUTS: Final = (
    "CD", "TUNER", "DVD", "BD", "TV", "SAT/CBL", "MPLAY", "GAME", "AUX1", "AUX2",
    "NET", "BT", "USB/IPOD", "IRADIO", "SERVER", "FAVORITES",
)  # fmt: skip
"""The AVR-X2300W's inputs. `USB`, `IPD`, `IRP` and `FVP` are left out: they select and start to play."""

OTHER_INPUTS: Final = (
    "PHONO", "8K", "HDRADIO", "AUX3", "AUX4", "AUX5", "AUX6", "AUX7", "V.AUX", "DVR", "DOCK", "IPOD",
    "NET/USB", "PANDORA", "SIRIUSXM",
)  # fmt: skip
"""Inputs of other models and countries."""

SOUND_MODES: Final = (
    "MOVIE", "MUSIC", "GAME", "DIRECT", "PURE DIRECT", "STEREO", "AUTO", "DOLBY DIGITAL", "DTS SURROUND",
    "MCH STEREO", "ROCK ARENA", "JAZZ CLUB", "MONO MOVIE", "MATRIX", "VIDEO GAME", "VIRTUAL",
)  # fmt: skip
"""What can be sent after `MS`."""

FOLLOWS_MAIN: Final = "SOURCE"
LONGEST_SLEEP: Final = 120

# Zone 2 and 3 have one prefix for power, volume, input and more (`Z2QUICK1`, `Z2CVFL 50`): only a name
# from a list is an input there. Spotify can be reported though it cannot be selected.
_HEARD_IN_ZONES: Final = frozenset((*INPUTS, *OTHER_INPUTS, FOLLOWS_MAIN, "USB", "SPOTIFY"))
_PREFIXES: Final = {ReceiverZone.ZONE2: "Z2", ReceiverZone.ZONE3: "Z3"}
_ON_OFF: Final = {"ON": True, "OFF": False}
_UNIT_POWER: Final = {"ON": True, "STANDBY": False}
_SIX_DIGITS: Final = re.compile(r"[0-9]{6}")
_FLAGGED: Final = frozenset("12345")
_MINUTES: Final = re.compile(r"[0-9]{3}")
# Values are printable ASCII by the maker's document; anything else is line noise.
_NAME: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
# Quick select (Marantz: smart select) shares the prefix of the sound modes; it is a setting.
_QUICK_SELECT: Final = re.compile(r"(?:QUICK|SMART)[0-9 ?].*")

# -- how each subject is said --------------------------------------------------------------------------

Reader: TypeAlias = Callable[[str, ReceiverZone], Change | None]

PATIENCE: Final = 0.3
"""Seconds to wait for an answer; the maker allows 0.2. Silence is normal: models differ."""
POWER_PATIENCE: Final = 0.8
"""The same for `ZM?`: whether it is ever answered decides what the zone's power is."""


def _unit_power(text: str, zone: ReceiverZone) -> Change | None:
    on = _UNIT_POWER.get(text)
    return None if on is None else UnitPower(on, zone)


def _power(text: str, zone: ReceiverZone) -> Change | None:
    on = _ON_OFF.get(text)
    return None if on is None else ZonePower(on, zone)


def _volume(text: str, zone: ReceiverZone) -> Change | None:
    half_steps = decode_volume(text)
    return None if half_steps is None else Volume(half_steps, zone)


def _volume_limit(text: str, zone: ReceiverZone) -> Change | None:
    half_steps = decode_volume(text.removeprefix(" "))
    return None if half_steps is None else VolumeLimit(half_steps, zone)


def _mute(text: str, zone: ReceiverZone) -> Change | None:
    on = _ON_OFF.get(text)
    return None if on is None else Mute(on, zone)


def _source(text: str, zone: ReceiverZone) -> Change | None:
    """In the main zone any name passes: models have inputs that no list has."""
    known = _NAME.fullmatch(text) if zone is MAIN else text in _HEARD_IN_ZONES
    return Source(text, zone) if known else None


def _sound_mode(text: str, zone: ReceiverZone) -> Change | None:
    return SoundMode(text, zone) if _NAME.fullmatch(text) and not _QUICK_SELECT.fullmatch(text) else None


def _sleep(text: str, zone: ReceiverZone) -> Change | None:
    if text == "OFF":
        return Sleep(0, zone)
    return Sleep(int(text), zone) if _MINUTES.fullmatch(text) else None


def _station_name(text: str, zone: ReceiverZone) -> Change | None:
    return StationName(_shown(text), zone)


def _frequency(text: str, zone: ReceiverZone) -> Change | None:
    return Frequency(text, zone) if _SIX_DIGITS.fullmatch(text) else None


def _screen(text: str, zone: ReceiverZone) -> Change | None:
    """The line's number, in lines 1 to 5 a byte of flags (playable, directory, cursor, picture), the text."""
    line = text[:1]
    if line not in set("012345678"):
        return None
    return ScreenText(int(line), _shown(text[2 if line in _FLAGGED else 1 :]), zone)


def _shown(text: str) -> str:
    """Without control characters, and without half a character where the receiver cut the line."""
    return "".join(one for one in text if one.isprintable()).rstrip("\ufffd").strip()


class _Row(NamedTuple):
    """One subject: its code in the main zone, what follows `Z2` in zone 2 (`None`: main zone only)."""

    kind: type[Change]
    main: str
    other: str | None
    read: Reader
    asked: bool = True
    patience: float = PATIENCE

    def codes(self) -> list[tuple[str, ReceiverZone]]:
        others = [] if self.other is None else [(_PREFIXES[zone] + self.other, zone) for zone in _PREFIXES]
        return [(self.main, MAIN), *others]


_ROWS: Final = (
    _Row(UnitPower, "PW", None, _unit_power),
    _Row(ZonePower, "ZM", "", _power, patience=POWER_PATIENCE),
    _Row(VolumeLimit, "MVMAX", None, _volume_limit, asked=False),
    _Row(Volume, "MV", "", _volume),
    _Row(Mute, "MU", "MU", _mute),
    _Row(Source, "SI", "", _source),
    _Row(SoundMode, "MS", None, _sound_mode),
    _Row(Sleep, "SLP", "SLP", _sleep),
    _Row(StationName, "TFANNAME", None, _station_name),
    _Row(Frequency, "TFAN", None, _frequency),
    _Row(ScreenText, "NSE", None, _screen, asked=False),
)
_READERS: Final = tuple((code, zone, row.read) for row in _ROWS for code, zone in row.codes())
_CODES: Final = {Subject(row.kind, zone): code for row in _ROWS if row.asked for code, zone in row.codes()}

# -- a line to a change and back -----------------------------------------------------------------------


def parse(line: str) -> Change | None:
    """What a line of the receiver says, or `None` if it is none of our subjects."""
    for code, zone, read in _READERS:
        if line.startswith(code) and (change := read(line[len(code) :].rstrip(" "), zone)) is not None:
            return change
    return settings.parse(line)


def encode(change: Change) -> str:
    """The command that asks for this change, without CR. Raises ValueError on anything no table has."""
    if isinstance(change, SettingChange):
        return settings.encode(change, change.form)[0]
    code = _CODES.get(subject_of(change))
    if code is None or isinstance(change, ScreenText | Frequency | StationName):
        raise ValueError(f"{change} cannot be sent")
    match change:
        case UnitPower(on):
            value = "ON" if on else "STANDBY"
        case ZonePower(on) | Mute(on):
            value = "ON" if on else "OFF"
        case Volume(half_steps) | VolumeLimit(half_steps):
            value = encode_volume(half_steps)
        case Source(name):
            value = _input(name)
        case SoundMode(mode):
            value = _listed(mode, SOUND_MODES)
        case Sleep(minutes):
            value = _encode_minutes(minutes)
        case _:
            assert_never(change)
    return code + value


def _input(name: str) -> str:
    if not RECEIVER_INPUT.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of an input")
    return name


def _listed(name: str, names: Container[str]) -> str:
    if name not in names:
        raise ValueError(f"{name!r} is nothing that a receiver is known to take")
    return name


def _encode_minutes(minutes: int) -> str:
    if not 0 <= minutes <= LONGEST_SLEEP:
        raise ValueError(f"{minutes} minutes are outside 0 to {LONGEST_SLEEP}")
    return f"{minutes:03d}" if minutes else "OFF"


@dataclass(frozen=True, slots=True)
class Question:
    """A request, and the subject whose line answers it. `Z2?` is three questions with one text."""

    text: str
    subject: Subject
    patience: float = PATIENCE


_QUESTIONS: Final = {
    Subject(row.kind, zone): Question(f"{code}?", Subject(row.kind, zone), row.patience)
    for row in _ROWS
    if row.asked
    for code, zone in row.codes()
}


def question(kind: type[Change], zone: ReceiverZone = MAIN) -> Question:
    """How to ask for a subject. Raises KeyError for one that cannot be asked for."""
    return _QUESTIONS[Subject(kind, zone)]


def setting_questions(name: str, form: int | None = None) -> tuple[Question, ...]:
    """How to ask for a setting by its wire name, the likeliest form first."""
    subject = Subject(SettingChange, MAIN, name)
    return tuple(Question(text, subject) for text in settings.questions(name, form))


def screen_questions(lines: Iterable[int]) -> tuple[Question, ...]:
    """How to ask for the screen: one command, answered by all its lines."""
    return tuple(Question("NSE", Subject(ScreenText, MAIN, str(line))) for line in lines)


# -- framing -------------------------------------------------------------------------------------------

LONGEST_COMMAND: Final = 134
"""Bytes of a command without its CR; what is longer a receiver ignores (denon.md 1.1)."""
LONGEST_LINE: Final = 256
"""Bytes; the maker promises 135."""
# Telnet's own commands. Nobody has seen a receiver send one, serial-to-IP bridges do; UTF-8 has no 0xFF.
_TELNET: Final = re.compile(rb"\xff(?:[\xfb-\xfe].|[\xf0-\xfa])?", re.DOTALL)


_FLAGS: Final = re.compile(rb"NS[EA][1-5].", re.DOTALL)


class Lines:
    """Cuts what arrives into lines; keeps at most one unfinished line, however much comes without a CR."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[str]:
        """The lines that these bytes complete, without empty and overlong ones."""
        first, *others = data.split(b"\r")
        if not others:
            self._keep(first)
            return []
        *whole, last = others
        lines = [] if self._skipping else [self._rest + first]
        lines += whole
        self._rest, self._skipping = b"", False
        self._keep(last)
        return [text for line in lines if len(line) <= LONGEST_LINE and (text := _text(line))]

    def _keep(self, piece: bytes) -> None:
        if self._skipping:
            return
        self._rest += piece
        if len(self._rest) > LONGEST_LINE:
            self._rest, self._skipping = b"", True


def _text(line: bytes) -> str:
    """A line as text: `NSE` lines end at a NUL with junk behind it and may be cut inside a character."""
    plain = _TELNET.sub(b"", line).strip(b"\n")
    # The flags of a screen's line may be 0 too.
    head = plain[:5] if _FLAGS.match(plain) else b""
    plain = head + plain[len(head) :].partition(b"\0")[0]
    return plain.strip(b"\n").decode(errors="replace")
