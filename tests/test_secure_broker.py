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
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S607


def _authority(folder: Path, name: str) -> None:
    out = ("-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem")
    _openssl(folder, "req", "-x509", *out, "-subj", f"/CN={name}", "-days", "2")


def _readable(folder: Path) -> None:
    """Let mosquitto, which becomes its own user, read what is in a folder below /tmp."""
    for one in (folder, *folder.parents):
        if str(one).startswith("/tmp/"):  # noqa: S108
            one.chmod(0o755)


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A CA, a server certificate for 127.0.0.1 and a client certificate, made for this test."""
    folder = tmp_path / "tls"
    folder.mkdir()
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    _authority(folder, "test ca")
    for name in ("server", "client"):
        request = ("-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        _openssl(folder, "req", *request, "-subj", f"/CN={name}")
        signed_by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san")
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signed_by, "-out", f"{name}.pem")
    for one in folder.iterdir():
        one.chmod(0o644)
    _readable(folder)
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
        f"listener {port} 127.0.0.1",
        f"cafile {certificates}/ca.pem",
        f"certfile {certificates}/server.pem",
        f"keyfile {certificates}/server.key",
        "require_certificate true",
    ]
    async with LocalBroker(lines=lines):
        where = Broker("127.0.0.1", port, port, "mosquitto")
        tls = {
            "enabled": True,
            "ca_file": str(certificates / "ca.pem"),
            "cert_file": str(certificates / "client.pem"),
            "key_file": str(certificates / "client.key"),
        }
        mqtt = {"host": "127.0.0.1", "port": port, "tls": tls}
        async with running(where, tmp_path, address, mqtt=mqtt):
            assert await _state(port, certificates, 5) == "online"
        other = certificates / "other"
        other.mkdir()
        _authority(other, "somebody else")
        mqtt = {"host": "127.0.0.1", "port": port, "tls": tls | {"ca_file": str(other / "ca.pem")}}
        async with running(where, tmp_path, address, mqtt=mqtt):
            assert await _state(port, certificates, 1.5) is None, "nobody vouches for this broker"


async def test_passwords(tmp_path: Path, address: str) -> None:
    program = shutil.which("mosquitto_passwd")
    if program is None:
        pytest.skip("needs mosquitto_passwd")
    folder = tmp_path / "passwords"
    folder.mkdir()
    file = folder / "passwd"
    command = (program, "-b", "-c", str(file), "daemon", "s3cret")
    await asyncio.to_thread(subprocess.run, command, check=True)
    file.chmod(0o644)
    _readable(folder)
    (tmp_path / "password").write_text("s3cret\n")
    port = free_port()
    lines = [f"listener {port} 127.0.0.1", f"password_file {file}", "allow_anonymous false"]
    login = {"username": "daemon", "password_file": str(tmp_path / "password")}
    async with LocalBroker(lines=lines):
        where = Broker("127.0.0.1", port, port, "mosquitto")
        mqtt = {"host": "127.0.0.1", "port": port} | login
        async with (
            running(where, tmp_path, address, mqtt=mqtt),
            aiomqtt.Client("127.0.0.1", port, username="daemon", password="s3cret") as client,  # noqa: S106
            asyncio.timeout(5),
        ):
            await client.subscribe("sugartalk/bridge/state")
            async for message in client.messages:
                if message.payload == b"online":
                    break
