"""A HEOS system of three players, a zone for each, and the session that follows them: nothing else."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sugartalkd.heos.session import HeosSession
from sugartalkd.merge import ZoneState
from sugartalkd.model import PlayerKey, Transport, Zone, ZoneGroup, ZoneId
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
ALONE: Final = ZoneGroup()


def key(pid: int) -> PlayerKey:
    """What a player keeps: its serial, whatever its pid becomes."""
    return PlayerKey(f"SIM-{NAMES[pid]}")


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
class Home:
    """Three players, a zone for each, and the session that follows them."""

    heos: HeosSimulator
    store: StateStore
    session: HeosSession
    seen: Seen

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
async def home(
    address: str, prepare: Callable[[HeosSimulator], None] = lambda _heos: None, *, players: int = 3
) -> AsyncGenerator[Home]:
    simulated = [
        SimulatedPlayer(name.title(), pid, serial=key(pid), level=20, ip=address)
        for pid, name in list(NAMES.items())[:players]
    ]
    store, seen = StateStore(), Seen()
    store.listen(seen)

    def found(_players: tuple[FoundPlayer, ...]) -> None:
        for pid, name in NAMES.items():
            store.put_zone(Zone(ZoneId(name), name, player=key(pid)))

    async with HeosSimulator(simulated, host=address) as heos:
        prepare(heos)
        session = HeosSession(address, store, found, timeout=1.0)
        running = asyncio.create_task(session.run(), name="session")
        try:
            one = Home(heos, store, session, seen)
            await until(lambda: len(store.zones) == len(NAMES))
            await until(lambda: all(one.zone(pid).player_up for pid in heos.players))
            yield one
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def songs(*names: str) -> list[SimulatedItem]:
    return [SimulatedItem(name, "Album", "Artist", duration_ms=300_000) for name in names]
