"""What the daemon asks of Plex: found and browsed in the index, live where the index has nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from sugartalkd.errors import NoMatch, SugartalkError, Unsupported
from sugartalkd.library import Matches, NotSynced
from sugartalkd.model import Found, Item, MediaKind, Page
from sugartalkd.plex import media_id as ids
from sugartalkd.plex import translate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sugartalkd.command import LibraryTask, Wished
    from sugartalkd.library import Entry, Library
    from sugartalkd.model import Artwork, Object, Track
    from sugartalkd.plex.server import Server

ALTERNATIVES: Final = 5
LIVE: Final = 20
"""Items asked for where the server itself has to search."""
RADIO: Final = 100
"""Tracks that a radio begins with."""
_ROOTS: Final = (("artists", "Artists"), ("playlists", "Playlists"))


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
        matches = await self._matches(wished)
        if not matches.items:
            entries = await self._live(wished)
            if not entries:
                raise NoMatch(f"nothing in the Plex library is like {_told(wished)}")
            return Found(
                translate.item(entries[0]), tuple(map(translate.item, entries[1 : 1 + ALTERNATIVES])), True
            )
        best, *others = matches.items
        return Found(
            translate.item(best.entry, best.score),
            tuple(translate.item(one.entry, one.score) for one in others[:ALTERNATIVES]),
            matches.ambiguous,
        )

    async def _matches(self, wished: Wished) -> Matches:
        try:
            return await self._link.library.find(wished)
        except NotSynced:
            return Matches()

    async def _live(self, wished: Wished) -> Sequence[Entry]:
        """The server's own search: what is not in the index may be in Plex all the same."""
        if wished.phrase is None:
            return ()
        phrase = " ".join(one for one in (wished.phrase, wished.artist, wished.album) if one)
        found = await self._link.server.hub_search(phrase, LIVE)
        return [one for one in found if wished.kind in {None, one.kind}]

    async def search(self, wished: Wished, limit: int, offset: int) -> Page:
        try:
            matches = await self._link.library.search(wished, limit, offset)
        except NotSynced:
            matches = None
        if matches is None or not matches.total:
            entries = [translate.item(one) for one in await self._live(wished)]
            return Page(tuple(entries[offset : offset + limit]), len(entries), offset)
        items = tuple(translate.item(one.entry, one.score) for one in matches.items)
        return Page(items, matches.total, offset)

    # -- browsing ------------------------------------------------------------------------------------

    async def browse(self, media_id: str | None, limit: int, offset: int) -> Page:
        """What is in it, page by page. Raises NoMatch for what is not there any more."""
        if media_id is None:
            roots = [Item(ids.root(name), "folder", title) for name, title in _ROOTS]
            return Page(tuple(roots[offset : offset + limit]), len(roots), offset)
        if (root := ids.root_of(media_id)) is not None:
            return await self._root(root, limit, offset)
        what = ids.parse(media_id)
        if what.kind is MediaKind.PLAYLIST:
            entries = await self._link.server.playlist_items(what.key)
            return _page(entries[offset : offset + limit], len(entries), offset)
        if what.kind is MediaKind.TRACK:
            raise Unsupported("a track has nothing in it to browse; play it, or ask plex/item about it")
        entries, total = await self._library_entries(what, limit, offset)
        return _page(entries, total, offset)

    async def _library_entries(
        self, what: ids.MediaId, limit: int, offset: int
    ) -> tuple[Sequence[Entry], int]:
        try:
            entries, total = await self._link.library.children(what.kind, what.key, limit, offset)
        except NotSynced:
            raise _no_index() from None
        if not total and await self._link.library.entry(what.kind, what.key) is None:
            raise NoMatch(f"the Plex library has no {what}")
        return entries, total

    async def _root(self, root: str, limit: int, offset: int) -> Page:
        try:
            match root:
                case "artists":
                    entries, total = await self._link.library.artists(limit, offset)
                case "playlists":
                    return await self.playlists(limit, offset)
                case _:
                    raise NoMatch(
                        f"the Plex library has no root {root!r}; plex/browse without one lists them"
                    )
        except NotSynced:
            raise _no_index() from None
        return _page(entries, total, offset)

    async def item(self, media_id: str) -> Object:
        what = ids.parse(media_id)
        return {"media_id": media_id} | await self._link.server.item(what.key)

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
            found = await self._link.server.playlists()
        except SugartalkError:
            return None
        wished = name.casefold()
        return next(
            (str(ids.MediaId(one.kind, one.key)) for one in found if one.title.casefold() == wished), None
        )

    async def key_of(self, guid: str) -> int | None:
        """The key that a recording has now."""
        try:
            entry = await self._link.library.by_guid(guid)
        except NotSynced:
            return None
        return None if entry is None else entry.key

    # -- changing ------------------------------------------------------------------------------------

    async def rate(self, media_id: str, rating: float | None) -> None:
        await self._link.server.rate(ids.parse(media_id).key, rating)

    async def playlists(self, limit: int, offset: int) -> Page:
        found = await self._link.server.playlists()
        return _page(found[offset : offset + limit], len(found), offset)

    async def save(self, name: str, media_ids: Sequence[str]) -> Item:
        return await self.create_playlist(name, media_ids)

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
        await self._link.server.maintain(task)

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


def _no_index() -> NoMatch:
    return NoMatch("the Plex library has not been read yet; bridge/event tells how far it is")


def _told(wished: Wished) -> str:
    """What was looked for, in words."""
    parts = [f"a {wished.kind.value}"] if wished.kind is not None else []
    parts += [repr(wished.phrase)] if wished.phrase else []
    parts += [f"by {wished.artist!r}"] if wished.artist else []
    parts += [f"on {wished.album!r}"] if wished.album else []
    return " ".join(parts) or "that"
