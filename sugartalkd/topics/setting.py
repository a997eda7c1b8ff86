"""The receiver settings of the contract: a closed list, each with what it takes and what it tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, assert_never

from sugartalkd.command import SetSetting, Toggle
from sugartalkd.errors import OutOfRange, UnknownAction
from sugartalkd.topics import payload
from sugartalkd.topics.payload import ON_OFF, TEXT, numbers, words
from sugartalkd.topics.row import AnyStateRow, SettingRow, StateRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from sugartalkd.merge import ZoneState
    from sugartalkd.model import Json, ReceiverState, SettingValue, Unheard, Zone

_V = TypeVar("_V", bool, float, str)

PREFIX: Final = "setting/"


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off."""


@dataclass(frozen=True, slots=True)
class Range:
    """A number from `low` to `high`, rounded to `step`."""

    low: float
    high: float
    step: float
    unit: str


@dataclass(frozen=True, slots=True)
class Steps:
    """One of a few numbers; what the rest of the scale means nobody could tell."""

    values: tuple[int, ...]
    unit: str


@dataclass(frozen=True, slots=True)
class Words:
    """One of these words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recall:
    """One of the receiver's memories, 1 to `last`; it reports 0 while none of them is in force."""

    last: int


@dataclass(frozen=True, slots=True)
class Picture:
    """Where the picture comes from: `off` = from the input, `on` = from elsewhere, or from which input."""


Kind: TypeAlias = Switch | Range | Steps | Words | Recall | Picture


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """One setting: what it is, and what it can be."""

    name: str
    summary: str
    kind: Kind

    @property
    def path(self) -> str:
        """Its topic below the zone."""
        return f"{PREFIX}{self.name}"

    def parse(self, given: Json) -> SetSetting:
        """A payload as a command. Raises BadPayload or OutOfRange."""
        return SetSetting(self.name, self._value(given))

    def _value(self, given: Json) -> SettingValue | Toggle:
        match self.kind:
            case Switch():
                return payload.on_off(given, self.name)
            case Range(low, high, step):
                return payload.number(given, self.name, low, high, step)
            case Steps(values):
                known = {str(value): value for value in values}
                text = payload.as_text(given, self.name).casefold()
                return float(payload.word("0" if text == "off" else text, self.name, known))
            case Words(listed):
                return payload.word(given, self.name, {one: one for one in listed})
            case Recall(last):
                wished = payload.number(given, self.name, 0, last, 1)
                if not wished:
                    raise OutOfRange(
                        f"{self.name} takes 1 to {last}: a receiver can say 0, none, but not take it"
                    )
                return wished
            case Picture():
                text = payload.name(given, self.name)
                return text.casefold() if text.casefold() in {"on", "off"} else text
            case _:
                assert_never(self.kind)

    @property
    def takes(self) -> str:
        """What may be sent, in words."""
        match self.kind:
            case Switch():
                return "`ON` \\| `OFF` \\| `toggle`"
            case Recall(last):
                return f"1…{last}"
            case _:
                return self.tells

    @property
    def tells(self) -> str:
        """What is published, in words."""
        match self.kind:
            case Switch():
                return ON_OFF.words
            case Range(low, high, step, unit):
                return f"{low:g}…{high:g} {unit}, step {step:g}"
            case Steps(values, unit):
                return " \\| ".join(f"`{value}`" for value in values) + f" {unit}"
            case Words(listed):
                return words(*listed).words
            case Recall(last):
                return f"0…{last}, 0 = none"
            case Picture():
                return "`on` \\| `off` \\| an input's name"
            case _:
                assert_never(self.kind)

    def has(self, zone: Zone) -> bool:
        """Whether this zone's receiver has been heard to know it."""
        return self.name in zone.settings

    def state_row(self) -> AnyStateRow:
        """The row of what it tells."""
        match self.kind:
            case Switch():
                return StateRow(self.path, self.summary, ON_OFF, _read(self.name, bool), self.has)
            case Range() | Steps() | Recall():
                return StateRow(
                    self.path, self.summary, numbers(self.tells), _read(self.name, float), self.has
                )
            case Words(listed):
                return StateRow(self.path, self.summary, words(*listed), _read(self.name, str), self.has)
            case Picture():
                kind = payload.Kind(self.tells, TEXT.to_json, TEXT.to_text)
                return StateRow(self.path, self.summary, kind, self._picture, self.has)
            case _:
                assert_never(self.kind)

    def setting_row(self) -> SettingRow:
        """The row of what it takes."""
        return SettingRow(self.path, self.summary, self.takes, self.parse)

    def _picture(self, state: ZoneState) -> str | Unheard | None:
        heard = _read(self.name, str)(state)
        return state.zone.input_name(heard) if isinstance(heard, str) else heard


def _read(name: str, kind: type[_V]) -> Callable[[ZoneState], _V | Unheard | None]:
    """How to find a setting in a zone's state; a value of another kind than the setting's is none."""

    def read(state: ZoneState) -> _V | Unheard | None:
        def of(part: ReceiverState) -> _V | None:
            value = part.settings.get(name)
            return value if isinstance(value, kind) else None

        return state.from_receiver(of, late=True)

    return read


_CHANNELS: Final = {
    "fl": "front left", "fr": "front right", "c": "centre", "sw": "subwoofer",
    "sl": "surround left", "sr": "surround right",
    "sbl": "surround back left", "sbr": "surround back right", "sb": "surround back",
    "fhl": "front height left", "fhr": "front height right",
    "tfl": "top front left", "tfr": "top front right", "tmr": "top middle right", "tml": "top middle left",
    "fdl": "front Dolby left", "fdr": "front Dolby right",
    "sdl": "surround Dolby left", "sdr": "surround Dolby right",
}  # fmt: skip
CHANNELS: Final = tuple(_CHANNELS)
"""Speakers as their channel level is called."""

_TONE: Final = Range(-6, 6, 1, "dB")
_LEVEL: Final = Range(-12, 12, 0.5, "dB")

SPECS: Final = (
    SettingSpec("dynamic_eq", "Audyssey Dynamic EQ; needs MultEQ", Switch()),
    SettingSpec("cinema_eq", "Cinema EQ: softer highs of films", Switch()),
    SettingSpec("loudness_management", "Loudness management of Dolby and DTS sources", Switch()),
    SettingSpec("tone_control", "Whether bass and treble act", Switch()),
    SettingSpec("graphic_eq", "Graphic EQ", Switch()),
    SettingSpec("headphone_eq", "Headphone EQ", Switch()),
    SettingSpec("center_spread", "Centre spread of Dolby Surround", Switch()),
    SettingSpec("neural_x", "DTS Neural:X", Switch()),
    SettingSpec("subwoofer", "Subwoofer in direct and two-channel stereo modes", Switch()),
    SettingSpec("all_zone_stereo", "The main zone's stereo in every zone", Switch()),
    SettingSpec("bass", "Bass; acts while tone control is on", _TONE),
    SettingSpec("treble", "Treble; acts while tone control is on", _TONE),
    SettingSpec("dialog_level", "Dialogue level; 0 also while its adjustment is off", _LEVEL),
    SettingSpec("subwoofer_level", "Subwoofer level; 0 also while its adjustment is off", _LEVEL),
    *(
        SettingSpec(f"channel_level_{code}", f"Level of the {speaker} speaker", _LEVEL)
        for code, speaker in _CHANNELS.items()
    ),
    SettingSpec("lfe", "Level of the low frequency effects channel", Range(-10, 0, 1, "dB")),
    SettingSpec(
        "dynamic_volume", "Audyssey Dynamic Volume; needs MultEQ", Words(("off", "light", "medium", "heavy"))
    ),
    SettingSpec("multeq", "Audyssey MultEQ", Words(("off", "audyssey", "bypass_lr", "flat"))),
    SettingSpec(
        "reference_level", "Reference level offset of Dynamic EQ in dB", Words(("0", "5", "10", "15"))
    ),
    SettingSpec("drc", "Dynamic range compression", Words(("off", "auto", "low", "mid", "high"))),
    SettingSpec("restorer", "Restorer for compressed music", Words(("off", "low", "medium", "high"))),
    SettingSpec("eco", "Eco mode", Words(("on", "auto", "off"))),
    SettingSpec("dimmer", "Brightness of the display", Words(("bright", "dim", "dark", "off"))),
    SettingSpec("video_select", "Whether the picture comes from another input than the sound", Picture()),
    SettingSpec(
        "auto_standby", "Standby after so many minutes without use, 0 = never", Steps((0, 15, 30, 60), "min")
    ),
    SettingSpec("audio_delay", "Delay of the sound", Range(0, 200, 1, "ms")),
    SettingSpec(
        "quick_select",
        "Quick select (Marantz: smart select): input, volume and sound mode at once",
        Recall(5),
    ),
)
BY_NAME: Final = {spec.name: spec for spec in SPECS}


def unknown(name: str) -> UnknownAction:
    """The refusal of a setting that the contract does not have."""
    hint = payload.did_you_mean(name, BY_NAME) or f"; there are {', '.join(BY_NAME)}"
    return UnknownAction(f"there is no setting {name[:64]!r}{hint}")
