"""Announcements over whatever a player plays, and what comes back after them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sugartalkd.errors import Busy, HeosFailed
from sugartalkd.model import Playback
from sugartalkd.play_queue import caretaker
from sugartalkd.play_queue.runner import Phase
from tests.heos_home import KITCHEN, songs, until
from tests.queue_home import QueueHome, queue_home

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LIMIT = 20.0


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caretaker, "TIDY_AFTER", 0.1)


@pytest.fixture
async def home(address: str, tmp_path: Path) -> AsyncIterator[QueueHome]:
    async with queue_home(address, tmp_path) as one:
        yield one


async def chime(home: QueueHome, seconds: float = 0.3, number: int = 1) -> str:
    """The URL of something that plays so long."""
    media_id = f"chime {number}"
    home.sounds.seconds[media_id] = seconds
    host = home.sounds.host
    return (await home.sounds.open(media_id, guid=None, player_address=host, transcode=False)).url


async def announce(home: QueueHome, url: str, seconds: float = LIMIT) -> str | None:
    """As a zone does it; what came back."""
    return await (await home.player().interrupt(url, seconds)).resume()


async def test_over_our_queue(home: QueueHome) -> None:
    await home.play(home.library.album(3))
    await home.shows(1)
    url = await chime(home)
    announcing = asyncio.create_task(announce(home, url), name="Task-announce")
    await until(lambda: home.title() == "Url Stream")
    assert home.titles() == "[1] 2 3", "the queue is still ours"
    assert await announcing == "queue"
    await home.shows(1)
    assert (home.titles(), home.told("queue_lost"), home.told("queue_ended")) == ("[1] 2 3", 0, 0)
    assert [one.arguments["url"] for one in home.starts()].count(url) == 1
    await until(lambda: home.left() == ["Url Stream"])


async def test_over_a_queue_that_rests(home: QueueHome) -> None:
    await home.play(home.library.album(2))
    await home.shows(1)
    await home.player().pause()
    await until(lambda: home.state() is Playback.PAUSED)
    assert await announce(home, await chime(home)) == "queue"
    await home.rests()
    assert (home.titles(), len(home.starts())) == ("[1] 2", 2)
    assert await announce(home, await chime(home)) is None
    await home.player().play()
    await home.shows(1)


async def test_over_an_item_of_the_players_own_queue(home: QueueHome) -> None:
    home.heos.play_item(KITCHEN, *songs("A", "B", "C"))
    home.heos.play_queue(KITCHEN, 1)
    await until(lambda: home.titles() == "A [B] C")
    assert await announce(home, await chime(home)) == "item"
    await until(lambda: home.title() == "B" and home.left() == ["A", "B", "C"])


async def test_over_a_station(home: QueueHome) -> None:
    radio = await home.session.requests.browse("tunein", "g1", 50, 0)
    station = next(one.media_id for one in radio.items if one.title == "Radio Two")
    assert station is not None
    await home.play(station)
    await until(lambda: home.title() == "Radio Two live")
    assert await announce(home, await chime(home)) == "station"
    await until(lambda: home.title() == "Radio Two live")


async def test_over_nothing(home: QueueHome) -> None:
    assert await announce(home, await chime(home)) is None
    await home.rests()
    await until(lambda: not home.left() or home.left() == ["Url Stream"])
    assert home.seen.reports == []


async def test_what_is_too_long_is_stopped(home: QueueHome) -> None:
    await home.play(home.library.album(1))
    await home.shows(1)
    assert await announce(home, await chime(home, 60), 0.3) == "queue"
    await home.shows(1)


async def test_what_cannot_be_fetched_leaves_things_as_they_were(home: QueueHome) -> None:
    await home.play(home.library.album(1))
    await home.shows(1)
    with pytest.raises(HeosFailed, match="Could Not Download"):
        await announce(home, f"http://{home.sounds.host}:{home.sounds.port}/nothing.wav")
    await home.shows(1)
    with pytest.raises(Exception, match="http URLs"):
        await announce(home, "ftp://no")
    await home.shows(1)
    assert home.runner().phase is Phase.PLAYING


async def test_who_asks_for_something_meanwhile_gets_it(home: QueueHome) -> None:
    await home.play(home.library.album(3))
    await home.shows(1)
    announcing = asyncio.create_task(announce(home, await chime(home, 60)), name="Task-announce")
    await until(lambda: home.title() == "Url Stream")
    await home.player().next()
    await home.shows(2)
    assert await announcing is None
    announcing = asyncio.create_task(announce(home, await chime(home, 60)), name="Task-announce")
    await until(lambda: home.title() == "Url Stream")
    await home.player().stop()
    assert await announcing is None
    await home.rests()
    assert home.titles() == "1 [2] 3"


async def test_one_after_the_other(home: QueueHome) -> None:
    await home.play(home.library.album(1))
    await home.shows(1)
    urls = [await chime(home, 0.2, number) for number in range(6)]
    tasks = [asyncio.create_task(announce(home, url), name="Task-announce") for url in urls[:5]]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await announce(home, urls[5])
    said = await asyncio.gather(*tasks)
    assert said == [None, None, None, None, "queue"], "the last one brings back what the first interrupted"
    await home.shows(1)
    played = [one.arguments["url"] for one in home.starts()]
    assert played[1:6] == urls[:5]
    assert len(played) == 7
