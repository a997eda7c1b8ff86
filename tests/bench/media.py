"""Measures the media server: its throughput beside a bare pass-through, its memory, and its first byte.

python -m tests.bench.media [--megabytes 500] [--runs 5]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sugartalkd.simulator.plex import PlexSimulator
from tests.media_house import house, plex_server

if TYPE_CHECKING:
    from collections.abc import Generator

ADDRESS: Final = "127.99.0.9"
TRACKS: Final = 60
_PIECE: Final = bytes(range(256)) * 4096
_BUFFER: Final = 1 << 20


# -- an origin and a player that cost next to nothing ------------------------------------------------


@contextmanager
def origin(size: int) -> Generator[int]:
    """Gives `size` bytes to whoever asks for anything; its port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            while b"\r\n\r\n" in connection.recv(65_536):
                connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
                left = size
                try:
                    while left > 0:
                        connection.sendall(memoryview(_PIECE)[:left])
                        left -= len(_PIECE)
                except OSError:
                    return

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.close()


def fetch(url: str, most: int | None = None) -> tuple[float, float, int]:
    """Seconds to the first byte of the body and to the last, and how many there were."""
    parts = urlsplit(url)
    begun = time.perf_counter()
    with socket.create_connection((parts.hostname or "", parts.port or 80)) as connection:
        connection.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head or head.endswith(b"\r\n\r\n"):
            if not (piece := connection.recv(65_536)):
                break
            head += piece
        first = time.perf_counter() - begun
        received = len(head.partition(b"\r\n\r\n")[2])
        buffer = bytearray(_BUFFER)
        while (most is None or received < most) and (count := connection.recv_into(buffer)):
            received += count
        return first, time.perf_counter() - begun, received


@contextmanager
def program(kind: str, origin_port: int, size: int) -> Generator[tuple[int, str]]:
    """One of the two, as a process of its own; its number and the URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = (sys.executable, "-m", "tests.bench.media_proxy", kind, str(origin_port), str(port), str(size))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield child.pid, next(line for line in child.stdout if line.startswith("http")).strip()
        finally:
            child.terminate()


def resident(pid: int) -> float:
    """MB."""
    line = next(
        one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS")
    )
    return int(line.split()[1]) / 1024


# -- what is measured --------------------------------------------------------------------------------


def throughput(megabytes: int, runs: int) -> dict[str, Any]:
    """Alternating, so that both have the machine's good and bad moments."""
    size = megabytes * 1_000_000
    speeds: dict[str, list[float]] = {"ours": [], "bare": []}
    firsts: dict[str, list[float]] = {"ours": [], "bare": []}
    with ExitStack() as stack:
        port = stack.enter_context(origin(size))
        programs = {kind: stack.enter_context(program(kind, port, size)) for kind in speeds}
        for _, url in programs.values():
            fetch(url, 10_000_000)
        pid = programs["ours"][0]
        before = resident(pid)
        for _ in range(runs):
            for kind, (_, url) in programs.items():
                _, seconds, received = fetch(url)
                assert received == size, (kind, received)
                speeds[kind].append(megabytes / seconds)
        after = resident(pid)
        for _ in range(40):
            for kind, (_, url) in programs.items():
                firsts[kind].append(fetch(url, 1)[0] * 1000)
    medians = {kind: statistics.median(one) for kind, one in speeds.items()}
    return {
        "ours MB/s": round(medians["ours"]),
        "bare MB/s": round(medians["bare"]),
        "ratio": round(medians["ours"] / medians["bare"], 3),
        "MB streamed": megabytes * runs,
        "resident MB": f"{before:.1f} to {after:.1f}",
        "first byte ours ms": round(statistics.median(firsts["ours"]), 2),
        "first byte bare ms": round(statistics.median(firsts["bare"]), 2),
    }


async def first_byte() -> dict[str, Any]:
    """From `open` to the first byte of audio, against the simulated Plex server in the same process."""
    taken: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with (
            PlexSimulator(track_seconds=60) as plex,
            plex_server(plex) as server,
            house(server, ADDRESS, Path(folder)) as home,
        ):
            for track in plex.library.tracks[:TRACKS]:
                begun = time.perf_counter()
                stream = await home.open(track.key)
                async with home.client.get(stream.url) as response:
                    await response.content.readany()
                    taken.append((time.perf_counter() - begun) * 1000)
                home.media.close(stream)
    taken.sort()
    return {
        "open to first byte p50 ms": round(taken[len(taken) // 2], 1),
        "p95 ms": round(taken[len(taken) * 95 // 100], 1),
        "most ms": round(taken[-1], 1),
    }


def media(megabytes: int, runs: int) -> dict[str, Any]:
    return throughput(megabytes, runs) | asyncio.run(first_byte())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    print(json.dumps(media(chosen.megabytes, chosen.runs), indent=2))
