"""One HEOS player as a zone sees it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from pyheos import CommandFailedError, Heos, PlayState

from sugartalkd.errors import BadPayload, HeosFailed, HeosOffline, TimedOut
from sugartalkd.heos import translate
from sugartalkd.heos.connection import NoReply, Unreachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyheos import HeosPlayer

    from sugartalkd.heos.connection import CommandConnection
    from sugartalkd.model import PlayerKey, Repeat, Track

URL_LIMIT: Final = 255
"""Characters; devices cut longer URLs off (heos.md 0.2)."""
BUSY_PAUSES: Final = (0.15, 0.3, 0.6, 1.2, 2.0)
"""Seconds before a command is tried again that met a busy device; the last one repeats."""
BUSY_LIMIT: Final = 20.0

_ID_NOT_VALID: Final = 2
_NOT_EXECUTED: Final = 7
_PROCESSING_PREVIOUS: Final = 13
_TOO_MANY_COMMANDS: Final = 16
_BUSY: Final = frozenset({_PROCESSING_PREVIOUS, _TOO_MANY_COMMANDS})


class System(Protocol):
    """What a player needs of the system that it belongs to."""

    def present(self, key: PlayerKey) -> HeosPlayer:
        """The player as pyheos has it. Raises HeosOffline."""
        ...

    def connection_for(self, key: PlayerKey) -> CommandConnection: ...
    def answered(self, key: PlayerKey) -> None: ...
    def fell_silent(self, key: PlayerKey) -> None: ...
    def reload(self) -> None: ...
    def publish(self, key: PlayerKey) -> None: ...
    def starting(self, key: PlayerKey, track: Track | None) -> None: ...


class PlayerControl:
    """Commands to one player; each returns when the device has answered that it did it."""

    def __init__(self, system: System, key: PlayerKey) -> None:
        self._system = system
        self._key = key

    async def set_volume(self, level: int) -> None:
        """0…100."""
        await self._call("set_volume", lambda heos, pid: heos.player_set_volume(pid, level))

    async def set_mute(self, on: bool) -> None:
        await self._call("set_mute", lambda heos, pid: heos.player_set_mute(pid, on))

    async def set_repeat(self, repeat: Repeat) -> None:
        """HEOS sets both modes at once, so shuffle stays as it was last heard."""
        player = self._system.present(self._key)
        word = translate.repeat_word(repeat)
        await self._call(
            "set_play_mode", lambda heos, pid: heos.player_set_play_mode(pid, word, player.shuffle)
        )

    async def set_shuffle(self, on: bool) -> None:
        player = self._system.present(self._key)
        await self._call("set_play_mode", lambda heos, pid: heos.player_set_play_mode(pid, player.repeat, on))

    async def play(self) -> None:
        await self._set_state(PlayState.PLAY)

    async def pause(self) -> None:
        await self._set_state(PlayState.PAUSE)

    async def stop(self) -> None:
        await self._set_state(PlayState.STOP)

    async def next(self) -> None:
        await self._call("play_next", lambda heos, pid: heos.player_play_next(pid))

    async def previous(self) -> None:
        await self._call("play_previous", lambda heos, pid: heos.player_play_previous(pid))

    async def play_url(self, url: str, track: Track | None) -> None:
        """Play a URL at once; `track` is shown instead of the device's "Url Stream". Raises BadPayload.

        The URL goes to the device as it is, so a line end in it would be a second command (heos.md 3.2
        number 20): nothing but printable ASCII passes here, whoever calls.
        """
        parts = urlsplit(url)
        printable = all("!" <= character <= "~" for character in url)
        if (
            not printable
            or len(url) > URL_LIMIT
            or parts.scheme != "http"
            or not parts.hostname
            or "@" in parts.netloc
        ):
            raise BadPayload(
                "only absolute http URLs of printable ASCII and at most 255 characters are played"
            )
        self._system.starting(self._key, track)
        await self._call("play_stream", lambda heos, pid: heos.play_url(pid, url))

    async def refresh(self) -> None:
        """Ask the player's values again."""
        player = self._system.present(self._key)

        async def ask(heos: Heos, pid: int) -> None:
            state = await heos.player_get_play_state(pid)
            media = await heos.get_now_playing_media(pid)
            volume = await heos.player_get_volume(pid)
            muted = await heos.player_get_mute(pid)
            modes = await heos.player_get_play_mode(pid)
            media.current_position, media.duration = (
                player.now_playing_media.current_position,
                player.now_playing_media.duration,
            )
            player.state, player.now_playing_media, player.volume, player.is_muted = (
                state,
                media,
                volume,
                muted,
            )
            player.repeat, player.shuffle = modes.repeat, modes.shuffle

        await self._call("get", ask)
        self._system.publish(self._key)

    async def _set_state(self, state: PlayState) -> None:
        await self._call("set_play_state", lambda heos, pid: heos.player_set_play_state(pid, state))

    async def _call(self, name: str, operation: Callable[[Heos, int], Awaitable[None]]) -> None:
        """Run a command, again while the device is busy; whoever calls sets the deadline."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + BUSY_LIMIT
        tries = 0
        while True:
            player = self._system.present(self._key)
            connection = self._system.connection_for(self._key)
            try:
                await connection.call(lambda heos: operation(heos, player.player_id))  # noqa: B023
            except CommandFailedError as error:
                self._system.answered(self._key)
                again = error.error_id in _BUSY or (error.error_id == _NOT_EXECUTED and tries == 0)
                if not again or loop.time() > give_up:
                    if error.error_id == _ID_NOT_VALID:
                        self._system.reload()
                    raise HeosFailed(
                        f"{player.name} refused {name}: {error.error_text} (eid {error.error_id})"
                    ) from None
                await asyncio.sleep(BUSY_PAUSES[min(tries, len(BUSY_PAUSES) - 1)])
                tries += 1
            except NoReply:
                self._system.fell_silent(self._key)
                raise TimedOut(f"{player.name} did not answer {name}") from None
            except Unreachable as error:
                raise HeosOffline(f"{player.name} cannot be told {name}: {error}") from None
            else:
                self._system.answered(self._key)
                return
