"""pyheos' values to the daemon's; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from pyheos import MediaType, PlayState, RepeatType
from pyheos import command as words

from sugartalkd.model import FoundPlayer, PlayerKey, Position, QueueItem, Repeat, Track, Transport

if TYPE_CHECKING:
    from datetime import datetime

    from pyheos import HeosNowPlayingMedia, HeosPlayer

URL_STREAM: Final = "Url Stream"
"""What a device shows for any URL (heos.md 4.1)."""
JUMP: Final = 3.0
"""Seconds between the expected and the reported position that make it a jump."""
SAMPLE: Final = 10.0
"""Seconds between two published positions while playing."""

_AUX_INPUTS: Final = 1027
_NOT_QUEUED: Final = {0, 4, _AUX_INPUTS}
"""Connect streams and Spotify are queued elsewhere, inputs nowhere."""
_SOURCES: Final = {
    0: "Connect", 1: "Pandora", 2: "Rhapsody", 3: "TuneIn", 4: "Spotify", 5: "Deezer", 6: "Napster",
    7: "iHeartRadio", 8: "SiriusXM", 9: "SoundCloud", 10: "Tidal", 13: "Amazon Music", 15: "Mood Mix",
    16: "Juke", 18: "QQ Music", 30: "Qobuz", 1024: "Local Music", 1025: "HEOS Playlists",
    1026: "HEOS History", _AUX_INPUTS: "Input", 1028: "HEOS Favorites",
}  # fmt: skip
_ESCAPES: Final = {"%26": "&", "%3D": "=", "%3d": "=", "%25": "%"}
_ESCAPE: Final = re.compile("|".join(_ESCAPES))
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of surrogate pairs: JSON can hold them, MQTT cannot."""
_URL: Final = re.compile(r"\w+://\S+")
_TRANSPORTS: Final = {
    PlayState.PLAY: Transport.PLAYING,
    PlayState.PAUSE: Transport.PAUSED,
    PlayState.STOP: Transport.IDLE,
}
_REPEATS: Final = {RepeatType.OFF: Repeat.OFF, RepeatType.ON_ALL: Repeat.ALL, RepeatType.ON_ONE: Repeat.ONE}


def text(given: str | None) -> str | None:
    """A device's text: exactly three escapes undone (heos.md 3.3), fit for a topic, empty is none."""
    if not given:
        return None
    return _UNFIT.sub("", unescaped(given)).strip() or None


def without_urls(given: str) -> str:
    """A device may tell what it could not get; where that is, is nobody else's business (contract 4)."""
    return _URL.sub("(URL)", given)


def unescaped(given: str) -> str:
    """A device's id as it is meant: the three escapes undone once, because pyheos will do them again."""
    return _ESCAPE.sub(lambda found: _ESCAPES[found[0]], given)


def unfit(given: str) -> bool:
    """Whether a text may not go to a device: a line end in it would be a second command (heos.md 3.2)."""
    return _UNFIT.search(given) is not None


def transport(state: PlayState | None) -> Transport | None:
    """`unknown` is not heard."""
    return None if state is None else _TRANSPORTS.get(state)


def repeat(given: RepeatType) -> Repeat:
    return _REPEATS[given]


def repeat_word(given: Repeat) -> RepeatType:
    return next(word for word, ours in _REPEATS.items() if ours is given)


def track(media: HeosNowPlayingMedia) -> Track | None:
    """What a player has loaded, or `None`."""
    title = text(media.song) or text(media.station)
    if title is None and media.media_id is None:
        return None
    is_url = media.song == URL_STREAM
    source = _SOURCES.get(media.source_id) if media.source_id is not None else None
    if media.source_id == _AUX_INPUTS:
        source = title or source
    seconds = (media.duration or 0) // 1000
    return Track(
        title=title,
        artist=None if is_url else text(media.artist),
        album=None if is_url else text(media.album),
        duration=seconds or None,
        source="url" if is_url else "heos",
        source_name=source,
        station=text(media.station),
    )


def found(player: HeosPlayer, *, twin: bool = False) -> FoundPlayer:
    """A player as the rest of the daemon knows it; a twin shares its name or serial with one before it."""
    name = text(player.name) or str(player.player_id)
    key = PlayerKey(f"pid:{player.player_id}" if twin else player.serial or f"name:{name}")
    return FoundPlayer(
        key, name, player.player_id, player.serial, player.model, player.version, player.ip_address
    )


def queue_index(media: HeosNowPlayingMedia) -> int | None:
    """Which item of the player's own queue this is, from 0; `None` for what does not come from there.

    Stations, inputs and what a phone casts have a qid, too, and it says nothing (heos.md 7.3).
    """
    if media.type is MediaType.STATION or media.station or media.source_id in _NOT_QUEUED:
        return None
    if media.queue_id is None or media.queue_id < 1 or (media.song is None and media.media_id is None):
        return None
    return media.queue_id - 1


def queue_items(payload: object) -> list[QueueItem]:
    """The items of a reply, whatever they lack: each counts (heos.md 3.3). Raises TypeError for no list."""
    if not isinstance(payload, list | None):
        raise TypeError("a list of queue items was expected")
    return [_queue_item(row) for row in cast("list[object]", payload or [])]


def _queue_item(row: object) -> QueueItem:
    given = cast("dict[str, object]", row) if isinstance(row, dict) else {}
    song, artist, album = (
        value if isinstance(value := given.get(name), str) else None
        for name in (words.ATTR_SONG, words.ATTR_ARTIST, words.ATTR_ALBUM)
    )
    if song == URL_STREAM:
        return QueueItem(None, song)
    station = given.get(words.ATTR_STATION)
    title = text(song) or (text(station) if isinstance(station, str) else None)
    return QueueItem(None, title, text(artist), text(album))


@dataclass(frozen=True, slots=True)
class ListedGroup:
    """A group as the system lists it; gid and pids are the device's own numbers."""

    gid: int
    leader: int
    members: tuple[int, ...]
    """The leader first."""


def listed_groups(payload: object) -> tuple[ListedGroup, ...]:
    """The groups of a reply; one that cannot be read is passed over, so that it costs nobody else his.

    Raises TypeError for what is no list at all.
    """
    if not isinstance(payload, list | None):
        raise TypeError("a list of groups was expected")
    rows = cast("list[object]", payload or [])
    return tuple(group for row in rows if (group := _listed_group(row)) is not None)


def _listed_group(row: object) -> ListedGroup | None:
    leader: int | None = None
    others: list[int] = []
    try:
        given = cast("dict[str, Any]", row)
        gid = int(given[words.ATTR_GROUP_ID])
        for player in given[words.ATTR_PLAYERS]:
            pid = int(player[words.ATTR_PLAYER_ID])
            if leader is None and player.get(words.ATTR_ROLE) == words.VALUE_LEADER:
                leader = pid
            else:
                others.append(pid)
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    if leader is None and gid in others:
        leader = gid  # the gid is the leader's pid (heos.md 1.4)
    if leader is None:
        return None
    members = dict.fromkeys((leader, *others))
    return ListedGroup(gid, leader, tuple(members)) if len(members) > 1 else None


@dataclass(slots=True)
class Timeline:
    """Where in its track one player is, said as seldom as people can stand.

    HEOS tells positions every 1 to 5 s. An anchor is set when a track starts, pauses, resumes or jumps;
    in between the position follows from it. All times are seconds, `mono` on a monotonic clock.
    """

    anchor: Position | None = None
    progress: int | None = None
    _seconds: float = 0.0
    _mono: float = 0.0
    _sampled: float = float("-inf")
    _transport: Transport | None = None
    _identity: object = None

    def moved(self, transport: Transport | None, identity: object, mono: float, utc: datetime) -> None:
        """The player's state or track is now this one."""
        if transport in {None, Transport.IDLE} or identity is None:
            self.anchor = self.progress = self._transport = self._identity = None
            return
        before, known = self._transport, self._identity
        if (before, known) == (transport, identity):
            return
        if known is not None and known != identity:
            self._set(0.0, mono, utc)  # another track: it starts at its start
        elif before is not None and self.anchor is not None:
            self._set(self._expected(mono), mono, utc)  # paused or resumed where it was
        self._transport, self._identity = transport, identity

    def started(self, transport: Transport | None, identity: object, mono: float, utc: datetime) -> None:
        """The player said that it loaded something: unlike at our own start, it begins at 0."""
        self.moved(transport, identity, mono, utc)
        if self._identity is not None and self.anchor is None:
            self._set(0.0, mono, utc)

    def reported(self, seconds: float, mono: float, utc: datetime) -> bool:
        """The player told its position; whether anything of it is worth telling."""
        if self._transport is None:
            return False
        if self.anchor is None or abs(seconds - self._expected(mono)) > JUMP:
            self._set(seconds, mono, utc)
            return True
        if self._transport is Transport.PLAYING and mono - self._sampled >= SAMPLE:
            self.progress, self._sampled = int(seconds), mono
            return True
        return False

    def renumbered(self, before: object, after: object) -> None:
        """The track that plays is the same under another name."""
        if self._identity == before:
            self._identity = after

    def _expected(self, mono: float) -> float:
        return self._seconds + (mono - self._mono if self._transport is Transport.PLAYING else 0.0)

    def _set(self, seconds: float, mono: float, utc: datetime) -> None:
        self._seconds, self._mono, self._sampled = seconds, mono, mono
        self.progress = int(seconds)
        self.anchor = Position(int(seconds), utc)
