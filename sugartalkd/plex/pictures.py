"""Artwork from the Plex server, small enough for a topic, and kept on disk."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from sugartalkd.errors import NoMatch, PlexOffline, PlexUnauthorized
from sugartalkd.log import get_logger
from sugartalkd.model import Artwork
from sugartalkd.plex import image
from sugartalkd.plex.artwork import artwork_path
from sugartalkd.plex.picture_files import PictureFiles

if TYPE_CHECKING:
    from pathlib import Path

    from sugartalkd.plex.stream import Link

_log = get_logger(__name__)

LARGEST: Final = 300_000
"""Bytes of one picture."""
WIDEST: Final = 512
"""Pixels, and as many in height."""
TIMEOUT: Final = ClientTimeout(total=10.0)
CONNECTIONS: Final = 3
"""Scaling is work for the server, which also has music to bring."""
_SIZES: Final = (WIDEST, 320, 160)
_OK, _UNAUTHORIZED, _GONE = 200, 401, 404


class PlexPictures:
    """Fetches each picture once. `end` closes its connections."""

    def __init__(self, link: Link, folder: Path) -> None:
        self._link = link
        self._files = PictureFiles(folder)
        self._session: ClientSession | None = None
        self._under_way: dict[str, asyncio.Task[Artwork]] = {}

    async def end(self) -> None:
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def artwork(self, artwork_id: str) -> Artwork:
        """Raises BadPayload, NoMatch, PlexOffline and PlexUnauthorized."""
        path = artwork_path(artwork_id)
        if (task := self._under_way.get(artwork_id)) is None:
            task = asyncio.create_task(self._get(artwork_id, path), name=f"artwork {artwork_id}")
            self._under_way[artwork_id] = task
            task.add_done_callback(lambda done: self._done(artwork_id, done))
        return await asyncio.shield(task)  # others may wait for it too

    def _done(self, artwork_id: str, task: asyncio.Task[Artwork]) -> None:
        self._under_way.pop(artwork_id, None)
        if not task.cancelled():
            task.exception()  # if nobody waits any more, nobody needs to hear of it

    async def _get(self, artwork_id: str, path: str) -> Artwork:
        with suppress(OSError):
            data = await asyncio.to_thread(self._files.read, path)
            if (kind := _fits(data)) is not None:
                return Artwork(artwork_id, kind, data)
        for size in _SIZES:
            data = await self._fetch(path, size)
            if (kind := _fits(data)) is not None:
                await self._keep(path, data)
                return Artwork(artwork_id, kind, data)
        raise NoMatch(
            f"the Plex server has no JPEG or PNG of at most {WIDEST} pixels and {LARGEST} bytes there"
        )

    async def _keep(self, path: str, data: bytes) -> None:
        try:
            await asyncio.to_thread(self._files.keep, path, data)
        except OSError as error:
            _log.warning("artwork cannot be kept on disk", reason=error.strerror)

    async def _fetch(self, path: str, size: int) -> bytes:
        """What the server makes of it; at most one byte more than may be."""
        server = self._link.server
        if self._session is None:
            self._session = ClientSession(
                timeout=TIMEOUT, connector=TCPConnector(limit=CONNECTIONS, keepalive_timeout=30)
            )
        # Without minSize the picture fits into the square, with it the square fits into the picture.
        asked = {"url": path, "width": size, "height": size, "upscale": 0, "format": "jpeg"}
        address = f"{server.address}/photo/:/transcode?{urlencode(asked, quote_via=quote, safe='')}"
        headers = server.headers | {"Accept": "image/*"}
        try:
            async with self._session.get(address, headers=headers, allow_redirects=False) as got:
                if got.status == _UNAUTHORIZED:
                    raise PlexUnauthorized("the Plex server does not give the picture to our token")
                if got.status == _GONE:
                    raise NoMatch("the Plex server does not have this picture (any more)")
                if got.status != _OK:
                    raise PlexOffline(f"the Plex server answers {got.status} instead of the picture")
                data = b""
                async for chunk in got.content.iter_any():
                    data += chunk
                    if len(data) > LARGEST:
                        break
                return data
        except (ClientError, TimeoutError, OSError) as error:
            raise PlexOffline(f"the Plex server gives no picture ({type(error).__name__})") from None


def _fits(data: bytes) -> str | None:
    """The content type of what may be shown."""
    found = image.read(data)
    if found is None or len(data) > LARGEST or max(found.width, found.height) > WIDEST:
        return None
    return found.content_type
