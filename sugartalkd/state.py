"""The last known state of every zone and link: written by drivers, one writer per part, read by all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from sugartalkd.merge import ZoneState
from sugartalkd.model import (
    HEOS_LINK,
    NOTHING_KEPT,
    KeptState,
    LinkId,
    LinkState,
    LinkWord,
    Own,
    PlayerKey,
    PlayerState,
    ReceiverId,
    ReceiverState,
    ReceiverZone,
    Zone,
    ZoneGroup,
    ZoneId,
    receiver_link,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sugartalkd.model import Artwork, Object


@dataclass(frozen=True, slots=True)
class ZoneReport:
    """Something that happened in a zone and leaves no state behind, such as a playback error."""

    event_type: str
    content: Object


class Listener(Protocol):
    """Who wants to know; called in the event loop, must not wait."""

    def zone_changed(self, old: ZoneState | None, new: ZoneState | None) -> None: ...

    def zone_reported(self, zone: Zone, report: ZoneReport) -> None: ...

    def link_changed(self, link: LinkId, old: LinkState | None, new: LinkState | None) -> None: ...


class Watcher(Protocol):
    """Who wants to know what each player says itself, before anybody sees it; called as a listener is."""

    def player_said(self, player: PlayerKey, state: PlayerState | None) -> None: ...

    def player_reported(self, player: PlayerKey, report: ZoneReport) -> None: ...


class StateStore:
    """State goes in at one end and comes out as old and new at the other; equal values stop here."""

    def __init__(self) -> None:
        self._zones: dict[ZoneId, ZoneState] = {}
        self._links: dict[LinkId, LinkState] = {}
        self._receivers: dict[tuple[ReceiverId, ReceiverZone], ReceiverState] = {}
        self._players: dict[PlayerKey, PlayerState] = {}
        self._own: dict[PlayerKey, Own] = {}
        self._kept: dict[ZoneId, KeptState] = {}
        self._artwork: dict[ZoneId, Artwork] = {}
        self._grouping_heard = False
        self._tried: set[LinkId] = set()
        self._young = True
        self._listeners: list[Listener] = []
        self._watchers: list[Watcher] = []

    @property
    def zones(self) -> Mapping[ZoneId, ZoneState]:
        return self._zones

    @property
    def links(self) -> Mapping[LinkId, LinkState]:
        return self._links

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def watch(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)

    def player(self, player: PlayerKey) -> PlayerState | None:
        """What a player itself said last."""
        return self._players.get(player)

    # -- zones ---------------------------------------------------------------------------------------

    def put_zone(self, zone: Zone) -> None:
        """Add a zone, or give one another description."""
        old = self._zones.get(zone.id)
        self._renew(zone)
        if old is None or old.zone.player != zone.player:
            self._renew_grouped()

    def remove_zone(self, zone: ZoneId) -> None:
        """Forget a zone; unknown ids are ignored."""
        self._artwork.pop(zone, None)
        if (old := self._zones.pop(zone, None)) is not None:
            for listener in self._listeners:
                listener.zone_changed(old, None)
            self._renew_grouped()

    def settle(self) -> None:
        """Stop waiting for links that have not answered since the start (contract 3: after 10 s)."""
        self._tried.update(self._links)
        self._young = False
        self._renew_all()

    def settle_link(self, link: LinkId) -> None:
        """Stop waiting for one link: everything behind it has been asked."""
        if link not in self._tried:
            self._tried.add(link)
            self._renew_all()

    # -- drivers -------------------------------------------------------------------------------------

    def put_receiver(self, receiver: ReceiverId, zone: ReceiverZone, state: ReceiverState | None) -> None:
        """What one zone of a receiver said; `None` when nothing of it holds any longer."""
        if state is None:
            self._receivers.pop((receiver, zone), None)
        else:
            self._receivers[receiver, zone] = state
        for old in list(self._zones.values()):
            if old.zone.receiver == receiver and old.zone.receiver_zone is zone:
                self._renew(old.zone)

    def put_player(self, player: PlayerKey, state: PlayerState | None) -> None:
        """What a player said; `None` when the HEOS system does not know it at the moment."""
        if state is None:
            self._players.pop(player, None)
        else:
            self._players[player] = state
        for watcher in self._watchers:
            watcher.player_said(player, state)
        self._renew_following(player)

    def put_own(self, player: PlayerKey, own: Own | None) -> None:
        """What our queue for this player shows instead of it; `None` without one."""
        if self._own.get(player) == own:
            return
        if own is None:
            del self._own[player]
        else:
            self._own[player] = own
        self._renew_following(player)

    def put_kept(self, zone: ZoneId, state: KeptState) -> None:
        """What the daemon itself keeps for a zone, whether it exists already or not."""
        self._kept[zone] = state
        if (old := self._zones.get(zone)) is not None:
            self._renew(old.zone)

    def put_artwork(self, zone: ZoneId, artwork: Artwork) -> None:
        """The picture of what a zone plays; it is shown as long as that is played."""
        self._artwork[zone] = artwork
        if (old := self._zones.get(zone)) is not None:
            self._renew(old.zone)

    def put_grouping(self, *, heard: bool) -> None:
        """Whether it is known who plays with whom: until then a player without a group may have one."""
        if self._grouping_heard != heard:
            self._grouping_heard = heard
            self._renew_all()

    def put_link(self, link: LinkId, state: LinkState | None) -> None:
        """A link's state; `None` when it is no longer configured."""
        old = self._links.get(link)
        if state is None:
            self._links.pop(link, None)
            self._tried.discard(link)
        else:
            self._links[link] = state
            if state.word not in {LinkWord.CONNECTING, LinkWord.ONLINE}:
                self._tried.add(link)
        if old == state:
            return
        for listener in self._listeners:
            listener.link_changed(link, old, state)
        if old is None or state is None or old.word is not state.word:
            self._renew_all()

    def report(self, player: PlayerKey, report: ZoneReport) -> None:
        """Pass on what happened at a player to every zone that has it."""
        for watcher in self._watchers:
            watcher.player_reported(player, report)
        for state in list(self._zones.values()):
            if state.zone.player == player:
                for listener in self._listeners:
                    listener.zone_reported(state.zone, report)

    # -- inside --------------------------------------------------------------------------------------

    def _renew_all(self) -> None:
        for old in list(self._zones.values()):
            self._renew(old.zone)

    def _renew_following(self, player: PlayerKey) -> None:
        for old in list(self._zones.values()):
            if old.zone.player is not None and player in {old.zone.player, self._leader(old.zone.player)}:
                self._renew(old.zone)

    def _renew_grouped(self) -> None:
        """Zones are others than before: groups have other members, as far as zones see them."""
        for old in list(self._zones.values()):
            if old.player is not None and old.player.group is not None:
                self._renew(old.zone)

    def _renew(self, zone: Zone) -> None:
        new = self._merge(zone)
        old = self._zones.get(zone.id)
        if old == new:
            return
        self._zones[zone.id] = new
        for listener in self._listeners:
            listener.zone_changed(old, new)

    def _merge(self, zone: Zone) -> ZoneState:
        receiver = player = group = None
        receiver_word = player_word = LinkWord.DISABLED
        receiver_settled = player_settled = True
        if zone.receiver is not None:
            link = receiver_link(zone.receiver)
            receiver = self._receivers.get((zone.receiver, zone.receiver_zone))
            receiver_word = self._word(link)
            receiver_settled = link in self._tried
        if zone.player is not None:
            player = self._mirrored(zone.player)
            player_word = self._word(HEOS_LINK)
            player_settled = HEOS_LINK in self._tried or player is not None
            if player is not None and self._grouping_heard and player_word is LinkWord.ONLINE:
                group = self._zone_group(zone, player)
        return ZoneState(
            zone,
            receiver,
            player,
            receiver_word,
            player_word,
            receiver_settled,
            player_settled,
            group,
            self._kept.get(zone.id, NOTHING_KEPT),
            self._artwork.get(zone.id),
            self._young,
        )

    def _leader(self, player: PlayerKey) -> PlayerKey:
        """Who leads the group that a player is in; itself while it plays alone."""
        state = self._players.get(player)
        return player if state is None or state.group is None else state.group.leader

    def _mirrored(self, player: PlayerKey) -> PlayerState | None:
        """A player as people see it: in a group everything but the volume is the leader's (contract 3)."""
        own = self._players.get(player)
        leader = self._leader(player)
        if own is None or leader == player:
            return self._overlaid(player, own)
        led = self._overlaid(leader, self._players.get(leader)) or PlayerState()
        return replace(led, volume=own.volume, mute=own.mute, group=own.group, group_volume=own.group_volume)

    def _overlaid(self, player: PlayerKey, state: PlayerState | None) -> PlayerState | None:
        """What a player says, but for what our own queue knows better."""
        own = self._own.get(player)
        if state is None or own is None:
            return state
        shown = replace(
            state, repeat=own.repeat, shuffle=own.shuffle, track=own.track, queue=own.queue,
            queue_index=own.index, next=own.next,
        )  # fmt: skip
        if own.transport is None:
            return shown
        return replace(shown, transport=own.transport, anchor=own.anchor, progress=own.progress)

    def _zone_group(self, zone: Zone, player: PlayerState) -> ZoneGroup:
        if player.group is None:
            return ZoneGroup()
        ids = {one.zone.player: one.zone.id for one in self._zones.values() if one.zone.player is not None}
        if zone.player is not None:
            ids[zone.player] = zone.id  # it may be on its way in
        members = tuple(ids[key] for key in player.group.members if key in ids)
        return ZoneGroup(ids.get(player.group.leader), members)

    def _word(self, link: LinkId) -> LinkWord:
        state = self._links.get(link)
        return LinkWord.DISABLED if state is None else state.word


class LinkBook:
    """The writer of one link's state: keeps since, host and counters straight from attempt to attempt.

    `connecting` is said only before the first attempt has ended and during the first attempt after a
    loss; later retries stay on the last word (contract 2). Once somebody else describes the link, because
    it is configured anew or no longer, what this book is told goes nowhere.
    """

    def __init__(self, store: StateStore, link: LinkId, host: str | None) -> None:
        self._store = store
        self._link = link
        self._state = LinkState(LinkWord.CONNECTING, since=now(), host=host)
        self._was_up = False
        store.put_link(link, self._state)

    @property
    def word(self) -> LinkWord:
        return self._state.word

    def connecting(self, host: str | None = None) -> None:
        """An attempt begins; the word changes only if this is the first one after a loss."""
        self._put(host=host or self._state.host, next_attempt_at=None)

    def online(self, latency_ms: float | None = None, *, read_through: bool = True) -> None:
        """A session is up; unless `read_through` is false, everything has been read."""
        reconnects = self._state.reconnects + (1 if self._was_up and not self._up else 0)
        self._was_up = True
        self._put(
            word=LinkWord.ONLINE, latency_ms=latency_ms, reconnects=reconnects, last_error=None,
            next_attempt_at=None,
        )  # fmt: skip
        if read_through:
            self.read_through()

    def read_through(self) -> None:
        """What has not been heard by now is not there."""
        self._store.settle_link(self._link)

    def latency(self, milliseconds: float) -> None:
        """A new measurement; published with the next health report, it changes no topic by itself."""
        self._put(latency_ms=round(milliseconds, 1))

    def lost(self, error: str) -> None:
        """An established session ended; the first attempt to get it back begins."""
        self._put(word=LinkWord.CONNECTING, latency_ms=None, last_error=error)

    def down(self, word: LinkWord, error: str, next_attempt_at: datetime | None) -> None:
        """An attempt failed."""
        self._put(word=word, latency_ms=None, last_error=error, next_attempt_at=next_attempt_at)

    def close(self) -> None:
        """The daemon stops: nothing answers for this link any more."""
        self._put(word=LinkWord.OFFLINE, latency_ms=None, next_attempt_at=None)

    @property
    def _up(self) -> bool:
        return self._state.word is LinkWord.ONLINE

    def _put(self, **changes: object) -> None:
        if self._store.links.get(self._link) is not self._state:
            return
        new = replace(self._state, **changes)  # pyright: ignore[reportArgumentType]
        if new.word is not self._state.word:
            new = replace(new, since=now())
        self._state = new
        self._store.put_link(self._link, new)


def now() -> datetime:
    """The present in UTC, whole milliseconds: what every time stamp is made of."""
    stamp = datetime.now(UTC)
    return stamp.replace(microsecond=stamp.microsecond // 1000 * 1000)
