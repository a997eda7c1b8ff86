"""The queue of a zone: what it shows, and what can be done to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sugartalkd.command import ClearQueue, JumpInQueue, MoveInQueue, RemoveFromQueue, SaveQueue
from sugartalkd.errors import BadPayload
from sugartalkd.model import Capability, Queue, QueueItem, Repeat
from sugartalkd.topics import payload
from sugartalkd.topics.payload import ON_OFF, objects
from sugartalkd.topics.row import CommandRow, StateRow, having

if TYPE_CHECKING:
    from sugartalkd.merge import ZoneState
    from sugartalkd.model import Json, Object, PlayerState, Unheard

PATH: Final = "queue"
LAST: Final = 100_000
"""An index that no queue reaches."""


@dataclass(frozen=True, slots=True)
class _Shown:
    queue: Queue
    index: int | None
    repeat: Repeat | None
    shuffle: bool | None


def _read(state: ZoneState) -> _Shown | Unheard | None:
    def shown(part: PlayerState) -> _Shown | None:
        if part.queue is None:
            return None
        return _Shown(part.queue, part.queue_index, part.repeat, part.shuffle)

    return state.from_player(shown, late=True)


def _item_json(item: QueueItem) -> Json:
    return {
        "media_id": item.media_id,
        "title": item.title,
        "artist": item.artist,
        "album": item.album,
        "duration": item.duration,
    }


def _json(shown: _Shown) -> Json:
    return {
        "index": shown.index,
        "length": shown.queue.length,
        "offset": shown.queue.offset,
        "shuffle": None if shown.shuffle is None else ON_OFF.to_json(shown.shuffle),
        "repeat": None if shown.repeat is None else shown.repeat.value,
        "items": [_item_json(item) for item in shown.queue.items],
    }


def _shorter(shown: _Shown) -> _Shown | None:
    """Half of the items, around the present one."""
    queue = shown.queue
    if not queue.items:
        return None
    half = len(queue.items) // 2
    present = 0 if shown.index is None else shown.index - queue.offset
    first = max(0, min(present - half // 2, len(queue.items) - half))
    items = queue.items[first : first + half]
    return replace(shown, queue=replace(queue, offset=queue.offset + first, items=items))


STATES: Final = (
    StateRow(
        PATH,
        "What is queued, at most 200 items around the present one",
        objects(
            'JSON: `{"index","length","offset","shuffle","repeat",'
            '"items":[{"media_id","title","artist","album","duration"}…]}`',
            _json,
        ),
        _read,
        having(Capability.QUEUE),
        shorten=_shorter,
    ),
)


def _index(given: Json, what: str) -> int:
    return int(payload.number(given, what, 0, LAST, 1))


def _remove(given: str | Object) -> RemoveFromQueue:
    wished = payload.array(payload.value(given))
    if not wished:
        raise BadPayload("queue/remove needs at least one index")
    return RemoveFromQueue(tuple(dict.fromkeys(_index(one, "queue/remove") for one in wished)))


def _save(given: str | Object) -> SaveQueue:
    key = "name" if not isinstance(given, str) and "name" in given else "value"
    return SaveQueue(payload.name(payload.value(given, key), "queue/save"))


def _move(given: str | Object) -> MoveInQueue:
    if isinstance(given, str):
        raise BadPayload('queue/move takes {"from": index, "to": index}')
    return MoveInQueue(_index(payload.value(given, "from"), "from"), _index(payload.value(given, "to"), "to"))


COMMANDS: Final = (
    CommandRow("queue/clear", "Empty the queue", "`{}`", lambda _given: ClearQueue()),
    CommandRow("queue/jump", "Play this item now", "index, from 0",
               lambda given: JumpInQueue(_index(payload.value(given), "queue/jump"))),
    CommandRow("queue/remove", "Take items out", "index, or array of them", _remove),
    CommandRow("queue/move", "Put an item elsewhere; `to` is the index it has then",
               'JSON: `{"from", "to"}`', _move),
    CommandRow("queue/save", "Keep what is queued as a playlist in Plex", "the playlist's name",
               _save),
)  # fmt: skip
