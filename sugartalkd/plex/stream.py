"""A track's bytes from the Plex server, as the file has them or as Plex makes them for a player."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote, urlencode

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from sugartalkd.errors import NoMatch, PlexOffline, PlexUnauthorized
from sugartalkd.media.source import Source
from sugartalkd.plex import formats

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from aiohttp import ClientResponse

    from sugartalkd.plex.values import Part

TIMEOUT: Final = ClientTimeout(total=None, sock_connect=5.0, sock_read=20.0)
"""Seconds; as a whole a transfer lasts as long as its track, and a paused one longer."""
CONNECTIONS: Final = 32
BUFFER: Final = 262_144
_UNAUTHORIZED: Final = 401
_NO_DECISION: Final = frozenset({500, 503, 509})
"""Plain part addresses may answer so to files that are new, or without a playback decision (plex.md 2.5)."""


class Server(Protocol):
    """What is asked of the server."""

    address: str
    headers: dict[str, str]

    async def part(self, key: int) -> Part: ...


class Link(Protocol):
    """Who has the server while it is there."""

    @property
    def server(self) -> Server:
        """Raises PlexOffline or PlexUnauthorized."""
        ...


class PlexAudio:
    """The media server's origin. `end` closes its connections."""

    def __init__(self, link: Link, key_of: Callable[[str], Awaitable[int | None]]) -> None:
        """`key_of` has the key that a recording has now, by its guid."""
        self._link = link
        self._key_of = key_of
        self._session: ClientSession | None = None

    async def end(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def describe(self, media_id: str, guid: str | None, *, transcode: bool) -> Source:
        """Where and what the file is now; a key that a rescan has replaced is found by what it names."""
        key = int(media_id.rpartition(":")[2])
        server = self._link.server
        try:
            part = await server.part(key)
        except NoMatch:
            renewed = None if guid is None else await self._key_of(guid)
            if renewed is None or renewed == key:
                raise
            key, part = renewed, await server.part(renewed)
        seconds = None if part.duration_ms is None else part.duration_ms / 1000
        as_it_is = None if transcode else formats.direct(part)
        if as_it_is is not None:
            extension, content_type = as_it_is.extension, as_it_is.content_type
            return Source(part.path, extension, content_type, size=part.size, seconds=seconds)
        made = formats.MP3
        return Source(
            _transcoder(key, server), made.extension, made.content_type, transcoded=True, seconds=seconds
        )

    @asynccontextmanager
    async def fetch(self, source: Source, headers: Mapping[str, str]) -> AsyncGenerator[ClientResponse]:
        server = self._link.server
        if self._session is None:
            connector = TCPConnector(limit=CONNECTIONS, keepalive_timeout=30)
            self._session = ClientSession(
                connector=connector, timeout=TIMEOUT, auto_decompress=False, read_bufsize=BUFFER
            )
        asked = {**server.headers, **headers, "Accept": "*/*", "Accept-Encoding": "identity"}
        path = source.path
        while True:
            async with self._session.get(server.address + path, headers=asked, allow_redirects=False) as got:
                if got.status == _UNAUTHORIZED:
                    raise PlexUnauthorized("the Plex server does not give the file to our token")
                if got.status not in _NO_DECISION:
                    yield got
                    return
                if source.transcoded or path != source.path:
                    raise PlexOffline(f"the Plex server answers {got.status} instead of the file")
            path = f"{source.path}?download=1"


def _transcoder(key: int, server: Server) -> str:
    """The address at which Plex makes MP3 of a track; without identity in the query it answers 400."""
    session = secrets.token_hex(8)
    asked = {
        "path": f"/library/metadata/{key}",
        "mediaIndex": "0",
        "partIndex": "0",
        "offset": "0",
        "protocol": "http",
        "directPlay": "0",
        "directStream": "0",
        "musicBitrate": "320",
        "session": session,
        "X-Plex-Session-Identifier": session,
    }
    identity = {
        name: value
        for name, value in server.headers.items()
        if name.startswith("X-Plex-") and name != "X-Plex-Token"
    }
    return f"/music/:/transcode/universal/start.mp3?{urlencode(identity | asked, quote_via=quote)}"
