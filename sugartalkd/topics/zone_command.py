"""What a zone can be told: one row per command topic, each with the parser of its payload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sugartalkd.command import (
    TOGGLE,
    Decibels,
    Press,
    Reread,
    SendRaw,
    SetInput,
    SetMany,
    SetMute,
    SetPower,
    SetRepeat,
    SetShuffle,
    SetSleep,
    SetSoundMode,
    SetVolume,
    Steps,
    Verb,
    ZoneCommand,
)
from sugartalkd.errors import BadPayload, SugartalkError, UnknownAction, Unsupported
from sugartalkd.model import Repeat
from sugartalkd.topics import group, payload, play, queue, room, setting
from sugartalkd.topics.row import CommandRow, SettingRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sugartalkd.model import Json, Object

SLEEP_LIMIT: Final = 120
RAW_LIMIT: Final = 134
"""Characters of one receiver command, its CR not counted (denon.md 1.1)."""

_REPEATS: Final = {repeat.value: repeat for repeat in Repeat}
_VERBS: Final[dict[str, ZoneCommand]] = {
    **{verb.value: Press(verb) for verb in Verb},
    "volume_up": SetVolume(Steps(1.0)),
    "volume_down": SetVolume(Steps(-1.0)),
    "mute_toggle": SetMute(TOGGLE),
    "power_toggle": SetPower(TOGGLE),
}


def _volume_db(given: Json) -> SetVolume:
    return SetVolume(Decibels(payload.number(given, "volume_db", -80.0, 18.0, 0.5)))


def _sleep(given: Json) -> SetSleep:
    if isinstance(given, str) and given.strip().casefold() == "off":
        return SetSleep(0)
    return SetSleep(int(payload.number(given, "sleep", 0, SLEEP_LIMIT, 1)))


SETTINGS: Final = (
    SettingRow("power", "Switch the zone", "`ON` \\| `OFF` \\| `toggle`",
               lambda given: SetPower(payload.on_off(given, "power"))),
    SettingRow("input", "Choose an input", "id, configured name or label, case ignored",
               lambda given: SetInput(payload.name(given, "input"))),
    SettingRow("sound_mode", "Choose a sound mode", "one of `sound_modes` in `bridge/zones`",
               lambda given: SetSoundMode(payload.name(given, "sound_mode"))),
    SettingRow("volume", "Set or move the volume; with `seconds` evenly over that time",
               "`35` `35.5` `50%` `+2` `-2` `up` `down`",
               lambda given: SetVolume(payload.volume(given)), room.ramp, ("seconds",)),
    SettingRow("volume_db", "Set the receiver's volume in dB", "-80.0…18.0", _volume_db),
    SettingRow("mute", "Mute", "`ON` \\| `OFF` \\| `toggle`",
               lambda given: SetMute(payload.on_off(given, "mute"))),
    SettingRow("sleep", "Switch off after so many minutes",
               "0…120, 0 = never; `fade`: seconds before in which the music goes down", _sleep, room.fade,
               ("fade",)),
    SettingRow("repeat", "Repeat", "`off` \\| `all` \\| `one`",
               lambda given: SetRepeat(payload.word(given, "repeat", _REPEATS))),
    SettingRow("shuffle", "Shuffle", "`ON` \\| `OFF` \\| `toggle`",
               lambda given: SetShuffle(payload.on_off(given, "shuffle"))),
    *group.SETTINGS,
    *(spec.setting_row() for spec in setting.SPECS),
)  # fmt: skip
"""In the order in which `<zone>/set` carries them out."""


def _set(given: str | Object) -> SetMany:
    if isinstance(given, str):
        raise BadPayload('set takes an object of attributes, such as {"power": "ON", "volume": 30}')
    known = {row.attribute: row for row in SETTINGS}
    for key in given:
        if key not in known and key != "transaction":
            raise BadPayload(f"set knows no attribute {key[:64]!r}{payload.did_you_mean(key, known)}")
    wished = tuple(
        (row.attribute, row.parse_value(given[row.attribute])) for row in SETTINGS if row.attribute in given
    )
    if not wished:
        raise BadPayload(f"set needs at least one of {', '.join(known)}")
    if "volume" in given and "volume_db" in given:
        raise BadPayload("set takes volume or volume_db, not both")
    return SetMany(wished)


def _verb(given: str | Object) -> ZoneCommand:
    wished = payload.as_text(payload.value(given, "command"), "command")
    try:
        return _VERBS[wished.casefold()]
    except KeyError:
        hint = payload.did_you_mean(wished, _VERBS)
        raise UnknownAction(
            f"command knows no verb {wished[:64]!r}{hint}; it takes {', '.join(_VERBS)}"
        ) from None


def _get(given: str | Object) -> Reread:
    """An attribute; nothing, an object without `value` or a button's PRESS mean all."""
    wished = given if isinstance(given, str) else payload.as_text(given.get("value", ""), "get")
    wished = wished.casefold()
    return Reread(None if wished in {"", "press"} else wished)


def _raw(given: str | Object) -> SendRaw:
    """One command, as the receiver takes it: letter case and spaces inside it matter."""
    key = "command" if not isinstance(given, str) and "command" in given else "value"
    line = payload.as_text(payload.value(given, key), "receiver/raw")
    if not line:
        raise BadPayload("receiver/raw needs a command, such as PSDYNEQ ?")
    if not (line.isascii() and line.isprintable()):
        raise BadPayload("a receiver takes printable ASCII only")
    if len(line) > RAW_LIMIT:
        raise BadPayload(f"the command has {len(line)} characters; receivers ignore more than {RAW_LIMIT}")
    return SendRaw(line)


COMMANDS: Final = (
    *(row.command() for row in SETTINGS),
    CommandRow("set", "Several attributes, checked whole first, stopping at the first failure",
               "JSON of attributes", _set),
    CommandRow("command", "One verb", ", ".join(f"`{verb}`" for verb in _VERBS), _verb),
    *play.COMMANDS,
    *queue.COMMANDS,
    *group.COMMANDS,
    *room.COMMANDS,
    CommandRow("get", "Ask the devices again and publish what they say", "empty, or an attribute's name",
               _get, empty=True),
    CommandRow("receiver/raw", "One command to the receiver, if the configuration has `allow_raw`; always "
               'answered, with what it said within 300 ms: `{"lines": [...]}`', "`PSDYNEQ ?`", _raw,
               replies=True),
)  # fmt: skip

ABSENT: Final[Mapping[str, type[SugartalkError]]] = {
    "position/set": Unsupported,
}
"""Commands of the contract that no zone of this version can carry out, and how they are refused."""
