"""The configured receivers: their drivers, their addresses, and what was learned of them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from sugartalkd.model import ReceiverFacts, ReceiverId, ReceiverZone, receiver_link

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sugartalkd.config import Config, Loaded
    from sugartalkd.denon.identity import Identity
    from sugartalkd.denon.memory import ReceiverMemory
    from sugartalkd.denon.receiver import DenonReceiver
    from sugartalkd.parts import Parts
    from sugartalkd.state import StateStore
    from sugartalkd.zone.device import Receiver

LOOK_UP_INTERVAL: Final = 600.0
LOOK_AGAIN: Final = 60.0
"""Seconds between two look-ups of a receiver's name, and after one that found nothing: its address may
change, seldom."""


class Receivers:
    """`loaded` is the configuration that holds; `renew` is called when zones may look different now."""

    def __init__(
        self, store: StateStore, parts: Parts, loaded: Callable[[], Loaded], renew: Callable[[], None]
    ) -> None:
        self._store = store
        self._parts = parts
        self._loaded = loaded
        self._renew = renew
        self._drivers: dict[ReceiverId, DenonReceiver] = {}
        self._addresses: dict[ReceiverId, frozenset[str]] = {}
        self._looking_up: set[ReceiverId] = set()
        """Receivers whose address is not known yet: until then nobody can say which player is inside."""
        self._memory: ReceiverMemory | None = None
        """`None` until there is a receiver to learn something of."""

    @property
    def addresses(self) -> Mapping[ReceiverId, frozenset[str]]:
        return self._addresses

    @property
    def looking_up(self) -> bool:
        """Whether the address of any receiver is not known yet."""
        return bool(self._looking_up)

    def zone(self, receiver: ReceiverId, zone: ReceiverZone) -> Receiver:
        return self._drivers[receiver].zone(zone)

    def facts(self, receiver: ReceiverId) -> ReceiverFacts:
        """What was learned of it until now, in this run or before."""
        one = self._loaded().config.receivers.get(receiver)
        memory = self._remembered()
        return ReceiverFacts() if one is None or memory is None else memory.facts(receiver, one.host)

    def start(self, config: Config) -> None:
        for receiver in config.receivers:
            self._start(ReceiverId(receiver), config)

    def apply(self, old: Config, new: Config) -> None:
        """A receiver whose address or wanted zones changed gets a new session."""
        for name in {*old.receivers, *new.receivers}:
            receiver = ReceiverId(name)
            if _part_of(old, name) == _part_of(new, name):
                continue
            self._stop(receiver)
            if name in new.receivers:
                self._start(receiver, new)
            else:
                self._store.put_link(receiver_link(receiver), None)

    def _start(self, receiver: ReceiverId, config: Config) -> None:
        from sugartalkd.denon.identity import PORTS  # noqa: PLC0415  # only with a receiver
        from sugartalkd.denon.receiver import DenonReceiver  # noqa: PLC0415  # as above

        one = config.receivers[receiver]
        wanted = {
            ReceiverZone(zone.receiver_zone) for zone in config.zones.values() if zone.receiver == receiver
        }
        driver = DenonReceiver(
            receiver,
            one.host,
            one.port,
            self._store,
            frozenset(wanted or {ReceiverZone.MAIN}),
            share=one.share_at,
            settings_known=self.facts(receiver).settings,
            on_settings=self._settings_learned,
            poll_media=lambda zone: not self._player_tells(receiver, zone),
            http_ports=PORTS if one.http == "auto" else (),
            on_identity=self._identity_learned,
        )
        self._drivers[receiver] = driver
        self._parts.start(receiver_link(receiver), driver.run)
        self._looking_up.add(receiver)
        self._parts.start(f"address of {receiver}", lambda: self._look_up(receiver, one.host))

    def _stop(self, receiver: ReceiverId) -> None:
        self._drivers.pop(receiver, None)
        self._addresses.pop(receiver, None)
        self._looking_up.discard(receiver)
        self._parts.cancel(receiver_link(receiver))
        self._parts.cancel(f"address of {receiver}")

    def _player_tells(self, receiver: ReceiverId, zone: ReceiverZone) -> bool:
        """Whether a player of the zone carries what its present input plays, and says more about it."""
        return any(
            state.zone.player is not None
            and state.receiver is not None
            and state.receiver.input == state.zone.player_input
            for state in self._store.zones.values()
            if state.zone.receiver == receiver and state.zone.receiver_zone is zone
        )

    async def _look_up(self, receiver: ReceiverId, host: str) -> None:
        """Learn a receiver's addresses, again now and then: a player at one of them is inside it."""
        loop = asyncio.get_running_loop()
        while True:
            found: list[str] = []
            with suppress(OSError):
                found = [str(one[4][0]) for one in await loop.getaddrinfo(host, None)]
            before = None if receiver in self._looking_up else self._addresses.get(receiver)
            self._looking_up.discard(receiver)
            self._addresses[receiver] = frozenset(found) or before or frozenset()
            if self._addresses[receiver] != before:
                self._renew()
            await asyncio.sleep(LOOK_UP_INTERVAL if found else LOOK_AGAIN)

    # -- what was learned ----------------------------------------------------------------------------

    def _remembered(self) -> ReceiverMemory | None:
        loaded = self._loaded()
        if self._memory is None and loaded.config.receivers:
            from sugartalkd.denon import memory  # noqa: PLC0415  # only with a receiver

            self._memory = memory.ReceiverMemory(loaded.state_folder / memory.FILE)
        return self._memory

    def _settings_learned(self, receiver: ReceiverId, names: tuple[str, ...]) -> None:
        one, memory = self._loaded().config.receivers.get(receiver), self._remembered()
        if one is not None and memory is not None:
            memory.learn_settings(receiver, one.host, names)
            self._renew()

    def _identity_learned(self, receiver: ReceiverId, identity: Identity) -> None:
        one, memory = self._loaded().config.receivers.get(receiver), self._remembered()
        if one is not None and memory is not None:
            memory.learn_identity(receiver, one.host, identity)
            self._renew()


def _part_of(config: Config, receiver: str) -> object:
    """What of a configuration one receiver's session depends on."""
    zones = {zone.receiver_zone for zone in config.zones.values() if zone.receiver == receiver}
    return config.receivers.get(receiver), zones
