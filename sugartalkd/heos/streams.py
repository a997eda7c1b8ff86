"""What playing URLs leaves behind in a HEOS player's queue, and how that is taken out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, cast

from pyheos import CommandFailedError, PlayState, const
from pyheos import command as words

from sugartalkd.errors import HeosOffline
from sugartalkd.heos.connection import Moved, NoReply, Refused, Unreachable, ask, refusal
from sugartalkd.heos.media import whole
from sugartalkd.heos.translate import URL_STREAM

if TYPE_CHECKING:
    from pyheos import Heos

    from sugartalkd.heos.connection import CommandConnection
    from sugartalkd.heos.known import Known

PAGE: Final = 50
PAGE_LIMIT: Final = 8.0
"""Seconds for one answer."""
LOOKED_AT: Final = 300
"""Items at the end of a queue that are looked through: URLs are always added there."""
TRIES: Final = 3
"""A queue that changes meanwhile is read again, so often at most."""


class System(Protocol):
    """What is needed of the system that the player belongs to."""

    def own_connection(self, timeout: float | None = None) -> CommandConnection: ...
    def changed(self, known: Known) -> None: ...


async def tidy(system: System, known: Known, pid: int) -> None:
    """Take every "Url Stream" out of a player's queue but the one that plays or pauses.

    Items are only known by their places, so nothing is taken out if the queue changes meanwhile.
    Raises HeosOffline or HeosFailed.
    """
    connection = system.own_connection(PAGE_LIMIT)

    async def work(heos: Heos) -> None:
        for _ in range(TRIES):
            changes = known.queue_changes
            stale = await _stale(heos, pid)
            if not stale:
                return
            if changes == known.queue_changes:
                known.urls.renumbering = True
                await heos.player_remove_from_queue(pid, stale)
                await known.recount(heos)
                return

    try:
        await connection.call(work)
    except CommandFailedError as error:
        raise Refused(
            f"{known.found.name} refused to tidy its queue: {refusal(error)}", error.error_id
        ) from None
    except (NoReply, Unreachable, Moved) as error:
        raise HeosOffline(f"{known.found.name} did not tidy its queue: {error}") from None
    finally:
        known.urls.renumbering = False
        connection.close()
        system.changed(known)


async def _stale(heos: Heos, pid: int) -> list[int]:
    """The qids of what is left behind, at most as many as fit into one command."""
    total, rows = await _page(heos, pid, 0)
    first = max(0, total - LOOKED_AT)
    if first:
        rows = []
    for start in range(first + len(rows), total, PAGE):
        rows += (await _page(heos, pid, start))[1]
    left = {first + number for number, row in enumerate(rows, 1) if row.get(words.ATTR_SONG) == URL_STREAM}
    if left and await heos.player_get_play_state(pid) is not PlayState.STOP:
        media = await heos.get_now_playing_media(pid)
        left.discard(media.queue_id or 0)
    return sorted(left)[:PAGE]


async def _page(heos: Heos, pid: int, start: int) -> tuple[int, list[dict[str, object]]]:
    """How many items there are, and some of them."""
    asked = {words.ATTR_PLAYER_ID: pid, words.ATTR_RANGE: f"{start},{start + PAGE - 1}"}
    try:
        reply = await ask(heos, words.COMMAND_GET_QUEUE, asked)
    except CommandFailedError as error:
        if error.error_id == const.ERROR_DATA_NOT_AVAILABLE:
            return 0, []
        raise
    rows = [
        cast("dict[str, object]", row) if isinstance(row, dict) else {}
        for row in cast("list[object]", reply.payload or [])
    ]
    return whole(reply.message.get(words.ATTR_COUNT)) or len(rows), rows
