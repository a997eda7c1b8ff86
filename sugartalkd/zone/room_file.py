"""The file in which the rooms are kept: `rooms.json` in the state folder."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sugartalkd import state_file
from sugartalkd.log import get_logger
from sugartalkd.model import Limit, ZoneId
from sugartalkd.zone.room import Kept, Played, Room, SleepTimer, Snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from sugartalkd.state import StateStore

_log = get_logger(__name__)

FILE: Final = "rooms.json"
WRITE_PAUSE: Final = 0.5
"""Seconds at least between two writings."""


class Rooms:
    """Every zone's room; `run` writes down what changes."""

    def __init__(self, path: Path, store: StateStore) -> None:
        self._path = path
        self._store = store
        self._kept = _load(path)
        self._rooms: dict[ZoneId, Room] = {}
        self._dirty = asyncio.Event()

    def room(self, zone: ZoneId) -> Room:
        """The room of a zone, the same one each time."""
        if zone not in self._rooms:
            kept = self._kept.get(zone) or Kept({})
            self._rooms[zone] = Room(zone, kept, self._store, lambda new: self._changed(zone, new))
        return self._rooms[zone]

    def forget(self, zone: ZoneId) -> None:
        """A zone has ended for good; what was kept for it goes with it."""
        self._rooms.pop(zone, None)
        if self._kept.pop(zone, None) is not None:
            self._dirty.set()

    async def run(self) -> None:
        """Write what has changed, soon and beside: a slow disk must not hold up the house."""
        try:
            while True:
                await self._dirty.wait()
                self._dirty.clear()
                writing = asyncio.ensure_future(asyncio.to_thread(self._write, self._content()))
                try:
                    await asyncio.shield(writing)
                except asyncio.CancelledError:
                    await writing
                    raise
                await asyncio.sleep(WRITE_PAUSE)
        finally:
            if self._dirty.is_set():
                self._write(self._content())

    def _changed(self, zone: ZoneId, kept: Kept) -> None:
        self._kept[zone] = kept
        self._dirty.set()

    def _content(self) -> object:
        return {zone: asdict(kept) for zone, kept in self._kept.items() if kept != Kept({})}

    def _write(self, content: object) -> None:
        state_file.save(
            self._path, content, "snapshots and timers cannot be written; a restart will lose them"
        )


def _load(path: Path) -> dict[ZoneId, Kept]:
    rooms: dict[ZoneId, Kept] = {}
    for zone, one in state_file.load(path).items():
        try:
            rooms[ZoneId(zone)] = _kept(one)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            _log.warning("what was kept for a zone is not valid", file=str(path), zone=zone, error=str(error))
    return rooms


def _kept(one: Any) -> Kept:  # noqa: ANN401  # JSON of a file that anybody may have edited
    """Raises what Python does on anything that was not written here."""
    timer, limit = one["timer"], one["limit"]
    return Kept(
        {str(name): _snapshot(given) for name, given in one["snapshots"].items()},
        None if timer is None else SleepTimer(_time(timer["until"]), int(timer["fade"])),
        None
        if limit is None
        else Limit(None if limit["value"] is None else float(limit["value"]), _time(limit["until"])),
    )


def _snapshot(given: dict[str, Any]) -> Snapshot:
    group, played = given.pop("group"), given.pop("playback")
    return Snapshot(
        **given,
        group=None if group is None else tuple(group),
        playback=None if played is None else Played(**played | {"queue": tuple(played["queue"])}),
    )


def _time(text: str) -> datetime:
    """Raises ValueError for a time without zone: it could not be compared."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return at
