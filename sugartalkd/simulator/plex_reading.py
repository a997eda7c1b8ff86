"""A simulated Plex server's answers about itself and its library."""

from __future__ import annotations

import time
import unicodedata
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from sugartalkd.simulator import plex_filters as filters
from sugartalkd.simulator import plex_items as items
from sugartalkd.simulator.plex_library import EPOCH, SimAlbum, SimArtist, SimTrack
from sugartalkd.simulator.plex_meta import meta_of
from sugartalkd.simulator.plex_wire import answer, failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sugartalkd.simulator.plex_library import SimItem
    from sugartalkd.simulator.plex_state import PlexState
    from sugartalkd.simulator.plex_wire import Element

_KINDS: Final = {"artist": 8, "album": 9, "track": 10}
_PER_HUB: Final = 3
_SPELT: Final = 2000
"""Of so many titles the hub search knows the spelling."""


class Reading:
    """Browsing, filtering, paging and searching."""

    def __init__(self, state: PlexState) -> None:
        self._state = state
        self._folded: dict[int, tuple[int, Sequence[str]]] = {}
        self._orders: dict[tuple[int, str], tuple[int, Sequence[SimItem]]] = {}

    def routes(self) -> list[web.RouteDef]:
        section = f"/library/sections/{self._state.section_key}"
        return [
            web.get("/", self._root),
            web.get("/identity", self._identity),
            web.get("/library", self._library),
            web.get("/library/sections", self._sections),
            web.get("/library/sections/", self._sections),
            web.get("/library/sections/all", self._sections),
            web.get("/library/sections/1/all", self._empty),
            web.get(f"{section}/all", self._all),
            web.get(f"{section}/collections", self._collections),
            web.get(f"{section}/albums", self._albums),
            web.get(f"{section}/genre", self._genres),
            web.get(f"{section}/firstCharacter", self._letters),
            web.get(r"/library/metadata/{keys:\d+(?:,\d+)*}", self._metadata),
            web.get(r"/library/metadata/{key:\d+}/children", self._children),
            web.get(r"/library/metadata/{key:\d+}/allLeaves", self._leaves),
            web.get("/hubs/search", self._search),
        ]

    # The server.

    async def _root(self, request: web.Request) -> web.Response:
        state = self._state
        return answer(
            request,
            {
                "size": 0,
                "friendlyName": state.name,
                "machineIdentifier": state.shown_machine_id,
                "version": state.version,
                "platform": "Linux",
                "platformVersion": "6.1",
                "myPlex": True,
                "myPlexSigninState": "ok",
                "myPlexUsername": "sim@example.org",
                "myPlexSubscription": not state.faults.no_stations,
                "transcoderAudio": True,
                "ownerFeatures": "",
                "allowSync": True,
                "updatedAt": EPOCH,
            },
        )

    async def _identity(self, request: web.Request) -> web.Response:
        state = self._state
        return answer(
            request,
            {
                "size": 0,
                "claimed": True,
                "machineIdentifier": state.shown_machine_id,
                "version": state.version,
            },
        )

    async def _library(self, request: web.Request) -> web.Response:
        return answer(
            request,
            {
                "size": 1,
                "identifier": "com.plexapp.plugins.library",
                "title1": "Plex Library",
                "Directory": [{"key": "sections", "title": "Library Sections"}],
            },
        )

    async def _sections(self, request: web.Request) -> web.Response:
        state = self._state
        changed = state.library.content_changed_at
        common: Element = {"allowSync": True, "filters": True, "language": "en-US", "createdAt": EPOCH}
        music: Element = {
            "key": state.section_key,
            "type": "artist",
            "title": state.section_title,
            "uuid": state.section_uuid,
            "agent": "tv.plex.agents.music",
            "scanner": "Plex Music",
            "refreshing": time.time() < state.refreshing_until,
            "updatedAt": EPOCH,
            "scannedAt": changed,
            "contentChangedAt": changed,
            **common,
            "Location": [{"id": 3, "path": "/music"}],
        }
        films: Element = {
            "key": "1",
            "type": "movie",
            "title": "Films",
            "uuid": "0d5ec710-5ec7-4105-9000-5eca10000001",
            "agent": "tv.plex.agents.movie",
            "scanner": "Plex Movie",
            "refreshing": False,
            "updatedAt": EPOCH,
            "scannedAt": EPOCH,
            "contentChangedAt": EPOCH,
            **common,
            "Location": [{"id": 1, "path": "/films"}],
        }
        return answer(
            request, {"size": 2, "allowSync": False, "title1": "Plex Library", "Directory": [films, music]}
        )

    async def _empty(self, request: web.Request) -> web.Response:
        return answer(request, {"size": 0, "totalSize": 0, "offset": 0})

    # The section.

    async def _all(self, request: web.Request) -> web.Response:
        kind = int(request.query.get("type", "8"))
        if kind not in filters.TYPES:
            return await self._empty(request)
        return self._list(request, kind)

    async def _albums(self, request: web.Request) -> web.Response:
        return self._list(request, 9)

    async def _collections(self, request: web.Request) -> web.Response:
        return self.page(request, [], self._element(request), meta=True)

    def _list(self, request: web.Request, kind: int) -> web.Response:
        query = list(request.query.items())
        try:
            found = filters.chosen(self._ordered(kind, request.query.get("sort", "")), kind, query)
        except (filters.UnknownField, ValueError, AttributeError, TypeError):
            return failure(400, "Bad Request")
        if "limit" in request.query:
            found = found[: int(request.query["limit"])]
        return self.page(
            request, found, self._element(request), meta=True, more={"viewGroup": filters.TYPES[kind]}
        )

    def _ordered(self, kind: int, sort: str) -> Sequence[SimItem]:
        """Kept, because pages of the same order come one after another."""
        library = self._state.library
        if sort in {"", "id", f"{filters.TYPES[kind]}.id"}:
            return library.of_kind(kind)
        version, kept = self._orders.get((kind, sort), (-1, ()))
        if version != library.version:
            kept = filters.ordered(library.of_kind(kind), kind, sort)
            self._orders[kind, sort] = (library.version, kept)
        return kept

    def _element(self, request: web.Request) -> Callable[[Any], Element]:
        """How to show an item without what the request excludes."""
        elements = set(request.query.get("excludeElements", "").split(","))
        fields = set(request.query.get("excludeFields", "").split(","))
        drop = (elements | fields) - {"", "Media", "summary"}
        media, summary = "Media" not in elements, "summary" not in fields

        records: dict[int, Element] = {}

        def show(item: SimItem) -> Element:
            if isinstance(item, SimTrack):
                record = records.get(item.album.key)
                if record is None:
                    record = records[item.album.key] = items.of_record(item.album)
                element = items.track(item, record=record, media=media, summary=summary)
            else:
                element = items.element_of(item)
                if not summary:
                    element.pop("summary", None)
            for name in drop:
                element.pop(name, None)
            return element

        return show

    def page(
        self,
        request: web.Request,
        found: Sequence[Any],
        show: Callable[[Any], Element],
        *,
        meta: bool = False,
        more: Element | None = None,
    ) -> web.Response:
        """The part of the list that the request asks for, in a container."""
        start, size = _paging(request)
        shown = [show(item) for item in islice(found, start, None if size is None else start + size)]
        container: Element = {"size": len(shown)}
        headers: dict[str, str] = {}
        if size is not None and not self._state.faults.no_total:
            container |= {"totalSize": len(found), "offset": start}
            headers = {
                "X-Plex-Container-Start": str(start),
                "X-Plex-Container-Total-Size": str(len(found)),
            }
        container |= self._state.section_attributes() | (more or {})
        if meta and request.query.get("includeMeta") == "1":
            container["Meta"] = [meta_of(self._state.section_key)]
        if shown:
            container["Metadata"] = shown
        return answer(request, container, headers=headers)

    async def _genres(self, request: web.Request) -> web.Response:
        kind = int(request.query.get("type", "8"))
        tags = sorted({genre for one in self._state.library.albums for genre in one.genres})
        section = self._state.section_key
        listed = [
            {
                "key": tag,
                "title": tag,
                "type": "genre",
                "fastKey": f"/library/sections/{section}/all?type={kind}&genre={tag}",
            }
            for tag in tags
        ]
        return answer(request, {"size": len(listed), "Directory": listed})

    async def _letters(self, request: web.Request) -> web.Response:
        counts: dict[str, int] = {}
        for one in self._state.library.of_kind(int(request.query.get("type", "8"))):
            letter = one.title[0].upper()
            counts[letter] = counts.get(letter, 0) + 1
        listed = [{"key": key, "title": key, "size": size} for key, size in sorted(counts.items())]
        return answer(request, {"size": len(listed), "Directory": listed})

    # Items.

    async def _metadata(self, request: web.Request) -> web.Response:
        found: list[Element] = []
        for key in request.match_info["keys"].split(","):
            item = self._state.library.items.get(int(key))
            playlist = self._state.library.playlists.get(int(key))
            if isinstance(item, SimTrack):
                found.append(items.with_streams(items.track(item), item))
            elif item is not None:
                found.append(items.element_of(item))
                if isinstance(item, SimArtist) and request.query.get("includeStations") == "1":
                    found[-1] |= self._stations(item)
            elif playlist is not None:
                found.append(items.playlist(playlist))
        if not found:
            return failure(404, "Not Found")
        return answer(request, {"size": len(found), **self._state.section_attributes(), "Metadata": found})

    def _stations(self, artist: SimArtist) -> Element:
        if self._state.faults.no_stations:
            return {}
        key = f"/library/metadata/{artist.key}/station/{artist.number:032x}?type=10"
        station = {"key": key, "type": "playlist", "title": f"{artist.title} Radio", "radio": True}
        return {"Stations": [{"Playlist": [station | {"playlistType": "audio", "smart": True}]}]}

    def item(self, request: web.Request) -> SimItem:
        """What the path names.

        Raises:
            web.HTTPNotFound: nothing does.
        """
        found = self._state.library.items.get(int(request.match_info["key"]))
        if found is None:
            raise web.HTTPNotFound(text="<html><h1>404 Not Found</h1></html>", content_type="text/html")
        return found

    async def _children(self, request: web.Request) -> web.Response:
        found = self.item(request)
        more: Element = {"key": str(found.key), "parentTitle": found.title}
        listed: Sequence[SimItem] = ()
        if isinstance(found, SimAlbum):
            listed = found.tracks
            more["grandparentTitle"] = found.artist.title
            if found.year is not None:
                more["parentYear"] = found.year
        elif isinstance(found, SimArtist):
            listed = found.albums
        return self.page(request, listed, self._element(request), more=more)

    async def _leaves(self, request: web.Request) -> web.Response:
        found = self.item(request)
        albums = found.albums if isinstance(found, SimArtist) else [found]
        tracks = [track for one in albums if isinstance(one, SimAlbum) for track in one.tracks]
        more: Element = {"key": str(found.key), "mixedParents": True}
        return self.page(request, tracks, self._element(request), more=more)

    # Searching.

    def _titles(self, kind: int) -> Sequence[str]:
        """Folded, until the library changes."""
        library = self._state.library
        version, kept = self._folded.get(kind, (-1, ()))
        if version != library.version:
            kept = [_folded(one.title) for one in library.of_kind(kind)]
            self._folded[kind] = (library.version, kept)
        return kept

    async def _search(self, request: web.Request) -> web.Response:
        phrase = _folded(request.query.get("query", ""))
        limit = int(request.query.get("limit", _PER_HUB))
        library = self._state.library
        hubs: list[Element] = []
        for name, kind in _KINDS.items():
            found = _best(self._titles(kind), library.of_kind(kind), phrase, limit)
            hubs.append(_hub(name, [items.element_of(one) for one in found]))
        lists = [one for one in library.playlists.values() if phrase in _folded(one.title)]
        hubs.append(_hub("playlist", [items.playlist(one) for one in lists[:limit]]))
        for hub in hubs:
            for place, element in enumerate(hub.get("Metadata", [])):
                element["score"] = round(1 - place / 100, 2)
                element["librarySectionID"] = int(self._state.section_key)
        return answer(request, {"size": len(hubs), "Hub": hubs})


def _paging(request: web.Request) -> tuple[int, int | None]:
    def number(name: str) -> int | None:
        text = request.headers.get(name) or request.query.get(name)
        return int(text) if text and text.isdigit() else None

    return number("X-Plex-Container-Start") or 0, number("X-Plex-Container-Size")


def _hub(kind: str, elements: list[Element]) -> Element:
    hub: Element = {
        "type": kind,
        "hubIdentifier": kind,
        "title": f"{kind.title()}s",
        "size": len(elements),
        "more": False,
        "context": f"hub.search.{kind}",
        "style": "shelf",
    }
    return hub | ({"Metadata": elements} if elements else {})


def _folded(text: str) -> str:
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(one for one in decomposed if not unicodedata.combining(one))
    return text.lower()


def _best(titles: Sequence[str], named: Sequence[SimItem], phrase: str, limit: int) -> list[SimItem]:
    """Items whose title holds the phrase, the same title first; else those spelt like it."""
    if not phrase:
        return []
    found = [
        (title != phrase, not title.startswith(phrase), -named[place].plays, place)
        for place, title in enumerate(titles)
        if phrase in title
    ]
    if found:
        return [named[row[-1]] for row in sorted(found)[:limit]]
    few = titles[:_SPELT]
    close = set(get_close_matches(phrase, few, limit, 0.75))
    return [named[place] for place, title in enumerate(few) if title in close][:limit]
