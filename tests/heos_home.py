"""A HEOS system of three players, a zone for each, and the session that follows them, without a broker."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sugartalkd.heos.session import HeosSession
from sugartalkd.merge import ZoneState
from sugartalkd.model import HEOS_LINK, LinkWord, PlayerKey, Transport, Zone, ZoneGroup, ZoneId
from sugartalkd.simulator.heos import HeosSimulator, SimulatedItem, SimulatedPlayer
from sugartalkd.state import StateStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from sugartalkd.heos.player import PlayerControl
    from sugartalkd.model import FoundPlayer, LinkId, LinkState
    from sugartalkd.state import ZoneReport

LIVING: Final = 1001
KITCHEN: Final = -2002
BATH: Final = 3003
NAMES: Final = {LIVING: "living", KITCHEN: "kitchen", BATH: "bath"}
SHOWN: Final = {LIVING: "Living Room", KITCHEN: "Kitchen", BATH: "Bath"}
ALONE: Final = ZoneGroup()


def key(pid: int) -> PlayerKey:
    """What a player keeps: its serial, whatever its pid becomes."""
    return PlayerKey(f"SIM-{NAMES[pid].upper()}")


def together(*pids: int) -> ZoneGroup:
    return ZoneGroup(ZoneId(NAMES[pids[0]]), tuple(ZoneId(NAMES[pid]) for pid in pids))


@dataclass
class Seen:
    """Every state that a zone had, in order."""

    states: list[ZoneState] = field(default_factory=list[ZoneState])

    def zone_changed(self, old: ZoneState | None, new: ZoneState | None) -> None:
        if new is not None:
            self.states.append(new)

    def zone_reported(self, zone: Zone, report: ZoneReport) -> None:
        pass

    def link_changed(self, link: LinkId, old: LinkState | None, new: LinkState | None) -> None:
        pass

    def of(self, pid: int, read: Callable[[ZoneState], object]) -> list[object]:
        """What a zone showed while its player was there, one after the other."""
        values = [read(one) for one in self.states if one.zone.id == NAMES[pid] and one.player_up]
        return [value for number, value in enumerate(values) if not number or value != values[number - 1]]


@dataclass
class HeosHome:
    """The simulated system, and what came of it; `accounts` has every account that was told."""

    heos: HeosSimulator
    store: StateStore
    session: HeosSession
    seen: Seen
    accounts: list[str | None]

    @property
    def kitchen(self) -> SimulatedPlayer:
        return self.heos.players[KITCHEN]

    def online(self) -> bool:
        return self.store.links[HEOS_LINK].word is LinkWord.ONLINE

    def zone(self, pid: int) -> ZoneState:
        return self.store.zones[ZoneId(NAMES[pid])]

    def control(self, pid: int) -> PlayerControl:
        return self.session.player(key(pid))

    def groups(self) -> list[ZoneGroup | None]:
        return [self.zone(pid).group for pid in NAMES]

    def told(self, command: str) -> list[str]:
        """Whom a command was sent to, in order."""
        return [one.arguments["pid"] for one in self.heos.received(command)]

    def transport(self, pid: int) -> Transport | None:
        player = self.zone(pid).player_up
        return None if player is None else player.transport

    def group_volume(self, pid: int) -> float | None:
        player = self.zone(pid).player_up
        return None if player is None else player.group_volume


async def until(condition: Callable[[], object], seconds: float = 3.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for happens in several objects
            await asyncio.sleep(0.01)


@asynccontextmanager
async def heos_home(
    address: str,
    prepare: Callable[[HeosSimulator], None] = lambda _heos: None,
    *,
    account: tuple[str, str] | None = None,
    players: int = 3,
) -> AsyncGenerator[HeosHome]:
    """Everything is online, and it is known who is signed in; `prepare` has the system before."""
    simulated = [
        SimulatedPlayer(name, pid, serial=key(pid), level=20, ip=address)
        for pid, name in list(SHOWN.items())[:players]
    ]
    store, seen = StateStore(), Seen()
    store.listen(seen)
    accounts: list[str | None] = []

    def found(_players: tuple[FoundPlayer, ...]) -> None:
        for pid, name in NAMES.items():
            store.put_zone(Zone(ZoneId(name), name, player=key(pid)))

    async with HeosSimulator(simulated, host=address) as heos:
        prepare(heos)
        session = HeosSession(
            address,
            store,
            found,
            username=account[0] if account else None,
            password=account[1] if account else None,
            timeout=1.0,
            on_account=lambda: accounts.append(session.account),
        )
        running = asyncio.create_task(session.run(), name="session")
        try:
            home = HeosHome(heos, store, session, seen, accounts)
            await until(lambda: len(store.zones) == len(NAMES))
            await until(lambda: all(home.zone(pid).player_up for pid in heos.players) and session.account)
            yield home
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def songs(*names: str) -> list[SimulatedItem]:
    return [SimulatedItem(name, "Album", "Artist", duration_ms=300_000) for name in names]
