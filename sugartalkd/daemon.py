"""The daemon itself: builds every part, joins them, starts and stops them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from sugartalkd import log
from sugartalkd.bridge import Desk
from sugartalkd.config import ConfigurationFault, load
from sugartalkd.health import Health
from sugartalkd.log import LogRecord, get_logger
from sugartalkd.model import (
    HEOS_LINK,
    LinkId,
    LinkState,
    LinkWord,
    ReceiverFacts,
    ReceiverId,
    ReceiverZone,
    receiver_link,
)
from sugartalkd.mqtt.broker import Broker
from sugartalkd.mqtt.publisher import Publisher
from sugartalkd.mqtt.reception import Reception
from sugartalkd.notify import Notify
from sugartalkd.play_queue import file as queue_file
from sugartalkd.play_queue.player import QueuedPlayer
from sugartalkd.play_queue.queues import PlayQueues
from sugartalkd.roster import Roster
from sugartalkd.state import StateStore, now
from sugartalkd.topics import bridge
from sugartalkd.topics.payload import stamp
from sugartalkd.zone import room_file
from sugartalkd.zone.devices import ZoneDevices
from sugartalkd.zone.inbox import Inbox
from sugartalkd.zone.room_file import Rooms

if TYPE_CHECKING:
    from sugartalkd.bridge import HeosSystem
    from sugartalkd.config import Config, Loaded
    from sugartalkd.denon.identity import Identity
    from sugartalkd.denon.memory import ReceiverMemory
    from sugartalkd.denon.receiver import DenonReceiver
    from sugartalkd.heos.session import HeosSession
    from sugartalkd.merge import ZoneState
    from sugartalkd.model import FoundPlayer, Object, PlayerKey, Zone, ZoneId
    from sugartalkd.play_queue.device import UrlPlayer
    from sugartalkd.state import ZoneReport
    from sugartalkd.zone.device import Player

_log = get_logger(__name__)

SETTLE: Final = 10.0
"""Seconds after which retained values of an earlier run stop standing in for links that have not answered."""
HEALTH_INTERVAL: Final = 60.0
LOOK_UP_INTERVAL: Final = 600.0
"""Seconds between two look-ups of a receiver's name: its address may change, seldom."""
RESTART_PAUSE: Final = 5.0
"""Seconds before a part that failed by a fault of ours is started again."""
ZONES_STOP_LIMIT: Final = 1.0
STOP_LIMIT: Final = 3.0
"""Seconds that zones, then all the rest, may take to stop before they are cancelled once more."""

_ZONE_TASK: Final = "zone "
_FIXED: Final = ("mqtt", "homeassistant", "state_dir")
"""Parts of the configuration that hold for a whole run."""

Job: TypeAlias = Callable[[], Coroutine[None, None, None]]


class End(Enum):
    """How a run ended."""

    STOPPED = "stopped"
    RESTART = "restart"


class Daemon:
    """One run of the daemon with one configuration; `run` may be called once."""

    def __init__(self, loaded: Loaded, *, notify: Notify | None = None) -> None:
        self._loaded = loaded
        self._notify = notify or Notify()
        config = loaded.config
        base = config.mqtt.base_topic
        self.store = StateStore()
        self._inboxes: dict[ZoneId, Inbox] = {}
        self.rooms = Rooms(loaded.state_folder / room_file.FILE, self.store)
        self.queues = PlayQueues(self.store, self._url_player, loaded.state_folder / queue_file.FILE)
        self._desk = Desk(self)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        """Cancelled tasks whose successor waits for them: a receiver has one telnet session."""
        self._receivers: dict[ReceiverId, DenonReceiver] = {}
        self._addresses: dict[ReceiverId, frozenset[str]] = {}
        self._looking_up: set[ReceiverId] = set()
        """Receivers whose address is not known yet: until then nobody can say which player is inside."""
        self._memory: ReceiverMemory | None = None
        """What was learned of receivers; `None` until there is one."""
        self._heos: HeosSession | None = None
        self._players: tuple[FoundPlayer, ...] = ()
        self._end: asyncio.Future[End] | None = None
        self._group = asyncio.TaskGroup()
        self._publisher = Publisher(base, self.store, info=self._info, health=self._report)
        reception = Reception(
            base,
            config.homeassistant.prefix,
            self._inboxes,
            self._desk,
            self._publisher,
            allow_admin=lambda: self._loaded.config.allow_admin,
            allow_raw=lambda: self._loaded.config.allow_raw,
        )
        self._broker = Broker(
            config.mqtt,
            will_topic=f"{base}/{bridge.STATE.path}",
            deliver=reception.deliver,
            farewell=self._publisher.farewell,
        )
        self._health = Health(self.store, self._broker.counters, self._account)
        self.roster = self._make_roster(loaded)
        self.store.listen(self)

    @property
    def loaded(self) -> Loaded:
        return self._loaded

    @property
    def heos(self) -> HeosSystem | None:
        return None if self._heos is None else self._heos.requests

    # -- one run -------------------------------------------------------------------------------------

    async def run(self) -> End:
        """Run until `stop` or `restart`; every task is owned by the one group here."""
        self._end = asyncio.get_running_loop().create_future()
        log.tap(self._post_log)
        try:
            async with self._group:
                self._start_links(self._loaded.config)
                self.renew_zones()
                self._start("broker", lambda: self._broker.run(self._publisher.run))
                self._start("desk", self._desk.run)
                self._start("rooms", self.rooms.run)
                self._start("queues", self.queues.run)
                self._start("health", self._report_health)
                self._start("settle", self._settle)
                self._start("watchdog", self._feed_watchdog)
                self._notify.ready(self._status())
                _log.info("started", zones=sorted(self._inboxes))
                end = await self._end
                self._notify.stopping()
                _log.info("stopping")
                await self._stop_all()
        finally:
            log.tap(None)
        return end

    def stop(self) -> None:
        """End the run, from a signal for instance; calling it twice is harmless."""
        self._finish(End.STOPPED)

    def restart(self) -> None:
        """End the run so that whoever called `run` starts another one."""
        self._finish(End.RESTART)

    def _finish(self, end: End) -> None:
        if self._end is not None and not self._end.done():
            self._end.set_result(end)

    async def _stop_all(self) -> None:
        """Zones first: what they still have to answer goes out before the broker is left."""
        first = (name for name in list(self._tasks) if name.startswith(_ZONE_TASK) or name == "desk")
        zones = [self._tasks.pop(name) for name in first]
        await _cancelled(zones, ZONES_STOP_LIMIT)
        await _cancelled([*self._tasks.values(), *zones], STOP_LIMIT)

    # -- tasks ---------------------------------------------------------------------------------------

    def _start(self, name: str, job: Job) -> None:
        if self._end is not None and self._end.done():
            return  # a player that is found while everything stops must not start anything
        before = self._ending.pop(name, None)
        self._tasks[name] = self._group.create_task(self._keep(name, job, before), name=name)

    def _cancel(self, name: str) -> None:
        if (task := self._tasks.pop(name, None)) is not None:
            task.cancel()
            self._ending[name] = task

    async def _keep(self, name: str, job: Job, before: asyncio.Task[None] | None) -> None:
        """Run one part; a fault of ours in it is logged and must not take the others along."""
        if before is not None:
            await asyncio.wait([before])
        while True:
            try:
                await job()
            except Exception:  # noqa: BLE001  # the edge of a task
                _log.exception("a part failed and is started again", part=name, pause=RESTART_PAUSE)
                self._publisher.post_event("error", {"part": name, "error": "failed; the log says where"})
                await asyncio.sleep(RESTART_PAUSE)
            else:
                return

    async def _report_health(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_INTERVAL)
            self._publisher.refresh_health()

    async def _settle(self) -> None:
        await asyncio.sleep(SETTLE)
        self.store.settle()

    async def _feed_watchdog(self) -> None:
        """That this runs shows that the loop does; parts that failed are started again by `_keep`."""
        interval = self._notify.watchdog_interval
        while interval is not None:
            self._notify.watchdog()
            await asyncio.sleep(interval)

    # -- links ---------------------------------------------------------------------------------------

    def _start_links(self, config: Config) -> None:
        if config.heos is None:
            self.store.put_link(HEOS_LINK, LinkState(LinkWord.DISABLED, since=now()))
        else:
            self._start_heos(config)
        for receiver in config.receivers:
            self._start_receiver(ReceiverId(receiver), config)

    def _start_heos(self, config: Config) -> None:
        from sugartalkd.heos.session import HeosSession  # noqa: PLC0415  # 1 MB that only HEOS needs

        heos = config.heos
        if heos is None:
            return
        session = HeosSession(
            heos.host,
            self.store,
            self._players_found,
            username=heos.username,
            password=None if heos.password is None else heos.password.get_secret_value(),
            on_account=self._publisher.refresh_health,
        )
        self._heos = session
        self._start("heos", session.run)

    def _start_receiver(self, receiver: ReceiverId, config: Config) -> None:
        from sugartalkd.denon.identity import PORTS  # noqa: PLC0415  # only with a receiver
        from sugartalkd.denon.receiver import DenonReceiver  # noqa: PLC0415  # as above

        one = config.receivers[receiver]
        wanted = {
            ReceiverZone(zone.receiver_zone) for zone in config.zones.values() if zone.receiver == receiver
        }
        driver = DenonReceiver(
            receiver,
            one.host,
            one.port,
            self.store,
            frozenset(wanted or {ReceiverZone.MAIN}),
            share=one.share_at,
            settings_known=self._facts(receiver).settings,
            on_settings=self._settings_learned,
            poll_media=lambda zone: not self._player_tells(receiver, zone),
            http_ports=PORTS if one.http == "auto" else (),
            on_identity=self._identity_learned,
        )
        self._receivers[receiver] = driver
        self._start(receiver_link(receiver), driver.run)
        self._looking_up.add(receiver)
        self._start(f"address of {receiver}", lambda: self._look_up(receiver, one.host))

    def _facts(self, receiver: ReceiverId) -> ReceiverFacts:
        one = self._loaded.config.receivers.get(receiver)
        if one is None or self._memory is None:
            return ReceiverFacts()
        return self._memory.facts(receiver, one.host)

    def _settings_learned(self, receiver: ReceiverId, names: tuple[str, ...]) -> None:
        one = self._loaded.config.receivers.get(receiver)
        if one is not None and self._memory is not None:
            self._memory.learn_settings(receiver, one.host, names)
            self.renew_zones()

    def _identity_learned(self, receiver: ReceiverId, identity: Identity) -> None:
        one = self._loaded.config.receivers.get(receiver)
        if one is not None and self._memory is not None:
            self._memory.learn_identity(receiver, one.host, identity)
            self.renew_zones()

    def _player_tells(self, receiver: ReceiverId, zone: ReceiverZone) -> bool:
        """Whether a player of the zone carries what its present input plays, and says more about it."""
        return any(
            state.zone.player is not None
            and state.receiver is not None
            and state.receiver.input == state.zone.player_input
            for state in self.store.zones.values()
            if state.zone.receiver == receiver and state.zone.receiver_zone is zone
        )

    async def _look_up(self, receiver: ReceiverId, host: str) -> None:
        """Learn a receiver's addresses, again now and then: a player at one of them is inside it."""
        loop = asyncio.get_running_loop()
        while True:
            found: list[str] = []
            with suppress(OSError):
                found = [str(one[4][0]) for one in await loop.getaddrinfo(host, None)]
            before = None if receiver in self._looking_up else self._addresses.get(receiver)
            self._looking_up.discard(receiver)
            self._addresses[receiver] = frozenset(found) or before or frozenset()
            if self._addresses[receiver] != before:
                self.renew_zones()
            await asyncio.sleep(LOOK_UP_INTERVAL if found else HEALTH_INTERVAL)

    def _stop_receiver(self, receiver: ReceiverId) -> None:
        self._receivers.pop(receiver, None)
        self._addresses.pop(receiver, None)
        self._looking_up.discard(receiver)
        self._cancel(receiver_link(receiver))
        self._cancel(f"address of {receiver}")

    def _account(self) -> str | None:
        return None if self._heos is None else self._heos.account

    # -- zones ---------------------------------------------------------------------------------------

    def _make_roster(self, loaded: Loaded) -> Roster:
        config = loaded.config
        inputs: tuple[str, ...] = ()
        others: tuple[str, ...] = ()
        modes: tuple[str, ...] = ()
        if config.receivers:
            from sugartalkd.denon import memory, protocol  # noqa: PLC0415  # only with a receiver

            if self._memory is None:
                self._memory = memory.ReceiverMemory(loaded.state_folder / memory.FILE)
            inputs, others, modes = protocol.INPUTS, protocol.OTHER_INPUTS, protocol.SOUND_MODES
        return Roster(
            config,
            loaded.state_folder / "zones.json",
            inputs=inputs,
            other_inputs=others,
            sound_modes=modes,
            facts=self._facts,
        )

    def _players_found(self, players: tuple[FoundPlayer, ...]) -> None:
        self._players = players
        self.renew_zones()

    def forget_zone(self, zone: ZoneId) -> bool:
        """End an automatic zone until its player is found anew; False if the zone is not one of those."""
        forgotten = self.roster.forget(zone)
        self._players = tuple(player for player in self._players if player.key not in forgotten)
        self.renew_zones()
        if zone not in self._inboxes:
            self.rooms.forget(zone)
        return bool(forgotten)

    def renew_zones(self) -> None:
        """Make the zones what the roster says: new ones begin, vanished ones end, others go on."""
        if self._loaded.config.zones or not self._looking_up:
            self.roster.found(self._players, self._addresses)
        zones = {zone.id: zone for zone in self.roster.zones()}
        for gone in self._inboxes.keys() - zones.keys():
            self._cancel(f"{_ZONE_TASK}{gone}")
            del self._inboxes[gone]
            self.store.remove_zone(gone)
        for zone in zones.values():
            self.store.put_zone(zone)
            inbox = self._inboxes.get(zone.id)
            if inbox is not None:
                inbox.renew(self._devices(zone))
            else:
                self._inboxes[zone.id] = inbox = Inbox(self._devices(zone))
                self._start(f"{_ZONE_TASK}{zone.id}", inbox.run)

    def _devices(self, zone: Zone) -> ZoneDevices:
        player = None if zone.player is None else self._player_of(zone.player)
        receiver = None
        if zone.receiver is not None:
            receiver = self._receivers[zone.receiver].zone(zone.receiver_zone)
        room = self.rooms.room(zone.id)
        return ZoneDevices(zone, self.store, room, player, receiver, self._player_of)

    def _player_of(self, key: PlayerKey) -> Player | None:
        player = self._url_player(key)
        return None if player is None else QueuedPlayer(player, self.queues)

    def _url_player(self, key: PlayerKey) -> UrlPlayer | None:
        """The player as its driver offers it."""
        return None if self._heos is None else self._heos.player(key)

    # -- configuration -------------------------------------------------------------------------------

    def reload(self) -> None:
        """Read the configuration again and take it; a faulty one changes nothing."""
        self._notify.reloading()
        try:
            self.apply(load(self._loaded.path, self._loaded.environ))
        except ConfigurationFault as fault:
            _log.error("the configuration has faults; the running one stays", faults=str(fault))
        else:
            _log.info("configuration read again", file=str(self._loaded.path))
        self._notify.ready(self._status())

    def apply(self, loaded: Loaded) -> None:
        """Take another configuration while running, but for the parts that need a restart."""
        old, new = self._loaded.config, loaded.config
        fixed = {part: getattr(old, part) for part in _FIXED}
        if any(getattr(new, part) != value for part, value in fixed.items()):
            _log.warning(f"changes of {', '.join(_FIXED)} take effect after a restart")
        new = new.model_copy(update=fixed)
        self._loaded = replace(loaded, config=new)
        log.configure(new.log.level, new.log.format)
        self.roster = self._make_roster(self._loaded)
        if old.heos != new.heos:
            self._cancel("heos")
            self._heos = None
            self._players = ()
            self.store.put_link(HEOS_LINK, LinkState(LinkWord.DISABLED, since=now()))
            if new.heos is not None:
                self._start_heos(new)
        self._apply_receivers(old, new)
        self.renew_zones()
        self._publisher.refresh_info()

    def _apply_receivers(self, old: Config, new: Config) -> None:
        """A receiver whose address or wanted zones changed gets a new session."""
        for name in {*old.receivers, *new.receivers}:
            receiver = ReceiverId(name)
            if _receiver_part(old, name) == _receiver_part(new, name):
                continue
            self._stop_receiver(receiver)
            if name in new.receivers:
                self._start_receiver(receiver, new)
            else:
                self.store.put_link(receiver_link(receiver), None)

    # -- listening -----------------------------------------------------------------------------------

    def _report(self) -> Object:
        return self._health.report()

    def _info(self, protocol: str) -> Object:
        return self._health.info(self._loaded.config, protocol)

    def _post_log(self, record: LogRecord) -> None:
        self._publisher.post_log(
            {
                "level": record.level,
                "message": record.message,
                "logger": record.logger,
                "ts": stamp(record.ts),
            }
        )

    def _status(self) -> str:
        return ", ".join(f"{link} {state.word.value}" for link, state in self.store.links.items())

    def link_changed(self, link: LinkId, old: LinkState | None, new: LinkState | None) -> None:
        """Tell systemd and the log what the links are."""
        was, word = (None if one is None else one.word for one in (old, new))
        if was is not word and new is not None:
            _log.info("link", link=link, state=new.word.value, host=new.host, reason=new.last_error)
            self._notify.status(self._status())

    def zone_changed(self, old: ZoneState | None, new: ZoneState | None) -> None:
        """Zones are the publisher's business."""

    def zone_reported(self, zone: Zone, report: ZoneReport) -> None:
        if (error := report.content.get("error")) is not None:
            _log.warning("something could not be played", zone=zone.id, error=error)


async def _cancelled(tasks: list[asyncio.Task[None]], limit: float) -> None:
    """Cancel, and see to it that it happens: on Python 3.11 a library can lose the first cancel."""
    for task in tasks:
        task.cancel()
    late = (await asyncio.wait(tasks, timeout=limit))[1] if tasks else set[asyncio.Task[None]]()
    for task in late:
        _log.warning("a task does not stop; cancelling it again", task=task.get_name())
        task.cancel()


def _zones_of(config: Config, receiver: str) -> set[str]:
    return {zone.receiver_zone for zone in config.zones.values() if zone.receiver == receiver}


def _receiver_part(config: Config, receiver: str) -> object:
    return (config.receivers.get(receiver), _zones_of(config, receiver))
