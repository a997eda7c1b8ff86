"""The HEOS system: finds it, keeps a session with it, and knows its players."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from pyheos import CommandError, CommandFailedError, Credentials, Heos, HeosError
from pyheos.types import ConnectionState

from sugartalkd.aside import Aside
from sugartalkd.errors import HeosOffline, SugartalkError
from sugartalkd.heos import translate
from sugartalkd.heos.account import Account
from sugartalkd.heos.browse import Browser
from sugartalkd.heos.connection import (
    UNREADABLE,
    CommandConnection,
    Moved,
    NoReply,
    Unreachable,
    accepts,
)
from sugartalkd.heos.connections import Connections
from sugartalkd.heos.discovery import search
from sugartalkd.heos.events import Events, Lost, Poisoned
from sugartalkd.heos.groups import Groups
from sugartalkd.heos.hosts import Hosts
from sugartalkd.heos.known import Known
from sugartalkd.heos.player import PlayerControl
from sugartalkd.heos.queue import Queues
from sugartalkd.heos.requests import Requests
from sugartalkd.log import get_logger
from sugartalkd.model import HEOS_LINK, LinkWord
from sugartalkd.parts import kept
from sugartalkd.retry import Retry
from sugartalkd.state import LinkBook, ZoneReport

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pyheos import HeosPlayer

    from sugartalkd.model import FoundPlayer, PlayerKey
    from sugartalkd.state import StateStore

_log = get_logger(__name__)

PORT: Final = 1255
SETUP_LIMIT: Final = 8.0
"""Seconds from connecting to the list of players."""
SHORTEST_PAUSE: Final = 0.3
OTHER_LIMIT: Final = 0.5
"""Seconds in which another device has to accept a connection: the configured one may be back by now."""
RELOADS: Final = (3.0, 10.0, 60.0)
"""Seconds until players are asked again that did not tell everything; the last one repeats."""
PROBE: Final = 5.0
"""Seconds between two questions to a player that does not answer."""


class HeosSession:
    """One HEOS system, reached through any of its devices; `run` keeps it for as long as it runs.

    `host` is an address, or `auto` for SSDP. `on_players` is told every player that is present, before
    the first state of a new one, `on_account` that `account` is another. `heartbeat` and `timeout` are
    seconds.
    """

    def __init__(
        self,
        host: str,
        store: StateStore,
        on_players: Callable[[tuple[FoundPlayer, ...]], None],
        *,
        username: str | None = None,
        password: str | None = None,
        heartbeat: float = 4.0,
        timeout: float = 2.0,
        on_account: Callable[[], None] = lambda: None,
    ) -> None:
        self._wished = host
        self._store = store
        self._on_players = on_players
        self._on_account = on_account
        self._account = Account(
            Credentials(username, password) if username and password else None,
            self.own_connection,
            self._account_is_another,
        )
        self.browser = Browser(self)
        self.requests = Requests(self, self._account)
        self._heartbeat = heartbeat
        self._timeout = timeout
        self._book = LinkBook(store, HEOS_LINK, None if host == "auto" else host)
        self._connections = Connections(timeout)
        self._found: str | None = None
        """The address that SSDP told last."""
        self._hosts = Hosts()
        self._events: Events | None = None
        self._known: dict[PlayerKey, Known] = {}
        self._by_pid: dict[int, Known] = {}
        self._told: tuple[FoundPlayer, ...] = ()
        self.groups = Groups(self, timeout)
        self.queues = Queues(self)
        self._beside = Aside()
        self._retry = Retry(SHORTEST_PAUSE, time.monotonic())
        self._restoring: asyncio.Task[None] | None = None
        """Signs in again."""

    # -- for the daemon ------------------------------------------------------------------------------

    def player(self, key: PlayerKey) -> PlayerControl:
        return PlayerControl(self, key)

    @property
    def account(self) -> str | None:
        """The signed-in HEOS account, `signed_out`, or `None` while unknown."""
        return self._account.name

    async def run(self) -> None:
        """Connect, follow, and connect again, without end."""
        self._retry = Retry(SHORTEST_PAUSE, time.monotonic())
        self._beside.start(self._probe_silent(), "heos silent players")
        self._beside.start(kept("heos groups", self.groups.run), "heos groups")
        self._beside.start(kept("heos queues", self.queues.run), "heos queues")
        try:
            while True:
                await self._session()
        finally:
            self._book.close()
            self._leave()
            await self._beside.end()
            await self._connections.closed()

    # -- for players ---------------------------------------------------------------------------------

    def present(self, key: PlayerKey) -> tuple[Known, HeosPlayer]:
        """A player that can be told something now. Raises HeosOffline."""
        self.check_online()
        known = self._known.get(key)
        if known is None or known.player is None:
            raise HeosOffline("the HEOS system does not know this player at the moment")
        return known, known.player

    def connection_for(self, key: PlayerKey) -> CommandConnection:
        return self._connections.for_player(key)

    def own_connection(self, timeout: float | None = None) -> CommandConnection:
        return self._connections.own(timeout)

    def browse_connection(self) -> CommandConnection:
        """Raises HeosOffline; what it raises itself while the system is lost is Moved or NoReply."""
        self.check_online()
        return self._connections.reading()

    async def account_settled(self) -> None:
        await self._account.settled()

    def check_online(self) -> None:
        if self._book.word is not LinkWord.ONLINE:
            raise HeosOffline(f"the HEOS system is {self._book.word.value}; the command was not sent")

    def answered(self, key: PlayerKey) -> None:
        known = self._known.get(key)
        if self._connections.take_back(key) and known is not None:
            if known.missing:
                self.reload()
            self.queues.ask(known)

    def no_reply(self, key: PlayerKey) -> None:
        self._connections.set_aside(key)

    def reload(self) -> None:
        """List the players again, and ask what is not known of them, soon."""
        if self._events is not None:
            self._events.stale = True
            self._events.over.set()

    def changed(self, known: Known) -> None:
        """Show what is known of a player, once it has been asked for everything."""
        if known.read and self._by_pid.get(known.found.pid) is known:
            self._store.put_player(known.found.key, known.state())
            self.queues.look(known)

    def reread(self, key: PlayerKey) -> None:
        """Read again what is not asked of a player itself: its group and its queue."""
        self.groups.ask()
        if (known := self._known.get(key)) is not None and known.player is not None:
            self.queues.ask(known)

    # -- for groups and queues -----------------------------------------------------------------------

    def listed(self) -> Collection[Known]:
        return self._by_pid.values()

    def regrouped(self, known: Known) -> None:
        """It follows somebody else now: what it plays is asked again."""
        known.doubt()
        known.queue = None
        self.reload()

    def grouping_heard(self, *, heard: bool) -> None:
        self._store.put_grouping(heard=heard)

    # -- for the event connection --------------------------------------------------------------------

    def known_at(self, pid: int) -> Known | None:
        return self._by_pid.get(pid)

    def key_at(self, pid: int) -> PlayerKey | None:
        """Whose number this is now; a device's inputs have its pid for their source."""
        known = self._by_pid.get(pid)
        return None if known is None else known.found.key

    def is_silent(self, known: Known) -> bool:
        return known.found.key in self._connections.spare

    def fell_silent(self, known: Known) -> None:
        self.no_reply(known.found.key)

    def reported(self, known: Known, error: str) -> None:
        text = translate.without_urls(translate.text(error) or "unknown")
        self._store.report(known.found.key, ZoneReport("playback_error", {"error": text}))

    def account_changed(self, name: str | None) -> None:
        self._account.heard(name)

    def sources_changed(self) -> None:
        self.browser.forget()

    def _account_is_another(self) -> None:
        self.browser.forget()
        self._on_account()

    # -- one session ---------------------------------------------------------------------------------

    async def _session(self) -> None:
        """From one attempt to the pause before the next."""
        self._book.connecting()
        online_at: float | None = None
        try:
            events = await self._reach()
            online_at = time.monotonic()
            self._ask_beside()
            await self._read_all(events)
            self._book.read_through()
            await self._follow(events)
        except Poisoned as player:
            # Its late replies could be taken for another player's: at once over a new connection, and the
            # link's word stays. The old one goes on until the new one is there.
            _log.warning("a player does not answer; reading the others again", player=str(player))
            if self._events is None or self._events.connection_state is not ConnectionState.CONNECTED:
                await self._lost(_reason(Lost("closed the connection"), self._host or ""), online_at)
        except (Lost, HeosError, OSError, TimeoutError, *UNREADABLE) as error:
            await self._lost(_reason(error, self._host or self._wished), online_at)

    async def _reach(self) -> Events:
        """Connect to the device that is configured or was found, else to another one of its system."""
        # While another connection is replaced, the device behind it is the one that answers.
        host = self._host if self._events is not None and self._host else await self._find()
        try:
            return await self._open(host)
        except (Lost, HeosError, OSError, TimeoutError, *UNREADABLE):
            other = self._hosts.next_besides(host)
            if other is None or self._events is not None:
                raise
            try:
                await accepts(other, OTHER_LIMIT)
                events = await self._open(other)
            except (Lost, HeosError, OSError, TimeoutError, *UNREADABLE) as error:
                _log.info("another HEOS device does not answer either", host=other, error=str(error))
                self._connections.host = host
                self._book.connecting(host)
            else:
                _log.warning("the HEOS system is reached through another device", host=other, instead_of=host)
                return events
            raise  # why people's own device does not answer is what they want to know

    async def _find(self) -> str:
        if self._wished != "auto":
            return self._wished
        if self._found is None or self._book.word is LinkWord.OFFLINE:
            self._found = await search() or self._found
        if self._found is None:
            raise Lost("no HEOS device answered on this network; set heos.host to the address of one")
        return self._found

    async def _open(self, host: str) -> Events:
        """Connect, and know who is there: from here on commands can be sent."""
        self._book.connecting(host)
        if host != self._host:
            self._close_commands()
        self._connections.host = host
        events = Events(host, self._timeout, self)
        try:
            async with asyncio.timeout(SETUP_LIMIT):
                players = await events.set_up()
                latency = await events.beat()
        except BaseException:
            self._connections.discard(events)
            raise
        if self._events is not None:
            self._connections.discard(self._events)
        self._events = events
        if not self._connections.ready:
            self._connections.begin()
            self._restoring = self._beside.start(self._account.restore(), "heos account")
        self._take_players(players)
        self._book.online(latency, read_through=False)
        return events

    async def _read_all(self, events: Events) -> None:
        # Members last: until their leaders are heard there is nothing to show of them but the volume.
        for known in sorted(self._by_pid.values(), key=_follows):
            if self.is_silent(known):
                self._store.put_player(known.found.key, None)
            elif known.missing:
                await events.read(known)

    async def _follow(self, events: Events) -> None:
        """Stay until the connection ends or two heartbeats in a row go unanswered."""
        pauses = iter(RELOADS)
        reload_at = float("inf")
        while True:
            if not events.over.is_set():
                incomplete = any(
                    known.missing for known in self._by_pid.values() if not self.is_silent(known)
                )
                if incomplete and reload_at == float("inf"):
                    reload_at = time.monotonic() + next(pauses, RELOADS[-1])
                elif not incomplete:
                    reload_at, pauses = float("inf"), iter(RELOADS)
            wait = min(self._heartbeat, max(reload_at - time.monotonic(), 0.0))
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await events.over.wait()
            events.over.clear()
            if events.connection_state is not ConnectionState.CONNECTED:
                raise Lost("closed the connection")
            if events.poisoned:
                raise Poisoned("on an event")
            if events.stale or time.monotonic() >= reload_at:
                events.stale, reload_at = False, float("inf")
                await self._reload(events)
            elif wait == self._heartbeat:
                self._book.latency(await events.beat())

    async def _reload(self, events: Events) -> None:
        try:
            self._take_players(await events.list_players())
        except CommandFailedError as error:
            _log.info("the system does not list its players now", error=str(error))
            asyncio.get_running_loop().call_later(RELOADS[0], self.reload)
            return
        except CommandError as error:
            raise Lost(f"did not list its players: {error}") from None
        await self._read_all(events)

    async def _lost(self, reason: str, online_at: float | None) -> None:
        """Say that the system is away, then wait before the next attempt."""
        present = time.monotonic()
        if self._book.word is LinkWord.ONLINE:
            self._retry.lost(present, None if online_at is None else present - online_at)
            self._book.lost(reason)
        self._leave()
        pause = self._retry.pause(present)
        if not pause.at_once:
            self._book.down(LinkWord.OFFLINE, reason, datetime.now(UTC) + timedelta(seconds=pause.seconds))
        await asyncio.sleep(pause.seconds)

    # -- players -------------------------------------------------------------------------------------

    def _take_players(self, players: list[HeosPlayer]) -> None:
        """Tell who is there, and who is gone."""
        self._by_pid.clear()
        for player in players:
            found = translate.found(player)
            if found.key in {known.found.key for known in self._by_pid.values()}:
                # Without serial numbers only names tell players apart, and these two have the same.
                found = translate.found(player, twin=True)
            known = self._known.setdefault(found.key, Known(found))
            known.take(found, player)
            self._by_pid[found.pid] = known
        told = tuple(known.found for known in self._by_pid.values())
        self._hosts.learn(told, self._host or "")
        if told != self._told:
            self._told = told
            self._on_players(told)
            self._ask_beside()
        for known in self._known.values():
            if self._by_pid.get(known.found.pid) is not known:
                known.leave()
                self._store.put_player(known.found.key, None)

    def _ask_beside(self) -> None:
        """Ask what is read beside the event connection: changes may have been missed, pids are others."""
        self.groups.ask(at_once=True)
        self.queues.renew()

    async def _probe_silent(self) -> None:
        """Ask players that do not answer again, so that they come back without anybody's command."""
        while True:
            await asyncio.sleep(PROBE)
            for key, spare in list(self._connections.spare.items()):
                known = self._known.get(key)
                if known is None or known.player is None or self._book.word is not LinkWord.ONLINE:
                    continue
                pid = known.player.player_id

                async def ask(heos: Heos, pid: int = pid) -> int:
                    return await heos.player_get_volume(pid)

                with suppress(NoReply, Unreachable, Moved):
                    with suppress(CommandFailedError, SugartalkError):  # an answer, if not the one wanted
                        await spare.call(ask)
                    self.answered(key)

    # -- connections ---------------------------------------------------------------------------------

    def _leave(self) -> None:
        """Nothing of this session holds any more."""
        if self._events is not None:
            self._connections.discard(self._events)
            self._events = None
        self._close_commands()
        self.groups.leave()
        self._account.lost()
        self.browser.forget()
        self.queues.leave()
        self._by_pid.clear()
        for known in self._known.values():
            known.leave()
            self._store.put_player(known.found.key, None)

    def _close_commands(self) -> None:
        self._connections.close()
        if self._restoring is not None:  # the next session begins with it anew
            self._restoring.cancel()
            self._restoring = None

    @property
    def _host(self) -> str | None:
        return self._connections.host


def _follows(known: Known) -> bool:
    """Whether the list of players says that it is led by another one."""
    player = known.player
    return player is not None and player.group_id not in {None, player.player_id}


def _reason(error: BaseException, host: str) -> str:
    """A sentence for whoever reads `last_error`: where, what was attempted, the likely cause."""
    where = "SSDP" if host == "auto" else f"{host}:{PORT}"
    text = str(error)
    if isinstance(error, TimeoutError):
        return f"{where} accepted the connection but did not tell its players within {SETUP_LIMIT:g} s"
    if "ConnectionRefusedError" in text or "Connect call failed" in text:
        return f"{where} refuses connections: this device has no HEOS, or it is still starting"
    if "timed out" in text:
        return f"{where} does not answer: it is off, or the address is another"
    return f"{where} {text}"
