"""One telnet client of the simulated receiver, seen from the receiver's side."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Final

_BYTE_GAP: Final = 0.001
"""Seconds between two bytes sent on their own, so that the client's kernel does not join them."""


class Connection:
    """Writes frames to one client, and ends its connection gently or roughly."""

    def __init__(self, number: int, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.heard_at: float | None = None
        """When its last command came, by the monotonic clock."""
        self.by_hand = False
        """Whether somebody types here, who sends LF and wants to read lines."""
        self._writer = writer
        self._sent = 0
        # Without it Nagle would hold a frame back until the client's kernel has acknowledged the one before.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def is_open(self) -> bool:
        return not self._writer.is_closing()

    async def send(self, frames: list[bytes], end: bytes, *, split: bool, close_after: int | None) -> None:
        """Send frames in one segment, or with `split` each byte in its own.

        After `close_after` frames in all the connection is closed, the rest unsent.
        """
        if not self.is_open:
            return
        allowed = frames if close_after is None else frames[: max(0, close_after - self._sent)]
        self._sent += len(allowed)
        data = b"".join(frame + end for frame in allowed)
        if split:
            for byte in data:
                self._writer.write(bytes((byte,)))
                await asyncio.sleep(_BYTE_GAP)
        else:
            self._writer.write(data)
        if close_after is not None and self._sent >= close_after:
            self.close()

    async def send_raw(self, data: bytes) -> None:
        """Send bytes as they are, and wait until the client takes them or has gone."""
        if self.is_open:
            self._writer.write(data)
            with suppress(ConnectionError):
                await self._writer.drain()

    def close(self) -> None:
        """Close after what is still to be sent (FIN)."""
        self._writer.close()

    def abort(self) -> None:
        """Close at once, dropping what is still to be sent."""
        self._writer.transport.abort()

    def reset(self) -> None:
        """End with a RST instead of a FIN."""
        if self.is_open:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    async def gone(self) -> None:
        """Wait until the connection has ended, however it did."""
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    @property
    def _socket(self) -> socket.socket:
        return self._writer.get_extra_info("socket")
