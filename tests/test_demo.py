"""The demo as people meet it: both brokers, a terminal and none, taken ports, and nothing left behind.

The demo has fixed ports (1255, and 1883 if it can), so each of its tests runs this file once more, as a
program in a network namespace of its own: `python -m tests.test_demo lines FOLDER`.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from io import StringIO
from pathlib import Path
from typing import Any, Final

import pytest
from rich.console import Console

from sugartalkd.demo import FRESH, Board, draw
from sugartalkd.model import (
    HEOS_LINK,
    Capability,
    LinkState,
    LinkWord,
    Owner,
    ReceiverId,
    ReceiverState,
    Zone,
    ZoneId,
    receiver_link,
)
from sugartalkd.simulator.local_broker import LocalBroker, NoBroker, find_mosquitto
from sugartalkd.state import StateStore, now
from tests.house import Broker, Watcher

ROOT: Final = Path(__file__).parent.parent
DEMO: Final = (sys.executable, "-m", "sugartalkd", "demo")
WITHOUT_RICH: Final = (
    "import sys; sys.modules['rich'] = None; from sugartalkd.cli import main; sys.exit(main(['demo']))"
)
LIMIT: Final = 15.0
"""Seconds for anything to show."""
PATIENT: Final = pytest.mark.timeout(90)


# -- in a network of its own -------------------------------------------------------------------------


async def _alone(case: str, folder: Path, *, without_mosquitto: bool = False) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("needs network namespaces (Linux)")
    mosquitto = find_mosquitto()
    hidden = f"mount --bind /dev/null '{mosquitto}'" if without_mosquitto and mosquitto else "true"
    script = (
        f"set -e; ip link set lo up; {hidden}; exec '{sys.executable}' -m tests.test_demo {case} '{folder}'"
    )
    ended = await asyncio.to_thread(
        subprocess.run,
        ("unshare", "--map-root-user", "--net", "--mount", "bash", "-c", script),
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder), "TERM": "xterm-256color"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in ended.stderr:
        pytest.skip(f"no network namespace can be made here: {ended.stderr.strip()[:120]}")
    assert ended.returncode == 0, (ended.stdout[-2000:], ended.stderr[-3000:])


@PATIENT
@pytest.mark.parametrize("without_mosquitto", [False, True])
async def test_its_lines_do_what_it_says(tmp_path: Path, without_mosquitto: bool) -> None:
    await _alone("lines", tmp_path, without_mosquitto=without_mosquitto)


@PATIENT
async def test_a_taken_port_is_not_shared(tmp_path: Path) -> None:
    await _alone("taken", tmp_path)


@PATIENT
async def test_on_a_terminal_there_is_a_table_until_it_is_closed(tmp_path: Path) -> None:
    await _alone("table", tmp_path)


@PATIENT
async def test_without_rich_there_are_log_lines_and_a_hint(tmp_path: Path) -> None:
    await _alone("plain", tmp_path)


def _assert_nothing_is_left(folder: Path) -> None:
    assert not list(folder.iterdir())
    assert not _programs(str(folder))


def _programs(word: str) -> list[int]:
    """Process ids of command lines with this word."""
    found: list[int] = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in file.read_bytes() and int(file.parent.name) != os.getpid():
                found.append(int(file.parent.name))
        except OSError:
            pass  # it has just ended
    return found


async def _lines(folder: Path) -> None:
    child = subprocess.Popen(  # noqa: ASYNC220  # returns at once
        DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdout is not None
    try:
        said: list[str] = []
        while not said or "Ctrl-C" not in said[-1]:
            said.append(await asyncio.wait_for(asyncio.to_thread(child.stdout.readline), LIMIT))
        assert "127.0.0.1:1883" in said[0]
        if find_mosquitto() is not None and shutil.which("mosquitto_pub") is not None:
            shown = re.sub(r"(?<=receiver is at 127.0.0.1:)[0-9]+", "40123", "".join(said))
            shown = re.sub(r"(?<=at http://127.0.0.1:)[0-9]+", "40124", shown)
            assert shown in (ROOT / "README.md").read_text(), "what the README shows is what one sees"
        look, *commands = [line.strip() for line in said if line.startswith("  mosquitto_")]
        assert len(commands) == 5
        async with Watcher(Broker("127.0.0.1", 1883, 1883, "demo"), version5=False) as watcher:
            await watcher.wait("kitchen/state", "playing", LIMIT)
            await watcher.wait("living_room/power", "ON", LIMIT)
            if shutil.which("mosquitto_pub") is not None:
                for command in commands:
                    await asyncio.to_thread(subprocess.run, command, shell=True, check=True)  # noqa: S604
                await watcher.until(
                    lambda: "Abbey Road" in [one.text for one in watcher.all("living_room/album")], LIMIT
                )
                await watcher.wait("living_room/input", "TV box", LIMIT)
                await watcher.wait("living_room/volume", "35.5", LIMIT)
                await watcher.wait("kitchen/title", "Retain Me", LIMIT)
                await watcher.wait("kitchen/volume", "25", LIMIT)
                seen = await asyncio.to_thread(subprocess.getoutput, f"timeout 2 {look}")
                assert "sugartalk/bridge/state online" in seen
        child.send_signal(signal.SIGINT)
        _, log = await asyncio.to_thread(child.communicate, timeout=LIMIT)
        assert child.returncode == 0
        assert '"changed"' in log
        assert "panicked" not in log
    finally:
        child.kill()
    _assert_nothing_is_left(folder)


async def _taken(folder: Path) -> None:
    with socket.create_server(("", 1883)):
        refused = await asyncio.to_thread(
            subprocess.run, [*DEMO, "--port", "1883"], capture_output=True, text=True, cwd=ROOT, check=False
        )
        assert refused.returncode == 69, refused
        assert refused.stderr.count("\n") == 1
        assert "port 1883 of 127.0.0.1: another program has it" in refused.stderr
        _assert_nothing_is_left(folder)
        terminal = _Terminal(*DEMO)
        assert re.search(r"mosquitto_sub -p \d+ ", await terminal.shows("Ctrl-C"))
        await terminal.end(signal.SIGTERM)
    with socket.create_server(("127.0.0.1", 1255)):
        refused = await asyncio.to_thread(
            subprocess.run, DEMO, capture_output=True, text=True, cwd=ROOT, check=False
        )
        assert refused.returncode == 69, refused
        assert "1255" in refused.stderr
        assert "Traceback" not in refused.stderr
    _assert_nothing_is_left(folder)


async def _table(folder: Path) -> None:
    terminal = _Terminal(*DEMO)
    await terminal.shows("Links: heos online, receiver/denon online")
    async with Watcher(Broker("127.0.0.1", 1883, 1883, "demo"), version5=False) as watcher:
        await watcher.wait("living_room/power", "ON", LIMIT)
        await watcher.publish("living_room/volume/set", "35.5")
        await terminal.shows("35.5")
        await watcher.publish("kitchen/command", "next")
        await terminal.shows("Retain Me")
    (broker,) = _programs(str(folder))
    os.kill(broker, signal.SIGKILL)
    above = await terminal.shows("the broker")
    assert re.search(r"[\r\n][0-9-]+T\S+ \[warning ", above), "a log line begins a line of its own"
    assert "living_room" in await terminal.shows("kitchen"), "the table is drawn again below it"
    await terminal.close()
    _assert_nothing_is_left(folder)


async def _plain(folder: Path) -> None:
    terminal = _Terminal(sys.executable, "-c", WITHOUT_RICH)
    text = await terminal.shows("Ctrl-C")
    assert text.count("pip install 'sugartalkd[demo]' brings a live table") == 1
    await terminal.shows("zone=kitchen")
    await terminal.end(signal.SIGHUP)
    _assert_nothing_is_left(folder)


class _Terminal:
    """A program on a terminal of 80 columns."""

    def __init__(self, *command: str) -> None:
        self._pid, self._file = pty.fork()
        if not self._pid:
            os.chdir(ROOT)
            os.execv(command[0], command)  # noqa: S606  # our own command line
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    async def shows(self, text: str) -> str:
        """All that comes until this does, without control sequences."""
        return await asyncio.to_thread(self._read_until, text)

    def _read_until(self, text: str) -> str:
        shown = ""
        ends = time.monotonic() + LIMIT
        while text not in shown:
            ready, _, _ = select.select([self._file], [], [], ends - time.monotonic())
            assert ready, f"{text!r} does not come after {shown}"
            shown += re.sub(
                r"\x1b\[[0-9;?]*[A-Za-z]", "", os.read(self._file, 65536).decode(errors="replace")
            )
        return shown

    async def end(self, number: int) -> None:
        """Ask it to end, and see that it does so by itself."""
        os.kill(self._pid, number)
        await self._ended()

    async def close(self) -> None:
        """Close the window it runs in."""
        os.close(self._file)
        await self._ended()

    async def _ended(self) -> None:
        _, status = await asyncio.wait_for(asyncio.to_thread(os.waitpid, self._pid, 0), LIMIT)
        assert status == 0, os.waitstatus_to_exitcode(status)


# -- the table ---------------------------------------------------------------------------------------


def _house() -> StateStore:
    store = StateStore()
    denon = ReceiverId("denon")
    capabilities = frozenset({Capability.POWER, Capability.VOLUME, Capability.INPUT, Capability.SOUND_MODE})
    store.put_zone(
        Zone(ZoneId("living_room"), "Living Room", denon, owner=Owner.RECEIVER, capabilities=capabilities)
    )
    store.put_zone(Zone(ZoneId("kitchen"), "Kitchen"))
    store.put_link(HEOS_LINK, LinkState(LinkWord.OFFLINE, since=now()))
    store.put_link(receiver_link(denon), LinkState(LinkWord.ONLINE, since=now()))
    store.put_receiver(denon, Zone(ZoneId("x"), "").receiver_zone, _said(50.0))
    return store


def _said(volume: float) -> ReceiverState:
    return ReceiverState(power=True, volume=volume, input="SAT/CBL", sound_mode="DOLBY SURROUND")


@pytest.mark.parametrize(("width", "last"), [(40, "volume"), (80, "position"), (140, "album")])
def test_the_table_fits_the_terminal(width: int, last: str) -> None:
    screen = Console(file=StringIO(), width=width)
    screen.print(draw(Board(_house()).look(width, 1.0)))
    file: Any = screen.file
    lines = file.getvalue().splitlines()
    above, head, _, *rows = " ".join(lines[:-4]).split(), *lines[-4:]
    assert above == ["Links:", "heos", "offline,", "receiver/denon", "online"]
    assert head.split()[-1] == last
    assert [row.split()[0] for row in rows] == ["living_room", "kitchen"]
    assert "…" not in file.getvalue()
    assert all(len(line) <= width for line in lines)


def test_a_changed_value_stands_out_for_a_while() -> None:
    store = _house()
    board = Board(store)
    assert not any(fresh for row in board.look(80, 10.0).rows for _, fresh in row)
    store.put_receiver(ReceiverId("denon"), Zone(ZoneId("x"), "").receiver_zone, _said(35.5))
    fresh = [cell for row in board.look(80, 11.0).rows for cell in row if cell[1]]
    assert fresh == [("35.5", True)]
    assert board.look(80, 11.1) == board.look(80, 11.2)
    assert not any(fresh for row in board.look(80, 11.0 + FRESH).rows for _, fresh in row)


# -- what is refused ---------------------------------------------------------------------------------


async def test_no_broker_attaches_to_somebody_elses() -> None:
    async with LocalBroker() as first:
        with pytest.raises(NoBroker, match=f"port {first.port} of 127.0.0.1: another program has it"):
            await LocalBroker(port=first.port).start()


@pytest.mark.parametrize(
    "arguments",
    [
        ("demo", "--port", "99999"),
        ("demo", "--port", "0"),
        ("simulate", "avr", "--port", "99999"),
        ("simulate", "heos", "--port=-1"),
        ("simulate", "heos", "--player", "A", "--player", "A"),
    ],
)
def test_what_cannot_be_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "sugartalkd", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert arguments[-2].split("=")[0] in ended.stderr


@pytest.mark.parametrize("script", ["demo", "test", "check"])
def test_the_scripts_name_a_python_that_is_too_old(script: str, tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.10.13" && exit 0\nexit 1\n')
    old.chmod(0o755)
    environment = os.environ | {"PYTHON": str(old), "VENV": str(tmp_path / "venv")}
    ended = subprocess.run(
        [ROOT / "scripts" / script], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 69
    assert "needs Python 3.11 or later" in ended.stderr
    assert "is Python 3.10.13" in ended.stderr
    assert not (tmp_path / "venv").exists()


if __name__ == "__main__":
    _cases = {"lines": _lines, "taken": _taken, "table": _table, "plain": _plain}
    asyncio.run(_cases[sys.argv[1]](Path(sys.argv[2])))
