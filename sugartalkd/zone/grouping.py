"""A change of a group to the whole group that HEOS is to be told; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sugartalkd.command import ChangeGroup, GroupChange
from sugartalkd.errors import UnknownZone, Unsupported
from sugartalkd.model import Capability, PlayerKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sugartalkd.merge import ZoneState
    from sugartalkd.model import PlayerGroup, Zone, ZoneId


class Grouping(NamedTuple):
    """Who leads, and everybody else."""

    leader: PlayerKey
    others: tuple[PlayerKey, ...]


def grouping(command: ChangeGroup, zone: Zone, zones: Mapping[ZoneId, ZoneState]) -> Grouping:
    """The group that a zone's command asks for. A member's group is its leader's.

    Raises UnknownZone or Unsupported for what cannot be grouped, before anything moves.
    """
    me = _player(zone.id, zones)
    wished = [_player(one, zones) for one in command.zones]
    if command.change is GroupChange.SET:
        return _group(me, wished)
    if command.change is GroupChange.JOIN:
        target = command.zones[0]
        group = _present(target, zones)
        return _group(wished[0], [me]) if group is None else _group(group.leader, [*group.members, me])
    group = _present(zone.id, zones)
    leader, members = (me, ()) if group is None else (group.leader, group.members)
    if command.change is GroupChange.ADD:
        return _group(leader, [*members, *wished])
    # Without its leader a group is none: what it played was the leader's.
    return _group(leader, [] if leader in wished else [key for key in members if key not in wished])


def _group(leader: PlayerKey, members: list[PlayerKey]) -> Grouping:
    return Grouping(leader, tuple(key for key in dict.fromkeys(members) if key != leader))


def _present(zone: ZoneId, zones: Mapping[ZoneId, ZoneState]) -> PlayerGroup | None:
    part = zones[zone].player_up
    return None if part is None else part.group


def _player(zone: ZoneId, zones: Mapping[ZoneId, ZoneState]) -> PlayerKey:
    state = zones.get(zone)
    if state is None:
        known = ", ".join(sorted(zones))
        raise UnknownZone(f"there is no zone {zone[:64]!r} to group with; there is {known}")
    if state.zone.player is None or Capability.GROUP not in state.zone.capabilities:
        raise Unsupported(f"{zone} cannot be grouped: it has no HEOS player")
    return state.zone.player
