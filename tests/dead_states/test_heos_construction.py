"""Dead states of a HEOS connection that cannot come about (heos.md 3.2 numbers 11, 12, 13 and 16)."""

from __future__ import annotations

import ast
import asyncio
import inspect
from pathlib import Path

import pytest

from sugartalkd import heos as heos_package
from sugartalkd.heos.connection import CommandConnection, Moved
from sugartalkd.heos.connection import close as close_heos
from sugartalkd.heos.events import Events
from sugartalkd.simulator.heos import HeosSimulator
from tests.house import players


async def test_a_connection_closed_while_it_opens_stays_closed(address: str) -> None:
    """Nothing goes over it, and nobody is left to close it later."""
    async with HeosSimulator(players(address), host=address) as heos:
        gone: list[asyncio.Task[None]] = []
        connection = CommandConnection(
            address, 1.0, lambda one: gone.append(asyncio.create_task(close_heos(one), name="Task-close"))
        )
        call = asyncio.create_task(connection.call(lambda one: one.heart_beat()), name="Task-call")
        await asyncio.sleep(0)
        connection.close()
        with pytest.raises(Moved):
            await call
        await asyncio.gather(*gone)
        await asyncio.sleep(0.05)
        assert heos.connections == 0
        assert not heos.ledger


def calls() -> set[tuple[str, str]]:
    """Each method that is called in `heos/`, with the file; what is called by name alone is left out."""
    found: set[tuple[str, str]] = set()
    for file in Path(heos_package.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                clock = ast.unparse(node.func) in {"time.time", "datetime.today", "datetime.utcnow"}
                found.add(("the wall clock" if clock else node.func.attr, file.name))
    return found


def test_what_leads_to_11_12_13_and_16_is_called_in_one_place_or_none() -> None:
    found = calls()

    def where(*names: str) -> set[str]:
        return {file for name, file in found if name in names}

    # 11: only `close` disconnects, which runs in a task of its own. 12: one object, one connect.
    assert where("disconnect") == {"connection.py"}
    assert where("connect") == {"connection.py", "events.py"}
    # 13: nobody gives pyheos a callback; its own methods are overridden, all of them `async def`.
    assert not where("add_on_player_event", "add_on_heos_event", "add_on_connected", "add_on_disconnected")
    assert not where("add_on_controller_event", "add_on_group_event", "add_on_user_credentials_invalid")
    overridden = {name for name in dir(Events) if name.startswith("_on_")}
    assert all(inspect.iscoroutinefunction(getattr(Events, name)) for name in overridden)
    # 16: players come from the list alone. 14: nothing waits by the wall clock.
    assert not where("get_player_info", "get_players", "load_players")
    assert not where("the wall clock")
