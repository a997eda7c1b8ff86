"""Order and outcome of commands: nothing is lost, nothing is answered twice, the newest value wins."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sugartalkd.command import TOGGLE, SetMany, SetShuffle
from sugartalkd.errors import Busy
from sugartalkd.model import Capability
from sugartalkd.play_queue.player import QueuedPlayer
from sugartalkd.play_queue.queues import PlayQueues
from sugartalkd.zone.devices import ZoneDevices
from sugartalkd.zone.inbox import WAITING_LIMIT, Inbox
from sugartalkd.zone.room import Kept, Room
from tests.heos_home import heos_home
from tests.house import KITCHEN, Broker, House, Watcher, properties, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sugartalkd.zone.outcome import Outcome


@pytest.fixture
async def house(broker: Broker, watcher: Watcher, tmp_path: Path, address: str) -> AsyncIterator[House]:
    async with running(broker, tmp_path, address, allow_admin=True) as one:
        await watcher.wait("bridge/state", "online")
        await watcher.wait("kitchen/availability", "online")
        await watcher.wait("bridge/connection/receiver/denon", "online")
        yield one


def _asking(watcher: Watcher, topic: str, payload: Any, seconds: float = 8.0) -> asyncio.Task[Any]:
    return asyncio.create_task(watcher.ask(topic, payload, seconds), name="Task-ask")


async def test_whatever_waits_when_the_daemon_stops_is_answered(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    async with running(broker, tmp_path, address) as house:
        await watcher.wait("kitchen/availability", "online")
        house.heos.faults.delay["player/set_mute"] = 1.5
        asked = [
            _asking(watcher, "kitchen/mute/set", "ON"),
            _asking(watcher, "kitchen/volume/set", "30"),
            _asking(watcher, "kitchen/set", {"shuffle": "ON", "repeat": "all"}),
            _asking(watcher, "kitchen/play", {"url": "http://127.0.0.1/a.mp3", "volume": 20}),
        ]
        await asyncio.sleep(0.3)
        loop = asyncio.get_running_loop()
        stopped = loop.time()
    assert loop.time() - stopped < 2
    replies = [(await one)["error_code"] for one in asked]
    assert replies[0] == "timeout", "it had begun, and nobody knows what became of it"
    assert set(replies[1:]) <= {"expired", "superseded", "timeout"}


async def test_a_changed_configuration_disturbs_no_command(house: House, watcher: Watcher) -> None:
    house.heos.faults.delay["player/set_mute"] = 0.6
    asked = _asking(watcher, "kitchen/mute/set", "ON")
    waiting = _asking(watcher, "kitchen/set", {"volume": 33})
    await asyncio.sleep(0.2)
    changed = await watcher.ask(
        "bridge/request/config/set", {"log.level": "error", "zones.kitchen.name": "K"}
    )
    assert changed["status"] == "ok", changed
    assert (await asked)["status"] == "ok"
    assert (await waiting)["status"] == "ok"


async def test_an_older_set_does_not_undo_a_newer_value(house: House, watcher: Watcher) -> None:
    house.heos.faults.delay["player/set_volume"] = 0.5
    older = _asking(watcher, "kitchen/set", {"volume": 30, "mute": "ON", "shuffle": "ON"})
    await asyncio.sleep(0.1)
    newer = _asking(watcher, "kitchen/mute/set", "OFF")
    assert (await newer)["status"] == "ok"
    reply = await older
    assert reply["error_code"] == "superseded"
    assert reply["data"] == {"volume": "ok", "mute": "superseded", "shuffle": "ok"}
    assert [one.arguments["state"] for one in house.heos.received("player/set_mute")] == ["off"]


@pytest.mark.parametrize("zone", ["kitchen", "living_room"])
async def test_two_toggles_are_two(house: House, watcher: Watcher, zone: str) -> None:
    for _ in range(2):
        replies = [_asking(watcher, f"{zone}/command", "mute_toggle") for _ in range(2)]
        assert [(await one)["status"] for one in replies] == ["ok", "ok"]
    if zone == "kitchen":
        sent = [one.arguments["state"] for one in house.heos.received("player/set_mute")]
        assert sent == ["on", "off", "on", "off"]
    else:
        assert [one for one in house.frames("MU") if one != "MU?"] == ["MUON", "MUOFF", "MUON", "MUOFF"]


async def test_a_refused_verb_is_no_base_for_a_toggle(house: House, watcher: Watcher) -> None:
    house.heos.faults.fail("player/set_play_state", 14)
    assert (await watcher.ask("kitchen/command", "play"))["error_code"] == "heos_error"
    assert (await watcher.ask("kitchen/play", {"url": "http://127.0.0.1/a.mp3"}))["status"] == "ok"
    await watcher.wait("kitchen/state", "playing")
    house.heos.faults.fail("player/set_play_state", 14)
    assert (await watcher.ask("kitchen/command", "pause"))["error_code"] == "heos_error"
    assert (await watcher.ask("kitchen/command", "toggle"))["status"] == "ok"
    assert house.heos.received("player/set_play_state")[-1].arguments["state"] == "pause"


async def test_a_changed_player_list_forgets_no_target(house: House, watcher: Watcher) -> None:
    house.heos.faults.late_events = 0.6
    assert (await watcher.ask("kitchen/command", "mute_toggle"))["status"] == "ok"
    house.daemon.renew_zones()
    assert (await watcher.ask("kitchen/command", "mute_toggle"))["status"] == "ok"
    assert [one.arguments["state"] for one in house.heos.received("player/set_mute")] == ["on", "off"]


async def test_a_step_counts_from_what_the_knob_says(house: House, watcher: Watcher) -> None:
    assert (await watcher.ask("living_room/volume/set", "30"))["status"] == "ok"
    await house.avr.turn_knob(20)
    await watcher.wait("living_room/volume", "40")
    assert (await watcher.ask("living_room/volume/set", "+1"))["status"] == "ok"
    await watcher.wait("living_room/volume", "41")


async def test_clamped_is_said_wherever_it_happens(house: House, watcher: Watcher) -> None:
    reply = await watcher.ask("living_room/set", {"volume": 95})
    assert reply["data"] == {"volume": "ok", "clamped": True}
    reply = await watcher.ask("living_room/play", {"url": "http://127.0.0.1/a.mp3", "volume": 95}, 12)
    assert reply["status"] == "ok"
    assert reply["data"]["clamped"] is True


async def test_limits_hold_for_several_commands_as_one(house: House, watcher: Watcher) -> None:
    house.heos.faults.delay |= {"player/play_next": 1.9, "player/set_volume": 1.9}
    await watcher.publish("kitchen/command", "next")
    await watcher.publish("kitchen/volume/set", "33")
    await asyncio.sleep(0.05)
    late = [
        ("set", {"shuffle": "ON"}),
        ("play", {"url": "http://127.0.0.1/a.mp3", "volume": 20}),
    ]
    for action, content in late:
        await watcher.publish(
            f"kitchen/{action}", json.dumps(content),
            properties=properties(MessageExpiryInterval=1, ResponseTopic=f"answers/late/{action}"),
        )  # fmt: skip
    for action, _ in late:
        await watcher.until(lambda action=action: f"answers/late/{action}" in watcher.newest)
        assert watcher.newest[f"answers/late/{action}"].json["error_code"] == "expired"
    await watcher.publish("kitchen/command", "next")
    for number in range(40):
        await watcher.publish("kitchen/set", json.dumps({"shuffle": "toggle", "transaction": number}))
    await watcher.until(lambda: sum('"busy"' in one.text for one in watcher.all("kitchen/result")) >= 8)


async def test_a_burst_is_counted_before_any_of_it_begins(address: str, tmp_path: Path) -> None:
    async with heos_home(address) as home:
        zone = replace(home.zone(KITCHEN).zone, capabilities=frozenset(Capability))
        home.store.put_zone(zone)
        room = Room(zone.id, Kept({}), home.store, lambda _kept: None)
        queues = PlayQueues(home.store, lambda _key: home.control(KITCHEN), tmp_path / "queues.json")
        player = QueuedPlayer(home.control(KITCHEN), queues)
        devices = ZoneDevices(zone, home.store, room, player, None, lambda _key: None)
        inbox = Inbox(devices)
        many = SetMany((("shuffle", SetShuffle(TOGGLE)),))
        task = asyncio.create_task(inbox.run(), name="Task-inbox")
        answers: list[Outcome] = []
        for _ in range(WAITING_LIMIT):
            inbox.submit(many, answers.append, asked=True)
        with pytest.raises(Busy):
            inbox.submit(many, answers.append, asked=True)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert len(answers) == WAITING_LIMIT


@pytest.mark.parametrize(
    "payload",
    ['{"value": "30\\r\\nx", "transaction": "t1"}', '{"value": 1e400, "transaction": "t1"}',
     '{"value": {}, "transaction": "t1"}'],
)  # fmt: skip
async def test_a_refused_object_keeps_its_transaction(house: House, watcher: Watcher, payload: str) -> None:
    await watcher.publish("kitchen/volume/set", payload)
    await watcher.until(lambda: watcher.all("kitchen/result"))
    assert watcher.json("kitchen/result")["transaction"] == "t1"
    assert watcher.json("kitchen/result")["error_code"] == "bad_payload"


async def test_get_takes_attributes_of_the_zone(house: House, watcher: Watcher) -> None:
    for payload, code in (
        ("colour", "bad_payload"), ("power", "unsupported"), ("{}", None), ("PRESS", None), ("volume", None),
        ('{"transaction": 1}', None),
    ):  # fmt: skip
        assert (await watcher.ask("kitchen/get", payload))["error_code"] == code, payload


@pytest.mark.parametrize(
    ("topic", "code"),
    [("queue/save", "unsupported"), ("position/set", "unsupported"),
     ("setting/set", "unknown_action")],
)  # fmt: skip
async def test_what_this_version_cannot_do_is_said(
    house: House, watcher: Watcher, topic: str, code: str
) -> None:
    assert (await watcher.ask(f"kitchen/{topic}", "1"))["error_code"] == code


async def test_half_a_character_in_a_title_harms_nobody(house: House, watcher: Watcher) -> None:
    house.heos.send_line(
        b'{"heos":{"command":"event/player_playback_error","message":"pid=%d&error=Bad \\ud83c title"}}'
        % KITCHEN
    )
    await watcher.until(lambda: watcher.all("kitchen/event"))
    assert (await watcher.ask("kitchen/volume/set", "31"))["status"] == "ok"
    assert len([one for one in watcher.all("bridge/state") if one.text == "online"]) == 1


async def test_a_topic_without_end_harms_nobody(house: House, watcher: Watcher) -> None:
    await watcher.publish(f"{'z' * 65_500}/volume/set", "30")
    await watcher.publish(f"bridge/request/{'a' * 65_500}", "{}")
    assert (await watcher.ask("bridge/request/ping", "{}"))["data"] == {"pong": True}
    assert len([one for one in watcher.all("bridge/state") if one.text == "online"]) == 1


async def test_a_link_that_is_taken_out_is_disabled(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    async with running(broker, tmp_path, address, automatic=True) as house:
        await watcher.wait("kitchen/availability", "online")
        await watcher.wait("bridge/connection/receiver/denon", "online")
        file = tmp_path / "config.yaml"
        file.write_text(yaml.safe_dump({key: value for key, value in house.config.items() if key != "heos"}))
        house.daemon.reload()
        await watcher.wait("bridge/connection/heos", "disabled")
        await watcher.wait("kitchen/availability", "")
        await asyncio.sleep(0.3)
        assert watcher.text("bridge/connection/heos") == "disabled"
        file.write_text(yaml.safe_dump(house.config))
        house.daemon.reload()
        await watcher.wait("kitchen/availability", "online")
        assert watcher.text("bridge/connection/receiver/denon") == "online", "it was left alone"
        assert house.avr.connections_total == 1
        file.write_text(yaml.safe_dump(house.config | {"receivers": {}}))
        house.daemon.reload()
        await watcher.wait("bridge/connection/receiver/denon", "")
        await asyncio.sleep(0.3)
        assert watcher.text("bridge/connection/receiver/denon") == ""
        await watcher.until(lambda: "receiver/denon" not in watcher.json("bridge/health")["links"])


async def test_a_mistyped_option_is_refused(house: House, watcher: Watcher) -> None:
    reply = await watcher.ask("kitchen/volume/set", {"value": 30, "second": 20})
    assert reply["error_code"] == "bad_payload"
    assert "did you mean 'seconds'?" in reply["error"]
    assert (await watcher.ask("kitchen/mute/set", {"value": "ON", "seconds": 2}))[
        "error_code"
    ] == "bad_payload"
    assert not house.volumes()
