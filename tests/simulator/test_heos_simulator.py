"""The HEOS simulator, asked in raw lines and by the real pyheos."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from pyheos import CommandFailedError, Heos, HeosOptions, PlayState

from sugartalkd.simulator.heos import HeosSimulator, SimulatedItem, SimulatedPlayer, serve

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

LOUNGE: Final = -1428708007
KITCHEN: Final = 71230045

_DICE: Final = random.SystemRandom()


def some_address() -> str:
    """Port 1255 is the only one that pyheos knows, so every simulator has an address of its own."""
    return f"127.77.{_DICE.randint(0, 255)}.{_DICE.randint(1, 254)}"


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(1):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in several objects
            await asyncio.sleep(0.005)


def two_players() -> list[SimulatedPlayer]:
    return [
        SimulatedPlayer("Lounge AVR", LOUNGE, model="Denon AVR-X2400H", serial="SIM0001"),
        SimulatedPlayer("Kitchen", KITCHEN, serial="SIM0002", level=40),
    ]


def tracks(*names: str, duration_ms: int = 0) -> list[SimulatedItem]:
    return [SimulatedItem(name, "Album", "Artist", duration_ms=duration_ms) for name in names]


class Client:
    """A socket to a simulator, in lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, text: str) -> None:
        self.writer.write(text.encode())

    async def line(self, seconds: float = 1.0) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            line = await self.reader.readline()
        assert line.endswith(b"\r\n"), line
        return json.loads(line)

    async def head(self) -> tuple[str, str, str]:
        """Command, result and message of the next line, "" for what it lacks."""
        heos = (await self.line())["heos"]
        return heos["command"], heos.get("result", ""), heos.get("message", "")

    async def ask(self, command: str) -> dict[str, Any]:
        self.send(f"heos://{command}\r\n")
        return await self.line()

    async def message(self, command: str) -> str:
        return (await self.ask(command))["heos"]["message"]

    async def register(self) -> None:
        assert await self.message("system/register_for_change_events?enable=on") == "enable=on"

    async def nothing(self, seconds: float = 0.03) -> None:
        with pytest.raises(TimeoutError):
            await self.line(seconds)

    async def end(self) -> bytes:
        async with asyncio.timeout(1):
            return await self.reader.read()


@asynccontextmanager
async def client(simulator: HeosSimulator) -> AsyncGenerator[Client]:
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


@pytest.fixture
async def simulator() -> AsyncIterator[HeosSimulator]:
    async with HeosSimulator(two_players(), host=some_address(), progress_interval=0.02) as one:
        yield one


@pytest.fixture
async def raw(simulator: HeosSimulator) -> AsyncIterator[Client]:
    async with client(simulator) as one:
        yield one


async def test_session_line_by_line(raw: Client) -> None:
    """The lines of the research's section 7.2, byte for byte."""
    raw.send("heos://system/check_account\r\nheos://player/get_pl")
    assert await raw.reader.readline() == (
        b'{"heos":{"command":"system/check_account","result":"success","message":"signed_out"}}\r\n'
    )
    raw.send("ayers\nheos://player/get_mute?pid=-1428708007\n")
    players = (await raw.line())["payload"]
    assert players[0] == {
        "name": "Lounge AVR",
        "pid": LOUNGE,
        "model": "Denon AVR-X2400H",
        "version": "3.34.620",
        "ip": "127.0.0.1",
        "network": "wired",
        "lineout": 0,
        "serial": "SIM0001",
    }
    assert await raw.reader.readline() == (
        b'{"heos":{"command":"player/get_mute","result":"success","message":"pid=-1428708007&state=off"}}\r\n'
    )
    idle = await raw.ask(f"player/get_now_playing_media?pid={LOUNGE}")
    assert idle["payload"] == {}
    assert await raw.message(f"player/get_play_mode?pid={LOUNGE}") == f"pid={LOUNGE}&repeat=off&shuffle=off"
    assert await raw.message("system/heart_beat") == ""


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("player/fly?pid=1", "eid=1&text=Command not recognized.&pid=1"),
        ("player/get_volume?pid=9", "eid=2&text=ID not valid&pid=9"),
        ("player/get_volume", "eid=3&text=Command arguments not correct."),
        (f"player/set_volume?pid={LOUNGE}", f"eid=3&text=Command arguments not correct.&pid={LOUNGE}"),
        (f"player/set_volume?level=101&pid={LOUNGE}", f"eid=9&text=Out of range&level=101&pid={LOUNGE}"),
        (f"player/volume_up?pid={LOUNGE}&step=11", f"eid=9&text=Out of range&pid={LOUNGE}&step=11"),
        (f"player/clear_queue?pid={LOUNGE}", f"eid=4&text=Requested data not available.&pid={LOUNGE}"),
        (f"player/play_next?pid={LOUNGE}", f"eid=4&text=Requested data not available.&pid={LOUNGE}"),
        (f"player/play_queue?pid={LOUNGE}&qid=1", f"eid=2&text=ID not valid&pid={LOUNGE}&qid=1"),
        ("browse/browse?sid=1028", "eid=8&text=User not logged in.&sid=1028"),
        ("group/get_volume?gid=5", "eid=2&text=ID not valid&gid=5"),
    ],
)
async def test_refusals(raw: Client, command: str, message: str) -> None:
    heos = (await raw.ask(command))["heos"]
    assert (heos["result"], heos["message"]) == ("fail", message)


async def test_events_go_to_registered_sockets_after_the_reply(simulator: HeosSimulator, raw: Client) -> None:
    async with client(simulator) as other, client(simulator) as unregistered:
        await raw.register()
        await other.register()
        assert await raw.message(f"player/set_volume?pid={LOUNGE}&level=30") == f"pid={LOUNGE}&level=30"
        told = ("event/player_volume_changed", "", f"pid={LOUNGE}&level=30&mute=off")
        assert await raw.head() == told
        assert await other.head() == told
        await raw.message(f"player/set_volume?pid={LOUNGE}&level=30")
        await raw.nothing()
        simulator.events_without_effect = True
        await raw.message(f"player/set_volume?pid={LOUNGE}&level=30")
        assert await raw.head() == told
        await unregistered.nothing()
        assert simulator.connections == simulator.connections_total == 3
    assert [line.arguments["level"] for line in simulator.received("player/set_volume")] == ["30"] * 3
    assert simulator.ledger[0].text == "heos://system/register_for_change_events?enable=on"


async def test_escapes(simulator: HeosSimulator, raw: Client) -> None:
    message = await raw.message(f"player/get_mute?pid={LOUNGE}&SEQUENCE=R%26B%3D100%25 a+b")
    assert message == f"pid={LOUNGE}&SEQUENCE=R%26B%3D100%25 a+b&state=off"
    assert simulator.ledger[-1].arguments["SEQUENCE"] == "R&B=100% a+b"
    simulator.play_item(LOUNGE, SimulatedItem("R&B", artist="Ünal"))
    payload = (await raw.ask(f"player/get_now_playing_media?pid={LOUNGE}"))["payload"]
    assert (payload["song"], payload["artist"]) == ("R%26B", "Ünal")


async def test_url_order_length_and_queue(simulator: HeosSimulator, raw: Client) -> None:
    await raw.register()
    url = "http://10.0.0.5:8010/s/a.flac?x=1&pid=7&url=2%26" + "y" * 300
    assert await raw.message(f"browse/play_stream?pid={LOUNGE}&url={url}") == f"pid={LOUNGE}&url={url}"
    assert [await raw.head() for _ in range(3)] == [
        ("event/player_now_playing_changed", "", f"pid={LOUNGE}"),
        ("event/player_queue_changed", "", f"pid={LOUNGE}"),
        ("event/player_state_changed", "", f"pid={LOUNGE}&state=play"),
    ]
    assert simulator.players[LOUNGE].queue[0].url == url[:255]
    command, _, message = await raw.head()
    assert command == "event/player_now_playing_progress"
    assert message.startswith(f"pid={LOUNGE}&cur_pos=")
    assert message.endswith("&duration=0")
    simulator.set_state(LOUNGE, "pause")
    async with client(simulator) as calm:
        queue = await calm.ask(f"player/get_queue?pid={LOUNGE}&range=0,49")
        assert queue["heos"]["message"] == f"pid={LOUNGE}&range=0,49&returned=1&count=1"
        assert queue["payload"] == [
            {
                "song": "Url Stream",
                "album": "Url Stream",
                "artist": "Url Stream",
                "image_url": "",
                "album_id": "1",
                "mid": "1",
                "qid": 1,
            }
        ]


async def test_tracks_follow_each_other_then_stop(simulator: HeosSimulator) -> None:
    seen: list[str] = []
    simulator.send_event = lambda command, message="": seen.append(f"{command} {message}")  # type: ignore[method-assign]
    simulator.progress_interval = 10.0
    simulator.play_item(KITCHEN, *tracks("a", "b", duration_ms=30))
    await until(lambda: simulator.players[KITCHEN].state == "stop")
    about = f"pid={KITCHEN}"
    assert seen == [
        f"event/player_now_playing_changed {about}",
        f"event/player_queue_changed {about}",
        f"event/player_state_changed {about}&state=play",
        f"event/player_now_playing_changed {about}",
        f"event/player_state_changed {about}&state=stop",
        f"event/player_now_playing_changed {about}",
        f"event/player_queue_changed {about}",
    ]


async def test_queue_commands(simulator: HeosSimulator, raw: Client) -> None:
    simulator.play_item(LOUNGE, *tracks("a", "b", "c"))
    player = simulator.players[LOUNGE]
    about = f"pid={LOUNGE}"

    def now() -> str:
        return player.now_playing.song if player.now_playing else ""

    await raw.message(f"player/play_next?{about}")
    assert now() == "b"
    await raw.message(f"player/play_queue?{about}&qid=3")
    assert now() == "c"
    assert (await raw.message(f"player/play_next?{about}")).startswith("eid=17")
    await raw.message(f"player/set_play_mode?{about}&repeat=on_all&shuffle=off")
    await raw.message(f"player/play_next?{about}")
    assert now() == "a"
    await raw.message(f"player/play_previous?{about}")
    assert now() == "c"
    await raw.message(f"player/remove_from_queue?{about}&qid=1,2")
    assert (now(), player.current) == ("c", 0)
    await raw.message(f"player/clear_queue?{about}")
    assert (now(), player.state, player.queue) == ("", "stop", [])
    await raw.message(f"browse/add_to_queue?sid=1904871134&{about}&cid=c8&aid=4")
    assert (now(), len(player.queue)) == ("Moanin'", 2)
    await raw.message(f"browse/play_input?{about}&input=inputs/cd")
    payload = (await raw.ask(f"player/get_now_playing_media?{about}"))["payload"]
    assert (payload["type"], payload["station"], payload["mid"], payload["sid"]) == (
        "station",
        "CD",
        "inputs/cd",
        1027,
    )


async def test_what_follows_a_track(simulator: HeosSimulator) -> None:
    player = simulator.players[LOUNGE]
    simulator.play_item(LOUNGE, *tracks(*"abcdef"))
    simulator.set_play_mode(LOUNGE, "on_one", shuffle=False)
    simulator.finish_track(LOUNGE)
    assert player.current == 0
    simulator.set_play_mode(LOUNGE, "on_all", shuffle=True)
    order: list[int | None] = []
    for _ in range(6):
        simulator.finish_track(LOUNGE)
        order.append(player.current)
    assert sorted(order, key=str) == [0, 1, 2, 3, 4, 5]
    assert order[-1] == 0
    simulator.set_play_mode(LOUNGE, "off", shuffle=False)
    simulator.play_queue(LOUNGE, 4)
    simulator.remove_from_queue(LOUNGE, {4})
    assert (player.current, player.state, player.queue[4].song) == (4, "play", "f")
    simulator.remove_from_queue(LOUNGE, {0})
    assert player.current == 3
    simulator.finish_track(LOUNGE)
    assert (player.current, player.state) == (3, "stop")
    simulator.set_state(LOUNGE, "play")
    simulator.remove_from_queue(LOUNGE, {3})
    assert (player.current, player.state, len(player.queue)) == (None, "stop", 3)


async def test_adding_to_the_queue(simulator: HeosSimulator, raw: Client) -> None:
    simulator.play_item(LOUNGE, *tracks("a", "b"))
    player = simulator.players[LOUNGE]
    add = f"browse/add_to_queue?sid=1904871134&pid={LOUNGE}"
    for aid, mid in ((3, "c7$1"), (2, "c7$2")):
        await raw.message(f"{add}&cid=c7&mid={mid}&aid={aid}")
    assert [item.song for item in player.queue] == ["a", "Moment's Notice", "b", "Blue Train"]
    assert player.current == 0
    await raw.message(f"{add}&cid=c7&mid=c7$3&aid=1")
    assert [item.song for item in player.queue][:2] == ["a", "Locomotion"]
    assert (player.current, player.state) == (1, "play")
    assert (await raw.message(f"{add}&cid=c9&aid=1")).startswith("eid=2&")


async def test_account_and_favourites(simulator: HeosSimulator, raw: Client) -> None:
    await raw.register()
    simulator.password = "right"  # noqa: S105 - a simulated one
    assert (await raw.message("system/sign_in?un=a@b&pw=wrong")).startswith("eid=6&")
    assert await raw.message("system/sign_in?un=a@b&pw=right") == "signed_in&un=a@b"
    assert await raw.head() == ("event/user_changed", "", "signed_in&un=a@b")
    assert await raw.head() == ("event/sources_changed", "", "")
    async with client(simulator) as calm:
        favourites = (await calm.ask("browse/browse?sid=1028&range=1,1"))["payload"]
        assert [item["name"] for item in favourites] == ["Jazz %26 Blues"]
        await calm.message(f"browse/play_stream?pid={LOUNGE}&sid=1028&mid={favourites[0]['mid']}")
        assert simulator.players[LOUNGE].now_playing is simulator.favourites[1]
        assert (await calm.message(f"browse/play_preset?pid={LOUNGE}&preset=3")).startswith("eid=9&")
        assert await calm.message("system/sign_out") == "signed_out"
        assert (await calm.message(f"browse/play_preset?pid={LOUNGE}&preset=1")).startswith("eid=8&")


async def test_one_socket_too_many(simulator: HeosSimulator) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(32):
            await (await stack.enter_async_context(client(simulator))).ask("system/heart_beat")
        assert await (await stack.enter_async_context(client(simulator))).end() == b""
    await until(lambda: simulator.connections == 0)


async def test_groups(simulator: HeosSimulator, raw: Client) -> None:
    await raw.register()
    simulator.play_item(LOUNGE, *tracks("a"))
    simulator.set_state(LOUNGE, "pause")
    async with client(simulator) as calm:
        answer = await calm.message(f"group/set_group?pid={LOUNGE},{KITCHEN}")
        assert answer == f"pid={LOUNGE},{KITCHEN}&gid={LOUNGE}&name=Lounge AVR + Kitchen"
        group = (await calm.ask("group/get_groups"))["payload"][0]
        assert [player["role"] for player in group["players"]] == ["leader", "member"]
        assert await calm.message(f"group/get_volume?gid={LOUNGE}") == f"gid={LOUNGE}&level=30"
        assert await calm.message(f"player/get_play_state?pid={KITCHEN}") == f"pid={KITCHEN}&state=pause"
        await calm.message(f"group/set_volume?gid={LOUNGE}&level=60")
        assert [player.level for player in simulator.players.values()] == [40, 80]
        await calm.message(f"group/volume_up?gid={LOUNGE}&step=10")
        assert [player.level for player in simulator.players.values()] == [47, 93]
        await calm.message(f"group/toggle_mute?gid={LOUNGE}")
        assert await calm.message(f"group/get_mute?gid={LOUNGE}") == f"gid={LOUNGE}&state=on"
        await calm.message(f"group/set_group?pid={LOUNGE}")
        assert (await calm.ask("group/get_groups"))["payload"] == []
    events: list[tuple[str, str, str]] = []
    while events.count(("event/groups_changed", "", "")) < 2:
        events.append(await raw.head())
    assert ("event/group_volume_changed", "", f"gid={LOUNGE}&level=60&mute=off") in events
    assert ("event/player_state_changed", "", f"pid={KITCHEN}&state=pause") in events


async def test_regrouping(simulator: HeosSimulator) -> None:
    simulator.add_player(SimulatedPlayer("Attic", 3))
    simulator.set_group([LOUNGE, KITCHEN, 3])
    simulator.set_group([3])
    assert [group.pids for group in simulator.groups.values()] == [[LOUNGE, KITCHEN]]
    simulator.set_group([3, LOUNGE])
    assert {gid: group.pids for gid, group in simulator.groups.items()} == {3: [3, LOUNGE]}
    simulator.play_item(LOUNGE, *tracks("a"))
    assert [player.state for player in simulator.players.values()] == ["stop", "stop", "play"]


async def test_players_come_and_go(simulator: HeosSimulator, raw: Client) -> None:
    await raw.register()
    kitchen = simulator.players[KITCHEN]
    simulator.set_group([LOUNGE, KITCHEN])
    simulator.remove_player(KITCHEN)
    simulator.add_player(kitchen)
    simulator.change_pid(KITCHEN, 7)
    events: list[str] = []
    while events.count("event/players_changed") < 3:
        events.append((await raw.head())[0])
    assert not simulator.groups
    assert simulator.players[7] is kitchen


async def test_silence_and_a_silent_player(simulator: HeosSimulator, raw: Client) -> None:
    await raw.register()
    simulator.faults.silent = True
    raw.send("heos://system/heart_beat\r\n")
    simulator.turn_volume(LOUNGE, 5)
    await raw.nothing()
    simulator.faults.silent = False
    assert simulator.received("system/heart_beat")
    simulator.faults.silent_players = {KITCHEN}
    raw.send(f"heos://player/get_volume?pid={KITCHEN}\r\nheos://system/heart_beat\r\n")
    async with client(simulator) as other:
        assert await other.message(f"player/get_volume?pid={LOUNGE}") == f"pid={LOUNGE}&level=5"
    await raw.nothing()
    simulator.faults.silent_players.clear()
    assert (await raw.head())[0] == "system/heart_beat"
    simulator.faults.silent_players = {KITCHEN}
    simulator.faults.silent_player_blocks_socket = False
    raw.send(f"heos://player/get_volume?pid={KITCHEN}\r\nheos://system/heart_beat\r\n")
    assert (await raw.head())[0] == "system/heart_beat"


async def test_faults_in_answers(simulator: HeosSimulator, raw: Client) -> None:
    faults, about = simulator.faults, f"pid={LOUNGE}"
    faults.fail("player/get_players", 12, times=2, syserrno=-9)
    assert await raw.message("player/get_players") == "eid=12&text=System error&syserrno=-9"
    faults.fail_without_text = True
    assert await raw.message("player/get_players") == "eid=12&syserrno=-9"
    assert "payload" in await raw.ask("player/get_players")
    faults.fail("player/get_volume", 2, times=None, pid=KITCHEN)
    assert await raw.message(f"player/get_volume?{about}") == f"{about}&level=20"
    assert await raw.message(f"player/get_volume?pid={KITCHEN}") == f"eid=2&pid={KITCHEN}"
    faults.swallow.add("player/set_volume")
    assert await raw.message(f"player/set_volume?{about}&level=3") == f"{about}&level=3"
    assert simulator.players[LOUNGE].level == 20
    faults.under_process.add("browse/browse")
    assert await raw.message("browse/browse?sid=1024") == "command under process&sid=1024"
    assert (await raw.head())[2] == "sid=1024&returned=1&count=1"
    faults.under_process_never.add("browse/browse")
    await raw.message("browse/browse?sid=1024")
    await raw.nothing()
    faults.wrong_pid = KITCHEN
    assert await raw.message(f"player/get_volume?{about}") == f"pid={KITCHEN}&level=20"
    faults.unknown_play_state = True
    assert (await raw.message(f"player/get_play_state?{about}")).endswith("&state=buffering")
    faults.empty_qid = True
    simulator.play_item(LOUNGE, *tracks("a"))
    assert (await raw.ask(f"player/get_now_playing_media?{about}"))["payload"]["qid"] == ""
    faults.delay["system/heart_beat"] = 0.05
    before = asyncio.get_running_loop().time()
    await raw.ask("system/heart_beat")
    assert asyncio.get_running_loop().time() - before >= 0.049


async def test_faults_on_the_line(simulator: HeosSimulator, raw: Client) -> None:
    assert await raw.message("system/heart_beat") == ""
    simulator.send_garbage()
    with pytest.raises(json.JSONDecodeError):
        await raw.line()
    simulator.send_without_heos()
    assert "heos" not in await raw.line()
    simulator.send_huge_line()
    simulator.close_all()
    assert len(await raw.end()) > 70_000
    assert simulator.connections == 0
    simulator.faults.close_during_setup = 1
    async with client(simulator) as one:
        one.send("heos://system/check_account\r\n")
        assert await one.end() == b""
    async with client(simulator) as one:
        await one.ask("system/check_account")
        simulator.reset_all()
        with pytest.raises(ConnectionResetError):
            await one.end()
    async with client(simulator) as one:
        one.send("heos://system/reboot\r\n")
        assert await one.end() == b""


@pytest.mark.parametrize("rst", [False, True])
async def test_power(simulator: HeosSimulator, raw: Client, rst: bool) -> None:
    await raw.ask("system/heart_beat")
    port = simulator.port
    await simulator.power_off(rst=rst)
    if rst:
        with pytest.raises(ConnectionResetError):
            await raw.end()
    else:
        assert await raw.end() == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(simulator.host, port)
    await simulator.power_on()
    assert simulator.port == port
    async with client(simulator) as again:
        await again.ask("system/heart_beat")


async def test_fetch() -> None:
    asked: list[str] = []
    fetched = asyncio.Event()

    async def give(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head)
        if head.startswith("GET /short"):
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: /long.flac\r\n\r\n")
        elif head.startswith("GET /long.flac"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
            fetched.set()
        else:
            writer.write(b"HTTP/1.1 404 Not Found\r\n\r\n")
        writer.close()

    web = await asyncio.start_server(give, "127.0.0.1", 0)
    root = f"http://127.0.0.1:{web.sockets[0].getsockname()[1]}"
    async with (
        web,
        HeosSimulator(two_players(), host=some_address(), fetch=True) as simulator,
        client(simulator) as raw,
    ):
        await raw.message(f"browse/play_stream?pid={LOUNGE}&url={root}/short")
        async with asyncio.timeout(1):
            await fetched.wait()
        assert "\r\nUser-Agent: AvegaMediaServer/2.0 Linux/2.6\r\n" in asked[-1]
        assert simulator.players[LOUNGE].state == "play"
        await raw.register()
        await raw.message(f"browse/play_stream?pid={LOUNGE}&url={root}/missing")
        events = [await raw.head() for _ in range(5)]
        assert events[3] == (
            "event/player_playback_error",
            "",
            f"pid={LOUNGE}&error=Could Not Download",
        )
        assert events[4] == ("event/player_state_changed", "", f"pid={LOUNGE}&state=stop")


async def test_activity_is_told() -> None:
    told: list[tuple[str, str]] = []
    async with HeosSimulator(
        two_players(), host=some_address(), on_activity=lambda player, what: told.append((player.name, what))
    ) as simulator:
        simulator.play_item(LOUNGE, *tracks("a"))
        simulator.turn_volume(KITCHEN, 41)
        simulator.press_mute(KITCHEN)
    assert told == [
        ("Lounge AVR", "now_playing"),
        ("Lounge AVR", "queue"),
        ("Lounge AVR", "play"),
        ("Kitchen", "volume"),
        ("Kitchen", "mute"),
    ]


async def test_serve_prints_and_masks(capsys: pytest.CaptureFixture[str]) -> None:
    address = some_address()
    task = asyncio.create_task(serve(address, 1255, ["Lounge", "Kitchen"]))
    await until(lambda: "HEOS simulator on" in capsys.readouterr().out)
    reader, writer = await asyncio.open_connection(address, 1255)
    raw = Client(reader, writer)
    pids = [player["pid"] for player in (await raw.ask("player/get_players"))["payload"]]
    await raw.ask(f"player/volume_up?pid={pids[0]}")
    await raw.ask("system/sign_in?un=a@b&pw=secret")
    writer.close()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    printed = capsys.readouterr().out
    assert f"<- [1] heos://player/volume_up?pid={pids[0]}\n" in printed
    assert f"-> event/player_volume_changed pid={pids[0]}&level=25&mute=off\n" in printed
    assert "secret" not in printed


@pytest.fixture
async def heos(simulator: HeosSimulator) -> AsyncIterator[Heos]:
    one = Heos(HeosOptions(simulator.host, timeout=1.0, heart_beat=False))
    await one.connect()
    yield one
    await one.disconnect()


async def test_pyheos_players_and_volume(simulator: HeosSimulator, heos: Heos) -> None:
    players = await heos.get_players()
    assert [player.name for player in players.values()] == ["Lounge AVR", "Kitchen"]
    lounge = players[LOUNGE]
    assert (lounge.volume, lounge.state, lounge.serial) == (20, PlayState.STOP, "SIM0001")
    simulator.turn_volume(LOUNGE, 33)
    await until(lambda: lounge.volume == 33)
    await lounge.set_volume(34)
    await lounge.toggle_mute()
    await until(lambda: (lounge.volume, lounge.is_muted) == (34, True))


async def test_pyheos_plays(simulator: HeosSimulator, heos: Heos) -> None:
    lounge = (await heos.get_players())[LOUNGE]
    with pytest.raises(CommandFailedError) as refused:
        await lounge.clear_queue()
    assert refused.value.error_id == 4
    await lounge.play_url("http://10.0.0.5:8010/s/Qx7d.flac?a=1&b=2")
    await until(lambda: lounge.state == PlayState.PLAY)
    await until(lambda: lounge.now_playing_media.song == "Url Stream")
    assert simulator.players[LOUNGE].queue[0].url == "http://10.0.0.5:8010/s/Qx7d.flac?a=1&b=2"
    simulator.play_item(LOUNGE, *tracks("one", "two", duration_ms=60_000))
    await until(lambda: lounge.now_playing_media.song == "one")
    await until(lambda: lounge.now_playing_media.duration == 60_000)
    assert [item.song for item in await lounge.get_queue()] == ["one", "two"]
    await lounge.play_next()
    await until(lambda: lounge.now_playing_media.song == "two")
    simulator.seek(LOUNGE, 40)
    await until(lambda: (lounge.now_playing_media.current_position or 0) >= 40_000)
    await lounge.pause()
    await until(lambda: lounge.state == PlayState.PAUSE)
    await lounge.play_input_source("inputs/optical_in_1")
    await until(lambda: lounge.now_playing_media.media_id == "inputs/optical_in_1")


async def test_pyheos_groups(simulator: HeosSimulator, heos: Heos) -> None:
    players = await heos.get_players()
    assert await heos.get_groups() == {}
    await heos.create_group(LOUNGE, [KITCHEN])
    group = (await heos.get_groups(refresh=True))[LOUNGE]
    assert (group.name, group.lead_player_id, group.member_player_ids) == (
        "Lounge AVR + Kitchen",
        LOUNGE,
        [KITCHEN],
    )
    await group.set_volume(60)
    await until(lambda: (group.volume, players[LOUNGE].volume, players[KITCHEN].volume) == (60, 40, 80))
    await heos.remove_group(LOUNGE)
    assert await heos.get_groups(refresh=True) == {}


async def test_pyheos_browses(simulator: HeosSimulator, heos: Heos) -> None:
    sources = await heos.get_music_sources()
    assert set(sources) == {3, 10, 1024, 1025, 1026, 1027, 1028}
    assert [source.name for source in sources.values() if source.available] == [
        "TuneIn",
        "Local Music",
        "AUX Input",
    ]
    (server,) = (await heos.browse(1024)).items
    albums = (await server.browse()).items
    assert [album.name for album in albums[:2]] == ["Blue Train", "R&B Hits"]
    songs = (await albums[0].browse()).items
    assert [song.name for song in songs] == ["Blue Train", "Moment's Notice", "Locomotion"]
    inputs = (await (await heos.browse(1027)).items[0].browse()).items
    assert inputs[1].name == "Lounge AVR - CD"
    await heos.sign_in("someone@example.org", "secret")
    assert len((await heos.browse(1028)).items) == 2
    await heos.get_players()
    await heos.players[LOUNGE].play_preset_station(1)
    simulator.faults.unknown_media_type = True
    with pytest.raises(ValueError, match="video"):
        await albums[0].browse()


async def test_moving_and_saving_a_queue(simulator: HeosSimulator, raw: Client) -> None:
    simulator.play_item(LOUNGE, *tracks("a", "b", "c", "d"))
    simulator.play_queue(LOUNGE, 2)
    lounge = simulator.players[LOUNGE]
    await raw.message(f"player/move_queue_item?pid={LOUNGE}&sqid=1&dqid=4")
    assert [item.song for item in lounge.queue] == ["b", "c", "d", "a"]
    await raw.message(f"player/move_queue_item?pid={LOUNGE}&sqid=3,4&dqid=1")
    assert [item.song for item in lounge.queue] == ["d", "a", "b", "c"]
    assert lounge.now_playing is not None
    assert (lounge.now_playing.song, lounge.current) == ("c", 3)
    for refused in ("sqid=1&dqid=5", "sqid=0&dqid=1"):
        assert "eid=2" in await raw.message(f"player/move_queue_item?pid={LOUNGE}&{refused}")
    assert "eid=8" in await raw.message(f"player/save_queue?pid={LOUNGE}&name=Mine")
    simulator.sign_in("someone@example.org")
    await raw.message(f"player/save_queue?pid={LOUNGE}&name=Mine")
    assert [item.song for item in simulator.saved_queues["Mine"]] == ["d", "a", "b", "c"]
    assert "eid=3" in await raw.message(f"player/save_queue?pid={LOUNGE}&name={'x' * 129}")


async def test_members_that_lag_and_bursts(simulator: HeosSimulator, raw: Client) -> None:
    simulator.play_item(LOUNGE, *tracks("a"))
    simulator.set_state(LOUNGE, "pause")
    simulator.members_lag, simulator.burst = True, 3
    await raw.register()
    simulator.set_group([LOUNGE, KITCHEN])
    assert [(await raw.head())[0] for _ in range(3)] == ["event/groups_changed"] * 3
    await raw.nothing()
    assert await raw.message(f"player/get_play_state?pid={KITCHEN}") == f"pid={KITCHEN}&state=stop"
    simulator.members_lag = False
    assert await raw.message(f"player/get_play_state?pid={KITCHEN}") == f"pid={KITCHEN}&state=pause"
