"""The connection to the MQTT broker: the only file that knows aiomqtt and paho."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import aiomqtt
from paho.mqtt.client import CONNACK_REFUSED_PROTOCOL_VERSION, MQTT_ERR_SUCCESS
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from sugartalkd.log import get_logger
from sugartalkd.topics.payload import IMAGES, JSON

if TYPE_CHECKING:
    from paho.mqtt.client import Client as PahoClient
    from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
    from paho.mqtt.reasoncodes import ReasonCode

    from sugartalkd.config import MqttConfig

_log = get_logger(__name__)

KEEPALIVE: Final = 30
CONNECT_LIMIT: Final = 3.0
"""Seconds for the TCP connection; it runs in a thread that a stop has to wait for."""
ANSWER_LIMIT: Final = 10.0
"""Seconds for any answer of the broker."""
WINDOW: Final = 20
"""QoS 1 messages on their way at once; what changes meanwhile waits as a mark, not as a message."""
FAREWELL_LIMIT: Final = 2.0
BACKOFF: Final = (1.0, 30.0)
STABLE: Final = 10.0
"""Seconds a connection must have lasted to make the next attempt quick again: where two daemons share a
client id and the broker does not say so (mosquitto 2.0.11 just closes), they drift apart."""
TAKEN_OVER_PAUSE: Final = 60.0
SILENT_CONNECTS: Final = 3
"""After so many unanswered MQTT 5 CONNECTs the broker is taken to know only 3.1.1."""
PACKET_OVERHEAD: Final = 128
"""Bytes of a PUBLISH that are neither topic, payload nor Correlation Data, generously."""
TOPIC_LIMIT: Final = 65_535
"""Bytes; a zone id that somebody made up can bring a reply's topic there."""
SHOWN_TOPIC: Final = 128

CLOSED_EARLY: Final = "the broker closed the connection before CONNACK"

_SESSION_TAKEN_OVER: Final = 0x8E
_UNSUPPORTED_VERSION: Final = 0x84
_FAILURE: Final = 0x80


class BrokerLost(Exception):
    """The connection ended, or could not be made."""


@dataclass(frozen=True, slots=True)
class Received:
    """One message from the broker."""

    topic: str
    payload: bytes
    retained: bool
    response_topic: str | None = None
    correlation: bytes | None = None
    expires_in: int | None = None
    """Seconds left of the sender's message expiry interval."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to the broker."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    content_type: str | None = None
    """`None` for plain text (contract 1)."""
    correlation: bytes | None = None
    status: str | None = None
    """User property of a reply: a flow can route on it without parsing."""
    less: Callable[[int], Outgoing | None] | None = None
    """What goes out instead where the broker takes only so many bytes; without it, nothing does."""


@dataclass(slots=True)
class Counters:
    """What `bridge/health` tells of the connection."""

    received: int = 0
    published: int = 0
    dropped: int = 0
    connects: int = 0


class _Client(aiomqtt.Client):
    """aiomqtt with three differences that latency and honesty need.

    Messages go to one callback in the loop's reader, without a queue and a task per message. Publishing
    notes the message id and goes on; acknowledgements are counted. (aiomqtt 2.5.1 waits for each through
    `asyncio.wait_for`, which on Python 3.11 can swallow a cancellation; counting cannot.) A broker that
    closes before CONNACK ends the attempt at once instead of after the time-out.
    """

    deliver: Callable[[Received], None]
    counters: Counters

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # aiomqtt's own signature
        super().__init__(*args, **kwargs)
        self._client.connect_timeout = CONNECT_LIMIT
        self.pending_calls_threshold = 1_000
        self.packet_limit: int | None = None
        self.in_flight: dict[int, str] = {}
        self.acknowledged = asyncio.Event()
        self.refused: set[str] = set()

    async def __aenter__(self) -> Self:
        try:
            return await super().__aenter__()
        except aiomqtt.MqttError:
            # aiomqtt 2.5.1 leaves the socket of a failed attempt open, and registered with the loop.
            self._client._sock_close()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            raise

    @property
    def lost(self) -> asyncio.Future[None]:
        """Done when the connection has ended."""
        return self._disconnected

    def send(self, message: Outgoing, properties: Properties | None) -> None:
        info = self._client.publish(message.topic, message.payload, message.qos, message.retain, properties)
        if info.rc != MQTT_ERR_SUCCESS:
            raise BrokerLost(f"could not publish: {info.rc!s}")
        if message.qos and not info.is_published():
            self.in_flight[info.mid] = message.topic

    def _on_connect(
        self, client: PahoClient, userdata: object, flags: ConnectFlags, reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:  # fmt: skip
        self.packet_limit = getattr(properties, "MaximumPacketSize", None)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self, client: PahoClient, userdata: object, flags: DisconnectFlags, reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:  # fmt: skip
        self.acknowledged.set()
        if not self._connected.done():
            self._connected.set_exception(
                aiomqtt.MqttError("the broker closed the connection before CONNACK")
            )
            return
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_message(self, client: PahoClient, userdata: object, message: MQTTMessage) -> None:  # noqa: ARG002
        properties = message.properties
        self.counters.received += 1
        self.deliver(
            Received(
                message.topic,
                bytes(message.payload),
                message.retain,
                getattr(properties, "ResponseTopic", None),
                getattr(properties, "CorrelationData", None),
                getattr(properties, "MessageExpiryInterval", None),
            )
        )

    def _on_publish(
        self, client: PahoClient, userdata: object, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:  # fmt: skip
        topic = self.in_flight.pop(mid, None)
        self.acknowledged.set()
        if topic is not None and reason_code.value >= _FAILURE and topic not in self.refused:
            self.refused.add(topic)
            _log.error(
                "the broker refuses a topic of ours; check its ACL", topic=topic, reason=str(reason_code)
            )
        super()._on_publish(client, userdata, mid, reason_code, properties)


class Connection:
    """One established connection; ends with BrokerLost from whichever call notices first."""

    def __init__(self, client: _Client, version5: bool, counters: Counters) -> None:
        self._client = client
        self._version5 = version5
        self._counters = counters
        self._too_large: set[str] = set()

    @property
    def protocol(self) -> str:
        return "5" if self._version5 else "3.1.1"

    async def subscribe(self, filters: Iterable[str]) -> None:
        """Subscribe at QoS 1; a filter that the broker refuses is logged, the others hold."""
        options = SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True, retainHandling=0)
        await self._subscribe(filters, options)

    async def subscribe_to_own(self, topic: str) -> None:
        """Read back what we retained ourselves: no-local would hide it, it has our client id."""
        await self._subscribe([topic], SubscribeOptions(qos=1, retainAsPublished=False, retainHandling=0))

    async def _subscribe(self, filters: Iterable[str], options: SubscribeOptions) -> None:
        wanted = list(filters)
        if self._version5:
            granted = await self._ask(self._client.subscribe([(one, options) for one in wanted]))
        else:
            granted = await self._ask(self._client.subscribe([(one, 1) for one in wanted]))
        for one, code in zip(wanted, granted, strict=False):
            if getattr(code, "value", code) >= _FAILURE:
                _log.error("the broker refuses a subscription of ours; check its ACL", filter=one)

    def send(self, message: Outgoing) -> None:
        """Hand a message to the broker without waiting; whoever sends many awaits `room` in between."""
        topic_size = len(message.topic.encode())
        limit = self._client.packet_limit
        room = TOPIC_LIMIT - topic_size
        if room >= 0 and limit is not None:
            room = limit - topic_size - len(message.correlation or b"") - PACKET_OVERHEAD
        if room < 0 or (limit is not None and len(message.payload) > room):
            if (topic := message.topic[:SHOWN_TOPIC]) not in self._too_large:
                self._too_large.add(topic)
                size = len(message.payload)
                _log.warning(
                    "larger than the broker takes, not sent whole", topic=topic, size=size, limit=limit
                )
            less = None if room < 0 or message.less is None else message.less(room)
            if less is None:
                self._counters.dropped += 1
                return
            message = less
        self._client.send(message, _properties_of(message) if self._version5 else None)
        self._counters.published += 1

    async def room(self) -> None:
        """Wait until fewer than WINDOW messages are unacknowledged."""
        await self._until(WINDOW - 1)

    async def drained(self) -> None:
        """Wait until the broker has acknowledged everything."""
        await self._until(0)

    async def ended(self) -> None:
        """Wait until the connection ends, then raise BrokerLost."""
        await asyncio.wait([self._client.lost])
        raise self._reason()

    def forget(self) -> None:
        """Nobody asks any more why the connection ended."""
        if self._client.lost.done():
            self._client.lost.exception()

    async def _until(self, most: int) -> None:
        client = self._client
        while len(client.in_flight) > most:
            client.acknowledged.clear()
            try:
                async with asyncio.timeout(ANSWER_LIMIT):
                    await client.acknowledged.wait()
            except TimeoutError:
                raise BrokerLost(f"the broker acknowledged nothing for {ANSWER_LIMIT:g} s") from None
            if client.lost.done():
                raise self._reason()

    async def _ask(self, call: Awaitable[Iterable[Any]]) -> Iterable[Any]:
        try:
            return await call
        except aiomqtt.MqttError as error:
            raise BrokerLost(str(error)) from error

    def _reason(self) -> BrokerLost:
        error = self._client.lost.exception() if self._client.lost.done() else None
        lost = BrokerLost(str(error) if error is not None else "the connection was closed")
        lost.__cause__ = error
        return lost


Serve: TypeAlias = Callable[[Connection], Awaitable[None]]
"""What runs while connected: ends only by BrokerLost or by being cancelled."""


class Broker:
    """Keeps one connection to the broker for as long as `run` runs."""

    def __init__(
        self,
        config: MqttConfig,
        *,
        will_topic: str,
        deliver: Callable[[Received], None],
        farewell: Callable[[], Iterable[Outgoing]],
    ) -> None:
        self._config = config
        self._will_topic = will_topic
        self._deliver = deliver
        self._farewell = farewell
        self._version5 = config.protocol != "3.1.1"
        self._unanswered = 0
        self._short = 0
        """Connections in a row that ended soon."""
        self.counters = Counters()

    async def run(self, serve: Serve) -> None:
        """Connect, serve, and connect again, without end; a cancel says goodbye to the broker first."""
        loop = asyncio.get_running_loop()
        pause = BACKOFF[0]
        where = f"{self._config.host}:{self._config.port}"
        while True:
            connected = None
            try:
                client = self._client()
                async with client:
                    connected = loop.time()
                    self._unanswered = 0
                    self.counters.connects += 1
                    connection = Connection(client, self._version5, self.counters)
                    _log.info("connected to the broker", broker=where, protocol=connection.protocol)
                    await self._serve(connection, serve)
            except (BrokerLost, aiomqtt.MqttError, OSError) as error:
                taken_over = _code(error) == _SESSION_TAKEN_OVER
                if connected is None:
                    self._consider_older_protocol(error)
                elif loop.time() - connected > STABLE:
                    pause, self._short = BACKOFF[0], 0
                else:
                    self._short += 1
                wait = TAKEN_OVER_PAUSE if taken_over else pause * random.uniform(0.5, 1.0)  # noqa: S311
                # mosquitto 2.0 ends the older one of two connections without saying why.
                if taken_over or (connected is not None and self._short > 1):
                    _log.error(
                        "another client uses our client id; two daemons with one bridge_id?",
                        client_id=self._client_id, error=str(error), next_attempt_in=round(wait, 1),
                    )  # fmt: skip
                else:
                    what = "cannot reach the broker" if connected is None else "lost the broker"
                    _log.warning(what, broker=where, error=str(error), next_attempt_in=round(wait, 1))
                await asyncio.sleep(wait)
                pause = min(pause * 2, BACKOFF[1])

    @property
    def _client_id(self) -> str:
        return f"sugartalkd-{self._config.bridge_id}"

    async def _serve(self, connection: Connection, serve: Serve) -> None:
        """Serve until the connection ends; however that happens, `offline` goes out if it still can."""
        try:
            await serve(connection)
        finally:
            with suppress(BrokerLost, TimeoutError):
                async with asyncio.timeout(FAREWELL_LIMIT):
                    for message in self._farewell():
                        connection.send(message)
                        await connection.room()
                    await connection.drained()
            connection.forget()

    def _consider_older_protocol(self, error: Exception) -> None:
        if not self._version5 or self._config.protocol != "auto":
            return
        if isinstance(error, aiomqtt.MqttCodeError):
            refused = _code(error) in {_UNSUPPORTED_VERSION, CONNACK_REFUSED_PROTOCOL_VERSION}
        else:
            # A broker that cannot be reached at all raises at once; one that does not understand the
            # CONNECT keeps silent (amqtt) or closes (rumqttd's port for 3.1.1).
            silent = "timed out" in str(error) or CLOSED_EARLY in str(error)
            self._unanswered = self._unanswered + 1 if silent else 0
            refused = self._unanswered >= SILENT_CONNECTS
        if refused:
            self._version5 = False
            _log.warning("the broker does not speak MQTT 5; trying 3.1.1 from now on")

    def _client(self) -> _Client:
        config = self._config
        password = None if config.password is None else config.password.get_secret_value()
        client = _Client(
            config.host,
            config.port,
            identifier=self._client_id,
            username=config.username,
            password=password,
            protocol=aiomqtt.ProtocolVersion.V5 if self._version5 else aiomqtt.ProtocolVersion.V311,
            **({"clean_start": True} if self._version5 else {"clean_session": True}),
            keepalive=KEEPALIVE,
            timeout=ANSWER_LIMIT,
            max_inflight_messages=WINDOW,
            will=aiomqtt.Will(
                self._will_topic, b"offline", qos=1, retain=True, properties=_WILL if self._version5 else None
            ),
            tls_context=self._tls(),
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        client.deliver = self._deliver
        client.counters = self.counters
        return client

    def _tls(self) -> ssl.SSLContext | None:
        tls = self._config.tls
        if not tls.enabled:
            return None
        context = ssl.create_default_context(cafile=None if tls.ca_file is None else str(tls.ca_file))
        if tls.cert_file is not None:
            context.load_cert_chain(tls.cert_file, tls.key_file)
        if tls.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _properties(content_type: str | None = None, packet: int = PacketTypes.PUBLISH) -> Properties:
    """MQTT 5 properties (contract 1): plain topics have no content type, Node-RED would not read numbers."""
    properties: Any = Properties(packet)
    properties.PayloadFormatIndicator = 0 if content_type in IMAGES else 1
    if content_type is not None:
        properties.ContentType = content_type
    return properties


# Making them costs a tenth of a whole publish, and nearly every message has the same.
_PLAIN: Final = _properties()
_JSON: Final = _properties(JSON)
_WILL: Final = _properties(packet=PacketTypes.WILLMESSAGE)


def _properties_of(message: Outgoing) -> Properties:
    if message.correlation is None and message.status is None and message.content_type in {None, JSON}:
        return _PLAIN if message.content_type is None else _JSON
    properties: Any = _properties(message.content_type)
    if message.correlation is not None:
        properties.CorrelationData = message.correlation
    if message.status is not None:
        properties.UserProperty = ("status", message.status)
    return properties


def _code(error: BaseException | None) -> int | None:
    """The MQTT reason code of an error or of what caused it."""
    while error is not None:
        if isinstance(error, aiomqtt.MqttCodeError):
            return error.rc if isinstance(error.rc, int) else getattr(error.rc, "value", None)
        error = error.__cause__
    return None
