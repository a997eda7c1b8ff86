"""Hands audio and artwork to players by short URLs that mean nothing, expire, and hold no secret."""

from __future__ import annotations

import asyncio
import errno
import re
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import ClientError, web

from sugartalkd.aside import Aside
from sugartalkd.errors import Internal, SugartalkError
from sugartalkd.log import get_logger
from sugartalkd.media import addresses
from sugartalkd.media.transfer import Broken, Transfer
from sugartalkd.model import Stream

if TYPE_CHECKING:
    from sugartalkd.media.source import Origin, Pictures, Source

_log = get_logger(__name__)

LIFETIME: Final = 6 * 3600.0
"""Seconds after its last use that a URL still works: a paused player may come back late."""
_ID_BYTES: Final = 9
_AUDIO: Final = re.compile(r"/a/([A-Za-z0-9_-]{12})\.[a-z0-9]{2,4}")
_PICTURE: Final = re.compile(r"/i/([A-Za-z0-9_.-]{1,200})\.(?:jpg|png)")
_NOTHING: Final = 404
_NOT_ALLOWED: Final = 405


@dataclass(slots=True, eq=False)
class _Entry:
    """One URL that works."""

    media_id: str
    guid: str | None
    transcode: bool
    expires: float
    """On the monotonic clock."""
    source: Source | None = None
    trouble: str | None = None


class MediaServer:
    """Listens as soon as somebody is to fetch something, on the address that this player reaches."""

    def __init__(
        self, origin: Origin, pictures: Pictures, *, bind: str = "auto", advertise: str = "auto", port: int
    ) -> None:
        self._origin = origin
        self._pictures = pictures
        self._bind = bind
        self._advertise = advertise
        self._port = port
        self._entries: dict[str, _Entry] = {}
        self._sites: dict[str, web.TCPSite] = {}
        self._runner: web.ServerRunner | None = None
        self._starting = asyncio.Lock()
        self._beside = Aside()

    async def run(self) -> None:
        """Wait for the end, and close everything then."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self._beside.end()
            if self._runner is not None:
                await self._runner.cleanup()
            self._runner = None
            self._sites.clear()

    # -- for the queue -------------------------------------------------------------------------------

    async def open(
        self, media_id: str, *, guid: str | None, player_address: str | None, transcode: bool
    ) -> Stream:
        """A URL of this track for this player. Raises what the origin raises, and Internal."""
        local = addresses.towards(player_address)
        source, _ = await asyncio.gather(
            self._origin.describe(media_id, guid, transcode=transcode), self._listen(local)
        )
        self._drop_expired()
        name = secrets.token_urlsafe(_ID_BYTES)
        self._entries[name] = _Entry(media_id, guid, source.transcoded, time.monotonic() + LIFETIME, source)
        host = local if self._advertise == "auto" else self._advertise
        url = f"http://{addresses.in_url(host, self._port)}/a/{name}.{source.extension}"
        return Stream(url, media_id, source.transcoded, guid)

    def adopt(self, stream: Stream) -> None:
        """A player may still fetch this, which was opened before the daemon was started again."""
        parts = urlsplit(stream.url)
        found = _AUDIO.fullmatch(parts.path)
        if found is None or parts.hostname is None:
            return
        expires = time.monotonic() + LIFETIME
        self._entries[found[1]] = _Entry(stream.media_id, stream.guid, stream.transcoded, expires)
        local = parts.hostname if self._advertise == "auto" else addresses.towards(None)
        self._beside.start(self._listen_again(local), "listening for players again")

    async def _listen_again(self, local: str) -> None:
        with suppress(Internal):  # logged, and tried again when something is played
            await self._listen(local)

    def close(self, stream: Stream) -> None:
        """Nobody needs it any more; what is under way is finished."""
        if (found := _AUDIO.fullmatch(urlsplit(stream.url).path)) is not None:
            self._entries.pop(found[1], None)

    def trouble(self, stream: Stream) -> str | None:
        """Why its content could not be brought to the player; `None` if all went well."""
        found = _AUDIO.fullmatch(urlsplit(stream.url).path)
        entry = None if found is None else self._entries.get(found[1])
        return None if entry is None else entry.trouble

    def _drop_expired(self) -> None:
        present = time.monotonic()
        self._entries = {name: one for name, one in self._entries.items() if one.expires > present}

    # -- listening -----------------------------------------------------------------------------------

    async def _listen(self, local: str) -> None:
        """Raises Internal where the port cannot be had; the next one who plays tries again."""
        host = local if self._bind == "auto" else self._bind
        async with self._starting:
            if host in self._sites:
                return
            if self._runner is None:
                self._runner = web.ServerRunner(web.Server(self._answer, access_log=None))
                await self._runner.setup()
            site = web.TCPSite(self._runner, host, self._port)
            try:
                await site.start()
            except OSError as error:
                await site.stop()
                why = "is taken by another program, maybe by a second sugartalkd"
                why = why if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
                text = f"players cannot fetch anything: {addresses.in_url(host, self._port)} {why}; media.port and media.bind choose another"  # noqa: E501
                _log.error(text)  # the traceback says no more
                raise Internal(text) from None
            self._sites[host] = site
            _log.info("players fetch audio here", address=addresses.in_url(host, self._port))

    # -- answering -----------------------------------------------------------------------------------

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in {"GET", "HEAD"}:
            return _empty(_NOT_ALLOWED)
        if (found := _AUDIO.fullmatch(request.rel_url.raw_path)) is not None:
            self._drop_expired()
            entry = self._entries.get(found[1])
            if entry is not None and not request.rel_url.raw_query_string:
                return await self._audio(request, entry)
        elif (found := _PICTURE.fullmatch(request.rel_url.raw_path)) is not None:
            return await self._picture(request, found[1])
        return _empty(_NOTHING)

    async def _audio(self, request: web.BaseRequest, entry: _Entry) -> web.StreamResponse:
        entry.expires = time.monotonic() + LIFETIME
        try:
            transfer = Transfer(request, self._origin, await self._source(entry))
            try:
                response = await transfer.carry_out()
            except Broken as gone:
                if not gone.moved:
                    raise
                entry.source = None  # the file has another path since it was changed: ask once more
                transfer = Transfer(request, self._origin, await self._source(entry))
                response = await transfer.carry_out()
        except (SugartalkError, Broken, ClientError, TimeoutError) as error:
            entry.trouble = str(error) or type(error).__name__
            _log.warning("a track could not be brought to its player", media_id=entry.media_id,
                         reason=entry.trouble)  # fmt: skip
            return _empty(502)
        if request.method == "GET":
            entry.trouble = transfer.trouble
        if transfer.trouble is not None:
            _log.warning("a track broke off on its way", media_id=entry.media_id, reason=transfer.trouble)
        return response

    async def _source(self, entry: _Entry) -> Source:
        if entry.source is None:
            entry.source = await self._origin.describe(entry.media_id, entry.guid, transcode=entry.transcode)
        return entry.source

    async def _picture(self, request: web.BaseRequest, artwork_id: str) -> web.StreamResponse:
        try:
            picture = await self._pictures.artwork(artwork_id)
        except SugartalkError:
            return _empty(_NOTHING)
        tag = f'"{artwork_id}"'
        if request.headers.get("If-None-Match") == tag:
            return _empty(304)
        headers = {"ETag": tag, "Cache-Control": "max-age=86400", "Server": "sugartalkd"}
        return web.Response(body=picture.data, content_type=picture.content_type, headers=headers)


def _empty(status: int) -> web.Response:
    return web.Response(status=status, headers={"Server": "sugartalkd"})
