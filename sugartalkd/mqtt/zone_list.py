"""The list of zones on `bridge/zones`: what it says of each, and what an earlier run's one still tells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from sugartalkd.model import PLAYER_SCALE, ZONE_ID, Capability, Owner, ReceiverId, Zone, ZoneId
from sugartalkd.topics.payload import plain_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sugartalkd.model import Json


def described(zone: Zone) -> Json:
    """One element of `bridge/zones`."""
    has_volume = Capability.VOLUME in zone.capabilities
    return {
        "id": zone.id,
        "name": zone.name,
        "receiver": zone.receiver,
        "receiver_zone": None if zone.receiver is None else zone.receiver_zone.value,
        "player": zone.player_name,
        "capabilities": [one.value for one in Capability if one in zone.capabilities],
        "volume": {
            "min": plain_number(zone.scale.minimum),
            "max": plain_number(zone.scale.maximum),
            "step": plain_number(zone.scale.step),
            "max_volume": None if zone.max_volume is None else plain_number(zone.max_volume),
        }
        if has_volume
        else None,
        "inputs": [
            {"id": one.id, "name": one.name, "label": one.label, "hidden": one.hidden} for one in zone.inputs
        ],
        "sound_modes": list(zone.sound_modes),
        "settings": list(zone.settings),
    }


def retained_zones(raw: bytes) -> Iterable[Zone]:
    """What an earlier run said of its zones, as far as clearing needs it; anything odd is skipped."""
    try:
        found = cast("Json", json.loads(raw))
    except (ValueError, RecursionError):
        return
    for one in found if isinstance(found, list) else []:
        if not isinstance(one, dict):
            continue
        zone, words, volume = one.get("id"), one.get("capabilities"), one.get("volume")
        receiver, settings = one.get("receiver"), one.get("settings")
        if not isinstance(zone, str) or not ZONE_ID.fullmatch(zone):
            continue
        known = {word for word in words if isinstance(word, str)} if isinstance(words, list) else set[str]()
        maximum = volume.get("max") if isinstance(volume, dict) else None
        yield Zone(
            ZoneId(zone),
            zone,
            receiver=ReceiverId(receiver) if isinstance(receiver, str) and receiver else None,
            settings=tuple(name for name in settings if isinstance(name, str))
            if isinstance(settings, list)
            else (),
            owner=Owner.PLAYER if maximum == PLAYER_SCALE.maximum else Owner.RECEIVER,
            capabilities=frozenset(one for one in Capability if one.value in known),
        )
