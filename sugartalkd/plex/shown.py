"""Keeps the picture of what each zone plays at hand, for its topic."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from sugartalkd.aside import Aside
from sugartalkd.errors import SugartalkError
from sugartalkd.log import get_logger
from sugartalkd.model import PLEX_LINK, LinkWord

if TYPE_CHECKING:
    from sugartalkd.merge import ZoneState
    from sugartalkd.model import Artwork, LinkId, LinkState, Zone, ZoneId
    from sugartalkd.state import StateStore, ZoneReport

_log = get_logger(__name__)

LIMIT: Final = 15.0
"""Seconds for one picture."""


class Pictures(Protocol):
    async def artwork(self, artwork_id: str) -> Artwork: ...


class ShownArtwork:
    """Listens to the store; `run` fetches what is missing."""

    def __init__(self, store: StateStore, pictures: Pictures) -> None:
        self._store = store
        self._pictures = pictures
        self._wished: dict[ZoneId, str] = {}
        self._wake = asyncio.Event()
        self._beside = Aside()
        store.listen(self)

    def zone_changed(self, old: ZoneState | None, new: ZoneState | None) -> None:
        if new is not None and _missing(new) != (None if old is None else _missing(old)):
            self._wish(new)

    def zone_reported(self, zone: Zone, report: ZoneReport) -> None:
        """Nothing to see."""

    def link_changed(self, link: LinkId, old: LinkState | None, new: LinkState | None) -> None:
        """What could not be fetched while the server was away can be now."""
        if link == PLEX_LINK and _online(new) and not _online(old):
            for state in self._store.zones.values():
                self._wish(state)

    async def run(self) -> None:
        """Until cancelled; a slow picture keeps no other zone waiting."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._wished:
                    zone, artwork_id = self._wished.popitem()
                    self._beside.start(self._fetch(zone, artwork_id), f"artwork for {zone}")
        finally:
            await self._beside.end()

    def _wish(self, state: ZoneState) -> None:
        if (artwork_id := _missing(state)) is not None:
            self._wished[state.zone.id] = artwork_id
            self._wake.set()

    async def _fetch(self, zone: ZoneId, artwork_id: str) -> None:
        try:
            async with asyncio.timeout(LIMIT):
                picture = await self._pictures.artwork(artwork_id)
        except (SugartalkError, TimeoutError) as error:
            _log.info("no artwork", zone=zone, reason=str(error) or type(error).__name__)
            return
        state = self._store.zones.get(zone)
        if state is not None and _missing(state) == artwork_id:  # else it has come too late
            self._store.put_artwork(zone, picture)


def _online(link: LinkState | None) -> bool:
    return link is not None and link.word is LinkWord.ONLINE


def _missing(state: ZoneState) -> str | None:
    """The picture that should be shown and is not there."""
    wished = state.now_playing.track.artwork_id
    return None if state.artwork is not None and state.artwork.id == wished else wished
