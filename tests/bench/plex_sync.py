"""Measures how a Plex library is read: wall and CPU time, stalls of the loop, as a ratio to bare paging.

python -m tests.bench.plex_sync [--tracks 100000]
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import resource
import socket
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sugartalkd.config import PlexConfig
from sugartalkd.library import NotSynced
from sugartalkd.plex.identity import load
from sugartalkd.plex.link import PlexLink, load_libraries
from sugartalkd.plex.sync import PAGE
from sugartalkd.simulator.plex import TOKEN
from sugartalkd.state import StateStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sugartalkd.model import Object

TICK: Final = 0.001
IDLE: Final = 5.0
START_LIMIT: Final = 300.0
"""Seconds; a million tracks take the simulator long to invent."""


@asynccontextmanager
async def simulated(tracks: int) -> AsyncGenerator[str]:
    """The address of a simulated server in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sugartalkd", "simulate", "plex", "--port", str(port), "--tracks", str(tracks),
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(START_LIMIT):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.1)
                else:
                    writer.close()
                    break
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


def bare(url: str) -> float:
    """CPU seconds of reading the same pages and doing nothing but parse them."""
    began = time.process_time()
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    for kind in (8, 9, 10):
        start, total = 0, 1
        while start < total:
            headers = {
                "X-Plex-Token": TOKEN, "Accept": "application/json",
                "X-Plex-Container-Start": str(start), "X-Plex-Container-Size": str(PAGE),
            }  # fmt: skip
            connection.request(
                "GET", f"/library/sections/3/all?type={kind}&excludeElements=Media", None, headers
            )
            found: dict[str, Any] = json.loads(connection.getresponse().read())["MediaContainer"]
            total = int(found["totalSize"])
            start += len(found["Metadata"])
    connection.close()
    return time.process_time() - began


class Ticker:
    """The longest time for which the event loop did not come round."""

    def __init__(self) -> None:
        self.worst = 0.0
        self.worst_own = 0.0
        """As far as this process itself worked meanwhile; the rest is what else the machine does."""

    async def run(self) -> None:
        while True:
            began, worked = time.perf_counter(), time.process_time()
            await asyncio.sleep(TICK)
            late = time.perf_counter() - began - TICK
            self.worst = max(self.worst, late)
            self.worst_own = max(self.worst_own, min(late, time.process_time() - worked))


async def idle() -> tuple[float, float]:
    """What looking for stalls costs and finds while nothing is done: the CPU share, the longest in s."""
    ticker = Ticker()
    began = time.process_time()
    task = asyncio.create_task(ticker.run())
    await asyncio.sleep(IDLE)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return (time.process_time() - began) / IDLE, ticker.worst


async def synced(url: str, folder: Path) -> dict[str, Any]:
    """Let a link read the whole library, from its start until the index is there."""
    done = asyncio.Event()
    counts: Object = {}

    def on_event(name: str, content: Object) -> None:
        if name == "library_synced":
            counts.update(content)
            done.set()

    looking, worst_idle = await idle()
    ticker = Ticker()
    link = PlexLink(
        PlexConfig(url=url, token=TOKEN),  # type: ignore[arg-type]
        StateStore(), folder, identity=load(folder), on_event=on_event,
    )  # fmt: skip
    began = time.perf_counter()
    own = time.process_time()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    tasks = [asyncio.create_task(link.run()), asyncio.create_task(ticker.run())]
    await done.wait()
    wall = time.perf_counter() - began
    daemon = max(0.0, time.process_time() - own - looking * wall)
    try:
        found = await link.library.counts()
    except NotSynced:
        found = {}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "tracks": counts["tracks"],
        "indexed": sum(found.values()),
        "wall_s": round(wall, 2),
        "daemon_cpu_s": round(daemon, 2),
        "child_cpu_s": round(child, 2),
        "cpu_s": round(daemon + child, 2),
        "worst_stall_idle_ms": round(worst_idle * 1000, 1),
        "worst_stall_ms": round(ticker.worst * 1000, 1),
        "worst_stall_own_ms": round(ticker.worst_own * 1000, 1),
        "index_mb": round(_size(folder) / 2**20, 1),
    }


def _size(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.rglob("*.sqlite.*"))


async def main(tracks: int) -> dict[str, Any]:
    """A table's worth of figures."""
    async with simulated(tracks) as url:
        paging = await asyncio.to_thread(bare, url)
        with tempfile.TemporaryDirectory() as folder:
            report = await synced(url, Path(folder))
    return report | {"bare_cpu_s": round(paging, 2), "ratio": round(report["cpu_s"] / paging, 2)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tracks", type=int, default=100_000)
    load_libraries()
    print(json.dumps(asyncio.run(main(parser.parse_args().tracks)), indent=1))
