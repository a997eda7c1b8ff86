"""What the daemon itself keeps for a zone: a limit of the volume for a while, and snapshots."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sugartalkd.command import (
    DeleteSnapshot,
    EndMaxVolume,
    RampVolume,
    RestoreSnapshot,
    SaveSnapshot,
    SetMaxVolume,
    SetSleep,
    Setting,
    SetVolume,
    ZoneCommand,
)
from sugartalkd.errors import BadPayload
from sugartalkd.model import Capability
from sugartalkd.topics import payload
from sugartalkd.topics.payload import TEXT, numbers, objects, stamp
from sugartalkd.topics.row import CommandRow, StateRow, having

if TYPE_CHECKING:
    from collections.abc import Callable

    from sugartalkd.merge import ZoneState
    from sugartalkd.model import Json, Object

RAMP_LIMIT: Final = 3_600
"""Seconds that a ramp or a fade may take."""
LIMIT_MINUTES: Final = 10_080
"""Minutes that another limit may hold: a week."""
LOUDEST: Final = 100.0
_TAKES: Final = 'max_volume/set takes {"value": 60, "minutes": 90}, or auto for the configured limit'
_NAME: Final = re.compile(r"[^/+#]{1,64}")
_VOLUME: Final = having(Capability.VOLUME)


def _until(state: ZoneState) -> str | None:
    return None if state.kept.limit is None else stamp(state.kept.limit.until)


def _names(names: tuple[str, ...]) -> Json:
    return [*names]


STATES: Final = (
    StateRow(
        "max_volume",
        "What commands stop at: the limit of the moment, else the configured one",
        numbers("on the zone's own scale"),
        lambda state: state.max_volume,
        _VOLUME,
    ),
    StateRow(
        "max_volume_until",
        "When a limit that was set for a while ends",
        TEXT,
        _until,
        _VOLUME,
    ),
    StateRow(
        "snapshots",
        "The names under which the zone was remembered",
        objects("JSON array of names", _names),
        lambda state: state.kept.snapshots,
    ),
)


def ramp(setting: Setting, given: Object) -> ZoneCommand:
    """`volume/set` with `seconds`."""
    if not isinstance(setting, SetVolume) or given.get("seconds") is None:
        return setting
    seconds = payload.number(given["seconds"], "seconds", 0, RAMP_LIMIT, 0.1)
    return RampVolume(setting.change, seconds) if seconds else setting


def fade(setting: Setting, given: Object) -> ZoneCommand:
    """`sleep/set` with `fade`."""
    if not isinstance(setting, SetSleep) or given.get("fade") is None:
        return setting
    seconds = int(payload.number(given["fade"], "fade", 0, RAMP_LIMIT, 1))
    if seconds > setting.minutes * 60 > 0:
        raise BadPayload(f"a fade of {seconds} s does not fit into {setting.minutes} min")
    return SetSleep(setting.minutes, seconds)


def _max_volume(given: str | Object) -> ZoneCommand:
    if isinstance(given, str):
        if given.casefold() == "auto":
            return EndMaxVolume()
        raise BadPayload(_TAKES)
    value = payload.value(given)
    if isinstance(value, str) and value.casefold() == "auto":
        return EndMaxVolume()
    if "minutes" not in given:
        raise BadPayload(_TAKES)
    minutes = payload.number(given["minutes"], "minutes", 0.1, LIMIT_MINUTES, 0.1)
    limit = None if value is None else payload.number(value, "max_volume", 0, LOUDEST, 0.5)
    return SetMaxVolume(limit, minutes)


def _named(what: str, make: Callable[[str], ZoneCommand]) -> Callable[[str | Object], ZoneCommand]:
    def parse(given: str | Object) -> ZoneCommand:
        key = "name" if not isinstance(given, str) and "name" in given else "value"
        name = payload.name(payload.value(given, key), what)
        if not _NAME.fullmatch(name):
            raise BadPayload(f"{what} takes a name of at most 64 characters without / + #")
        return make(name)

    return parse


COMMANDS: Final = (
    CommandRow("max_volume/set", "Another limit of the volume for a while",
               'JSON: `{"value", "minutes"}`, `null` is no limit; `auto` ends it', _max_volume),
    CommandRow("snapshot/save", "Remember power, input, sound mode, volume, mute, group and queue",
               "a name", _named("snapshot/save", SaveSnapshot)),
    CommandRow("snapshot/restore", "Bring back what was remembered; `data.restored` tells what came back",
               "a name", _named("snapshot/restore", RestoreSnapshot)),
    CommandRow("snapshot/delete", "Forget what was remembered", "a name",
               _named("snapshot/delete", DeleteSnapshot)),
)  # fmt: skip
