"""Playing on one player what was browsed or searched, and favourites and playlists by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from pyheos import AddCriteriaType, CommandFailedError, const
from pyheos import command as words

from sugartalkd.errors import OutOfRange, Unsupported
from sugartalkd.heos import media
from sugartalkd.heos.connection import Refused, ask
from sugartalkd.model import Enqueue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyheos import Heos, HeosPlayer

    from sugartalkd.heos.browse import Browser
    from sugartalkd.heos.known import Known
    from sugartalkd.model import PlayerKey

    Operation: TypeAlias = Callable[[Heos, int], Awaitable[None]]
    Tell: TypeAlias = Callable[[str, Operation], Awaitable[None]]

_CRITERIA: Final = {
    Enqueue.REPLACE: AddCriteriaType.REPLACE_AND_PLAY,
    Enqueue.NOW: AddCriteriaType.PLAY_NOW,
    Enqueue.NEXT: AddCriteriaType.PLAY_NEXT,
    Enqueue.END: AddCriteriaType.ADD_TO_END,
}
_NO_SUCH_PRESET: Final = frozenset(
    {
        const.ERROR_INVALID_ID,
        const.ERROR_WRONG_ARGUMENTS,
        const.ERROR_DATA_NOT_AVAILABLE,
        const.ERROR_PARAMETER_OUT_OF_RANGE,
    }
)
"""What devices may answer to a number that no favourite has."""


class System(Protocol):
    """What playing needs of the system besides the player itself."""

    def present(self, key: PlayerKey) -> tuple[Known, HeosPlayer]:
        """Raises HeosOffline."""
        ...

    @property
    def browser(self) -> Browser: ...


async def play_media(system: System, tell: Tell, media_id: str, enqueue: Enqueue) -> None:
    """`tell` tells the player a command. Raises BadPayload or Unsupported."""
    await _play(system, tell, media.parse(media_id), enqueue)


async def play_favorite(system: System, tell: Tell, wished: str | int) -> None:
    """Raises NoMatch or OutOfRange."""
    number = await system.browser.favorite(wished)
    try:
        await tell("play_preset", lambda heos, pid: heos.play_preset_station(pid, number))
    except Refused as refused:
        if refused.eid in _NO_SUCH_PRESET and number > (count := await system.browser.count_favorites()):
            raise OutOfRange(f"there is no favourite {number}; there are {count}") from None
        raise


async def play_playlist(system: System, tell: Tell, name: str, enqueue: Enqueue) -> None:
    """Raises NoMatch."""
    await _play(system, tell, await system.browser.playlist(name), enqueue)


async def _play(system: System, tell: Tell, what: media.Media, enqueue: Enqueue) -> None:
    match what:
        case media.Station(sid, cid, mid, name):
            _refuse_queueing("a station", enqueue)
            station = _given(sid=sid, cid=cid, mid=mid, name=name or None)
            await tell(
                "play_stream", lambda heos, pid: _send(heos, words.COMMAND_BROWSE_PLAY_STREAM, pid, station)
            )
        case media.InputAt(player, mid):
            _refuse_queueing("an input", enqueue)
            owner = None if player is None else system.present(player)[1].player_id
            await tell(
                "play_input",
                lambda heos, pid: heos.play_input_source(pid, mid, None if owner == pid else owner),
            )
        case media.Song(sid, cid, mid):
            await _add(tell, _given(sid=sid, cid=cid, mid=mid), enqueue)
        case media.Container(sid, cid, playable) if playable:
            await _add(tell, _given(sid=sid, cid=cid), enqueue)
        case _:
            raise Unsupported("this cannot be played as a whole; browse it and play what is in it")


async def _add(tell: Tell, arguments: dict[str, object], enqueue: Enqueue) -> None:
    """Put a track or a whole container into the queue; in an empty one it starts to play."""

    async def add(heos: Heos, pid: int) -> None:
        how = enqueue
        if how in {Enqueue.NEXT, Enqueue.END} and await _has_no_queue(heos, pid):
            how = Enqueue.NOW
        criteria = {words.ATTR_ADD_CRITERIA_ID: int(_CRITERIA[how])}
        await _send(heos, words.COMMAND_BROWSE_ADD_TO_QUEUE, pid, arguments | criteria)

    await tell("add_to_queue", add)


async def _has_no_queue(heos: Heos, pid: int) -> bool:
    try:
        reply = await ask(heos, words.COMMAND_GET_QUEUE, {words.ATTR_PLAYER_ID: pid, words.ATTR_RANGE: "0,0"})
    except CommandFailedError as error:
        if error.error_id == const.ERROR_DATA_NOT_AVAILABLE:
            return True
        raise
    return not reply.payload


async def _send(heos: Heos, command: str, pid: int, arguments: dict[str, object]) -> None:
    await ask(heos, command, {words.ATTR_PLAYER_ID: pid, **arguments})


def _given(**arguments: object) -> dict[str, object]:
    return {name: value for name, value in arguments.items() if value is not None}


def _refuse_queueing(what: str, enqueue: Enqueue) -> None:
    if enqueue in {Enqueue.NEXT, Enqueue.END}:
        raise Unsupported(f"{what} has no place in a queue: it can only be played now")
