"""A house to test in: the daemon with simulated devices, and somebody who watches and sends topics."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

import aiomqtt
import yaml
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sugartalkd.config import load
from sugartalkd.daemon import Daemon
from sugartalkd.simulator.avr import AvrSimulator
from sugartalkd.simulator.heos import HeosSimulator, SimulatedPlayer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from pathlib import Path
    from types import TracebackType

LIVING: Final = 1001
KITCHEN: Final = -2002

_numbers = itertools.count()
"""Several watchers may share a broker, so no two questions have the same number."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the test's broker is."""

    host: str
    port: int
    port5: int
    name: str
    username: str | None = None
    password: str | None = None


def properties(**values: Any) -> Any:
    """MQTT 5 properties of a publish, by paho's names."""
    result: Any = Properties(PacketTypes.PUBLISH)
    for name, value in values.items():
        setattr(result, name, value)
    return result


@dataclass(slots=True)
class Message:
    """One message that the watcher saw."""

    topic: str
    payload: bytes
    retain: bool
    properties: Any
    at: float

    @property
    def text(self) -> str:
        return self.payload.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


@dataclass
class Watcher:
    """Subscribes to everything, keeps the newest of each topic and all in order, and can publish."""

    broker: Broker
    version5: bool = True
    base: str = "sugartalk"
    newest: dict[str, Message] = field(default_factory=dict[str, Message])
    seen: list[Message] = field(default_factory=list[Message])

    async def __aenter__(self) -> Self:
        self._arrived = asyncio.Condition()
        self._client = aiomqtt.Client(
            self.broker.host,
            self.broker.port5 if self.version5 else self.broker.port,
            username=self.broker.username,
            password=self.broker.password,
            protocol=aiomqtt.ProtocolVersion.V5 if self.version5 else aiomqtt.ProtocolVersion.V311,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        self._client.pending_calls_threshold = 10_000
        await self._client.__aenter__()
        await self._client.subscribe("#", qos=1)
        self._task = asyncio.create_task(self._listen(), name="Task-watcher")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        with suppress(aiomqtt.MqttError):  # the test may have ended the broker
            await self._client.__aexit__(None, None, None)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        async for message in self._client.messages:
            one = Message(
                message.topic.value, bytes(message.payload), message.retain, message.properties, loop.time()
            )
            self.newest[one.topic] = one
            self.seen.append(one)
            async with self._arrived:
                self._arrived.notify_all()

    def text(self, topic: str) -> str | None:
        """The newest payload below the base topic, or `None` if there was none."""
        message = self.newest.get(f"{self.base}/{topic}")
        return None if message is None else message.text

    def json(self, topic: str) -> Any:
        return self.newest[f"{self.base}/{topic}"].json

    def all(self, topic: str) -> list[Message]:
        return [message for message in self.seen if message.topic == f"{self.base}/{topic}"]

    async def until(self, condition: Callable[[], object], seconds: float = 5.0) -> None:
        """Wait until the condition holds; it is looked at after every message."""
        try:
            async with asyncio.timeout(seconds), self._arrived:
                await self._arrived.wait_for(lambda: bool(condition()))
        except TimeoutError:
            if not condition():
                tail = [(one.topic, one.payload[:100]) for one in self.seen[-12:]]
                raise AssertionError(f"not within {seconds} s; last seen: {tail}") from None

    async def wait(self, topic: str, payload: str, seconds: float = 5.0) -> None:
        """Wait until a topic has this payload."""
        try:
            await self.until(lambda: self.text(topic) == payload, seconds)
        except AssertionError as error:
            raise AssertionError(f"{topic} is {self.text(topic)!r}, not {payload!r}: {error}") from None

    async def publish(self, topic: str, payload: str | bytes = b"", **options: Any) -> None:
        await self._client.publish(f"{self.base}/{topic}", payload, qos=options.pop("qos", 1), **options)

    async def ask(self, topic: str, payload: Mapping[str, object] | str, seconds: float = 8.0) -> Any:
        """Send a command with an MQTT 5 Response Topic, and return the one reply."""
        number = next(_numbers)
        where = f"answers/{topic}/{number}"
        content = payload if isinstance(payload, str) else json.dumps(payload)
        reply_to = properties(ResponseTopic=where, CorrelationData=number.to_bytes(4, "big"))
        await self.publish(topic, content, properties=reply_to)
        await self.until(lambda: where in self.newest, seconds)
        reply = self.newest[where]
        assert reply.properties.CorrelationData == number.to_bytes(4, "big")
        return reply.json


@dataclass
class House:
    """The daemon in its simulated house."""

    daemon: Daemon
    heos: HeosSimulator
    avr: AvrSimulator
    config: dict[str, Any]
    _runs: list[asyncio.Task[Any]] = field(default_factory=list[asyncio.Task[Any]])

    def volumes(self, pid: int = KITCHEN) -> list[int]:
        """Volumes that a HEOS player was told."""
        return [
            int(one.arguments["level"])
            for one in self.heos.ledger
            if one.command == "player/set_volume" and one.arguments["pid"] == str(pid)
        ]

    def frames(self, prefix: str = "") -> list[str]:
        """What the receiver was sent."""
        return [one.frame for one in self.avr.ledger if one.frame.startswith(prefix)]


def players(house: str, kitchen: str = "127.0.0.9") -> list[SimulatedPlayer]:
    return [
        SimulatedPlayer("Living Room", LIVING, model="Denon AVR-X2400H", serial="SIM-AVR", ip=house),
        SimulatedPlayer("Kitchen", KITCHEN, model="HEOS 1", serial="SIM-KITCHEN", ip=kitchen),
    ]


@asynccontextmanager
async def running(
    broker: Broker,
    folder: Path,
    address: str,
    *,
    automatic: bool = False,
    avr_settings: Mapping[str, Any] | None = None,
    heos_settings: Mapping[str, Any] | None = None,
    prepare: Callable[[HeosSimulator], None] = lambda _heos: None,
    **config: Any,
) -> AsyncGenerator[House]:
    """A living room (receiver and player), a kitchen (player), a den (receiver's zone 2), and the daemon.

    `prepare` has the HEOS system before the daemon starts.
    """
    async with AsyncExitStack() as stack:
        settings: dict[str, Any] = {"port": 0, "boot_time": 0.2, "answer_delay": (0.001, 0.01)}
        receiver = await stack.enter_async_context(
            AvrSimulator(host=address, **(settings | dict(avr_settings or {})))
        )
        receiver.state.main.source = "NET"
        system = await stack.enter_async_context(
            HeosSimulator(players(address), host=address, port=1255, **(heos_settings or {}))
        )
        prepare(system)
        content: dict[str, Any] = {
            "mqtt": {"host": broker.host, "port": broker.port5},
            "heos": {"host": address},
            "receivers": {"denon": {"host": address, "port": receiver.port}},
            "state_dir": str(folder / "state"),
            "log": {"level": "error"},
        }
        if not automatic:
            content["zones"] = {
                "living_room": {"name": "Living Room", "receiver": "denon", "player": "Living Room",
                                "inputs": {"TV box": "SAT/CBL"}},
                "kitchen": {"player": "Kitchen"},
                "den": {"receiver": "denon", "receiver_zone": "zone2"},
            }  # fmt: skip
        content |= config
        for key in [key for key, value in content.items() if value is ...]:
            del content[key]
        file = folder / "config.yaml"
        file.write_text(yaml.safe_dump(content))
        daemon = Daemon(load(file, {}))
        task = asyncio.create_task(daemon.run(), name="daemon")
        try:
            yield House(daemon, system, receiver, content)
        finally:
            daemon.stop()
            await task
