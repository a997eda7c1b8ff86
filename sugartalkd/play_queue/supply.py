"""The streams of one queue: opened ahead, so that nobody waits, and closed when nobody needs them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sugartalkd.errors import SugartalkError, Unsupported
from sugartalkd.log import get_logger

if TYPE_CHECKING:
    from sugartalkd.model import PlayerKey, Stream, Track
    from sugartalkd.play_queue.home import Home

_log = get_logger(__name__)

FRESH: Final = 1200.0
"""Seconds for which a stream that was opened ahead is good."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A stream that was opened before it is needed."""

    track: Track
    stream: Stream
    at: float


class Supply:
    """Where the streams for one player come from."""

    def __init__(self, key: PlayerKey, home: Home) -> None:
        self._key = key
        self._home = home
        self._prepared: Prepared | None = None
        self._wanted: Track | None = None
        """What is being opened ahead."""

    async def take(self, track: Track, *, transcode: bool) -> Stream:
        """A stream of this track, the one that was opened for it if it still is good."""
        prepared, self._prepared, self._wanted = self._prepared, None, None
        if prepared is not None:
            if prepared.track is track and time.monotonic() - prepared.at < FRESH and not transcode:
                return prepared.stream
            self.close(prepared.stream)
        return await self._open(track, transcode=transcode)

    async def prepare(self, track: Track | None) -> None:
        """This one follows, as far as anybody knows."""
        self._wanted = track
        if self._prepared is not None and self._prepared.track is not track:
            self.forget()
        if track is None or self._prepared is not None:
            return
        try:
            stream = await self._open(track, transcode=False)
        except SugartalkError as error:
            _log.info("the next track is not ready", player=self._key, reason=str(error))
            return
        if self._wanted is track and self._prepared is None:
            self._prepared = Prepared(track, stream, time.monotonic())
        else:
            self.close(stream)

    def forget(self) -> None:
        """Nothing follows."""
        if self._prepared is not None:
            self.close(self._prepared.stream)
            self._prepared = None

    async def _open(self, track: Track, *, transcode: bool) -> Stream:
        streams = self._home.streams
        if streams is None or track.media_id is None:
            raise Unsupported("playing this needs a Plex server; add a plex section to the configuration")
        address = self._home.device(self._key).address
        return await streams.open(
            track.media_id, guid=track.guid, player_address=address, transcode=transcode
        )

    def close(self, *streams: Stream) -> None:
        if self._home.streams is not None:
            for one in streams:
                self._home.streams.close(one)

    def trouble(self, stream: Stream) -> str | None:
        """Why its content could not be brought to the player."""
        return None if self._home.streams is None else self._home.streams.trouble(stream)
