"""A media server before a simulated Plex server, or before one that behaves oddly."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import web

from sugartalkd.command import SecretText
from sugartalkd.errors import NoMatch
from sugartalkd.media.server import MediaServer
from sugartalkd.plex.identity import Identity
from sugartalkd.plex.pictures import PlexPictures
from sugartalkd.plex.stream import PlexAudio
from sugartalkd.plex.values import Part

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from sugartalkd.model import Stream
    from sugartalkd.plex.stream import Server
    from sugartalkd.simulator.plex import PlexSimulator

PORT: Final = 18095
TOKEN: Final = "sim-plex-token"  # noqa: S105  # the simulator's


@dataclass
class GivenLink:
    """The link, with the server that it has at the moment or the error that it has instead."""

    at_hand: Server | Exception

    @property
    def server(self) -> Server:
        if isinstance(self.at_hand, Exception):
            raise self.at_hand
        return self.at_hand


@dataclass
class House:
    """A media server, and a client that fetches from it."""

    media: MediaServer
    audio: PlexAudio
    pictures: PlexPictures
    link: GivenLink
    client: aiohttp.ClientSession
    guids: dict[str, int] = field(default_factory=dict[str, int])

    async def open(self, key: int, *, guid: str | None = None, transcode: bool = False) -> Stream:
        return await self.media.open(
            f"plex:track:{key}", guid=guid, player_address="127.0.0.1", transcode=transcode
        )

    async def get(self, url: str, **headers: str) -> tuple[aiohttp.ClientResponse, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.get(url, headers=named) as response:
            return response, await response.read()


@asynccontextmanager
async def house(server: Server, bind: str, folder: Path) -> AsyncGenerator[House]:
    """`bind` is the test's own address, so that all of them can have the same port."""
    link = GivenLink(server)
    guids: dict[str, int] = {}

    async def key_of(guid: str) -> int | None:
        return guids.get(guid)

    audio, pictures = PlexAudio(link, key_of), PlexPictures(link, folder)
    media = MediaServer(audio, pictures, bind=bind, advertise=bind, port=PORT)
    running = asyncio.create_task(media.run())
    try:
        async with aiohttp.ClientSession(auto_decompress=False) as client:
            yield House(media, audio, pictures, link, client, guids)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.gather(audio.end(), pictures.end())


@asynccontextmanager
async def plex_server(simulator: PlexSimulator) -> AsyncGenerator[Any]:
    """The real facade over the simulated server."""
    from sugartalkd.plex.server import Server  # noqa: PLC0415  # plexapi, which not every test needs

    server = Server(simulator.url, SecretText(TOKEN), Identity("a" * 36))
    await server.connect(None)
    try:
        yield server
    finally:
        server.close()


class OddPlex:
    """A server with one file, answered for by the test; it is its own facade."""

    def __init__(self, answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str | None]] = []
        """Path and range of every request."""
        self.address = ""
        self.headers = {
            "X-Plex-Token": TOKEN,
            "X-Plex-Client-Identifier": "a" * 36,
            "X-Plex-Platform": "Linux",
        }
        self.parts = {
            1: Part("/library/parts/1/1/file.flac", "flac", "flac", size=10_000_000, duration_ms=60_000)
        }

    async def part(self, key: int) -> Part:
        if key not in self.parts:
            raise NoMatch(f"no {key}")
        return self.parts[key]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["X-Plex-Token"] == TOKEN
        self.asked.append((request.path_qs, request.headers.get("Range")))
        return await self.answer(request)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[OddPlex]:
        app = web.Application(handler_args={"handler_cancellation": True})
        app.router.add_route("*", "/{any:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()


def always(
    status: int, *, body: bytes = b"", **headers: str
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The same answer to everything."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=headers)

    return answer


async def raw(host: str, request: bytes) -> bytes:
    """What comes back for these very bytes, until the other side closes or says no more."""
    reader, writer = await asyncio.open_connection(host, PORT)
    try:
        writer.write(request)
        answer = b""
        while True:
            try:
                piece = await asyncio.wait_for(reader.read(65_536), 0.2)
            except TimeoutError:
                return answer
            if not piece:
                return answer
            answer += piece
    finally:
        writer.close()
