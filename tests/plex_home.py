"""A house with a Plex server: its library in the index, and players that really fetch."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from sugartalkd.simulator.plex import PlexSimulator
from tests.house import Watcher, running
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from tests.house import Broker, House

SECONDS: Final = 3.0
"""Length of every simulated track."""


@asynccontextmanager
async def home(
    broker: Broker, folder: Path, address: str, **config: Any
) -> AsyncGenerator[tuple[House, PlexSimulator, Watcher]]:
    """A house with a small Plex library, its index complete."""
    async with (
        PlexSimulator(tracks=300, track_seconds=SECONDS) as plex,
        running(
            broker, folder, address,
            plex={"url": plex.url, "token": plex.token}, media={"port": free_port()},
            heos_settings={"fetch": True, "progress_interval": 0.5}, **config,
        ) as house,
        Watcher(broker) as watcher,
    ):  # fmt: skip
        await watcher.wait("bridge/state", "online")
        await watcher.wait("bridge/connection/plex", "online", 10)
        if not (folder / "state/library").exists() or not list((folder / "state/library").iterdir()):
            await watcher.until(lambda: events(watcher, "bridge/event", "library_synced"), 15)
        yield house, plex, watcher


def events(watcher: Watcher, topic: str, event_type: str) -> list[Any]:
    return [one.json for one in watcher.all(topic) if one.json["event_type"] == event_type]
