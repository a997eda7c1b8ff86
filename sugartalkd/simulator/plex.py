"""A Plex Media Server on a TCP port, with a generated music library."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from sugartalkd.simulator.plex_clients import Clients
from sugartalkd.simulator.plex_maintenance import Maintenance
from sugartalkd.simulator.plex_media import Media
from sugartalkd.simulator.plex_notify import Changes, Notifications
from sugartalkd.simulator.plex_playlists import Playlists, PlayQueues
from sugartalkd.simulator.plex_reading import Reading
from sugartalkd.simulator.plex_state import Asked, PlexState
from sugartalkd.simulator.plex_timeline import Timeline
from sugartalkd.simulator.plex_wire import failure, header

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from aiohttp.typedefs import Handler

PORT: Final = 32400
TOKEN: Final = "sim-plex-token"  # noqa: S105 - the simulator's own

_TEXTS: Final = frozenset({"text/xml", "application/json"})
_OPEN: Final = ("/identity", "/player/", "/resources")
"""What needs no token; the last two are the simulated client's, which shares the address."""

_LIBRARY: Final = ("/library", "/playlists", "/hubs", "/playQueues")


class PlexSimulator(PlexState):
    """Listens from `start` to `stop`; its library may be read and changed at any time."""

    def __init__(
        self,
        tracks: int = 200,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = TOKEN,
        seed: int = 1,
        track_seconds: float | None = None,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        """Nothing is opened yet.

        Args:
            tracks: How many there are in all; the real records (about 190) are always there.
            host: The only address listened on.
            port: 0 takes any free one, to be read from `port` after `start`.
            token: The only one taken; None lets in whoever brings none.
            seed: The same one makes the same library.
            track_seconds: How long every track is; None makes them as long as songs are.
            trace: Given one text per request, with whatever stands in its query.
        """
        super().__init__(tracks, token=token, seed=seed, track_seconds=track_seconds)
        self.host = host
        self.port = port
        self.changes = Changes(self)
        """Changes the library and tells whoever listens."""
        self.client = Clients(self, host)
        """One of Plex's own players."""
        self.maintenance = Maintenance(self)
        self.notifications = Notifications(self)
        self._trace = trace
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen (again, on the same port).

        Raises:
            OSError: the address is taken or not ours.
        """
        app = web.Application(middlewares=[self._gate])
        reading = Reading(self)
        parts = (reading, Media(self), Playlists(self, reading), PlayQueues(self), Timeline(self))
        parts = (*parts, self.maintenance, self.client, self.notifications)
        for part in parts:
            app.add_routes(part.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, reuse_address=True)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.port = self.client.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Refuse connections and break those that are open, as a server that is switched off."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await self.maintenance.close()
            await self.notifications.drop()
            await runner.cleanup()

    def asked(self, path: str, method: str | None = None) -> list[Asked]:
        """The ledger's lines whose path begins so."""
        return [one for one in self.ledger if one.path.startswith(path) and method in {None, one.method}]

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every request: into the ledger, past the faults and the token."""
        at = asyncio.get_running_loop().time()
        headers = {name: header(request, name) for name in request.headers}
        line = Asked(at, request.method, request.path, dict(request.query), headers)
        self.ledger.append(line)
        if self.faults.slow:
            await asyncio.sleep(self.faults.slow)
        token = request.headers.get("X-Plex-Token") or request.query.get("X-Plex-Token")
        if self.faults.unavailable:
            response: web.StreamResponse = failure(503, "Service Unavailable")
        elif not request.path.startswith(_OPEN) and not self.may(token):
            response = failure(401, "Unauthorized")
        else:
            try:
                response = await handler(request)
            except web.HTTPException as error:
                response = failure(error.status, error.reason)
            response = await self._distorted(request, response)
        line.status = response.status
        if self._trace is not None:
            self._trace(f"{line.method} {request.path_qs} -> {line.status}")
        return response

    async def _distorted(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        faults = self.faults
        if (
            not isinstance(response, web.Response)
            or response.content_type not in _TEXTS
            or not request.path.startswith(_LIBRARY)
            or not (faults.html or faults.malformed or faults.cut_pages)
        ):
            return response
        text = response.text or ""
        if faults.html:
            return web.Response(text="<html><body>Welcome<br>", content_type="text/html")
        if faults.malformed:
            broken = text[: len(text) // 2] + '<Track title="&#11; & ' + text[len(text) // 2 :]
            return web.Response(text=broken, content_type=response.content_type, charset="utf-8")
        cut = web.StreamResponse(headers={"Content-Type": response.headers["Content-Type"]})
        body = text.encode()
        cut.content_length = len(body)
        await cut.prepare(request)
        await cut.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
        return cut
