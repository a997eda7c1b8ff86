"""HEOS as it is on bad days: what was not heard is not made up, and one player's trouble stays its own."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.house import KITCHEN, LIVING, Broker, Watcher, running

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from sugartalkd.simulator.heos import HeosSimulator
    from tests.house import House

ZONES = {"kitchen": {"player": "Kitchen"}, "bath": {"player": "Living Room"}}


@asynccontextmanager
async def home(
    broker: Broker, watcher: Watcher, folder: Path, address: str, prepare: Callable[[HeosSimulator], None]
) -> AsyncGenerator[House]:
    """Two players without a receiver; `prepare` has the system before the daemon starts."""
    async with running(broker, folder, address, prepare=prepare, zones=ZONES, receivers=...) as house:
        await watcher.wait("bridge/state", "online")
        yield house


async def test_a_player_silent_from_the_start_keeps_nobody_out(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.faults.silent_players.add(LIVING)

    async with home(broker, watcher, tmp_path, address, prepare) as house:
        await watcher.wait("kitchen/availability", "online", 5)
        await watcher.wait("bridge/connection/heos", "online")
        assert (await watcher.ask("kitchen/volume/set", "31"))["status"] == "ok"
        house.heos.faults.silent_players.clear()
        await watcher.wait("bath/availability", "online", 12)
        await watcher.wait("bath/volume", "20")


@pytest.mark.parametrize(
    ("question", "topic"),
    [("player/get_play_state", "state"), ("player/get_volume", "volume"), ("player/get_mute", "mute"),
     ("player/get_play_mode", "repeat"), ("player/get_now_playing_media", "title")],
)  # fmt: skip
async def test_one_question_that_fails_costs_one_value(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str, question: str, topic: str
) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.players[KITCHEN].level = 44
        heos.faults.fail("player/get_volume", 13, 1, pid=LIVING)
        heos.faults.fail(question, 2, None, pid=KITCHEN)

    async with home(broker, watcher, tmp_path, address, prepare) as house:
        await watcher.wait("bath/volume", "20")
        await watcher.wait("kitchen/availability", "online")
        await watcher.wait(f"kitchen/{topic}", "None")
        if topic != "volume":
            await watcher.wait("kitchen/volume", "44")
        house.heos.faults.failures.clear()
        house.heos.turn_volume(KITCHEN, 45)
        await watcher.wait("kitchen/volume", "45")
        if topic != "title":  # nothing plays
            await watcher.until(lambda: watcher.text(f"kitchen/{topic}") != "None", 6)


async def test_odd_answers_spoil_nothing_else(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.play_url(KITCHEN, "http://127.0.0.1/a.mp3")
        heos.players[KITCHEN].level = 44
        heos.players[KITCHEN].mute = True
        heos.set_play_mode(KITCHEN, "on_all", shuffle=True)
        heos.faults.empty_qid = True
        heos.faults.unknown_play_state = True

    async with home(broker, watcher, tmp_path, address, prepare) as house:
        await watcher.wait("kitchen/volume", "44")
        for topic, value in (("mute", "ON"), ("repeat", "all"), ("shuffle", "ON"), ("state", "None")):
            await watcher.wait(f"kitchen/{topic}", value)
        house.heos.faults.unknown_play_state = False
        await watcher.wait("kitchen/title", "Url Stream", 6)


async def test_slow_is_not_away(broker: Broker, watcher: Watcher, tmp_path: Path, address: str) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.answer_delay = 1.2

    async with home(broker, watcher, tmp_path, address, prepare):
        await watcher.wait("bridge/connection/heos", "online", 6)
        assert watcher.text("kitchen/volume") is None, "not heard is not said"
        await watcher.wait("kitchen/volume", "20", 15)
        assert (await watcher.ask("kitchen/volume/set", "31"))["status"] == "ok"


async def test_an_account_that_takes_long_delays_nothing(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.faults.under_process.add("system/sign_in")
        heos.faults.delay["system/sign_in"] = 3

    account = {"host": address, "username": "someone@example.org", "password": "x"}
    async with running(
        broker, tmp_path, address, prepare=prepare, zones=ZONES, receivers=..., heos=account
    ) as house:
        await watcher.wait("kitchen/volume", "20", 3)
        await asyncio.sleep(3)
        assert len(house.heos.received("system/sign_in")) == 1
        assert house.daemon._account()  # pyright: ignore[reportPrivateUsage] == "someone@example.org"


@pytest.mark.parametrize("when", ["early", "late"])
async def test_events_may_come_before_or_after_the_reply(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str, when: str
) -> None:
    def prepare(heos: HeosSimulator) -> None:
        heos.faults.early_events = when == "early"
        heos.faults.late_events = 0.3 if when == "late" else 0.0

    async with home(broker, watcher, tmp_path, address, prepare) as house:
        await watcher.wait("kitchen/availability", "online")
        assert (await watcher.ask("kitchen/volume/set", "40"))["status"] == "ok"
        assert (await watcher.ask("kitchen/volume/set", "+2"))["status"] == "ok"
        assert (await watcher.ask("kitchen/command", "mute_toggle"))["status"] == "ok"
        assert (await watcher.ask("kitchen/command", "mute_toggle"))["status"] == "ok"
        reply = await watcher.ask("kitchen/play", {"url": "http://127.0.0.1/a.mp3", "title": "Ours"})
        assert reply["status"] == "ok"
        await watcher.wait("kitchen/volume", "42")
        await watcher.wait("kitchen/mute", "OFF")
        await watcher.wait("kitchen/title", "Ours")
        await asyncio.sleep(0.5)
        assert watcher.text("kitchen/mute") == "OFF"
        assert house.volumes() == [40, 42]


async def test_a_refused_volume_is_no_base_for_a_step(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    async with home(broker, watcher, tmp_path, address, lambda _heos: None) as house:
        await watcher.wait("kitchen/volume", "20")
        house.heos.faults.fail("player/set_volume", 5)
        assert (await watcher.ask("kitchen/volume/set", "60"))["error_code"] == "heos_error"
        assert (await watcher.ask("kitchen/volume/set", "+2"))["status"] == "ok"
        await watcher.wait("kitchen/volume", "22")


async def test_a_get_does_not_undo_what_an_event_said(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    async with home(broker, watcher, tmp_path, address, lambda _heos: None) as house:
        await watcher.wait("kitchen/volume", "20")
        house.heos.faults.delay["player/get_volume"] = 0.3
        asked = asyncio.create_task(watcher.ask("kitchen/get", "{}"), name="Task-ask")
        await asyncio.sleep(0.15)
        house.heos.turn_volume(KITCHEN, 55)
        await watcher.wait("kitchen/volume", "55")
        assert (await asked)["status"] == "ok"
        assert watcher.text("kitchen/volume") == "55"


async def test_events_of_a_silent_player_disturb_nobody(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    async with home(broker, watcher, tmp_path, address, lambda _heos: None) as house:
        await watcher.wait("kitchen/volume", "20")
        await watcher.wait("bath/volume", "20")
        house.heos.faults.silent_players.add(LIVING)
        loop = asyncio.get_running_loop()
        slowest: list[float] = []
        for number in range(12):
            house.heos.send_event("player_now_playing_changed", f"pid={LIVING}")
            started = loop.time()
            reply = await watcher.ask("kitchen/volume/set", str(30 + number))
            assert reply["status"] == "ok", reply
            slowest.append(loop.time() - started)
            await asyncio.sleep(0.4)
        assert max(slowest) < 2.2
        assert sum(took > 0.3 for took in slowest) <= 1, "once"
        assert {one.text for one in watcher.all("bridge/connection/heos")} <= {"connecting", "online"}


async def test_our_words_are_not_put_on_somebody_elses_stream(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    async with home(broker, watcher, tmp_path, address, lambda _heos: None) as house:
        await watcher.wait("kitchen/availability", "online")
        one: dict[str, Any] = {"url": "http://127.0.0.1/a.mp3", "title": "Ours"}
        house.heos.faults.fail("browse/play_stream", 14)
        assert (await watcher.ask("kitchen/play", one))["error_code"] == "heos_error"
        house.heos.play_url(KITCHEN, "http://127.0.0.1/theirs.mp3")
        await watcher.wait("kitchen/title", "Url Stream")
        assert (await watcher.ask("kitchen/play", one))["status"] == "ok"
        await watcher.wait("kitchen/title", "Ours")
        house.heos.faults.fail("browse/play_stream", 14)
        assert (await watcher.ask("kitchen/play", one | {"title": "Another"}))["error_code"] == "heos_error"
        assert (await watcher.ask("kitchen/get", "{}"))["status"] == "ok"
        assert watcher.text("kitchen/title") == "Ours"
