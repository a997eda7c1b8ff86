"""Groups of zones that play together: who is in one, its volume, and how it is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sugartalkd.command import ChangeGroup, GroupChange, SetGroupVolume
from sugartalkd.errors import BadPayload
from sugartalkd.model import UNHEARD, ZONE_ID, Capability, ZoneGroup, ZoneId
from sugartalkd.topics import payload
from sugartalkd.topics.payload import numbers, objects
from sugartalkd.topics.row import CommandRow, SettingRow, StateRow, having

if TYPE_CHECKING:
    from collections.abc import Callable

    from sugartalkd.merge import ZoneState
    from sugartalkd.model import Json, Object, Unheard

_GROUP: Final = having(Capability.GROUP)


def _read(state: ZoneState) -> ZoneGroup | Unheard | None:
    if state.player_up is None:
        return None if state.player_settled else UNHEARD
    return state.group


def _json(group: ZoneGroup) -> Json:
    return {"leader": group.leader, "members": [*group.members]}


STATES: Final = (
    StateRow(
        "group",
        "The zones that play together with this one",
        objects('JSON: `{"leader","members"}`, `members` with the leader; alone: `null` and `[]`', _json),
        _read,
        _GROUP,
    ),
    StateRow(
        "group_volume",
        "The volume of the group that this zone leads",
        numbers("0…100"),
        lambda state: state.from_player(lambda part: part.group_volume),
        _GROUP,
    ),
)

SETTINGS: Final = (
    SettingRow(
        "group_volume",
        "The volume of the group that this zone leads",
        "0…100",
        lambda given: SetGroupVolume(payload.number(given, "group_volume", 0, 100, 1)),
    ),
)


def _change(change: GroupChange) -> Callable[[str | Object], ChangeGroup]:
    def parse(given: str | Object) -> ChangeGroup:
        wished = payload.array(payload.value(given))
        if not wished and change is not GroupChange.SET:
            raise BadPayload(f"group/{change.value} needs at least one zone id")
        zones = [payload.as_text(one, f"group/{change.value}").casefold() for one in wished]
        for zone in zones:
            if not ZONE_ID.fullmatch(zone):
                raise BadPayload(f"{zone[:64]!r} is not a zone id")
        return ChangeGroup(change, tuple(ZoneId(zone) for zone in dict.fromkeys(zones)))

    return parse


COMMANDS: Final = (
    CommandRow("group/set", "Lead exactly these zones; `[]` plays alone", "zone id, or array of them",
               _change(GroupChange.SET)),
    CommandRow("group/add", "Take zones into this zone's group", "zone id, or array of them",
               _change(GroupChange.ADD)),
    CommandRow("group/remove", "Take zones out of this zone's group; without its leader it ends",
               "zone id, or array of them", _change(GroupChange.REMOVE)),
)  # fmt: skip
