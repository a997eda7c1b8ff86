"""What is known of one HEOS player: each value by itself, so that what was not heard is not made up."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

from pyheos import Heos, HeosPlayer, PlayState, RepeatType, const
from pyheos import command as words

from sugartalkd.heos import translate
from sugartalkd.heos.media import of_playing
from sugartalkd.heos.translate import Timeline
from sugartalkd.heos.urls import Urls
from sugartalkd.model import PlayerState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyheos.message import HeosMessage

    from sugartalkd.heos.urls import Started
    from sugartalkd.model import FoundPlayer, PlayerGroup, Queue, Track

MODE_HOLDS: Final = 1.0
"""Seconds for which a play mode just sent counts as the present one: its events may come later."""


class Value(Enum):
    """What pyheos keeps of a player, and has as 0, False or off before anybody has asked."""

    TRANSPORT = auto()
    MEDIA = auto()
    VOLUME = auto()
    MUTE = auto()
    REPEAT = auto()
    SHUFFLE = auto()


@dataclass(frozen=True, slots=True)
class Reading:
    """One question to a player, and where its answer goes."""

    values: tuple[Value, ...]
    ask: Callable[[Heos, int], Awaitable[Any]]
    keep: Callable[[HeosPlayer, Any], None]


@dataclass(frozen=True, slots=True)
class PlayMode:
    """Repeat and shuffle, which HEOS only sets together."""

    repeat: RepeatType
    shuffle: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """What a player said of its position, at a time of the monotonic clock; all in seconds."""

    seconds: float
    duration: float | None
    at: float


def _keep_media(player: HeosPlayer, media: Any) -> None:  # noqa: ANN401  # see Reading
    before, player.now_playing_media = player.now_playing_media, media
    if _same_media(before, media):  # the reply has no progress
        media.current_position, media.duration = before.current_position, before.duration


def _keep_mode(player: HeosPlayer, mode: Any) -> None:  # noqa: ANN401
    player.repeat, player.shuffle = mode.repeat, mode.shuffle


def _same_media(one: Any, other: Any) -> bool:  # noqa: ANN401
    return bool(
        (one.song, one.station, one.media_id, one.queue_id)
        == (other.song, other.station, other.media_id, other.queue_id)
    )


READINGS: Final = (
    Reading(
        (Value.TRANSPORT,),
        lambda heos, pid: heos.player_get_play_state(pid),
        lambda player, state: setattr(player, "state", state),
    ),
    Reading((Value.MEDIA,), lambda heos, pid: heos.get_now_playing_media(pid), _keep_media),
    Reading(
        (Value.VOLUME,),
        lambda heos, pid: heos.player_get_volume(pid),
        lambda player, level: setattr(player, "volume", level),
    ),
    Reading(
        (Value.MUTE,),
        lambda heos, pid: heos.player_get_mute(pid),
        lambda player, muted: setattr(player, "is_muted", muted),
    ),
    Reading((Value.REPEAT, Value.SHUFFLE), lambda heos, pid: heos.player_get_play_mode(pid), _keep_mode),
)
MEDIA_READING: Final = READINGS[1]


@dataclass(slots=True, eq=False)
class Known:
    """One player of the system, present or not."""

    found: FoundPlayer
    player: HeosPlayer | None = None
    """As pyheos has it; `None` while the system does not list it."""
    heard: set[Value] = field(default_factory=set[Value])
    """What is known of it on the present connection."""
    read: bool = False
    """Whether it has been asked for everything: only then it is shown."""
    group: PlayerGroup | None = None
    """The group it is in, and of that group, if it leads it, the volume 0…100."""
    group_volume: float | None = None
    queue: Queue | None = None
    """Its own queue, as it was read last."""
    queue_stale: bool = False
    """Whether it has changed since."""
    queue_changes: int = 0
    """How often it was said to have changed."""
    _doubted: set[Value] = field(default_factory=set[Value])
    """What has to be asked again, and stands meanwhile."""
    _timeline: Timeline = field(default_factory=Timeline)
    _events: Counter[Value] = field(default_factory=Counter[Value])
    """How often an event has told each value: a reply that an event overtook is old."""
    _duration: int | None = None
    """Seconds, as they were shown last."""
    _mode: PlayMode | None = None
    _mode_sent_at: float = 0.0
    progress: Progress | None = None
    """What it said last of its position."""
    urls: Urls = field(default_factory=Urls)
    """What we started on it."""

    def take(self, found: FoundPlayer, player: HeosPlayer) -> None:
        """The system lists it; another pyheos object is another connection or a changed pid."""
        self.found = found
        if player is not self.player:
            self.player = player
            self.forget()

    def leave(self) -> None:
        """The system does not list it, or is gone itself."""
        self.player = None
        self.group = self.group_volume = self.queue = None
        self.forget()

    def forget(self) -> None:
        """Nothing that was heard holds any more."""
        self.heard.clear()
        self.read = False

    @property
    def missing(self) -> list[Reading]:
        """What has to be asked still."""
        sure = self.heard - self._doubted
        return [reading for reading in READINGS if not sure.issuperset(reading.values)]

    def doubt(self) -> None:
        """It follows another leader, or none: no event need tell what it does now (heos.md 5)."""
        self._doubted |= self.heard - {Value.VOLUME, Value.MUTE}

    async def ask(self, reading: Reading, heos: Heos) -> None:
        """Ask one thing and keep the answer, unless an event told something newer meanwhile."""
        player = self.player
        if player is None:
            return
        before = [self._events[value] for value in reading.values]
        answer = await reading.ask(heos, player.player_id)
        if player is self.player and before == [self._events[value] for value in reading.values]:
            reading.keep(player, answer)
            self.heard.update(reading.values)
            self._doubted.difference_update(reading.values)

    async def recount(self, heos: Heos) -> None:
        """The queue changed: what plays may have another place in it, and goes on as before.

        No event need tell that; one that tells another track has been heard by now.
        """
        player = self.player
        if player is None or Value.MEDIA not in self.heard:
            return
        before, identity = player.now_playing_media, self._identity(player)
        await self.ask(MEDIA_READING, heos)
        if self.urls.starting:
            self.media_read()  # another place means another track now
            return
        after = player.now_playing_media
        if player is not self.player or not _same_media(before, replace(after, queue_id=before.queue_id)):
            return
        after.current_position, after.duration = before.current_position, before.duration
        self.urls.renumbered(before.queue_id, after.queue_id)
        self._timeline.renumbered(identity, self._identity(player))

    def hear(self, player: HeosPlayer, event: HeosMessage) -> bool:
        """Take in what an event tells by itself; whether anything is worth showing.

        Raises ValueError for words that no edition of the protocol has; what they replace is not known then.
        """
        media, mono, utc = player.now_playing_media, time.monotonic(), datetime.now(UTC)
        match event.command:
            case const.EVENT_PLAYER_NOW_PLAYING_PROGRESS:
                media.current_position = event.get_message_value_int(words.ATTR_CURRENT_POSITION)
                media.duration = event.get_message_value_int(words.ATTR_DURATION)
                duration = media.duration / 1000
                self.progress = Progress(media.current_position / 1000, duration or None, mono)
                moved = self._timeline.reported(media.current_position / 1000, mono, utc)
                return moved or media.duration // 1000 != (self._duration or 0)
            case const.EVENT_PLAYER_STATE_CHANGED:
                self._told(Value.TRANSPORT)
                player.state = PlayState(event.get_message_value(words.ATTR_STATE))
                self.heard.add(Value.TRANSPORT)
                self._timeline.started(self._transport(player), self._identity(player), mono, utc)
            case const.EVENT_PLAYER_VOLUME_CHANGED:
                self._told(Value.VOLUME)
                self._told(Value.MUTE)
                player.volume = event.get_message_value_int(words.ATTR_LEVEL)
                player.is_muted = event.get_message_value(words.ATTR_MUTE) == words.VALUE_ON
                self.heard |= {Value.VOLUME, Value.MUTE}
            case const.EVENT_REPEAT_MODE_CHANGED:
                self._told(Value.REPEAT)
                player.repeat = RepeatType(event.get_message_value(words.ATTR_REPEAT))
                self.heard.add(Value.REPEAT)
            case const.EVENT_SHUFFLE_MODE_CHANGED:
                self._told(Value.SHUFFLE)
                player.shuffle = event.get_message_value(words.ATTR_SHUFFLE) == words.VALUE_ON
                self.heard.add(Value.SHUFFLE)
            case _:
                return False
        return True

    def _told(self, value: Value) -> None:
        """An event tells this value; until it is understood nothing is known."""
        self._events[value] += 1
        self.heard.discard(value)
        self._doubted.discard(value)

    def media_announced(self) -> None:
        """An event says that the media is another now, not which."""
        self._events[Value.MEDIA] += 1

    @property
    def media_announcements(self) -> int:
        """How many there were: an answer is old when another one came meanwhile."""
        return self._events[Value.MEDIA]

    def media_unknown(self) -> None:
        """The media that was announced could not be read: the old one must not stand."""
        self.heard.discard(Value.MEDIA)

    def media_read(self) -> None:
        """The media that an event announced has been read."""
        player = self.player
        if player is None:
            return
        media = player.now_playing_media
        if (qid := self.urls.read(media)) is not None:
            self._timeline.renumbered(_identity(replace(media, queue_id=qid)), _identity(media))
        transport = self._transport(player)
        self._timeline.started(transport, self._identity(player), time.monotonic(), datetime.now(UTC))

    # -- what was sent -------------------------------------------------------------------------------

    def play_mode(self, player: HeosPlayer) -> PlayMode:
        """What repeat and shuffle are, or soon will be."""
        if self._mode is not None and time.monotonic() < self._mode_sent_at + MODE_HOLDS:
            return self._mode
        return PlayMode(player.repeat, player.shuffle)

    def play_mode_sent(self, mode: PlayMode) -> None:
        self._mode, self._mode_sent_at = mode, time.monotonic()

    def starting(self, url: str, track: Track | None) -> None:
        """A URL is being started that is to be shown as this."""
        self.urls.start(url, track, None if self.player is None else self.player.now_playing_media)

    def adopt(self, url: str, track: Track, qid: int | None) -> bool:
        """Whether what plays may be this URL, started with this qid before we were: from now on it is."""
        if self.player is None or Value.MEDIA not in self.heard:
            return False
        return self.urls.adopt(url, track, qid, self.player.now_playing_media)

    # -- what is shown -------------------------------------------------------------------------------

    def state(self) -> PlayerState | None:
        """The player as zones see it; `None` while it is not there or was not asked for everything."""
        player = self.player
        if player is None or not self.read:
            return None
        track = self._track(player) if Value.MEDIA in self.heard else None
        transport = self._transport(player)
        self._timeline.moved(transport, self._identity(player), time.monotonic(), datetime.now(UTC))
        self._duration = None if track is None else track.duration
        index, shown = self.queue_index, self._url(player)
        return PlayerState(
            transport=transport,
            volume=float(player.volume) if Value.VOLUME in self.heard else None,
            mute=player.is_muted if Value.MUTE in self.heard else None,
            repeat=translate.repeat(player.repeat) if Value.REPEAT in self.heard else None,
            shuffle=player.shuffle if Value.SHUFFLE in self.heard else None,
            track=track,
            anchor=self._timeline.anchor,
            progress=self._timeline.progress,
            group=self.group,
            group_volume=self.group_volume,
            queue=self.queue,
            queue_index=index if index is None or self.queue is None or index < self.queue.length else None,
            url=None if shown is None or self.urls.starting else shown.url,
        )

    @property
    def queue_index(self) -> int | None:
        """Which item of its queue the player says it plays, from 0; the queue may not have been read yet."""
        if self.player is None or Value.MEDIA not in self.heard:
            return None
        return translate.queue_index(self.player.now_playing_media)

    def _transport(self, player: HeosPlayer) -> translate.Transport | None:
        return translate.transport(player.state) if Value.TRANSPORT in self.heard else None

    def _track(self, player: HeosPlayer) -> Track | None:
        """The device's track, or what we were told to show for the URL that we started."""
        track = translate.track(player.now_playing_media)
        if track is not None and track.source == "heos":
            return replace(track, media_id=of_playing(player.now_playing_media))
        shown = self._url(player)
        if track is None or shown is None or shown.track is None:
            return track
        ours = shown.track
        return replace(
            ours,
            source=ours.source or "url",
            source_name=ours.source_name or track.source_name,
            duration=ours.duration or track.duration,
        )

    def _url(self, player: HeosPlayer) -> Started | None:
        """The URL that we started, while that is what the player has loaded."""
        return self.urls.of(player.now_playing_media) if Value.MEDIA in self.heard else None

    def _identity(self, player: HeosPlayer) -> object:
        """What makes a track another one."""
        return _identity(player.now_playing_media) if Value.MEDIA in self.heard else None


def _identity(media: Any) -> object:  # noqa: ANN401
    if media.media_id is None and media.song is None:
        return None
    return (media.song, media.artist, media.album, media.station, media.media_id, media.queue_id)
