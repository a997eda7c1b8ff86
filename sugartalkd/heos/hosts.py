"""Which other devices of a HEOS system can be asked when the one that is configured does not answer; pure."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sugartalkd.model import FoundPlayer, PlayerKey


class Hosts:
    """Addresses that the system told, kept for the run: any device speaks for all of them (heos.md 1.3)."""

    def __init__(self) -> None:
        self._by_player: dict[PlayerKey, str] = {}
        self._turn = 0

    def learn(self, players: Iterable[FoundPlayer], through: str) -> None:
        """Take what the device at `through` said; one that lost its address says odd ones (heos.md 5)."""
        for player in players:
            if player.address is not None and _is_believed(player.address, through):
                self._by_player[player.key] = player.address

    def next_besides(self, host: str) -> str | None:
        """The next one to try after `host` did not answer, each in its turn; `None` if no other is known."""
        others = [one for one in dict.fromkeys(self._by_player.values()) if one != host]
        if not others:
            return None
        self._turn += 1
        return others[(self._turn - 1) % len(others)]


def _is_believed(address: str, through: str) -> bool:
    """Whether this can be a device in the house; one at a loopback address knows others only there."""
    try:
        told = ipaddress.ip_address(address)
    except ValueError:
        return False
    if told.is_unspecified or told.is_multicast or not told.is_private:
        return False
    return not told.is_loopback or _is_loopback(through)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
