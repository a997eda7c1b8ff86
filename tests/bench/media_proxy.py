"""The two programs that are compared: our media server, and aiohttp passing bytes through and nothing else.

python -m tests.bench.media_proxy ours|bare ORIGIN_PORT PORT SIZE
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

import aiohttp
from aiohttp import web

from sugartalkd.media.server import MediaServer
from sugartalkd.plex.pictures import PlexPictures
from sugartalkd.plex.stream import PlexAudio
from sugartalkd.plex.values import Part


class Origin:
    """The link and the server in one: its only file is at the origin's port."""

    def __init__(self, port: int, size: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.headers = {"X-Plex-Token": "bench"}
        self._part = Part("/file.flac", "flac", "flac", size=size, duration_ms=600_000)

    @property
    def server(self) -> Origin:
        return self

    async def part(self, key: int) -> Part:  # there is one only
        return self._part

    async def key_of(self, guid: str) -> int | None:  # keys stay
        return None


async def ours(origin_port: int, port: int, size: int) -> None:
    origin = Origin(origin_port, size)
    with tempfile.TemporaryDirectory() as folder:
        audio = PlexAudio(origin, origin.key_of)
        media = MediaServer(audio, PlexPictures(origin, Path(folder)), port=port)
        stream = await media.open("plex:track:1", guid=None, player_address="127.0.0.1", transcode=False)
        print(stream.url, flush=True)
        await media.run()


async def bare(origin_port: int, port: int, size: int) -> None:  # it asks
    async with aiohttp.ClientSession() as session:

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            async with session.get(f"http://127.0.0.1:{origin_port}{request.path}") as origin:
                response = web.StreamResponse(headers={"Content-Type": "audio/flac"})
                response.content_length = origin.content_length
                await response.prepare(request)
                async for chunk in origin.content.iter_any():
                    await response.write(chunk)
                return response

        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        print(f"http://127.0.0.1:{port}/file.flac", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run((ours if sys.argv[1] == "ours" else bare)(*map(int, sys.argv[2:])))
