"""One HEOS player as a zone sees it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from pyheos import CommandFailedError, Heos, PlayState, const

from sugartalkd import retry
from sugartalkd.errors import (
    BadPayload,
    HeosFailed,
    HeosOffline,
    NotConfirmed,
    OutOfRange,
    SugartalkError,
    TimedOut,
    Unsupported,
)
from sugartalkd.heos import media_play, streams, translate
from sugartalkd.heos.connection import BUSY, BUSY_PAUSES, Moved, NoReply, Refused, Unreachable, refusal
from sugartalkd.heos.known import READINGS
from sugartalkd.topics.play import URL_LIMIT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pyheos import HeosPlayer

    from sugartalkd.heos.browse import Browser
    from sugartalkd.heos.connection import CommandConnection
    from sugartalkd.heos.groups import Groups
    from sugartalkd.heos.known import Known, PlayMode, Progress
    from sugartalkd.model import Enqueue, PlayerKey, Repeat, Track

BUSY_LIMIT: Final = 20.0


class System(Protocol):
    """What a player needs of the system that it belongs to."""

    @property
    def groups(self) -> Groups: ...
    def present(self, key: PlayerKey) -> tuple[Known, HeosPlayer]:
        """The player, if it can be told something now. Raises HeosOffline."""
        ...

    def connection_for(self, key: PlayerKey) -> CommandConnection: ...
    def own_connection(self, timeout: float | None = None) -> CommandConnection: ...
    def answered(self, key: PlayerKey) -> None: ...
    def no_reply(self, key: PlayerKey) -> None: ...
    def reload(self) -> None: ...
    def reread(self, key: PlayerKey) -> None: ...
    def changed(self, known: Known) -> None: ...
    @property
    def browser(self) -> Browser: ...


@dataclass(frozen=True, slots=True)
class PlayerControl:
    """Commands to one player; each returns when the device has answered that it did it.

    In a group, what is not its volume goes to its leader (contract 3).
    """

    _system: System
    _key: PlayerKey

    @property
    def leader(self) -> PlayerKey:
        """Whose transport and queue this player follows now; itself while it plays alone."""
        return self._system.groups.leader_of(self._key)

    async def set_volume(self, level: int) -> None:
        """0…100."""
        await self._call("set_volume", lambda heos, pid: heos.player_set_volume(pid, level), to=self._key)

    async def set_mute(self, on: bool) -> None:
        await self._call("set_mute", lambda heos, pid: heos.player_set_mute(pid, on), to=self._key)

    async def set_repeat(self, repeat: Repeat) -> None:
        await self._set_mode(lambda mode: replace(mode, repeat=translate.repeat_word(repeat)))

    async def set_shuffle(self, on: bool) -> None:
        await self._set_mode(lambda mode: replace(mode, shuffle=on))

    async def _set_mode(self, change: Callable[[PlayMode], PlayMode]) -> None:
        """HEOS sets both modes at once, so the other one stays as it was last sent or heard."""
        leader = self.leader
        known, player = self._present(leader)
        mode = change(known.play_mode(player))
        await self._call(
            "set_play_mode",
            lambda heos, pid: heos.player_set_play_mode(pid, mode.repeat, mode.shuffle),
            to=leader,
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
        leader = self.leader
        known, _ = self._present(leader)
        known.starting(url, track)
        try:
            # The device may look at the URL before it answers, and nobody else should wait for that.
            await self._call_aside("play_stream", lambda heos, pid: heos.play_url(pid, url), to=leader)
        except SugartalkError:
            known.urls.refused(url)
            raise
        known.urls.started(url)

    def adopt(self, url: str, track: Track, place: int | None) -> bool:
        """Whether it plays this URL, which had this place in its queue; it is shown as `track` then."""
        known, _ = self._system.present(self._key)
        adopted = known.adopt(url, track, None if place is None else place + 1)
        if adopted:
            self._system.changed(known)
        return adopted

    @property
    def has_own_queue(self) -> bool:
        """Whether there is something in its own queue besides URLs."""
        queue = self._present(self.leader)[0].queue
        return queue is not None and any(one.title != translate.URL_STREAM for one in queue.items)

    @property
    def progress(self) -> Progress | None:
        """What the player said last of its position."""
        try:
            return self._system.present(self._key)[0].progress
        except HeosOffline:
            return None

    @property
    def place(self) -> int | None:
        """Which item of its own queue plays, from 0, as far as it says."""
        try:
            return self._system.present(self._key)[0].queue_index
        except HeosOffline:
            return None

    @property
    def address(self) -> str | None:
        """Where it is in the network."""
        try:
            return self._system.present(self._key)[0].found.address
        except HeosOffline:
            return None

    async def tidy_streams(self) -> None:
        """Take the URLs out of the queue that are left of earlier playing; everything else stays."""
        leader = self.leader
        known, player = self._present(leader)
        await streams.tidy(self._system, known, player.player_id)

    async def play_media(self, media_id: str, enqueue: Enqueue, *, shuffle: bool | None = None) -> None:
        """Play what was browsed or found. Raises BadPayload, Unsupported or HeosFailed."""
        await self._shuffle_first(shuffle)
        await media_play.play_media(self._system, self._start, media_id, enqueue)

    async def play_favorite(self, wished: str | int) -> None:
        """A favourite by name, case ignored, or by its number from 1. Raises NoMatch or OutOfRange."""
        await media_play.play_favorite(self._system, self._start, wished)

    async def play_playlist(self, name: str, enqueue: Enqueue, *, shuffle: bool | None = None) -> None:
        """A HEOS playlist by name, case ignored. Raises NoMatch."""
        await self._shuffle_first(shuffle)
        await media_play.play_playlist(self._system, self._start, name, enqueue)

    async def _shuffle_first(self, shuffle: bool | None) -> None:
        if shuffle is not None:
            await self.set_shuffle(shuffle)

    async def _start(self, name: str, operation: Callable[[Heos, int], Awaitable[None]]) -> None:
        """What a member is told to play, its leader plays."""
        await self._call_aside(name, operation, to=self.leader)

    async def refresh(self) -> None:
        """Ask the player's values again, and its leader's, one at a time: commands may go in between."""
        leader = self.leader
        known, _ = self._system.present(self._key)
        asked = {self._key: known}
        if leader != self._key:
            with suppress(HeosOffline):  # what it follows is away, not this player
                asked[leader], _ = self._system.present(leader)
        for key, known in asked.items():
            for reading in READINGS:
                await self._call(
                    "get",
                    lambda heos, _pid, known=known, reading=reading: known.ask(reading, heos),
                    to=key,
                )
            self._system.changed(known)
        self._system.reread(leader)

    # -- the queue -----------------------------------------------------------------------------------

    async def clear_queue(self) -> None:
        """Empty the queue; that may take 30 s (heos.md 4.1)."""
        # An empty queue is cleared already, but the device calls that an error.
        await self._call_aside(
            "clear_queue",
            lambda heos, pid: heos.player_clear_queue(pid),
            done=const.ERROR_DATA_NOT_AVAILABLE,
        )
        self._present(self.leader)[0].urls.cleared()

    async def jump_in_queue(self, index: int) -> None:
        """Play this item, from 0. Raises OutOfRange, as the others do."""
        self._check_indices(index)
        await self._call("play_queue", lambda heos, pid: heos.player_play_queue(pid, index + 1))

    async def remove_from_queue(self, indices: Sequence[int]) -> None:
        self._check_indices(*indices)
        qids = [index + 1 for index in sorted(set(indices))]
        if qids:
            await self._call_aside(
                "remove_from_queue", lambda heos, pid: heos.player_remove_from_queue(pid, qids)
            )

    async def move_in_queue(self, origin: int, target: int) -> None:
        """Move one item so that it has the index `target` afterwards."""
        self._check_indices(origin, target)
        if origin == target:
            return
        # The specification (1.17, 4.2.20) calls dqid the destination and lets it be 1 to the size of the
        # queue. It is taken for the item's place afterwards: if it meant the item to insert before, the end
        # of the queue could not be reached. Not tried on a real device; what came of it is read again.
        await self._call(
            "move_queue_item", lambda heos, pid: heos.player_move_queue_item(pid, [origin + 1], target + 1)
        )

    def _check_indices(self, *indices: int) -> None:
        """As far as the length is known: what is not known is the device's to refuse."""
        known, player = self._present(self.leader)
        length = None if known.queue is None or known.queue_stale else known.queue.length
        for index in indices:
            if index < 0 or (length is not None and index >= length):
                has = "is empty" if length == 0 else f"has the indices 0 to {(length or 1) - 1}"
                raise OutOfRange(f"the queue of {player.name} has no index {index}: it {has}")

    # -- groups --------------------------------------------------------------------------------------

    async def set_group(self, members: Sequence[PlayerKey]) -> None:
        """Lead exactly these players; without any, play alone. Raises NotConfirmed if nothing comes of it."""
        others = [key for key in dict.fromkeys(members) if key != self._key]
        for key in others:
            self._present(key, f"a player that is to join the group ({key}) is away")

        async def ask(heos: Heos, pid: int) -> None:
            pids = [self._system.present(key)[1].player_id for key in others]
            await heos.set_group([pid, *pids])

        _, player = self._system.present(self._key)
        try:
            # Players may have to agree among themselves first, and nobody else should wait for that.
            await self._call_aside("set_group", ask, to=self._key)
        except HeosFailed:
            if others or not await self._system.groups.agree(self._key, ()):
                raise
            return  # it plays alone already
        if not await self._system.groups.agree(self._key, others):
            raise NotConfirmed(f"{player.name} took set_group, but the system shows other groups")

    async def set_group_volume(self, level: int) -> None:
        """0…100, for the group that it leads; the members' volumes follow."""
        known, player = self._system.present(self._key)
        if known.group is None or known.group.leader != self._key:
            raise Unsupported(f"{player.name} leads no group, so there is no group volume to set")
        # A group has its leader's pid for its gid (heos.md 1.4).
        await self._call(
            "set_group_volume", lambda heos, pid: heos.set_group_volume(pid, level), to=self._key
        )

    # -- inside --------------------------------------------------------------------------------------

    def _present(
        self, key: PlayerKey, who: str = "the player that leads its group is away"
    ) -> tuple[Known, HeosPlayer]:
        """As the system's own; of another player than this one it says who is meant. Raises HeosOffline."""
        try:
            return self._system.present(key)
        except HeosOffline as error:
            if key == self._key:
                raise
            raise HeosOffline(f"{who}: {error}") from None

    async def _set_state(self, state: PlayState) -> None:
        await self._call("set_play_state", lambda heos, pid: heos.player_set_play_state(pid, state))

    async def _call_aside(
        self,
        name: str,
        operation: Callable[[Heos, int], Awaitable[None]],
        *,
        to: PlayerKey | None = None,
        done: int | None = None,
    ) -> None:
        """Run a command that may take long over a connection of its own."""
        connection = self._system.own_connection()
        try:
            await self._call(name, operation, lambda _key: connection, to=to, done=done)
        finally:
            connection.close()

    async def _call(
        self,
        name: str,
        operation: Callable[[Heos, int], Awaitable[None]],
        connection_for: Callable[[PlayerKey], CommandConnection] | None = None,
        *,
        to: PlayerKey | None = None,
        done: int | None = None,
    ) -> None:
        """Run a command, again while the device is busy; whoever calls sets the deadline.

        It goes to the group's leader, unless it is said `to` whom. The refusal `done` means that there is
        nothing left to do.
        """
        key = to or self.leader
        choose = connection_for or self._system.connection_for
        loop = asyncio.get_running_loop()
        give_up = loop.time() + BUSY_LIMIT
        tries = 0
        while True:
            _, player = self._present(key)
            connection = choose(key)
            try:
                await connection.call(
                    lambda heos: operation(heos, player.player_id),  # noqa: B023
                    still_here=lambda: choose(key) is connection,  # noqa: B023
                )
            except Moved:
                continue
            except CommandFailedError as error:
                self._system.answered(key)
                if error.error_id == done:
                    return
                again = error.error_id in BUSY or (
                    error.error_id == const.ERROR_COMMAND_NOT_EXECUTED and tries == 0
                )
                if not again or loop.time() > give_up:
                    if error.error_id == const.ERROR_INVALID_ID:
                        self._system.reload()
                    raise Refused(f"{player.name} refused {name}: {refusal(error)}", error.error_id) from None
                await asyncio.sleep(retry.after(tries, BUSY_PAUSES))
                tries += 1
            except NoReply:
                self._system.no_reply(key)
                raise TimedOut(f"{player.name} did not answer {name}") from None
            except Unreachable as error:
                raise HeosOffline(f"{player.name} cannot be told {name}: {error}") from None
            else:
                self._system.answered(key)
                return
