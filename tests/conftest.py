"""Fixtures that everything shares: a real broker, an address per simulated device, a watcher of topics."""

from __future__ import annotations

import asyncio
import itertools
import os
from typing import TYPE_CHECKING, Final

import pytest

from sugartalkd.simulator.local_broker import LocalBroker, NoBroker, find_mosquitto
from tests.house import Broker, Watcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

REQUIRED: Final = os.environ.get("SUGARTALK_TEST_REQUIRE_BROKER")
"""CI sets it to `mosquitto`: tests that ran on anything else would prove less."""
GIVEN: Final = os.environ.get("SUGARTALK_TEST_BROKER")
"""`host:port` of a broker to use instead of starting one, or the kind to start."""
KINDS: Final = ("mosquitto", "container", "iotcore")


def _kind() -> str:
    """The first that works: the one given, mosquitto's program, its container, the wheel's iotcore."""
    if GIVEN:
        return GIVEN if GIVEN in KINDS else f"the one at {GIVEN}"
    if find_mosquitto():
        return "mosquitto"
    from tests import container  # noqa: PLC0415  # looks for a container engine

    return "container" if container.engine_missing() is None else "iotcore"


def pytest_report_header() -> str:
    return f"MQTT broker: {_kind()}"


def pytest_configure() -> None:
    if REQUIRED and _kind() != REQUIRED:
        pytest.exit(f"these tests must run on {REQUIRED}, but the broker would be {_kind()}", returncode=1)


@pytest.fixture
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """An empty broker of the test's own."""
    kind = _kind()
    if GIVEN and kind not in KINDS:
        host, _, port = GIVEN.partition(":")
        yield Broker(host, int(port or 1883), int(port or 1883), "given")
        return
    if kind == "container":
        from tests import container  # noqa: PLC0415  # as above

        with container.mosquitto(tmp_path_factory.mktemp("broker"), "allow_anonymous true") as mosquitto:
            yield container.where(mosquitto)
        return
    try:
        async with LocalBroker(only=kind) as local:
            yield Broker("127.0.0.1", local.port, local.port5, local.name)
    except NoBroker as reason:
        pytest.skip(str(reason))


@pytest.fixture
async def watcher(broker: Broker) -> AsyncIterator[Watcher]:
    """Sees everything on the broker, over MQTT 5."""
    async with Watcher(broker) as one:
        yield one


_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) + 1
_numbers = itertools.count(os.getpid() % 200 * 250)


@pytest.fixture
def address() -> str:
    """A loopback address of the test's own: HEOS devices listen on port 1255 of it, whatever runs beside."""
    number = next(_numbers) % 50_000
    return f"127.{100 + _worker}.{number // 250}.{number % 250 + 1}"


@pytest.fixture
def other_address() -> str:
    number = next(_numbers) % 50_000
    return f"127.{100 + _worker}.{number // 250}.{number % 250 + 1}"


@pytest.fixture(autouse=True)
async def no_task_is_left() -> AsyncIterator[None]:
    """Whoever starts a task ends it."""
    yield
    mine = asyncio.current_task()
    left = [task for task in asyncio.all_tasks() if task is not mine and not task.done()]
    names: Sequence[str] = [task.get_name() for task in left if "fixture" not in repr(task.get_coro())]
    assert not [name for name in names if not name.startswith("Task-")], names
