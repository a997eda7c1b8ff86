"""Who plays with whom in a HEOS system: read after the players, and again whenever that may have changed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol, cast

from pyheos import CommandFailedError
from pyheos import command as words

from sugartalkd.errors import HeosOffline, SugartalkError
from sugartalkd.heos import translate
from sugartalkd.heos.connection import PAUSES, Moved, NoReply, Unreachable, ask
from sugartalkd.log import get_logger
from sugartalkd.model import PlayerGroup, PlayerKey

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pyheos import Heos

    from sugartalkd.heos.connection import CommandConnection
    from sugartalkd.heos.known import Known
    from sugartalkd.heos.translate import ListedGroup

_log = get_logger(__name__)

SETTLES: Final = 0.3
"""Seconds from an event to the reading: regrouping sends bursts of them."""
AGREES_WITHIN: Final = 3.0
"""Seconds in which a system has to show the grouping that it said it made."""
LOOK_AGAIN: Final = 0.4
"""Seconds between two looks at it: the event may be late or get lost."""


class System(Protocol):
    """What is needed of the system whose groups these are."""

    def listed(self) -> Collection[Known]: ...
    def key_at(self, pid: int) -> PlayerKey | None: ...
    def own_connection(self, timeout: float | None = None) -> CommandConnection: ...
    def changed(self, known: Known) -> None: ...
    def regrouped(self, known: Known) -> None: ...
    def grouping_heard(self, *, heard: bool) -> None: ...


class Groups:
    """The groups of one system; `run` reads them, over a connection that holds up nobody."""

    def __init__(self, system: System, timeout: float) -> None:
        """`timeout` in seconds for one answer."""
        self._system = system
        self._timeout = timeout
        self._heard = False
        self._by_player: dict[PlayerKey, PlayerGroup] = {}
        self._volumes: dict[PlayerKey, float] = {}
        """By leader."""
        self._leaders: dict[int, PlayerKey] = {}
        """By gid."""
        self._told: Counter[PlayerKey] = Counter()
        """How often an event has told each volume: a reply that an event overtook is old."""
        self._wanted = asyncio.Event()
        self._at_once = asyncio.Event()
        self._readings = 0
        self._began = 0
        self._read = asyncio.Condition()
        self._connection: CommandConnection | None = None

    def ask(self, *, at_once: bool = False) -> None:
        """Read the groups soon; many wishes in a row are one."""
        self._wanted.set()
        if at_once:
            self._at_once.set()

    def leave(self) -> None:
        """The session is over: nothing is known any more."""
        self._by_player.clear()
        self._volumes.clear()
        self._leaders.clear()
        self._heard = False
        self._wanted.clear()
        self._at_once.clear()
        if self._connection is not None:
            self._connection.close()
        self._system.grouping_heard(heard=False)

    def leader_of(self, key: PlayerKey) -> PlayerKey:
        """Whom a player follows; itself while it plays alone."""
        group = self._by_player.get(key)
        return key if group is None else group.leader

    def volume_told(self, gid: int, level: int) -> None:
        """An event told a group's volume, 0…100."""
        leader = self._leaders.get(gid)
        if leader is None:
            self.ask()  # a group that has not been read yet
            return
        self._told[leader] += 1
        self._volumes[leader] = float(level)
        self._show()

    async def agree(self, leader: PlayerKey, members: Sequence[PlayerKey]) -> bool:
        """Whether the system shows this leader with exactly these others, within the limit.

        Without members: it plays alone.
        """
        deadline = time.monotonic() + AGREES_WITHIN
        while True:
            if await self._read_now(deadline) and self._is(leader, members):
                return True
            if time.monotonic() + LOOK_AGAIN > deadline:
                return False
            await asyncio.sleep(LOOK_AGAIN)

    def _is(self, leader: PlayerKey, members: Sequence[PlayerKey]) -> bool:
        group = self._by_player.get(leader)
        if group is None:
            return not members
        return group.leader == leader and set(group.members) == {leader, *members}

    async def _read_now(self, deadline: float) -> bool:
        """Whether a reading that begins after this ended well before the deadline."""
        number = self._began + 1
        self.ask(at_once=True)
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 0.0)), self._read:
                await self._read.wait_for(lambda: self._readings >= number)
        except TimeoutError:
            return False
        return self._heard

    # -- reading -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read whenever it is asked for, and again after a while what was not answered."""
        pauses = iter(PAUSES)
        again: float | None = None
        while True:
            try:
                async with asyncio.timeout(again):
                    await self._wanted.wait()
                async with asyncio.timeout(SETTLES if self._heard else 0):
                    await self._at_once.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            self._at_once.clear()
            self._began += 1
            complete = await self._read_all()
            async with self._read:
                self._readings = self._began
                self._read.notify_all()
            if complete:
                again, pauses = None, iter(PAUSES)
            else:
                again = next(pauses, PAUSES[-1])

    async def _read_all(self) -> bool:
        """Whether everything was answered, or nobody is there to be asked."""
        if not self._system.listed():
            return True
        try:
            self._connection = self._system.own_connection(self._timeout)
        except HeosOffline:
            return True  # the next session asks
        try:
            self._keep(await self._connection.call(_get_groups))
            complete = True
            for gid, leader in list(self._leaders.items()):
                complete = await self._read_volume(self._connection, gid, leader) and complete
        except (CommandFailedError, NoReply, Unreachable, SugartalkError) as error:
            _log.info("the system does not tell its groups now", error=str(error))
            return False
        except Moved:
            return True  # the session ended meanwhile
        else:
            return complete
        finally:
            self._connection.close()
            self._connection = None

    async def _read_volume(self, connection: CommandConnection, gid: int, leader: PlayerKey) -> bool:
        """Whether the group said its volume; one that does not must not keep the others from it."""
        told = self._told[leader]
        try:
            level = await connection.call(lambda heos: heos.get_group_volume(gid))
        except (CommandFailedError, SugartalkError) as error:
            _log.info("a group does not tell its volume", leader=leader, error=str(error))
            return False
        if told == self._told[leader] and self._leaders.get(gid) == leader:
            self._volumes[leader] = float(level)
            self._show()
        return True

    def _keep(self, listed: tuple[ListedGroup, ...]) -> None:
        self._by_player.clear()
        self._leaders.clear()
        for one in listed:
            # A leader that nobody knows still leads: its members do not play what they say of themselves.
            leader = self._system.key_at(one.leader) or PlayerKey(f"pid:{one.leader}")
            keys = [key for pid in one.members if (key := self._system.key_at(pid)) not in {None, leader}]
            group = PlayerGroup(leader, (leader, *cast("list[PlayerKey]", keys)))
            self._leaders[one.gid] = leader
            self._by_player.update(dict.fromkeys(group.members, group))
        leaders = set(self._leaders.values())
        self._volumes = {key: level for key, level in self._volumes.items() if key in leaders}
        self._heard = True
        self._show()
        self._system.grouping_heard(heard=True)

    def _show(self) -> None:
        for known in list(self._system.listed()):
            key = known.found.key
            group, volume = self._by_player.get(key), self._volumes.get(key)
            if (group, volume) == (known.group, known.group_volume):
                continue
            followed = key if known.group is None else known.group.leader
            known.group, known.group_volume = group, volume
            if followed != self.leader_of(key):
                self._system.regrouped(known)
            self._system.changed(known)


async def _get_groups(heos: Heos) -> tuple[ListedGroup, ...]:
    """Pyheos would lose all groups over one odd one (heos.md 3.3), and read their mutes too."""
    reply = await ask(heos, words.COMMAND_GET_GROUPS, {})
    return translate.listed_groups(reply.payload)
