"""Which zones exist: the configured ones, or one per receiver and player found; pure but for its file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from sugartalkd.log import get_logger
from sugartalkd.model import (
    PLAYER_SCALE,
    RECEIVER_SCALE,
    ZONE_ID,
    Capability,
    FoundPlayer,
    Input,
    Json,
    Owner,
    PlayerKey,
    ReceiverId,
    ReceiverZone,
    Zone,
    ZoneId,
    slug,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from sugartalkd.config import Config, ZoneConfig

_log = get_logger(__name__)

SAFE_LIMIT: Final = 80.0
"""max_volume where nobody chose one: 0 dB on a receiver."""
NETWORK_INPUT: Final = "NET"
FOLLOW_MAIN_INPUT: Final = "SOURCE"
"""What zone 2 and 3 can be set to beside an input: whatever the main zone has."""

_PLAYER_CAN: Final = frozenset({Capability.TRANSPORT, Capability.REPEAT, Capability.SHUFFLE})
_VOLUME: Final = frozenset({Capability.VOLUME, Capability.MUTE})
_ZONE_CAN: Final = frozenset({Capability.POWER, Capability.INPUT, Capability.SLEEP})


@dataclass(frozen=True, slots=True)
class Known:
    """An automatic zone's player as it was last seen; kept so that its id outlives absence and renaming."""

    zone: ZoneId
    key: PlayerKey
    name: str
    receiver: ReceiverId | None = None


class Roster:
    """The zones of one configuration and of every player ever seen with it.

    `addresses` gives the IP address of each receiver: a player at one of them joins that receiver's zone.
    """

    def __init__(
        self,
        config: Config,
        path: Path,
        *,
        inputs: Sequence[str] = (),
        other_inputs: Sequence[str] = (),
        sound_modes: Sequence[str] = (),
    ) -> None:
        self._config = config
        self._path = path
        self._inputs = inputs
        self._other_inputs = other_inputs
        self._sound_modes = tuple(sound_modes)
        self._known: dict[PlayerKey, Known] = {} if config.zones else _load(path)
        self._found: tuple[FoundPlayer, ...] = ()

    def found(self, players: Iterable[FoundPlayer], addresses: Mapping[ReceiverId, Collection[str]]) -> None:
        """Take the players that are present; new ones get an id, which is written down."""
        self._found = tuple(players)
        if self._config.zones:
            return
        before = dict(self._known)
        receivers = {address: receiver for receiver, several in addresses.items() for address in several}
        for player in sorted(self._found, key=lambda one: (one.serial or "", one.name)):
            receiver = receivers.get(player.address or "")
            old = self._known.get(player.key)
            if old is None:
                zone = ZoneId(receiver) if receiver is not None else self._new_id(player.name)
                self._known[player.key] = Known(zone, player.key, player.name, receiver)
            else:
                self._known[player.key] = Known(old.zone, player.key, player.name, receiver or old.receiver)
        if self._known != before:
            _save(self._path, self._known)

    def forget(self, zone: ZoneId) -> list[PlayerKey]:
        """Drop an automatic zone's player from memory; nothing if the zone is not one of those."""
        keys = [known.key for known in self._known.values() if known.zone == zone and known.receiver is None]
        for key in keys:
            del self._known[key]
        if keys:
            _save(self._path, self._known)
        return keys

    def zones(self) -> tuple[Zone, ...]:
        """Every zone there is, present or not."""
        if self._config.zones:
            return tuple(self._configured(ZoneId(zone), one) for zone, one in self._config.zones.items())
        joined = {known.receiver: known for known in self._known.values() if known.receiver is not None}
        receivers: list[Zone] = []
        for name in self._config.receivers:
            receiver = ReceiverId(name)
            known = joined.get(receiver)
            receivers.append(
                self._zone(
                    ZoneId(name),
                    name if known is None else known.name,
                    receiver,
                    ReceiverZone.MAIN,
                    None if known is None else known.key,
                    None if known is None else known.name,
                )
            )
        players = [
            self._zone(known.zone, known.name, None, ReceiverZone.MAIN, known.key, known.name)
            for known in self._known.values()
            if known.receiver is None or known.receiver not in self._config.receivers
        ]
        return (*receivers, *players) if self._config.heos is not None else tuple(receivers)

    # -- inside --------------------------------------------------------------------------------------

    def _new_id(self, name: str) -> ZoneId:
        taken = {known.zone for known in self._known.values()} | set(self._config.receivers) | {"bridge"}
        first = slug(name)
        candidate, count = first, 1
        while candidate in taken:
            count += 1
            candidate = f"{first[:60]}_{count}"
        return ZoneId(candidate)

    def _configured(self, zone: ZoneId, config: ZoneConfig) -> Zone:
        player = next(
            (one for one in self._found if config.player is not None and one.answers_to(config.player)), None
        )
        key = None
        if config.player is not None:
            # Until the HEOS system has been heard, no PlayerState has this key: the player is away.
            key = PlayerKey(f"wished:{config.player}") if player is None else player.key
        owner = {"receiver": Owner.RECEIVER, "player": Owner.PLAYER}.get(config.volume)
        return self._zone(
            zone,
            config.name or zone,
            None if config.receiver is None else ReceiverId(config.receiver),
            ReceiverZone(config.receiver_zone),
            key,
            config.player if player is None else player.name,
            owner=owner,
            max_volume=config.max_volume,
            player_input=NETWORK_INPUT if config.player_input == "auto" else config.player_input,
            names=config.inputs,
            configured=True,
        )

    def _zone(
        self,
        zone: ZoneId,
        name: str,
        receiver: ReceiverId | None,
        receiver_zone: ReceiverZone,
        player: PlayerKey | None,
        player_name: str | None,
        *,
        owner: Owner | None = None,
        max_volume: float | str | None = "auto",
        player_input: str = NETWORK_INPUT,
        names: Mapping[str, str] | None = None,
        configured: bool = False,
    ) -> Zone:
        if owner is None:
            owner = Owner.PLAYER if receiver is None else Owner.RECEIVER
        capabilities = _VOLUME
        if receiver is not None:
            capabilities |= _ZONE_CAN
            if receiver_zone is ReceiverZone.MAIN:
                capabilities |= {Capability.SOUND_MODE}
        if player is not None:
            capabilities |= _PLAYER_CAN
        if max_volume == "auto":
            max_volume = SAFE_LIMIT if owner is Owner.RECEIVER else None
        return Zone(
            zone,
            name,
            receiver,
            receiver_zone,
            player,
            player_name,
            player_input,
            owner,
            RECEIVER_SCALE if owner is Owner.RECEIVER else PLAYER_SCALE,
            None if max_volume is None else float(max_volume),
            () if receiver is None else self._all_inputs(names or {}, receiver_zone),
            self._sound_modes if Capability.SOUND_MODE in capabilities else (),
            frozenset(capabilities),
            configured,
        )

    def _all_inputs(self, names: Mapping[str, str], zone: ReceiverZone) -> tuple[Input, ...]:
        """Every input that may be chosen; those of other models are there, but not for show."""
        called = {receiver_name: shown for shown, receiver_name in names.items()}
        known = [(name, False) for name in self._inputs] + [(name, True) for name in self._other_inputs]
        if zone is not ReceiverZone.MAIN:
            known.append((FOLLOW_MAIN_INPUT, False))
        known += [(name, False) for name in called if name not in {one for one, _ in known}]
        return tuple(
            Input(name, called.get(name, name), hidden=hidden and name not in called)
            for name, hidden in known
        )


def _load(path: Path) -> dict[PlayerKey, Known]:
    """What was written down; a file that cannot be read is set aside, never a reason not to start."""
    try:
        found = cast("Json", json.loads(path.read_text()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _log.warning(
            "the list of known zones cannot be read; starting a new one", file=str(path), error=str(error)
        )
        return {}
    known: dict[PlayerKey, Known] = {}
    for key, one in found.items() if isinstance(found, dict) else ():
        match one:
            case {"zone": str(zone), "name": str(name)} if ZONE_ID.fullmatch(zone):
                receiver = one.get("receiver")
                joined = ReceiverId(receiver) if isinstance(receiver, str) else None
                known[PlayerKey(key)] = Known(ZoneId(zone), PlayerKey(key), name, joined)
            case _:
                _log.warning("an entry of the list of known zones is not valid", file=str(path), player=key)
    return known


def _save(path: Path, known: Mapping[PlayerKey, Known]) -> None:
    """Written beside and renamed into place: a power cut leaves the old list or the new one."""
    content = {
        one.key: {"zone": one.zone, "name": one.name, "receiver": one.receiver} for one in known.values()
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_suffix(".new")
        with beside.open("w") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        _log.error(
            "the list of known zones cannot be written; ids may change", file=str(path), error=str(error)
        )
