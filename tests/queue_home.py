"""A HEOS system whose players have queues of ours, a small music library, and a server of its sound."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from sugartalkd.errors import NoMatch, Unsupported
from sugartalkd.heos.session import HeosSession
from sugartalkd.model import (
    HEOS_LINK,
    Enqueue,
    Found,
    Item,
    LinkWord,
    Playback,
    Stream,
    Track,
    Transport,
    Zone,
    ZoneId,
)
from sugartalkd.play_queue.player import QueuedPlayer
from sugartalkd.play_queue.queues import PlayQueues
from sugartalkd.play_queue.runner import Phase
from sugartalkd.simulator.heos import HeosSimulator, SimulatedPlayer
from sugartalkd.state import StateStore
from tests.heos_home import KITCHEN, NAMES, SHOWN, key, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from sugartalkd.command import Wished
    from sugartalkd.merge import ZoneState
    from sugartalkd.model import FoundPlayer, LinkId, LinkState, Queue
    from sugartalkd.play_queue.runner import Runner
    from sugartalkd.simulator.heos_wire import Received
    from sugartalkd.state import ZoneReport

LONG: Final = 300
SHORT: Final = 1
"""Seconds of a track."""


def track(number: int, seconds: int = LONG) -> Track:
    return Track(
        title=f"Track {number}", artist="Somebody", album="Something", duration=seconds, source="plex",
        source_name="Plex", media_id=f"plex:track:{number}", artwork_id=f"m{number}.1", guid=f"guid-{number}",
    )  # fmt: skip


@dataclass
class Library:
    """Albums by number: what `plex:album:3` plays is in `albums[3]`."""

    albums: dict[int, list[Track]] = field(default_factory=dict[int, list[Track]])
    playlists: dict[str, str] = field(default_factory=dict[str, str])

    def album(self, length: int, seconds: int = LONG) -> str:
        """A new album's id; its tracks count on from those there are."""
        number = len(self.albums) + 1
        first = sum(map(len, self.albums.values())) + 1
        self.albums[number] = [track(first + one, seconds) for one in range(length)]
        return f"plex:album:{number}"

    async def find(self, wished: Wished) -> Found:
        if wished.phrase is None or not wished.phrase.isdigit():
            raise NoMatch(f"nothing is called {wished.phrase!r}")
        return Found(Item(f"plex:album:{wished.phrase}", "album", wished.phrase))

    async def tracks(self, media_id: str) -> tuple[Track, ...]:
        return tuple(self.albums[int(media_id.rpartition(":")[2])])

    async def radio(self, media_id: str) -> tuple[Track, ...]:
        raise Unsupported(f"there is no radio for {media_id}")

    async def playlist(self, name: str) -> str | None:
        return self.playlists.get(name.casefold())

    async def create_playlist(self, name: str, items: Sequence[str]) -> Item:
        self.playlists[name.casefold()] = f"plex:playlist:{'+'.join(items)}"
        return Item("plex:playlist:1", "playlist", name)


@dataclass
class Sounds:
    """Serves as many bytes of sound as a track is long, at a URL of its own for each start."""

    heos: HeosSimulator
    library: Library
    host: str
    opened: list[Stream] = field(default_factory=list[Stream])
    closed: list[Stream] = field(default_factory=list[Stream])
    adopted: list[Stream] = field(default_factory=list[Stream])
    troubles: dict[str, str] = field(default_factory=dict[str, str])
    """By media id: what went wrong with every stream of it."""
    unplayable: set[str] = field(default_factory=set[str])
    """Media ids that players do not understand unless they are transcoded."""
    missing: set[str] = field(default_factory=set[str])
    """Media ids that come as nothing but an error."""
    fails: Exception | None = None
    """What opening any stream raises."""
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    """How long a media id really plays, where that is not what the library says."""

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._answer, self.host, 0)
        self.port: int = server.sockets[0].getsockname()[1]
        return server

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readline()).split()[1].decode()
        while (await reader.readline()).strip():
            pass
        stream = next((one for one in self.opened if one.url.endswith(path)), None)
        refused = stream is None or (stream.media_id in self.unplayable and not stream.transcoded)
        if refused or (stream is not None and stream.media_id in self.missing):
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: 44\r\n\r\n")
            writer.write(b"RIFF$\x00\x00\x00WAVEfmt " + bytes(28))
        writer.close()

    async def open(
        self, media_id: str, *, guid: str | None, player_address: str | None, transcode: bool
    ) -> Stream:
        assert player_address == self.host
        if self.fails is not None:
            raise self.fails
        stream = Stream(f"http://{self.host}:{self.port}/s/{next(_numbers)}.wav", media_id, transcode, guid)
        known = next(
            (one for album in self.library.albums.values() for one in album if one.media_id == media_id), None
        )
        seconds = self.seconds.get(media_id, 0 if known is None else known.duration or 0)
        self.heos.url_durations_ms[stream.url] = int(seconds * 1000)
        self.opened.append(stream)
        return stream

    def adopt(self, stream: Stream) -> None:
        self.adopted.append(stream)

    def close(self, stream: Stream) -> None:
        self.closed.append(stream)

    def trouble(self, stream: Stream) -> str | None:
        return self.troubles.get(stream.media_id)


_numbers = itertools.count(1)


@dataclass
class Seen:
    """What zones showed and told, in order."""

    states: list[ZoneState] = field(default_factory=list["ZoneState"])
    reports: list[tuple[ZoneId, str]] = field(default_factory=list[tuple[ZoneId, str]])
    texts: list[str] = field(default_factory=list[str])

    def zone_changed(self, old: ZoneState | None, new: ZoneState | None) -> None:
        if new is not None:
            self.states.append(new)

    def zone_reported(self, zone: Zone, report: ZoneReport) -> None:
        self.reports.append((zone.id, report.event_type))
        self.texts.append(str(report.content))

    def link_changed(self, link: LinkId, old: LinkState | None, new: LinkState | None) -> None:
        pass


@dataclass
class QueueHome:
    """The system, the daemon's side of it, and what came of it."""

    heos: HeosSimulator
    library: Library
    sounds: Sounds
    store: StateStore
    session: HeosSession
    queues: PlayQueues
    seen: Seen
    stops: list[float]
    """When a device came to a stop, in the loop's time."""

    def player(self, pid: int = KITCHEN) -> QueuedPlayer:
        return QueuedPlayer(self.session.player(key(pid)), self.queues)

    def device(self, pid: int = KITCHEN) -> SimulatedPlayer:
        return self.heos.players[pid]

    def zone(self, pid: int = KITCHEN) -> ZoneState:
        return self.store.zones[ZoneId(NAMES[pid])]

    def runner(self, pid: int = KITCHEN) -> Runner:
        return self.queues.queue(key(pid)).runner

    async def play(self, media_id: str, enqueue: Enqueue = Enqueue.REPLACE, pid: int = KITCHEN) -> object:
        return await self.player(pid).play_media(media_id, enqueue, shuffle=None, radio=False)

    def title(self, pid: int = KITCHEN) -> str | None:
        """What people see playing; `None` while nothing does."""
        return self.zone(pid).now_playing.track.title

    def state(self, pid: int = KITCHEN) -> Playback | None:
        return self.zone(pid).playback

    def queue(self, pid: int = KITCHEN) -> Queue | None:
        player = self.zone(pid).player_up
        return None if player is None else player.queue

    def titles(self, pid: int = KITCHEN) -> str:
        """The queue's items as people see them, and in brackets the one that plays."""
        player, queue = self.zone(pid).player_up, self.queue(pid)
        if player is None or queue is None:
            return ""
        names = [(item.title or "?").removeprefix("Track ") for item in queue.items]
        index = player.queue_index
        return " ".join(
            f"[{name}]" if index is not None and number == index - queue.offset else name
            for number, name in enumerate(names)
        )

    async def shows(self, number: int, pid: int = KITCHEN, seconds: float = 4.0) -> None:
        """Wait until this track plays."""
        runner = self.queues.queue(self.session.player(key(pid)).leader).runner
        try:
            await until(
                lambda: (
                    (self.title(pid), self.state(pid), runner.phase)
                    == (f"Track {number}", Playback.PLAYING, Phase.PLAYING)
                ),
                seconds,
            )
        except TimeoutError:
            shown = (self.title(pid), self.state(pid), runner.phase, self.titles(pid), self.seen.reports)
            raise AssertionError(f"track {number} does not play: {shown}") from None

    async def rests(self, pid: int = KITCHEN, seconds: float = 4.0) -> None:
        await until(lambda: self.state(pid) is Playback.IDLE, seconds)

    def history(self, pid: int = KITCHEN) -> list[tuple[str | None, Transport | None]]:
        """Every title and transport that was shown, one after the other."""
        values = [
            (one.now_playing.track.title, one.player.transport)
            for one in self.seen.states
            if one.zone.id == NAMES[pid] and one.player is not None
        ]
        return [value for number, value in enumerate(values) if not number or value != values[number - 1]]

    def told(self, event_type: str, pid: int = KITCHEN) -> int:
        """How often an event was told."""
        return self.seen.reports.count((ZoneId(NAMES[pid]), event_type))

    def reports(self) -> list[str]:
        """Every event that was told."""
        return [event_type for _, event_type in self.seen.reports]

    def starts(self) -> list[Received]:
        return self.heos.received("browse/play_stream")

    def left(self, pid: int = KITCHEN) -> list[str]:
        """What is in the device's own queue."""
        return [item.song for item in self.device(pid).queue]


@asynccontextmanager
async def heos_system(address: str, stops: list[float]) -> AsyncGenerator[HeosSimulator]:
    def happened(_player: SimulatedPlayer, what: str) -> None:
        if what == "stop":
            stops.append(asyncio.get_running_loop().time())

    players = [
        SimulatedPlayer(name, pid, serial=key(pid), level=20, ip=address) for pid, name in SHOWN.items()
    ]
    async with HeosSimulator(
        players, host=address, fetch=True, progress_interval=0.5, on_activity=happened
    ) as heos:
        yield heos


@asynccontextmanager
async def daemon_side(
    heos: HeosSimulator, folder: Path, sounds: Sounds, stops: list[float]
) -> AsyncGenerator[QueueHome]:
    """Everything is online; ends as after a kill, but for what was written."""
    store, seen = StateStore(), Seen()
    store.listen(seen)

    def found(_players: tuple[FoundPlayer, ...]) -> None:
        for pid, name in NAMES.items():
            store.put_zone(Zone(ZoneId(name), name, player=key(pid)))

    session = HeosSession(heos.host, store, found, timeout=1.0)
    queues = PlayQueues(store, session.player, folder / "queues.json", sounds.library, sounds)
    running = [asyncio.create_task(one(), name=f"Task-{one}") for one in (session.run, queues.run)]
    try:
        home = QueueHome(heos, sounds.library, sounds, store, session, queues, seen, stops)
        await until(lambda: len(store.zones) == len(NAMES) and store.links[HEOS_LINK].word is LinkWord.ONLINE)
        await until(lambda: all(home.zone(pid).player_up and home.zone(pid).group for pid in NAMES))
        yield home
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@asynccontextmanager
async def queue_home(address: str, folder: Path) -> AsyncGenerator[QueueHome]:
    stops: list[float] = []
    async with heos_system(address, stops) as heos:
        sounds = Sounds(heos, Library(), address)
        async with await sounds.serve(), daemon_side(heos, folder, sounds, stops) as home:
            yield home


def at(home: QueueHome, **zone: object) -> None:
    """Describe the kitchen's zone anew."""
    home.store.put_zone(replace(home.zone().zone, **zone))  # pyright: ignore[reportArgumentType]
