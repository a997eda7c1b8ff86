"""What a queue needs of the music library, and of whoever makes streams of its tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sugartalkd.command import Wished
    from sugartalkd.model import Found, Item, Stream, Track


PREFIX: Final = "plex:"
"""What every id of the library begins with."""


class Music(Protocol):
    """The music library, by its ids (`plex:track:123`)."""

    async def find(self, wished: Wished) -> Found:
        """What a phrase means. Raises NoMatch."""
        ...

    async def tracks(self, media_id: str) -> tuple[Track, ...]:
        """Everything that is played for this, in playing order, each with its `media_id`.

        Raises NoMatch for what the library does not have.
        """
        ...

    async def radio(self, media_id: str) -> tuple[Track, ...]:
        """What is like this. Raises Unsupported where the library cannot tell."""
        ...

    async def playlist(self, name: str) -> str | None:
        """The id of the playlist with this name, case ignored."""
        ...

    async def create_playlist(self, name: str, items: Sequence[str]) -> Item:
        """Make a playlist of these tracks."""
        ...


class Streams(Protocol):
    """Makes URLs of tracks, each of them once: no two starts have the same."""

    async def open(
        self, media_id: str, *, guid: str | None, player_address: str | None, transcode: bool
    ) -> Stream:
        """A stream that this player may fetch; `transcode` if it could not play the track as it is."""
        ...

    def adopt(self, stream: Stream) -> None:
        """A player may still fetch this one, which was opened before the daemon was started again."""
        ...

    def close(self, stream: Stream) -> None:
        """Nobody needs it any more."""
        ...

    def trouble(self, stream: Stream) -> str | None:
        """Why its content could not be brought to the player; `None` if all went well."""
        ...
