"""`sugartalkd demo`: a broker, a simulated house and the daemon, all on loopback, to play with."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sugartalkd import log
from sugartalkd.config import load
from sugartalkd.daemon import Daemon, End
from sugartalkd.log import get_logger
from sugartalkd.simulator.avr import AvrSimulator
from sugartalkd.simulator.heos import HeosSimulator
from sugartalkd.simulator.heos_system import SimulatedItem, SimulatedPlayer
from sugartalkd.simulator.local_broker import LocalBroker
from sugartalkd.topics import STATES

if TYPE_CHECKING:
    from rich.table import Table

    from sugartalkd.model import LinkId, LinkState, Zone, ZoneState
    from sugartalkd.state import StateStore, ZoneReport

_log = get_logger(__name__)

HOUSE: Final = "127.0.0.1"
"""Both simulated devices answer on loopback: HEOS on its fixed port 1255, telnet on a free one."""
FIRST_PORT: Final = 1883
LIVING_ROOM: Final = 1001
KITCHEN: Final = -2002
SHOWN: Final = ("state", "power", "volume", "mute", "input", "sound_mode", "title", "artist", "position")
"""The columns of the table."""
REDRAW: Final = 0.25

_CONFIG: Final = """\
mqtt: {{host: 127.0.0.1, port: {port}}}
heos: {{host: {house}}}
receivers:
  denon: {{host: {house}, port: {telnet}}}
zones:
  living_room: {{name: Living Room, receiver: denon, player: Living Room, inputs: {{TV box: SAT/CBL}}}}
  kitchen: {{name: Kitchen, player: Kitchen}}
state_dir: {folder}
log: {{level: {level}}}
allow_admin: true
"""


async def demo(port: int) -> None:
    """Run until cancelled. Raises NoBroker or OSError where something cannot be started."""
    on_terminal = sys.stdout.isatty()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sugartalk-demo-")))
        broker = await _broker(stack, port)
        heos = await stack.enter_async_context(HeosSimulator(_players(), host=HOUSE, progress_interval=1.0))
        receiver = await stack.enter_async_context(AvrSimulator(host=HOUSE, port=0))
        file = folder / "config.yaml"
        file.write_text(
            _CONFIG.format(
                port=broker.port5,
                house=HOUSE,
                telnet=receiver.port,
                folder=folder,
                level="warning" if on_terminal else "info",
            )
        )
        heos.set_state(KITCHEN, "play")
        _say(_welcome(broker, receiver))
        while await _run(file, on_terminal=on_terminal) is End.RESTART:
            pass


async def _broker(stack: AsyncExitStack, port: int) -> LocalBroker:
    """The broker on the port that everybody's tools have as default, if nothing else is there."""
    if not port:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", FIRST_PORT)
            writer.close()
            return await stack.enter_async_context(LocalBroker())
    return await stack.enter_async_context(LocalBroker(port=port or FIRST_PORT))


async def _run(file: Path, *, on_terminal: bool) -> End:
    """One run of the daemon, with what it knows shown beside it."""
    loaded = load(file, {})
    log.configure(loaded.config.log.level, loaded.config.log.format)
    daemon = Daemon(loaded)
    show = asyncio.create_task(_show_table(daemon.store), name="table") if on_terminal else None
    if show is None:
        daemon.store.listen(_Lines())
    running = asyncio.create_task(daemon.run(), name="daemon")
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        daemon.stop()
        await running
        raise
    finally:
        if show is not None:
            show.cancel()
            await asyncio.gather(show, return_exceptions=True)


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


def _welcome(broker: LocalBroker, receiver: AvrSimulator) -> str:
    port = "" if broker.port == FIRST_PORT else f" -p {broker.port}"
    several = '{"power": "ON", "input": "TV box", "volume": 35.5}'
    lines = [
        f"mosquitto_sub{port} -v -t 'sugartalk/#'",
        f"mosquitto_pub{port} -t sugartalk/living_room/power/set -m OFF",
        f"mosquitto_pub{port} -t sugartalk/living_room/set -m '{several}'",
        f"mosquitto_pub{port} -t sugartalk/kitchen/command -m next",
        f"mosquitto_pub{port} -t sugartalk/kitchen/volume/set -m +5",
    ]
    return "\n".join(
        [
            f"The broker ({broker.name}) is at 127.0.0.1:{broker.port}; everything runs on loopback.",
            f"A HEOS system with two players answers on {HOUSE}:1255, a receiver on {HOUSE}:{receiver.port}.",
            "Try, in another terminal:",
            "",
            *(f"  {line}" for line in lines),
            "",
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
            if row.is_json or not row.has(new.zone):
                continue
            payload = row.render(new)
            if payload is not None and (old is None or row.render(old) != payload):
                changed[row.path] = payload.decode()
        if changed:
            _log.info("changed", zone=new.zone.id, **changed)

    def zone_reported(self, zone: Zone, report: ZoneReport) -> None:
        _log.info(report.event_type, zone=zone.id, text=report.text)

    def link_changed(self, link: LinkId, old: LinkState | None, new: LinkState | None) -> None:
        """The daemon logs its links itself."""


async def _show_table(store: StateStore) -> None:
    """The zones and links, drawn again while they change."""
    from rich.live import Live  # noqa: PLC0415  # the demo extra; only a terminal needs it

    with Live(_table(store), auto_refresh=False, transient=False) as live:
        shown: object = None
        while True:
            current = (dict(store.zones), dict(store.links))
            if current != shown:
                shown = current
                live.update(_table(store), refresh=True)
            await asyncio.sleep(REDRAW)


def _table(store: StateStore) -> Table:
    from rich.table import Table  # noqa: PLC0415  # as above

    links = ", ".join(f"{link} {state.word.value}" for link, state in store.links.items())
    table = Table(title=links or "starting", title_justify="left")
    for column in ("zone", *SHOWN):
        table.add_column(column)
    rows = {row.path: row for row in STATES}
    for state in store.zones.values():
        cells: list[str] = []
        for path in SHOWN:
            has = rows[path].has(state.zone)
            payload = rows[path].render(state) if has else None
            cells.append("" if payload in {None, b"None"} else (payload or b"").decode())
        table.add_row(state.zone.id, *cells)
    return table
