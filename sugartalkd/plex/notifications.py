"""What the Plex server tells by itself: a websocket that says which items have changed or are gone."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from sugartalkd.errors import PlexOffline, PlexUnauthorized
from sugartalkd.log import get_logger
from sugartalkd.plex.entries import whole
from sugartalkd.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sugartalkd.errors import SugartalkError

_log = get_logger(__name__)

PATH: Final = "/:/websockets/notifications"
HEARTBEAT: Final = 30.0
OPEN_LIMIT: Final = 8.0
CLOSE_LIMIT: Final = 0.5
SHORTEST_PAUSE: Final = 1.0
LARGEST: Final = 4 * 1024 * 1024
"""Bytes of one frame."""
PROCESSED: Final = 5
DELETED: Final = 9
MUSIC: Final = frozenset({8, 9, 10})
PLAYLIST: Final = 15
_UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True)
class Heard:
    """What one or several frames mean for the library."""

    changed: frozenset[int] = frozenset()
    gone: frozenset[int] = frozenset()
    playlists: bool = False
    """Some playlist is new, changed or gone."""
    scanned: bool = False
    """A library was scanned, perhaps ours: a look at its clock is worth while."""
    missed: bool = False
    """The connection had been lost: anything may have happened."""

    def __or__(self, later: Heard) -> Heard:
        return Heard(
            (self.changed - later.gone) | later.changed,
            (self.gone - later.changed) | later.gone,
            self.playlists or later.playlists,
            self.scanned or later.scanned,
            self.missed or later.missed,
        )

    def __bool__(self) -> bool:
        return bool(self.changed or self.gone or self.playlists or self.scanned or self.missed)


class Notifications:
    """Keeps the websocket open while `run` runs."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        address: str,
        headers: Mapping[str, str],
        section: str,
        *,
        on_heard: Callable[[Heard], None],
        on_trouble: Callable[[SugartalkError], None],
    ) -> None:
        self._http = http
        self._url = address + PATH
        self._headers = headers
        self._section = section
        self._on_heard = on_heard
        self._on_trouble = on_trouble

    async def run(self) -> None:
        """Connect, listen, and connect again, until cancelled."""
        loop = asyncio.get_running_loop()
        retry = Retry(SHORTEST_PAUSE, loop.time())
        opened = told = False
        while True:
            began = loop.time()
            why = "the server closed it"
            try:
                async with asyncio.timeout(OPEN_LIMIT):
                    socket = await self._http.ws_connect(
                        self._url,
                        headers=self._headers,
                        heartbeat=HEARTBEAT,
                        max_msg_size=LARGEST,
                        timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_LIMIT),  # pyright: ignore[reportCallIssue]
                    )
                async with socket:
                    if opened:
                        self._on_heard(Heard(missed=True))
                    opened, told = True, False
                    async for message in socket:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            self._take(message.data)
                retry.lost(loop.time(), loop.time() - began)
            except aiohttp.WSServerHandshakeError as error:
                why = f"the server answers {error.status}"
                if error.status == _UNAUTHORIZED:
                    self._on_trouble(PlexUnauthorized("the Plex server does not accept the token"))
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                why = type(error).__name__
                self._on_trouble(PlexOffline("the Plex server drops the connection"))
            if not told:
                _log.info("no notifications from the Plex server for now; changes are asked for", reason=why)
                told = True
            await asyncio.sleep(retry.pause(loop.time()).seconds)

    def _take(self, text: str) -> None:
        if heard := understood(text, self._section):
            self._on_heard(heard)


def understood(text: str, section: str) -> Heard:
    """One frame; what is not known, broken or about other libraries means nothing."""
    try:
        content: Any = json.loads(text)["NotificationContainer"]
        kind: object = content.get("type")
        if kind == "timeline":
            return _timeline(content.get("TimelineEntry"), section)
        if kind == "activity":
            return _activity(content.get("ActivityNotification"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    return Heard()


def _timeline(entries: Any, section: str) -> Heard:  # noqa: ANN401  # JSON
    changed: set[int] = set()
    gone: set[int] = set()
    playlists = False
    for one in entries or ():
        kind, state, key = whole(one.get("type")), whole(one.get("state")), whole(one.get("itemID"))
        if key is None or state not in {PROCESSED, DELETED}:
            continue
        if kind == PLAYLIST:
            playlists = True
        elif kind in MUSIC and str(one.get("sectionID")) == section:
            (gone if state == DELETED else changed).add(key)
            (changed if state == DELETED else gone).discard(key)
    return Heard(frozenset(changed), frozenset(gone), playlists)


def _activity(entries: Any) -> Heard:  # noqa: ANN401  # JSON
    ended = (one for one in entries or () if one.get("event") == "ended")
    return Heard(scanned=any("library" in str(one["Activity"].get("type")) for one in ended))
