"""What Plex is told of the zones: its dashboard shows them, its play counts rise, and it has a say."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from sugartalkd.aside import Aside
from sugartalkd.errors import PlexOffline
from sugartalkd.model import (
    HEOS_LINK,
    LinkState,
    LinkWord,
    PlayerGroup,
    PlayerKey,
    PlayerState,
    Position,
    Track,
    Transport,
    Zone,
    ZoneId,
)
from sugartalkd.plex import reports as module
from sugartalkd.plex.reports import Reports
from sugartalkd.state import StateStore, now
from tests.plex_home import SECONDS, home

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    import pytest

    from sugartalkd.plex.values import Report
    from tests.house import Broker


async def test_the_dashboard_shows_the_room_and_plays_are_counted(
    broker: Broker, tmp_path: Path, address: str
) -> None:
    async with home(broker, tmp_path, address) as (_, plex, watcher):
        road = next(one for one in plex.library.albums if one.title == "Abbey Road")
        first, second = road.tracks[:2]
        before = first.plays, second.plays
        assert (await watcher.ask("kitchen/play", "abbey road"))["status"] == "ok"
        await watcher.until(lambda: watcher.json("kitchen/now_playing")["queue_index"] == 1, SECONDS + 3)
        await watcher.until(lambda: plex.timelines[-1].key == second.key)
        assert (first.plays, second.plays) == (before[0] + 1, before[1])
        assert {one.device_name for one in plex.timelines} == {"kitchen"}
        assert len({(one.client, one.session) for one in plex.timelines}) == 1
        ended = next(one for one in plex.timelines if one.state == "stopped")
        assert (ended.key, ended.query["continuing"]) == (first.key, "1")
        assert ended.duration_ms * 0.8 < ended.time_ms <= ended.duration_ms
        [session] = plex.sessions
        await watcher.ask("kitchen/command", "pause")
        await watcher.until(lambda: plex.timelines[-1].state == "paused")
        assert plex.sessions[session].state == "paused"
        plex.terminated.add(session)  # its owner ends it, which the next report is answered with
        await watcher.ask("kitchen/command", "play")
        await watcher.wait("kitchen/state", "idle")
        await watcher.until(lambda: not plex.sessions)
        assert (plex.timelines[-1].state, "continuing" in plex.timelines[-1].query) == ("stopped", False)


@dataclass
class Server:
    """Takes reports; `open` while it answers, `away` if it does not at all."""

    open: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False
    taken: list[Report] = field(default_factory=list["Report"])

    @property
    def server(self) -> Self:
        if self.away:
            raise PlexOffline("away")
        return self

    async def timeline(self, report: Report) -> str | None:
        self.taken.append(report)
        await self.open.wait()
        return None

    def told(self) -> list[tuple[str, int, str]]:
        """Zone, key and state of what came since the last time."""
        told = [(one.device_name, one.key, one.state) for one in self.taken]
        self.taken.clear()
        return told


class Rooms:
    """Two zones, with players that play what they are told."""

    def __init__(self, server: Server) -> None:
        self.store = StateStore()
        self.store.put_link(HEOS_LINK, LinkState(LinkWord.ONLINE, since=now()))
        self.store.put_grouping(heard=True)
        for name in ("a", "b"):
            self.store.put_zone(Zone(ZoneId(name), name, player=PlayerKey(name)))
        self.reports = Reports(self.store, server, "main", lambda _zone, _why: None)

    async def plays(
        self,
        zone: str,
        key: int | None,
        transport: Transport = Transport.PLAYING,
        *,
        ago: float = 0.0,
        group: PlayerGroup | None = None,
    ) -> None:
        """This track began so many seconds ago."""
        track = Track("x", source="plex", media_id=f"plex:track:{key}", duration=100) if key else None
        anchor = Position(0, now() - timedelta(seconds=ago))
        state = PlayerState(transport=transport, track=track, anchor=anchor, group=group)
        self.store.put_player(PlayerKey(zone), state)
        await asyncio.sleep(0.005)


@asynccontextmanager
async def rooms(server: Server) -> AsyncGenerator[Rooms]:
    beside, one = Aside(), Rooms(server)
    beside.start(one.reports.run(), "reports")
    await asyncio.sleep(0)
    try:
        yield one
    finally:
        await beside.end()


async def test_each_change_is_told_once_and_a_repeated_track_is_two_plays() -> None:
    server = Server()
    server.open.set()
    async with rooms(server) as home:
        await home.plays("a", 1, ago=97)
        await home.plays("a", 1, Transport.PAUSED, ago=0)
        await home.plays("a", 1, Transport.PLAYING, ago=96)
        assert server.told() == [("a", 1, "playing"), ("a", 1, "paused"), ("a", 1, "playing")]
        home.store.put_player(
            PlayerKey("a"), replace(home.store.player(PlayerKey("a")) or PlayerState(), progress=97)
        )
        assert not server.told(), "that time goes by is no news"
        await home.plays("a", 1)
        assert [one.continuing for one in server.taken] == [True, False]
        assert 95_000 < server.taken[0].time_ms <= 100_000
        assert server.told() == [("a", 1, "stopped"), ("a", 1, "playing")]
        await home.plays("a", 1, ago=30)  # a seek
        assert server.told() == [("a", 1, "playing")]
        await home.plays("a", 2)
        assert server.told() == [("a", 1, "stopped"), ("a", 2, "playing")]
        home.store.put_player(PlayerKey("b"), PlayerState(transport=Transport.PLAYING, track=Track("radio")))
        await home.plays("a", None, Transport.IDLE)
        assert [one.continuing for one in server.taken] == [False]
        assert server.told() == [("a", 2, "stopped")]


async def test_only_who_leads_a_group_is_told_of() -> None:
    server = Server()
    server.open.set()
    async with rooms(server) as home:
        group = PlayerGroup(PlayerKey("a"), (PlayerKey("a"), PlayerKey("b")))
        await home.plays("b", None, Transport.IDLE, group=group)
        await home.plays("a", 1, group=group)
        assert server.told() == [("a", 1, "playing")]


async def test_a_slow_server_hears_the_newest_and_one_that_is_away_nothing_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "INTERVAL", 0.05)
    server = Server()
    async with rooms(server) as home:
        await home.plays("a", 1)
        for key in (2, 3, 4):
            await home.plays("a", key)
        await home.plays("b", 7)
        assert server.told() == [("a", 1, "playing")]
        server.open.set()
        await asyncio.sleep(0.01)
        assert server.told()[:3] == [("a", 3, "stopped"), ("a", 4, "playing"), ("b", 7, "playing")]
        await asyncio.sleep(0.06)
        ids = {(one.client_id, one.session_id) for one in server.taken}
        assert len(ids) == 2, "everything that plays is told of again after a while"
        assert {("a", 4, "playing"), ("b", 7, "playing")} == {*server.told()}
        server.away = True
        await home.plays("a", None, Transport.IDLE)
        server.away = False
        await asyncio.sleep(0.06)
        assert {one[0] for one in server.told()} == {"b"}
        again = Rooms(server)  # as after a restart
        again_run = asyncio.create_task(again.reports.run(), name="Task-again")
        await asyncio.sleep(0)
        await again.plays("b", 7)
        assert {(one.client_id, one.session_id) for one in server.taken} < ids, "for life"
        again_run.cancel()
        await asyncio.gather(again_run, return_exceptions=True)
