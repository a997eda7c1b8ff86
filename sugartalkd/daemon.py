"""The daemon itself: builds every part, joins them, starts and stops them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Final

from sugartalkd import log
from sugartalkd.bridge import Desk
from sugartalkd.command import Press, Verb
from sugartalkd.config import ConfigurationFault, load
from sugartalkd.health import Health
from sugartalkd.log import LogRecord, get_logger
from sugartalkd.model import HEOS_LINK, LinkId, LinkState, LinkWord
from sugartalkd.mqtt.broker import Broker
from sugartalkd.mqtt.publisher import Publisher
from sugartalkd.mqtt.reception import Reception
from sugartalkd.music import MusicLibrary
from sugartalkd.notify import Notify
from sugartalkd.parts import Parts
from sugartalkd.play_queue import file as queue_file
from sugartalkd.play_queue.player import QueuedPlayer
from sugartalkd.play_queue.queues import PlayQueues
from sugartalkd.receivers import Receivers
from sugartalkd.roster import Roster
from sugartalkd.state import StateStore, now
from sugartalkd.topics import bridge
from sugartalkd.topics.payload import stamp
from sugartalkd.zone import room_file
from sugartalkd.zone.devices import ZoneDevices
from sugartalkd.zone.inbox import Inbox
from sugartalkd.zone.room_file import Rooms

if TYPE_CHECKING:
    from sugartalkd.bridge import HeosSystem, PlexSystem
    from sugartalkd.config import Config, Loaded
    from sugartalkd.heos.session import HeosSession
    from sugartalkd.merge import ZoneState
    from sugartalkd.model import FoundPlayer, Object, PlayerKey, Zone, ZoneId
    from sugartalkd.play_queue.device import UrlPlayer
    from sugartalkd.state import ZoneReport
    from sugartalkd.zone.device import Player
    from sugartalkd.zone.outcome import Outcome

_log = get_logger(__name__)

SETTLE: Final = 10.0
"""Seconds after which retained values of an earlier run stop standing in for links that have not answered."""
HEALTH_INTERVAL: Final = 60.0
ZONES_STOP_LIMIT: Final = 1.0
STOP_LIMIT: Final = 3.0
"""Seconds that zones, then all the rest, may take to stop before they are cancelled once more."""

_ZONE_TASK: Final = "zone "
_FIXED: Final = ("mqtt", "homeassistant", "state_dir")
"""Parts of the configuration that hold for a whole run."""


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
        self._heos: HeosSession | None = None
        self._players: tuple[FoundPlayer, ...] = ()
        self._end: asyncio.Future[End] | None = None
        self._parts = Parts(self._part_failed)
        self._receivers = Receivers(self.store, self._parts, lambda: self._loaded, self.renew_zones)
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
        self._music = MusicLibrary(
            self.store,
            self._parts,
            self.queues,
            loaded.state_folder,
            config.mqtt.bridge_id,
            post_event=self._publisher.post_event,
            stop_zone=self._stop_zone,
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

    @property
    def plex(self) -> PlexSystem | None:
        return self._music.system

    # -- one run -------------------------------------------------------------------------------------

    async def run(self) -> End:
        """Run until `stop` or `restart`; every task is owned by the one group here."""
        self._end = asyncio.get_running_loop().create_future()
        log.tap(self._post_log)
        try:
            async with self._parts:
                self._start_links(self._loaded.config)
                self.renew_zones()
                self._parts.start("broker", lambda: self._broker.run(self._publisher.run))
                self._parts.start("desk", self._desk.run)
                self._parts.start("rooms", self.rooms.run)
                self._parts.start("queues", self.queues.run)
                self._parts.start("health", self._report_health)
                self._parts.start("settle", self._settle)
                self._parts.start("watchdog", self._feed_watchdog)
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
        await self._parts.end(ZONES_STOP_LIMIT, lambda name: name.startswith(_ZONE_TASK) or name == "desk")
        await self._parts.end(STOP_LIMIT)

    # -- tasks ---------------------------------------------------------------------------------------

    def _part_failed(self, name: str) -> None:
        self._publisher.post_event("error", {"part": name, "error": "failed; the log says where"})

    async def _report_health(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_INTERVAL)
            self._publisher.refresh_health()

    async def _settle(self) -> None:
        await asyncio.sleep(SETTLE)
        self.store.settle()

    async def _feed_watchdog(self) -> None:
        """That this runs shows that the loop does; parts that failed are started again."""
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
        self._receivers.start(config)
        self._music.apply(None, config)

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
        self._parts.start("heos", session.run)

    def _account(self) -> str | None:
        return None if self._heos is None else self._heos.account

    # -- zones ---------------------------------------------------------------------------------------

    def _make_roster(self, loaded: Loaded) -> Roster:
        config = loaded.config
        inputs: tuple[str, ...] = ()
        others: tuple[str, ...] = ()
        modes: tuple[str, ...] = ()
        if config.receivers:
            from sugartalkd.denon import protocol  # noqa: PLC0415  # only with a receiver

            inputs, others, modes = protocol.INPUTS, protocol.OTHER_INPUTS, protocol.SOUND_MODES
        return Roster(
            config,
            loaded.state_folder / "zones.json",
            inputs=inputs,
            other_inputs=others,
            sound_modes=modes,
            facts=self._receivers.facts,
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
        if self._loaded.config.zones or not self._receivers.looking_up:
            self.roster.found(self._players, self._receivers.addresses)
        zones = {zone.id: zone for zone in self.roster.zones()}
        for gone in self._inboxes.keys() - zones.keys():
            self._parts.cancel(f"{_ZONE_TASK}{gone}")
            del self._inboxes[gone]
            self.store.remove_zone(gone)
        for zone in zones.values():
            self.store.put_zone(zone)
            inbox = self._inboxes.get(zone.id)
            if inbox is not None:
                inbox.renew(self._devices(zone))
            else:
                self._inboxes[zone.id] = inbox = Inbox(self._devices(zone))
                self._parts.start(f"{_ZONE_TASK}{zone.id}", inbox.run)

    def _devices(self, zone: Zone) -> ZoneDevices:
        player = None if zone.player is None else self._player_of(zone.player)
        receiver = None
        if zone.receiver is not None:
            receiver = self._receivers.zone(zone.receiver, zone.receiver_zone)
        room = self.rooms.room(zone.id)
        return ZoneDevices(zone, self.store, room, player, receiver, self._player_of)

    def _player_of(self, key: PlayerKey) -> Player | None:
        player = self._url_player(key)
        return None if player is None else QueuedPlayer(player, self.queues)

    def _url_player(self, key: PlayerKey) -> UrlPlayer | None:
        """The player as its driver offers it."""
        return None if self._heos is None else self._heos.player(key)

    def _stop_zone(self, zone: ZoneId, why: str) -> None:
        """Somebody with a say in it ends what a zone plays."""

        def answer(outcome: Outcome) -> None:
            if outcome.error is not None:
                _log.warning("a zone was not stopped", zone=zone, wanted_by=why, error=str(outcome.error))

        if (inbox := self._inboxes.get(zone)) is not None:
            inbox.submit(Press(Verb.STOP), answer, asked=False)

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
            self._parts.cancel("heos")
            self._heos = None
            self._players = ()
            self.store.put_link(HEOS_LINK, LinkState(LinkWord.DISABLED, since=now()))
            if new.heos is not None:
                self._start_heos(new)
        self._receivers.apply(old, new)
        self._music.apply(old, new)
        self.renew_zones()
        self._publisher.refresh_info()

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
