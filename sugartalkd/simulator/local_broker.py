"""A real MQTT broker on loopback for demo and tests: mosquitto where it is installed, else iotcore."""

from __future__ import annotations

import asyncio
import errno
import shutil
import socket
import subprocess
import tempfile
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

START_LIMIT: Final = 5.0
"""Seconds a broker may take until it accepts connections; mosquitto takes 10 ms, iotcore 300."""
STOP_LIMIT: Final = 3.0
"""Seconds after which a broker that was asked to end is killed."""

_MOSQUITTO_CONF: Final = """\
listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
persistence false
"""

# rumqttd has a listener of its own for each protocol version, and binds all interfaces unless told.
_RUMQTTD_CONF: Final = """\
id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v4.1]
name = "v4"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = 1048576
max_inflight_count = 500
dynamic_filters = true
[v5.1]
name = "v5"
listen = "127.0.0.1:{port5}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 1048576
max_inflight_count = 500
dynamic_filters = true
"""


class NoBroker(Exception):
    """No broker can be started here; the text says why."""


def find_mosquitto() -> str | None:
    """The mosquitto program; Debian puts it where ordinary users have no PATH."""
    return shutil.which("mosquitto") or shutil.which(
        "mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
    )


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free(port: int) -> None:
    """Raises NoBroker if nothing can listen on this port of 127.0.0.1, because something does or may not."""
    with socket.socket() as probe:
        # As brokers do: connections that have ended lately do not keep a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "another program has it" if taken else error.strerror or str(error)
            raise NoBroker(f"no broker can listen on port {port} of 127.0.0.1: {why}") from None


class LocalBroker:
    """One broker process; `async with` starts and ends it.

    `lines` are further lines of mosquitto's configuration; iotcore takes none. `port` 0 chooses a free one.
    """

    def __init__(self, *, port: int = 0, lines: Sequence[str] = (), only: str | None = None) -> None:
        self.port = port or free_port()
        """For MQTT 3.1.1; mosquitto speaks 5 on it as well."""
        self.port5 = self.port
        self.name = ""
        self._lines = lines
        self._only = only
        self._process: subprocess.Popen[bytes] | None = None
        self._iotcore: Any = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def start(self) -> None:
        """Start, and wait until the port answers. Raises NoBroker, and then leaves nothing behind."""
        require_free(self.port)
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self.stop)
            self._launch()
            await self._answering()
            undo.pop_all()

    def _launch(self) -> None:
        mosquitto = None if self._only == "iotcore" else find_mosquitto()
        self._folder = tempfile.TemporaryDirectory(prefix="sugartalk-broker-")
        folder = Path(self._folder.name)
        if mosquitto is not None:
            folder.chmod(0o755)  # started as root, mosquitto becomes user mosquitto before it reads files
            conf = folder / "mosquitto.conf"
            lines = [*self._lines, *(["user root"] if _must_stay_root() else [])]
            conf.write_text(_MOSQUITTO_CONF.format(port=self.port) + "\n".join(lines) + "\n")
            self._process = subprocess.Popen(  # noqa: S603  # our own command line
                [mosquitto, "-c", str(conf)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # A terminal's Ctrl-C is for us: the daemon says its farewell before the broker ends.
                start_new_session=True,
            )
            self.name = "mosquitto"
        elif self._only != "mosquitto":
            self._start_iotcore(folder)
            self.name = "iotcore"
        else:
            raise NoBroker("mosquitto is not installed")

    async def stop(self) -> None:
        """End the broker; connections are cut."""
        if self._process is not None:
            self._process.terminate()
            try:
                await asyncio.to_thread(self._process.wait, STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                await asyncio.to_thread(self._process.wait)
            self._process = None
        if self._iotcore is not None:
            self._iotcore.stop()
            self._iotcore = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @property
    def pid(self) -> int:
        """Process id of mosquitto, for tests that freeze or kill it."""
        if self._process is None:
            raise NoBroker("no mosquitto process")
        return self._process.pid

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _start_iotcore(self, folder: Path) -> None:
        try:
            from iotcore import Broker  # noqa: PLC0415  # an extra: only who has no mosquitto needs it
        except ImportError:
            raise NoBroker(
                "no MQTT broker found: install mosquitto, or the demo extra (pip install 'sugartalkd[demo]')"
            ) from None
        self.port5 = free_port()
        conf = folder / "rumqttd.toml"
        conf.write_text(_RUMQTTD_CONF.format(port=self.port, port5=self.port5))
        self._iotcore = Broker(config_path=str(conf))
        try:
            self._iotcore.start()
        except (OSError, RuntimeError) as error:
            raise NoBroker(f"iotcore does not start: {error}") from error

    async def _answering(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_LIMIT
        while True:
            answers = False
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                answers = True
            # Looked at even if somebody answers: it might be another program that was quicker.
            if self._process is not None and self._process.poll() is not None:
                raise NoBroker(f"mosquitto ended with exit code {self._process.returncode}")
            if answers:
                return
            if loop.time() > deadline:
                raise NoBroker(f"{self.name} does not answer on port {self.port}")
            await asyncio.sleep(0.01)


def _must_stay_root() -> bool:
    """Whether root cannot become user mosquitto, as in the user namespace of `unshare --map-root-user`."""
    try:
        return Path("/proc/self/setgroups").read_text().strip() == "deny"
    except OSError:
        return False  # not Linux
