"""A simulated Plex server's notifications over a websocket, and changes of its library that cause them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from sugartalkd.simulator.plex_library import SimAlbum, SimArtist
from sugartalkd.simulator.plex_state import CREATED, DELETED, PROCESSED, now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sugartalkd.simulator.plex_library import SimItem, SimTrack
    from sugartalkd.simulator.plex_state import PlexState


class Notifications:
    """Whoever listens."""

    def __init__(self, state: PlexState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/:/websockets/notifications", self._listen)]

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        if self._state.faults.no_websocket:
            raise web.HTTPNotFound
        listener = web.WebSocketResponse()
        await listener.prepare(request)
        self._state.sockets.add(listener)
        try:
            async for _ in listener:
                pass  # clients have nothing to say
        finally:
            self._state.sockets.discard(listener)
        return listener

    async def drop(self) -> None:
        """Close every socket; clients may come back."""
        for listener in list(self._state.sockets):
            await listener.close()


class Changes:
    """What happens to the files, noticed by the server at once."""

    def __init__(self, state: PlexState) -> None:
        self._state = state
        self._library = state.library

    async def add_tracks(
        self,
        artist: str,
        album: str,
        titles: Iterable[str],
        *,
        year: int | None = None,
        codec: str = "mp3",
        genres: tuple[str, ...] = ("Pop",),
    ) -> SimAlbum:
        """A new record, or more on one of that name."""
        owner = self._library.artist(artist, genres)
        record = next((one for one in owner.albums if one.title == album), None)
        made: list[SimItem] = []
        if record is None:
            record = self._library.album(owner, album, year, genres)
            made = [record] if len(owner.albums) > 1 else [owner, record]
        made += [self._library.track(record, title, codec) for title in titles]
        at = now()
        for item in made:
            item.updated_at = at
        self._library.changed(at)
        for state in (CREATED, PROCESSED):
            await self._tell(made, state)
        return record

    async def remove_tracks(self, tracks: Iterable[SimTrack]) -> None:
        """Their files are gone, and the trash is emptied."""
        gone = [item for track in list(tracks) for item in self._library.forget(track)]
        self._library.changed(now())
        await self._tell(gone, DELETED)

    async def retitle(self, item: SimItem, title: str) -> None:
        item.title = title
        self._library.touch(item, now())
        await self._tell([item], PROCESSED)

    async def replace_file(self, track: SimTrack) -> None:
        """The same track from another file: its part has another address."""
        track.changed += 1
        self._library.touch(track, now())
        await self._tell([track], PROCESSED)

    async def rescan_new_keys(self, items: Iterable[SimItem], *, quietly: bool = False) -> None:
        """The same things with the same guids under new keys; `quietly` sends nothing about it."""
        changed = list(items)
        at = now()
        old = [(_kind(item), self._library.rekey(item), item.title) for item in changed]
        for item in changed:
            item.updated_at = at
        self._library.changed(at)
        if quietly:
            return
        for kind, key, title in old:
            await self._state.tell_item(kind, key, title, DELETED)
        await self._tell(changed, PROCESSED)

    async def _tell(self, items: Iterable[SimItem], state: int) -> None:
        for item in items:
            await self._state.tell_item(_kind(item), item.key, item.title, state)


def _kind(item: SimItem) -> int:
    return 8 if isinstance(item, SimArtist) else 9 if isinstance(item, SimAlbum) else 10
