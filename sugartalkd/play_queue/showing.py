"""What people see of a queue and of what plays of it; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sugartalkd.model import Own, Transport
from sugartalkd.play_queue.order import item
from sugartalkd.play_queue.sources import PREFIX

if TYPE_CHECKING:
    from sugartalkd.model import PlayerState, Track
    from sugartalkd.play_queue.order import Order


def playing(order: Order, shown: Track | None) -> Own:
    """This track plays, and what follows it is known; or nothing does."""
    return _own(order, shown, order.index, order.following)


def starting(order: Order, shown: Track | None, heard: PlayerState | None) -> Own:
    """This track still is what plays, while the present one of the order is about to.

    The stop between two tracks is nobody's business: meanwhile it is where it was last `heard`, also once the
    player says that it plays the new one, because it says later what that is.
    """
    if shown is None:
        return replace(playing(order, None), transport=Transport.IDLE)
    own = _own(order, shown, order.place_of(shown), order.index)
    if heard is None:
        return own
    return replace(own, transport=Transport.PLAYING, anchor=heard.anchor, progress=heard.progress)


def announcing(order: Order, present: PlayerState | None) -> Own:
    """An announcement plays, and the queue waits."""
    return _own(order, None if present is None else present.track, order.index, None)


def _own(order: Order, track: Track | None, index: int | None, following: int | None) -> Own:
    following_item = None if following is None or track is None else item(order.track(following))
    return Own(order.window(), index, order.repeat, order.shuffle, track, following_item)


def is_foreign(track: Track | None) -> bool:
    """Whether a player shows something that no queue of ours gave it."""
    return track is not None and not (track.media_id or "").startswith(PREFIX)


def is_another(track: Track | None, before: Track | None) -> bool:
    """Whether a player shows what was not there before, and what is not a URL that could be ours."""
    if track is None or track.source == "url":
        return False
    return before is None or (track.title, track.artist, track.media_id, track.station) != (
        before.title, before.artist, before.media_id, before.station
    )  # fmt: skip
