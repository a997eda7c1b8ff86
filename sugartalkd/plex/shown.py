"""Keeps the picture of what each zone plays at hand, for its topic."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from sugartalkd.errors import SugartalkError
from sugartalkd.log import get_logger

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
    """Listens to the store; `run` fetches, the newest wish of each zone alone."""

    def __init__(self, store: StateStore, pictures: Pictures) -> None:
        self._store = store
        self._pictures = pictures
        self._wished: dict[ZoneId, str] = {}
        self._wake = asyncio.Event()
        store.listen(self)

    def zone_changed(self, old: ZoneState | None, new: ZoneState | None) -> None:
        if new is None:
            return
        wished = new.now_playing.track.artwork_id
        before = None if old is None else old.now_playing.track.artwork_id
        if wished is not None and wished != before:
            self._wished[new.zone.id] = wished
            self._wake.set()

    def zone_reported(self, zone: Zone, report: ZoneReport) -> None:
        """Nothing to see."""

    def link_changed(self, link: LinkId, old: LinkState | None, new: LinkState | None) -> None:
        """A picture that could not be fetched is fetched with the next track."""

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._wished:
                zone = next(iter(self._wished))
                artwork_id = self._wished.pop(zone)
                try:
                    async with asyncio.timeout(LIMIT):
                        picture = await self._pictures.artwork(artwork_id)
                except (SugartalkError, TimeoutError) as error:
                    _log.info("no artwork", zone=zone, reason=str(error) or type(error).__name__)
                else:
                    self._store.put_artwork(zone, picture)
