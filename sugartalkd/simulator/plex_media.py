"""A simulated Plex server's files: audio with Range, the transcoder, and artwork."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import web

from sugartalkd.simulator import plex_picture
from sugartalkd.simulator.plex_audio import AudioFile, transcoded
from sugartalkd.simulator.plex_items import part_path
from sugartalkd.simulator.plex_library import SimTrack
from sugartalkd.simulator.plex_wire import answer, failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sugartalkd.simulator.plex_state import PlexState

_CHUNK: Final = 65_536
_FRAMES: Final = 64
_TRANSCODE: Final = "/music/:/transcode/universal"
_IDENTITY: Final = ("X-Plex-Client-Identifier", "X-Plex-Product", "X-Plex-Platform")
_PICTURES: Final = re.compile(r"/library/metadata/(\d+)/(?:thumb|art)/\d+|/playlists/(\d+)/composite/\d+")
_ORIGINAL: Final = 600
_LARGEST: Final = 4000


class Media:
    """Answers with bytes."""

    def __init__(self, state: PlexState) -> None:
        self._state = state
        self._transcoding: dict[str, asyncio.Event] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(r"/library/parts/{id:\d+}/{stamp:\d+}/{file}", self._part),
            web.get(f"{_TRANSCODE}/start.mp3", self._transcode, allow_head=False),
            web.get(f"{_TRANSCODE}/decision", self._decision),
            web.get(f"{_TRANSCODE}/stop", self._stop),
            web.get(f"{_TRANSCODE}/ping", self._ping),
            web.get("/photo/:/transcode", self._photo),
            web.get(r"/library/metadata/{key:\d+}/{kind:thumb|art}/{stamp:\d+}", self._original),
            web.get(r"/playlists/{key:\d+}/composite/{stamp:\d+}", self._original),
        ]

    # Files.

    async def _part(self, request: web.Request) -> web.StreamResponse:
        faults = self._state.faults
        if faults.audio_503:
            return failure(503, "Service Unavailable")
        track = self._state.library.items.get(int(request.match_info["id"]) - 500_000_000)
        if faults.part_404 or not isinstance(track, SimTrack) or part_path(track) != request.path:
            return failure(404, "Not Found")
        file = AudioFile(track)
        headers = {"Accept-Ranges": "bytes", "Content-Type": file.content_type, "Cache-Control": "no-cache"}
        if request.query.get("download") == "1":
            headers["Content-Disposition"] = f'attachment; filename="{request.match_info["file"]}"'
        start, stop, status = 0, file.size, 200
        if "Range" in request.headers:
            asked = _range(request.headers["Range"], file.size)
            if asked is None:
                return web.Response(status=416, headers={"Content-Range": f"bytes */{file.size}"})
            start, stop = asked
            status = 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = stop - start
        await response.prepare(request)
        if request.method != "HEAD":
            await self._send(request, response, _pieces(file, start, stop))
        return response

    async def _send(
        self,
        request: web.Request,
        response: web.StreamResponse,
        pieces: Iterator[bytes],
        ended: asyncio.Event | None = None,
    ) -> None:
        """Until the client leaves, `ended` is set or the fault switched on cuts it."""
        sent = 0
        try:
            for piece in pieces:
                limit = self._state.faults.cut_audio_after
                if limit is not None and sent + len(piece) > limit:
                    await response.write(piece[: max(limit - sent, 0)])
                    if request.transport is not None:
                        request.transport.close()
                    return
                if ended is not None and ended.is_set():
                    break
                await response.write(piece)
                sent += len(piece)
            await response.write_eof()
        except ConnectionError:
            pass  # the client had enough

    # The transcoder.

    def _asked_track(self, request: web.Request) -> SimTrack | None:
        key = request.query.get("path", "").removeprefix("/library/metadata/")
        track = self._state.library.items.get(int(key)) if key.isdigit() else None
        return track if isinstance(track, SimTrack) else None

    async def _transcode(self, request: web.Request) -> web.StreamResponse:
        if any(name not in request.query for name in _IDENTITY):
            return failure(400, "Bad Request")
        track = self._asked_track(request)
        if track is None:
            return failure(404, "Not Found")
        frame, count = transcoded(track, float(request.query.get("offset", "0")))
        ended = self._transcoding.setdefault(request.query.get("session", ""), asyncio.Event())
        response = web.StreamResponse(headers={"Content-Type": "audio/mpeg", "Connection": "close"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        pieces = (frame * min(_FRAMES, count - done) for done in range(0, count, _FRAMES))
        await self._send(request, response, pieces, ended)
        self._transcoding.pop(request.query.get("session", ""), None)
        return response

    async def _decision(self, request: web.Request) -> web.Response:
        if any(name not in request.query for name in _IDENTITY):
            return failure(400, "Bad Request")
        if self._asked_track(request) is None:
            return failure(404, "Not Found")
        return answer(
            request,
            {
                "size": 0,
                "generalDecisionCode": 1001,
                "generalDecisionText": "Direct play not available; Conversion OK.",
                "transcodeDecisionCode": 1001,
                "transcodeDecisionText": "Direct play not available; Conversion OK.",
            },
        )

    async def _stop(self, request: web.Request) -> web.Response:
        ended = self._transcoding.get(request.query.get("session", ""))
        if ended is not None:
            ended.set()
        return web.Response()

    async def _ping(self, _request: web.Request) -> web.Response:
        return web.Response()

    # Pictures.

    def _picture(self, path: str) -> int | None:
        """A number for the picture there, or None without one."""
        match = _PICTURES.fullmatch(path)
        if match is None:
            return None
        library = self._state.library
        item = library.items.get(int(match[1])) if match[1] else library.playlists.get(int(match[2]))
        return None if item is None else item.key * 0x9E3779B1 >> 4

    async def _original(self, request: web.Request) -> web.Response:
        return self._image(request, request.path, _ORIGINAL, _ORIGINAL)

    async def _photo(self, request: web.Request) -> web.Response:
        try:
            width, height = (int(request.query[name]) for name in ("width", "height"))
        except (KeyError, ValueError):
            return failure(400, "Bad Request")
        if not (0 < width <= _LARGEST and 0 < height <= _LARGEST):
            return failure(400, "Bad Request")
        return self._image(request, urlsplit(request.query.get("url", "")).path, width, height)

    def _image(self, request: web.Request, path: str, width: int, height: int) -> web.Response:
        number = self._picture(path)
        if number is None:
            return failure(404, "Not Found")
        if request.query.get("format") == "png":
            body, kind = plex_picture.png(width, height, number), "image/png"
        else:
            body, kind = plex_picture.jpeg(width, height, number), "image/jpeg"
        return web.Response(
            body=body, content_type=kind, headers={"Cache-Control": "public, max-age=31536000"}
        )


def _pieces(file: AudioFile, start: int, stop: int) -> Iterator[bytes]:
    return (file.read(at, min(at + _CHUNK, stop)) for at in range(start, stop, _CHUNK))


def _range(header: str, size: int) -> tuple[int, int] | None:
    """Where the one range that is asked for starts and stops; None if that is outside."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    return (start, stop) if start < stop else None
