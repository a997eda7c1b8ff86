"""Browsing and searching a HEOS system, whatever it says about its lists, without delaying anybody."""

from __future__ import annotations

import asyncio
import statistics
from typing import TYPE_CHECKING

import pytest

from sugartalkd.errors import (
    BadPayload,
    Busy,
    HeosFailed,
    HeosOffline,
    NoMatch,
    OutOfRange,
    TimedOut,
    Unsupported,
)
from sugartalkd.heos import browse
from sugartalkd.heos.connection import READING_WAIT, NoReply, ReadingConnection, close
from sugartalkd.simulator.heos import HeosSimulator
from sugartalkd.simulator.heos_library import BIG, DLNA_SERVER, SimulatedItem
from tests.heos_home import KITCHEN, LIVING, HeosHome, heos_home, key, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from sugartalkd.model import Item, Page

ACCOUNT = ("someone@example.org", "secret")
SERVER = str(DLNA_SERVER)


def titles(page: Page) -> list[str]:
    return [one.title for one in page.items]


def named(page: Page, title: str) -> Item:
    return next(one for one in page.items if one.title == title)


def ranges(home: HeosHome) -> list[str]:
    return [one.arguments.get("range", "") for one in home.heos.received("browse/browse")]


# -- what there is -----------------------------------------------------------------------------------


async def test_from_the_sources_down_to_a_track(address: str) -> None:
    async with heos_home(address) as home:
        sources = await home.session.requests.sources()
        assert (sources.total, sources.offset) == (7, 0)
        assert {one.type for one in sources.items} == {"source"}
        assert await home.session.requests.browse(None, None, 500, 0) == sources
        local = await home.session.requests.browse(named(sources, "Local Music").media_id, None, 50, 0)
        server = named(local, "Plex Media Server: attic")
        root = await home.session.requests.browse(server.media_id, None, 50, 0)
        assert [(one.title, one.type) for one in root.items] == [
            ("Blue Train", "album"),
            ("R&B Hits", "album"),
            ("Everything", "folder"),
            ("John Coltrane", "artist"),
            ("Nothing here", "folder"),
        ]
        artist = await home.session.requests.browse(None, named(root, "John Coltrane").media_id, 50, 0)
        tracks = await home.session.requests.browse(None, artist.items[0].media_id, 50, 0)
        assert titles(tracks) == ["Giant Steps", "Naima"]
        assert (tracks.items[1].type, tracks.items[1].artist) == ("track", "John Coltrane")
        assert home.heos.ledger[-1].arguments["cid"] == "0$1&x=5%", "unescaped once, escaped once"
        assert await home.session.requests.browse(SERVER, "0$1%26x%3D5%25", 50, 0) == tracks, "a raw cid"
        empty = await home.session.requests.browse(None, named(root, "Nothing here").media_id, 50, 0)
        assert (empty.items, empty.total) == ((), 0)
        with pytest.raises(BadPayload, match="nothing in it to browse"):
            await home.session.requests.browse(None, tracks.items[0].media_id, 50, 0)


async def test_the_same_thing_keeps_its_id(address: str) -> None:
    async with heos_home(address) as home:
        before = await home.session.requests.browse(SERVER, None, 50, 0)
        inputs = await home.session.requests.browse("inputs", None, 50, 0)
        home.heos.change_pid(KITCHEN, 77)
        await until(lambda: home.session.known_at(77))
        assert await home.session.requests.browse(SERVER, None, 50, 0) == before
        assert await home.session.requests.browse("inputs", None, 50, 0) == inputs


@pytest.mark.parametrize("source", [1024, "1024", "local", "Local", "local music"])
async def test_a_source_has_many_names(address: str, source: str | int) -> None:
    async with heos_home(address) as home:
        assert titles(await home.session.requests.browse(source, None, 50, 0)) == ["Plex Media Server: attic"]


async def test_a_server_below_local_music_can_be_named(address: str) -> None:
    async with heos_home(address) as home:
        page = await home.session.requests.browse("plex media server: ATTIC", None, 2, 0)
        assert titles(page) == ["Blue Train", "R&B Hits"]
        with pytest.raises(NoMatch, match="near it: Local Music"):
            await home.session.requests.browse("locl music", None, 50, 0)


async def test_favourites_and_playlists(address: str) -> None:
    async with heos_home(address, account=ACCOUNT) as home:
        page = await home.session.requests.favorites(50, 0)
        assert [(one.track_number, one.title, one.type) for one in page.items] == [
            (1, "Radio One", "station"),
            (2, "Jazz & Blues", "station"),
        ]
        second = await home.session.requests.favorites(50, 1)
        assert (second.items, second.total, second.offset) == (page.items[1:], 2, 1)
        assert await home.session.requests.browse("Favorites", None, 50, 0) == page
        lists = await home.session.requests.playlists(50, 0)
        assert titles(lists) == ["Morning", "R&B = 100%"]
        assert titles(await home.session.requests.browse(None, lists.items[0].media_id, 50, 0)) == [
            "Wake up",
            "Coffee",
        ]
        history = await home.session.requests.browse("history", None, 50, 0)
        assert titles(history) == ["Tracks", "Stations"]
        assert titles(await home.session.requests.browse("history", "STATIONS", 50, 0)) == ["Radio Two"]


@pytest.mark.parametrize("source", ["favorites", "playlists", "history", "Tidal", 10, 1028])
async def test_nothing_is_asked_that_needs_an_account(address: str, source: str | int) -> None:
    async with heos_home(address) as home:
        with pytest.raises(HeosFailed, match=r"not signed in; set heos\.username"):
            await home.session.requests.browse(source, None, 50, 0)
        assert not home.heos.received("browse/browse")
        assert titles(await home.session.requests.browse("TuneIn", None, 50, 0)) == [
            "Local Radio",
            "Radio Three",
        ]


async def test_a_device_that_forgot_the_account_signs_nobody_out(address: str) -> None:
    async with heos_home(address, account=ACCOUNT) as home:
        home.heos.user = None  # without an event
        with pytest.raises(HeosFailed, match="not signed in"):
            await home.session.requests.favorites(50, 0)
        assert not home.heos.received("system/sign_out")


async def test_inputs_of_all_devices_and_of_one(address: str) -> None:
    async with heos_home(address, players=2) as home:
        flat = await home.session.requests.browse("inputs", None, 500, 0)
        assert flat.total == 8
        assert titles(flat)[:2] == ["Living Room - AUX IN 1", "Living Room - CD"]
        assert {one.type for one in flat.items} == {"input"}
        cut = await home.session.requests.browse("inputs", None, 2, 3)
        assert (cut.items, cut.total, cut.offset) == (flat.items[3:5], 8, 3)
        devices = await home.session.requests.browse(1027, None, 50, 0)
        assert titles(devices) == ["Living Room", "Kitchen"]
        one = await home.session.requests.browse(devices.items[1].media_id, None, 50, 0)
        assert one.items == flat.items[4:]
        assert (await home.session.requests.browse(str(KITCHEN), None, 50, 0)).items == one.items


async def test_a_device_that_never_tells_its_inputs_is_left_out(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browse, "INPUTS_LIMIT", 0.3)
    async with heos_home(address, players=2) as home:
        home.heos.faults.silent_sources.add(LIVING)
        flat = await home.session.requests.browse("inputs", None, 500, 0)
        assert titles(flat)[0] == "Kitchen - AUX IN 1"
        assert flat.total == 4
        with pytest.raises(TimedOut, match="did not answer browse/browse"):
            await home.session.requests.browse(str(LIVING), None, 500, 0)


# -- pages -------------------------------------------------------------------------------------------


async def test_a_long_folder_is_gathered_from_short_pages(address: str) -> None:
    async with heos_home(address) as home:
        page = await home.session.requests.browse(SERVER, "all", 120, 870)
        assert ranges(home) == ["870,919", "920,969", "970,989"]
        assert (page.total, page.offset, len(page.items)) == (BIG, 870, 120)
        assert (page.items[0].title, page.items[-1].title) == ("Track 0871", "Track 0990")
        page = await home.session.requests.browse(SERVER, "all", 500, 980)
        assert (page.total, titles(page)[-1], len(page.items)) == (BIG, "Track 1000", 20)
        page = await home.session.requests.browse(SERVER, "all", 10, 5000)
        assert (page.total, page.items) == (BIG, ())


def no_count(heos: HeosSimulator) -> None:
    heos.faults.missing_count = True


def count_3(heos: HeosSimulator) -> None:
    heos.faults.wrong_count = 3


def count_50(heos: HeosSimulator) -> None:
    heos.faults.wrong_count = 50


def count_too_many(heos: HeosSimulator) -> None:
    heos.faults.wrong_count = 99_999


def small_pages(heos: HeosSimulator) -> None:
    heos.library.page = 20


@pytest.mark.parametrize("odd", [no_count, count_3, count_50, count_too_many, small_pages])
async def test_whatever_the_device_counts(address: str, odd: Callable[[HeosSimulator], None]) -> None:
    async with heos_home(address, prepare=odd) as home:
        seen: list[str] = []
        total = 1
        while len(seen) < total:
            page = await home.session.requests.browse(SERVER, "all", 300, len(seen))
            seen += titles(page)
            total = page.total
        assert seen == [f"Track {number:04}" for number in range(1, BIG + 1)]
        album = await home.session.requests.browse(SERVER, "c7", 300, 0)
        assert (len(album.items), album.total) == (3, 3)


@pytest.mark.parametrize("honoured", [False, True])
@pytest.mark.parametrize("length", [0, 7, 50, 90, 100])
async def test_the_root_of_a_source_may_ignore_the_range(address: str, length: int, honoured: bool) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.library.range_on_roots = honoured
        heos.library.roots[DLNA_SERVER] = [
            SimulatedItem(f"{number}", mid=f"m{number}") for number in range(length)
        ]

    async with heos_home(address, prepare=prepare) as home:
        for limit, offset in ((500, 0), (5, 0), (5, 60), (50, 5), (500, 50)):
            page = await home.session.requests.browse(SERVER, None, limit, offset)
            assert titles(page) == [f"{number}" for number in range(length)][offset : offset + limit]
            assert page.total == length


async def test_one_odd_entry_loses_no_page(address: str) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.faults.unknown_media_type = True
        heos.faults.missing_texts = True

    async with heos_home(address, prepare=prepare) as home:
        page = await home.session.requests.browse(SERVER, "c7", 50, 0)
        assert [(one.title, one.type) for one in page.items] == [("Unnamed", "track")] * 3
        assert None not in {one.media_id for one in page.items}
        assert len((await home.session.requests.sources()).items) == 7


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (501, 0), (1, -1)])
async def test_limits(address: str, limit: int, offset: int) -> None:
    async with heos_home(address) as home:
        with pytest.raises(OutOfRange):
            await home.session.requests.browse(SERVER, None, limit, offset)
        with pytest.raises(OutOfRange):
            await home.session.requests.search(SERVER, "a", None, limit, offset)


# -- search ------------------------------------------------------------------------------------------


async def test_search(address: str) -> None:
    async with heos_home(address) as home:
        page = await home.session.requests.search(SERVER, "coltrane", None, 50, 0)
        assert [(one.title, one.type) for one in page.items] == [("John Coltrane", "artist")]
        for criteria in ("album", 2, "2", "ALBUM"):
            page = (
                await home.session.requests.search("local music", "x", criteria, 50, 0)
                if False
                else (await home.session.requests.search(SERVER, "r&b", criteria, 50, 0))
            )
            assert titles(page) == ["R&B Hits"]
        page = await home.session.requests.search(SERVER, "Track 0", "track", 300, 600)
        assert (page.total, titles(page)[0], len(page.items)) == (999, "Track 0601", 300)
        assert len(home.heos.received("browse/get_search_criteria")) == 1
        with pytest.raises(OutOfRange, match="it can by: Artist, Album, Track"):
            await home.session.requests.search(SERVER, "x", "mood", 50, 0)
        for source in ("inputs", "favorites", str(KITCHEN)):
            with pytest.raises(Unsupported):
                await home.session.requests.search(source, "x", None, 50, 0)
        with pytest.raises(HeosFailed, match="refused browse/get_search_criteria"):
            await home.session.requests.search("local", "x", None, 50, 0)
        with pytest.raises(HeosFailed, match="not signed in"):
            await home.session.requests.search("tidal", "x", None, 50, 0)
        for query in ("", " ", "x" * 129, "a\r\nheos://system/reboot"):
            with pytest.raises(BadPayload):
                await home.session.requests.search(SERVER, query, None, 50, 0)
        assert not home.heos.received("system/reboot")


@pytest.mark.parametrize("container", ["", "a\r\nheos://system/reboot", "\x00"])
async def test_no_container_is_a_second_command(address: str, container: str) -> None:
    async with heos_home(address) as home:
        with pytest.raises(BadPayload):
            await home.session.requests.browse(SERVER, container, 50, 0)
        with pytest.raises(BadPayload):
            await home.session.requests.browse(None, "raw", 50, 0)
        assert not home.heos.received("browse/browse")


# -- the connection ----------------------------------------------------------------------------------


async def test_browsing_delays_no_volume(address: str) -> None:
    async with heos_home(address) as home:
        kitchen = home.session.player(key(KITCHEN))

        async def volumes() -> float:
            took: list[float] = []
            for number in range(60):
                began = asyncio.get_running_loop().time()
                await kitchen.set_volume(10 + number)
                took.append(asyncio.get_running_loop().time() - began)
            return statistics.median(took)

        alone = await volumes()
        home.heos.faults.under_process.add("browse/browse")
        home.heos.faults.delay["browse/browse"] = 20
        browsing = [
            asyncio.create_task(home.session.requests.browse(SERVER, "all", 50, 0), name="Task-browse")
            for _ in range(3)
        ]
        await until(lambda: home.heos.received("browse/browse"))
        beside = await volumes()
        assert not any(one.done() for one in browsing)
        for one in browsing:
            one.cancel()
        await asyncio.gather(*browsing, return_exceptions=True)
        assert beside < alone * 3 + 0.01, f"{alone * 1000:.2f} ms alone, {beside * 1000:.2f} ms beside"
        assert home.kitchen.level == 69


async def test_readings_keep_their_order_and_are_not_too_many(address: str) -> None:
    async with heos_home(address) as home:
        home.heos.faults.delay["browse/browse"] = 0.02
        reading = [
            asyncio.create_task(home.session.requests.browse(SERVER, "all", 1, number), name="Task-browse")
            for number in range(READING_WAIT + 3)
        ]
        done = await asyncio.gather(*reading, return_exceptions=True)
        assert [isinstance(one, Busy) for one in done] == [False] * (READING_WAIT + 1) + [True] * 2
        assert ranges(home) == [f"{number},{number}" for number in range(READING_WAIT + 1)]


async def test_a_late_answer_is_never_taken_for_another(address: str) -> None:
    async with heos_home(address) as home:
        home.heos.faults.delay["browse/browse"] = 0.3
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await home.session.requests.browse(SERVER, "c7", 50, 0)
        home.heos.faults.delay.clear()
        await asyncio.sleep(0.3)
        assert titles(await home.session.requests.browse(SERVER, "c8", 50, 0)) == ["Moanin'", "Work Song"]


async def test_a_busy_device_is_asked_again(address: str) -> None:
    async with heos_home(address) as home:
        home.heos.faults.fail("browse/browse", 13, times=2)
        assert (await home.session.requests.browse(SERVER, "c7", 50, 0)).total == 3
        home.heos.faults.fail("browse/browse", 12, syserrno=-9)
        with pytest.raises(HeosFailed, match=r"System error \(eid 12\)|System error"):
            await home.session.requests.browse(SERVER, "c7", 50, 0)
        home.heos.faults.fail_without_text = True
        home.heos.faults.fail("browse/browse", 5)
        with pytest.raises(HeosFailed, match="cannot be read"):
            await home.session.requests.browse(SERVER, "c7", 50, 0)
        home.heos.faults.fail_without_text = False
        assert (await home.session.requests.browse(SERVER, "c7", 50, 0)).total == 3


async def test_a_system_that_is_lost_meanwhile_says_so(address: str) -> None:
    async with heos_home(address) as home:
        home.heos.faults.delay["browse/browse"] = 5
        reading = [
            asyncio.create_task(home.session.requests.browse(SERVER, "c7", 50, 0), name="Task-browse")
            for _ in range(2)
        ]
        await until(lambda: home.heos.received("browse/browse"))
        await home.heos.power_off()
        for one in await asyncio.gather(*reading, return_exceptions=True):
            assert isinstance(one, HeosOffline | TimedOut), one
        await until(lambda: not home.online())
        with pytest.raises(HeosOffline):
            await home.session.requests.browse(SERVER, "c7", 50, 0)
        home.heos.faults.delay.clear()
        await home.heos.power_on()
        await until(home.online, 10)
        assert (await home.session.requests.browse(SERVER, "c7", 50, 0)).total == 3


async def test_the_connection_is_opened_and_closed_by_need(address: str) -> None:
    async with HeosSimulator([], host=address) as heos:
        closing: list[asyncio.Task[None]] = []
        connection = ReadingConnection(
            address, lambda one: closing.append(asyncio.create_task(close(one), name="close")), idle=0.1
        )
        assert heos.connections_total == 0
        for _ in range(2):
            await connection.call(lambda heos: heos.heart_beat())
            await asyncio.sleep(0.06)
            await connection.call(lambda heos: heos.heart_beat())
            assert heos.connections == 1
            await until(lambda: heos.connections == 0, 1)
        assert heos.connections_total == 2
        connection.close()
        await asyncio.gather(*closing)


async def test_a_page_may_be_longer_than_pyheos_reads(address: str) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.library.roots[DLNA_SERVER] = [
            SimulatedItem(f"{number}", mid=f"{number}", image_url="http://10.0.0.9/" + "x" * 1500)
            for number in range(100)
        ]

    async with heos_home(address, prepare=prepare) as home:
        assert (await home.session.requests.browse(SERVER, None, 200, 0)).total == 100


@pytest.mark.parametrize("fault", ["send_garbage", "send_without_heos"])
async def test_a_broken_line_ends_a_reading_at_once(address: str, fault: str) -> None:
    async with HeosSimulator([], host=address) as heos:
        heos.faults.delay["browse/browse"] = 20
        closing: list[asyncio.Task[None]] = []
        connection = ReadingConnection(
            address, lambda one: closing.append(asyncio.create_task(close(one), name="close"))
        )
        reading = asyncio.create_task(connection.call(lambda heos: heos.browse(1024)), name="Task-browse")
        await until(lambda: heos.received("browse/browse"))
        getattr(heos, fault)()
        with pytest.raises(NoReply):
            async with asyncio.timeout(1):
                await reading
        await connection.call(lambda heos: heos.heart_beat())
        connection.close()
        await asyncio.gather(*closing)


async def test_limits_of_one_reading(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browse, "READING_LIMIT", 0.3)
    async with heos_home(address) as home:
        home.heos.faults.under_process_never.add("browse/browse")
        with pytest.raises(TimedOut, match="did not tell what there is"):
            await home.session.requests.browse(SERVER, None, 200, 0)
        home.heos.faults.under_process_never.clear()
        assert (await home.session.requests.browse(SERVER, "c7", 200, 0)).total == 3
