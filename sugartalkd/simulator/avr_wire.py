"""What a Denon receiver's telnet wire is made of: frames, number forms, inputs, sound modes, settings.

[S] is the maker's document "AVR-X1200/X2200/X3200/X4200 protocol V02" (2015); [I] is inferred, not measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

FRAME_LIMIT: Final = 135
"""Bytes in one message, its CR included [S]; what is longer is ignored."""
VOLUME_TOP: Final = 196
"""The loudest volume in half steps: `MV98`, +18 dB. `MV80` (160) is 0 dB."""
TEXT_LIMIT: Final = 96
"""Bytes after `NSE1`; the cut may fall inside a UTF-8 sequence [S]."""


@dataclass(slots=True)
class Framing:
    """Cuts a client's bytes into commands at CR, and only there.

    A LF stays where it came, so the second command of a client that sends CRLF begins with it and is not
    understood (AVR-4310: https://github.com/k3erg/marantz-denon-telnet/issues/2).
    """

    any_end: bool = False
    """For people, whose tools end lines with LF: LF ends a command as well."""
    _rest: bytes = b""

    def feed(self, data: bytes) -> list[str]:
        """The commands completed by `data`, without CR, without empty ones; bytes read as Latin-1.

        A command that is too long comes back cut, yet still too long for `understandable`.
        """
        if self.any_end:
            data = data.replace(b"\n", b"\r")  # CR LF: a command, and an empty one, which is none
        *commands, rest = (self._rest + data).split(b"\r")
        self._rest = rest[: FRAME_LIMIT + 1]
        return [command[: FRAME_LIMIT + 1].decode("latin-1") for command in commands if command]


def understandable(command: str) -> bool:
    """Whether a command fits into one message: at most 135 bytes with its CR."""
    return len(command) < FRAME_LIMIT


def is_question(command: str) -> bool:
    """Whether a command only asks; the text lines are asked for without a question mark."""
    return command.endswith("?") or command in {"NSE", "NSA"}


def parse_half_steps(text: str) -> int | None:
    """`50`, `505` or `500` as half steps (100, 101, 100); `None` for any other form.

    Two digits, and a third that is 5, or 0 as a sender may put it; others are ignored by the receiver
    (https://github.com/ol-iver/denonavr/issues/209). 0 to 199; the range is the caller's to check.
    """
    if not (text.isascii() and text.isdigit()):
        return None
    match text[:2], text[2:]:
        case whole, "" | "0" if len(whole) == 2:  # noqa: PLR2004 - two digits are the form
            return int(whole) * 2
        case whole, "5":
            return int(whole) * 2 + 1
        case _:
            return None


def half_steps_text(half_steps: int) -> str:
    """0 to 199 half steps as the wire has them: 100 is `50`, 101 is `505`, 1 is `005`."""
    return f"{half_steps // 2:02d}{'5' if half_steps % 2 else ''}"


_FLAGGED_LINES: Final = range(1, 6)
"""Lines that begin with one flag byte: bit 1 playable, bit 2 directory, bit 4 cursor, bit 7 picture [S]."""
_AFTER_NUL: Final = b"\xff\xfe\n\x80old\xc3" * (TEXT_LIMIT // 8)
"""What is left over from the line before; arbitrary bytes follow the NUL [S]."""


def text_line(code: str, number: int, text: str, flags: int = 1) -> bytes:
    """One `NSE` (UTF-8) or `NSA` (ASCII) line: flag byte, text, NUL and junk, cut at 96 bytes."""
    encoded = text.encode("utf-8" if code == "NSE" else "ascii", "replace")
    body = (bytes((flags,)) if number in _FLAGGED_LINES else b"") + encoded + b"\0" + _AFTER_NUL
    return f"{code}{number}".encode() + body[:TEXT_LIMIT]


@dataclass(frozen=True, slots=True)
class ZoneCodes:
    """What stands before a zone's values on the wire."""

    power: str
    volume: str
    mute: str
    source: str
    sleep: str


ZONE_CODES: Final = {
    1: ZoneCodes("ZM", "MV", "MU", "SI", "SLP"),
    # One prefix for power, source and volume, so only the value tells them apart.
    2: ZoneCodes("Z2", "Z2", "Z2MU", "Z2", "Z2SLP"),
    3: ZoneCodes("Z3", "Z3", "Z3MU", "Z3", "Z3SLP"),
}

NETWORK_INPUTS: Final = ("NET", "BT", "USB/IPOD", "IRADIO", "SERVER", "FAVORITES")
"""Inputs that have now-playing lines."""
X2300W_INPUTS: Final = (
    *("CD", "TUNER", "DVD", "BD", "TV", "SAT/CBL", "MPLAY", "GAME", "AUX1", "AUX2"),
    *NETWORK_INPUTS,
)
X4200W_INPUTS: Final = (*X2300W_INPUTS, "PHONO")
PLAYING_INPUTS: Final = {"USB": "USB/IPOD", "IPD": "USB/IPOD", "IRP": "IRADIO", "FVP": "FAVORITES"}
"""Commands that select and play, and the input then reported [I]."""

SOUND_MODES: Final = {
    "MOVIE": "DOLBY SURROUND",
    "MUSIC": "NEURAL:X",
    "GAME": "DOLBY SURROUND",
    "DIRECT": "DIRECT",
    "PURE DIRECT": "PURE DIRECT",
    "STEREO": "STEREO",
    "AUTO": "STEREO",
    "DOLBY DIGITAL": "DOLBY SURROUND",
    "DTS SURROUND": "NEURAL:X",
    "MCH STEREO": "MCH STEREO",
    "ROCK ARENA": "ROCK ARENA",
    "JAZZ CLUB": "JAZZ CLUB",
    "MONO MOVIE": "MONO MOVIE",
    "MATRIX": "MATRIX",
    "VIDEO GAME": "VIDEO GAME",
    "VIRTUAL": "VIRTUAL",
}
"""What is sent, and what is reported for a two-channel signal: rarely the same words [S]."""
SOUND_MODE_RING: Final = tuple(dict.fromkeys(SOUND_MODES.values()))
"""Where `MSLEFT` and `MSRIGHT` step."""
TWO_CHANNEL_MODES: Final = frozenset({"STEREO", "DIRECT", "PURE DIRECT"})
FRONT_CHANNELS: Final = ("FL", "FR", "SW")
CHANNELS: Final = ("FL", "FR", "C", "SW", "SL", "SR", "SBL", "SBR")
"""The speakers of a usual set."""
ALL_CHANNELS: Final = (
    *CHANNELS,
    *("SB", "FHL", "FHR", "TFL", "TFR", "TMR", "TML", "FDL", "FDR", "SDL", "SDR"),
)
"""Every speaker that can have a level; no set has all of them."""
OLD_WORDS: Final = {
    "PSDYNVOL": {"HEV": "NGT", "MED": "EVE", "LIT": "DAY"},
    "PSRSTR": {"HI": "MODE1", "MED": "MODE2", "LOW": "MODE3"},
}
"""What models before 2012 and 2015 say instead."""

QUICK_SELECTS: Final = {
    1: ("SAT/CBL", 90, "STEREO"),
    2: ("GAME", 84, "DOLBY SURROUND"),
    3: ("BD", 100, "NEURAL:X"),
    4: ("NET", 70, "STEREO"),
    5: ("TUNER", 80, "STEREO"),
}
"""Input, volume in half steps and sound mode as the simulator leaves the works."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting with named values, `head` before each of them on the wire."""

    name: str
    head: str
    values: tuple[str, ...]
    start: str
    query: str | None
    """`None`: cannot be asked for."""
    cycle: str | None = None
    """The word that steps to the next value."""
    needs: tuple[str, frozenset[str]] | None = None
    """The setting it depends on, with the values under which it can be changed."""


@dataclass(frozen=True, slots=True)
class Level:
    """A setting with a number from `low` to `high`, `digits` wide, with `UP` and `DOWN`."""

    name: str
    head: str
    low: int
    high: int
    start: str
    query: str | None
    digits: int = 2
    halves: bool = False
    """Whether a third digit 5 is half a step."""
    step: int = 1
    zero_is_off: bool = False
    """Whether 0 is allowed below `low`."""
    needs: tuple[str, frozenset[str]] | None = None

    def parse(self, text: str) -> int | None:
        """The level in steps (half steps with `halves`), or `None` if the receiver would ignore it."""
        if self.halves:
            level = parse_half_steps(text)
        elif len(text) == self.digits and text.isascii() and text.isdigit():
            level = int(text)
        else:
            level = None
        return level if level is not None and self.allows(level) else None

    def allows(self, level: int) -> bool:
        scale = 2 if self.halves else 1
        return self.low * scale <= level <= self.high * scale or (self.zero_is_off and level == 0)

    def text(self, level: int) -> str:
        return half_steps_text(level) if self.halves else f"{level:0{self.digits}d}"


@dataclass(frozen=True, slots=True)
class Model:
    """What one receiver has: its zones, inputs and settings."""

    zones: int
    inputs: tuple[str, ...]
    settings: tuple[Choice | Level, ...] = field(repr=False)


_ON_OFF: Final = ("ON", "OFF")
_AUDYSSEY_ON: Final = ("PSMULTEQ", frozenset({"AUDYSSEY", "BYP.LR", "FLAT"}))
_TONE_ON: Final = ("PSTONE CTRL", frozenset({"ON"}))
_SCALES: Final = ("48P", "10I", "72P", "10P", "10P24", "4K", "4KF", "AUTO")


def _spaced(name: str, values: tuple[str, ...], start: str) -> Choice:
    """The common form, with a space before the value and before the question mark."""
    return Choice(name, f"{name} ", values, start, f"{name} ?")


MAIN_SETTINGS: Final = (
    Choice("SD", "SD", ("AUTO", "HDMI", "DIGITAL", "ANALOG"), "AUTO", "SD?"),
    Choice("DC", "DC", ("AUTO", "PCM", "DTS"), "AUTO", "DC?"),
    # One question, two answers: the source, then whether video select is on.
    Choice(
        "SV source",
        "SV",
        ("DVD", "BD", "TV", "SAT/CBL", "MPLAY", "GAME", "AUX1", "AUX2", "CD"),
        "BD",
        "SV?",
    ),
    Choice("SV", "SV", _ON_OFF, "OFF", "SV?"),
    Choice("STBY", "STBY", ("15M", "30M", "60M", "OFF"), "OFF", "STBY?"),
    Choice("ECO", "ECO", ("ON", "AUTO", "OFF"), "AUTO", "ECO?"),
    Choice("DIM", "DIM ", ("BRI", "DIM", "DAR", "OFF"), "BRI", "DIM ?", cycle="SEL"),
    _spaced("PSTONE CTRL", _ON_OFF, "OFF"),
    Level("PSBAS", "PSBAS ", 44, 56, "50", "PSBAS ?", needs=_TONE_ON),
    Level("PSTRE", "PSTRE ", 44, 56, "50", "PSTRE ?", needs=_TONE_ON),
    _spaced("PSDIL", _ON_OFF, "ON"),
    Level("PSDIL level", "PSDIL ", 38, 62, "50", "PSDIL ?", halves=True),
    Level("PSDIC", "PSDIC ", 0, 6, "03", "PSDIC ?"),
    _spaced("PSSWL", _ON_OFF, "ON"),
    Level("PSSWL level", "PSSWL ", 38, 62, "50", "PSSWL ?", halves=True, zero_is_off=True),
    _spaced("PSSWR", _ON_OFF, "ON"),
    Choice("PSCINEMA EQ", "PSCINEMA EQ.", _ON_OFF, "OFF", "PSCINEMA EQ. ?"),
    _spaced("PSLOM", _ON_OFF, "OFF"),
    Choice("PSMULTEQ", "PSMULTEQ:", ("AUDYSSEY", "BYP.LR", "FLAT", "OFF"), "AUDYSSEY", "PSMULTEQ: ?"),
    Choice("PSDYNEQ", "PSDYNEQ ", _ON_OFF, "ON", "PSDYNEQ ?", needs=_AUDYSSEY_ON),
    Choice("PSREFLEV", "PSREFLEV ", ("0", "5", "10", "15"), "0", "PSREFLEV ?"),
    Choice("PSDYNVOL", "PSDYNVOL ", ("HEV", "MED", "LIT", "OFF"), "OFF", "PSDYNVOL ?", needs=_AUDYSSEY_ON),
    _spaced("PSGEQ", _ON_OFF, "OFF"),
    _spaced("PSHEQ", _ON_OFF, "OFF"),
    _spaced("PSDRC", ("AUTO", "LOW", "MID", "HI", "OFF"), "OFF"),
    Level("PSLFE", "PSLFE ", 0, 10, "00", "PSLFE ?"),
    Level("PSEFF", "PSEFF ", 1, 15, "10", "PSEFF ?"),
    _spaced("PSRSZ", ("S", "MS", "M", "ML", "L"), "M"),
    # `PSDEL` is the delay time, `PSDELAY` the audio delay: only the space parts them.
    Level("PSDEL", "PSDEL ", 0, 300, "030", "PSDEL ?", digits=3),
    Level("PSDELAY", "PSDELAY ", 0, 200, "000", "PSDELAY ?", digits=3),
    _spaced("PSRSTR", ("OFF", "LOW", "MED", "HI"), "OFF"),
    _spaced("PSCES", _ON_OFF, "OFF"),
    _spaced("PSNEURAL", _ON_OFF, "ON"),
    Choice("PSFRONT", "PSFRONT ", ("SPA", "SPB", "A+B"), "SPA", "PSFRONT?"),
    Choice("PV", "PV", ("OFF", "STD", "MOV", "VVD", "STM", "CTM", "DAY", "NGT"), "OFF", "PV?"),
    Level("PVCN", "PVCN ", 0, 100, "050", "PVCN ?", digits=3),
    Level("PVBR", "PVBR ", 0, 100, "050", "PVBR ?", digits=3),
    Level("PVST", "PVST ", 0, 100, "050", "PVST ?", digits=3),
    _spaced("PVDNR", ("OFF", "LOW", "MID", "HI"), "OFF"),
    Level("PVENH", "PVENH ", 0, 12, "00", "PVENH ?"),
    Choice("VSMONI", "VSMONI", ("AUTO", "1", "2"), "AUTO", "VSMONI ?"),
    _spaced("VSAUDIO", ("AMP", "TV"), "AMP"),
    Choice("VSVPM", "VSVPM", ("AUTO", "GAME", "MOVI"), "AUTO", "VSVPM ?"),
    Choice("VSASP", "VSASP", ("NRM", "FUL"), "FUL", "VSASP ?"),
    Choice("VSSC", "VSSC", _SCALES, "AUTO", "VSSC ?"),
    Choice("VSSCH", "VSSCH", _SCALES, "AUTO", "VSSCH ?"),
    Level("TFAN", "TFAN", 8750, 10800, "008750", "TFAN?", digits=6, step=5),
    Level("TPAN", "TPAN", 1, 56, "OFF", "TPAN?"),
    Choice("TMAN band", "TMAN", ("AM", "FM"), "FM", "TMAN?"),
    Choice("TMAN", "TMAN", ("AUTO", "MANUAL"), "AUTO", "TMAN?"),
    Choice("MNZST", "MNZST ", _ON_OFF, "OFF", "MNZST?"),
    Choice("MNMEN", "MNMEN ", _ON_OFF, "OFF", "MNMEN?"),
    Choice("SYREMOTE LOCK", "SYREMOTE LOCK ", _ON_OFF, "OFF", None),
    Choice("SYPANEL LOCK", "SYPANEL LOCK ", _ON_OFF, "OFF", None),
    Choice("SYPANEL+V LOCK", "SYPANEL+V LOCK ", ("ON",), "OFF", None),
    *(
        Level(f"CV{channel}", f"CV{channel} ", 38, 62, "50", None, halves=True, zero_is_off=channel == "SW")
        for channel in ALL_CHANNELS
    ),
)
TRIGGERS: Final = tuple(Choice(f"TR{n}", f"TR{n} ", _ON_OFF, "OFF", "TR?") for n in (1, 2))
"""X3200W and up."""


def _zone_settings(prefix: str) -> tuple[Choice | Level, ...]:
    return (
        Choice(f"{prefix}STBY", f"{prefix}STBY", ("2H", "4H", "8H", "OFF"), "OFF", f"{prefix}STBY?"),
        *(
            Level(f"{prefix}CV{side}", f"{prefix}CV{side} ", 38, 62, "50", f"{prefix}CV?", halves=True)
            for side in ("FL", "FR")
        ),
    )


def with_old_words(rows: tuple[Choice | Level, ...]) -> tuple[Choice | Level, ...]:
    """The same settings in the words of older models."""
    return tuple(
        replace(row, values=tuple(OLD_WORDS[row.name].get(value, value) for value in row.values))
        if isinstance(row, Choice) and row.name in OLD_WORDS
        else row
        for row in rows
    )


MODELS: Final = {
    1: Model(1, X2300W_INPUTS, MAIN_SETTINGS),
    2: Model(2, X2300W_INPUTS, (*MAIN_SETTINGS, *_zone_settings("Z2"))),
    3: Model(3, X4200W_INPUTS, (*MAIN_SETTINGS, *TRIGGERS, *_zone_settings("Z2"), *_zone_settings("Z3"))),
}
"""By number of zones: an X1300W without its second zone, the X2300W, an X4200W."""
