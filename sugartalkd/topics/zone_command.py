"""What a zone can be told: one row per command topic, each with the parser of its payload."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from sugartalkd.command import (
    TOGGLE,
    Decibels,
    PlayUrl,
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
    Setting,
    SetVolume,
    Steps,
    Verb,
    ZoneCommand,
)
from sugartalkd.errors import BadPayload, SugartalkError, UnknownAction, Unsupported
from sugartalkd.model import Repeat, Track
from sugartalkd.topics import payload, setting
from sugartalkd.topics.row import CommandRow, SettingRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sugartalkd.model import Json, Object

SLEEP_LIMIT: Final = 120
URL_LIMIT: Final = 255
"""Characters; HEOS devices cut a longer URL off (heos.md 0.2)."""

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
    SettingRow("volume", "Set or move the volume", "`35` `35.5` `50%` `+2` `-2` `up` `down`",
               lambda given: SetVolume(payload.volume(given))),
    SettingRow("volume_db", "Set the receiver's volume in dB", "-80.0…18.0", _volume_db),
    SettingRow("mute", "Mute", "`ON` \\| `OFF` \\| `toggle`",
               lambda given: SetMute(payload.on_off(given, "mute"))),
    SettingRow("sleep", "Switch off after so many minutes", "0…120, 0 = never", _sleep),
    SettingRow("repeat", "Repeat", "`off` \\| `all` \\| `one`",
               lambda given: SetRepeat(payload.word(given, "repeat", _REPEATS))),
    SettingRow("shuffle", "Shuffle", "`ON` \\| `OFF` \\| `toggle`",
               lambda given: SetShuffle(payload.on_off(given, "shuffle"))),
    *(spec.setting_row() for spec in setting.SPECS),
)  # fmt: skip
"""In the order in which `<zone>/set` carries them out."""


def _set(given: str | Object) -> SetMany:
    if isinstance(given, str):
        raise BadPayload('set takes an object of attributes, such as {"power": "ON", "volume": 30}')
    known = {row.attribute: row for row in SETTINGS}
    for key in given:
        if key not in known and key != "transaction":
            raise BadPayload(f"set knows no attribute {key[:64]!r}{_did_you_mean(key, known)}")
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
        hint = _did_you_mean(wished, _VERBS)
        raise UnknownAction(
            f"command knows no verb {wished[:64]!r}{hint}; it takes {', '.join(_VERBS)}"
        ) from None


_MEDIA: Final = ("query", "media_id", "playlist", "favorite", "url")
_ENQUEUE: Final = {word: word for word in ("replace", "now", "next", "end")}
_OPTIONS: Final = (
    "type", "title", "artist", "album", "shuffle", "enqueue", "radio", "volume", "transaction",
)  # fmt: skip


def _play(given: str | Object) -> PlayUrl:
    if isinstance(given, str):
        raise Unsupported('this version plays {"url": …}; finding music by name needs a Plex library')
    for key in given:
        if key not in {*_MEDIA, *_OPTIONS}:
            raise BadPayload(f"play knows no {key[:64]!r}{_did_you_mean(key, (*_MEDIA, *_OPTIONS))}")
    named = [key for key in _MEDIA if key in given]
    if len(named) != 1:
        raise BadPayload(
            f"play needs exactly one of {', '.join(_MEDIA)}; it got {', '.join(named) or 'none'}"
        )
    if named != ["url"]:
        raise Unsupported(f"this version plays url; {named[0]} needs a source that is not configured")
    for key in ("type", "shuffle", "radio"):
        if given.get(key) is not None and given[key] is not False:
            raise Unsupported(f"a url is one item: {key} does not apply to it")
    enqueue = payload.word(given.get("enqueue", "replace"), "enqueue", _ENQUEUE)
    if enqueue not in {"replace", "now"}:
        raise Unsupported('a url starts at once: enqueue takes "replace" or "now"')
    title, artist, album = (_shown(given, key) for key in ("title", "artist", "album"))
    return PlayUrl(
        url=_url(given["url"]),
        track=Track(title, artist, album, source="url") if title or artist or album else None,
        volume=payload.volume(given["volume"]) if given.get("volume") is not None else None,
    )


def _shown(given: Object, key: str) -> str | None:
    text = given.get(key)
    return None if text is None else payload.name(text, key)


def _url(given: Json) -> str:
    """Given to a device as it is, so nothing may be in it that a device could read as something else."""
    text = payload.as_text(given, "url")
    if len(text) > URL_LIMIT:
        raise BadPayload(f"the url has {len(text)} characters; players cut it off after {URL_LIMIT}")
    if not all("!" <= character <= "~" for character in text):
        raise BadPayload("the url has spaces or characters outside ASCII; percent-encode them")
    scheme, separator, rest = text.partition("://")
    authority = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    if scheme.casefold() != "http" or not separator or not authority:
        raise BadPayload("the url must be absolute and begin with http://")
    if "@" in authority:
        raise BadPayload("the url has user information in it; players would show it")
    return text


def _get(given: str | Object) -> Reread:
    """An attribute; nothing, an object without `value` or a button's PRESS mean all."""
    wished = given if isinstance(given, str) else payload.as_text(given.get("value", ""), "get")
    wished = wished.casefold()
    return Reread(None if wished in {"", "press"} else wished)


def _raw(given: str | Object) -> SendRaw:
    """One command, as the receiver takes it: letter case and spaces inside it matter."""
    line = payload.as_text(payload.value(given, "command"), "receiver/raw")
    if not line:
        raise BadPayload("receiver/raw needs a command, such as PSDYNEQ ?")
    if not (line.isascii() and line.isprintable()):
        raise BadPayload("a receiver takes printable ASCII only")
    if len(line) > RAW_LIMIT:
        raise BadPayload(f"the command has {len(line)} characters; receivers ignore more than {RAW_LIMIT}")
    return SendRaw(line)


def _did_you_mean(given: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(given[:64], list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _setting(row: SettingRow) -> CommandRow:
    def parse(given: str | Object) -> Setting:
        return row.parse_value(payload.value(given))

    return CommandRow(row.path, row.summary, row.payload, parse)


COMMANDS: Final = (
    *(_setting(row) for row in SETTINGS),
    CommandRow("set", "Several attributes, checked whole first, stopping at the first failure",
               "JSON of attributes", _set),
    CommandRow("command", "One verb", ", ".join(f"`{verb}`" for verb in _VERBS), _verb),
    CommandRow("play", "Play something now", 'JSON: `{"url", "title", "artist", "album", "volume"}`', _play),
    CommandRow("get", "Ask the devices again and publish what they say", "empty, or an attribute's name",
               _get, empty=True),
    CommandRow("receiver/raw", "One command to the receiver, if the configuration has `allow_raw`; the reply "
               'carries what it said within 300 ms: `{"lines": [...]}`', "`PSDYNEQ ?`", _raw),
)  # fmt: skip

ABSENT: Final[Mapping[str, type[SugartalkError]]] = {
    "position/set": Unsupported,
    "group_volume/set": Unsupported,
    "group/set": Unsupported,
    "group/add": Unsupported,
    "group/remove": Unsupported,
    "queue/clear": Unsupported,
    "queue/jump": Unsupported,
    "queue/remove": Unsupported,
    "queue/move": Unsupported,
    "queue/save": Unsupported,
    "announce": Unsupported,
}
"""Commands of the contract that no zone of this version can carry out, and how they are refused."""
