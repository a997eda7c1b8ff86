"""Finding a HEOS device on the network by SSDP."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUP: Final = ("239.255.255.250", 1900)
TARGET: Final = "urn:schemas-denon-com:device:ACT-Denon:1"
SEARCH_LIMIT: Final = 3.0
"""Seconds to wait for an answer."""
REPEAT: Final = 1.0
"""Seconds between two requests: multicast gets lost on wireless networks."""

_REQUEST: Final = (
    'M-SEARCH * HTTP/1.1\r\nHOST: {host}:{port}\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: {target}\r\n\r\n'
)
_LOCATION: Final = re.compile(rb"^location:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class _Search(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        location = _LOCATION.search(data)
        if location is None or TARGET.encode() not in data or self.found.done():
            return
        try:
            host = urlsplit(location[1].decode()).hostname or ""
            nearby = host == addr[0] or ipaddress.ip_address(host).is_private
        except ValueError:
            return
        if nearby:  # an answer that sends us out of the house is not believed
            self.found.set_result(host)

    def error_received(self, exc: Exception) -> None:
        """No route to the group, for instance: the search ends by its time limit."""


async def search(
    group: tuple[str, int] = GROUP, seconds: float = SEARCH_LIMIT, interfaces: Iterable[int] | None = None
) -> str | None:
    """The address of the first HEOS device that answers, or `None`. Raises OSError without a network.

    Asks on every interface, or on those with the given indices: the system alone would ask on one, on a
    machine with containers or a VPN often the wrong one.
    """
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(_Search, local_addr=("0.0.0.0", 0))
    ours: socket.socket = transport.get_extra_info("socket")
    request = _REQUEST.format(host=group[0], port=group[1], target=TARGET).encode()
    deadline = loop.time() + seconds
    try:
        while loop.time() < deadline:
            for index in interfaces or (index for index, _ in socket.if_nameindex()):
                with suppress(OSError):  # one that is down or has no address
                    wanted = struct.pack("4s4si", socket.inet_aton(group[0]), bytes(4), index)
                    ours.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, wanted)
                    transport.sendto(request, group)
            pause = min(REPEAT, deadline - loop.time())
            done, _ = await asyncio.wait([protocol.found], timeout=max(0.0, pause))
            if done:
                return protocol.found.result()
        return None
    finally:
        transport.close()
