"""Measures the daemon with a Plex server: phrases, first byte, gap between tracks, memory; prints JSON.

python -m tests.bench.music [--tracks 10000] [--seconds 4] [--requests 500]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from sugartalkd.simulator.heos import HeosSimulator
from sugartalkd.simulator.heos_system import SimulatedPlayer
from sugartalkd.simulator.local_broker import LocalBroker
from sugartalkd.simulator.plex import PlexSimulator
from tests.bench.__main__ import percentile, resident_mb
from tests.house import Broker, Watcher
from tests.ports import free_port

if TYPE_CHECKING:
    from sugartalkd.simulator.plex_library import SimTrack

HOST: Final = "127.99.0.2"
PID: Final = 7
LIMIT: Final = 600.0
"""Seconds for a library of a million tracks to be read."""
STARTS: Final = 20
GAPS: Final = 5


class Device(HeosSimulator):
    """The simulated player, noting when something of ours stops and when it is given something."""

    stopped_at: float = 0.0
    gaps: list[float]
    given_at: float = 0.0

    def _receive(self, connection: Any, line: str) -> None:
        if "play_stream" in line:
            self.given_at = time.perf_counter()
            if self.stopped_at:
                self.gaps.append(self.given_at - self.stopped_at)
            self.stopped_at = 0.0
        super()._receive(connection, line)

    def send_event(self, command: str, message: str = "") -> None:
        if command.endswith("player_state_changed") and "state=stop" in message:
            self.stopped_at = time.perf_counter()
        super().send_event(command, message)


async def first_bytes(watcher: Watcher, device: Device, phrases: list[str]) -> dict[str, float]:
    """Milliseconds from publishing `play` to the player's GET of the audio."""
    took: list[float] = []
    for phrase in phrases[:STARTS]:
        known, began = len(device.fetches), time.monotonic()
        await watcher.publish("kitchen/play", phrase)
        async with asyncio.timeout(10):
            while len(device.fetches) == known:  # noqa: ASYNC110  # a simulator has no waiters
                await asyncio.sleep(0.001)
        took.append((device.fetches[-1].at - began) * 1000)
        await asyncio.sleep(0.3)
    return {"p50_ms": round(percentile(took, 50), 1), "max_ms": round(max(took), 1)}


async def requests(watcher: Watcher, phrases: list[str], number: int) -> dict[str, float]:
    """Milliseconds from an MQTT request to its response, one after the other."""
    took: list[float] = []
    for at in range(number):
        phrase = phrases[at % len(phrases)]
        began = time.perf_counter()
        reply = await watcher.ask("bridge/request/plex/search", {"query": phrase, "limit": 5}, 20)
        took.append((time.perf_counter() - began) * 1000)
        assert reply["data"]["total"], phrase
    return {"p50_ms": round(percentile(took, 50), 1), "p99_ms": round(percentile(took, 99), 1)}


async def gaps(watcher: Watcher, device: Device, seconds: float) -> dict[str, float]:
    """Milliseconds from the player's stop at the end of a track to its being given the next."""
    await watcher.ask("kitchen/play", "the album abbey road", 10)
    device.gaps.clear()
    async with asyncio.timeout((GAPS + 3) * (seconds + 2)):
        while len(device.gaps) < GAPS:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.05)
    took = [one * 1000 for one in device.gaps]
    return {"p50_ms": round(percentile(took, 50), 1), "max_ms": round(max(took), 1)}


def phrases_of(plex: PlexSimulator, number: int) -> list[str]:
    """Titles with their artists, spread over the library."""
    tracks: list[SimTrack] = plex.library.tracks
    step = max(1, len(tracks) // number)
    return [f"{one.title} by {one.album.artist.title}" for one in tracks[::step]][:number]


async def main(tracks: int, seconds: float, number: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = await stack.enter_async_context(LocalBroker())
        plex = await stack.enter_async_context(PlexSimulator(tracks, track_seconds=seconds))
        device = Device([SimulatedPlayer("Kitchen", PID, serial="S1", ip=HOST)], host=HOST, fetch=True)
        device.gaps = []
        await stack.enter_async_context(device)
        file = folder / "config.yaml"
        content = {
            "mqtt": {"host": "127.0.0.1", "port": broker.port5},
            "heos": {"host": HOST},
            "plex": {"url": plex.url, "token": plex.token},
            "media": {"port": free_port()},
            "state_dir": str(folder / "state"),
            "log": {"level": "warning"},
        }
        file.write_text(yaml.safe_dump(content))
        watcher = await stack.enter_async_context(
            Watcher(Broker("127.0.0.1", broker.port, broker.port5, broker.name))
        )
        child = subprocess.Popen([sys.executable, "-m", "sugartalkd", "run", "--config", str(file)])  # noqa: ASYNC220
        try:
            await watcher.until(
                lambda: any(
                    one.json["event_type"] == "library_synced" for one in watcher.all("bridge/event")
                ),
                LIMIT,
            )
            await watcher.wait("kitchen/state", "idle", 10)
            phrases = phrases_of(plex, 400)
            report: dict[str, Any] = {
                "tracks": tracks,
                "after sync": {"resident_mb": resident_mb(child.pid)},
                "request to response": await requests(watcher, phrases, number),
                "play to first byte": await first_bytes(watcher, device, phrases),
                "gap between tracks": await gaps(watcher, device, seconds),
            }
            report["at the end"] = {"resident_mb": resident_mb(child.pid)}
        finally:
            child.terminate()
            await asyncio.to_thread(child.wait)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        report["cpu with sync"] = {"seconds": round(used.ru_utime + used.ru_stime, 1)}
        return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tracks", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--requests", type=int, default=500)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(main(given.tracks, given.seconds, given.requests)), indent=1))
