"""What one queue needs of where all of them are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sugartalkd.aside import Aside
    from sugartalkd.model import Object, PlayerKey
    from sugartalkd.play_queue.device import UrlPlayer
    from sugartalkd.play_queue.sources import Streams
    from sugartalkd.state import StateStore


class Home(Protocol):
    """The house that the players are in."""

    @property
    def store(self) -> StateStore: ...
    @property
    def streams(self) -> Streams | None: ...
    @property
    def beside(self) -> Aside: ...

    def device(self, key: PlayerKey) -> UrlPlayer:
        """Raises HeosOffline."""
        ...

    def unheard_since(self, key: PlayerKey) -> float | None:
        """Since when nothing of it can be heard, in monotonic time; long ago if it is switched off."""
        ...

    def report(self, key: PlayerKey, event_type: str, content: Object) -> None: ...

    def changed(self) -> None:
        """Something is to be kept."""
        ...
