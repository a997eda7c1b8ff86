"""The picture of what a zone plays, as bytes on a topic of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sugartalkd.model import UNHEARD, Capability
from sugartalkd.topics.payload import IMAGES
from sugartalkd.topics.row import having

if TYPE_CHECKING:
    from sugartalkd.merge import ZoneState
    from sugartalkd.model import Artwork, Json, Zone

_JPEG: Final = b"\xff\xd8"


def _shown(state: ZoneState) -> Artwork | None:
    """The picture, if it is the one of what can be heard now: never a stale one."""
    picture = state.artwork
    return picture if picture is not None and picture.id == state.now_playing.track.artwork_id else None


@dataclass(frozen=True, slots=True)
class ArtworkRow:
    """A state row whose payload is neither text nor JSON."""

    path: str = "artwork"
    summary: str = "The picture of what plays; empty when there is none"
    payload: str = "JPEG or PNG, at most 512 pixels and 300 kB"
    qos: int = 1

    def has(self, zone: Zone) -> bool:
        return having(Capability.ARTWORK)(zone)

    def value(self, state: ZoneState) -> object:
        """What to compare: the id says whether the bytes are others."""
        if state.waiting:
            return UNHEARD  # what an earlier run left behind stands until then, and no longer
        shown = _shown(state)
        return None if shown is None else shown.id

    def render(self, state: ZoneState) -> bytes | None:
        if state.waiting:
            return None
        shown = _shown(state)
        return b"" if shown is None else shown.data

    def less(self, state: ZoneState, room: int) -> bytes:  # noqa: ARG002  # there is no smaller one
        """Better none than the last one."""
        return b""

    def content_type(self, content: bytes) -> str | None:
        return IMAGES[0] if content.startswith(_JPEG) else IMAGES[1]

    def json(self, state: ZoneState) -> Json:
        """In a snapshot its id has to do."""
        value = self.value(state)
        return value if isinstance(value, str) else None


STATES: Final = (ArtworkRow(),)
