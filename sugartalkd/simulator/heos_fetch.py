"""A simulated player's HTTP client: it gets a stream's URL and throws the bytes away."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from sugartalkd.simulator.heos_sound import HEAD_SIZE, Sound, recognised

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

USER_AGENT: Final = "AvegaMediaServer/2.0 Linux/2.6"

_REDIRECTS: Final = 5
_FIRST_BYTE_SECONDS: Final = 10.0
_CHUNK: Final = 65_536


class NotDownloaded(Exception):
    """The URL gave no audio: refused, not HTTP, no 200, or cut short."""


@dataclass(slots=True)
class Fetched:
    """What became of one URL: times by the loop's clock, `size` in bytes that came so far."""

    url: str
    at: float
    pid: int
    status: int = 0
    content_type: str = ""
    length: int | None = None
    """What the server promised."""
    size: int = 0
    first_byte_at: float | None = None
    ended_at: float | None = None
    complete: bool = False
    sound: Sound | None = None


async def fetch(got: Fetched, room: Callable[[], Awaitable[None]]) -> None:
    """GET the URL over plain HTTP, following redirects, and keep the account of it in `got`.

    Args:
        got: Filled in as it goes on.
        room: Awaited before each piece, for as long as the player has no room for more.

    Raises:
        NotDownloaded: with the reason.
    """
    url = got.url
    try:
        for _ in range(_REDIRECTS):
            try:
                location = await _get(url, got, room)
            except (
                OSError,
                ValueError,
                IndexError,
                asyncio.IncompleteReadError,
                asyncio.LimitOverrunError,
            ) as error:
                raise NotDownloaded(f"{url}: {error!r}") from error
            if location is None:
                got.complete = True
                return
            url = urljoin(url, location)
        raise NotDownloaded(f"{url}: more than {_REDIRECTS} redirects")
    finally:
        got.ended_at = asyncio.get_running_loop().time()


async def _get(url: str, got: Fetched, room: Callable[[], Awaitable[None]]) -> str | None:
    """Where a redirect leads, or None when all bytes came."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        raise NotDownloaded(f"{url}: not plain http")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    async with asyncio.timeout(_FIRST_BYTE_SECONDS):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        asked = (
            f"GET {target} HTTP/1.1",
            f"Host: {parts.netloc}",
            f"User-Agent: {USER_AGENT}",
            "Connection: close",
        )
        writer.write(("\r\n".join(asked) + "\r\n\r\n").encode())
        async with asyncio.timeout(_FIRST_BYTE_SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        got.status = int(head[0].split()[1])
        lines = (line.partition(":") for line in head)
        fields = {name.strip().lower(): value.strip() for name, _, value in lines}
        if got.status in {301, 302, 303, 307, 308} and "location" in fields:
            return fields["location"]
        if got.status != 200:  # noqa: PLR2004 - HTTP's own number
            raise NotDownloaded(f"{url}: status {got.status}")
        got.content_type = fields.get("content-type", "")
        got.length = int(fields["content-length"]) if "content-length" in fields else None
        await _discard(reader, got, room, chunked=fields.get("transfer-encoding", "").lower() == "chunked")
        return None
    finally:
        writer.close()


async def _discard(
    reader: asyncio.StreamReader, got: Fetched, room: Callable[[], Awaitable[None]], *, chunked: bool
) -> None:
    head = b""
    await room()
    async for piece in _chunks(reader) if chunked else _pieces(reader, got.length):
        if got.first_byte_at is None:
            got.first_byte_at = asyncio.get_running_loop().time()
        got.size += len(piece)
        if got.sound is None:
            head += piece
            if len(head) >= HEAD_SIZE:
                got.sound = recognised(head[:HEAD_SIZE], got.length)
        await room()
    if got.length is not None and got.size < got.length:
        raise NotDownloaded(f"{got.url}: cut after {got.size} bytes")
    if got.sound is None:
        got.sound = recognised(head, got.length)
    if not got.sound.duration_ms and got.sound.rate:
        got.sound = Sound(got.sound.format, round(got.size / got.sound.rate), got.sound.rate)


async def _pieces(reader: asyncio.StreamReader, left: int | None) -> AsyncGenerator[bytes, None]:
    """Until so many bytes came, or the connection ends."""
    while left is None or left > 0:
        piece = await reader.read(_CHUNK if left is None else min(left, _CHUNK))
        if not piece:
            return
        yield piece
        if left is not None:
            left -= len(piece)


async def _chunks(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    """HTTP's chunked encoding; an IncompleteReadError is a cut."""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
