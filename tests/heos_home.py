"""A HEOS system with its session, without a broker: for tests that ask the session itself."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sugartalkd.heos.session import HeosSession
from sugartalkd.model import HEOS_LINK, LinkWord, PlayerKey
from sugartalkd.simulator.heos import HeosSimulator, SimulatedPlayer
from sugartalkd.state import StateStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from sugartalkd.model import FoundPlayer

LIVING: Final = 1001
KITCHEN: Final = -2002
LIVING_KEY: Final = PlayerKey("SIM-LIVING")
KITCHEN_KEY: Final = PlayerKey("SIM-KITCHEN")


@dataclass
class HeosHome:
    """Two players and the session that follows them; `accounts` has every account that was told."""

    heos: HeosSimulator
    session: HeosSession
    store: StateStore
    accounts: list[str | None] = field(default_factory=list[str | None])

    @property
    def kitchen(self) -> SimulatedPlayer:
        return self.heos.players[KITCHEN]

    def online(self) -> bool:
        return self.store.links[HEOS_LINK].word is LinkWord.ONLINE


async def until(condition: Callable[[], object], seconds: float = 3.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for happens in several objects
            await asyncio.sleep(0.01)


@asynccontextmanager
async def heos_home(
    address: str,
    *,
    account: tuple[str, str] | None = None,
    prepare: Callable[[HeosSimulator], None] = lambda _heos: None,
) -> AsyncGenerator[HeosHome]:
    """Everything is online, and it is known who is signed in; `prepare` has the system before."""
    players = [
        SimulatedPlayer("Living Room", LIVING, serial=LIVING_KEY, ip=address),
        SimulatedPlayer("Kitchen", KITCHEN, serial=KITCHEN_KEY, ip=address),
    ]
    async with HeosSimulator(players, host=address) as heos:
        prepare(heos)
        found: list[tuple[FoundPlayer, ...]] = []
        accounts: list[str | None] = []
        store = StateStore()
        session = HeosSession(
            address,
            store,
            found.append,
            username=account[0] if account else None,
            password=account[1] if account else None,
            on_account=lambda: accounts.append(session.account),
        )
        task = asyncio.create_task(session.run(), name="session")
        home = HeosHome(heos, session, store, accounts)
        try:
            await until(lambda: found and home.online() and session.account)
            yield home
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
