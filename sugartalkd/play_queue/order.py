"""Which track plays, and which follows: a list with a place in it, mixed or not; pure."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sugartalkd.errors import OutOfRange
from sugartalkd.model import Enqueue, Queue, QueueItem, Repeat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sugartalkd.model import Track

WINDOW: Final = 200
"""Items that are shown at most."""
BEFORE: Final = 100
"""So many of them lie before the present one, in a queue that is long enough."""


class Order:
    """Tracks in the order in which they are played, one of which is the present one.

    Each place holds an object of its own, so that the same track may be queued twice and still be told
    apart: what is "the same" here is always the same place, not an equal track.
    """

    def __init__(self, *, repeat: Repeat = Repeat.OFF, shuffle: bool = False) -> None:
        self._tracks: list[Track] = []
        self._plain: list[Track] | None = [] if shuffle else None
        """The order before it was mixed; `None` while it is not."""
        self._index = 0
        self.repeat = repeat

    @classmethod
    def restored(
        cls, tracks: Sequence[Track], index: int, repeat: Repeat, plain: Sequence[Track] | None
    ) -> Order:
        """As it was kept; `plain` has the same tracks."""
        order = cls(repeat=repeat)
        order._tracks, order._index = list(tracks), index
        order._plain = None if plain is None else list(plain)
        return order

    def __len__(self) -> int:
        return len(self._tracks)

    @property
    def tracks(self) -> tuple[Track, ...]:
        return tuple(self._tracks)

    @property
    def shuffle(self) -> bool:
        return self._plain is not None

    @property
    def plain(self) -> tuple[Track, ...] | None:
        """The order before it was mixed; `None` while it is not."""
        return None if self._plain is None else tuple(self._plain)

    @property
    def index(self) -> int | None:
        return self._index if self._tracks else None

    @property
    def current(self) -> Track | None:
        return self._tracks[self._index] if self._tracks else None

    @property
    def following(self) -> int | None:
        """What plays when the present track has ended; `None` at the end."""
        return self._index if self.repeat is Repeat.ONE and self._tracks else self.neighbour(1)

    def neighbour(self, step: int) -> int | None:
        """One on (1) or back (-1), whatever is repeated; `None` past either end."""
        if not self._tracks:
            return None
        index = self._index + step
        if self.repeat is Repeat.ALL:
            return index % len(self._tracks)
        return index if 0 <= index < len(self._tracks) else None

    def track(self, index: int) -> Track:
        return self._tracks[index]

    def place_of(self, track: Track | None) -> int | None:
        """Where this very one is; `None` if it has been taken out."""
        if track is self.current and track is not None:
            return self._index
        return next((number for number, one in enumerate(self._tracks) if one is track), None)

    # -- changes -------------------------------------------------------------------------------------

    def put(self, tracks: Iterable[Track], enqueue: Enqueue) -> int:
        """Add tracks, at least one, mixed among themselves while the order is; the index of the first.

        `REPLACE` makes it the present one, and so does `NOW`.
        """
        if enqueue is Enqueue.REPLACE:
            self.clear()
        added = _distinct(tracks, self._tracks)
        behind = self._index + 1 if self._tracks else 0
        place = len(self._tracks) if enqueue is Enqueue.END else behind
        if self._plain is not None:
            after = self._plain_place(behind) if place == behind else len(self._plain)
            self._plain[after:after] = added
            added = _mixed(added)
        self._tracks[place:place] = added
        if enqueue in {Enqueue.REPLACE, Enqueue.NOW}:
            self._index = place
        return place

    def _plain_place(self, behind: int) -> int:
        """Where in the plain order something belongs that is put before this index of the mixed one."""
        if self._plain is None or not behind:
            return 0
        before = self._tracks[behind - 1]
        return next(number for number, one in enumerate(self._plain) if one is before) + 1

    def go_to(self, index: int) -> None:
        """Raises OutOfRange."""
        self.check(index)
        self._index = index

    def remove(self, indices: Iterable[int]) -> bool:
        """Take tracks out; whether the present one was among them. The one behind it is the present one then.

        Where none is left behind it, the last one is. Raises OutOfRange.
        """
        gone = set(indices)
        self.check(*gone)
        lost = self._index in gone
        taken = {id(self._tracks[index]) for index in gone}
        before = sum(1 for index in gone if index < self._index)
        self._tracks = [one for one in self._tracks if id(one) not in taken]
        if self._plain is not None:
            self._plain = [one for one in self._plain if id(one) not in taken]
        self._index = max(0, min(self._index - before, len(self._tracks) - 1))
        return lost

    def move(self, origin: int, target: int) -> None:
        """Put one elsewhere, so that it has the index `target` afterwards. Raises OutOfRange."""
        self.check(origin, target)
        moved = self._tracks.pop(origin)
        self._tracks.insert(target, moved)
        if origin == self._index:
            self._index = target
        elif origin < self._index <= target:
            self._index -= 1
        elif target <= self._index < origin:
            self._index += 1

    def set_shuffle(self, on: bool) -> None:
        """Mix what is not the present track, which comes first; or put all back as it was."""
        if on == self.shuffle:
            return
        present = self.current
        if self._plain is not None:
            self._tracks, self._plain = self._plain, None
            self._index = next((n for n, one in enumerate(self._tracks) if one is present), 0)
            return
        self._plain = list(self._tracks)
        if present is not None:
            rest = [one for one in self._tracks if one is not present]
            self._tracks, self._index = [present, *_mixed(rest)], 0

    def clear(self) -> None:
        self._tracks, self._index = [], 0
        self._plain = None if self._plain is None else []

    def check(self, *indices: int) -> None:
        """Raises OutOfRange."""
        for index in indices:
            if not 0 <= index < len(self._tracks):
                has = f"has the indices 0 to {len(self._tracks) - 1}" if self._tracks else "is empty"
                raise OutOfRange(f"the queue has no index {index}: it {has}")

    # -- what is shown -------------------------------------------------------------------------------

    def window(self) -> Queue:
        """The part that is published."""
        offset = max(0, min(self._index - BEFORE, len(self._tracks) - WINDOW))
        shown = self._tracks[offset : offset + WINDOW]
        return Queue(len(self._tracks), offset, tuple(map(item, shown)))


def item(track: Track) -> QueueItem:
    """A track as a queue lists it."""
    return QueueItem(track.media_id, track.title, track.artist, track.album, track.duration)


def _distinct(tracks: Iterable[Track], present: Iterable[Track]) -> list[Track]:
    """The same tracks, each an object that is not there yet."""
    seen = {id(one) for one in present}
    added: list[Track] = []
    for track in tracks:
        one = replace(track) if id(track) in seen else track
        seen.add(id(one))
        added.append(one)
    return added


def _mixed(tracks: list[Track]) -> list[Track]:
    return random.sample(tracks, len(tracks))
