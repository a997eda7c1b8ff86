"""What a zone tells: one row per retained topic, one per event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sugartalkd.model import REFERENCE_DB, UNHEARD, Capability, Owner, Playback, Position, Unheard, Zone
from sugartalkd.topics import artwork, group, queue, room, setting
from sugartalkd.topics.payload import ON_OFF, TEXT, decibels, numbers, objects, stamp, words
from sugartalkd.topics.row import AnyStateRow, EventRow, StateRow, having

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sugartalkd.merge import NowPlaying, ZoneState
    from sugartalkd.model import Json, Object, QueueItem

_PLAYER: Final = having(Capability.TRANSPORT)


def _availability(state: ZoneState) -> str | Unheard:
    if state.available:
        return "online"
    return UNHEARD if state.waiting else "offline"


def _playback(state: ZoneState) -> str | Unheard | None:
    return UNHEARD if state.waiting else state.playback


def _volume_db(state: ZoneState) -> float | Unheard | None:
    volume = state.volume
    return volume - REFERENCE_DB if isinstance(volume, float) else volume


def _now_playing(state: ZoneState) -> NowPlaying | Unheard:
    return UNHEARD if state.waiting else state.now_playing


def _of_track(field: str) -> Callable[[ZoneState], str | Unheard | None]:
    def read(state: ZoneState) -> str | Unheard | None:
        return UNHEARD if state.waiting else getattr(state.now_playing.track, field)

    return read


def _duration(state: ZoneState) -> float | Unheard | None:
    return UNHEARD if state.waiting else state.now_playing.track.duration


def _position(state: ZoneState) -> float | Unheard | None:
    if state.waiting:
        return UNHEARD
    part = state.player_up
    audible = state.playback in {Playback.PLAYING, Playback.PAUSED}
    return part.progress if part is not None and audible else None


def now_playing_json(now: NowPlaying) -> Json:
    """Contract 4; keys of parts that this version does not have yet are null."""
    track, anchor = now.track, now.anchor
    return {
        "state": None if now.state is None else now.state.value,
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "album_artist": track.album_artist,
        "track_number": track.track_number,
        "year": track.year,
        "duration": track.duration,
        "position": _seconds(anchor),
        "position_updated_at": None if anchor is None else stamp(anchor.at),
        "source": track.source,
        "source_name": track.source_name,
        "media_id": track.media_id,
        "station": track.station,
        "artwork_id": track.artwork_id,
        "queue_index": now.index,
        "queue_length": None if now.queue is None or now.index is None else now.queue.length,
        "next": None if now.next is None else _next_json(now.next),
    }


def _next_json(item: QueueItem) -> Json:
    return {"title": item.title, "artist": item.artist, "media_id": item.media_id}


def _seconds(anchor: Position | None) -> int | None:
    return None if anchor is None else anchor.seconds


def _has_decibels(zone: Zone) -> bool:
    return Capability.VOLUME in zone.capabilities and zone.owner is Owner.RECEIVER


STATES: Final[tuple[AnyStateRow, ...]] = (
    StateRow(
        "availability",
        "Whether any device of the zone answers",
        words("online", "offline"),
        _availability,
    ),
    StateRow(
        "state",
        "What the zone does, receiver and player taken together",
        words("playing", "paused", "idle", "on", "off", "None"),
        _playback,
    ),
    StateRow(
        "power",
        "The zone's own power, not the whole unit's",
        ON_OFF,
        lambda state: state.from_receiver(lambda part: part.power),
        having(Capability.POWER),
    ),
    StateRow(
        "volume",
        "The volume on the zone's own scale",
        numbers("0…98 step 0.5 where the receiver owns it, 0…100 step 1 where the player does"),
        lambda state: state.volume,
        having(Capability.VOLUME),
    ),
    StateRow(
        "volume_db",
        "The receiver's volume, 0 dB being its reference level",
        decibels("-80.0…18.0"),
        _volume_db,
        _has_decibels,
    ),
    StateRow("mute", "Mute", ON_OFF, lambda state: state.mute, having(Capability.MUTE)),
    StateRow(
        "input",
        "The configured name of the input, else the receiver's own",
        TEXT,
        lambda state: state.input,
        having(Capability.INPUT),
    ),
    StateRow(
        "sound_mode",
        "The sound mode as the receiver reports it",
        TEXT,
        lambda state: state.from_receiver(lambda part: part.sound_mode),
        having(Capability.SOUND_MODE),
    ),
    StateRow(
        "sleep",
        "Minutes until the zone falls asleep, 0 = never",
        numbers("0…120"),
        lambda state: state.sleep,
        having(Capability.SLEEP),
    ),
    StateRow(
        "repeat",
        "What is repeated",
        words("off", "all", "one"),
        lambda state: state.from_player(lambda part: part.repeat),
        having(Capability.REPEAT),
    ),
    StateRow(
        "shuffle",
        "Whether the order is mixed",
        ON_OFF,
        lambda state: state.from_player(lambda part: part.shuffle),
        having(Capability.SHUFFLE),
    ),
    StateRow("title", "Now playing: title", TEXT, _of_track("title")),
    StateRow("artist", "Now playing: artist", TEXT, _of_track("artist")),
    StateRow("album", "Now playing: album", TEXT, _of_track("album")),
    StateRow("duration", "Now playing: length in seconds", numbers("seconds"), _duration, _PLAYER),
    StateRow(
        "position",
        "Seconds into the track: on start, seek, pause, resume, and at most every 10 s while playing",
        numbers("seconds"),
        _position,
        _PLAYER,
        qos=0,
    ),
    StateRow(
        "now_playing",
        "Everything known of what can be heard",
        objects(
            'JSON: `{"state","title","artist","album","album_artist","track_number","year","duration",'
            '"position","position_updated_at","source","source_name","media_id","station","artwork_id","queue_index",'
            '"queue_length","next"}`; `position` is that of `position_updated_at`',
            now_playing_json,
        ),
        _now_playing,
    ),
    *artwork.STATES,
    *queue.STATES,
    *group.STATES,
    *room.STATES,
    *(spec.state_row() for spec in setting.SPECS),
)


def snapshot(rows: tuple[AnyStateRow, ...], state: ZoneState, last_changed: datetime) -> Json:
    """The zone's scalars, its settings, `now_playing` and the time of the last change, as one object."""
    content: Object = {row.path: row.json(state) for row in rows if not row.path.startswith(setting.PREFIX)}
    settings: Object = {
        row.path.removeprefix(setting.PREFIX): row.json(state)
        for row in rows
        if row.path.startswith(setting.PREFIX)
    }
    if settings:
        content["settings"] = settings
    content["last_changed"] = stamp(last_changed)
    return content


# -- events ------------------------------------------------------------------------------------------


def _track_changed(old: ZoneState, new: ZoneState) -> Object | None:
    before, after = old.now_playing.track, new.now_playing.track
    same = (before.title, before.artist, before.album, before.media_id, before.station) == (
        after.title, after.artist, after.album, after.media_id, after.station
    )  # fmt: skip
    if same or new.playback not in {Playback.PLAYING, Playback.PAUSED}:
        return None
    return {"title": after.title, "artist": after.artist, "album": after.album, "media_id": after.media_id}


def _input_changed(old: ZoneState, new: ZoneState) -> Object | None:
    before, after = old.input, new.input
    if before == after or not isinstance(before, str) or not isinstance(after, str):
        return None
    return {"input": after, "from": before}


def _power_changed(old: ZoneState, new: ZoneState) -> Object | None:
    before = old.receiver_up
    after = new.receiver_up
    if before is None or after is None or before.power is None or after.power in {None, before.power}:
        return None
    return {"power": "ON" if after.power else "OFF"}


EVENTS: Final = (
    EventRow("track_changed", "Another track can be heard", _track_changed),
    EventRow("input_changed", "The receiver went to another input", _input_changed),
    EventRow("power_changed", "The receiver's zone went on or off", _power_changed),
    EventRow("queue_ended", "Everything that was queued has been played", lambda _old, _new: None),
    EventRow("queue_lost", "Something else plays: what was queued is gone", lambda _old, _new: None),
    EventRow("playback_error", "The player could not play what it was given", lambda _old, _new: None),
)
