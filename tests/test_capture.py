"""What `sugartalkd capture` asks, writes and hides, and that simulators replay it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from contextlib import asynccontextmanager
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from sugartalkd.capture.avr import GAP, AvrCapture
from sugartalkd.capture.avr_questions import FIRST, is_question
from sugartalkd.capture.command import Capture, hint
from sugartalkd.capture.heos import HeosCapture
from sugartalkd.capture.heos_questions import ALLOWED
from sugartalkd.denon.receiver import DenonReceiver
from sugartalkd.heos.session import HeosSession
from sugartalkd.model import HEOS_LINK, LinkWord, ReceiverId, ReceiverZone, receiver_link
from sugartalkd.recording import NotARecording, Recording, load
from sugartalkd.simulator.avr import AvrSimulator, SlotPolicy, StandbyAnswers
from sugartalkd.simulator.avr_http import AvrHttp
from sugartalkd.simulator.heos import HeosSimulator, SimulatedItem, SimulatedPlayer
from sugartalkd.simulator.local_broker import free_port
from sugartalkd.simulator.replay import AvrReplay, HeosReplay, read_device
from sugartalkd.state import StateStore
from tests.heos_home import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine

    from sugartalkd.capture.command import DeviceCapture
    from sugartalkd.model import FoundPlayer

ROOT: Final = Path(__file__).parent.parent
PROGRAM: Final = (sys.executable, "-m", "sugartalkd")
ANNA: Final = -1_428_708_007
TOM: Final = 71_230_045
QUICK: Final = 0.05
"""The receiver's limits for an answer, as a factor: a simulated one answers at once."""


def _system(address: str, *, delay: float = 0.0) -> HeosSimulator:
    """Two players of people who would not like to be known, signed in, grouped, playing."""
    anna = SimulatedPlayer("Annas Zimmer", ANNA, serial="AXQ27210012345", ip=address, level=33)
    tom = SimulatedPlayer("Tom & Jerry", TOM, model="Denon AVR-X2400H", serial="BXQ9", ip="192.168.77.31")
    anna.queue = [
        SimulatedItem(
            "Geheimes Lied = 100%",
            "Grünes Album",
            "Zoë & Łukasz",
            "http://192.168.77.2:8095/art/secretcover.jpg?token=QWERTZ4711",
            mid="library-1234$5678",
            album_id="album-8765",
        ),
        SimulatedItem("  Zweites\tLied  ", "Grünes Album", "日本の歌手", mid="http://192.168.77.2/two.flac"),
    ]
    anna.current = 0
    heos = HeosSimulator([anna, tom], host=address, answer_delay=delay)
    heos.sign_in("anna.muster@home.example")
    heos.favourites[0].station = "Radio Dorfplatz"
    heos.set_group([ANNA, TOM])
    return heos


SECRETS: Final = (
    "Annas", "Zimmer", "Jerry", "AXQ27210012345", "BXQ9", "192.168.77", "Geheim", "Lied", "Grünes", "Zoë",
    "Łukasz", "日本", "secretcover", "QWERTZ", "4711", "library-1234", "album-8765", "anna", "home.example",
    "Dorfplatz", "1428708007", "71230045", "1904871134", "attic", "Morning", "Jazz", "s6814", "two.flac",
)  # fmt: skip


@asynccontextmanager
async def _receiver(**options: object) -> AsyncGenerator[AvrSimulator]:
    async with AvrSimulator(port=0, answer_delay=(0.0, 0.002), boot_time=0.1, **options) as avr:  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        yield avr


def _avr(
    avr: AvrSimulator, factor: float = QUICK, gap: float = 0.0, web_ports: tuple[int, ...] = ()
) -> AvrCapture:
    return AvrCapture("127.0.0.1", avr.port, hint=hint(None), factor=factor, gap=gap, web_ports=web_ports)


def _heos(address: str, factor: float = 1.0, gap: float = 0.0) -> HeosCapture:
    return HeosCapture(address, factor=factor, gap=gap)


@asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncGenerator[None]:
    task = asyncio.create_task(work, name="daemon's part")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _captured(file: Path, *devices: DeviceCapture, seconds: float = 0.2) -> tuple[Recording, list[str]]:
    said: list[str] = []
    capture = Capture(said.append)
    await capture.run(devices, seconds)
    capture.end(file)
    return _loaded(file), said


def _loaded(file: Path) -> Recording:
    return load(file.read_text(encoding="utf-8"))


def _answers(recording: Recording, number: int = 0) -> list[tuple[bytes, tuple[bytes, ...]]]:
    return [(one.sent, one.received) for one in recording.devices[number].exchanges]


# -- HEOS ----------------------------------------------------------------------------------------------


async def test_a_heos_system_is_asked_and_nothing_changes(address: str, tmp_path: Path) -> None:
    async with _system(address) as heos:
        before = deepcopy((heos.players, heos.groups, heos.user, heos.favourites))
        recording, said = await _captured(tmp_path / "c.json", _heos(address))
        assert (heos.players, heos.groups, heos.user, heos.favourites) == before
        asked = {line.command for line in heos.ledger}
        assert asked == ALLOWED, "all that is allowed was asked, and nothing else"
        assert all(not line.arguments.get("pw") for line in heos.ledger)
    device = recording.devices[0]
    assert (device.model, device.firmware, device.ended) == ("HEOS 1", "3.34.620", None)
    assert len(device.exchanges) == len(heos.ledger)
    assert any("answered" in line and "silent" in line for line in said)
    assert any("before you share it" in line for line in said)


async def test_nothing_private_of_a_heos_system_is_written(address: str, tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    async with _system(address) as heos:
        capture = asyncio.create_task(_captured(file, _heos(address), seconds=0.5))
        await until(lambda: heos.received("system/register_for_change_events"))
        await asyncio.sleep(0.1)
        heos.sign_in("anna.muster@home.example")
        heos.playback_error(ANNA, "cannot get http://192.168.77.2:8095/two.flac for Annas Zimmer")
        heos.turn_volume(TOM, 44)
        recording, said = await capture
    text = file.read_text(encoding="utf-8")
    assert [secret for secret in SECRETS if secret.casefold() in text.casefold()] == []
    assert address not in text
    assert file.stat().st_mode & 0o077 == 0
    heard = [line.line.decode() for line in recording.devices[0].unasked]
    assert any("player_volume_changed" in line and "level=44" in line for line in heard)
    assert any("playback_error" in line and "Player 1" in line for line in heard)
    for kind in ("player name", "serial number", "account", "title", "artist", "album", "web address"):
        assert recording.masked[kind] > 0, kind
        assert any(kind in line for line in said)


async def test_who_is_who_and_odd_forms_survive_masking(address: str, tmp_path: Path) -> None:
    async with _system(address):
        recording, _ = await _captured(tmp_path / "c.json", _heos(address))
    answers = dict(_answers(recording))
    players = json.loads(answers[b"heos://player/get_players"][0])["payload"]
    assert [(one["name"], one["pid"] < 0) for one in players] == [("Player 1", True), ("Player 2&", False)]
    assert [len(one["serial"]) for one in players] == [14, 4]
    assert players[1]["model"] == "Denon AVR-X2400H"
    first, second = (one["pid"] for one in players)
    group = json.loads(answers[b"heos://group/get_groups"][0])["payload"][0]
    assert (group["gid"], [one["pid"] for one in group["players"]]) == (first, [first, second])
    queue = json.loads(answers[f"heos://player/get_queue?pid={first}&range=0,19".encode()][0])
    song = queue["payload"][0]
    assert re.fullmatch(r"Title \d+%3D%25", song["song"]), "escapes on the wire stay escapes"
    assert re.fullmatch(r"Album \d+é", song["album"])
    assert song["image_url"].startswith("http://192.0.2.")
    assert song["image_url"].endswith(".jpg?=")
    assert len(song["mid"]) == len("library-1234$5678")
    assert song["album"] == queue["payload"][1]["album"]
    assert queue["payload"][1]["song"].startswith("  Title")


async def test_a_replayed_heos_system_is_captured_the_same(
    address: str, other_address: str, tmp_path: Path
) -> None:
    async with _system(address) as heos:
        capture = asyncio.create_task(_captured(tmp_path / "c.json", _heos(address), seconds=0.4))
        await until(lambda: heos.received("system/register_for_change_events"))
        await asyncio.sleep(0.1)
        heos.turn_volume(TOM, 44)
        heos.press_mute(ANNA)
        first, _ = await capture
    replay = HeosReplay(read_device(tmp_path / "c.json", "heos"))
    async with HeosSimulator([], host=other_address, replay=replay):
        second, _ = await _captured(tmp_path / "again.json", _heos(other_address), seconds=0.8)
    assert _answers(second) == _answers(first)
    heard = [one.line for one in first.devices[0].unasked]
    assert len(heard) > 2
    assert [one.line for one in second.devices[0].unasked] == heard
    assert second.devices[0].model == "HEOS 1"


async def test_the_daemon_works_with_a_replayed_heos_system(
    address: str, other_address: str, tmp_path: Path
) -> None:
    async with _system(address):
        await _captured(tmp_path / "c.json", _heos(address))
    replay = HeosReplay(read_device(tmp_path / "c.json", "heos"))
    async with HeosSimulator([], host=other_address, replay=replay) as heos:
        store = StateStore()
        found: list[tuple[FoundPlayer, ...]] = []
        session = HeosSession(other_address, store, found.append)
        async with _running(session.run()):
            await until(lambda: found and store.links[HEOS_LINK].word is LinkWord.ONLINE)
            assert [one.name for one in found[-1]] == ["Player 1", "Player 2&"]
            await session.player(found[-1][0].key).set_volume(12)
            assert heos.received("player/set_volume"), "answered with success, though nothing changes"
            assert (await session.requests.favorites(10, 0)).items


async def test_answers_come_as_late_as_recorded(address: str, other_address: str, tmp_path: Path) -> None:
    async with _system(address) as heos:
        heos.faults.under_process.add("browse/browse")
        heos.faults.delay["browse/browse"] = 0.15
        first, _ = await _captured(tmp_path / "c.json", _heos(address))
    browsed = [one for one in first.devices[0].exchanges if b"/browse?" in one.sent]
    assert all(b"under process" in one.received[0] for one in browsed)
    assert all(len(one.received) == 2 and one.after_ms[1] >= 145 for one in browsed)
    replay = HeosReplay(read_device(tmp_path / "c.json", "heos"))
    async with HeosSimulator([], host=other_address, replay=replay):
        second, _ = await _captured(tmp_path / "again.json", _heos(other_address))
    again = [one for one in second.devices[0].exchanges if b"/browse?" in one.sent]
    assert all(one.after_ms[1] >= 145 for one in again)


async def test_a_source_that_never_answers_costs_only_itself(address: str, tmp_path: Path) -> None:
    async with _system(address) as heos:
        heos.faults.silent_sources.add(ANNA)
        recording, said = await _captured(tmp_path / "c.json", _heos(address, factor=0.03))
    silent = [one for one in recording.devices[0].exchanges if not one.received]
    assert [one.sent.partition(b"?")[0] for one in silent] == [b"heos://browse/browse"]
    assert recording.devices[0].ended is None
    assert recording.devices[0].exchanges[-1].received, "the questions after it were answered"
    assert any("no answer: heos://browse/browse" in line for line in said)


async def test_a_heos_system_that_hangs_ends_with_what_there_is(address: str, tmp_path: Path) -> None:
    device = _heos(address, factor=0.05, gap=0.05)
    async with _system(address) as heos:
        capture = asyncio.create_task(_captured(tmp_path / "c.json", device))
        await until(lambda: len(heos.ledger) >= 5)
        heos.faults.silent = True
        recording, _ = await capture
    assert device.ended is not None
    assert "3 questions in a row" in device.ended
    assert [bool(one.received) for one in recording.devices[0].exchanges].count(True) >= 3
    assert recording.devices[0].ended == "it did not answer everything"


async def test_a_heos_system_that_resets_the_connection_ends_with_what_there_is(
    address: str, tmp_path: Path
) -> None:
    device = _heos(address, gap=0.05)
    async with _system(address) as heos:
        capture = asyncio.create_task(_captured(tmp_path / "c.json", device))
        await until(lambda: len(heos.ledger) >= 4)
        heos.send_garbage()
        await until(lambda: len(heos.ledger) >= 6)
        heos.reset_all()
        recording, said = await capture
    assert device.ended is not None
    assert address in device.ended
    assert len(recording.devices[0].exchanges) >= 6
    assert [one.line for one in recording.devices[0].unasked] == [b'{"xxxx":{"xxxxxxx":"xxxxx/xx']
    assert any(device.ended in line for line in said)


# -- receiver ------------------------------------------------------------------------------------------


async def test_a_receiver_is_asked_and_nothing_changes(tmp_path: Path) -> None:
    async with _receiver() as avr:
        avr.state.main.source = "NET"
        avr.state.now_playing.title = "Geheimes Lied"
        avr.state.now_playing.screen = "Now Playing Annas Server"
        before = deepcopy(avr.state)
        recording, _ = await _captured(tmp_path / "c.json", _avr(avr))
        assert avr.state == before
        assert all(is_question(one.frame) for one in avr.ledger)
        assert len({one.frame for one in avr.ledger}) == len(avr.ledger) > 90
        assert avr.connections_total == 1
        await until(lambda: not avr.connections_open)
    answers = dict(_answers(recording))
    assert answers[b"MV?"] == (b"MV50", b"MVMAX 98")
    assert answers[b"Z2?"] == (b"Z2OFF", b"Z2TUNER", b"Z240")
    assert answers[b"VSSC ?"] == (b"VSSCAUTO",)
    assert answers[b"CV?"][-1] == b"CVEND"
    assert answers[b"Z3?"] == ()
    assert recording.devices[0].unasked == ()
    screen = answers[b"NSE"]
    assert screen[0].startswith(b"NSE0Now Playing xxxxx xxxxxx\0")
    assert screen[1].startswith(b"NSE1\x01xxxxxxxx xxxx\0")
    assert screen[5].startswith(b"NSE5\x011:23  40%\0")
    assert all(len(line) == 100 for line in screen), "NULs and what is behind them stay as long"
    text = (tmp_path / "c.json").read_text(encoding="utf-8")
    for secret in ("Geheim", "Annas", "Energy", "Ibiza", "SUGAR FM", "127.0.0.1"):
        assert secret not in text


async def test_a_receiver_is_given_the_time_it_needs_between_questions() -> None:
    async with _receiver() as avr:
        asking = asyncio.create_task(_avr(avr, gap=GAP).run(0, lambda _text: None))
        await until(lambda: len(avr.ledger) > 10)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert avr.min_gap >= 0.075


@pytest.mark.parametrize("answers", StandbyAnswers)
async def test_a_receiver_in_standby_is_asked_three_questions(
    answers: StandbyAnswers, tmp_path: Path
) -> None:
    async with _receiver(standby_answers=answers) as avr:
        avr.state.power = avr.state.main.power = False
        async with AvrHttp() as web:
            recording, said = await _captured(tmp_path / "c.json", _avr(avr, web_ports=(web.port,)))
        assert [one.frame for one in avr.ledger] == list(FIRST)
        assert not avr.state.power
    assert recording.devices[0].ended is None
    assert recording.devices[0].model == "AVR-X2300W"
    assert any("standby" in line for line in said)


async def test_a_replayed_receiver_is_captured_the_same(tmp_path: Path) -> None:
    async with _receiver() as avr:
        avr.state.main.source = "NET"
        avr.faults.late["PSBAS"] = 0.03
        avr.faults.chatter, avr.faults.chatter_gap = True, 0.4
        first, _ = await _captured(tmp_path / "c.json", _avr(avr))
    replay = AvrReplay(read_device(tmp_path / "c.json", "avr"))
    async with AvrSimulator(port=0, replay=replay) as avr:
        second, _ = await _captured(tmp_path / "again.json", _avr(avr), seconds=1.0)
    assert _by_question(second) == _by_question(first)
    (bass,) = (one for one in second.devices[0].exchanges if one.sent == b"PSBAS ?")
    assert bass.after_ms[0] >= 30
    chatter = [_chatter(one) for one in (first, second)]
    assert chatter[0] == chatter[1] > 3


def _chatter(recording: Recording) -> int:
    return sum(one.line == b"OPSTS 0000000000000000" for one in recording.devices[0].unasked)


def _by_question(recording: Recording) -> list[tuple[bytes, tuple[bytes, ...]]]:
    """Without the one question that the receiver's own chatter answers, too."""
    return [(sent, lines) for sent, lines in _answers(recording) if not sent.startswith(b"SSINFAISFSV")]


async def test_a_line_that_nobody_asked_for_is_no_answer() -> None:
    async with _receiver() as avr:
        avr.faults.mute_queries.add("PSDYNEQ ?")
        device = _avr(avr, factor=1.0)
        asking = asyncio.create_task(device.run(0, lambda _text: None))
        await until(lambda: avr.ledger and avr.ledger[-1].frame == "PSDYNEQ ?")
        await avr.turn_knob(1)
        await until(lambda: avr.ledger[-1].frame == "PSLOM ?")
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    found = device.device()
    answers = {one.sent: one.received for one in found.exchanges}
    assert answers[b"PSDYNEQ ?"] == ()
    assert answers[b"MV?"] == (b"MV50", b"MVMAX 98")
    assert [one.line for one in found.unasked] == [b"MV505", b"MVMAX 98"]


async def test_a_late_answer_goes_to_its_question() -> None:
    async with _receiver() as avr:
        avr.faults.late["PSDYNEQ"] = 0.8
        device = _avr(avr, factor=1.0)
        asking = asyncio.create_task(device.run(0, lambda _text: None))
        await until(lambda: avr.ledger and avr.ledger[-1].frame == "PSGEQ ?")
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    late = next(one for one in device.device().exchanges if one.sent == b"PSDYNEQ ?")
    assert late.received == (b"PSDYNEQ ON",)
    assert late.after_ms[0] >= 790


async def test_the_daemon_works_with_a_replayed_receiver(tmp_path: Path) -> None:
    async with _receiver() as avr:
        await _captured(tmp_path / "c.json", _avr(avr))
    replay = AvrReplay(read_device(tmp_path / "c.json", "avr"))
    denon = ReceiverId("denon")
    async with AvrSimulator(port=0, replay=replay) as avr:
        store = StateStore()
        receiver = DenonReceiver(denon, "127.0.0.1", avr.port, store, frozenset({ReceiverZone.MAIN}))
        async with _running(receiver.run()):
            await until(lambda: store.links[receiver_link(denon)].word is LinkWord.ONLINE)


async def test_a_capture_goes_through_the_daemons_shared_session() -> None:
    async with _receiver() as avr:
        denon, port = ReceiverId("denon"), free_port()
        store = StateStore()
        receiver = DenonReceiver(
            denon, "127.0.0.1", avr.port, store, frozenset({ReceiverZone.MAIN}), share=("127.0.0.1", port)
        )
        async with _running(receiver.run()):
            await until(lambda: store.links[receiver_link(denon)].word is LinkWord.ONLINE)
            device = AvrCapture("127.0.0.1", port, gap=0.0, web_ports=())
            asking = asyncio.create_task(device.run(0, lambda _text: None))
            await until(lambda: device.answered > 12 or asking.done())
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        assert avr.connections_total == 1
    answers = {one.sent: one.received for one in device.device().exchanges}
    assert answers[b"MV?"] == (b"MV50", b"MVMAX 98")
    assert answers[b"Z2?"] == (b"Z2OFF", b"Z2TUNER", b"Z240")


async def test_a_taken_session_is_named_with_what_to_do(tmp_path: Path) -> None:
    for policy in (SlotPolicy.REFUSE, SlotPolicy.ACCEPT_CLOSE):
        async with _receiver(slot=policy) as avr:
            _, writer = await asyncio.open_connection("127.0.0.1", avr.port)
            await until(lambda avr=avr: avr.connections_open)
            device = _avr(avr)
            said: list[str] = []
            capture = Capture(said.append)
            await capture.run([device], 0.1)
            capture.end(tmp_path / "c.json")
            writer.close()
            await writer.wait_closed()
            assert not capture.complete
            assert device.ended is not None
            assert "stop sugartalkd for the capture" in device.ended
            assert "receivers.<id>.share" in device.ended
            assert not (tmp_path / "c.json").exists()
            assert any("nothing was written" in line for line in said)


async def test_a_receiver_that_answers_nothing(tmp_path: Path) -> None:
    async with _receiver() as avr:
        avr.faults.silent = True
        device = _avr(avr)
        await device.run(0.1, lambda _text: None)
    assert device.ended is not None
    assert "answers nothing" in device.ended


async def test_a_receiver_that_closes_leaves_what_there_is(tmp_path: Path) -> None:
    async with _receiver() as avr:
        avr.faults.close_after = 9
        device = _avr(avr)
        recording, _ = await _captured(tmp_path / "c.json", device)
    assert device.ended is not None
    assert "closed the connection" in device.ended
    assert sum(len(one.received) for one in recording.devices[0].exchanges) == 9


# -- the command ---------------------------------------------------------------------------------------


async def _started(*arguments: str, folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *PROGRAM,
        *arguments,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _program(*arguments: str, folder: Path) -> tuple[int, str, str]:
    child = await _started(*arguments, folder=folder)
    out, err = await child.communicate()
    return child.returncode or 0, out.decode(), err.decode()


async def test_the_program_captures_the_configured_devices(address: str, tmp_path: Path) -> None:
    async with _system(address), _receiver() as avr:
        avr.state.power = avr.state.main.power = False
        (tmp_path / "config.yaml").write_text(
            f"heos: {{host: {address}}}\nreceivers: {{denon: {{host: 127.0.0.1, port: {avr.port}}}}}\n"
        )
        code, out, err = await _program(
            "capture", "--config", "config.yaml", "--seconds", "0", "--output", "c.json", folder=tmp_path
        )
    assert (code, err) == (0, "")
    assert "c.json is written" in out
    assert [one.kind for one in load((tmp_path / "c.json").read_text()).devices] == ["heos", "avr"]


async def test_what_cannot_be_reached_is_exit_69_and_the_rest_is_written(
    address: str, tmp_path: Path
) -> None:
    async with _receiver() as avr:
        avr.state.power = avr.state.main.power = False
        code, out, _ = await _program(
            "capture", "--heos", address, "--avr", f"127.0.0.1:{avr.port}", "--seconds", "0", folder=tmp_path
        )
    assert code == 69
    assert f"{address}:1255 cannot be reached: Connection refused" in out
    (name,) = re.findall(r"sugartalkd-capture-\S+\.json", out)
    assert len(_answers(_loaded(tmp_path / name), 1)) == 3


async def test_an_interrupted_capture_is_written(tmp_path: Path) -> None:
    async with _receiver() as avr:
        where = f"127.0.0.1:{avr.port}"
        child = await _started("capture", "--avr", where, "--output", "c.json", folder=tmp_path)
        await until(lambda: len(avr.ledger) > 5, 10)
        child.send_signal(signal.SIGINT)
        await child.communicate()
        assert child.returncode == 1
    assert len(_answers(load((tmp_path / "c.json").read_text()))) >= 5


async def test_configurations_and_places_that_do_not_do(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("mqtt: {host: 127.0.0.1}\n")
    code, _, err = await _program("capture", "--config", "empty.yaml", folder=tmp_path)
    assert (code, "names no device" in err) == (78, True)
    code, _, err = await _program("capture", "--config", "missing.yaml", folder=tmp_path)
    assert code == 78
    code, _, err = await _program("capture", "--heos", "127.0.0.1", "--output", "no/c.json", folder=tmp_path)
    assert (code, "--output" in err) == (1, True)
    for wrong in (("--avr", "host:0"), ("--avr", ":23"), ("--seconds", "-1"), ("--seconds", "nan")):
        assert (await _program("capture", *wrong, folder=tmp_path))[0] == 2


async def test_the_program_replays(address: str, tmp_path: Path) -> None:
    async with _system(address):
        first, _ = await _captured(tmp_path / "c.json", _heos(address))
    child = await _started("simulate", "heos", "--host", address, "--replay", "c.json", folder=tmp_path)
    try:
        assert child.stdout is not None
        while b"HEOS simulator on" not in await child.stdout.readline():
            pass
        second, _ = await _captured(tmp_path / "again.json", _heos(address))
    finally:
        child.terminate()
        await child.communicate()
    assert _answers(second) == _answers(first)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{}", "date: Field required"),
        ("no", "JSON"),
        ('{"format": "sugartalkd capture", "version": 2, "date": "", "tool": ""}', "version"),
        ('{"date": "", "tool": ""}', "no avr device"),
        ('{"date": "", "tool": "", "devices": [{"kind": "avr", "exchanges": [{}]}]}', "exchanges.0.sent"),
    ],
)
async def test_files_that_cannot_be_replayed(content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(NotARecording, match=says):
        read_device(tmp_path / "c.json", "avr")
    code, _, err = await _program("simulate", "avr", "--replay", "c.json", folder=tmp_path)
    assert (code, "cannot be replayed" in err) == (1, True)
