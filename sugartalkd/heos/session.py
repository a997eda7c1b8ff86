"""The HEOS system: finds it, keeps its events coming, and knows its players."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from pyheos import (
    CommandError,
    CommandFailedError,
    Credentials,
    Heos,
    HeosError,
    HeosOptions,
    HeosPlayer,
    const,
)
from pyheos import command as words
from pyheos.message import HeosCommand
from pyheos.types import ConnectionState

from sugartalkd.errors import HeosOffline
from sugartalkd.heos import translate
from sugartalkd.heos.connection import UNREADABLE, CommandConnection, NoReply, Quiet, Unreachable, close
from sugartalkd.heos.discovery import search
from sugartalkd.heos.player import PlayerControl
from sugartalkd.heos.translate import URL_STREAM, Timeline
from sugartalkd.log import get_logger
from sugartalkd.model import HEOS_LINK, LinkWord, PlayerState
from sugartalkd.state import LinkBook, ZoneReport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyheos.message import HeosMessage

    from sugartalkd.model import FoundPlayer, PlayerKey, Track
    from sugartalkd.state import StateStore

_log = get_logger(__name__)

PORT: Final = 1255
SETUP_LIMIT: Final = 8.0
"""Seconds from connecting to knowing every player."""
STABLE: Final = 10.0
"""Seconds a session has to last to make the next attempts quick again."""
PAUSES: Final = (0.3, 30.0)
BUSY_TRIES: Final = 4
"""How often a step of the set-up is tried that meets a busy device (eid 12, 13, 16)."""
PROBE: Final = 5.0
"""Seconds between two questions to a player that does not answer."""

_BUSY: Final = frozenset({12, 13, 16})


@dataclass(slots=True)
class _Known:
    """What is remembered of one player beside what pyheos has."""

    found: FoundPlayer
    timeline: Timeline = field(default_factory=Timeline)
    heard: bool = False
    """Whether its values were read on this connection; pyheos has 0 and False for what it never heard."""
    started: Track | None = None
    """What `play_url` was told to show, until the device shows something else."""
    started_qid: int | None = None
    duration: int | None = None
    """Seconds, as they were published last."""


class _Lost(Exception):
    """The session with the system is over; the text says why."""


class _Poisoned(Exception):
    """A player did not answer on the event connection, so late replies could hit another one."""


class _Events(Quiet):
    """The connection that carries events and heartbeats: pyheos with our own loading of players.

    One player that fails or keeps silent must not keep the others from being known (heos.md 3.2 number
    15), and what an event changed goes to the store in the same step that pyheos took it in.
    """

    def __init__(self, options: HeosOptions, session: HeosSession) -> None:
        super().__init__(options)
        self._session = session
        self.over = asyncio.Event()
        self.reload = False
        self.poisoned = False
        self.loaded: set[int] = set()

    async def _on_disconnected(self, from_error: bool) -> None:  # noqa: ARG002
        self.over.set()

    async def set_up(self) -> None:
        """Register for events, then load the players; a busy device is asked again."""
        await self.connect()
        await _patiently(lambda: self.register_for_change_events(enable=True))
        await _patiently(self.load)

    async def load(self) -> None:
        """Read who is there, and five values of each player that is not known to keep silent."""
        response = await self._connection.command(HeosCommand(words.COMMAND_GET_PLAYERS))
        listed = cast("list[dict[str, object]]", response.payload or [])
        players: dict[int, HeosPlayer] = {}
        for one in listed:
            fresh = HeosPlayer._from_data(one, self)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            old = self._players.get(fresh.player_id)
            if old is not None:
                old._update_from_data(one)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            players[fresh.player_id] = old or fresh
        self._players = players
        self._players_loaded = True
        self.loaded &= players.keys()
        for player in players.values():
            if not self._session.is_silent(player):
                await self._read(player)

    async def _read(self, player: HeosPlayer) -> None:
        try:
            await player.refresh_state()
            await player.refresh_now_playing_media()
            await player.refresh_volume()
            await player.refresh_mute()
            await player.refresh_play_mode()
        except CommandFailedError as error:
            _log.warning("a player does not tell everything", player=player.name, error=str(error))
            return
        except CommandError:
            self._session.fell_silent_at(player)
            raise _Poisoned(player.name) from None
        except UNREADABLE as error:
            _log.warning("a player's answer cannot be read", player=player.name, error=repr(error))
        self.loaded.add(player.player_id)

    async def _on_event_player(self, event: HeosMessage) -> None:
        player = None
        try:
            player = self._players.get(event.get_message_value_int(words.ATTR_PLAYER_ID))
            await super()._on_event_player(event)
        except CommandFailedError as error:
            _log.debug(
                "a player's event could not be followed up", heos_event=event.command, error=str(error)
            )
        except CommandError:
            if player is not None:
                self._session.fell_silent_at(player)
            self.poisoned = True
            self.over.set()
            return
        except UNREADABLE as error:
            _log.warning("an event cannot be read", heos_event=event.command, error=repr(error))
            return
        if player is not None:
            self._session.player_event(player, event)

    async def _on_event_heos(self, event: HeosMessage) -> None:
        if event.command == const.EVENT_USER_CHANGED:
            self._signed_in_username = event.message.get(words.ATTR_USER_NAME)
        elif event.command in {const.EVENT_PLAYERS_CHANGED, const.EVENT_GROUPS_CHANGED}:
            self.reload = True
            self.over.set()

    async def _on_event_group(self, event: HeosMessage) -> None:
        """Groups are not followed yet."""


async def _patiently(step: Callable[[], Awaitable[object]]) -> None:
    """Run a step of the set-up, again while the device says that it is busy."""
    for number in range(BUSY_TRIES):
        try:
            await step()
        except CommandFailedError as error:
            if error.error_id not in _BUSY or number == BUSY_TRIES - 1:
                raise
            await asyncio.sleep(0.3 + 0.25 * number)
        else:
            return


class HeosSession:
    """One HEOS system, reached through any of its devices; `run` keeps it for as long as it runs.

    `host` is an address, or `auto` for SSDP. `on_players` is told every player that is present, before
    the first state of a new one. `heartbeat` and `timeout` are seconds.
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
    ) -> None:
        self._host = host
        self._store = store
        self._on_players = on_players
        self._credentials = Credentials(username, password) if username and password else None
        self._heartbeat = heartbeat
        self._timeout = timeout
        self._book = LinkBook(store, HEOS_LINK, None if host == "auto" else host)
        self._last_host: str | None = None
        self._events: _Events | None = None
        self._commands: CommandConnection | None = None
        self._spare: dict[PlayerKey, CommandConnection] = {}
        self._known: dict[PlayerKey, _Known] = {}
        self._told: tuple[FoundPlayer, ...] = ()
        self._closing: set[asyncio.Task[None]] = set()
        self._stable_until = time.monotonic()
        self.account: str | None = None
        """The signed-in HEOS account, `signed_out`, or `None` while unknown."""

    # -- for the daemon ------------------------------------------------------------------------------

    def player(self, key: PlayerKey) -> PlayerControl:
        return PlayerControl(self, key)

    async def run(self) -> None:
        """Connect, follow, and connect again, without end."""
        probe = asyncio.create_task(self._probe_silent(), name="heos silent players")
        try:
            while True:
                await self._session()
        finally:
            probe.cancel()
            self._book.close()
            self._drop_commands()
            if self._events is not None:
                self._discard(self._events)
                self._events = None
            await asyncio.gather(probe, *self._closing, return_exceptions=True)

    # -- for players ---------------------------------------------------------------------------------

    def present(self, key: PlayerKey) -> HeosPlayer:
        known = self._known.get(key)
        events = self._events
        if self._book.word is not LinkWord.ONLINE or events is None:
            raise HeosOffline(f"the HEOS system is {self._book.word.value}; the command was not sent")
        player = None if known is None else events.players.get(known.found.pid)
        if player is None:
            raise HeosOffline("the HEOS system does not know this player at the moment")
        return player

    def connection_for(self, key: PlayerKey) -> CommandConnection:
        """The shared connection; a player that does not answer has one of its own meanwhile."""
        if self._commands is None:
            raise HeosOffline("the HEOS system is not connected")
        return self._spare.get(key, self._commands)

    def answered(self, key: PlayerKey) -> None:
        if (spare := self._spare.pop(key, None)) is not None:
            spare.drop()
            if (known := self._known.get(key)) is not None and not known.heard:
                self.reload()

    def fell_silent(self, key: PlayerKey) -> None:
        if key not in self._spare and self._last_host is not None:
            self._spare[key] = CommandConnection(self._last_host, self._timeout, self._discard)

    def reload(self) -> None:
        """Read all players again, soon."""
        if self._events is not None:
            self._events.reload = True
            self._events.over.set()

    def starting(self, key: PlayerKey, track: Track | None) -> None:
        if (known := self._known.get(key)) is not None:
            known.started = track
            known.started_qid = None

    def publish(self, key: PlayerKey) -> None:
        """Put what pyheos has of a player into the store."""
        known, events = self._known.get(key), self._events
        player = None if known is None or events is None else events.players.get(known.found.pid)
        if known is None or player is None:
            return
        track = self._shown(known, player)
        transport = translate.transport(player.state)
        known.timeline.moved(transport, _identity(player), time.monotonic(), datetime.now(UTC))
        self._put(known, player, track)

    # -- for the event connection --------------------------------------------------------------------

    def is_silent(self, player: HeosPlayer) -> bool:
        return translate.found(player).key in self._spare

    def fell_silent_at(self, player: HeosPlayer) -> None:
        self.fell_silent(translate.found(player).key)

    def player_event(self, player: HeosPlayer, event: HeosMessage) -> None:
        """Pyheos has taken an event in; take over what differs. Does not wait."""
        known = self._known.get(translate.found(player).key)
        if known is None or not known.heard:
            return
        mono = time.monotonic()
        media = player.now_playing_media
        match event.command:
            case const.EVENT_PLAYER_NOW_PLAYING_PROGRESS:
                seconds = (media.current_position or 0) / 1000
                moved = known.timeline.reported(seconds, mono, datetime.now(UTC))
                if not moved and (media.duration or 0) // 1000 == (known.duration or 0):
                    return
            case const.EVENT_PLAYER_NOW_PLAYING_CHANGED:
                if known.started is not None and known.started_qid is None and media.song == URL_STREAM:
                    known.started_qid = media.queue_id
                transport = translate.transport(player.state)
                known.timeline.started(transport, _identity(player), mono, datetime.now(UTC))
            case const.EVENT_PLAYER_STATE_CHANGED:
                transport = translate.transport(player.state)
                known.timeline.started(transport, _identity(player), mono, datetime.now(UTC))
            case const.EVENT_PLAYER_PLAYBACK_ERROR:
                text = translate.text(player.playback_error) or "unknown"
                self._store.report(known.found.key, ZoneReport("playback_error", text))
                return
            case _:
                pass
        self._put(known, player, self._shown(known, player))

    # -- one session ---------------------------------------------------------------------------------

    async def _session(self) -> None:
        """From one attempt to the pause before the next."""
        self._book.connecting()
        host = None
        try:
            host = await self._find()
            await self._open(host)
            await self._follow()
        except _Poisoned as player:
            _log.warning("a player does not answer; reading the others again", player=str(player))
            self._close_events()
            return  # at once, and the link's word stays
        except (_Lost, HeosError, OSError, TimeoutError, *UNREADABLE) as error:
            await self._lost(_reason(error, host or self._host))

    async def _find(self) -> str:
        if self._host != "auto":
            return self._host
        if self._last_host is not None and self._book.word is not LinkWord.OFFLINE:
            return self._last_host
        found = await search() or self._last_host
        if found is None:
            raise _Lost("no HEOS device answered on this network; set heos.host to the address of one")
        return found

    async def _open(self, host: str) -> None:
        self._book.connecting(host)
        options = HeosOptions(host, timeout=self._timeout, heart_beat=False, events=True)
        events = _Events(options, self)
        try:
            async with asyncio.timeout(SETUP_LIMIT):
                await events.set_up()
                await self._sign_in(events)
        except BaseException:
            self._discard(events)
            raise
        if self._events is not None:
            self._discard(self._events)
        if host != self._last_host:
            self._drop_commands()
        self._last_host = host
        self._events = events
        if self._commands is None:
            self._commands = CommandConnection(host, self._timeout, self._discard)
        self._take_players(events)
        self._book.online(await self._beat(events))

    async def _sign_in(self, events: _Events) -> None:
        """The account is a courtesy: whatever goes wrong with it, the house goes on."""
        try:
            if self._credentials is not None:
                self.account = await events.sign_in(self._credentials.username, self._credentials.password)
            else:
                self.account = await events.check_account() or "signed_out"
        except CommandFailedError as error:
            self.account = "signed_out"
            _log.warning("the HEOS account is not signed in", error=str(error))

    async def _follow(self) -> None:
        """Stay until the connection ends or two heartbeats in a row go unanswered."""
        events = self._events
        if events is None:
            return
        since = time.monotonic()
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._heartbeat):
                        await events.over.wait()
                if time.monotonic() - since > STABLE:
                    self._stable_until = time.monotonic()
                if not events.over.is_set():
                    self._book.latency(await self._beat(events))
                    continue
                events.over.clear()
                if events.connection_state is not ConnectionState.CONNECTED:
                    raise _Lost("closed the connection")
                if events.poisoned:
                    raise _Poisoned("on an event")
                if events.reload:
                    events.reload = False
                    await _patiently(events.load)
                    self._take_players(events)
        finally:
            if time.monotonic() - since > STABLE:
                self._stable_until = time.monotonic()

    async def _beat(self, events: _Events) -> float:
        """Milliseconds of a heartbeat; one that is missed is repeated at once."""
        for _ in range(2):
            began = time.monotonic()
            try:
                await events.heart_beat()
            except CommandFailedError:
                pass  # an answer, if a strange one
            except CommandError:
                if events.connection_state is not ConnectionState.CONNECTED:
                    raise _Lost("closed the connection") from None
                continue
            return round((time.monotonic() - began) * 1000, 1)
        raise _Lost("answered neither of two heartbeats; it has lost power or hangs")

    async def _lost(self, reason: str) -> None:
        """Say that the system is away, then wait before the next attempt."""
        was_up = self._book.word is LinkWord.ONLINE
        self._close_events()
        self._drop_commands()
        self.account = None
        if was_up:
            self._book.lost(reason)
            pause = PAUSES[0]
        else:
            elapsed = time.monotonic() - self._stable_until
            pause = min(max(elapsed / 3, PAUSES[0]), PAUSES[1]) * random.uniform(0.8, 1.0)  # noqa: S311
            self._book.down(LinkWord.OFFLINE, reason, datetime.now(UTC) + timedelta(seconds=pause))
        for known in self._known.values():
            known.heard = False
            self._store.put_player(known.found.key, None)
        await asyncio.sleep(pause)

    def _close_events(self) -> None:
        if self._events is not None:
            self._discard(self._events)
            self._events = None

    def _drop_commands(self) -> None:
        for connection in (self._commands, *self._spare.values()):
            if connection is not None:
                connection.drop()
        self._commands = None
        self._spare.clear()

    def _discard(self, heos: Heos) -> None:
        """Close a connection without waiting for it; `run` waits at its end."""
        task = asyncio.get_running_loop().create_task(close(heos), name="heos close")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _probe_silent(self) -> None:
        """Ask players that do not answer again, so that they come back without anybody's command."""
        while True:
            await asyncio.sleep(PROBE)
            for key, spare in list(self._spare.items()):
                known = self._known.get(key)
                if known is None or self._book.word is not LinkWord.ONLINE:
                    continue
                pid = known.found.pid

                async def ask(heos: Heos, pid: int = pid) -> int:
                    return await heos.player_get_volume(pid)

                try:
                    await spare.call(ask)
                except (NoReply, Unreachable, CommandFailedError, HeosError):
                    continue
                self.answered(key)

    # -- players -------------------------------------------------------------------------------------

    def _take_players(self, events: _Events) -> None:
        """Tell who is there, then what each one does, then who is gone."""
        found = {translate.found(player).key: player for player in events.players.values()}
        for key, player in found.items():
            described = translate.found(player)
            known = self._known.setdefault(key, _Known(described))
            known.found = described
            known.heard = player.player_id in events.loaded
        told = tuple(self._known[key].found for key in found)
        if told != self._told:
            self._told = told
            self._on_players(told)
        for key, known in self._known.items():
            if key in found and known.heard:
                self.publish(key)
            else:
                known.heard = False
                self._store.put_player(key, None)

    def _shown(self, known: _Known, player: HeosPlayer) -> Track | None:
        """The device's track, or what we were told to show for the URL that we started."""
        media = player.now_playing_media
        track = translate.track(media)
        if known.started is None or track is None:
            return track
        if media.song != URL_STREAM or known.started_qid not in {None, media.queue_id}:
            if known.started_qid is not None:
                known.started = None
            return track
        if known.started_qid is None:
            return track
        return replace(known.started, source="url", source_name=track.source_name, duration=track.duration)

    def _put(self, known: _Known, player: HeosPlayer, track: Track | None) -> None:
        known.duration = None if track is None else track.duration
        state = PlayerState(
            transport=translate.transport(player.state),
            volume=float(player.volume),
            mute=player.is_muted,
            repeat=translate.repeat(player.repeat),
            shuffle=player.shuffle,
            track=track,
            anchor=known.timeline.anchor,
            progress=known.timeline.progress,
        )
        self._store.put_player(known.found.key, state)


def _identity(player: HeosPlayer) -> object:
    """What makes a track another one."""
    media = player.now_playing_media
    if media.media_id is None and media.song is None:
        return None
    return (media.song, media.artist, media.album, media.station, media.media_id, media.queue_id)


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
