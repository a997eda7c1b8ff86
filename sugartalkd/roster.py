"""Which zones exist: the configured ones, or one per receiver and player found; pure but for its file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import count
from typing import TYPE_CHECKING, Final, TypeAlias

from sugartalkd import state_file
from sugartalkd.log import get_logger
from sugartalkd.model import (
    PLAYER_SCALE,
    RECEIVER_SCALE,
    ZONE_ID,
    Capability,
    FoundPlayer,
    Input,
    Owner,
    PlayerKey,
    ReceiverFacts,
    ReceiverId,
    ReceiverZone,
    Zone,
    ZoneId,
    slug,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from sugartalkd.config import Config, ZoneConfig

_log = get_logger(__name__)

SAFE_LIMIT: Final = 80.0
"""max_volume where nobody chose one: 0 dB on a receiver."""
NETWORK_INPUT: Final = "NET"
FOLLOW_MAIN_INPUT: Final = "SOURCE"
"""What zone 2 and 3 can be set to beside an input: whatever the main zone has."""

_PLAYER_CAN: Final = frozenset(
    {
        Capability.TRANSPORT,
        Capability.REPEAT,
        Capability.SHUFFLE,
        Capability.SLEEP,
        Capability.QUEUE,
        Capability.GROUP,
        Capability.ANNOUNCE,
    }
)
_VOLUME: Final = frozenset({Capability.VOLUME, Capability.MUTE})
_ZONE_CAN: Final = frozenset({Capability.POWER, Capability.INPUT, Capability.SLEEP})

_Address: TypeAlias = IPv4Address | IPv6Address | str


@dataclass(frozen=True, slots=True)
class Known:
    """An automatic zone's player as it was last seen; kept so that its id outlives absence and renaming."""

    zone: ZoneId
    """The id of its own zone, kept while it is inside a receiver; the receiver's id if it never had one."""
    key: PlayerKey
    name: str
    receiver: ReceiverId | None = None
    """Whose zone it joined; void while that receiver is not in the configuration."""


class Roster:
    """The zones of one configuration and of every player ever seen with it.

    Without `zones` in the configuration: no two zones have one id, and a receiver has at most one player.
    """

    def __init__(
        self,
        config: Config,
        path: Path,
        *,
        inputs: Sequence[str] = (),
        other_inputs: Sequence[str] = (),
        sound_modes: Sequence[str] = (),
        facts: Callable[[ReceiverId], ReceiverFacts] = lambda _receiver: ReceiverFacts(),
    ) -> None:
        """`facts` says what has been learned of a receiver until now."""
        self._config = config
        self._path = path
        self._inputs = inputs
        self._other_inputs = other_inputs
        self._sound_modes = tuple(sound_modes)
        self._facts = facts
        self._reserved = {ZoneId(receiver) for receiver in config.receivers} | {ZoneId("bridge")}
        self._known: dict[PlayerKey, Known] = {} if config.zones else _load(path)
        self._written = dict(self._known)
        self._found: tuple[FoundPlayer, ...] = ()
        self._addresses: Mapping[ReceiverId, Collection[str]] = {}
        self._warned: set[tuple[str, ...]] = set()
        self._mend()

    def found(self, players: Iterable[FoundPlayer], addresses: Mapping[ReceiverId, Collection[str]]) -> None:
        """Take the players that are present; new ones get an id, which is written down.

        `addresses` has every address of a receiver, and nothing for one whose addresses are not known yet.
        """
        # Keys are serial numbers: what a player gets must not depend on the order in which HEOS lists them.
        self._found = tuple(sorted(players, key=lambda one: (one.key, one.pid)))
        self._addresses = addresses
        if self._config.zones:
            self._check_wishes()
            return
        present = {player.key: player for player in self._found}
        self._take_over(present)
        inside = self._inside(present, addresses)
        for key, player in present.items():
            receiver = inside.get(key)
            old = self._known.get(key)
            if old is None:
                taken = {known.zone for known in self._known.values()}
                new = Known(ZoneId(receiver or slug(player.name)), key, player.name, receiver)
                self._known[key] = self._settled(new, taken)
                continue
            new = replace(old, name=player.name)
            if receiver is not None:
                # An id that is another receiver's was never this player's own: it moves along.
                new = self._settled(replace(new, receiver=receiver), ())
            elif self._receiver_of(old) is not None:
                _log.info("a player is no longer inside its receiver", player=new.name, receiver=old.receiver)
                new = self._parted(new)
            self._known[key] = new
        self._write()

    def forget(self, zone: ZoneId) -> list[PlayerKey]:
        """Drop an automatic zone's player from memory; nothing if the zone is not one of those.

        A receiver's zone is in the configuration and stays: only a player that is gone is taken out of it.
        """
        present = {player.key for player in self._found}
        keys: list[PlayerKey] = []
        for known in self._known.values():
            receiver = self._receiver_of(known)
            if zone == (receiver or known.zone) and (receiver is None or known.key not in present):
                keys.append(known.key)
        for key in keys:
            del self._known[key]
        self._write()
        return keys

    def zones(self) -> tuple[Zone, ...]:
        """Every zone there is, present or not."""
        if self._config.zones:
            answers = self._answers()
            return tuple(
                self._configured(ZoneId(zone), one, answers.get(zone))
                for zone, one in self._config.zones.items()
            )
        joined: dict[ReceiverId, Known] = {}
        players: list[Zone] = []
        for known in self._known.values() if self._config.heos is not None else ():
            receiver = self._receiver_of(known)
            if receiver is None:
                players.append(
                    self._zone(
                        known.zone, known.name, None, ReceiverZone.MAIN, known.key, known.name, inside=False
                    )
                )
            else:
                joined[receiver] = known
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
                    inside=known is not None,
                )
            )
        return (*receivers, *players)

    # -- inside: automatic zones ---------------------------------------------------------------------

    def _receiver_of(self, known: Known) -> ReceiverId | None:
        """The receiver whose zone a player is in, if the configuration still has it."""
        return known.receiver if known.receiver in self._config.receivers else None

    def _mend(self) -> None:
        """Settle what was written down under another configuration, or by an older release."""
        taken: set[ZoneId] = set()
        joined: set[ReceiverId] = set()
        for key, old in sorted(self._known.items()):
            if old.receiver is None or old.receiver not in joined:
                new = self._settled(old, taken)
            else:
                new = self._parted(old)
            self._known[key] = new
            if new.zone != old.zone:
                _log.warning(
                    "the id of a player's zone belongs to another zone now; it gets a new one",
                    player=old.name,
                    old=old.zone,
                    new=new.zone,
                )
            taken.add(new.zone)
            if new.receiver is not None:
                joined.add(new.receiver)

    def _parted(self, known: Known) -> Known:
        """A player that is no longer inside its receiver; it needs an id if it only had the receiver's."""
        zone = ZoneId(slug(known.name)) if known.zone == known.receiver else known.zone
        others = {one.zone for one in self._known.values() if one.key != known.key}
        return self._settled(replace(known, zone=zone, receiver=None), others)

    def _settled(self, known: Known, taken: Collection[ZoneId]) -> Known:
        """The same with an id that nobody else has: its own, its receiver's, or a new one."""
        receiver = self._receiver_of(known)
        if known.zone == receiver or not (known.zone in self._reserved or known.zone in taken):
            return known
        if receiver is not None:
            return replace(known, zone=ZoneId(receiver))
        everyone = self._reserved | {one.zone for one in self._known.values()}
        numbered = (ZoneId(f"{known.zone[: 63 - len(str(number))]}_{number}") for number in count(2))
        return replace(known, zone=next(zone for zone in numbered if zone not in everyone))

    def _take_over(self, present: Mapping[PlayerKey, FoundPlayer]) -> None:
        """Firmware that learns to tell the serial number must not cost a player its id."""
        for key, player in present.items():
            before = PlayerKey(f"name:{player.name}")
            if key == player.serial and key not in self._known and before not in present:
                old = self._known.pop(before, None)
                if old is not None:
                    self._known[key] = replace(old, key=key)

    def _inside(
        self, present: Mapping[PlayerKey, FoundPlayer], addresses: Mapping[ReceiverId, Collection[str]]
    ) -> dict[PlayerKey, ReceiverId]:
        """Which player is inside which receiver: who was, even if absent now, until it is seen elsewhere."""
        receivers = [ReceiverId(name) for name in self._config.receivers]
        where = {receiver: {_address(one) for one in addresses.get(receiver, ())} for receiver in receivers}
        inside: dict[PlayerKey, ReceiverId] = {}
        for key, known in self._known.items():
            receiver = self._receiver_of(known)
            player = present.get(key)
            if receiver is not None and not (player and _elsewhere(player.address, where[receiver])):
                inside[key] = receiver
        for key, player in present.items():
            if key in inside or not player.address:
                continue
            here = [receiver for receiver in receivers if _address(player.address) in where[receiver]]
            free = [receiver for receiver in here if receiver not in inside.values()]
            if free:
                inside[key] = free[0]
            elif here:
                self._warn_once(
                    "another player is joined to the receiver at this player's address, so this one has its "
                    "own zone; if the other one is gone for good, zone/forget of the receiver's zone",
                    player=player.name,
                    receiver=here[0],
                )
        return inside

    def _write(self) -> None:
        if self._known != self._written:
            _save(self._path, self._known)
            self._written = dict(self._known)

    # -- inside: configured zones --------------------------------------------------------------------

    def _answers(self) -> dict[str, FoundPlayer]:
        """The player of each configured zone that has one present; a player is in one zone only."""
        answers: dict[str, FoundPlayer] = {}
        taken: set[PlayerKey] = set()
        for zone, one in self._config.zones.items():
            for player in self._found:
                if one.player is not None and player.answers_to(one.player) and player.key not in taken:
                    answers[zone] = player
                    taken.add(player.key)
                    break
        return answers

    def _check_wishes(self) -> None:
        """Warn of what the configuration alone cannot show: a player wished twice, or not there at all."""
        answers = self._answers()
        zone_of = {player.key: zone for zone, player in answers.items()}
        names = ", ".join(sorted(player.name for player in self._found))
        for zone, one in self._config.zones.items():
            if one.player is None or zone in answers or not self._found:
                continue
            twice = next((player for player in self._found if player.answers_to(one.player)), None)
            if twice is None:
                self._warn_once(
                    "the HEOS system has no such player", zone=zone, player=one.player, players=names
                )
            else:
                self._warn_once(
                    "two zones wish the same player; the first one has it",
                    zone=zone,
                    player=one.player,
                    first=zone_of[twice.key],
                )

    def _warn_once(self, text: str, **fields: str) -> None:
        """Players are found again and again; what does not change is said once."""
        if (said := (text, *fields.values())) not in self._warned:
            self._warned.add(said)
            _log.warning(text, **fields)

    def _configured(self, zone: ZoneId, config: ZoneConfig, player: FoundPlayer | None) -> Zone:
        key = None
        if config.player is not None:
            # Until a player answers to this, no PlayerState has this key: the player is away.
            key = PlayerKey(f"wished:{config.player}") if player is None else player.key
        owner = {"receiver": Owner.RECEIVER, "player": Owner.PLAYER}.get(config.volume)
        receiver = None if config.receiver is None else ReceiverId(config.receiver)
        where = set[_Address]() if receiver is None else set(map(_address, self._addresses.get(receiver, ())))
        return self._zone(
            zone,
            config.name or zone,
            receiver,
            ReceiverZone(config.receiver_zone),
            key,
            config.player if player is None else player.name,
            inside=player is not None and bool(player.address) and _address(player.address or "") in where,
            owner=owner,
            max_volume=config.max_volume,
            player_input=NETWORK_INPUT if config.player_input == "auto" else config.player_input,
            names=config.inputs,
            configured=True,
        )

    # -- inside: any zone ----------------------------------------------------------------------------

    def _zone(
        self,
        zone: ZoneId,
        name: str,
        receiver: ReceiverId | None,
        receiver_zone: ReceiverZone,
        player: PlayerKey | None,
        player_name: str | None,
        *,
        inside: bool,
        owner: Owner | None = None,
        max_volume: float | str | None = "auto",
        player_input: str = NETWORK_INPUT,
        names: Mapping[str, str] | None = None,
        configured: bool = False,
    ) -> Zone:
        if owner is None:
            owner = Owner.PLAYER if receiver is None else Owner.RECEIVER
        capabilities = _VOLUME
        facts = ReceiverFacts() if receiver is None else self._facts(receiver)
        settings = facts.settings if receiver_zone is ReceiverZone.MAIN else ()
        if receiver is not None:
            capabilities |= _ZONE_CAN
            if receiver_zone is ReceiverZone.MAIN:
                capabilities |= {Capability.SOUND_MODE}
            if settings:
                capabilities |= {Capability.SETTINGS}
        if player is not None:
            capabilities |= _PLAYER_CAN
            if self._config.plex is not None:
                capabilities |= {Capability.ARTWORK}
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
            inside,
            owner,
            RECEIVER_SCALE if owner is Owner.RECEIVER else PLAYER_SCALE,
            None if max_volume is None else float(max_volume),
            () if receiver is None else self._all_inputs(names or {}, receiver_zone, facts),
            self._sound_modes if Capability.SOUND_MODE in capabilities else (),
            settings,
            capabilities=frozenset(capabilities),
            configured=configured,
        )

    def _all_inputs(
        self, names: Mapping[str, str], zone: ReceiverZone, facts: ReceiverFacts
    ) -> tuple[Input, ...]:
        """Every input that may be chosen; those of other models and those out of use are not for show."""
        called = {receiver_name: shown for shown, receiver_name in names.items()}
        known = [(name, False) for name in self._inputs] + [(name, True) for name in self._other_inputs]
        if zone is not ReceiverZone.MAIN:
            known.append((FOLLOW_MAIN_INPUT, False))
        known += [(name, False) for name in called if name not in {one for one, _ in known}]
        return tuple(
            Input(
                name,
                called.get(name, name),
                facts.labels.get(name),
                hidden=(hidden or name in facts.hidden) and name not in called,
            )
            for name, hidden in known
        )


def _address(text: str) -> _Address:
    """An address by its value: an IPv4-mapped IPv6 address is the IPv4 one, a scope is only our own."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return text
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _elsewhere(text: str | None, where: Collection[_Address]) -> bool:
    """Whether a player cannot be at any of these addresses; an IPv4 address says nothing about IPv6 ones."""
    if not text:
        return False
    address = _address(text)
    return address not in where and any(type(one) is type(address) for one in where)


def _load(path: Path) -> dict[PlayerKey, Known]:
    """What was written down."""
    known: dict[PlayerKey, Known] = {}
    for key, one in state_file.load(path).items():
        match one:
            case {"zone": str(zone), "name": str(name)} if ZONE_ID.fullmatch(zone):
                receiver = one.get("receiver")
                joined = ReceiverId(receiver) if isinstance(receiver, str) else None
                known[PlayerKey(key)] = Known(ZoneId(zone), PlayerKey(key), name, joined)
            case _:
                _log.warning("an entry of the list of known zones is not valid", file=str(path), player=key)
    return known


def _save(path: Path, known: Mapping[PlayerKey, Known]) -> None:
    content = {
        one.key: {"zone": one.zone, "name": one.name, "receiver": one.receiver} for one in known.values()
    }
    state_file.save(path, content, "the list of known zones cannot be written; ids may change")
