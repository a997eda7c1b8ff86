"""TLS and passwords, against a mosquitto that demands them."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING, Any, Final

import aiomqtt
import pytest

from sugartalkd.simulator.local_broker import LocalBroker, find_mosquitto, free_port
from tests.house import Broker, running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark: Final = [
    pytest.mark.skipif(
        find_mosquitto() is None, reason="needs mosquitto: iotcore is not configured for TLS here"
    ),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program for a test CA"),
]


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A CA, a server certificate for 127.0.0.1 and a client certificate, made for this test."""
    folder = tmp_path / "tls"
    folder.mkdir()
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    _openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
             "-subj", "/CN=test ca", "-days", "2")  # fmt: skip
    for name in ("server", "client"):
        _openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                 "-subj", f"/CN={name}")  # fmt: skip
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                 "-CAcreateserial", "-out", f"{name}.pem", "-days", "2", "-extfile", "san")  # fmt: skip
    for one in folder.iterdir():
        one.chmod(0o644)
    for one in (folder, *folder.parents):
        if str(one).startswith("/tmp/") and one.owner() == folder.owner():  # noqa: S108
            one.chmod(0o755)  # mosquitto reads them as its own user
    return folder


async def _state(port: int, certificates: Path, seconds: float, **login: Any) -> str | None:
    """What bridge/state says to a client with the right certificates."""
    context = ssl.create_default_context(cafile=certificates / "ca.pem")
    context.load_cert_chain(certificates / "client.pem", certificates / "client.key")
    async with aiomqtt.Client("127.0.0.1", port, tls_context=context, **login) as client:
        await client.subscribe("sugartalk/bridge/state")
        try:
            async with asyncio.timeout(seconds):
                async for message in client.messages:
                    if message.payload == b"online":
                        return "online"
        except TimeoutError:
            return None
    return None


async def test_tls_with_client_certificate(certificates: Path, tmp_path: Path, address: str) -> None:
    port = free_port()
    lines = [
        f"listener {port} 127.0.0.1", f"cafile {certificates}/ca.pem", f"certfile {certificates}/server.pem",
        f"keyfile {certificates}/server.key", "require_certificate true",
    ]  # fmt: skip
    async with LocalBroker(lines=lines):
        where = Broker("127.0.0.1", port, port, "mosquitto")
        tls = {"enabled": True, "ca_file": str(certificates / "ca.pem"), "cert_file": str(certificates / "client.pem"),
               "key_file": str(certificates / "client.key")}  # fmt: skip
        mqtt = {"host": "127.0.0.1", "port": port, "tls": tls}
        async with running(where, tmp_path, address, mqtt=mqtt):
            assert await _state(port, certificates, 5) == "online"
        other = certificates / "other"
        other.mkdir()
        _openssl(other, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
                 "-subj", "/CN=somebody else", "-days", "2")  # fmt: skip
        mqtt = {"host": "127.0.0.1", "port": port, "tls": tls | {"ca_file": str(other / "ca.pem")}}
        async with running(where, tmp_path, address, mqtt=mqtt):
            assert await _state(port, certificates, 1.5) is None, (
                "a broker that nobody vouches for is not used"
            )


async def test_passwords(tmp_path: Path, address: str) -> None:
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("needs mosquitto_passwd")
    folder = tmp_path / "passwords"
    folder.mkdir()
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(folder / "passwd"), "daemon", "s3cret"], check=True)
    (folder / "passwd").chmod(0o644)
    for one in (folder, *folder.parents):
        if str(one).startswith("/tmp/"):  # noqa: S108
            one.chmod(0o755)
    (tmp_path / "password").write_text("s3cret\n")
    port = free_port()
    lines = ["per_listener_settings false", f"listener {port} 127.0.0.1", f"password_file {folder}/passwd",
             "allow_anonymous false"]  # fmt: skip
    async with LocalBroker(lines=lines):
        where = Broker("127.0.0.1", port, port, "mosquitto")
        mqtt = {
            "host": "127.0.0.1",
            "port": port,
            "username": "daemon",
            "password_file": str(tmp_path / "password"),
        }
        async with running(where, tmp_path, address, mqtt=mqtt):
            async with aiomqtt.Client("127.0.0.1", port, username="daemon", password="s3cret") as client:  # noqa: S106
                await client.subscribe("sugartalk/bridge/state")
                async with asyncio.timeout(5):
                    async for message in client.messages:
                        if message.payload == b"online":
                            break
