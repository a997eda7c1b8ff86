"""A track's bytes from the Plex server, as the file has them or as Plex makes them for a player."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote, urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from sugartalkd.aside import Aside
from sugartalkd.errors import NoMatch, PlexOffline, PlexUnauthorized
from sugartalkd.media.source import Source
from sugartalkd.model import MediaKind
from sugartalkd.plex import formats
from sugartalkd.plex import media_id as ids

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from aiohttp import ClientResponse

    from sugartalkd.plex.values import Part

TIMEOUT: Final = ClientTimeout(total=None, sock_connect=5.0, sock_read=12.0)
"""Seconds; a disk may have to spin up first. As a whole a transfer lasts as long as its track, or longer."""
STOP_TIMEOUT: Final = ClientTimeout(total=3.0)
END_LIMIT: Final = 1.0
CONNECTIONS: Final = 64
"""A paused player keeps one."""
BUFFER: Final = 262_144
_TRANSCODER: Final = "/music/:/transcode/universal"
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
        self._last: Server | None = None
        self._session: ClientSession | None = None
        self._beside = Aside()

    async def end(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(END_LIMIT):
                await self._beside.wait()
        await self._beside.end()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def describe(self, media_id: str, guid: str | None, *, transcode: bool) -> Source:
        """Where and what the file is now; a key that a rescan has replaced is found by what it names."""
        key = ids.of_kind(media_id, MediaKind.TRACK, "playing")
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
        path = f"/library/metadata/{key}"
        return Source(path, made.extension, made.content_type, transcoded=True, seconds=seconds)

    @asynccontextmanager
    async def fetch(self, source: Source, headers: Mapping[str, str]) -> AsyncGenerator[ClientResponse]:
        server = self._server()
        if not source.transcoded:
            async with self._part(server, source.path, headers) as got:
                yield got
            return
        session = secrets.token_hex(8)
        try:
            async with self._get(server, _transcoder(source.path, session, server)) as got:
                if got.status in _NO_DECISION:
                    raise PlexOffline(f"the Plex server answers {got.status} when asked to transcode")
                yield got
        finally:
            self._beside.start(self._stop(server, session), "stopping a transcoder")

    @asynccontextmanager
    async def _part(
        self, server: Server, path: str, headers: Mapping[str, str]
    ) -> AsyncGenerator[ClientResponse]:
        async with self._get(server, path, headers) as got:
            if got.status not in _NO_DECISION:
                yield got
                return
        async with self._get(server, f"{path}?download=1", headers) as got:
            if got.status in _NO_DECISION:
                raise PlexOffline(f"the Plex server answers {got.status} instead of the file")
            yield got

    @asynccontextmanager
    async def _get(
        self, server: Server, path: str, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[ClientResponse]:
        if self._session is None:
            connector = TCPConnector(limit=CONNECTIONS, keepalive_timeout=30)
            self._session = ClientSession(
                connector=connector, timeout=TIMEOUT, auto_decompress=False, read_bufsize=BUFFER
            )
        asked = {**server.headers, **(headers or {}), "Accept": "*/*", "Accept-Encoding": "identity"}
        async with self._session.get(server.address + path, headers=asked, allow_redirects=False) as got:
            if got.status == _UNAUTHORIZED:
                raise PlexUnauthorized("the Plex server does not give the file to our token")
            yield got

    def _server(self) -> Server:
        """The link may take longer to come back than the server itself: music that plays does not wait."""
        try:
            self._last = self._link.server
        except PlexOffline:
            if self._last is None:
                raise
        return self._last

    async def _stop(self, server: Server, session: str) -> None:
        """Plex would go on until it notices by itself."""
        if self._session is None:
            return
        address = f"{server.address}{_TRANSCODER}/stop?session={session}"
        with suppress(ClientError, TimeoutError):
            async with self._session.get(
                address, headers=server.headers, timeout=STOP_TIMEOUT, allow_redirects=False
            ):
                pass


def _transcoder(path: str, session: str, server: Server) -> str:
    """The address at which Plex makes MP3 of a track; without identity in the query it answers 400."""
    asked = {
        "path": path,
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
    return f"{_TRANSCODER}/start.mp3?{urlencode(identity | asked, quote_via=quote)}"
