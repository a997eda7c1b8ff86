"""Answers SSDP searches for HEOS devices on loopback, so that `heos.host: auto` finds a simulated one."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

GROUP: Final = "239.255.255.250"
PORT: Final = 1900
TARGET: Final = "urn:schemas-denon-com:device:ACT-Denon:1"

_ANSWER: Final = (
    "HTTP/1.1 200 OK\r\n"
    "CACHE-CONTROL: max-age=180\r\n"
    "EXT:\r\n"
    "LOCATION: http://{host}:60006/upnp/desc/aios_device/aios_device.xml\r\n"
    "SERVER: LINUX UPnP/1.0 Denon-Heos/000000\r\n"
    "ST: {target}\r\n"
    "USN: uuid:00000000-0000-0000-0000-{host}::{target}\r\n"
    "\r\n"
)


class SsdpResponder(asyncio.DatagramProtocol):
    """Speaks for the device at one address; hears only what is sent on the loopback interface."""

    def __init__(self, host: str, *, port: int = PORT) -> None:
        self._host = host
        self._port = port
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        """Listen. Raises OSError where the port is taken."""
        ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        member = socket.inet_aton(GROUP) + socket.inet_aton("127.0.0.1")
        try:
            ours.bind((GROUP, self._port))
            ours.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        except OSError:
            ours.close()
            raise
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=ours)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer from the device's own address, as a device does."""
        if not data.startswith(b"M-SEARCH") or TARGET.encode() not in data:
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as answering:
            answering.bind((self._host, 0))
            answering.sendto(_ANSWER.format(host=self._host, target=TARGET).encode(), addr)
