"""How soon a connection that is only half there is noticed, with the limits that the daemon has."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from tests.house import running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.house import Broker, Watcher

HEOS: Final = "bridge/connection/heos"
RECEIVER: Final = "bridge/connection/receiver/denon"


@pytest.mark.timeout(90)
async def test_half_open_is_noticed_in_time(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    """HEOS within 12 s, the receiver within 30 s; both at once, because it is a long wait."""
    loop = asyncio.get_running_loop()
    async with running(broker, tmp_path, address) as house:
        for link in (HEOS, RECEIVER):
            await watcher.wait(link, "online")
        await watcher.wait("kitchen/availability", "online")
        # The worst moment: both have just said something.
        assert (await watcher.ask("living_room/volume/set", "30"))["status"] == "ok"
        await asyncio.sleep(0.1)
        house.heos.faults.silent = house.avr.faults.silent = True
        struck = loop.time()
        noticed: dict[str, float] = {}
        for link, zone, limit in ((HEOS, "kitchen", 12), (RECEIVER, "den", 30)):
            await watcher.until(lambda link=link: watcher.text(link) != "online", limit)
            await watcher.wait(f"{zone}/availability", "offline", 1)
            noticed[link] = loop.time() - struck
        print("MEASURED", noticed)
        assert noticed[HEOS] <= 12
        assert noticed[RECEIVER] <= 30
        house.heos.faults.silent = house.avr.faults.silent = False
        for link in (HEOS, RECEIVER):
            await watcher.wait(link, "online", 30)
        await watcher.wait("kitchen/availability", "online")
        assert (await watcher.ask("kitchen/volume/set", "31"))["status"] == "ok"
        assert (await watcher.ask("living_room/volume/set", "31"))["status"] == "ok"
