"""Artwork from the Plex server, small enough for a topic, and kept on disk."""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout

from sugartalkd.errors import NoMatch, PlexOffline, PlexUnauthorized
from sugartalkd.log import get_logger
from sugartalkd.model import Artwork
from sugartalkd.plex.artwork import artwork_path

if TYPE_CHECKING:
    from pathlib import Path

    from sugartalkd.plex.stream import Link

_log = get_logger(__name__)

WIDTH: Final = 512
"""Pixels, and as many in height."""
LARGEST: Final = 300_000
KEPT: Final = 50_000_000
"""Bytes of one picture, and of all on disk."""
TIMEOUT: Final = ClientTimeout(total=10.0)
_SMALLER: Final = (WIDTH, 320, 160)
_KINDS: Final = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))
_OK, _UNAUTHORIZED, _GONE = 200, 401, 404


class PlexPictures:
    """Fetches each picture once. `end` closes its connections."""

    def __init__(self, link: Link, folder: Path) -> None:
        self._link = link
        self._folder = folder
        self._session: ClientSession | None = None
        self._under_way: dict[str, asyncio.Task[Artwork]] = {}

    async def end(self) -> None:
        for task in list(self._under_way.values()):
            task.cancel()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def artwork(self, artwork_id: str) -> Artwork:
        """Raises BadPayload, NoMatch, PlexOffline and PlexUnauthorized."""
        path = artwork_path(artwork_id)
        file = self._folder / hashlib.sha256(path.encode()).hexdigest()[:32]
        with suppress(OSError):
            data = await asyncio.to_thread(_read, file)
            if (kind := _kind(data)) is not None:
                return Artwork(artwork_id, kind, data)
        task = self._under_way.get(artwork_id)
        if task is None:
            task = asyncio.create_task(self._fetch(artwork_id, path, file), name=f"artwork {artwork_id}")
            self._under_way[artwork_id] = task
            task.add_done_callback(lambda _: self._under_way.pop(artwork_id, None))
        return await asyncio.shield(task)

    async def _fetch(self, artwork_id: str, path: str, file: Path) -> Artwork:
        for width in _SMALLER:
            data = await self._picture(path, width)
            if (kind := _kind(data)) is None:
                raise NoMatch("what the Plex server has there is neither JPEG nor PNG")
            if len(data) <= LARGEST:
                await asyncio.to_thread(_keep, file, data)
                return Artwork(artwork_id, kind, data)
        raise NoMatch(f"the picture has more than {LARGEST} bytes however small it is asked for")

    async def _picture(self, path: str, width: int) -> bytes:
        server = self._link.server
        if self._session is None:
            self._session = ClientSession(timeout=TIMEOUT)
        asked = {"url": path, "width": width, "height": width, "minSize": 1, "upscale": 0, "format": "jpeg"}
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
                data = await got.content.read(LARGEST + 1)
                while len(data) <= LARGEST and (more := await got.content.read(LARGEST + 1 - len(data))):
                    data += more
                return data
        except (ClientError, TimeoutError, OSError) as error:
            raise PlexOffline(f"the Plex server gives no picture ({type(error).__name__})") from None


def _kind(data: bytes) -> str | None:
    """What it really is, whatever it was called."""
    return next((kind for magic, kind in _KINDS if data.startswith(magic)), None)


def _read(file: Path) -> bytes:
    data = file.read_bytes()
    os.utime(file)  # the least used ones are thrown away first
    return data


def _keep(file: Path, data: bytes) -> None:
    """Write it down, and throw away what has not been looked at for longest."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = file.with_suffix(".new")
        written.write_bytes(data)
        written.replace(file)
        files = sorted((one.stat().st_mtime, one.stat().st_size, one) for one in file.parent.iterdir())
        excess = sum(size for _, size, _ in files) - KEPT
        for _, size, one in files:
            if excess <= 0:
                break
            one.unlink(missing_ok=True)
            excess -= size
    except OSError as error:
        _log.warning("artwork cannot be kept", folder=str(file.parent), reason=error.strerror)
