"""An eclipse-mosquitto container of a test's own, by testcontainers, where a container engine answers."""

from __future__ import annotations

import gc
import warnings
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import docker.errors
from testcontainers.community.mqtt import MosquittoContainer

from sugartalkd.simulator.local_broker import NoBroker, free_port
from tests import credentials
from tests.house import Broker

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

IMAGE: Final = "eclipse-mosquitto:2"
PORT: Final = 1884
"""Not 1883: testcontainers maps that one itself, to another port after each restart."""
TLS_PORT: Final = 8883


@cache
def engine_missing() -> str | None:
    """Why no container can be started here; `None` where one can."""
    missing = None
    try:
        MosquittoContainer(IMAGE)
    except docker.errors.DockerException as reason:
        missing = f"no container engine answers: {str(reason)[:120]}"
    with warnings.catch_warnings():
        # docker-py leaves the socket of a failed attempt to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return missing


@contextmanager
def mosquitto(folder: Path, *lines: str, mounted: Path | None = None) -> Generator[Any]:
    """A broker; `lines` are its configuration, `mounted` a folder that it sees as /given.

    `folder` holds what it reads, and only that. Raises NoBroker.
    """
    configuration = folder / "container.conf"
    configuration.write_text("\n".join((f"listener {PORT}", "set_tcp_nodelay true", *lines, "")))
    container: Any = MosquittoContainer(IMAGE)
    container.with_bind_ports(PORT, free_port())
    container.with_exposed_ports(TLS_PORT)
    if mounted is not None:
        container.with_volume_mapping(str(mounted), "/given")
    credentials.readable(folder)
    try:
        with warnings.catch_warnings():
            # testcontainers 4.15 warns about what its own mqtt module still uses.
            warnings.filterwarnings("ignore", "The wait_for_logs function", DeprecationWarning)
            container.start(configfile=str(configuration))
    except docker.errors.APIError as reason:
        raise NoBroker(f"the engine cannot start {IMAGE}: {str(reason)[:120]}") from None
    try:
        yield container
    finally:
        container.stop()


def where(container: Any, *login: str) -> Broker:
    """How clients reach it."""
    port = int(container.get_exposed_port(PORT))
    return Broker(container.get_container_host_ip(), port, port, "container", *login)
