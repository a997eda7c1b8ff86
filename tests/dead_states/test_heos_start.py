"""A HEOS system that is not there, or fails, when the daemon starts; during every load."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from sugartalkd.simulator.heos import HeosSimulator
from tests.dead_states.trial import HEOS, ZONES, Load, Traffic, events_go_on, hasten
from tests.house import players, running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from pathlib import Path

    from tests.house import Broker, House, Watcher


async def begin(house: House, watcher: Watcher, load: Load, there: Callable[[], Awaitable[None]]) -> None:
    """The load goes on while the daemon looks for its system for the first time; `there` brings it."""
    traffic = Traffic(house, watcher, HEOS, load)
    await watcher.until(
        lambda: watcher.text("bridge/state") == "online" and "sugartalk/kitchen" in watcher.newest
    )
    going_on = asyncio.create_task(traffic.run(), name="Task-traffic")
    await there()
    began = asyncio.get_running_loop().time()
    await watcher.wait("bridge/connection/heos", "online", 10)
    print(f"first start | {load.value} | recovered {asyncio.get_running_loop().time() - began:.2f} s")
    await watcher.wait("kitchen/availability", "online")
    back = watcher.newest["sugartalk/bridge/connection/heos"].at
    await going_on
    await traffic.all_answered()
    traffic.check_nothing_is_replayed((0.0, back))
    assert (await watcher.ask("kitchen/volume/set", "33"))["status"] == "ok"
    await watcher.wait("kitchen/volume", "33")


@pytest.mark.parametrize("load", Load)
async def test_the_first_set_up_fails(
    broker: Broker,
    watcher: Watcher,
    tmp_path: Path,
    address: str,
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Number 5: each attempt is a fresh connection, and nothing of a failed one stays open."""
    hasten(monkeypatch)

    def prepare(heos: HeosSimulator) -> None:
        heos.faults.fail("system/register_for_change_events", 11)
        heos.faults.fail("player/get_players", 11)
        heos.faults.fail("player/get_players", 13)
        heos.faults.close_during_setup = 1

    async def there() -> None:
        await watcher.wait("bridge/connection/heos", "offline")
        refused = await watcher.ask("kitchen/mute/set", "ON")
        assert refused["status"] == "ok" or refused["error_code"] == "heos_offline"

    async with running(broker, tmp_path, address, zones=ZONES, receivers=..., prepare=prepare) as house:
        await begin(house, watcher, load, there)
        await events_go_on(house, watcher)
        assert house.heos.connections <= 3


@pytest.mark.parametrize("load", Load)
async def test_nobody_is_there_at_first(
    broker: Broker,
    watcher: Watcher,
    tmp_path: Path,
    address: str,
    other_address: str,
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Number 6: connection attempts run into silence, then are refused; then the system is there."""
    hasten(monkeypatch)
    async with AsyncExitStack() as stack:
        mute = stack.enter_context(no_answer(other_address))
        house = await stack.enter_async_context(
            running(broker, tmp_path, address, zones=ZONES, receivers=..., heos={"host": other_address})
        )
        house.heos = HeosSimulator(players(other_address), host=other_address)

        async def there() -> None:
            await watcher.wait("bridge/connection/heos", "offline")
            assert "does not answer" in watcher.json("bridge/health")["links"]["heos"]["last_error"]
            assert (await watcher.ask("kitchen/mute/set", "ON"))["error_code"] == "heos_offline"
            mute.close()
            await asyncio.sleep(0.3)
            await stack.enter_async_context(house.heos)

        await begin(house, watcher, load, there)
        await events_go_on(house, watcher)


@contextmanager
def no_answer(address: str) -> Generator[ExitStack]:
    """Port 1255 of an address drops connection attempts: its queue is full. It refuses them once closed."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((address, 1255), backlog=0))
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield stack
