"""Finding a HEOS device on the network by SSDP."""

from __future__ import annotations

import asyncio
import re
from typing import Final
from urllib.parse import urlsplit

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
            host = urlsplit(location[1].decode()).hostname
        except ValueError:
            return
        if host == addr[0]:  # an answer that sends us elsewhere is not believed
            self.found.set_result(addr[0])

    def error_received(self, exc: Exception) -> None:
        """No route to the group, for instance: the search ends by its time limit."""


async def search(group: tuple[str, int] = GROUP, seconds: float = SEARCH_LIMIT) -> str | None:
    """The address of the first HEOS device that answers, or `None`. Raises OSError without a network."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(_Search, local_addr=("0.0.0.0", 0))
    request = _REQUEST.format(host=group[0], port=group[1], target=TARGET).encode()
    deadline = loop.time() + seconds
    try:
        while loop.time() < deadline:
            transport.sendto(request, group)
            pause = min(REPEAT, deadline - loop.time())
            done, _ = await asyncio.wait([protocol.found], timeout=max(0.0, pause))
            if done:
                return protocol.found.result()
        return None
    finally:
        transport.close()
