"""The order of a queue: whatever is done to it, nothing is lost, and what plays goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sugartalkd.errors import OutOfRange
from sugartalkd.model import Enqueue, Repeat, Track
from sugartalkd.play_queue.order import Order

if TYPE_CHECKING:
    from collections.abc import Sequence


def tracks(*numbers: int) -> list[Track]:
    return [Track(title=str(number), media_id=f"plex:track:{number}") for number in numbers]


def titles(order: Order | Sequence[Track]) -> str:
    return " ".join(one.title or "" for one in (order.tracks if isinstance(order, Order) else order))


def order_of(*numbers: int, index: int = 0) -> Order:
    order = Order()
    order.put(tracks(*numbers), Enqueue.REPLACE)
    order.go_to(index)
    return order


def test_each_way_to_queue() -> None:
    order = order_of(1, 2, 3, index=1)
    assert order.put(tracks(4, 5), Enqueue.NEXT) == 2
    assert (titles(order), order.index) == ("1 2 4 5 3", 1)
    assert order.put(tracks(6), Enqueue.END) == 5
    assert order.put(tracks(7, 8), Enqueue.NOW) == 2
    assert (titles(order), order.index) == ("1 2 7 8 4 5 3 6", 2)
    assert order.put(tracks(9), Enqueue.REPLACE) == 0
    assert (titles(order), order.index) == ("9", 0)


@pytest.mark.parametrize(
    ("repeat", "index", "following", "next_one"),
    [
        (Repeat.OFF, 0, 1, 1),
        (Repeat.OFF, 2, None, None),
        (Repeat.ALL, 2, 0, 0),
        (Repeat.ONE, 1, 1, 2),
        (Repeat.ONE, 2, 2, None),
    ],
)
def test_what_follows(repeat: Repeat, index: int, following: int | None, next_one: int | None) -> None:
    order = order_of(1, 2, 3, index=index)
    order.repeat = repeat
    assert (order.following, order.neighbour(1)) == (following, next_one)


def test_without_the_present_one_the_next_is_present() -> None:
    order = order_of(1, 2, 3, 4, 5, index=2)
    assert order.remove([0, 2])
    assert (titles(order), order.current) == ("2 4 5", order.track(1))
    assert order.remove([1, 2])
    assert (titles(order), order.index) == ("2", 0)
    assert not order_of(1, 2).remove([1])


@pytest.mark.parametrize(
    ("origin", "target", "index"), [(0, 3, 1), (4, 0, 3), (2, 4, 4), (3, 4, 2), (1, 2, 1)]
)
def test_moving_leaves_the_present_one_present(origin: int, target: int, index: int) -> None:
    order = order_of(1, 2, 3, 4, 5, index=2)
    order.move(origin, target)
    assert (order.index, order.current.title if order.current else None) == (index, "3")


def test_what_is_outside_is_refused() -> None:
    order = order_of(1, 2)
    with pytest.raises(OutOfRange, match="0 to 1"):
        order.go_to(2)
    with pytest.raises(OutOfRange):
        order.remove([0, 5])
    with pytest.raises(OutOfRange, match="is empty"):
        Order().move(0, 0)
    assert titles(order) == "1 2"


def test_mixing_keeps_what_plays_and_can_be_undone() -> None:
    order = order_of(*range(100), index=40)
    order.set_shuffle(on=True)
    assert (order.index, order.current.title if order.current else None) == (0, "40")
    assert titles(order) != titles(order.plain or ())
    order.put(tracks(100, 101), Enqueue.NEXT)
    order.put(tracks(102), Enqueue.END)
    order.set_shuffle(on=False)
    assert titles(order) == titles(tracks(*range(41), 100, 101, *range(41, 100), 102))
    assert order.index == 40


_operations = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(Enqueue), st.integers(0, 5)),
    st.tuples(st.just("remove"), st.lists(st.integers(0, 30), max_size=4)),
    st.tuples(st.just("move"), st.integers(0, 30), st.integers(0, 30)),
    st.tuples(st.just("go_to"), st.integers(0, 30)),
    st.tuples(st.just("shuffle"), st.booleans()),
)


def _ids(tracks: Sequence[Track]) -> list[int]:
    """Each place by its own object: equal tracks are not the same."""
    return [id(one) for one in tracks]


def _plain(order: Order) -> list[Track]:
    return list(order.tracks if order.plain is None else order.plain)


@settings(max_examples=150, deadline=None)
@given(st.lists(_operations, max_size=25))
def test_nothing_is_lost_and_what_plays_goes_on(operations: list[tuple[object, ...]]) -> None:
    order = Order()
    for name, *arguments in operations:
        current, before, tracks_before = order.current, _plain(order), order.tracks
        kept = True
        """Whether the same track is to be the present one afterwards."""
        match [name, *arguments]:
            case ["put", Enqueue() as how, int() as count]:
                one = tracks(1)
                place = order.put([*tracks(*range(count)), *one, *one], how)
                starts = how in {Enqueue.REPLACE, Enqueue.NOW} or current is None
                kept = not starts
                assert not starts or order.index == (place if how is not Enqueue.END else 0)
                left = [] if how is Enqueue.REPLACE else before
                at = len(left) if how is Enqueue.END or current is None or not left else None
                at = 1 + _ids(left).index(id(current)) if at is None else at
                after = _plain(order)
                assert _ids(after[:at] + after[at + count + 2 :]) == _ids(left)
            case ["remove", indices] if order:
                gone = {index % len(order) for index in cast("list[int]", indices)}
                left = [one for one in before if id(one) not in {id(tracks_before[index]) for index in gone}]
                kept = not order.remove(gone)
                assert _ids(_plain(order)) == _ids(left)
            case ["move", int() as origin, int() as target] if order:
                moved = order.tracks[origin % len(order)]
                order.move(origin % len(order), target % len(order))
                assert order.tracks[target % len(order)] is moved
                assert not order.shuffle or _ids(_plain(order)) == _ids(before)
            case ["go_to", int() as index] if order:
                order.go_to(index % len(order))
                kept = False
            case ["shuffle", bool() as on]:
                order.set_shuffle(on)
                assert _ids(_plain(order)) == _ids(before)
            case _:
                pass
        assert not kept or order.current is current
        assert len({*_ids(order.tracks)}) == len(order)
        assert sorted(_ids(order.tracks)) == sorted(_ids(_plain(order)))
        assert (order.index is None) == (len(order) == 0)


def test_twenty_thousand_are_no_more_trouble_than_two() -> None:
    many = tracks(*range(20_000))
    order = Order()
    began = time.process_time()
    order.put(many, Enqueue.REPLACE)
    order.go_to(10_000)
    order.set_shuffle(on=True)
    order.put(tracks(*range(20_000, 20_010)), Enqueue.NEXT)
    order.move(5, 15_000)
    order.remove(range(0, 20_000, 2))
    order.set_shuffle(on=False)
    window = order.window()
    assert time.process_time() - began < 0.2
    assert (window.length, len(window.items)) == (10_010, 200)
    assert window.offset <= (order.index or 0) < window.offset + 200
