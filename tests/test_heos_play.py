"""Playing what was browsed or found on a HEOS player, and favourites and playlists by name."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sugartalkd.errors import BadPayload, HeosFailed, HeosOffline, NoMatch, OutOfRange, Unsupported
from sugartalkd.heos import media
from sugartalkd.model import Enqueue
from sugartalkd.simulator.heos_library import DLNA_SERVER, SimulatedItem
from tests.heos_home import KITCHEN, LIVING, HeosHome, heos_home, key, until

if TYPE_CHECKING:
    from sugartalkd.model import Page

ACCOUNT = ("someone@example.org", "secret")
SERVER = str(DLNA_SERVER)


def id_of(page: Page, title: str) -> str:
    found = next(one.media_id for one in page.items if one.title == title)
    assert found is not None
    return found


def queue(home: HeosHome) -> list[str]:
    return [one.song for one in home.kitchen.queue]


def now(home: HeosHome) -> str | None:
    return home.kitchen.now_playing.song if home.kitchen.now_playing else None


async def test_tracks_and_albums_go_where_they_are_wished(address: str) -> None:
    async with heos_home(address) as home:
        kitchen = home.session.player(key(KITCHEN))
        root = await home.session.requests.browse(SERVER, None, 50, 0)
        train = await home.session.requests.browse(SERVER, "c7", 50, 0)
        await kitchen.play_media(id_of(root, "R&B Hits"), Enqueue.REPLACE)
        assert (queue(home), now(home)) == (["Moanin'", "Work Song"], "Moanin'")
        await kitchen.play_media(id_of(train, "Locomotion"), Enqueue.END)
        assert (queue(home)[-1], now(home)) == ("Locomotion", "Moanin'")
        await kitchen.play_media(id_of(train, "Blue Train"), Enqueue.NEXT)
        assert (queue(home)[1], now(home)) == ("Blue Train", "Moanin'")
        await kitchen.play_media(id_of(train, "Moment's Notice"), Enqueue.NOW)
        assert queue(home) == ["Moanin'", "Moment's Notice", "Blue Train", "Work Song", "Locomotion"]
        assert now(home) == "Moment's Notice"
        await kitchen.play_media(id_of(root, "Blue Train"), Enqueue.REPLACE)
        assert queue(home) == ["Blue Train", "Moment's Notice", "Locomotion"]
        artist = await home.session.requests.browse(SERVER, "a1", 50, 0)
        await kitchen.play_media(id_of(artist, "Giant Steps"), Enqueue.REPLACE)
        assert queue(home) == ["Giant Steps", "Naima"]
        assert [one.arguments["aid"] for one in home.heos.received("browse/add_to_queue")] == [*"432144"]


@pytest.mark.parametrize("enqueue", list(Enqueue))
async def test_an_empty_queue_starts_to_play(address: str, enqueue: Enqueue) -> None:
    async with heos_home(address) as home:
        train = await home.session.requests.browse(SERVER, "c7", 50, 0)
        await home.session.player(key(KITCHEN)).play_media(id_of(train, "Locomotion"), enqueue)
        assert (queue(home), now(home), home.kitchen.state) == (["Locomotion"], "Locomotion", "play")


async def test_what_was_found_can_be_played(address: str) -> None:
    async with heos_home(address) as home:
        kitchen = home.session.player(key(KITCHEN))
        found = await home.session.requests.search(SERVER, "naima", "track", 50, 0)
        await kitchen.play_media(id_of(found, "Naima"), Enqueue.REPLACE)
        assert queue(home) == ["Naima"]
        found = await home.session.requests.search(SERVER, "blue", "album", 50, 0)
        await kitchen.play_media(id_of(found, "Blue Train"), Enqueue.REPLACE)
        assert len(queue(home)) == 3


async def test_stations_and_inputs(address: str) -> None:
    async with heos_home(address, account=ACCOUNT) as home:
        kitchen = home.session.player(key(KITCHEN))
        radio = await home.session.requests.browse("tunein", "g1", 50, 0)
        await kitchen.play_media(id_of(radio, "Radio Two"), Enqueue.REPLACE)
        assert now(home) == "Radio Two live"
        assert home.heos.received("browse/play_stream")[-1].arguments == {
            "sid": "3", "pid": str(KITCHEN), "name": "Radio Two", "mid": "s2", "cid": "g1",
        }  # fmt: skip
        favourites = await home.session.requests.favorites(50, 0)
        await kitchen.play_media(id_of(favourites, "Jazz & Blues"), Enqueue.NOW)
        assert now(home) == "Jazz & Blues live"
        inputs = await home.session.requests.browse("inputs", None, 50, 0)
        await kitchen.play_media(id_of(inputs, "Kitchen - CD"), Enqueue.REPLACE)
        assert "spid" not in home.heos.received("browse/play_input")[-1].arguments
        other = id_of(inputs, "Living Room - TV")
        await kitchen.play_media(other, Enqueue.REPLACE)
        assert home.heos.received("browse/play_input")[-1].arguments["spid"] == str(LIVING)
        home.heos.change_pid(LIVING, 88)  # a firmware update does not spoil what people stored
        await until(lambda: home.session.known_at(88))
        await kitchen.play_media(other, Enqueue.REPLACE)
        assert home.heos.received("browse/play_input")[-1].arguments["spid"] == "88"
        for what, enqueue in ((other, Enqueue.NEXT), (id_of(radio, "Radio Two"), Enqueue.END)):
            with pytest.raises(Unsupported, match="no place in a queue"):
                await kitchen.play_media(what, enqueue)
        home.heos.remove_player(88)
        await until(lambda: not home.session.known_at(88))
        with pytest.raises(HeosOffline):
            await kitchen.play_media(other, Enqueue.REPLACE)


async def test_what_cannot_be_played_says_so(address: str) -> None:
    async with heos_home(address) as home:
        kitchen = home.session.player(key(KITCHEN))
        sources = await home.session.requests.sources()
        root = await home.session.requests.browse(SERVER, None, 50, 0)
        for what in (id_of(sources, "Local Music"), id_of(root, "Everything")):
            with pytest.raises(Unsupported, match="cannot be played as a whole"):
                await kitchen.play_media(what, Enqueue.REPLACE)
        with pytest.raises(BadPayload):
            await kitchen.play_media("plex:track:1", Enqueue.REPLACE)
        assert not home.heos.received("browse/add_to_queue")
        gone = media.media_id(media.Song(DLNA_SERVER, "c7", "gone"))
        with pytest.raises(HeosFailed, match=r"Kitchen refused add_to_queue: ID not valid \(eid 2\)"):
            await kitchen.play_media(gone or "", Enqueue.REPLACE)


async def test_playing_is_patient(address: str) -> None:
    async with heos_home(address) as home:
        kitchen = home.session.player(key(KITCHEN))
        train = await home.session.requests.browse(SERVER, "c7", 50, 0)
        home.heos.faults.fail("browse/add_to_queue", 13, times=2)
        home.heos.faults.under_process.add("browse/add_to_queue")
        home.heos.faults.delay["browse/add_to_queue"] = 2.5  # more than other commands may take
        playing = asyncio.create_task(
            kitchen.play_media(id_of(train, "Locomotion"), Enqueue.REPLACE), name="Task-play"
        )
        await until(lambda: home.heos.received("browse/add_to_queue"))
        async with asyncio.timeout(1):
            await kitchen.set_volume(33)
        await playing
        assert (now(home), home.kitchen.level) == ("Locomotion", 33)


# -- by name -----------------------------------------------------------------------------------------


async def test_favourites_by_name_and_number(address: str) -> None:
    async with heos_home(address, account=ACCOUNT) as home:
        kitchen = home.session.player(key(KITCHEN))
        for wished in ("jazz & blues", 2, "2", " Jazz & Blues "):
            home.kitchen.station = None
            await kitchen.play_favorite(wished)
            assert now(home) == "Jazz & Blues live", wished
        assert len(home.heos.received("browse/browse")) == 1
        for number in (0, -1, 3, "3"):
            with pytest.raises(OutOfRange, match=rf"there is no favourite {number}"):
                await kitchen.play_favorite(number)
        with pytest.raises(NoMatch, match="near it: Radio One"):
            await kitchen.play_favorite("radio 1")
        with pytest.raises(NoMatch, match="there are: Radio One, Jazz & Blues"):
            await kitchen.play_favorite("zzz")


async def test_favourites_are_read_again_when_they_change(address: str) -> None:
    async with heos_home(address, account=ACCOUNT) as home:
        kitchen = home.session.player(key(KITCHEN))
        await kitchen.play_favorite("radio one")
        home.heos.favourites.insert(
            0, SimulatedItem("New live", mid="s9", sid=3, type="station", station="New")
        )
        home.heos.send_event("sources_changed")
        await asyncio.sleep(1.3)  # pyheos waits 1 s for more of them
        await kitchen.play_favorite("Radio One")
        assert home.heos.received("browse/play_preset")[-1].arguments["preset"] == "2"
        home.heos.favourites.append(SimulatedItem("X", mid="s8", sid=3, type="station", station="Newest"))
        await kitchen.play_favorite("newest")  # without any event
        assert home.heos.received("browse/play_preset")[-1].arguments["preset"] == "4"


async def test_what_was_asked_before_a_change_is_not_kept(address: str) -> None:
    async with heos_home(address, account=ACCOUNT) as home:
        kitchen = home.session.player(key(KITCHEN))
        home.heos.faults.delay["browse/browse"] = 0.2
        playing = asyncio.create_task(kitchen.play_favorite("radio one"), name="Task-play")
        await until(lambda: home.heos.received("browse/browse"))
        home.session.sources_changed()
        await playing
        await kitchen.play_favorite("radio one")
        assert len(home.heos.received("browse/browse")) == 2
        await kitchen.play_favorite("radio one")
        assert len(home.heos.received("browse/browse")) == 2


async def test_playlists_by_name(address: str) -> None:
    async with heos_home(address, account=ACCOUNT) as home:
        kitchen = home.session.player(key(KITCHEN))
        await kitchen.play_playlist("r&b = 100%", Enqueue.REPLACE)
        await kitchen.play_playlist("MORNING", Enqueue.END)
        assert (queue(home), now(home)) == (["Slow", "Wake up", "Coffee"], "Slow")
        with pytest.raises(NoMatch, match="near it: Morning"):
            await kitchen.play_playlist("mornings", Enqueue.REPLACE)


async def test_names_need_an_account(address: str) -> None:
    async with heos_home(address) as home:
        kitchen = home.session.player(key(KITCHEN))
        with pytest.raises(HeosFailed, match="not signed in"):
            await kitchen.play_favorite("Radio One")
        with pytest.raises(HeosFailed, match="not signed in"):
            await kitchen.play_playlist("Morning", Enqueue.REPLACE)
        with pytest.raises(HeosFailed, match=r"User not logged in.*set heos\.username"):
            await kitchen.play_favorite(1)
        assert not home.heos.received("system/sign_out")
