"""What the media server serves, as whoever has it describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    import aiohttp

    from sugartalkd.model import Artwork


@dataclass(frozen=True, slots=True)
class Source:
    """A track as it can be had at this moment."""

    path: str
    """Where its origin has it; only the origin reads that."""
    extension: str
    content_type: str
    transcoded: bool = False
    """Made while it is played: its length is not known, and it begins at its beginning only."""
    size: int | None = None
    """Bytes."""
    seconds: float | None = None


class Origin(Protocol):
    """Where audio comes from."""

    async def describe(self, media_id: str, guid: str | None, *, transcode: bool) -> Source:
        """Raises NoMatch, PlexOffline, PlexUnauthorized and the like."""
        ...

    def fetch(
        self, source: Source, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Its bytes, or those that a Range header asks for. Raises the same, or what aiohttp raises."""
        ...


class Pictures(Protocol):
    """Where artwork comes from."""

    async def artwork(self, artwork_id: str) -> Artwork:
        """Raises NoMatch, BadPayload and the like."""
        ...
