"""A simulated Plex server's playlists and play queues."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from aiohttp import web

from sugartalkd.simulator import plex_items as items
from sugartalkd.simulator.plex_state import CREATED, DELETED, PLAYLIST, PROCESSED, now
from sugartalkd.simulator.plex_uri import resolve
from sugartalkd.simulator.plex_wire import answer, failure

if TYPE_CHECKING:
    from sugartalkd.simulator.plex_library import SimPlaylist, SimTrack
    from sugartalkd.simulator.plex_reading import Reading
    from sugartalkd.simulator.plex_state import PlexState
    from sugartalkd.simulator.plex_wire import Element


class Playlists:
    """Reads and changes the library's playlists."""

    def __init__(self, state: PlexState, reading: Reading) -> None:
        self._state = state
        self._reading = reading

    def routes(self) -> list[web.RouteDef]:
        one = r"/playlists/{key:\d+}"
        return [
            web.get("/playlists", self._all),
            web.get("/playlists/all", self._all),
            web.post("/playlists", self._create),
            web.get(one, self._one),
            web.put(one, self._rename),
            web.delete(one, self._delete),
            web.get(f"{one}/items", self._items),
            web.put(f"{one}/items", self._add),
            web.delete(f"{one}/items", self._clear),
            web.delete(rf"{one}/items/{{place:\d+}}", self._remove),
            web.put(rf"{one}/items/{{place:\d+}}/move", self._move),
        ]

    def _playlist(self, request: web.Request) -> SimPlaylist:
        found = self._state.library.playlists.get(int(request.match_info["key"]))
        if found is None:
            raise web.HTTPNotFound
        return found

    async def _all(self, request: web.Request) -> web.Response:
        title = request.query.get("title", "").lower()
        kind = request.query.get("playlistType", "audio")
        lists = [one for one in self._state.library.playlists.values() if title in one.title.lower()]
        return self._reading.page(request, lists if kind == "audio" else [], items.playlist)

    async def _one(self, request: web.Request) -> web.Response:
        return self._answer(request, self._playlist(request))

    def _answer(
        self, request: web.Request, playlist: SimPlaylist, more: Element | None = None
    ) -> web.Response:
        return answer(request, {"size": 1, **(more or {}), "Metadata": [items.playlist(playlist)]})

    async def _items(self, request: web.Request) -> web.Response:
        playlist = self._playlist(request)

        def show(place: tuple[int, SimTrack]) -> Element:
            return items.track(place[1]) | {"playlistItemID": place[0]}

        more: Element = {
            "leafCount": len(playlist.items),
            "playlistType": "audio",
            "ratingKey": str(playlist.key),
            "smart": playlist.smart,
            "title": playlist.title,
        }
        return self._reading.page(request, playlist.items, show, more=more)

    # Changing.

    async def _create(self, request: web.Request) -> web.Response:
        title, uri = request.query.get("title", ""), request.query.get("uri", "")
        tracks, asked = resolve(self._state.library, uri)
        if not title or not asked or request.query.get("type", "audio") != "audio":
            return failure(400, "Bad Request")
        playlist = self._state.library.add_playlist(title, tracks)
        playlist.updated_at = now()
        playlist.smart = request.query.get("smart") == "1"
        playlist.content = uri if playlist.smart else None
        await self._state.tell_item(PLAYLIST, playlist.key, title, CREATED)
        await self._state.tell_item(PLAYLIST, playlist.key, title, PROCESSED)
        return self._answer(request, playlist)

    async def _changed(
        self, request: web.Request, playlist: SimPlaylist, more: Element | None = None
    ) -> web.Response:
        playlist.updated_at = now()
        await self._state.tell_item(PLAYLIST, playlist.key, playlist.title, PROCESSED)
        return self._answer(request, playlist, more)

    async def _rename(self, request: web.Request) -> web.Response:
        playlist = self._playlist(request)
        playlist.title = request.query.get("title.value", request.query.get("title", playlist.title))
        return await self._changed(request, playlist)

    async def _delete(self, request: web.Request) -> web.Response:
        playlist = self._playlist(request)
        del self._state.library.playlists[playlist.key]
        await self._state.tell_item(PLAYLIST, playlist.key, playlist.title, DELETED)
        return web.Response(status=204)

    async def _add(self, request: web.Request) -> web.Response:
        playlist = self._playlist(request)
        if playlist.smart:
            return failure(400, "Bad Request")
        tracks, asked = resolve(self._state.library, request.query.get("uri", ""))
        places = self._state.library.place_ids
        playlist.items += [(next(places), track) for track in tracks]
        return await self._changed(
            request, playlist, {"leafCountAdded": len(tracks), "leafCountRequested": max(asked, len(tracks))}
        )

    async def _clear(self, request: web.Request) -> web.Response:
        playlist = self._playlist(request)
        playlist.items.clear()
        return await self._changed(request, playlist)

    async def _remove(self, request: web.Request) -> web.Response:
        playlist = self._playlist(request)
        place = int(request.match_info["place"])
        kept = [one for one in playlist.items if one[0] != place]
        if len(kept) == len(playlist.items):
            return failure(404, "Not Found")
        playlist.items = kept
        return await self._changed(request, playlist)

    async def _move(self, request: web.Request) -> web.Response:
        playlist = self._playlist(request)
        if not _moved(playlist.items, int(request.match_info["place"]), request.query.get("after")):
            return failure(404, "Not Found")
        return await self._changed(request, playlist)


def _moved(places: list[tuple[int, SimTrack]], place: int, after: str | None) -> bool:
    """Behind the place `after`, or to the front; False where there is no such place."""
    moved = next((one for one in places if one[0] == place), None)
    if moved is None:
        return False
    places.remove(moved)
    before = [one[0] for one in places]
    places.insert(before.index(int(after)) + 1 if after and int(after) in before else 0, moved)
    return True


@dataclass(slots=True)
class SimPlayQueue:
    """`items` are pairs of an id of the place and the track; `selected` is the id of one."""

    id: int
    uri: str
    shuffled: bool
    items: list[tuple[int, SimTrack]] = field(default_factory=list["tuple[int, SimTrack]"])
    selected: int = 0
    version: int = 1


class PlayQueues:
    """What Plex's own players play from."""

    def __init__(self, state: PlexState) -> None:
        self._state = state
        self._queues: dict[int, SimPlayQueue] = {}
        self._ids = count(1)
        self._places = count(10_001)

    def routes(self) -> list[web.RouteDef]:
        one = r"/playQueues/{key:\d+}"
        return [
            web.post("/playQueues", self._create),
            web.get(one, self._get),
            web.put(one, self._add),
            web.delete(f"{one}/items", self._clear),
            web.delete(rf"{one}/items/{{place:\d+}}", self._remove),
            web.put(rf"{one}/items/{{place:\d+}}/move", self._move),
        ]

    def _queue(self, request: web.Request) -> SimPlayQueue:
        found = self._queues.get(int(request.match_info["key"]))
        if found is None:
            raise web.HTTPNotFound
        return found

    def _tracks(self, query: dict[str, str]) -> list[SimTrack]:
        uri = query.get("uri") or f"/playlists/{query.get('playlistID', 0)}"
        return resolve(self._state.library, uri)[0]

    async def _create(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        tracks = self._tracks(query)
        if not tracks:
            return failure(400, "Bad Request")
        queue = SimPlayQueue(next(self._ids), query.get("uri", ""), query.get("shuffle") == "1")
        if queue.shuffled:
            random.Random(queue.id).shuffle(tracks)  # noqa: S311 - has to be repeatable
        queue.items = [(next(self._places), track) for track in tracks]
        start = query.get("key", "").rpartition("/")[2]
        queue.selected = next(
            (place for place, track in queue.items if str(track.key) == start), queue.items[0][0]
        )
        self._queues[queue.id] = queue
        return self._answer(request, queue)

    def _answer(self, request: web.Request, queue: SimPlayQueue) -> web.Response:
        places = [place for place, _ in queue.items]
        at = places.index(queue.selected) if queue.selected in places else 0
        center, window = request.query.get("center"), int(request.query.get("window", "50"))
        middle = places.index(int(center)) if center and int(center) in places else at
        first = max(middle - window, 0)
        shown = [
            items.track(track) | {"playQueueItemID": place}
            for place, track in queue.items[first : middle + window + 1]
        ]
        container: Element = {
            "size": len(shown),
            "identifier": "com.plexapp.plugins.library",
            "playQueueID": queue.id,
            "playQueueShuffled": queue.shuffled,
            "playQueueSourceURI": queue.uri,
            "playQueueTotalCount": len(queue.items),
            "playQueueVersion": queue.version,
        }
        if queue.items:
            container["playQueueSelectedItemID"] = queue.selected
            container["playQueueSelectedItemOffset"] = at
            container["playQueueSelectedMetadataItemID"] = str(queue.items[at][1].key)
        return answer(request, container | ({"Metadata": shown} if shown else {}))

    def _changed(self, request: web.Request, queue: SimPlayQueue) -> web.Response:
        queue.version += 1
        places = [place for place, _ in queue.items]
        if queue.selected not in places:
            queue.selected = places[0] if places else 0
        return self._answer(request, queue)

    async def _get(self, request: web.Request) -> web.Response:
        return self._answer(request, self._queue(request))

    async def _add(self, request: web.Request) -> web.Response:
        queue = self._queue(request)
        added = [(next(self._places), track) for track in self._tracks(dict(request.query))]
        places = [place for place, _ in queue.items]
        at = places.index(queue.selected) + 1 if request.query.get("next") == "1" and places else len(places)
        queue.items[at:at] = added
        return self._changed(request, queue)

    async def _clear(self, request: web.Request) -> web.Response:
        queue = self._queue(request)
        queue.items.clear()
        return self._changed(request, queue)

    async def _remove(self, request: web.Request) -> web.Response:
        queue = self._queue(request)
        place = int(request.match_info["place"])
        queue.items = [one for one in queue.items if one[0] != place]
        return self._changed(request, queue)

    async def _move(self, request: web.Request) -> web.Response:
        queue = self._queue(request)
        if not _moved(queue.items, int(request.match_info["place"]), request.query.get("after")):
            return failure(404, "Not Found")
        return self._changed(request, queue)
