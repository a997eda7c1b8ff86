"""TLS and passwords, against a mosquitto that demands them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from sugartalkd.simulator.local_broker import LocalBroker, find_mosquitto, free_port
from tests import credentials
from tests.house import Broker, Watcher, running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark: Final = pytest.mark.skipif(
    find_mosquitto() is None, reason="needs mosquitto: iotcore is not configured for TLS or passwords here"
)


@pytest.mark.skipif(not credentials.HAVE_OPENSSL, reason="needs the openssl program for a test CA")
async def test_tls_with_client_certificate(tmp_path: Path, address: str) -> None:
    folder = credentials.certificates(tmp_path / "tls")
    port = free_port()
    lines = [
        f"listener {port} 127.0.0.1",
        f"cafile {folder}/ca.pem",
        f"certfile {folder}/server.pem",
        f"keyfile {folder}/server.key",
        "require_certificate true",
    ]
    async with LocalBroker(lines=lines) as local:
        plain = Broker("127.0.0.1", local.port, local.port, "mosquitto")
        tls = {
            "enabled": True,
            "ca_file": str(folder / "ca.pem"),
            "cert_file": str(folder / "client.pem"),
            "key_file": str(folder / "client.key"),
        }
        mqtt = {"host": "127.0.0.1", "port": port, "tls": tls}
        async with running(plain, tmp_path, address, mqtt=mqtt), Watcher(plain) as watcher:
            await watcher.wait("kitchen/availability", "online")
            assert (await watcher.ask("kitchen/volume/set", "31"))["status"] == "ok"
        other = tmp_path / "other"
        other.mkdir()
        credentials.authority(other, "somebody else")
        mqtt = {"host": "127.0.0.1", "port": port, "tls": tls | {"ca_file": str(other / "ca.pem")}}
        async with Watcher(plain) as watcher, running(plain, tmp_path, address, mqtt=mqtt):
            await watcher.wait("bridge/state", "offline")
            await asyncio.sleep(1.5)
            assert watcher.text("bridge/state") == "offline", "nobody vouches for this broker"


async def test_passwords(tmp_path: Path, address: str) -> None:
    (tmp_path / "password").write_text(f"{credentials.PASSWORD}\n")
    lines = [
        f"password_file {credentials.password_file(tmp_path / 'passwords')}",
        "allow_anonymous false",
    ]
    async with LocalBroker(lines=lines) as local:
        where = Broker(
            "127.0.0.1", local.port, local.port, "mosquitto", credentials.USERNAME, credentials.PASSWORD
        )
        mqtt = {"host": "127.0.0.1", "port": local.port, "username": credentials.USERNAME}
        async with Watcher(where) as watcher:
            async with running(
                where, tmp_path, address, mqtt=mqtt | {"password_file": str(tmp_path / "password")}
            ):
                await watcher.wait("kitchen/availability", "online")
                assert (await watcher.ask("kitchen/volume/set", "31"))["status"] == "ok"
            await watcher.wait("bridge/state", "offline")
            async with running(where, tmp_path, address, mqtt=mqtt | {"password": "guessed"}):
                await asyncio.sleep(1.5)
                assert watcher.text("bridge/state") == "offline"
