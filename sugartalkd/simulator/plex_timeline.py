"""How a simulated Plex server is told what plays and what people think of it: sessions, plays, ratings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

from sugartalkd.simulator import plex_items as items
from sugartalkd.simulator.plex_library import SimTrack
from sugartalkd.simulator.plex_state import Reported, now
from sugartalkd.simulator.plex_uri import tracks_of
from sugartalkd.simulator.plex_wire import answer, failure, header

if TYPE_CHECKING:
    from sugartalkd.simulator.plex_library import SimItem
    from sugartalkd.simulator.plex_state import PlexState
    from sugartalkd.simulator.plex_wire import Element

_HEARD: Final = 0.5
"""The share of a track after which it counts as played."""

_LEEWAY_MS: Final = 2000
_ENDED_BY_OWNER: Final = 2006


@dataclass(slots=True)
class _Hearing:
    """One track heard in one session, since a report that said `from_ms` of it at the clock's `since`."""

    key: int
    since: float
    from_ms: int
    counted: bool = False


class Timeline:
    """Takes the reports."""

    def __init__(self, state: PlexState) -> None:
        self._state = state
        self._heard: dict[str, _Hearing] = {}
        self._history: list[tuple[int, SimTrack]] = []

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/:/timeline", self._report),
            web.post("/:/timeline", self._report),
            web.put("/:/rate", self._rate),
            web.get("/:/rate", self._rate),
            web.get("/:/scrobble", self._scrobble),
            web.put("/:/scrobble", self._scrobble),
            web.get("/:/unscrobble", self._unscrobble),
            web.put("/:/unscrobble", self._unscrobble),
            web.get("/status/sessions", self._sessions),
            web.get("/status/sessions/history/all", self._all_history),
        ]

    async def _report(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        key, state = query.get("ratingKey", ""), query.get("state", "")
        item = self._state.library.items.get(int(key)) if key.isdigit() else None
        if not isinstance(item, SimTrack) or state not in {"playing", "paused", "buffering", "stopped"}:
            return failure(400, "Bad Request")

        def said(name: str) -> str:
            return header(request, name) or query.get(name, "")

        reported = Reported(
            at=asyncio.get_running_loop().time(),
            client=said("X-Plex-Client-Identifier"),
            device_name=said("X-Plex-Device-Name"),
            session=said("X-Plex-Session-Identifier"),
            key=item.key,
            state=state,
            time_ms=int(query.get("time", "0")),
            duration_ms=int(query.get("duration", "0")),
            query=query,
        )
        self._state.timelines.append(reported)
        self._count(item, reported)
        if reported.session:
            if state == "stopped":
                self._state.sessions.pop(reported.session, None)
            else:
                self._state.sessions[reported.session] = reported
            await self._tell_playing(reported, item)
        container: Element = {
            "size": 0,
            "playbackState": state,
            "skipCount": item.skips,
            "viewCount": item.plays,
            "viewOffset": reported.time_ms,
        }
        if reported.session in self._state.terminated:
            self._state.terminated.discard(reported.session)
            container["terminationCode"] = _ENDED_BY_OWNER
            container["terminationText"] = "The server owner has ended this session."
        return answer(request, container)

    def _count(self, track: SimTrack, reported: Reported) -> None:
        """A play, once half of the track was reported no faster than it can be heard."""
        client = reported.session or reported.client
        heard = self._heard.get(client)
        if heard is None or heard.key != track.key or reported.time_ms < heard.from_ms:
            heard = self._heard[client] = _Hearing(track.key, reported.at, reported.time_ms)
        elapsed = (reported.at - heard.since) * 1000
        true = reported.time_ms - heard.from_ms <= elapsed + _LEEWAY_MS
        if not heard.counted and true and 0 < reported.duration_ms * _HEARD <= reported.time_ms:
            heard.counted = True
            self._played(track)
        if reported.state == "stopped":
            del self._heard[client]

    def _played(self, track: SimTrack) -> None:
        track.plays += 1
        track.last_viewed = now()
        self._history.append((track.last_viewed, track))

    async def _tell_playing(self, reported: Reported, track: SimTrack) -> None:
        await self._state.notify(
            "playing",
            PlaySessionStateNotification=[
                {
                    "sessionKey": reported.session,
                    "clientIdentifier": reported.client,
                    "guid": track.guid,
                    "ratingKey": str(track.key),
                    "url": "",
                    "key": f"/library/metadata/{track.key}",
                    "viewOffset": reported.time_ms,
                    "state": reported.state,
                }
            ],
        )

    async def _sessions(self, request: web.Request) -> web.Response:
        listed: list[Element] = []
        for number, (session, reported) in enumerate(self._state.sessions.items(), 1):
            track = self._state.library.items.get(reported.key)
            if isinstance(track, SimTrack):
                player: Element = {
                    "machineIdentifier": reported.client,
                    "title": reported.device_name,
                    "state": reported.state,
                    "address": "127.0.0.1",
                    "product": "sugartalkd",
                }
                more: Element = {"sessionKey": str(number), "viewOffset": reported.time_ms}
                listed.append(
                    items.track(track)
                    | more
                    | {
                        "User": [{"id": "1", "title": "sim@example.org"}],
                        "Player": [player],
                        "Session": [{"id": session, "bandwidth": 900, "location": "lan"}],
                    }
                )
        return answer(request, {"size": len(listed)} | ({"Metadata": listed} if listed else {}))

    async def _all_history(self, request: web.Request) -> web.Response:
        listed = [
            items.track(track, media=False)
            | {
                "historyKey": f"/status/sessions/history/{place}",
                "viewedAt": at,
                "accountID": 1,
                "deviceID": 1,
            }
            for place, (at, track) in enumerate(self._history, 1)
        ]
        listed.reverse()
        return answer(request, {"size": len(listed)} | ({"Metadata": listed} if listed else {}))

    # What people think.

    def _named(self, request: web.Request) -> SimItem:
        key = request.query.get("key", "").rpartition("/")[2]
        item = self._state.library.items.get(int(key)) if key.isdigit() else None
        if item is None:
            raise web.HTTPNotFound
        return item

    async def _rate(self, request: web.Request) -> web.Response:
        item = self._named(request)
        rating = float(request.query.get("rating", "-1"))
        item.rating = None if rating < 0 else rating
        item.updated_at = now()
        return web.Response()

    async def _scrobble(self, request: web.Request) -> web.Response:
        for track in tracks_of(self._named(request)):
            track.plays += 1
            track.last_viewed = now()
        return web.Response()

    async def _unscrobble(self, request: web.Request) -> web.Response:
        for track in tracks_of(self._named(request)):
            track.plays, track.last_viewed = 0, None
        return web.Response()
