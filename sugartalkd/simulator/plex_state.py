"""What all parts of a simulated Plex server share: its library, what it was asked, its faults."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sugartalkd.simulator.plex_faults import PlexFaults
from sugartalkd.simulator.plex_library import PlexLibrary

if TYPE_CHECKING:
    from aiohttp import web

    from sugartalkd.simulator.plex_wire import Element

PLAYLIST: Final = 15
CREATED: Final = 0
PROCESSED: Final = 5
DELETED: Final = 9
MACHINE_ID: Final = "5151a0f0c0de5151a0f0c0de5151a0f0c0de5151"
SECTION_UUID: Final = "0d5ec710-5ec7-4105-9000-5eca10000003"


@dataclass(slots=True)
class Asked:
    """One request: `at` in seconds of the loop's clock; `status` is 0 until the answer began."""

    at: float
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    status: int = 0


@dataclass(slots=True)
class Reported:
    """One timeline report: `client` and `session` are its headers', times in milliseconds."""

    at: float
    client: str
    device_name: str
    session: str
    key: int
    state: str
    time_ms: int
    duration_ms: int
    query: dict[str, str] = field(default_factory=dict[str, str], repr=False)


class PlexState:
    """`token` None lets everybody in who brings none."""

    def __init__(self, tracks: int, *, token: str | None, seed: int, track_seconds: float | None) -> None:
        self.library = PlexLibrary(tracks, seed=seed, track_seconds=track_seconds)
        self.token = token
        self.name = "Simulated Plex"
        self.version = "1.43.2.10687-51a0f0c0d"
        self.machine_id = MACHINE_ID
        self.section_key = "3"
        self.section_title = "Music"
        self.section_uuid = SECTION_UUID
        self.faults = PlexFaults()
        self.ledger: list[Asked] = []
        self.timelines: list[Reported] = []
        self.sessions: dict[str, Reported] = {}
        """What plays, by session identifier."""
        self.terminated: set[str] = set()
        """Sessions whose next report is answered with the end of it."""
        self.other_tokens: set[str] = set()
        """Those given out for players, and the account's."""
        self.refreshing_until = 0.0
        """Unix seconds until which a scan is under way."""
        self.sockets: set[web.WebSocketResponse] = set()
        """Who listens to notifications."""

    @property
    def shown_machine_id(self) -> str:
        return self.machine_id[::-1] if self.faults.other_machine else self.machine_id

    def may(self, token: str | None) -> bool:
        if self.faults.unauthorized:
            return False
        return token == self.token or token in self.other_tokens

    def section_attributes(self) -> Element:
        """What says on a container that it is about the section."""
        return {
            "allowSync": True,
            "identifier": "com.plexapp.plugins.library",
            "librarySectionID": int(self.section_key),
            "librarySectionTitle": self.section_title,
            "librarySectionUUID": self.section_uuid,
            "mediaTagPrefix": "/system/bundle/media/flags/",
            "mediaTagVersion": 1_700_000_000,
        }

    async def tell_item(self, kind: int, key: int, title: str, state: int) -> None:
        """A timeline frame: `kind` 8, 9, 10 or 15; `state` 0 created, 5 processed, 9 deleted."""
        entry = {
            "identifier": "com.plexapp.plugins.library",
            "sectionID": "-1" if kind == PLAYLIST else self.section_key,
            "itemID": str(key),
            "type": kind,
            "title": title,
            "state": state,
            "updatedAt": now(),
        }
        if state == DELETED:
            entry["metadataState"] = "deleted"
        await self.notify("timeline", TimelineEntry=[entry])

    async def notify(self, kind: str, **lists: list[dict[str, Any]]) -> None:
        """Send a frame of that type to everybody who listens."""
        frame = {"NotificationContainer": {"type": kind, "size": sum(map(len, lists.values())), **lists}}
        for listener in list(self.sockets):
            if not listener.closed:
                await listener.send_json(frame)


def now() -> int:
    """Unix seconds, as Plex stamps changes."""
    return int(time.time())
