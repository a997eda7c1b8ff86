"""The wire forms of the receiver's settings, as data: what is sent, asked and heard for each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from sugartalkd.denon.digits import decode_fixed, decode_level, encode_level
from sugartalkd.model import RECEIVER_INPUT, ReceiverZone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sugartalkd.model import SettingValue


@dataclass(frozen=True, slots=True)
class SettingChange:
    """What a setting, or a part of one, is or shall be."""

    name: str
    value: SettingValue
    form: int | None = field(default=None, compare=False)
    """Which of its forms this receiver speaks, where the line tells."""
    zone: ReceiverZone = ReceiverZone.MAIN


# -- codecs --------------------------------------------------------------------------------------------

Decoder: TypeAlias = "Callable[[str], SettingValue | None]"
Encoder: TypeAlias = "Callable[[SettingValue], str | None]"


class Codec(NamedTuple):
    """Text on the wire to a value and back; `None` for what the form does not have."""

    decode: Decoder
    encode: Encoder


def _words(*pairs: tuple[str, SettingValue]) -> Codec:
    """One of a list; of several texts with one value the first is sent."""
    texts = {value: text for text, value in reversed(pairs)}
    return Codec(dict(pairs).get, texts.get)


def _levels(low: float, high: float) -> Codec:
    """Decibels around `50`."""

    def decode(text: str) -> float | None:
        level = decode_level(text)
        return level if level is not None and low <= level <= high else None

    def encode(value: SettingValue) -> str | None:
        return encode_level(float(value)) if low <= float(value) <= high else None

    return Codec(decode, encode)


def _with_off(levels: Codec, lowest: float) -> Codec:
    """The same where `00`, below the scale, is off: a subwoofer's. To the contract that is the lowest."""

    def decode(text: str) -> SettingValue | None:
        return lowest if text == "00" else levels.decode(text)

    return Codec(decode, levels.encode)


def _digits(width: int, low: int, high: int, sign: int = 1) -> Codec:
    """A whole number of so many digits; `sign` -1 where the wire leaves a minus out."""

    def decode(text: str) -> float | None:
        number = decode_fixed(text, width)
        return float(sign * number) if number is not None and low <= number <= high else None

    def encode(value: SettingValue) -> str | None:
        number = round(float(value)) * sign
        return f"{number:0{width}d}" if low <= number <= high else None

    return Codec(decode, encode)


def _source(text: str) -> SettingValue | None:
    return text if RECEIVER_INPUT.fullmatch(text) and text not in {"ON", "OFF"} else None


def _name(value: SettingValue) -> str | None:
    return value if isinstance(value, str) and _source(value) is not None else None


# -- the table -----------------------------------------------------------------------------------------


class Form(NamedTuple):
    """One way of saying a setting: what stands before its value, how it is asked for, how it is written."""

    head: str
    ask: str
    codec: Codec


@dataclass(frozen=True, slots=True)
class Wire:
    """A setting, or a part of one, on the wire; models differ in their forms."""

    name: str
    forms: tuple[Form, ...]
    needs: str = ""
    """What else must be so, or the receiver keeps its value without a word."""
    first: tuple[str, SettingValue] | None = None
    """The part that must have this value before this one can act."""


DIALOG_SWITCH: Final = "dialog_level switch"
SUBWOOFER_SWITCH: Final = "subwoofer_level switch"
PICTURE: Final = "video_select"
PICTURE_SOURCE: Final = "video_select source"
QUICK_SELECT: Final = "quick_select"

_ON_OFF: Final = _words(("ON", True), ("OFF", False))
_TONE: Final = _levels(-6, 6)
_LEVEL: Final = _levels(-12, 12)
_SUBWOOFER: Final = _with_off(_LEVEL, -12.0)
_MULTEQ: Final = "it acts only while multeq is not off"
_TONE_CONTROL: Final = "it acts only while tone_control is ON"
_CODED: Final = "it acts only on Dolby and DTS sources"


def _spaced(head: str, codec: Codec) -> Form:
    """The common form: a space before the value, and before the question mark."""
    return Form(f"{head} ", f"{head} ?", codec)


def _wire(name: str, *forms: Form, needs: str = "", first: tuple[str, SettingValue] | None = None) -> Wire:
    return Wire(name, forms, needs, first)


_SPEAKERS: Final = (
    "FL", "FR", "C", "SW", "SL", "SR", "SBL", "SBR", "SB", "FHL", "FHR", "TFL", "TFR", "TMR", "TML",
    "FDL", "FDR", "SDL", "SDR",
)  # fmt: skip

WIRES: Final = (
    _wire("dynamic_eq", _spaced("PSDYNEQ", _ON_OFF), needs=_MULTEQ),
    _wire("cinema_eq", Form("PSCINEMA EQ.", "PSCINEMA EQ. ?", _ON_OFF)),
    _wire("loudness_management", _spaced("PSLOM", _ON_OFF), needs=_CODED),
    _wire("tone_control", _spaced("PSTONE CTRL", _ON_OFF), needs="direct sound modes have no tone control"),
    _wire("graphic_eq", _spaced("PSGEQ", _ON_OFF), needs="it acts only while multeq is off"),
    _wire("headphone_eq", _spaced("PSHEQ", _ON_OFF)),
    _wire("center_spread", _spaced("PSCES", _ON_OFF), needs="it acts only in sound mode DOLBY SURROUND"),
    _wire("neural_x", _spaced("PSNEURAL", _ON_OFF), needs="it acts only on DTS sources"),
    _wire("subwoofer", _spaced("PSSWR", _ON_OFF), needs="it acts only in direct and stereo modes"),
    _wire("all_zone_stereo", Form("MNZST ", "MNZST?", _ON_OFF), needs="it needs another zone that is on"),
    _wire("bass", _spaced("PSBAS", _TONE), needs=_TONE_CONTROL),
    _wire("treble", _spaced("PSTRE", _TONE), needs=_TONE_CONTROL),
    # One question, two answers: whether the adjustment acts, and what it is.
    _wire(DIALOG_SWITCH, _spaced("PSDIL", _ON_OFF)),
    _wire("dialog_level", _spaced("PSDIL", _LEVEL), first=(DIALOG_SWITCH, True)),
    _wire(SUBWOOFER_SWITCH, _spaced("PSSWL", _ON_OFF)),
    _wire("subwoofer_level", _spaced("PSSWL", _SUBWOOFER), first=(SUBWOOFER_SWITCH, True)),
    *(
        _wire(
            f"channel_level_{code.lower()}",
            Form(f"CV{code} ", "CV?", _SUBWOOFER if code == "SW" else _LEVEL),
            needs="only speakers that the present sound mode uses have a level",
        )
        for code in _SPEAKERS
    ),
    _wire("lfe", _spaced("PSLFE", _digits(2, 0, 10, -1)), needs=_CODED),
    _wire(
        "dynamic_volume",
        _spaced("PSDYNVOL", _words(("OFF", "off"), ("LIT", "light"), ("MED", "medium"), ("HEV", "heavy"))),
        # Before 2012: day, evening, midnight.
        _spaced("PSDYNVOL", _words(("OFF", "off"), ("DAY", "light"), ("EVE", "medium"), ("NGT", "heavy"))),
        needs=_MULTEQ,
    ),
    _wire(
        "multeq",
        Form(
            "PSMULTEQ:",
            "PSMULTEQ: ?",
            _words(("AUDYSSEY", "audyssey"), ("BYP.LR", "bypass_lr"), ("FLAT", "flat"), ("OFF", "off")),
        ),
        needs="it needs a measurement of the room, and no direct sound mode",
    ),
    _wire(
        "reference_level",
        _spaced("PSREFLEV", _words(("0", "0"), ("5", "5"), ("10", "10"), ("15", "15"))),
        needs="it acts only while dynamic_eq is ON",
    ),
    _wire(
        "drc",
        _spaced(
            "PSDRC", _words(("OFF", "off"), ("AUTO", "auto"), ("LOW", "low"), ("MID", "mid"), ("HI", "high"))
        ),
        needs=_CODED,
    ),
    _wire(
        "restorer",
        _spaced("PSRSTR", _words(("OFF", "off"), ("LOW", "low"), ("MED", "medium"), ("HI", "high"))),
        # Before 2015; 1 is for the most compressed music ("RESTORER 64"), 3 for the least ("RESTORER HQ").
        # Not seen on a receiver yet.
        _spaced("PSRSTR", _words(("OFF", "off"), ("MODE3", "low"), ("MODE2", "medium"), ("MODE1", "high"))),
        needs="it acts only on compressed or two-channel sources",
    ),
    _wire("eco", Form("ECO", "ECO?", _words(("ON", "on"), ("AUTO", "auto"), ("OFF", "off")))),
    _wire(
        "dimmer",
        _spaced("DIM", _words(("BRI", "bright"), ("DIM", "dim"), ("DAR", "dark"), ("OFF", "off"))),
    ),
    _wire(PICTURE, Form("SV", "SV?", _words(("ON", "on"), ("OFF", "off")))),
    _wire(PICTURE_SOURCE, Form("SV", "SV?", Codec(_source, _name)), first=(PICTURE, "on")),
    _wire(
        "auto_standby",
        Form("STBY", "STBY?", _words(("OFF", 0.0), ("15M", 15.0), ("30M", 30.0), ("60M", 60.0))),
    ),
    # `PSDEL` is the delay time of sound modes: only the space parts the two.
    _wire("audio_delay", _spaced("PSDELAY", _digits(3, 0, 200))),
    _wire(
        QUICK_SELECT,
        Form("MSQUICK", "MSQUICK ?", _digits(1, 0, 5)),
        Form("MSSMART", "MSSMART ?", _digits(1, 0, 5)),  # Marantz
    ),
)  # fmt: skip
BY_NAME: Final = {wire.name: wire for wire in WIRES}

_READERS: Final[dict[str, list[tuple[Wire, int, Form]]]] = {}
for _row in WIRES:
    for _number, _form in enumerate(_row.forms):
        _READERS.setdefault(_form.head[:2], []).append((_row, _number, _form))


# -- a line to a value and back ------------------------------------------------------------------------


def parse(line: str) -> SettingChange | None:
    """What a line says of a setting, or `None`."""
    for wire, number, form in _READERS.get(line[:2], ()):
        if not line.startswith(form.head):
            continue
        text = line[len(form.head) :].rstrip(" ")
        if (value := form.codec.decode(text)) is not None:
            alone = all(
                other is form or other.head != form.head or other.codec.decode(text) is None
                for other in wire.forms
            )
            return SettingChange(wire.name, value, number if alone else None)
    return None


def encode(change: SettingChange, form: int | None = None) -> tuple[str, ...]:
    """The commands that ask for this, the likeliest first, without CR; one once the form is known.

    What a receiver does not understand it ignores. Raises ValueError on what the table does not have.
    """
    forms = BY_NAME[change.name].forms
    lines = [
        f"{one.head}{text}"
        for one in (forms if form is None else [forms[form]])
        if (text := one.codec.encode(change.value)) is not None
    ]
    if not lines:
        raise ValueError(f"{change.name} cannot be set to {change.value!r}")
    return tuple(dict.fromkeys(lines))


def questions(name: str, form: int | None = None) -> tuple[str, ...]:
    """The texts that ask for a setting, the likeliest first."""
    forms = BY_NAME[name].forms
    return tuple(dict.fromkeys(one.ask for one in (forms if form is None else [forms[form]])))


# -- parts and wholes ----------------------------------------------------------------------------------

_SWITCHES: Final = {"dialog_level": DIALOG_SWITCH, "subwoofer_level": SUBWOOFER_SWITCH}
_PARTS: Final = frozenset({*_SWITCHES.values(), PICTURE_SOURCE})
NAMES: Final = tuple(wire.name for wire in WIRES if wire.name not in _PARTS)
"""The settings in the contract's words."""


def whole_of(name: str) -> str:
    """The setting that a part belongs to; any other is its own."""
    return name.partition(" ")[0]


def wholes(heard: Mapping[str, SettingValue]) -> dict[str, SettingValue]:
    """Settings as the contract has them, put together from what was heard by wire name."""
    found = {name: value for name, value in heard.items() if name not in _PARTS}
    for name, switch in _SWITCHES.items():
        if heard.get(switch) is False:
            found[name] = 0.0
    if found.get(PICTURE) == "on" and PICTURE_SOURCE in heard:
        found[PICTURE] = heard[PICTURE_SOURCE]
    return found


def wanted(name: str, value: SettingValue) -> SettingChange:
    """The change of the wire that a setting's new value is. Raises KeyError for a name the table lacks."""
    if name == PICTURE and value not in {"on", "off"}:
        name = PICTURE_SOURCE
    return SettingChange(BY_NAME[name].name, value)


def before(change: SettingChange) -> SettingChange | None:
    """What must be so before this change can act."""
    first = BY_NAME[change.name].first
    return None if first is None else SettingChange(*first)


def words_of(value: SettingValue) -> str:
    """A value as it is published."""
    match value:
        case bool():
            return "ON" if value else "OFF"
        case float() | int():
            return f"{value:g}"
        case _:
            return value
