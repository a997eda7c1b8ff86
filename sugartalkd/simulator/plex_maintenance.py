"""A simulated Plex server's scans and other upkeep, its stations, and what it finds similar."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from aiohttp import web

from sugartalkd.simulator import plex_items as items
from sugartalkd.simulator.plex_library import SimTrack
from sugartalkd.simulator.plex_uri import similar
from sugartalkd.simulator.plex_wire import answer, failure

if TYPE_CHECKING:
    from sugartalkd.simulator.plex_state import PlexState
    from sugartalkd.simulator.plex_wire import Element

_NEAR: Final = 50


class Maintenance:
    """A scan takes `scan_seconds`, and finds what the library's owner changed meanwhile."""

    def __init__(self, state: PlexState) -> None:
        self._state = state
        self.scan_seconds = 0.3
        self._scan: asyncio.Task[None] | None = None
        self._activity: dict[str, Any] | None = None

    def routes(self) -> list[web.RouteDef]:
        section = f"/library/sections/{self._state.section_key}"
        return [
            web.get("/activities", self._activities),
            web.get(f"{section}/refresh", self._refresh),
            web.post(f"{section}/refresh", self._refresh),
            web.get("/library/sections/all/refresh", self._refresh),
            web.delete(f"{section}/refresh", self._cancel),
            web.put(f"{section}/analyze", self._done),
            web.put(f"{section}/emptyTrash", self._done),
            web.put(r"/library/metadata/{key:\d+}/refresh", self._done),
            web.put(r"/library/metadata/{key:\d+}/analyze", self._done),
            web.get("/security/token", self._token),
            web.get(f"/hubs/sections/{self._state.section_key}", self._hubs),
            web.get(r"/library/metadata/{key:\d+}/nearest", self._nearest),
            web.get(f"{section}/computePath", self._path),
        ]

    async def close(self) -> None:
        """Give up a scan."""
        if self._scan is not None:
            self._scan.cancel()
            await asyncio.gather(self._scan, return_exceptions=True)

    async def _done(self, _request: web.Request) -> web.Response:
        return web.Response()

    # Scanning.

    async def _refresh(self, _request: web.Request) -> web.Response:
        if self._scan is None or self._scan.done():
            self._state.refreshing_until = time.time() + self.scan_seconds
            self._scan = asyncio.get_running_loop().create_task(self._run())
        return web.Response()

    async def _run(self) -> None:
        self._activity = {
            "uuid": str(uuid4()),
            "type": "library.update.section",
            "cancellable": True,
            "userID": 1,
            "title": f"Scanning {self._state.section_title}",
            "subtitle": "",
            "progress": 0,
            "Context": {"librarySectionID": self._state.section_key},
        }
        try:
            await self._tell("started", 0)
            for progress in (25, 50, 75, 100):
                await asyncio.sleep(self.scan_seconds / 4)
                await self._tell("updated", progress)
        finally:
            self._state.refreshing_until = 0.0
            await self._tell("ended", 100)
            self._activity = None

    async def _tell(self, event: str, progress: int) -> None:
        if self._activity is not None:
            self._activity["progress"] = progress
            notification = {"event": event, "uuid": self._activity["uuid"], "Activity": dict(self._activity)}
            await self._state.notify("activity", ActivityNotification=[notification])

    async def _cancel(self, _request: web.Request) -> web.Response:
        await self.close()
        return web.Response()

    async def _activities(self, request: web.Request) -> web.Response:
        listed: list[Element] = []
        if self._activity is not None:
            listed = [{name: value for name, value in self._activity.items() if name != "Context"}]
        return answer(request, {"size": len(listed)} | ({"Activity": listed} if listed else {}))

    async def _token(self, request: web.Request) -> web.Response:
        token = f"transient-{uuid4()}"
        self._state.other_tokens.add(token)
        return answer(request, {"size": 0, "token": token})

    # Stations, and what sounds alike.

    async def _hubs(self, request: web.Request) -> web.Response:
        if self._state.faults.no_stations or request.query.get("includeStations") != "1":
            return answer(request, {"size": 0})
        stations: list[Element] = []
        for number, title in enumerate(("Library Radio", "Deep Cuts Radio"), 1):
            key = f"/library/sections/{self._state.section_key}/station/{number:032x}?type=10"
            stations.append(
                {
                    "key": key,
                    "guid": f"plex://station/{number}",
                    "type": "playlist",
                    "title": title,
                    "summary": "",
                    "smart": True,
                    "playlistType": "audio",
                    "leafCount": 0,
                    "radio": True,
                }
            )
        hub: Element = {
            "hubIdentifier": "music.stations.3",
            "type": "station",
            "context": "hub.music.stations",
            "title": "Stations",
            "size": len(stations),
            "more": False,
            "style": "shelf",
            "Metadata": stations,
        }
        return answer(request, {"size": 1, "librarySectionID": 3, "Hub": [hub]})

    async def _nearest(self, request: web.Request) -> web.Response:
        key = int(request.match_info["key"])
        item = self._state.library.items.get(key)
        if item is None:
            return failure(404, "Not Found")
        listed: list[Element] = []
        if not self._state.faults.no_stations:
            limit = int(request.query.get("limit", _NEAR))
            for place, track in enumerate(similar(self._state.library, key, limit), 1):
                near = track if isinstance(item, SimTrack) else track.album
                near = near if isinstance(item, type(near)) or isinstance(near, SimTrack) else near.artist
                listed.append(items.element_of(near) | {"distance": round(place / 200, 4)})
        container = {"size": len(listed), **self._state.section_attributes()}
        return answer(request, container | ({"Metadata": listed} if listed else {}))

    async def _path(self, request: web.Request) -> web.Response:
        library = self._state.library
        ends = [library.items.get(int(request.query[name])) for name in ("startID", "endID")]
        start, end = ends
        if not isinstance(start, SimTrack) or not isinstance(end, SimTrack):
            return failure(404, "Not Found")
        found = [start, *similar(library, start.key, 8), end]
        return answer(request, {"size": len(found), "Metadata": [items.track(one) for one in found]})
