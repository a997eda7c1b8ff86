"""The same rules against an eclipse-mosquitto container: start, TLS, passwords, pause, kill, restart.

Needs a container engine; skips with its reason where none answers.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests import container, credentials
from tests.house import KITCHEN, Watcher, running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    if (missing := container.engine_missing()) is not None:
        pytest.skip(missing)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    below = tmp_path / "broker"
    below.mkdir()
    return below


async def test_a_container_that_is_paused(tmp_path: Path, folder: Path, address: str) -> None:
    with container.mosquitto(folder, "allow_anonymous true") as mosquitto:
        where = container.where(mosquitto)
        async with running(where, tmp_path, address) as house:
            async with Watcher(where) as watcher:
                await watcher.wait("kitchen/availability", "online")
                assert (await watcher.ask("kitchen/volume/set", "31"))["status"] == "ok"
            # Frozen: TCP stays open, nothing answers; afterwards the newest value is there.
            await asyncio.to_thread(mosquitto.get_wrapped_container().pause)
            house.heos.turn_volume(KITCHEN, 44)
            await asyncio.sleep(1)
            await asyncio.to_thread(mosquitto.get_wrapped_container().unpause)
            async with Watcher(where) as watcher:
                await watcher.wait("kitchen/volume", "44", 15)


@pytest.mark.parametrize("end", ["kill", "restart"])
async def test_a_container_that_loses_its_store(tmp_path: Path, folder: Path, address: str, end: str) -> None:
    with container.mosquitto(folder, "allow_anonymous true") as mosquitto:
        where = container.where(mosquitto)
        async with running(where, tmp_path, address) as house:
            async with Watcher(where) as watcher:
                await watcher.wait("kitchen/availability", "online")
            wrapped = mosquitto.get_wrapped_container()
            await asyncio.to_thread(getattr(wrapped, end))
            if end == "kill":
                await asyncio.to_thread(wrapped.start)
            house.heos.turn_volume(KITCHEN, 45)
            await asyncio.sleep(0.5)
            async with Watcher(where) as watcher:
                await watcher.wait("bridge/state", "online", 35)
                assert watcher.text("kitchen/volume") == "45"
                assert watcher.text("kitchen/availability") == "online"


async def test_a_container_with_passwords(tmp_path: Path, folder: Path, address: str) -> None:
    given = credentials.password_file(folder / "given").parent
    lines = ("allow_anonymous false", "password_file /given/passwords")
    with container.mosquitto(folder, *lines, mounted=given) as mosquitto:
        where = container.where(mosquitto, credentials.USERNAME, credentials.PASSWORD)
        mqtt = {"host": where.host, "port": where.port, "username": credentials.USERNAME}
        async with Watcher(where) as watcher:
            async with running(where, tmp_path, address, mqtt=mqtt | {"password": credentials.PASSWORD}):
                await watcher.wait("kitchen/availability", "online")
                assert (await watcher.ask("kitchen/volume/set", "31"))["status"] == "ok"
            async with running(where, tmp_path, address, mqtt=mqtt | {"password": "guessed"}):
                await asyncio.sleep(1.5)
                assert watcher.text("bridge/state") == "offline"


@pytest.mark.skipif(not credentials.HAVE_OPENSSL, reason="needs the openssl program for a test CA")
async def test_a_container_with_tls(tmp_path: Path, folder: Path, address: str) -> None:
    given = credentials.certificates(folder / "given")
    lines = (
        "allow_anonymous true", f"listener {container.TLS_PORT}", "cafile /given/ca.pem",
        "certfile /given/server.pem", "keyfile /given/server.key", "allow_anonymous true",
    )  # fmt: skip
    with container.mosquitto(folder, *lines, mounted=given) as mosquitto:
        where = container.where(mosquitto)
        tls = {"enabled": True, "ca_file": str(given / "ca.pem")}
        port = int(mosquitto.get_exposed_port(container.TLS_PORT))
        mqtt = {"host": where.host, "port": port, "tls": tls}
        async with running(where, tmp_path, address, mqtt=mqtt), Watcher(where) as watcher:
            await watcher.wait("kitchen/availability", "online")
            assert (await watcher.ask("kitchen/volume/set", "31"))["status"] == "ok"
