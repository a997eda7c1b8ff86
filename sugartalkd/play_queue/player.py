"""A player with a queue of ours before it: what concerns that queue goes there, everything else through."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sugartalkd.command import Wished
from sugartalkd.errors import NoMatch, SugartalkError, Unsupported
from sugartalkd.model import Enqueue, MediaKind
from sugartalkd.play_queue.runner import FOREIGN
from sugartalkd.play_queue.sources import PREFIX
from sugartalkd.topics.item import item_json

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from sugartalkd.model import Found, Object, PlayerKey, Repeat, Track
    from sugartalkd.play_queue.device import UrlPlayer
    from sugartalkd.play_queue.queue import PlayQueue
    from sugartalkd.play_queue.queues import PlayQueues
    from sugartalkd.play_queue.sources import Music
    from sugartalkd.zone.device import Interruption


@dataclass(frozen=True, slots=True)
class QueuedPlayer:
    """One player as a zone asks it; in a group, the queue is its leader's."""

    _inner: UrlPlayer
    _queues: PlayQueues

    @property
    def _queue(self) -> PlayQueue:
        return self._queues.queue(self._inner.leader)

    @property
    def _ours(self) -> PlayQueue | None:
        """The queue, while it is the one that commands mean."""
        queue = self._queue
        return queue if queue.is_ours else None

    def _music(self, what: str) -> Music:
        if self._queues.music is None:
            raise Unsupported(f"{what} needs a Plex library; add a plex section to the configuration")
        return self._queues.music

    # -- its own -------------------------------------------------------------------------------------

    async def set_volume(self, level: int) -> None:
        await self._inner.set_volume(level)

    async def set_mute(self, on: bool) -> None:
        await self._inner.set_mute(on)

    async def set_group(self, members: Sequence[PlayerKey]) -> None:
        await self._inner.set_group(members)

    async def set_group_volume(self, level: int) -> None:
        await self._inner.set_group_volume(level)

    async def refresh(self) -> None:
        await self._inner.refresh()

    # -- playing -------------------------------------------------------------------------------------

    async def find(self, wished: Wished) -> Found:
        """What a phrase means in the music library. Raises NoMatch, or Unsupported without one."""
        return await self._music(f"finding {wished.phrase!r}").find(wished)

    async def play_media(
        self, media_id: str, enqueue: Enqueue, *, shuffle: bool | None, radio: bool
    ) -> Object:
        """Queue and play something of the music library, or what the player itself can play."""
        if media_id.startswith(PREFIX):
            music = self._music(f"playing {media_id[:60]!r}")
            tracks = await (music.radio(media_id) if radio else music.tracks(media_id))
            if not tracks:
                raise NoMatch(f"there is nothing to play in {media_id[:60]!r}")
            return await self._queue.put(tracks, enqueue, shuffle=shuffle)
        if radio:
            raise Unsupported("radio plays what is like something in a Plex library; this is none of it")
        await self._give_way(enqueue, self._inner.play_media(media_id, enqueue, shuffle=shuffle))
        return {}

    async def play_playlist(self, name: str, enqueue: Enqueue, *, shuffle: bool | None) -> Object:
        """A playlist of the music library by name, else one of the player's own."""
        media_id = None if self._queues.music is None else await self._queues.music.playlist(name)
        if media_id is not None:
            return await self.play_media(media_id, enqueue, shuffle=shuffle, radio=False)
        try:
            await self._give_way(enqueue, self._inner.play_playlist(name, enqueue, shuffle=shuffle))
        except SugartalkError as error:
            if self._queues.music is None:
                raise
            with suppress(SugartalkError):  # then nobody has it, however it may be spelt
                found = await self._queues.music.find(Wished(name, MediaKind.PLAYLIST))
                return await self.play_media(str(found.best.media_id), enqueue, shuffle=shuffle, radio=False)
            raise NoMatch(f"Plex has no playlist that is like {name!r}, and HEOS: {error}") from None
        return {}

    async def play_favorite(self, wished: str | int) -> None:
        await self._give_way(Enqueue.REPLACE, self._inner.play_favorite(wished))

    async def play_url(self, url: str, track: Track | None) -> None:
        await self._give_way(Enqueue.REPLACE, self._inner.play_url(url, track))

    async def _give_way(self, enqueue: Enqueue, playing: Coroutine[None, None, None]) -> None:
        """Let the player play something by itself; if it does, our queue is no more."""
        if enqueue in {Enqueue.NEXT, Enqueue.END}:
            await playing
            return
        queue = self._queue
        queue.overtake()
        try:
            await playing
        except BaseException:
            queue.go_on()
            raise
        queue.runner.drop(FOREIGN)

    async def interrupt(self, url: str, seconds: float) -> Interruption:
        """Play a URL once over whatever is played. Raises Busy."""
        return await self._queue.interrupt(url, seconds)

    # -- transport and queue -------------------------------------------------------------------------

    async def play(self) -> None:
        await (self._ours or self._inner).play()

    async def pause(self) -> None:
        await (self._ours or self._inner).pause()

    async def stop(self) -> None:
        if (queue := self._ours) is not None:
            await queue.stop()
        else:
            self._queue.overtake()
            await self._inner.stop()

    async def next(self) -> None:
        await (self._ours or self._inner).next()

    async def previous(self) -> None:
        await (self._ours or self._inner).previous()

    async def set_repeat(self, repeat: Repeat) -> None:
        if (queue := self._ours) is not None:
            queue.set_repeat(repeat)
        else:
            await self._inner.set_repeat(repeat)

    async def set_shuffle(self, on: bool) -> None:
        if (queue := self._ours) is not None:
            queue.set_shuffle(on=on)
        else:
            await self._inner.set_shuffle(on)

    async def clear_queue(self) -> None:
        if (queue := self._ours) is not None:
            await queue.clear()
        else:
            await self._inner.clear_queue()

    async def jump_in_queue(self, index: int) -> None:
        """Raises OutOfRange, as the others do."""
        if (queue := self._ours) is not None:
            await queue.jump(index)
        else:
            await self._inner.jump_in_queue(index)

    async def remove_from_queue(self, indices: Sequence[int]) -> None:
        if (queue := self._ours) is not None:
            await queue.remove(indices)
        else:
            await self._inner.remove_from_queue(indices)

    async def move_in_queue(self, origin: int, target: int) -> None:
        if (queue := self._ours) is not None:
            queue.move(origin, target)
        else:
            await self._inner.move_in_queue(origin, target)

    async def save_queue(self, name: str) -> Object:
        """Keep what is queued as a playlist of the music library; its item."""
        music, queue = self._music(f"saving {name!r}"), self._ours
        if queue is None:
            raise Unsupported(
                f"{name!r} was not saved: only a queue of tracks from a Plex library can be kept"
            )
        ids = [track.media_id for track in queue.runner.order.tracks if track.media_id is not None]
        return {"item": item_json(await music.create_playlist(name, ids))}
