"""The queues as they are kept over a restart: `queues.json` in the state folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from sugartalkd import state_file
from sugartalkd.log import get_logger
from sugartalkd.model import PlayerKey, Repeat, Stream, Track
from sugartalkd.play_queue.order import Order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_log = get_logger(__name__)

FILE: Final = "queues.json"

_TEXTS: Final = (
    "media_id",
    "guid",
    "title",
    "artist",
    "album",
    "album_artist",
    "artwork_id",
    "source",
    "source_name",
)
_NUMBERS: Final = ("duration", "track_number", "year")
_FIELDS: Final = (*_TEXTS, *_NUMBERS)
_PIECE: Final = 200
"""Tracks that are made into text at a time: in between, the rest of the daemon has its turn."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One player's queue at one moment."""

    tracks: Sequence[Track]
    plain: Sequence[Track] | None
    """In their order before they were mixed."""
    index: int
    repeat: Repeat
    stream: Stream | None = None
    """What the player was told last, for the track at `started`."""
    started: int | None = None
    place: int | None = None
    """In the player's own queue."""

    def order(self) -> Order:
        return Order.restored(self.tracks, self.index, self.repeat, self.plain)


def write(path: Path, queues: Mapping[PlayerKey, Kept]) -> None:
    """Meant for a thread of its own."""
    try:
        state_file.replace(path, "".join(_text(queues)))
    except OSError as error:
        _log.error("queues cannot be written; a restart will lose them", file=str(path), error=str(error))


def _text(queues: Mapping[PlayerKey, Kept]) -> Iterator[str]:
    yield "{"
    for number, (key, kept) in enumerate(queues.items()):
        places = {id(track): place for place, track in enumerate(kept.tracks)}
        stream = kept.stream
        rest = {
            "index": kept.index,
            "repeat": kept.repeat.value,
            "places": None if kept.plain is None else [places[id(track)] for track in kept.plain],
            "stream": None
            if stream is None
            else [stream.url, stream.media_id, stream.transcoded, stream.guid],
            "started": kept.started,
            "place": kept.place,
        }
        yield f'{"," if number else ""}\n{json.dumps(key)}: {json.dumps(rest)[:-1]}, "tracks": ['
        for start in range(0, len(kept.tracks), _PIECE):
            rows = [[getattr(one, name) for name in _FIELDS] for one in kept.tracks[start : start + _PIECE]]
            yield ("," if start else "") + json.dumps(rows)[1:-1]
        yield "]}"
    yield "\n}\n"


def read(path: Path) -> dict[PlayerKey, Kept]:
    """What is in the file; what cannot be read is dropped, with a warning."""
    queues: dict[PlayerKey, Kept] = {}
    for key, given in state_file.load(path).items():
        try:
            queues[PlayerKey(key)] = _kept(given)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
            _log.warning("a queue that was kept is not valid", file=str(path), player=key, error=str(error))
    return queues


def _kept(given: Any) -> Kept:  # noqa: ANN401  # JSON of a file that anybody may have edited
    """Raises what Python does on anything that was not written here."""
    tracks = tuple(_track(row) for row in given["tracks"])
    places, stream, started = given["places"], given["stream"], given["started"]
    if places is not None and sorted(places) != list(range(len(tracks))):
        raise ValueError("the places are not those of the tracks")
    kept = Kept(
        tracks,
        None if places is None else tuple(tracks[int(place)] for place in cast("list[int]", places)),
        int(given["index"]),
        Repeat(given["repeat"]),
        None if stream is None else _stream(*stream),
        None if started is None else int(started),
        None if given["place"] is None else int(given["place"]),
    )
    for index in (kept.index, kept.started):
        if index is not None and not 0 <= index < len(tracks):
            raise ValueError(f"the index {index} is outside the queue")
    return kept


def _track(row: list[object]) -> Track:
    if len(row) != len(_FIELDS):
        raise ValueError("a track has other fields")
    values = dict(zip(_FIELDS, row, strict=True))
    fit = all(isinstance(values[name], str | None) for name in _TEXTS) and all(
        isinstance(values[name], int | None) for name in _NUMBERS
    )
    if not fit or values["media_id"] is None:
        raise TypeError("a track has fields of other types")
    return Track(**cast("dict[str, Any]", values))


def _stream(url: object, media_id: object, transcoded: object, guid: object) -> Stream:
    if not isinstance(url, str) or not isinstance(media_id, str) or not isinstance(guid, str | None):
        raise TypeError("a stream has fields of other types")
    return Stream(url, media_id, bool(transcoded), guid)
