"""Tells Plex what each zone plays of it, so that its dashboard shows the room and its play counts rise."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sugartalkd.errors import SugartalkError
from sugartalkd.log import get_logger
from sugartalkd.model import Playback
from sugartalkd.plex import media_id as ids
from sugartalkd.plex.translate import SOURCE
from sugartalkd.plex.values import Report
from sugartalkd.state import now

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sugartalkd.merge import ZoneState
    from sugartalkd.model import LinkId, LinkState, Zone, ZoneId
    from sugartalkd.state import StateStore, ZoneReport

_log = get_logger(__name__)

INTERVAL: Final = 10.0
"""Seconds between two reports while something plays (plex.md 2.6)."""
_NAMESPACE: Final = uuid.UUID("6f3c1b1e-5d0c-4d5b-9a53-7a1f5c0f5a11")
_STATES: Final = {Playback.PLAYING: "playing", Playback.PAUSED: "paused"}


class Server(Protocol):
    async def timeline(self, report: Report) -> str | None: ...


class Link(Protocol):
    @property
    def server(self) -> Server: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What of a zone's state a report is made of."""

    zone: Zone
    key: int
    state: str
    duration_ms: int
    position_ms: int
    at: datetime | None
    """When it was there; it has moved on since while it plays."""

    def reached(self) -> int:
        """Milliseconds, now."""
        position = self.position_ms
        if self.state == "playing" and self.at is not None:
            position += max(0, round((now() - self.at).total_seconds() * 1000))
        return min(position, self.duration_ms) if self.duration_ms else position


class Reports:
    """Listens to the store; `run` sends. What cannot be sent is dropped: late, it would be wrong."""

    def __init__(
        self, store: StateStore, link: Link, bridge_id: str, stop: Callable[[ZoneId, str], None]
    ) -> None:
        """`stop` is called when Plex says that a zone should not play on, and why."""
        self._store = store
        self._link = link
        self._bridge_id = bridge_id
        self._stop = stop
        self._heard: dict[ZoneId, Heard] = {}
        self._due: dict[ZoneId, list[Report]] = {}
        self._wake = asyncio.Event()
        store.listen(self)

    def zone_changed(self, old: ZoneState | None, new: ZoneState | None) -> None:
        if (state := new or old) is None:
            return
        zone = state.zone.id
        before, after = self._heard.pop(zone, None), None if new is None else _heard(new)
        if after is not None:
            self._heard[zone] = after
        if before is not None and (after is None or after.key != before.key or _again(before, after)):
            self._plan(self._report(before, "stopped", continuing=after is not None), zone)
        if after is not None and (before is None or _differs(before, after)):
            self._plan(self._report(after, after.state), zone)

    def zone_reported(self, zone: Zone, report: ZoneReport) -> None:
        """Plex is told what plays only."""

    def link_changed(self, link: LinkId, old: LinkState | None, new: LinkState | None) -> None:
        """As above."""

    async def run(self) -> None:
        """Send what is due, and everything that plays every ten seconds, until cancelled."""
        self._due.clear()
        loop = asyncio.get_running_loop()
        again = loop.time() + INTERVAL
        while True:
            try:
                async with asyncio.timeout_at(again):
                    await self._wake.wait()
            except TimeoutError:
                again = loop.time() + INTERVAL
                for zone, heard in self._heard.items():
                    self._plan(self._report(heard, heard.state), zone)
            self._wake.clear()
            while self._due:
                zone = next(iter(self._due))
                for report in self._due.pop(zone):
                    await self._send(zone, report)

    async def _send(self, zone: ZoneId, report: Report) -> None:
        try:
            why = await self._link.server.timeline(report)
        except SugartalkError as error:
            _log.debug("Plex was not told what plays", zone=zone, reason=str(error))
        else:
            if why is not None and report.state != "stopped":
                _log.warning("Plex ends what a zone plays", zone=zone, reason=why)
                self._stop(zone, why)

    def _plan(self, report: Report, zone: ZoneId) -> None:
        """Only the newest report counts, and before it that a track has stopped."""
        stopped = [one for one in self._due.get(zone, []) if one.state == "stopped"][-1:]
        self._due[zone] = [report] if report.state == "stopped" else [*stopped, report]
        self._wake.set()

    def _report(self, heard: Heard, state: str, *, continuing: bool = False) -> Report:
        player = f"{self._bridge_id} {heard.zone.player}"
        return Report(
            str(uuid.uuid5(_NAMESPACE, player)),
            heard.zone.name,
            str(uuid.uuid5(_NAMESPACE, f"session of {player}")),
            heard.key,
            state,
            heard.reached(),
            heard.duration_ms,
            continuing,
        )


def _heard(state: ZoneState) -> Heard | None:
    """What Plex should know of this zone; nothing of who follows another zone."""
    playing, word = state.now_playing, _STATES.get(state.playback) if state.playback is not None else None
    track = playing.track
    follows = state.group is not None and state.group.leader not in {None, state.zone.id}
    if word is None or follows or track.source != SOURCE or track.media_id is None:
        return None
    anchor = playing.anchor
    return Heard(
        state.zone,
        ids.parse(track.media_id).key,
        word,
        (track.duration or 0) * 1000,
        0 if anchor is None else anchor.seconds * 1000,
        None if anchor is None else anchor.at,
    )


def _again(before: Heard, after: Heard) -> bool:
    """Whether the same track has ended and begun anew, as one that is repeated does: no seek, but a play."""
    tenth = before.duration_ms / 10
    began = after.state == "playing" and after.at != before.at and after.position_ms < tenth
    return began and before.reached() > 9 * tenth


def _differs(before: Heard, after: Heard) -> bool:
    """Whether something happened, beside time going by."""
    return (before.key, before.state, before.position_ms, before.at) != (
        after.key, after.state, after.position_ms, after.at
    )  # fmt: skip
