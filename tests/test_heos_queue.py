"""The queues that HEOS players keep: the part of them that is shown, and what can be done to them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from sugartalkd.errors import OutOfRange
from sugartalkd.heos import translate
from sugartalkd.model import QueueItem, Track
from sugartalkd.simulator.heos_system import input_station
from tests.heos_home import BATH, KITCHEN, LIVING, HeosHome, heos_home, songs, together, until

if TYPE_CHECKING:
    from sugartalkd.model import Queue
    from sugartalkd.simulator.heos import HeosSimulator


def filled(heos: HeosSimulator, pid: int, length: int, current: int = 0) -> None:
    """So many songs, named by their index, the present one playing."""
    heos.play_item(pid, *songs(*map(str, range(length))))
    heos.play_queue(pid, current)


def queue(one: HeosHome, pid: int) -> Queue | None:
    player = one.zone(pid).player_up
    return None if player is None else player.queue


def index(one: HeosHome, pid: int) -> int | None:
    player = one.zone(pid).player_up
    return None if player is None else player.queue_index


def titles(one: HeosHome, pid: int) -> list[str | None]:
    shown = queue(one, pid)
    return [] if shown is None else [item.title for item in shown.items]


def window(one: HeosHome, pid: int) -> tuple[int, int, str | None, str | None] | None:
    """Offset, length, first and last title of what is shown."""
    shown = queue(one, pid)
    if shown is None:
        return None
    first, last = (shown.items[0].title, shown.items[-1].title) if shown.items else (None, None)
    return shown.offset, shown.length, first, last


@pytest.mark.parametrize(
    ("length", "current", "expected"),
    [
        (1000, 500, (400, 1000, "400", "599")),
        (1000, 0, (0, 1000, "0", "199")),
        (1000, 990, (800, 1000, "800", "999")),
        (200, 150, (0, 200, "0", "199")),
        (201, 200, (1, 201, "1", "200")),
        (3, 2, (0, 3, "0", "2")),
    ],
)
async def test_what_is_shown_lies_around_the_present_one(
    address: str, length: int, current: int, expected: tuple[int, int, str, str]
) -> None:
    async with heos_home(address, lambda heos: filled(heos, KITCHEN, length, current)) as one:
        await until(lambda: window(one, KITCHEN) == expected)
        assert index(one, KITCHEN) == current
        await until(lambda: window(one, BATH) == (0, 0, None, None))
        assert index(one, BATH) is None
        assert all(
            int(b) - int(a) < 50
            for a, b in (line.arguments["range"].split(",") for line in one.heos.received("player/get_queue"))
        )


async def test_the_index_alone_reads_nothing_until_it_leaves_the_window(address: str) -> None:
    async with heos_home(address, lambda heos: filled(heos, KITCHEN, 1000, 590)) as one:
        await until(lambda: window(one, KITCHEN) == (490, 1000, "490", "689"))
        await until(lambda: queue(one, BATH) is not None)
        before = len(one.heos.received("player/get_queue"))
        await one.control(KITCHEN).next()
        await until(lambda: index(one, KITCHEN) == 591)
        await asyncio.sleep(0.7)
        assert len(one.heos.received("player/get_queue")) == before
        await one.control(KITCHEN).jump_in_queue(700)
        await until(lambda: window(one, KITCHEN) == (600, 1000, "600", "799"))
        assert index(one, KITCHEN) == 700


async def test_an_input_or_station_is_no_item_of_the_queue(address: str) -> None:
    async with heos_home(address, lambda heos: filled(heos, KITCHEN, 5, 2)) as one:
        await until(lambda: index(one, KITCHEN) == 2)
        one.heos.play_item(KITCHEN, input_station("inputs/cd"))
        await until(lambda: index(one, KITCHEN) is None)
        await until(lambda: window(one, KITCHEN) == (0, 5, "0", "4"))


async def test_a_change_is_read_once_however_many_events_tell_it(address: str) -> None:
    async with heos_home(address, lambda heos: filled(heos, KITCHEN, 5, 2)) as one:
        await until(lambda: all(queue(one, pid) for pid in (LIVING, KITCHEN, BATH)))
        before = len(one.heos.received("player/get_queue"))
        for _ in range(30):
            one.heos.add_to_queue(KITCHEN, songs("more"), 3)
        await until(lambda: window(one, KITCHEN) == (0, 35, "0", "more"))
        await asyncio.sleep(0.7)
        assert len(one.heos.received("player/get_queue")) - before == 1


async def test_items_that_stay_are_not_built_again(address: str) -> None:
    async with heos_home(address, lambda heos: filled(heos, KITCHEN, 120, 60)) as one:
        await until(lambda: len(titles(one, KITCHEN)) == 120)
        before = queue(one, KITCHEN)
        assert before is not None
        await one.control(KITCHEN).remove_from_queue([0])
        await until(lambda: len(titles(one, KITCHEN)) == 119)
        after = queue(one, KITCHEN)
        assert after is not None
        assert all(old is new for old, new in zip(before.items[1:], after.items, strict=True))
        one.heos.send_event("player_queue_changed", f"pid={KITCHEN}")
        await until(lambda: len(one.heos.received("player/get_queue")) >= 8)
        await asyncio.sleep(0.1)
        assert queue(one, KITCHEN) is after


async def test_what_can_be_done_to_a_queue(address: str) -> None:
    async with heos_home(address, lambda heos: filled(heos, KITCHEN, 6, 1)) as one:
        await until(lambda: len(titles(one, KITCHEN)) == 6)
        kitchen = one.control(KITCHEN)
        await kitchen.move_in_queue(0, 5)
        await until(lambda: titles(one, KITCHEN) == ["1", "2", "3", "4", "5", "0"])
        await kitchen.move_in_queue(4, 1)
        await until(lambda: titles(one, KITCHEN) == ["1", "5", "2", "3", "4", "0"])
        await kitchen.remove_from_queue([4, 2, 4])
        await until(lambda: titles(one, KITCHEN) == ["1", "5", "3", "0"])
        await kitchen.jump_in_queue(3)
        await until(lambda: index(one, KITCHEN) == 3)
        assert one.zone(KITCHEN).now_playing.track.title == "0"
        await kitchen.clear_queue()
        await until(lambda: window(one, KITCHEN) == (0, 0, None, None))
        await kitchen.clear_queue()  # empty already: done
        with pytest.raises(OutOfRange):
            await kitchen.jump_in_queue(0)


async def test_a_track_goes_on_where_it_is_when_its_place_changes(address: str) -> None:
    async with heos_home(address, lambda heos: filled(heos, KITCHEN, 6, 3)) as one:
        await until(lambda: len(titles(one, KITCHEN)) == 6)
        one.heos.seek(KITCHEN, 120)
        await until(lambda: (anchor := one.zone(KITCHEN).now_playing.anchor) and anchor.seconds == 120)
        before = one.zone(KITCHEN).now_playing
        await one.control(KITCHEN).remove_from_queue([0, 1])
        await until(lambda: index(one, KITCHEN) == 1)
        after = one.zone(KITCHEN).now_playing
        assert (after.track, after.anchor, after.state) == (before.track, before.anchor, before.state)
        assert (before.index, after.index) == (3, 1)
        await one.control(KITCHEN).play_url("http://127.0.0.1/a.mp3", Track("Ours"))
        await until(lambda: one.zone(KITCHEN).now_playing.track.title == "Ours")
        await one.control(KITCHEN).move_in_queue(4, 0)
        await until(lambda: index(one, KITCHEN) == 0)
        assert one.zone(KITCHEN).now_playing.track.title == "Ours"


async def test_an_index_beyond_the_queue_is_out_of_range(address: str) -> None:
    async with heos_home(address, lambda heos: filled(heos, KITCHEN, 3)) as one:
        await until(lambda: len(titles(one, KITCHEN)) == 3)
        kitchen = one.control(KITCHEN)
        for refused in (
            kitchen.jump_in_queue(3), kitchen.jump_in_queue(-1), kitchen.remove_from_queue([0, 7]),
            kitchen.move_in_queue(0, 3), kitchen.move_in_queue(3, 0),
        ):  # fmt: skip
            with pytest.raises(OutOfRange):
                await refused
        for command in ("play_queue", "remove_from_queue", "move_queue_item"):
            assert one.told(f"player/{command}") == []


async def test_clearing_may_take_long_and_delays_nobody(address: str) -> None:
    async with heos_home(address, lambda heos: filled(heos, KITCHEN, 3)) as one:
        await until(lambda: len(titles(one, KITCHEN)) == 3)
        one.heos.faults.delay["player/clear_queue"] = 3.0
        clearing = asyncio.create_task(one.control(KITCHEN).clear_queue(), name="Task-clear")
        await asyncio.sleep(0.1)
        began = time.monotonic()
        await one.control(KITCHEN).set_volume(33)
        assert time.monotonic() - began < 1
        await clearing
        await until(lambda: window(one, KITCHEN) == (0, 0, None, None))


async def test_members_show_their_leaders_queue_and_change_it(address: str) -> None:
    def prepare(heos: HeosSimulator) -> None:
        filled(heos, LIVING, 300, 250)
        filled(heos, BATH, 2)
        heos.members_lag = True
        heos.set_group([LIVING, BATH])

    async with heos_home(address, prepare) as one:
        await until(lambda: window(one, BATH) == (100, 300, "100", "299"))
        assert one.zone(BATH).group == together(LIVING, BATH)
        assert index(one, BATH) == 250
        await one.control(BATH).jump_in_queue(260)
        await until(lambda: index(one, BATH) == 260)
        await one.control(BATH).clear_queue()
        await until(lambda: window(one, BATH) == (0, 0, None, None))
        assert one.told("player/play_queue") == one.told("player/clear_queue") == [str(LIVING)]
        await one.control(LIVING).set_group([])
        await until(lambda: titles(one, BATH) == ["0", "1"])


async def test_a_queue_is_read_while_something_else_hangs(address: str) -> None:
    async with heos_home(address, lambda heos: filled(heos, KITCHEN, 3)) as one:
        await until(lambda: len(titles(one, KITCHEN)) == 3)
        one.heos.faults.under_process_never.add("browse/browse")
        hanging = one.session.own_connection(5.0)
        browsing = asyncio.create_task(hanging.call(lambda heos: heos.browse(1024)), name="Task-browse")
        await until(lambda: one.heos.received("browse/browse"))
        one.heos.add_to_queue(KITCHEN, songs("more"), 3)
        await until(lambda: len(titles(one, KITCHEN)) == 4)
        hanging.close()
        await asyncio.gather(browsing, return_exceptions=True)


async def test_a_reading_that_hangs_delays_no_volume(address: str) -> None:
    def prepare(heos: HeosSimulator) -> None:
        filled(heos, KITCHEN, 3)
        heos.faults.under_process_never.add("player/get_queue")

    async with heos_home(address, prepare) as one:
        for level in range(30, 40):
            began = time.monotonic()
            await one.control(KITCHEN).set_volume(level)
            assert time.monotonic() - began < 0.5
        await one.control(KITCHEN).pause()
        assert queue(one, KITCHEN) is None, "not heard is not made up"


async def test_a_refused_queue_is_asked_again_and_not_made_up(address: str) -> None:
    async with heos_home(address, lambda heos: filled(heos, KITCHEN, 3)) as one:
        await until(lambda: len(titles(one, KITCHEN)) == 3)
        one.heos.faults.fail("player/get_queue", 13, 1, pid=KITCHEN)
        one.heos.add_to_queue(KITCHEN, songs("more"), 3)
        await until(lambda: queue(one, KITCHEN) is None)
        await until(lambda: len(titles(one, KITCHEN)) == 4, 5)


async def test_a_queue_outlives_its_players_pid(address: str) -> None:
    async with heos_home(address, lambda heos: filled(heos, LIVING, 5, 2)) as one:
        await until(lambda: len(titles(one, LIVING)) == 5)
        one.heos.change_pid(LIVING, 77)
        one.heos.add_to_queue(77, songs("more"), 3)
        await until(lambda: len(titles(one, LIVING)) == 6)
        await one.control(LIVING).jump_in_queue(5)
        assert one.told("player/play_queue") == ["77"]
        await until(lambda: index(one, LIVING) == 5)


async def test_an_outage_forgets_the_queue_and_finds_it_again(address: str) -> None:
    async with heos_home(address, lambda heos: filled(heos, KITCHEN, 3)) as one:
        await until(lambda: len(titles(one, KITCHEN)) == 3)
        one.heos.close_all()
        await until(lambda: queue(one, KITCHEN) is None)
        await until(lambda: len(titles(one, KITCHEN)) == 3)


async def test_lines_too_long_for_pyheos_are_asked_for_in_smaller_pages(address: str) -> None:
    def prepare(heos: HeosSimulator) -> None:
        filled(heos, KITCHEN, 60)
        for item in heos.players[KITCHEN].queue:
            item.image_url = "http://127.0.0.1/" + "x" * 1500

    async with heos_home(address, prepare) as one:
        await until(lambda: len(titles(one, KITCHEN)) == 60, 15)


def test_items_lack_what_they_like() -> None:
    stream = {"song": "Url Stream", "artist": "Url Stream", "album": "Url Stream", "qid": 3}
    assert translate.queue_items([{"song": "R%26B"}, {"qid": 2}, None, stream, {"song": 5}]) == [
        QueueItem(None, "R&B"),
        QueueItem(None, None),
        QueueItem(None, None),
        QueueItem(None, "Url Stream"),
        QueueItem(None, None),
    ]
    with pytest.raises(TypeError):
        translate.queue_items({})


async def test_get_reads_queue_and_group_again(address: str) -> None:
    async with heos_home(address, lambda heos: filled(heos, KITCHEN, 3)) as one:
        await until(lambda: len(titles(one, KITCHEN)) == 3)
        one.heos.players[KITCHEN].queue.pop()  # without an event
        await one.control(KITCHEN).refresh()
        await until(lambda: len(titles(one, KITCHEN)) == 2)
