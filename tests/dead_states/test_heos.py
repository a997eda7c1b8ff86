"""The dead states of a HEOS connection (heos.md 3.2), each during every load."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import socket
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pytest

from sugartalkd import heos as heos_package
from sugartalkd.heos.connection import CommandConnection, Moved
from sugartalkd.heos.connection import close as close_heos
from sugartalkd.heos.events import Events
from sugartalkd.simulator.heos import HeosSimulator, SimulatedItem
from tests.dead_states.trial import HEOS, Fault, Load, Traffic, endure_all, hasten, kitchen, nothing
from tests.house import KITCHEN, LIVING, players, running

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
    from datetime import tzinfo

    from tests.house import Broker, House, Watcher

ZONES: Final = {"kitchen": {"player": "Kitchen"}, "bath": {"player": "Living Room"}}


@asynccontextmanager
async def home(
    broker: Broker, watcher: Watcher, folder: Path, address: str, **config: Any
) -> AsyncGenerator[House]:
    """Two players without a receiver, all online."""
    async with running(broker, folder, address, zones=ZONES, receivers=..., **config) as house:
        await watcher.wait("kitchen/availability", "online")
        await watcher.wait("bath/availability", "online")
        yield house


# -- what breaks the link ------------------------------------------------------------------------------


async def garbage(house: House) -> None:
    house.heos.send_garbage()


async def without_heos(house: House) -> None:
    house.heos.send_without_heos()


async def huge_line(house: House) -> None:
    house.heos.send_huge_line()


async def fall_silent(house: House) -> None:
    house.heos.faults.silent = True


async def speak_again(house: House) -> None:
    house.heos.faults.silent = False


class PastClock(datetime):
    """The wall clock, which an NTP server or the end of summer time may set back."""

    back: ClassVar[timedelta] = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # pyright: ignore[reportIncompatibleMethodOverride]
        return datetime.now(tz) - cls.back


async def fall_silent_in_the_past(house: House) -> None:
    PastClock.back += timedelta(hours=1)
    house.heos.faults.silent = True


async def close(house: House) -> None:
    house.heos.close_all()


async def reset(house: House) -> None:
    house.heos.reset_all()


async def power_off(house: House) -> None:
    await house.heos.power_off()


async def power_on(house: House) -> None:
    await house.heos.power_on()


async def fail_while_setting_up(house: House) -> None:
    """As soon as it is connected again something fails, once busy and once for good."""
    faults = house.heos.faults
    faults.fail("system/register_for_change_events", 12)
    faults.fail("player/get_players", 11)
    faults.fail("player/get_players", 13)
    house.heos.close_all()


async def close_while_setting_up(house: House) -> None:
    house.heos.faults.close_during_setup = 2
    house.heos.close_all()


async def drop_a_pending_command(house: House) -> None:
    house.heos.faults.delay["player/set_volume"] = 1.5
    await asyncio.sleep(0.1)
    house.heos.close_all()


async def drop_in_an_event(house: House) -> None:
    """The connection ends while what an event announced is being read."""
    house.heos.faults.delay["player/get_now_playing_media"] = 0.3
    house.heos.play_url(KITCHEN, "http://127.0.0.1/new.mp3")
    await asyncio.sleep(0.1)
    assert house.heos.received("player/get_now_playing_media"), "the event is being handled"
    house.heos.close_all()


async def events_go_on(house: House, watcher: Watcher) -> None:
    house.heos.turn_volume(KITCHEN, 17)
    await watcher.wait("kitchen/volume", "17", 2)


async def everything_is_known(house: House, watcher: Watcher) -> None:
    """What one player refused to tell was asked for again."""
    assert "None" in {one.text for one in watcher.all("bath/mute")}
    await watcher.wait("bath/mute", "OFF", 3)
    await events_go_on(house, watcher)


async def one_reading_fails(house: House) -> None:
    house.heos.faults.fail("player/get_mute", 11, 2, pid=LIVING)
    house.heos.close_all()


BREAKING: Final = (
    Fault("1 a line that is no JSON", garbage, noticed=3.0, look=events_go_on),
    Fault("1 JSON without heos", without_heos, noticed=3.0, look=events_go_on),
    Fault("2 a line of 70 kB", huge_line, noticed=3.0, look=events_go_on),
    Fault("3 silent", fall_silent, speak_again, noticed=3.0, lasting=True, look=events_go_on),
    Fault("4 set-up fails", fail_while_setting_up, look=events_go_on),
    Fault("4 closed during set-up", close_while_setting_up, look=events_go_on),
    Fault("6 refused", power_off, power_on, lasting=True, last_word="offline", look=events_go_on),
    Fault("7 a command is pending", drop_a_pending_command, look=events_go_on),
    Fault("7 reset", reset, look=events_go_on),
    Fault("10 an event is being handled", drop_in_an_event, look=events_go_on),
    Fault(
        "14 the clock is set back",
        fall_silent_in_the_past,
        speak_again,
        noticed=3.0,
        lasting=True,
    ),
    Fault("15 one reading of one player fails", one_reading_fails, look=everything_is_known),
)


@pytest.mark.parametrize("fault", BREAKING, ids=str)
async def test_the_link_breaks_and_is_whole_again(
    broker: Broker, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    hasten(monkeypatch)
    for module in ("pyheos.connection", "sugartalkd.heos.session", "sugartalkd.heos.known"):
        monkeypatch.setattr(f"{module}.datetime", PastClock)
    await endure_all(broker, tmp_path, address, HEOS, fault, zones=ZONES, receivers=...)


# -- what must not break it ----------------------------------------------------------------------------

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
    async with home(broker, watcher, tmp_path, address, heos_settings=often) as house:
        await announce_in_any_order(house)
        await watcher.wait("kitchen/title", "Overtaken")
        await watcher.until(lambda: watcher.text("kitchen/position") in {"60", "61"}, 2)
        await asyncio.sleep(0.3)
        assert watcher.text("kitchen/position") in {"60", "61"}


# -- at the start --------------------------------------------------------------------------------------


async def begin(house: House, watcher: Watcher, load: Load, there: Callable[[], Awaitable[None]]) -> None:
    """The load goes on while the daemon looks for its system for the first time; `there` brings it."""
    traffic = Traffic(house, watcher, HEOS, load)
    await watcher.until(
        lambda: watcher.text("bridge/state") == "online" and "sugartalk/kitchen" in watcher.newest
    )
    going_on = asyncio.create_task(traffic.run(), name="Task-traffic")
    await there()
    began = asyncio.get_running_loop().time()
    await watcher.wait("bridge/connection/heos", "online", 10)
    print(f"first start | {load.value} | recovered {asyncio.get_running_loop().time() - began:.2f} s")
    await watcher.wait("kitchen/availability", "online")
    back = watcher.newest["sugartalk/bridge/connection/heos"].at
    await going_on
    await traffic.all_answered()
    traffic.check_nothing_is_replayed((0.0, back))
    assert (await watcher.ask("kitchen/volume/set", "33"))["status"] == "ok"
    await watcher.wait("kitchen/volume", "33")


@pytest.mark.parametrize("load", Load)
async def test_the_first_set_up_fails(
    broker: Broker,
    watcher: Watcher,
    tmp_path: Path,
    address: str,
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Number 5: each attempt is a fresh connection, and nothing of a failed one stays open."""
    hasten(monkeypatch)

    def prepare(heos: HeosSimulator) -> None:
        heos.faults.fail("system/register_for_change_events", 11)
        heos.faults.fail("player/get_players", 11)
        heos.faults.fail("player/get_players", 13)
        heos.faults.close_during_setup = 1

    async def there() -> None:
        await watcher.wait("bridge/connection/heos", "offline")
        refused = await watcher.ask("kitchen/mute/set", "ON")
        assert refused["status"] == "ok" or refused["error_code"] == "heos_offline"

    async with running(broker, tmp_path, address, zones=ZONES, receivers=..., prepare=prepare) as house:
        await begin(house, watcher, load, there)
        await events_go_on(house, watcher)
        assert house.heos.connections <= 3


@pytest.mark.parametrize("load", Load)
async def test_nobody_is_there_at_first(
    broker: Broker,
    watcher: Watcher,
    tmp_path: Path,
    address: str,
    other_address: str,
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Number 6: connection attempts run into silence, then are refused; then the system is there."""
    hasten(monkeypatch)
    async with AsyncExitStack() as stack:
        mute = stack.enter_context(no_answer(other_address))
        house = await stack.enter_async_context(
            running(broker, tmp_path, address, zones=ZONES, receivers=..., heos={"host": other_address})
        )
        house.heos = HeosSimulator(players(other_address), host=other_address)

        async def there() -> None:
            await watcher.wait("bridge/connection/heos", "offline")
            assert "does not answer" in watcher.json("bridge/health")["links"]["heos"]["last_error"]
            assert (await watcher.ask("kitchen/mute/set", "ON"))["error_code"] == "heos_offline"
            mute.close()
            await asyncio.sleep(0.3)
            await stack.enter_async_context(house.heos)

        await begin(house, watcher, load, there)
        await events_go_on(house, watcher)


@contextmanager
def no_answer(address: str) -> Generator[ExitStack]:
    """Port 1255 of an address drops connection attempts: its queue is full. It refuses them once closed."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((address, 1255), backlog=0))
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield stack


# -- impossible by construction ------------------------------------------------------------------------


async def test_a_connection_closed_while_it_opens_stays_closed(address: str) -> None:
    """Nothing goes over it, and nobody is left to close it later."""
    async with HeosSimulator(players(address), host=address) as heos:
        gone: list[asyncio.Task[None]] = []
        connection = CommandConnection(
            address, 1.0, lambda one: gone.append(asyncio.create_task(close_heos(one), name="Task-close"))
        )
        call = asyncio.create_task(connection.call(lambda one: one.heart_beat()), name="Task-call")
        await asyncio.sleep(0)
        connection.close()
        with pytest.raises(Moved):
            await call
        await asyncio.gather(*gone)
        await asyncio.sleep(0.05)
        assert heos.connections == 0
        assert not heos.ledger


def calls() -> set[tuple[str, str]]:
    """Each method that is called in `heos/`, with the file; what is called by name alone is left out."""
    found: set[tuple[str, str]] = set()
    for file in Path(heos_package.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                clock = ast.unparse(node.func) in {"time.time", "datetime.today", "datetime.utcnow"}
                found.add(("the wall clock" if clock else node.func.attr, file.name))
    return found


def test_what_leads_to_11_12_13_and_16_is_called_in_one_place_or_none() -> None:
    found = calls()

    def where(*names: str) -> set[str]:
        return {file for name, file in found if name in names}

    # 11: only `close` disconnects, which runs in a task of its own. 12: one object, one connect.
    assert where("disconnect") == {"connection.py"}
    assert where("connect") == {"connection.py", "events.py"}
    # 13: nobody gives pyheos a callback; its own methods are overridden, all of them `async def`.
    assert not where("add_on_player_event", "add_on_heos_event", "add_on_connected", "add_on_disconnected")
    assert not where("add_on_controller_event", "add_on_group_event", "add_on_user_credentials_invalid")
    overridden = {name for name in dir(Events) if name.startswith("_on_")}
    assert all(inspect.iscoroutinefunction(getattr(Events, name)) for name in overridden)
    # 16: players come from the list alone. 14: nothing waits by the wall clock.
    assert not where("get_player_info", "get_players", "load_players")
    assert not where("the wall clock")
