"""`heos.host: auto`: a device is found by SSDP, and nothing that sends us elsewhere is believed."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from sugartalkd.heos.discovery import GROUP, TARGET, search
from sugartalkd.simulator.local_broker import free_port
from sugartalkd.simulator.ssdp import SsdpResponder

ROOT: Final = Path(__file__).parent.parent
LOOPBACK: Final = (socket.if_nametoindex("lo" if sys.platform == "linux" else "lo0"),)
"""A test asks nowhere else."""


async def test_the_device_that_answers_is_found(address: str) -> None:
    group = (GROUP[0], free_port())
    assert await search(group, 0.3, LOOPBACK) is None
    async with SsdpResponder(address, port=group[1]):
        assert await search(group, 3, LOOPBACK) == address


@pytest.mark.parametrize(
    "answer",
    [
        f"HTTP/1.1 200 OK\r\nLOCATION: http://8.8.8.8:60006/x.xml\r\nST: {TARGET}\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nLOCATION: http://evil.example/x.xml\r\nST: {TARGET}\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nLOCATION: http://[::bad/x.xml\r\nST: {TARGET}\r\n\r\n",
        "HTTP/1.1 200 OK\r\nLOCATION: http://127.0.0.1/tv.xml\r\nST: upnp:rootdevice\r\n\r\n",
        f"HTTP/1.1 200 OK\r\nST: {TARGET}\r\n\r\n",
        "\xff\xfe",
    ],
)
async def test_an_answer_that_leads_astray_is_not_believed(address: str, answer: str) -> None:
    class Liar(SsdpResponder):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as answering:
                answering.sendto(answer.encode("latin-1"), addr)

    group = (GROUP[0], free_port())
    async with Liar(address, port=group[1]):
        assert await search(group, 0.4, LOOPBACK) is None


_HOUSE: Final = """
set -e
ip link set lo up
{python} -m sugartalkd simulate heos --host 127.0.0.7 --player Bath > {folder}/heos.log &
{python} - <<'PYTHON'
import asyncio, json, pathlib, sys
from sugartalkd.config import load
from sugartalkd.daemon import Daemon

async def main():
    folder = pathlib.Path("{folder}")
    (folder / "config.yaml").write_text("heos: {{host: auto}}\\nstate_dir: {folder}/state\\n")
    daemon = Daemon(load(folder / "config.yaml", {{}}))
    run = asyncio.create_task(daemon.run())
    try:
        async with asyncio.timeout(15):
            while not any(state.available for state in daemon.store.zones.values()):
                await asyncio.sleep(0.05)
    finally:
        daemon.stop()
        await run
    print("found", *daemon.roster.zones()[0].id.split())

asyncio.run(main())
PYTHON
kill %1
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs network namespaces (Linux)")
async def test_the_daemon_finds_its_house(tmp_path: Path) -> None:
    """In a network of its own: the search goes to every interface there is."""
    script = _HOUSE.format(python=sys.executable, folder=tmp_path)
    command = ("unshare", "--map-root-user", "--net", "bash", "-c", script)
    ended = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if "unshare" in ended.stderr:
        pytest.skip(f"no network namespace can be made here: {ended.stderr.strip()[:120]}")
    assert "found bath" in ended.stdout, (ended.stdout, ended.stderr[-2000:])
