"""The music library's part of the daemon: the Plex link, what players fetch, and what Plex is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sugartalkd.errors import PlexOffline
from sugartalkd.model import PLEX_LINK, LinkState, LinkWord
from sugartalkd.state import now

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sugartalkd.config import Config, PlexConfig
    from sugartalkd.media.server import MediaServer
    from sugartalkd.model import Artwork, Object, ZoneId
    from sugartalkd.parts import Parts
    from sugartalkd.play_queue.queues import PlayQueues
    from sugartalkd.plex.link import PlexLink
    from sugartalkd.plex.music import PlexMusic
    from sugartalkd.plex.reports import Reports
    from sugartalkd.plex.server import Server
    from sugartalkd.plex.shown import ShownArtwork
    from sugartalkd.state import StateStore

_MEDIA: Final = "media"
_PARTS: Final = ("plex", "plex audio", "plex reports", "artwork")
ARTWORK: Final = "artwork"
"""The folder for pictures, in the state folder."""


class MusicLibrary:
    """Whatever Plex brings, as long as the configuration has it. Nothing of it is even loaded otherwise."""

    def __init__(
        self,
        store: StateStore,
        parts: Parts,
        queues: PlayQueues,
        folder: Path,
        bridge_id: str,
        *,
        post_event: Callable[[str, Object], None],
        stop_zone: Callable[[ZoneId, str], None],
    ) -> None:
        self._store = store
        self._parts = parts
        self._queues = queues
        self._folder = folder
        self._bridge_id = bridge_id
        self._post_event = post_event
        self._stop_zone = stop_zone
        self._link: PlexLink | None = None
        self._system: PlexMusic | None = None
        self._server: MediaServer | None = None
        self._reports: Reports | None = None
        self._shown: ShownArtwork | None = None

    @property
    def system(self) -> PlexMusic | None:
        """What the desk asks."""
        return self._system

    @property
    def server(self) -> Server:
        """Raises PlexOffline or PlexUnauthorized."""
        if self._link is None:
            raise PlexOffline("no Plex server is configured any more")
        return self._link.server

    async def artwork(self, artwork_id: str) -> Artwork:
        """Raises as `server`, or NoMatch."""
        if self._system is None:
            raise PlexOffline("no Plex server is configured any more")
        return await self._system.artwork(artwork_id)

    def apply(self, old: Config | None, new: Config) -> None:
        """Take a configuration; what has not changed goes on as it was."""
        if old is not None and (old.plex, old.media) == (new.plex, new.media):
            return
        for part in _PARTS:
            self._parts.cancel(part)
        if new.plex is None or old is None or old.media != new.media:
            self._parts.cancel(_MEDIA)  # else what plays goes on, by the URLs that players have
            self._server = None
        self._link = self._system = None
        self._queues.music = self._queues.streams = None
        self._store.put_link(PLEX_LINK, LinkState(LinkWord.DISABLED, since=now()))
        if new.plex is not None:
            self._start(new, new.plex)

    def _start(self, config: Config, plex: PlexConfig) -> None:
        # All of this costs 40 MB and a third of a second, which only who has a Plex server should pay.
        from sugartalkd.media.server import MediaServer  # noqa: PLC0415
        from sugartalkd.plex import identity  # noqa: PLC0415
        from sugartalkd.plex.link import PlexLink  # noqa: PLC0415
        from sugartalkd.plex.music import PlexMusic  # noqa: PLC0415
        from sugartalkd.plex.pictures import PlexPictures  # noqa: PLC0415
        from sugartalkd.plex.reports import Reports  # noqa: PLC0415
        from sugartalkd.plex.shown import ShownArtwork  # noqa: PLC0415
        from sugartalkd.plex.stream import PlexAudio  # noqa: PLC0415

        link = PlexLink(
            plex, self._store, self._folder, identity=identity.load(self._folder), on_event=self._post_event
        )
        pictures = PlexPictures(link, self._folder / ARTWORK)
        system = PlexMusic(link, pictures)
        audio = PlexAudio(link, link.key_of)
        server, media = self._server, config.media
        if server is None:
            server = MediaServer(audio, pictures, bind=media.bind, advertise=media.advertise, port=media.port)
            self._server = server
            self._parts.start(_MEDIA, server.run)
        else:
            server.renew(audio, pictures)

        async def end_with_it() -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                await asyncio.gather(audio.end(), pictures.end())

        if self._reports is None or self._shown is None:
            self._reports = Reports(self._store, self, self._bridge_id, self._stop_zone)
            self._shown = ShownArtwork(self._store, self)
        self._link, self._system = link, system
        self._queues.music, self._queues.streams = system, server
        self._parts.start("plex", link.run)
        self._parts.start("plex audio", end_with_it)
        self._parts.start("plex reports", self._reports.run)
        self._parts.start("artwork", self._shown.run)
