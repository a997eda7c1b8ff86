"""A simulated player's HTTP client: it gets a stream's URL and throws the bytes away."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urljoin, urlsplit

USER_AGENT: Final = "AvegaMediaServer/2.0 Linux/2.6"

_REDIRECTS: Final = 5
_FIRST_BYTE_SECONDS: Final = 10.0
_CHUNK: Final = 65_536


class NotDownloaded(Exception):
    """The URL gave no audio: refused, not HTTP, no 200, or cut short."""


async def fetch(url: str) -> int:
    """GET the URL over plain HTTP, following redirects, and count the bytes of its body.

    Raises:
        NotDownloaded: with the reason.
    """
    for _ in range(_REDIRECTS):
        try:
            location, size = await _get(url)
        except (
            OSError,
            ValueError,
            IndexError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
        ) as error:
            raise NotDownloaded(f"{url}: {error!r}") from error
        if location is None:
            return size
        url = urljoin(url, location)
    raise NotDownloaded(f"{url}: more than {_REDIRECTS} redirects")


async def _get(url: str) -> tuple[str | None, int]:
    """Where a redirect leads, or how many bytes came."""
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
        status = int(head[0].split()[1])
        lines = (line.partition(":") for line in head)
        fields = {name.strip().lower(): value.strip() for name, _, value in lines}
        if status in {301, 302, 303, 307, 308} and "location" in fields:
            return fields["location"], 0
        if status != 200:  # noqa: PLR2004 - HTTP's own number
            raise NotDownloaded(f"{url}: status {status}")
        return None, await _discard(reader, fields.get("content-length"))
    finally:
        writer.close()


async def _discard(reader: asyncio.StreamReader, promised: str | None) -> int:
    size = 0
    while chunk := await reader.read(_CHUNK):
        size += len(chunk)
    if promised is not None and size < int(promised):
        raise NotDownloaded(f"{size} of {promised} bytes came")
    return size
