"""What must not break a HEOS connection (heos.md 3.2), each during every load."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from sugartalkd.simulator.heos import SimulatedItem
from tests.dead_states.trial import HEOS, ZONES, Fault, endure_all, hasten, kitchen, nothing
from tests.house import KITCHEN, LIVING, running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.house import Broker, House, Watcher

ACCOUNT: Final = {"username": "someone@example.org", "password": "correct"}


async def answer_late(house: House) -> None:
    """Replies come after their time-out, when somebody else may be asking the same."""
    house.heos.set_play_mode(LIVING, "on_one", shuffle=False)
    house.heos.faults.delay |= {"player/get_volume": 0.6, "player/get_play_mode": 0.6}


async def nobody_gets_anothers_reply(house: House, watcher: Watcher) -> None:
    asked = ("kitchen/get", "bath/get")
    late = await asyncio.gather(*(watcher.ask(topic, "{}", 12) for topic in asked))
    assert "timeout" in {one.get("error_code") for one in late}
    house.heos.faults.delay.clear()
    for topic in ("kitchen", "bath"):
        await watcher.until(lambda topic=topic: watcher.text(f"{topic}/availability") == "online")
        assert (await watcher.ask(f"{topic}/get", "{}", 12))["status"] == "ok"
    assert {one.text for one in watcher.all("bath/volume")} <= {"20", "None"}
    assert {one.text for one in watcher.all("kitchen/repeat")} <= {"off", "None"}
    assert watcher.text("bath/repeat") == "one"


async def silence_a_player(house: House) -> None:
    house.heos.faults.silent_players.add(KITCHEN)


async def others_go_on(house: House, watcher: Watcher) -> None:
    assert (await watcher.ask("bath/mute/set", "ON"))["status"] == "ok"
    await watcher.ask("kitchen/get", "{}", 12)
    house.heos.faults.silent_players.clear()
    await watcher.wait("kitchen/availability", "online", 5)
    await watcher.until(lambda: watcher.text("kitchen/volume") == str(kitchen(house).level))


async def refuse_for_the_account(house: House) -> None:
    """Each error that made pyheos sign the household out (number 9), and signing out fails as well."""
    faults = house.heos.faults
    for eid in (6, 8, 10):
        faults.fail("player/set_volume", eid)
        faults.fail("player/set_play_mode", eid)
        faults.fail("browse/browse", eid)
    faults.fail("player/set_volume", 12, 1, -1063)
    faults.fail("browse/browse", 12, 1, -1056)
    faults.fail("system/sign_out", 8, None)


async def nobody_is_signed_out(house: House, watcher: Watcher) -> None:
    refused = [await watcher.ask("kitchen/shuffle/set", "ON") for _ in range(4)]
    refused += [await watcher.ask("bridge/request/heos/browse", {"source": "1024"}) for _ in range(4)]
    assert {one.get("error_code") for one in refused} <= {None, "heos_error"}
    house.heos.faults.failures.clear()
    assert not house.heos.received("system/sign_out")
    assert house.heos.user == ACCOUNT["username"]
    assert (await watcher.ask("bridge/request/heos/favorites", "{}"))["status"] == "ok"


async def update_firmware(house: House) -> None:
    house.heos.change_pid(kitchen(house).pid, kitchen(house).pid + 10_000)


async def events_reach_us(house: House, watcher: Watcher) -> None:
    """Pressed at the device until it shows: which pid it has is perhaps just being found out."""
    player = kitchen(house)
    for _ in range(15):
        pressed = asyncio.get_running_loop().time()
        house.heos.press_mute(player.pid)
        await asyncio.sleep(0.3)
        shown = watcher.newest[f"{watcher.base}/kitchen/mute"]
        if shown.at > pressed and shown.text == ("ON" if player.mute else "OFF"):
            return
    raise AssertionError("no event of the kitchen is seen")


async def the_new_pid_is_used(house: House, watcher: Watcher) -> None:
    await events_reach_us(house, watcher)
    await watcher.wait("kitchen/availability", "online")
    assert (await watcher.ask("kitchen/mute/set", "OFF"))["status"] == "ok"
    assert house.heos.received("player/set_mute")[-1].arguments["pid"] == str(kitchen(house).pid)


async def send_many_events(house: House) -> None:
    """Events that pyheos holds back come again while what the last one caused is still at work."""
    house.heos.faults.delay["player/get_players"] = 0.3
    for _ in range(4):
        for event in ("players_changed", "sources_changed", "groups_changed"):
            house.heos.send_event(event)
        house.heos.send_event("user_changed", f"signed_in&un={ACCOUNT['username']}")
        await asyncio.sleep(0.12)


async def lists_are_read_again(house: House, watcher: Watcher) -> None:
    before = len(house.heos.received("player/get_players"))
    house.heos.send_event("players_changed")
    async with asyncio.timeout(3):
        while len(house.heos.received("player/get_players")) <= before:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.02)
    await events_reach_us(house, watcher)


async def announce_in_any_order(house: House) -> None:
    """State and progress overtake what is being read because of the event before them (number 18)."""
    house.heos.faults.delay["player/get_now_playing_media"] = 0.2
    house.heos.play_item(KITCHEN, SimulatedItem("Overtaken", artist="Somebody", duration_ms=200_000))
    house.heos.seek(KITCHEN, 60)


async def the_title_is_right(house: House, watcher: Watcher) -> None:
    await watcher.wait("kitchen/title", "Overtaken")


INJECTED: Final = "\r\nheos://system/reboot\r\n"


async def inject(house: House, watcher: Watcher) -> None:
    """A second command in every text that can go to the device (number 20)."""
    before = len(house.heos.ledger)
    given: list[tuple[str, Any]] = []
    for end in (INJECTED, "\nheos://system/reboot\n", "\rheos://system/reboot", "\u0085heos://system/reboot"):
        given += [
            ("kitchen/play", {"url": f"http://127.0.0.1/a.mp3{end}"}),
            ("kitchen/play", {"url": "http://127.0.0.1/a.mp3", "title": f"A{end}"}),
            ("kitchen/play", {"media_id": f"heos:1024//a{end}"}),
            ("kitchen/play", {"favorite": f"1{end}x"}),
            ("kitchen/play", {"playlist": f"a{end}"}),
            ("kitchen/play", {"query": f"a{end}"}),
            ("kitchen/group/set", [f"bath{end}"]),
            ("kitchen/group/add", f"bath{end}x"),
            ("kitchen/snapshot/save", f"a{end}x"),
            ("kitchen/command", f"play{end}x"),
            ("kitchen/repeat/set", f"all{end}x"),
            ("kitchen/volume/set", f"30{end}x"),
            ("bridge/request/heos/browse", {"source": f"1024{end}x"}),
            ("bridge/request/heos/browse", {"source": "1024", "container": f"a{end}"}),
            ("bridge/request/heos/browse", f"1024{end}x"),
            ("bridge/request/heos/search", {"source": "1024", "query": f"a{end}x"}),
            ("bridge/request/heos/search", {"source": "1024", "query": "a", "criteria": f"1{end}x"}),
            ("bridge/request/heos/sign_in", {"username": f"a{end}x", "password": "b"}),
            ("bridge/request/heos/sign_in", {"username": "a", "password": f"b{end}x"}),
        ]
    replies = await asyncio.gather(
        *(watcher.ask(topic, json.dumps(what) if isinstance(what, list) else what) for topic, what in given)
    )
    for (topic, what), reply in zip(given, replies, strict=True):
        assert reply["status"] == "error", (topic, what)
        assert reply["error_code"] in {"bad_payload", "unsupported", "busy"}, (topic, what, reply)
    sent = house.heos.ledger[before:]
    assert not [one for one in sent if "reboot" in one.text]
    assert all(one.text.startswith("heos://") for one in sent)


ENDURED: Final = (
    Fault("8 replies after their time-out", answer_late, noticed=None, look=nobody_gets_anothers_reply),
    Fault("8 a player is silent", silence_a_player, noticed=None, look=others_go_on),
    Fault("9 errors of the account", refuse_for_the_account, noticed=None, look=nobody_is_signed_out),
    Fault("17 another pid", update_firmware, noticed=None, look=the_new_pid_is_used),
    Fault("18 events overtake each other", announce_in_any_order, noticed=None, look=the_title_is_right),
    Fault("19 events during events", send_many_events, noticed=None, look=lists_are_read_again),
    Fault("20 line ends in every text", nothing, noticed=None, look=inject),
)


@pytest.mark.parametrize("fault", ENDURED, ids=str)
async def test_the_link_stays_online(
    broker: Broker, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    hasten(monkeypatch)
    await endure_all(
        broker, tmp_path, address, HEOS, fault, zones=ZONES, receivers=..., heos=ACCOUNT, allow_admin=True
    )


async def test_a_title_read_late_does_not_take_the_position_back(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    """Number 18: pyheos wiped the position that it had received meanwhile."""
    often = {"progress_interval": 0.3}
    async with running(broker, tmp_path, address, zones=ZONES, receivers=..., heos_settings=often) as house:
        await watcher.wait("kitchen/availability", "online")
        await announce_in_any_order(house)
        await watcher.wait("kitchen/title", "Overtaken")
        await watcher.until(lambda: watcher.text("kitchen/position") in {"60", "61"}, 2)
        await asyncio.sleep(0.3)
        assert watcher.text("kitchen/position") in {"60", "61"}
