"""One HEOS player as a zone sees it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from pyheos import CommandFailedError, Heos, PlayState

from sugartalkd.errors import BadPayload, HeosOffline, SugartalkError, TimedOut
from sugartalkd.heos import media_play, translate
from sugartalkd.heos.connection import BUSY_PAUSES, Moved, NoReply, Refused, Unreachable, refusal
from sugartalkd.heos.known import READINGS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyheos import HeosPlayer

    from sugartalkd.heos.browse import Browser
    from sugartalkd.heos.connection import CommandConnection
    from sugartalkd.heos.known import Known, PlayMode
    from sugartalkd.model import Enqueue, PlayerKey, Repeat, Track

URL_LIMIT: Final = 255
"""Characters; devices cut longer URLs off (heos.md 0.2)."""
BUSY_LIMIT: Final = 20.0

_ID_NOT_VALID: Final = 2
_NOT_EXECUTED: Final = 7
_PROCESSING_PREVIOUS: Final = 13
_TOO_MANY_COMMANDS: Final = 16
_BUSY: Final = frozenset({_PROCESSING_PREVIOUS, _TOO_MANY_COMMANDS})


class System(Protocol):
    """What a player needs of the system that it belongs to."""

    def present(self, key: PlayerKey) -> tuple[Known, HeosPlayer]:
        """The player, if it can be told something now. Raises HeosOffline."""
        ...

    def connection_for(self, key: PlayerKey) -> CommandConnection: ...
    def own_connection(self) -> CommandConnection: ...
    def answered(self, key: PlayerKey) -> None: ...
    def no_reply(self, key: PlayerKey) -> None: ...
    def reload(self) -> None: ...
    def changed(self, known: Known) -> None: ...
    @property
    def browser(self) -> Browser: ...


@dataclass(frozen=True, slots=True)
class PlayerControl:
    """Commands to one player; each returns when the device has answered that it did it."""

    _system: System
    _key: PlayerKey

    async def set_volume(self, level: int) -> None:
        """0…100."""
        await self._call("set_volume", lambda heos, pid: heos.player_set_volume(pid, level))

    async def set_mute(self, on: bool) -> None:
        await self._call("set_mute", lambda heos, pid: heos.player_set_mute(pid, on))

    async def set_repeat(self, repeat: Repeat) -> None:
        known, player = self._system.present(self._key)
        await self._set_mode(known, replace(known.play_mode(player), repeat=translate.repeat_word(repeat)))

    async def set_shuffle(self, on: bool) -> None:
        known, player = self._system.present(self._key)
        await self._set_mode(known, replace(known.play_mode(player), shuffle=on))

    async def _set_mode(self, known: Known, mode: PlayMode) -> None:
        """HEOS sets both modes at once, so the other one stays as it was last sent or heard."""
        await self._call(
            "set_play_mode", lambda heos, pid: heos.player_set_play_mode(pid, mode.repeat, mode.shuffle)
        )
        known.play_mode_sent(mode)

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
        known, _ = self._system.present(self._key)
        known.starting(track)
        try:
            await self._call_aside("play_stream", lambda heos, pid: heos.play_url(pid, url))
        except SugartalkError:
            known.not_started()
            raise

    async def play_media(self, media_id: str, enqueue: Enqueue) -> None:
        """Play what was browsed or found. Raises BadPayload, Unsupported or HeosFailed."""
        await media_play.play_media(self._system, self._call_aside, media_id, enqueue)

    async def play_favorite(self, wished: str | int) -> None:
        """A favourite by name, case ignored, or by its number from 1. Raises NoMatch or OutOfRange."""
        await media_play.play_favorite(self._system, self._call_aside, wished)

    async def play_playlist(self, name: str, enqueue: Enqueue) -> None:
        """A HEOS playlist by name, case ignored. Raises NoMatch."""
        await media_play.play_playlist(self._system, self._call_aside, name, enqueue)

    async def refresh(self) -> None:
        """Ask the player's values again, one at a time: commands may go in between."""
        known, _ = self._system.present(self._key)
        for reading in READINGS:
            await self._call("get", lambda heos, _pid, reading=reading: known.ask(reading, heos))
        self._system.changed(known)

    async def _call_aside(self, name: str, operation: Callable[[Heos, int], Awaitable[None]]) -> None:
        """A command over its own connection: the device may look at what it is to play before it answers."""
        connection = self._system.own_connection()
        try:
            await self._call(name, operation, lambda _key: connection)
        finally:
            connection.close()

    async def _set_state(self, state: PlayState) -> None:
        await self._call("set_play_state", lambda heos, pid: heos.player_set_play_state(pid, state))

    async def _call(
        self,
        name: str,
        operation: Callable[[Heos, int], Awaitable[None]],
        connection_for: Callable[[PlayerKey], CommandConnection] | None = None,
    ) -> None:
        """Run a command, again while the device is busy; whoever calls sets the deadline."""
        choose = connection_for or self._system.connection_for
        loop = asyncio.get_running_loop()
        give_up = loop.time() + BUSY_LIMIT
        tries = 0
        while True:
            _, player = self._system.present(self._key)
            connection = choose(self._key)
            try:
                await connection.call(
                    lambda heos: operation(heos, player.player_id),  # noqa: B023
                    still_here=lambda: choose(self._key) is connection,  # noqa: B023
                )
            except Moved:
                continue
            except CommandFailedError as error:
                self._system.answered(self._key)
                again = error.error_id in _BUSY or (error.error_id == _NOT_EXECUTED and tries == 0)
                if not again or loop.time() > give_up:
                    if error.error_id == _ID_NOT_VALID:
                        self._system.reload()
                    raise Refused(f"{player.name} refused {name}: {refusal(error)}", error.error_id) from None
                await asyncio.sleep(BUSY_PAUSES[min(tries, len(BUSY_PAUSES) - 1)])
                tries += 1
            except NoReply:
                self._system.no_reply(self._key)
                raise TimedOut(f"{player.name} did not answer {name}") from None
            except Unreachable as error:
                raise HeosOffline(f"{player.name} cannot be told {name}: {error}") from None
            else:
                self._system.answered(self._key)
                return
