"""A URL that is played once over whatever runs: when it has begun, and when it is over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sugartalkd.model import Transport

if TYPE_CHECKING:
    from sugartalkd.model import PlayerState


class Announcement:
    """Follows what a player does with it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.began = asyncio.Event()
        self.over = asyncio.Event()
        self.error: str | None = None

    def heard(self, state: PlayerState | None) -> None:
        if state is not None and state.url == self._url and state.transport is not Transport.IDLE:
            self.began.set()
        elif self.began.is_set():
            self.over.set()

    def failed(self, error: str) -> None:
        """The player says that it cannot play it."""
        self.error = error
        self.end()

    def end(self) -> None:
        self.began.set()
        self.over.set()


@dataclass(frozen=True, slots=True)
class Before:
    """What a player did before; `None` where nothing can be brought back."""

    kind: str | None
    """`queue`, `item` or `station`."""
    index: int | None = None
    """Of the item in the player's own queue."""
    media_id: str | None = None
    """Of the station."""
    playing: bool = True
