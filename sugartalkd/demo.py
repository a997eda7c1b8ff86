"""`sugartalkd demo`: a broker, a simulated house and the daemon, all on loopback, to play with."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sugartalkd import log
from sugartalkd.aside import Aside
from sugartalkd.config import load
from sugartalkd.daemon import Daemon, End
from sugartalkd.log import get_logger
from sugartalkd.simulator.avr import AvrSimulator
from sugartalkd.simulator.heos import HeosSimulator
from sugartalkd.simulator.heos_system import SimulatedItem, SimulatedPlayer
from sugartalkd.simulator.local_broker import LocalBroker, NoBroker, require_free
from sugartalkd.simulator.plex import PlexSimulator
from sugartalkd.topics import STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from rich.console import Console
    from rich.table import Table

    from sugartalkd.merge import ZoneState
    from sugartalkd.model import LinkId, LinkState, Zone, ZoneId
    from sugartalkd.state import StateStore, ZoneReport

_log = get_logger(__name__)

HOUSE: Final = "127.0.0.1"
"""Both simulated devices answer on loopback: HEOS on its fixed port 1255, telnet on a free one."""
FIRST_PORT: Final = 1883
LIBRARY: Final = 2_000
SONG: Final = 20
"""Tracks of the simulated Plex server, and seconds each of them lasts: the next one comes soon."""
LIVING_ROOM: Final = 1001
KITCHEN: Final = -2002
COLUMNS: Final = {
    "zone": 11, "state": 7, "power": 5, "volume": 6, "mute": 4, "input": 8, "title": 15, "position": 8,
    "artist": 13, "sound_mode": 14, "album": 24,
}  # fmt: skip
"""Widths of the table's columns; a terminal has as many, from the left, as fit: to `position` with 80."""
GAP: Final = 2
"""Blanks between two columns, of which the table's frame brings one."""
REDRAW: Final = 0.25
"""Seconds between two looks at what changed."""
FRESH: Final = 2.0
"""Seconds for which a changed value stands out."""

_ROWS: Final = {row.path: row for row in STATES}
_CONFIG: Final = """\
mqtt: {{host: 127.0.0.1, port: {port}, protocol: "{protocol}"}}
heos: {{host: {house}}}
receivers:
  denon: {{host: {house}, port: {telnet}, http: "off"}}
plex: {{url: "{plex}", token: {token}}}
zones:
  living_room: {{name: Living Room, receiver: denon, player: Living Room, inputs: {{TV box: SAT/CBL}}}}
  kitchen: {{name: Kitchen, player: Kitchen}}
state_dir: {folder}
log: {{level: {level}}}
allow_admin: true
"""


async def demo(port: int | None = None) -> None:
    """Run until cancelled. Raises NoBroker or OSError where something cannot be started."""
    screen, remark = _find_screen()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sugartalk-demo-")))
        broker = await stack.enter_async_context(LocalBroker(port=_choose(port)))
        receiver = await stack.enter_async_context(AvrSimulator(host=HOUSE, port=0))
        beside = Aside()
        stack.push_async_callback(beside.end)

        def follow(player: SimulatedPlayer, activity: str) -> None:
            """As a receiver does that a player is built into."""
            if player.pid == LIVING_ROOM and activity == "play":
                beside.start(receiver.heos_starts(), "the receiver follows its player")

        heos = await stack.enter_async_context(
            HeosSimulator(_players(), host=HOUSE, progress_interval=1.0, fetch=True, on_activity=follow)
        )
        plex = await stack.enter_async_context(PlexSimulator(LIBRARY, host=HOUSE, track_seconds=SONG))
        file = folder / "config.yaml"
        file.write_text(
            _CONFIG.format(
                port=broker.port,
                # iotcore listens once for each version of MQTT; everybody's tools speak 3.1.1 unless told.
                # What comes in as MQTT 5 it cannot hand to them: its 3.1.1 side breaks at the properties.
                protocol="3.1.1" if broker.name == "iotcore" else "auto",
                house=HOUSE,
                plex=plex.url,
                token=plex.token,
                telnet=receiver.port,
                folder=folder,
                level="info" if screen is None else "warning",
            )
        )
        heos.set_state(KITCHEN, "play")
        _say(_welcome(broker, receiver, plex, remark))
        while await _run(file, screen) is End.RESTART:
            pass


def _choose(port: int | None) -> int:
    """The broker's port: the one asked for, else the one that everybody's tools have as default, else any."""
    if port is not None:
        return port
    with suppress(NoBroker):
        require_free(FIRST_PORT)
        return FIRST_PORT
    return 0


async def _run(file: Path, screen: Console | None) -> End:
    """One run of the daemon, with what it knows shown beside it."""
    loaded = load(file, {})
    daemon = Daemon(loaded)
    with _lines(daemon.store) if screen is None else _table(daemon.store, screen) as redraw:
        # Only now: a live table puts a stream of its own in place of a terminal's, and what is logged there
        # comes above the table.
        log.configure(loaded.config.log.level, loaded.config.log.format, sys.stderr)
        running = asyncio.create_task(daemon.run(), name="daemon")
        try:
            while not running.done():
                redraw()
                await asyncio.wait([running], timeout=None if screen is None else REDRAW)
        finally:
            daemon.stop()
            await asyncio.wait([running])
        return running.result()


def _players() -> list[SimulatedPlayer]:
    """One player inside the receiver, one on its own where an album has begun."""
    album = [
        SimulatedItem(song=song, artist="The Loopbacks", album="Nothing Leaves the House", duration_ms=ms)
        for song, ms in (("Localhost Blues", 185_000), ("Retain Me", 212_000), ("Last Will", 241_000))
    ]
    return [
        SimulatedPlayer("Living Room", LIVING_ROOM, model="Denon AVR-X2400H", serial="DEMO0001", ip=HOUSE),
        SimulatedPlayer(
            "Kitchen", KITCHEN, model="HEOS 1", serial="DEMO0002", ip=HOUSE, queue=album, current=0
        ),
    ]


def _welcome(broker: LocalBroker, receiver: AvrSimulator, plex: PlexSimulator, remark: str) -> str:
    port = "" if broker.port == FIRST_PORT else f" -p {broker.port}"
    several = '{"power": "ON", "input": "TV box", "volume": 35.5}'
    lines = [
        f"mosquitto_sub{port} -v -t 'sugartalk/#' -T 'sugartalk/+/artwork'",
        f"mosquitto_pub{port} -t sugartalk/living_room/play -m 'abbey road'",
        f"mosquitto_pub{port} -t sugartalk/living_room/power/set -m OFF",
        f"mosquitto_pub{port} -t sugartalk/living_room/set -m '{several}'",
        f"mosquitto_pub{port} -t sugartalk/kitchen/command -m next",
        f"mosquitto_pub{port} -t sugartalk/kitchen/volume/set -m +5",
    ]
    kind = f"{broker.name}, for MQTT 3.1.1" if broker.name == "iotcore" else broker.name
    where = "" if shutil.which("mosquitto_pub") else " (from the package mosquitto-clients)"
    return "\n".join(
        [
            f"The broker ({kind}) is at 127.0.0.1:{broker.port}; everything runs on loopback.",
            f"Two HEOS players are at {HOUSE}:1255, a receiver is at {HOUSE}:{receiver.port},",
            f"and a Plex server with {LIBRARY} tracks of {SONG} s each is at {plex.url}.",
            f"Try, in another terminal{where}:",
            "",
            *(f"  {line}" for line in lines),
            "",
            *([remark] if remark else []),
            "Ctrl-C ends it all.",
            "",
        ]
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class _Lines:
    """What changed, a log line each; for pipes and files."""

    def zone_changed(self, old: ZoneState | None, new: ZoneState | None) -> None:
        if new is None:
            return
        changed: dict[str, str] = {}
        for row in STATES:
            if row.content_type(b"") is not None or not row.has(new.zone):
                continue
            payload = row.render(new)
            if payload is not None and (old is None or row.render(old) != payload):
                changed[row.path] = payload.decode()
        if changed:
            _log.info("changed", zone=new.zone.id, **changed)

    def zone_reported(self, zone: Zone, report: ZoneReport) -> None:
        _log.info(report.event_type, zone=zone.id, **report.content)

    def link_changed(self, link: LinkId, old: LinkState | None, new: LinkState | None) -> None:
        """The daemon logs its links itself."""


@contextmanager
def _lines(store: StateStore) -> Generator[Callable[[], None]]:
    """Log lines need no drawing."""
    store.listen(_Lines())
    yield lambda: None


def _find_screen() -> tuple[Console | None, str]:
    """The terminal to draw a table on, or `None` and, where it could be had, what is missing for it."""
    if not sys.stdout.isatty():
        return None, ""
    try:
        from rich.console import Console  # noqa: PLC0415  # the demo extra; only a terminal needs it
    except ImportError:
        return None, "Changes are log lines here; pip install 'sugartalkd[demo]' brings a live table."
    screen = Console()
    return (None, "") if screen.is_dumb_terminal else (screen, "")


@contextmanager
def _table(store: StateStore, screen: Console) -> Generator[Callable[[], None]]:
    """The zones and links on a terminal, drawn again when they have changed."""
    from rich.live import Live  # noqa: PLC0415  # as above

    board = Board(store)
    shown: Picture | None = None
    live = Live(console=screen, auto_refresh=False, redirect_stderr=sys.stderr.isatty())

    def redraw() -> None:
        nonlocal shown
        picture = board.look(screen.width, time.monotonic())
        if picture != shown:
            shown = picture
            with suppress(OSError):  # the terminal was closed; the signal that says so follows
                live.update(draw(picture), refresh=True)

    live.start()
    try:
        yield redraw
    finally:
        with suppress(OSError):  # as above
            live.stop()


@dataclass(frozen=True, slots=True)
class Picture:
    """What the table shows; each cell is a text, and whether it changed just now."""

    links: str
    columns: tuple[str, ...]
    rows: tuple[tuple[tuple[str, bool], ...], ...]


class Board:
    """Reads the table's cells from the state, and remembers since when each has had its text."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._since: dict[tuple[ZoneId, str], tuple[str, float]] = {}

    def look(self, width: int, now: float) -> Picture:
        """What to show at this moment (monotonic seconds) on a terminal so many characters wide."""
        columns: list[str] = []
        used = -GAP
        for name, wide in COLUMNS.items():
            used += wide + GAP
            if used > width:
                break
            columns.append(name)
        links = ", ".join(f"{link} {state.word.value}" for link, state in self._store.links.items())
        zones = self._store.zones.values()
        rows = tuple(tuple(self._cell(state, column, now) for column in columns) for state in zones)
        return Picture(links, tuple(columns), rows)

    def _cell(self, state: ZoneState, column: str, now: float) -> tuple[str, bool]:
        if column == "zone":
            return state.zone.id, False
        row = _ROWS[column]
        payload = row.render(state) if row.has(state.zone) else None
        text = "" if payload in {None, b"None"} else (payload or b"").decode()
        before, since = self._since.get((state.zone.id, column), (None, -inf))
        if text != before:
            # At its first look nothing has changed yet.
            since = -inf if before is None else now
            self._since[state.zone.id, column] = (text, since)
        return text, now - since < FRESH


def draw(picture: Picture) -> Table:
    from rich import box  # noqa: PLC0415  # as above
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(
        title=Text(f"Links: {picture.links}"), title_justify="left", title_style="", box=box.SIMPLE_HEAD,
        padding=(0, GAP - 1, 0, 0), pad_edge=False, show_edge=False,
    )  # fmt: skip
    for column in picture.columns:
        table.add_column(column, width=COLUMNS[column], no_wrap=True, overflow="ellipsis")
    for row in picture.rows:
        table.add_row(*(Text(text, style="bold yellow" if fresh else "") for text, fresh in row))
    return table
