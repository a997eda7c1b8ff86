"""Fault switches by hand: what is typed at `sugartalkd simulate` changes what the device does."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

import pytest

from sugartalkd.simulator.avr_faults import AvrFaults
from sugartalkd.simulator.console import Console
from sugartalkd.simulator.heos_faults import HeosFaults

ROOT: Final = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("silent on", "silent", True),
        ("silent", "silent", True),
        ("silent off", "silent", False),
        ("silent_players -12 7", "silent_players", {-12, 7}),
        ("silent_players off", "silent_players", set[int]()),
        ("swallow player/set_volume", "swallow", {"player/set_volume"}),
        ("delay player/set_volume 1.5", "delay", {"player/set_volume": 1.5}),
        ("close_during_setup 3", "close_during_setup", 3),
        ("wrong_pid 5", "wrong_pid", 5),
        ("wrong_pid off", "wrong_pid", None),
    ],
)
async def test_a_switch(line: str, field: str, value: object) -> None:
    faults = HeosFaults()
    said = await Console(faults, {}).obey(line)
    assert getattr(faults, field) == value
    assert said.startswith(f"{field} = ")


async def test_what_is_not_understood_is_answered() -> None:
    faults = AvrFaults()
    console = Console(faults, {"close_all": faults.close_all, "send_megabytes": faults.send_megabytes})
    assert "close_all" in await console.obey("help")
    assert "connections" not in await console.obey("help")
    assert "late" in await console.obey("late MV")
    assert await console.obey("send_megabytes 1") == "done"
    assert "send_megabytes" in await console.obey("send_megabytes")


async def test_by_hand(address: str) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sugartalkd", "simulate", "avr", "--host", address, "--port", "2323",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        async with asyncio.timeout(10):
            assert b"listens on" in await child.stdout.readline()
            reader, writer = await asyncio.open_connection(address, 2323)
            writer.write(b"PW?\r")
            assert await reader.readuntil(b"\r") == b"PWON\r"
            child.stdin.write(b"close_all\n")
            assert await reader.read() == b""
            writer.close()
            child.terminate()
            assert await child.wait() == 0
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
