"""State to retained topics: marks what changed and sends each topic's newest value, never every value."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from sugartalkd.log import get_logger
from sugartalkd.model import (
    UNHEARD,
    LinkId,
    LinkState,
    LinkWord,
    Zone,
    ZoneId,
    receiver_link,
)
from sugartalkd.mqtt.broker import Connection, Outgoing
from sugartalkd.mqtt.zone_list import described, retained_zones
from sugartalkd.state import now
from sugartalkd.topics import EVENTS, STATES, SUBSCRIPTIONS, bridge, queue
from sugartalkd.topics.payload import JSON, encode, stamp
from sugartalkd.topics.zone_state import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sugartalkd.merge import ZoneState
    from sugartalkd.model import Json, Object
    from sugartalkd.state import StateStore, ZoneReport
    from sugartalkd.topics.row import AnyStateRow

_log = get_logger(__name__)

SNAPSHOT_PAUSE: Final = 0.1
"""Seconds in which changes of a zone are gathered into one snapshot."""
OUTBOX_LIMIT: Final = 2_000
"""Messages that may wait for the broker; beyond that the oldest are dropped."""


class _Way(NamedTuple):
    """How a retained topic is sent."""

    qos: int
    content_type: Callable[[bytes], str | None]
    less: Callable[[int], bytes | None] | None = None


class Publisher:
    """Listens to the store; `run` keeps one connection's broker up to date."""

    def __init__(
        self,
        base: str,
        store: StateStore,
        *,
        info: Callable[[str], Json],
        health: Callable[[], Json],
    ) -> None:
        self._base = base
        self._store = store
        self._info = info
        self._health = health
        self._protocol = ""
        self._rows: dict[ZoneId, tuple[AnyStateRow, ...]] = {}
        self._seen: dict[str, object] = {}
        self._last_changed: dict[ZoneId, datetime] = {}
        self._marked: dict[str, Callable[[], bytes | None]] = {}
        """Topics below the base that differ from what the broker has, and how to make their payload."""
        self._ways: dict[str, _Way] = {}
        """QoS of each topic, and the content type of what is published there."""
        self._outbox: deque[Outgoing] = deque(maxlen=OUTBOX_LIMIT)
        self._snapshots: dict[ZoneId, asyncio.TimerHandle] = {}
        self._connected = False
        self._wake = asyncio.Event()
        store.listen(self)

    # -- from the store ------------------------------------------------------------------------------

    def zone_changed(self, old: ZoneState | None, new: ZoneState | None) -> None:
        if new is None:
            if old is not None:
                self._forget(old.zone)
            return
        zone = new.zone
        if old is None or old.zone != zone:
            self._describe(zone, None if old is None else old.zone)
        changed = False
        for row in self._rows[zone.id]:
            topic = f"{zone.id}/{row.path}"
            value = row.value(new)
            if self._seen.get(topic, UNHEARD) != value:
                self._seen[topic] = value
                self._mark_row(zone.id, row)
                changed = True
        if changed:
            self._last_changed[zone.id] = now()
            self._snapshot_soon(zone.id)
        if old is not None and not old.waiting:
            for event in EVENTS:
                if (content := event.detect(old, new)) is not None:
                    self._post_event(f"{zone.id}/event", event.event_type, content)

    def zone_reported(self, zone: Zone, report: ZoneReport) -> None:
        self._post_event(f"{zone.id}/event", report.event_type, report.content)

    def link_changed(self, link: LinkId, old: LinkState | None, new: LinkState | None) -> None:
        was = None if old is None else old.word
        word = None if new is None else new.word
        if was is not word:
            self._mark_link(link)
            self.refresh_health()
            up, down = word is LinkWord.ONLINE, was is LinkWord.ONLINE
            if up or down:
                error = None if new is None else new.last_error
                self.post_event("link_up" if up else "link_down", {"link": link, "error": error})

    # -- from the rest of the daemon -----------------------------------------------------------------

    def post(self, message: Outgoing) -> None:
        """Send something that is not state; dropped while no broker is there, it would be stale later."""
        if self._connected:
            self._outbox.append(message)
            self._wake.set()

    def post_log(self, content: Object) -> None:
        self.post(
            Outgoing(
                self._topic(bridge.LOGGING.path), encode(content), qos=bridge.LOGGING.qos, content_type=JSON
            )
        )

    def post_event(self, event_type: str, content: Object) -> None:
        """Something that happened to the bridge."""
        self._post_event(bridge.EVENT.path, event_type, content)

    def refresh_health(self) -> None:
        self._mark(bridge.HEALTH.path, lambda: encode(self._health()))

    def refresh_info(self) -> None:
        self._mark(bridge.INFO.path, lambda: encode(self._info(self._protocol)))

    def republish(self, zone: ZoneId, attribute: str | None) -> None:
        """Publish a zone's topics, or one of them, although nothing changed."""
        for row in self._rows.get(zone, ()):
            if attribute in {None, row.path}:
                self._mark_row(zone, row)
        if attribute is None:
            self._mark_snapshot(zone)

    def found_retained_zones(self, raw: bytes) -> None:
        """Clear what an earlier run left behind: zones and receivers that are gone, topics lost."""
        for old in retained_zones(raw):
            state = self._store.zones.get(old.id)
            if state is None:
                self._forget(old)
            else:
                self._clear_lost(old, state.zone)
            if old.receiver is not None and (link := receiver_link(old.receiver)) not in self._store.links:
                self._mark_link(link)

    def farewell(self) -> Iterator[Outgoing]:
        """What a stop leaves on the broker: the last answers, then that nothing of ours is there any more."""
        while self._outbox:
            yield self._outbox.popleft()
        for zone in self._store.zones:
            yield self._outgoing(f"{zone}/availability", b"offline")
        for link, state in self._store.links.items():
            if state.word is not LinkWord.DISABLED:
                yield self._outgoing(_link_path(link), b"offline")
        yield self._outgoing(bridge.STATE.path, b"offline")

    # -- to the broker -------------------------------------------------------------------------------

    async def run(self, connection: Connection) -> None:
        """Bring the broker up to date, say `online`, and keep it so until the connection ends."""
        self._protocol = connection.protocol
        self._outbox.clear()
        self._connected = True
        try:
            self._mark_everything()
            await connection.subscribe([self._topic(one) for one in SUBSCRIPTIONS])
            await connection.subscribe_to_own(self._topic(bridge.ZONES.path))
            await self._flush(connection)
            await connection.drained()
            connection.send(self._outgoing(bridge.STATE.path, b"online"))
            ended = asyncio.ensure_future(connection.ended())
            try:
                await self._follow(connection, ended)
            finally:
                ended.cancel()
                await asyncio.gather(ended, return_exceptions=True)
        finally:
            self._connected = False

    async def _follow(self, connection: Connection, ended: asyncio.Future[None]) -> None:
        ended.add_done_callback(lambda _: self._wake.set())
        while True:
            await self._wake.wait()
            if ended.done():
                await ended
            self._wake.clear()
            await self._flush(connection)

    async def _flush(self, connection: Connection) -> None:
        while self._outbox or self._marked:
            await connection.room()
            if self._outbox:
                connection.send(self._outbox.popleft())
                continue
            path = next(iter(self._marked))
            make = self._marked.pop(path)
            if (content := make()) is not None:
                connection.send(self._outgoing(path, content))

    # -- marks ---------------------------------------------------------------------------------------

    def _mark(self, path: str, make: Callable[[], bytes | None]) -> None:
        self._marked[path] = make
        self._wake.set()

    def _mark_everything(self) -> None:
        self._marked.clear()
        for zone, rows in self._rows.items():
            for row in rows:
                self._mark_row(zone, row)
            self._mark_snapshot(zone)
        for link in self._store.links:
            self._mark_link(link)
        self.refresh_info()
        self._mark_zones()
        self.refresh_health()

    def _mark_row(self, zone: ZoneId, row: AnyStateRow) -> None:
        def make() -> bytes | None:
            state = self._store.zones.get(zone)
            return None if state is None else row.render(state)

        def less(room: int) -> bytes | None:
            state = self._store.zones.get(zone)
            return None if state is None else row.less(state, room)

        path = f"{zone}/{row.path}"
        self._ways[path] = _Way(row.qos, row.content_type, less)
        self._mark(path, make)

    def _mark_link(self, link: LinkId) -> None:
        def make() -> bytes:
            state = self._store.links.get(link)
            return b"" if state is None else state.word.encode()

        self._ways[_link_path(link)] = _Way(1, _plain)
        self._mark(_link_path(link), make)

    def _mark_zones(self) -> None:
        self._mark(
            bridge.ZONES.path, lambda: encode([described(one.zone) for one in self._store.zones.values()])
        )

    def _mark_snapshot(self, zone: ZoneId) -> None:
        def make() -> bytes | None:
            state = self._store.zones.get(zone)
            if state is None or state.waiting:
                return None
            return encode(snapshot(self._rows[zone], state, self._last_changed.get(zone) or now()))

        def less(room: int) -> bytes | None:
            """Without what is queued, which has a topic of its own."""
            state = self._store.zones.get(zone)
            if state is None:
                return None
            rows = tuple(row for row in self._rows[zone] if row.path != queue.PATH)
            content = encode(snapshot(rows, state, self._last_changed.get(zone) or now()))
            return content if len(content) <= room else None

        self._ways[zone] = _Way(1, _json, less)
        self._mark(zone, make)

    def _snapshot_soon(self, zone: ZoneId) -> None:
        def due() -> None:
            del self._snapshots[zone]
            self._mark_snapshot(zone)

        if zone not in self._snapshots:
            self._snapshots[zone] = asyncio.get_running_loop().call_later(SNAPSHOT_PAUSE, due)

    # -- zones that come, change and go --------------------------------------------------------------

    def _describe(self, zone: Zone, old: Zone | None) -> None:
        self._rows[zone.id] = tuple(row for row in STATES if row.has(zone))
        if old is not None:
            self._clear_lost(old, zone)
        self._mark_zones()

    def _clear_lost(self, old: Zone, new: Zone) -> None:
        for row in STATES:
            if row.has(old) and not row.has(new):
                self._clear(f"{new.id}/{row.path}")

    def _forget(self, zone: Zone) -> None:
        for row in STATES:
            if row.has(zone):
                self._clear(f"{zone.id}/{row.path}")
        self._clear(zone.id)
        self._rows.pop(zone.id, None)
        self._last_changed.pop(zone.id, None)
        self._mark_zones()

    def _clear(self, path: str) -> None:
        self._seen.pop(path, None)
        self._mark(path, lambda: b"")

    # -- small things --------------------------------------------------------------------------------

    def _post_event(self, path: str, event_type: str, content: Object) -> None:
        event: Object = {"event_type": event_type, "ts": stamp(now()), **content}
        self.post(Outgoing(self._topic(path), encode(event), content_type=JSON))

    def _outgoing(self, path: str, content: bytes) -> Outgoing:
        """A retained topic's message; zone snapshots and everything of the bridge but its words are JSON."""
        way = self._ways.get(path) or _Way(1, _plain if path == bridge.STATE.path else _json)

        def less(room: int) -> Outgoing | None:
            content = None if way.less is None else way.less(room)
            return None if content is None else whole(content)

        def whole(content: bytes) -> Outgoing:
            content_type = way.content_type(content) if content else None
            return Outgoing(
                self._topic(path), content, qos=way.qos, retain=True, content_type=content_type, less=less
            )

        return whole(content)

    def _topic(self, path: str) -> str:
        return f"{self._base}/{path}"


def _plain(_content: bytes) -> None:
    """A plain topic has no content type."""


def _json(_content: bytes) -> str:
    return JSON


def _link_path(link: LinkId) -> str:
    return bridge.LINK.path.format(link=link)
