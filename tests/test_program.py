"""The program as systemd, a shell and a person start it: signals, exit codes, output."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from sugartalkd.simulator.heos import HeosSimulator
from sugartalkd.simulator.local_broker import find_mosquitto
from tests.house import KITCHEN, Broker, Watcher, players

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ROOT: Final = Path(__file__).parent.parent
PROGRAM: Final = (sys.executable, "-m", "sugartalkd")


def _configuration(broker: Broker, folder: Path, address: str, **more: Any) -> Path:
    file = folder / "config.yaml"
    content: dict[str, Any] = {
        "mqtt": {"host": broker.host, "port": broker.port5},
        "heos": {"host": address},
        "state_dir": str(folder / "state"),
        "allow_admin": True,
        **more,
    }
    file.write_text(yaml.safe_dump(content))
    return file


@asynccontextmanager
async def _started(file: Path, **environment: str) -> AsyncGenerator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(  # noqa: ASYNC220  # returns at once
        [*PROGRAM, "run", "--config", str(file)],
        stderr=subprocess.PIPE,
        env=os.environ | environment,
        cwd=ROOT,
    )
    try:
        yield child
    finally:
        child.kill()
        await asyncio.to_thread(child.communicate)


async def _ended(child: subprocess.Popen[bytes], seconds: float) -> int:
    return await asyncio.wait_for(asyncio.to_thread(child.wait), seconds)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_in_time_and_offline_is_said(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str, number: int
) -> None:
    async with HeosSimulator(players(address), host=address):
        async with _started(_configuration(broker, tmp_path, address)) as child:
            await watcher.wait("kitchen/availability", "online")
            child.send_signal(number)
            assert await _ended(child, 5) == 0
        await watcher.wait("bridge/state", "offline")
        assert watcher.text("kitchen/availability") == "offline"


async def test_killed_the_will_speaks(broker: Broker, watcher: Watcher, tmp_path: Path, address: str) -> None:
    async with _started(_configuration(broker, tmp_path, address)) as child:
        await watcher.wait("bridge/state", "online")
        child.kill()
        await watcher.wait("bridge/state", "offline")


async def test_systemd_is_told(broker: Broker, watcher: Watcher, tmp_path: Path, address: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.setblocking(False)
        loop = asyncio.get_running_loop()
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        async with _started(_configuration(broker, tmp_path, address), **environment) as child:
            said: list[str] = []
            while not {"READY=1", "WATCHDOG=1"} <= {line for one in said for line in one.splitlines()}:
                said.append((await asyncio.wait_for(loop.sock_recv(notify, 4096), 3)).decode())
            child.send_signal(signal.SIGHUP)
            while not any("RELOADING=1" in one for one in said) or "READY=1" not in said[-1]:
                said.append((await asyncio.wait_for(loop.sock_recv(notify, 4096), 3)).decode())
            child.terminate()
            while "STOPPING=1" not in said[-1]:
                said.append((await asyncio.wait_for(loop.sock_recv(notify, 4096), 3)).decode())
            assert await _ended(child, 5) == 0


async def test_restart_and_reload(broker: Broker, watcher: Watcher, tmp_path: Path, address: str) -> None:
    async with HeosSimulator(players(address), host=address):
        file = _configuration(broker, tmp_path, address)
        async with _started(file) as child:
            await watcher.wait("bridge/state", "online")
            await watcher.wait("kitchen/availability", "online")
            first = watcher.json("bridge/info")["started_at"]
            assert (await watcher.ask("bridge/request/restart", "{}"))["status"] == "ok"
            await watcher.until(lambda: watcher.json("bridge/info")["started_at"] != first)
            await watcher.wait("bridge/state", "online")
            content = yaml.safe_load(file.read_text())
            content["zones"] = {"cook": {"player": "Kitchen"}}
            content["log"] = {"level": "debug"}
            file.write_text(yaml.safe_dump(content))
            child.send_signal(signal.SIGHUP)
            await watcher.wait("cook/availability", "online")
            await watcher.wait("kitchen/availability", "")
            file.write_text("mqtt: {hots: x}\n")
            child.send_signal(signal.SIGHUP)
            await asyncio.sleep(0.3)
            refused = await watcher.ask("bridge/request/restart", "{}")
            assert refused["error_code"] == "bad_payload", "it would be gone for good"
            assert "mqtt.hots" in refused["error"]
            assert (await watcher.ask("cook/volume/set", "12"))["status"] == "ok", (
                "a faulty file changes nothing"
            )


async def test_the_log_is_json_and_holds_no_secret(broker: Broker, tmp_path: Path, address: str) -> None:
    file = _configuration(
        broker, tmp_path, address, heos={"host": address, "username": "u", "password": "hunter2x"}
    )
    child = subprocess.Popen(  # noqa: ASYNC220  # returns at once
        [*PROGRAM, "run", "--config", str(file)], stderr=subprocess.PIPE, cwd=ROOT,
        env=os.environ | {"SUGARTALK_LOG__LEVEL": "debug"},
    )  # fmt: skip
    async with HeosSimulator(players(address), host=address), Watcher(broker) as watcher:
        await watcher.wait("kitchen/availability", "online")
        child.terminate()
        _, errors = await asyncio.to_thread(child.communicate)
        assert errors
        for line in errors.decode().splitlines():
            json.loads(line)
        assert b"hunter2x" not in errors
        assert not [one.topic for one in watcher.seen if b"hunter2x" in one.payload]


def _run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, cwd=ROOT, check=False, **options
    )


def test_check_accepts_the_example_and_names_every_fault(tmp_path: Path) -> None:
    assert _run("check", "--config", "config.yaml").returncode == 0
    file = tmp_path / "bad.yaml"
    file.write_text("mqtt:\n  hots: x\n  port: 70000\n")
    bad = _run("check", "--config", str(file))
    assert bad.returncode == 78
    assert "mqtt.hots" in bad.stderr
    assert "host" in bad.stderr
    assert "mqtt.port" in bad.stderr
    assert _run("run", "--config", str(file)).returncode == 78
    assert _run("run", "--config", str(tmp_path / "none.yaml")).returncode == 78


def test_usage() -> None:
    assert _run().returncode == 2
    assert _run("fly").returncode == 2
    assert _run("version").stdout.startswith("sugartalkd 0.")
    assert "`<base>/<zone>/volume/set`" in _run("topics").stdout
    assert json.loads(_run("topics", "--format", "json").stdout)["topics"]


async def test_the_demo_runs_and_its_lines_work(address: str) -> None:
    """What the README says of the demo, with the very lines that it prints."""
    child = subprocess.Popen(  # noqa: ASYNC220  # returns at once
        [*PROGRAM, "demo"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    )
    assert child.stdout is not None
    try:
        lines: list[str] = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(await asyncio.wait_for(asyncio.to_thread(child.stdout.readline), 10))
            if child.poll() is not None:
                pytest.skip("port 1255 of 127.0.0.1 is taken")
        text = "".join(lines)
        port = int(re.search(r"127\.0\.0\.1:(\d+);", text)[1])  # type: ignore[index]
        commands = [line.strip() for line in lines if line.startswith("  mosquitto_")]
        assert len(commands) == 6
        async with Watcher(
            Broker("127.0.0.1", port, port, "demo"), version5=find_mosquitto() is not None
        ) as watcher:
            await watcher.wait("kitchen/state", "playing", 10)
            await watcher.wait("bridge/connection/receiver/denon", "online", 10)
            if find_mosquitto() is not None:
                for command in commands[1:]:
                    await asyncio.to_thread(subprocess.run, command, shell=True, check=True)  # noqa: S604
                await watcher.wait("living_room/input", "TV box", 10)
                await watcher.wait("living_room/volume", "35.5", 10)
                await watcher.wait("kitchen/title", "Retain Me", 10)
                await watcher.wait("kitchen/volume", "25", 10)
        child.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(asyncio.to_thread(child.wait), 6) == 0
    finally:
        child.kill()
        child.communicate()


async def test_stopping_under_load_a_hundred_times(tmp_path: Path, broker: Broker, address: str) -> None:
    """On Python 3.11 a cancel can be lost inside asyncio.wait_for; ours must not be (aesthetics of 6.5)."""
    from tests.house import running  # noqa: PLC0415

    for number in range(20):
        async with asyncio.timeout(8):
            async with running(broker, tmp_path, address, receivers=..., zones=...) as house:

                async def storm(house: Any = house) -> None:
                    level = 0
                    while True:
                        level = (level + 1) % 100
                        house.heos.turn_volume(KITCHEN, level)
                        await asyncio.sleep(0)

                task = asyncio.create_task(storm(), name="Task-storm")
                await asyncio.sleep(0.05 + number * 0.007)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
