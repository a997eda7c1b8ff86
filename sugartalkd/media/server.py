"""Hands audio and artwork to players by short URLs that mean nothing, expire, and hold no secret."""

from __future__ import annotations

import asyncio
import errno
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import ClientError, web

from sugartalkd.aside import Aside
from sugartalkd.errors import Internal, SugartalkError
from sugartalkd.log import get_logger
from sugartalkd.media import addresses
from sugartalkd.media.connection import QuietServer, base_headers, empty
from sugartalkd.media.names import PATTERN, Names
from sugartalkd.media.transfer import Refused, Transfer, told
from sugartalkd.model import Stream

if TYPE_CHECKING:
    from sugartalkd.media.source import Origin, Pictures, Source

_log = get_logger(__name__)

MARGIN: Final = 6 * 3600.0
"""Seconds beyond a track's length that its URL still works after its last use: players are paused long."""
PICTURE_LIFETIME: Final = 24 * 3600.0
END_LIMIT: Final = 0.1
"""Seconds that what is under way may take to end when the server does."""
_AUDIO: Final = re.compile(rf"/a/({PATTERN})\.[a-z0-9]{{2,4}}")
_PICTURE: Final = re.compile(rf"/i/({PATTERN})\.jpg")
_NOT_MODIFIED, _NOTHING, _NOT_ALLOWED, _BAD_GATEWAY = 304, 404, 405, 502


@dataclass(slots=True, eq=False)
class _Audio:
    """A track that may be fetched."""

    media_id: str
    guid: str | None
    transcode: bool
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
        self._audio: Names[_Audio] = Names()
        self._shown: Names[str] = Names()
        """Pictures, by artwork_id."""
        self._sites: dict[str, web.TCPSite] = {}
        self._runner: web.ServerRunner | None = None
        self._starting = asyncio.Lock()
        self._beside = Aside()

    def renew(self, origin: Origin, pictures: Pictures) -> None:
        """From now on these are asked; the URLs that players have go on."""
        self._origin, self._pictures = origin, pictures

    async def run(self) -> None:
        """Wait for the end, and close everything then."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self._beside.end()
            runner, self._runner = self._runner, None
            self._sites.clear()
            if runner is not None:
                await runner.cleanup()

    # -- for the queue -------------------------------------------------------------------------------

    async def open(
        self, media_id: str, *, guid: str | None, player_address: str | None, transcode: bool
    ) -> Stream:
        """A URL of this track for this player. Raises what the origin raises, and Internal."""
        local = addresses.towards(player_address)
        source, _ = await asyncio.gather(
            self._origin.describe(media_id, guid, transcode=transcode), self._listen(local)
        )
        audio = _Audio(media_id, guid, source.transcoded, source)
        name = self._audio.give(audio, MARGIN + (source.seconds or 0.0))
        return Stream(self._url(local, f"/a/{name}.{source.extension}"), media_id, source.transcoded, guid)

    def adopt(self, stream: Stream) -> None:
        """A player may still fetch this, which was opened before the daemon was started again."""
        parts = urlsplit(stream.url)
        if (name := _name(stream)) is None or parts.hostname is None or self._audio.get(name) is not None:
            return
        self._audio.put(name, _Audio(stream.media_id, stream.guid, stream.transcoded), 2 * MARGIN)
        local = parts.hostname if self._advertise == "auto" else addresses.towards(None)
        self._beside.start(self._listen_again(local), "listening for players again")

    def close(self, stream: Stream) -> None:
        """Nobody needs it any more; what is under way is finished."""
        if (name := _name(stream)) is not None:
            self._audio.drop(name)

    def trouble(self, stream: Stream) -> str | None:
        """Why its content could not be brought to the player; `None` if all went well."""
        audio = None if (name := _name(stream)) is None else self._audio.get(name)
        return None if audio is None else audio.trouble

    # -- for players that show pictures --------------------------------------------------------------

    async def show(self, artwork_id: str, *, player_address: str | None) -> str:
        """A URL of this picture for this player. Raises Internal."""
        local = addresses.towards(player_address)
        await self._listen(local)
        return self._url(local, f"/i/{self._shown.give(artwork_id, PICTURE_LIFETIME)}.jpg")

    # -- listening -----------------------------------------------------------------------------------

    def _url(self, local: str, path: str) -> str:
        host = local if self._advertise == "auto" else self._advertise
        return f"http://{addresses.in_url(host, self._port)}{path}"

    async def _listen(self, local: str) -> None:
        """Raises Internal where the port cannot be had; the next one who plays tries again."""
        host = local if self._bind == "auto" else self._bind
        async with self._starting:
            if host in self._sites:
                return
            if self._runner is None:
                self._runner = web.ServerRunner(QuietServer(self._answer), shutdown_timeout=END_LIMIT)
                await self._runner.setup()
            site = web.TCPSite(self._runner, host, self._port)
            try:
                await site.start()
            except OSError as error:
                await site.stop()
                why = f"cannot be used: {error.strerror}"
                if error.errno == errno.EADDRINUSE:
                    why = "is taken by another program, maybe by a second sugartalkd on this machine"
                text = (
                    f"players cannot fetch anything: {addresses.in_url(host, self._port)} {why}; "
                    "media.port and media.bind choose another"
                )
                _log.error(text)  # the traceback says no more
                raise Internal(text) from None
            self._sites[host] = site
            _log.info("players fetch audio here", address=addresses.in_url(host, self._port))

    async def _listen_again(self, local: str) -> None:
        with suppress(Internal):  # logged, and tried again when something is played
            await self._listen(local)

    # -- answering -----------------------------------------------------------------------------------

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in {"GET", "HEAD"}:
            return empty(_NOT_ALLOWED)
        if not request.rel_url.raw_query_string:
            path = request.rel_url.raw_path
            if (found := _AUDIO.fullmatch(path)) is not None:
                with self._audio.use(found[1]) as audio:
                    return empty(_NOTHING) if audio is None else await self._bring(request, audio)
            if (found := _PICTURE.fullmatch(path)) is not None:
                with self._shown.use(found[1]) as artwork_id:
                    return empty(_NOTHING) if artwork_id is None else await self._picture(request, artwork_id)
        return empty(_NOTHING)

    async def _bring(self, request: web.BaseRequest, audio: _Audio) -> web.StreamResponse:
        try:
            source = audio.source or await self._describe(audio)
            transfer = Transfer(request, self._origin, source, lambda: self._describe(audio))
            response = await transfer.carry_out()
        except (SugartalkError, Refused, ClientError, TimeoutError) as error:
            audio.trouble = told(error)
            _log.warning("a track could not be brought to its player", media_id=audio.media_id,
                         reason=audio.trouble)  # fmt: skip
            return empty(_BAD_GATEWAY)
        if transfer.trouble is not None:
            _log.warning("a track broke off on its way", media_id=audio.media_id, reason=transfer.trouble)
        if request.method == "GET":
            audio.trouble = transfer.trouble
        return response

    async def _describe(self, audio: _Audio) -> Source:
        audio.source = await self._origin.describe(audio.media_id, audio.guid, transcode=audio.transcode)
        return audio.source

    async def _picture(self, request: web.BaseRequest, artwork_id: str) -> web.StreamResponse:
        headers = base_headers() | {"ETag": f'"{artwork_id}"', "Cache-Control": "max-age=86400"}
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=_NOT_MODIFIED, headers=headers)
        try:
            picture = await self._pictures.artwork(artwork_id)
        except SugartalkError:
            return empty(_NOTHING)
        return web.Response(body=picture.data, content_type=picture.content_type, headers=headers)


def _name(stream: Stream) -> str | None:
    found = _AUDIO.fullmatch(urlsplit(stream.url).path)
    return None if found is None else found[1]
