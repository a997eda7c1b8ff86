"""Queues of ours on HEOS players: tracks follow each other, people and other hands change what plays."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sugartalkd.errors import NoMatch, OutOfRange, PlexOffline, Unsupported
from sugartalkd.model import (
    Enqueue,
    LinkState,
    LinkWord,
    Playback,
    ReceiverId,
    ReceiverState,
    ReceiverZone,
    Repeat,
    Transport,
    receiver_link,
)
from sugartalkd.play_queue import caretaker, runner
from sugartalkd.state import now
from tests.heos_home import KITCHEN, LIVING, key, songs, until
from tests.queue_home import LONG, SHORT, QueueHome, at, queue_home, track

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sugartalkd.command import Wished

IDLE, PAUSED, PLAYING = Transport.IDLE, Transport.PAUSED, Transport.PLAYING


@pytest.fixture
async def home(address: str, tmp_path: Path) -> AsyncIterator[QueueHome]:
    async with queue_home(address, tmp_path) as one:
        yield one


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caretaker, "TIDY_AFTER", 0.2)


async def test_tracks_follow_each_other_to_the_end(home: QueueHome) -> None:
    reply = await home.play(home.library.album(3, SHORT))
    assert reply == {"queued": 3, "index": 0, "length": 3}
    await home.shows(1)
    shown = home.zone().now_playing
    assert (shown.track.source, shown.track.source_name, shown.track.media_id) == (
        "plex", "Plex", "plex:track:1"
    )  # fmt: skip
    assert (shown.track.duration, shown.index, shown.next and shown.next.title) == (SHORT, 0, "Track 2")
    assert home.titles() == "[1] 2 3"
    await home.shows(3)
    assert home.titles() == "1 2 [3]"
    assert home.zone().now_playing.next is None
    await until(lambda: home.told("queue_ended"))
    await home.rests()
    assert home.title() is None
    assert home.titles() == "1 2 [3]"
    assert home.history()[-4:] == [
        ("Track 1", PLAYING), ("Track 2", PLAYING), ("Track 3", PLAYING), (None, IDLE)
    ]  # fmt: skip
    gaps = [start.at - end for end, start in zip(home.stops, home.starts()[1:], strict=False)]
    assert max(gaps) < 0.1, gaps  # the limit is 0.3 s; 4 ms have been seen
    await home.player().play()  # from the first
    await home.shows(1)
    assert len(home.sounds.opened) - len(home.sounds.closed) <= 3, "streams are closed again"


async def test_what_others_left_in_the_players_queue_stays_there_and_what_we_left_does_not(
    home: QueueHome,
) -> None:
    await home.play(home.library.album(3))
    await home.shows(1)
    home.device().queue[:0] = songs("A", "B")  # somebody adds them with the app
    home.device().current = 2
    home.heos.send_event("player_queue_changed", f"pid={KITCHEN}")
    await home.player().next()
    await home.shows(2)
    await home.player().next()
    await home.shows(3)
    await until(lambda: home.left() == ["A", "B", "Url Stream"])
    await asyncio.sleep(0.8)  # the queue is read again
    assert (home.titles(), home.title(), home.told("queue_lost")) == ("1 2 [3]", "Track 3", 0)
    assert home.runner().attempt is not None
    await until(lambda: (attempt := home.runner().attempt) and attempt.place == 2)


async def test_the_players_own_mode_repeats_nothing_of_ours(home: QueueHome) -> None:
    home.heos.set_play_mode(KITCHEN, "on_all", shuffle=True)
    await until(lambda: (player := home.zone().player_up) and player.shuffle)
    await home.play(home.library.album(5))
    await until(lambda: (home.device().repeat, home.device().shuffle) == ("off", False))
    player = home.zone().player_up
    assert player is not None
    assert (player.repeat, player.shuffle) == (Repeat.ALL, True), "but people go on seeing what they set"


async def test_replacing_empties_the_players_own_queue_but_does_not_wait_for_ever(
    home: QueueHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.heos.play_item(KITCHEN, *songs("A", "B"))
    await until(lambda: home.titles() == "[A] B")
    await home.play(home.library.album(2))
    await home.shows(1)
    assert home.left() == ["Url Stream"]
    monkeypatch.setattr(caretaker, "CLEAR_WAITS", 0.3)
    home.heos.play_item(KITCHEN, *songs("C"))
    await until(lambda: home.titles() == "[C]")
    home.heos.faults.delay["player/clear_queue"] = 1.0
    await home.play("plex:album:1")
    await home.shows(1)
    assert home.left() == ["C", "Url Stream"]
    await until(lambda: len(home.starts()) == 3)  # it took our track out as well, which begins again
    await home.shows(1)
    await until(lambda: home.left() == ["Url Stream"])


async def test_a_lost_end_is_noticed_by_the_position(
    home: QueueHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "OVERDUE", 0.3)
    album = home.library.album(2, SHORT)
    home.sounds.seconds["plex:track:1"] = 0  # the player never ends it
    home.heos.progress_interval = 100.0
    await home.play(album)
    await home.shows(1)
    began = time.monotonic()
    await home.shows(2)
    assert SHORT < time.monotonic() - began < SHORT + 1.2


async def test_a_player_that_goes_on_by_itself_is_called_back(home: QueueHome) -> None:
    await home.play(home.library.album(2, SHORT))
    await home.shows(1)
    home.device().queue += songs("After")  # where the player goes when ours is over
    await home.shows(2)
    assert home.told("queue_lost") == 0


async def test_something_else_takes_over(home: QueueHome) -> None:
    await home.play(home.library.album(3))
    await home.shows(1)
    home.heos.play_item(KITCHEN, *songs("A", "B"))
    await until(lambda: home.titles() == "[A] B")
    assert (home.told("queue_lost"), home.title()) == (1, "A")
    await home.play(home.library.album(2))
    await home.shows(4)
    other = await home.sounds.open("other", guid=None, player_address=home.sounds.host, transcode=False)
    await home.player().play_url(other.url, None)
    await until(lambda: home.title() == "Url Stream")
    assert (home.told("queue_lost"), home.zone().now_playing.track.source) == (2, "url")


async def test_a_stop_by_hand_keeps_the_queue(home: QueueHome) -> None:
    await home.play(home.library.album(2))
    await home.shows(1)
    home.heos.set_state(KITCHEN, "pause")
    await until(lambda: home.state() is Playback.PAUSED)
    await home.player().play()
    await home.shows(1)
    assert len(home.starts()) == 1
    home.heos.set_state(KITCHEN, "stop")
    await home.rests()
    assert (home.titles(), home.title()) == ("[1] 2", None)
    await asyncio.sleep(0.6)
    assert len(home.starts()) == 1
    await home.player().play()
    await home.shows(1)
    await home.player().stop()
    await home.rests()
    assert home.titles() == "[1] 2"
    await home.player().next()
    await home.shows(2)
    assert len(home.starts()) == 3


async def test_moving_about(home: QueueHome) -> None:
    player = home.player()
    await home.play(home.library.album(4))
    await home.shows(1)
    await player.next()
    await player.next()
    await home.shows(3)
    await player.previous()
    await home.shows(2)
    home.heos.seek(KITCHEN, 50)
    await until(lambda: home.runner().clock.position > 40)
    await player.previous()  # begins it again
    await until(lambda: home.runner().clock.position < 10 and home.title() == "Track 2")
    await player.jump_in_queue(3)
    await home.shows(4)
    with pytest.raises(OutOfRange, match="nothing follows"):
        await player.next()
    with pytest.raises(OutOfRange, match="0 to 3"):
        await player.jump_in_queue(4)
    assert (home.titles(), home.title()) == ("1 2 3 [4]", "Track 4")
    await player.set_repeat(Repeat.ALL)
    assert home.zone().now_playing.next is not None
    await player.next()
    await home.shows(1)


async def test_changing_what_is_queued(home: QueueHome) -> None:
    player = home.player()
    await home.play(home.library.album(3))
    await home.shows(1)
    assert await home.play(home.library.album(1), Enqueue.NEXT) == {"queued": 1, "index": 1, "length": 4}
    await home.play(home.library.album(1), Enqueue.END)
    assert home.titles() == "[1] 4 2 3 5"
    await player.move_in_queue(4, 0)
    assert home.titles() == "5 [1] 4 2 3"
    await home.play(home.library.album(1), Enqueue.NOW)
    await home.shows(6)
    assert home.titles() == "5 1 [6] 4 2 3"
    await player.remove_from_queue([0, 2])
    await home.shows(4)
    assert home.titles() == "1 [4] 2 3"
    await player.set_shuffle(on=True)
    mixed = home.titles().split()
    assert (mixed[0], {*mixed[1:]}) == ("[4]", {"1", "2", "3"})
    await player.set_shuffle(on=False)
    assert home.titles() == "1 [4] 2 3"
    await player.remove_from_queue([1, 2, 3])  # nothing is left behind it
    await home.rests()
    assert home.titles() == "[1]"
    await player.play()
    await home.shows(1)
    assert (await player.save_queue("Mine"))["item"]
    assert home.library.playlists == {"mine": "plex:playlist:plex:track:1"}
    await player.clear_queue()
    await home.rests()
    await until(lambda: (queue := home.queue()) is not None and queue.length == 0)
    assert home.told("queue_lost") == 0


async def test_what_cannot_be_played_at_all(home: QueueHome) -> None:
    player = home.player()
    home.library.albums[9] = []
    with pytest.raises(NoMatch):
        await home.play("plex:album:9")
    with pytest.raises(Unsupported, match="no radio"):
        await player.play_media("plex:album:9", Enqueue.REPLACE, shuffle=None, radio=True)
    first = home.library.album(2)
    home.sounds.fails = PlexOffline("the Plex server does not answer")
    with pytest.raises(PlexOffline):
        await home.play(first)
    assert (home.runner().order.index, home.titles(), home.starts()) == (None, "", [])
    home.sounds.fails = None
    await home.play(first)
    await home.shows(1)
    home.sounds.fails = PlexOffline("the Plex server does not answer")
    with pytest.raises(PlexOffline):
        await home.play(home.library.album(2))
    home.queues.music = None
    with pytest.raises(Unsupported, match="Plex"):
        await home.play(first)
    with pytest.raises(Unsupported, match="add a plex section"):
        await player.find(_wished("1"))


def _wished(phrase: str) -> Wished:
    from sugartalkd.command import Wished  # noqa: PLC0415

    return Wished(phrase)


async def test_a_file_that_the_player_does_not_understand_is_transcoded(home: QueueHome) -> None:
    album = home.library.album(2)
    home.sounds.unplayable.add("plex:track:1")
    await home.play(album)
    await until(lambda: len(home.starts()) == 2)
    await home.shows(1)
    assert [one.transcoded for one in home.sounds.opened if one.media_id == "plex:track:1"] == [False, True]
    assert home.told("queue_lost") == 0


async def test_three_that_cannot_be_played_end_it(home: QueueHome) -> None:
    album = home.library.album(6)
    home.sounds.missing |= {f"plex:track:{number}" for number in (1, 3, 4, 5)}
    await home.play(album)
    await home.shows(2, seconds=6)
    await home.player().next()
    await until(lambda: any("in a row failed" in one for one in home.seen.texts), 6)
    await home.rests()
    assert home.titles() == "1 2 3 4 [5] 6"
    assert not any("http" in one for one in home.seen.texts)


async def test_a_stream_that_breaks_off_is_tried_again(
    home: QueueHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TROUBLE_PAUSE", 0.1)
    await home.play(home.library.album(2))
    await home.shows(1)
    home.sounds.troubles["plex:track:1"] = "the Plex server went away"
    home.heos.set_state(KITCHEN, "stop")
    await until(lambda: len(home.starts()) == 2)
    await home.shows(1)
    home.heos.set_state(KITCHEN, "stop")
    await home.shows(2)
    assert home.told("playback_error") == 1


async def test_the_system_is_away_for_a_moment(home: QueueHome) -> None:
    await home.play(home.library.album(3, 2))
    await home.shows(1)
    home.heos.close_all()
    await until(lambda: home.zone().player_up is None)
    await home.shows(1)
    assert home.titles() == "[1] 2 3"
    await home.shows(2)
    await home.heos.power_off()  # it has lost what it played
    await until(lambda: home.zone().player_up is None)
    await home.heos.power_on()
    await home.rests()
    assert (home.titles(), home.reports()) == ("1 [2] 3", [])
    await home.player().play()
    await home.shows(2)


# -- where nobody can hear it ------------------------------------------------------------------------


async def _receiver(home: QueueHome, **values: object) -> None:
    receiver = ReceiverId("denon")
    state = replace(ReceiverState(power=True, input="NET"), **values)  # pyright: ignore[reportArgumentType]
    home.store.put_link(receiver_link(receiver), LinkState(LinkWord.ONLINE, since=now()))
    home.store.put_receiver(receiver, ReceiverZone.MAIN, state)
    at(home, receiver=receiver)


async def test_nothing_more_starts_in_a_zone_that_is_off(home: QueueHome) -> None:
    await _receiver(home)
    await home.play(home.library.album(3, SHORT))
    await home.shows(1)
    await _receiver(home, power=False)
    await until(lambda: home.stops)
    await asyncio.sleep(0.6)
    assert (len(home.starts()), home.titles()) == (1, "1 [2] 3")
    await _receiver(home)
    await home.player().play()
    await home.shows(2)


async def test_an_input_that_was_left_for_a_moment(home: QueueHome, monkeypatch: pytest.MonkeyPatch) -> None:
    await _receiver(home)
    await home.play(home.library.album(3, SHORT))
    await home.shows(1)
    await _receiver(home, input="BD")
    await until(lambda: home.stops)
    await asyncio.sleep(0.4)
    assert len(home.starts()) == 1
    await _receiver(home)
    await home.shows(2)
    monkeypatch.setattr(runner, "AWAY_LIMIT", 0.4)
    await _receiver(home, input="BD")
    await until(lambda: home.runner().phase is runner.Phase.STOPPED)
    await _receiver(home)
    assert (len(home.starts()), home.titles(), home.state()) == (2, "1 2 [3]", Playback.IDLE)


# -- together ----------------------------------------------------------------------------------------


async def test_a_member_commands_its_leaders_queue(home: QueueHome) -> None:
    await home.play(home.library.album(3), pid=LIVING)
    await home.shows(1, LIVING)
    await home.player(LIVING).set_group([key(KITCHEN)])
    await home.shows(1, KITCHEN)
    assert home.titles(KITCHEN) == "[1] 2 3"
    await home.player(KITCHEN).next()
    await home.shows(2, LIVING)
    await home.shows(2, KITCHEN)
    await home.play(home.library.album(1), Enqueue.END, KITCHEN)
    assert home.titles(LIVING) == home.titles(KITCHEN) == "1 [2] 3 4"
    assert {one.arguments["pid"] for one in home.starts()} == {str(LIVING)}
    await home.player(KITCHEN).set_group([])
    await until(lambda: home.titles(KITCHEN) == "")
    assert (home.title(LIVING), home.told("queue_lost", LIVING)) == ("Track 2", 0)


async def test_twenty_thousand_tracks(home: QueueHome) -> None:
    album = home.library.album(0)
    home.library.albums[1] = [track(number, LONG) for number in range(20_000)]
    stalls = [0.0]

    async def watch() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.001)
            stalls.append(time.monotonic() - began - 0.001)

    watching = asyncio.create_task(watch(), name="Task-watch")
    began = time.monotonic()
    assert await home.play(album) == {"queued": 20_000, "index": 0, "length": 20_000}
    await home.shows(0)
    await home.player().jump_in_queue(10_000)
    await home.shows(10_000)
    await home.player().move_in_queue(19_999, 10_001)
    await home.player().set_shuffle(on=True)
    assert time.monotonic() - began < 2
    await asyncio.sleep(1.5)  # it is written down
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert max(stalls) < 0.2, max(stalls)  # 0.02 has been seen, with the simulators beside
    queue = home.queue()
    assert queue is not None
    assert (queue.length, len(queue.items)) == (20_000, 200)
