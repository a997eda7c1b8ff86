"""What the daemon asks of Plex: found and browsed in the index, live where the index has nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from sugartalkd import names
from sugartalkd.command import LibraryTask, Wished
from sugartalkd.errors import BadPayload, NoMatch, PlexOffline, SugartalkError
from sugartalkd.library import Finder, NotSynced
from sugartalkd.model import Found, Item, MediaKind, Page
from sugartalkd.plex import live, questions, translate
from sugartalkd.plex import media_id as ids
from sugartalkd.topics.item import item_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sugartalkd.library import Entry, Library, Matches
    from sugartalkd.model import Artwork, Object, Track
    from sugartalkd.plex.server import Server

ALTERNATIVES: Final = 5
RADIO: Final = 100
"""Tracks that a radio begins with."""
MOST_PLAYLISTS: Final = 1000
SCAN_BEGINS: Final = 2.0
SCAN_LOOK: Final = 0.5
"""Seconds."""
_ROOTS: Final = {
    "artists": "Artists",
    "albums": "Albums",
    "recently_added": "Recently added",
    "playlists": "Playlists",
}


class Link(Protocol):
    """Who has the server while it is there, and the index always."""

    @property
    def server(self) -> Server: ...
    @property
    def library(self) -> Library: ...
    async def sync(self) -> Object: ...
    async def login(self) -> Object: ...


class Pictures(Protocol):
    async def artwork(self, artwork_id: str) -> Artwork: ...


class PlexMusic:
    """The desk's Plex system, and the queues' music."""

    def __init__(self, link: Link, pictures: Pictures) -> None:
        self._link = link
        self._pictures = pictures

    # -- finding -------------------------------------------------------------------------------------

    async def find(self, wished: Wished) -> Found:
        """What a phrase means. Raises NoMatch, and while there is no index what the server raises."""
        matches = await self._looked_up(
            self._link.library.find(wished), wished, lambda finder: finder.find(wished)
        )
        if not matches.items:
            raise NoMatch(await self._nothing(wished))
        best, *others = (translate.item(one.entry, one.score) for one in matches.items)
        return Found(best, tuple(others[:ALTERNATIVES]), matches.ambiguous)

    async def search(self, wished: Wished, limit: int, offset: int) -> Page:
        matches = await self._looked_up(
            self._link.library.search(wished, limit, offset),
            wished,
            lambda finder: finder.search(wished, limit, offset),
        )
        items = tuple(translate.item(one.entry, one.score) for one in matches.items)
        return Page(items, matches.total, offset)

    async def _looked_up(
        self, indexed: Awaitable[Matches], wished: Wished, question: Callable[[Finder], Matches]
    ) -> Matches:
        """What the index answers; what the server finds itself where that has nothing, or is not there."""
        try:
            matches = await indexed
        except NotSynced:
            if not live.phrases(wished):
                raise _no_index() from None
            return await live.ask(self._link.server, wished, question)
        if matches.total or matches.items:
            return matches
        try:
            return await live.ask(self._link.server, wished, question)
        except SugartalkError:
            return matches  # the whole library has nothing like it; that nobody else can be asked is no news

    async def _nothing(self, wished: Wished) -> str:
        """That there is nothing like it, and what there is instead."""
        text = f"nothing in the Plex library is like {_told(wished)}"
        without = Wished(wished.phrase)
        if wished.phrase is None or without == wished:
            return text
        try:
            near = (await self._link.library.find(without)).items[:ALTERNATIVES]
        except NotSynced:
            near = ()
        return f"{text}; there is {', '.join(_named(one.entry) for one in near)}" if near else text

    # -- browsing ------------------------------------------------------------------------------------

    async def browse(self, media_id: str | None, limit: int, offset: int) -> Page:
        """What is in it, page by page. Raises NoMatch for what is not there any more."""
        if media_id is None:
            roots = [Item(ids.root(name), "folder", title) for name, title in _ROOTS.items()]
            return Page(tuple(roots[offset : offset + limit]), len(roots), offset)
        if (root := ids.root_of(media_id)) is not None:
            return await self._root(root, limit, offset)
        what = ids.parse(media_id)
        if what.kind is MediaKind.TRACK:
            raise BadPayload("a track has nothing in it to browse; play it, or ask plex/item about it")
        return _page(*await self._inside(what, limit, offset), offset)

    async def _root(self, root: str, limit: int, offset: int) -> Page:
        match root:
            case "artists":
                with suppress(NotSynced):
                    return _page(*await self._link.library.artists(limit, offset), offset)
                return await self._all(MediaKind.ARTIST, "titleSort", limit, offset)
            case "albums":
                return await self._all(MediaKind.ALBUM, "titleSort", limit, offset)
            case "recently_added":
                return await self._all(MediaKind.ALBUM, "addedAt:desc", limit, offset)
            case "playlists":
                return await self.playlists(limit, offset)
            case _:
                raise BadPayload(f"there is no root {root!r}; plex/browse without one lists them")

    async def _all(self, kind: MediaKind, order: str, limit: int, offset: int) -> Page:
        server = self._link.server
        path = questions.all_of(server.section_key, kind, order)
        return _page(*await server.listed(path, limit, offset), offset)

    async def _inside(self, what: ids.MediaId, limit: int, offset: int) -> tuple[Sequence[Entry], int]:
        """From the index, which playlists are not in; from the server also what the index does not know."""
        if what.kind is not MediaKind.PLAYLIST:
            with suppress(NotSynced):
                entries, total = await self._link.library.children(what.kind, what.key, limit, offset)
                if total:
                    return entries, total
        try:
            return await self._link.server.listed(questions.inside(what.kind, what.key), limit, offset)
        except NoMatch:
            raise NoMatch(f"the Plex library has no {what.kind.value} {what} (any more)") from None

    async def item(self, media_id: str) -> Object:
        """It as an item, and all that Plex knows of it besides. Raises NoMatch."""
        what = ids.parse(media_id)
        entry, details = await self._link.server.item(what.kind, what.key)
        return details | item_json(translate.item(entry))

    async def artwork(self, artwork_id: str) -> Artwork:
        return await self._pictures.artwork(artwork_id)

    # -- playing -------------------------------------------------------------------------------------

    async def tracks(self, media_id: str) -> tuple[Track, ...]:
        """All tracks of it, in playing order. Raises NoMatch."""
        entries = await self._tracks(ids.parse(media_id))
        if not entries:
            raise NoMatch(f"the Plex library has nothing to play in {media_id}; was it rescanned?")
        return tuple(translate.track(one) for one in entries if one.kind is MediaKind.TRACK)

    async def _tracks(self, what: ids.MediaId) -> Sequence[Entry]:
        if what.kind is MediaKind.PLAYLIST:
            return await self._link.server.playlist_items(what.key)
        try:
            entries = await self._link.library.tracks_of(what.kind, what.key)
        except NotSynced:
            entries = ()
        if entries:
            return entries
        if what.kind is MediaKind.TRACK:
            return await self._link.server.entries((what.key,))
        return await self._link.server.tracks_below(what.key)

    async def radio(self, media_id: str) -> tuple[Track, ...]:
        """Tracks that are like it. Raises Unsupported where the server cannot tell."""
        what = ids.parse(media_id)
        return tuple(map(translate.track, await self._link.server.radio(what.kind, what.key, RADIO)))

    async def playlist(self, name: str) -> str | None:
        """The media_id of a playlist, by its name; `None` if there is none, or nobody to ask."""
        try:
            found = await self._playlists()
        except SugartalkError:
            return None
        wished = names.plain(name)
        return next(
            (str(ids.MediaId(one.kind, one.key)) for one in found if names.plain(one.title) == wished), None
        )

    async def _playlists(self) -> Sequence[Entry]:
        """As they are now; while the server is away, as the index remembers them."""
        try:
            return await self._link.server.playlists()
        except SugartalkError as failure:
            try:
                known = await self._link.library.search(Wished(None, MediaKind.PLAYLIST), MOST_PLAYLISTS, 0)
            except NotSynced:
                raise failure from None
            return [one.entry for one in known.items]

    # -- changing ------------------------------------------------------------------------------------

    async def rate(self, media_id: str, rating: float | None) -> None:
        await self._link.server.rate(ids.parse(media_id).key, rating)

    async def playlists(self, limit: int, offset: int) -> Page:
        found = await self._playlists()
        return _page(found[offset : offset + limit], len(found), offset)

    async def create_playlist(self, name: str, items: Sequence[str]) -> Item:
        return translate.item(await self._link.server.create_playlist(name, await self._keys(items)))

    async def add_to_playlist(self, media_id: str, items: Sequence[str]) -> Item:
        key = ids.of_kind(media_id, MediaKind.PLAYLIST, "plex/playlist/add")
        return translate.item(await self._link.server.add_to_playlist(key, await self._keys(items)))

    async def remove_from_playlist(self, media_id: str, items: Sequence[str]) -> Item:
        key = ids.of_kind(media_id, MediaKind.PLAYLIST, "plex/playlist/remove")
        return translate.item(await self._link.server.remove_from_playlist(key, await self._keys(items)))

    async def delete_playlist(self, media_id: str) -> None:
        await self._link.server.delete_playlist(
            ids.of_kind(media_id, MediaKind.PLAYLIST, "plex/playlist/delete")
        )

    async def _keys(self, items: Sequence[str]) -> list[int]:
        """Tracks; an artist, an album or a playlist stands for those in it."""
        keys: list[int] = []
        for one in items:
            what = ids.parse(one)
            keys += [what.key] if what.kind is MediaKind.TRACK else [e.key for e in await self._tracks(what)]
        if not keys:
            raise NoMatch("there is not one track in what was named")
        return keys

    async def maintain(self, task: LibraryTask) -> None:
        """Begin it; a scan is over when this returns."""
        await self._link.server.maintain(task)
        if task is LibraryTask.SCAN:
            await self._scanned()

    async def _scanned(self) -> None:
        """A scan may begin a moment later than it is asked for."""
        loop = asyncio.get_running_loop()
        begins_until = loop.time() + SCAN_BEGINS
        seen = False
        while True:
            scans = await self._link.server.scanning()
            seen = seen or scans
            if not scans and (seen or loop.time() > begins_until):
                return
            await asyncio.sleep(SCAN_LOOK)

    async def sync(self) -> Object:
        return await self._link.sync()

    async def login(self) -> Object:
        return await self._link.login()

    # -- Plex' own players ---------------------------------------------------------------------------

    async def clients(self) -> list[Object]:
        return await self._link.server.clients()

    async def client_play(self, client: str, media_id: str) -> None:
        what = ids.parse(media_id)
        await self._link.server.client_play(client, what.kind, what.key)

    async def client_command(self, client: str, command: str, value: float | None) -> None:
        await self._link.server.client_command(client, command, value)


def _page(entries: Sequence[Entry], total: int, offset: int) -> Page:
    return Page(tuple(map(translate.item, entries)), total, offset)


def _no_index() -> PlexOffline:
    return PlexOffline("the Plex library has not been read yet; bridge/event tells how far it is")


def _told(wished: Wished) -> str:
    """What was looked for, in words."""
    parts = [f"a {wished.kind.value}"] if wished.kind is not None else []
    parts += [repr(wished.phrase)] if wished.phrase else []
    parts += [f"by {wished.artist!r}"] if wished.artist else []
    parts += [f"on {wished.album!r}"] if wished.album else []
    parts += [f"of the genre {wished.genre!r}"] if wished.genre else []
    parts += [f"of {wished.year}"] if wished.year is not None else []
    parts += [f"rated {wished.rating:g} or better"] if wished.rating is not None else []
    return " ".join(parts) or "that"


def _named(entry: Entry) -> str:
    by = f" by {entry.artist}" if entry.artist and entry.kind is not MediaKind.ARTIST else ""
    return f"the {entry.kind.value} {entry.title!r}{by}"
