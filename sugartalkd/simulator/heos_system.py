"""What simulated HEOS players believe, with the events each change of it causes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from zlib import crc32

from sugartalkd.simulator.heos_library import (
    AUX_INPUTS,
    SimulatedItem,
    SimulatedLibrary,
    some_favourites,
)
from sugartalkd.simulator.heos_wire import NOT_AVAILABLE, SKIP_LIMIT, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

URL_LIMIT: Final = 255
"""Characters of a `play_stream` URL a device keeps (pyheos' author in home-assistant/core issue 131750)."""

_MAX_LEVEL: Final = 100


@dataclass(slots=True)
class SimulatedPlayer:
    """One HEOS device: `level` 0…100, `position_ms` within what plays, `current` an index into `queue`."""

    name: str
    pid: int
    model: str = "HEOS 1"
    serial: str = ""
    version: str = "3.34.620"
    ip: str = "127.0.0.1"
    network: str = "wired"
    lineout: int = 0
    level: int = 20
    mute: bool = False
    state: str = "stop"
    repeat: str = "off"
    shuffle: bool = False
    queue: list[SimulatedItem] = field(default_factory=list[SimulatedItem])
    current: int | None = None
    position_ms: float = 0.0
    station: SimulatedItem | None = None
    """A station or input playing instead of the queue."""
    inputs: tuple[str, ...] = ("aux_in_1", "cd", "optical_in_1", "tv")

    @property
    def now_playing(self) -> SimulatedItem | None:
        if self.station is not None:
            return self.station
        return None if self.current is None else self.queue[self.current]

    def neighbour(self, step: int) -> int | None:
        """The queue index one step on (1) or back (-1), by repeat-all and shuffle; None past an end.

        Shuffle is one fixed order per player, so that a test can be repeated.
        """
        if self.current is None:
            return 0 if self.queue else None
        order = list(range(len(self.queue)))
        if self.shuffle:
            order.sort(key=lambda index: crc32(f"{self.pid}:{index}".encode()))
        place = order.index(self.current) + step
        if self.repeat == "on_all":
            place %= len(order)
        return order[place] if 0 <= place < len(order) else None


@dataclass(slots=True)
class SimulatedGroup:
    """Players that play together, the leader first; `level` 0…100 is the device's own aggregate."""

    pids: list[int]
    level: int


def url_stream(url: str, duration_ms: int = 0) -> SimulatedItem:
    """How a device shows any URL: no title, no artist, no art (music-assistant/support issue 6400)."""
    return SimulatedItem("Url Stream", "Url Stream", "Url Stream", duration_ms=duration_ms, url=url)


def input_station(mid: str) -> SimulatedItem:
    """How an input shows as now playing (home-assistant/core issue 23640); `mid` is `inputs/cd` and so on."""
    name = mid.removeprefix("inputs/").replace("_", " ").upper()
    return SimulatedItem(name, mid=mid, album_id="inputs/", sid=AUX_INPUTS, type="station", station=name)


class HeosSystem(ABC):
    """All players behind one HEOS connection. The pids given to its methods must exist: else KeyError."""

    def __init__(
        self,
        players: Iterable[SimulatedPlayer],
        *,
        progress_interval: float,
        events_without_effect: bool,
        on_activity: Callable[[SimulatedPlayer, str], None] | None,
    ) -> None:
        """`progress_interval` in seconds of playing."""
        self.players = {player.pid: player for player in players}
        self.groups: dict[int, SimulatedGroup] = {}
        self.progress_interval = progress_interval
        self.events_without_effect = events_without_effect
        self.user: str | None = None
        self.password: str | None = None
        """If set, the only password `sign_in` takes."""
        self.library = SimulatedLibrary()
        self.favourites = some_favourites()
        self.url_limit: int | None = URL_LIMIT
        """Characters kept of a URL; None keeps them all."""
        self.url_duration_ms = 0
        """How long a URL plays; 0 is as long as the bytes that came say, else until `finish_track`."""
        self.url_durations_ms: dict[str, int] = {}
        """The same for single URLs, by their whole text."""
        self.saved_queues: dict[str, list[SimulatedItem]] = {}
        """By the name of the playlist that each became."""
        self.members_lag = False
        """Whether members of a group go on saying what they played before they joined it, without events."""
        self.burst = 1
        """So many `groups_changed` events make one regrouping known."""
        self._on_activity = on_activity
        self._since_progress: dict[int, float] = {}

    @abstractmethod
    def send_event(self, command: str, message: str = "") -> None:
        """An event to every registered socket; `event/` may be left out of `command`."""

    @abstractmethod
    def item_changed(self, player: SimulatedPlayer, item: SimulatedItem | None) -> None:
        """This item starts on the player now; None: it stopped."""

    @abstractmethod
    def has_sound(self, player: SimulatedPlayer, until_ms: float) -> bool:
        """Whether what the player has of its item reaches so far."""

    # Who plays with whom.

    def group_of(self, pid: int) -> SimulatedGroup | None:
        return next((group for group in self.groups.values() if pid in group.pids), None)

    def transport(self, pid: int) -> SimulatedPlayer:
        """The player whose queue and state this one follows: its group's leader, or itself."""
        group = self.group_of(pid)
        return self.players[group.pids[0] if group else pid]

    def shown(self, pid: int) -> SimulatedPlayer:
        """Whose queue and state this player says are its own."""
        return self.players[pid] if self.members_lag else self.transport(pid)

    def _tell(self, player: SimulatedPlayer, what: str, more: str = "", activity: str = "") -> None:
        """The event for the player, and for everybody in the group it leads."""
        group = None if self.members_lag else self.groups.get(player.pid)
        for pid in group.pids if group else [player.pid]:
            self._tell_one(self.players[pid], what, more, activity)

    def _tell_one(self, player: SimulatedPlayer, what: str, more: str = "", activity: str = "") -> None:
        self.send_event(f"event/{what}", f"pid={player.pid}" + (f"&{more}" if more else ""))
        if self._on_activity is not None and activity:
            self._on_activity(player, activity)

    def _tell_state(self, player: SimulatedPlayer) -> None:
        self._tell(player, "player_state_changed", f"state={player.state}", player.state)

    def _tell_now_playing(self, player: SimulatedPlayer) -> None:
        self._tell(player, "player_now_playing_changed", activity="now_playing")

    def _tell_queue(self, player: SimulatedPlayer) -> None:
        self._tell(player, "player_queue_changed", activity="queue")

    def _tell_progress(self, player: SimulatedPlayer) -> None:
        item = player.now_playing
        duration = item.duration_ms if item else 0
        self._since_progress[player.pid] = 0.0
        self._tell(
            player, "player_now_playing_progress", f"cur_pos={int(player.position_ms)}&duration={duration}"
        )

    # Volume.

    def turn_volume(self, pid: int, level: int) -> None:
        """Set to `level`, clipped to 0…100."""
        self._set_volume_alone(pid, level, self.players[pid].mute)

    def press_mute(self, pid: int) -> None:
        self.set_mute(pid, not self.players[pid].mute)

    def set_mute(self, pid: int, mute: bool) -> None:
        self._set_volume_alone(pid, self.players[pid].level, mute)

    def _set_volume(self, player: SimulatedPlayer, level: int, mute: bool) -> bool:
        """Whether that made an event."""
        level = max(0, min(_MAX_LEVEL, level))
        changed = (player.level, player.mute) != (level, mute)
        activity = "mute" if player.mute != mute else "volume"
        player.level, player.mute = level, mute
        if not changed and not self.events_without_effect:
            return False
        more = f"level={level}&mute={'on' if mute else 'off'}"
        self._tell_one(player, "player_volume_changed", more, activity)
        return True

    def _mean_level(self, pids: Sequence[int]) -> int:
        return round(sum(self.players[pid].level for pid in pids) / len(pids))

    def _set_volume_alone(self, pid: int, level: int, mute: bool) -> None:
        """One player's; the group it is in follows."""
        told = self._set_volume(self.players[pid], level, mute)
        group = self.group_of(pid)
        if told and group is not None:
            group.level = self._mean_level(group.pids)
            self._tell_group_volume(group)

    def _tell_group_volume(self, group: SimulatedGroup) -> None:
        mute = "on" if self.group_mute(group) else "off"
        self.send_event("event/group_volume_changed", f"gid={group.pids[0]}&level={group.level}&mute={mute}")

    def group_mute(self, group: SimulatedGroup) -> bool:
        """A group is muted when all its players are."""
        return all(self.players[pid].mute for pid in group.pids)

    def set_group_level(self, group: SimulatedGroup, level: int) -> None:
        """Members keep their proportions; `level` is clipped to 0…100."""
        level = max(0, min(_MAX_LEVEL, level))
        if level == group.level and not self.events_without_effect:
            return
        for pid in group.pids:
            player = self.players[pid]
            share = player.level / group.level if group.level else 1.0
            self._set_volume(player, round(level * share) if group.level else level, player.mute)
        group.level = level
        self._tell_group_volume(group)

    def set_group_mute(self, group: SimulatedGroup, mute: bool) -> None:
        before = [self.players[pid].mute for pid in group.pids]
        for pid in group.pids:
            self._set_volume(self.players[pid], self.players[pid].level, mute)
        if before != [mute] * len(before) or self.events_without_effect:
            self._tell_group_volume(group)

    # Transport.

    def set_state(self, pid: int, state: str) -> None:
        """`state` is play, pause or stop; set whether or not there is something to play."""
        player = self.transport(pid)
        if state == "play" and player.now_playing is None and player.queue:
            self.play_queue(player.pid, 0)
            return
        before, player.state = player.state, state
        if before == state and not self.events_without_effect:
            return
        if state == "stop":
            player.position_ms = 0.0
            self.item_changed(player, None)
        elif (before, state) == ("stop", "play"):
            player.position_ms = 0.0
            self.item_changed(player, player.now_playing)
        self._tell_state(player)

    def set_play_mode(self, pid: int, repeat: str, shuffle: bool) -> None:
        player = self.transport(pid)
        if player.repeat != repeat or self.events_without_effect:
            player.repeat = repeat
            self._tell(player, "repeat_mode_changed", f"repeat={repeat}", "repeat")
        if player.shuffle != shuffle or self.events_without_effect:
            player.shuffle = shuffle
            self._tell(player, "shuffle_mode_changed", f"shuffle={'on' if shuffle else 'off'}", "shuffle")

    def seek(self, pid: int, seconds: float) -> None:
        """A jump to so many seconds into the track, as an app can do; the CLI itself has no seek."""
        player = self.transport(pid)
        player.position_ms = seconds * 1000
        self._tell_progress(player)

    def playback_error(self, pid: int, text: str) -> None:
        self._tell(self.transport(pid), "player_playback_error", f"error={text}")

    def play_item(self, pid: int, *items: SimulatedItem) -> None:
        """A station takes the queue's place; any other items replace the queue and the first one plays."""
        player = self.transport(pid)
        if items[0].type == "station":
            player.station = items[0]
            self._begin(player)
            return
        player.queue[:] = items
        player.station, player.current = None, 0
        self._begin(player, queue_changed=True)

    def play_url(self, pid: int, url: str) -> None:
        """Appended, and played at once; the item stays in the queue afterwards."""
        player = self.transport(pid)
        duration_ms = self.url_durations_ms.get(url, self.url_duration_ms)
        player.queue.append(url_stream(url[: self.url_limit], duration_ms))
        self._jump(player, len(player.queue) - 1)
        # now playing, then queue, then state: music-assistant/server pull 3206.
        self._begin(player, queue_changed=True, tell_state=True)

    def add_to_queue(self, pid: int, items: list[SimulatedItem], aid: int) -> None:
        """`aid` 1 plays now, 2 plays next, 3 adds to the end, 4 replaces the queue and plays."""
        player = self.transport(pid)
        after = len(player.queue) if player.current is None else player.current + 1
        place = {1: after, 2: after, 4: 0}.get(aid, len(player.queue))
        if aid == 4:  # noqa: PLR2004 - the protocol's own number
            player.queue.clear()
        player.queue[place:place] = items
        if aid in {1, 4}:
            self._jump(player, place)
            self._begin(player, queue_changed=True, tell_state=True)
        else:
            self._tell_queue(player)

    def _jump(self, player: SimulatedPlayer, index: int) -> None:
        player.station, player.current = None, index

    def play_queue(self, pid: int, index: int) -> None:
        """`index` counts from 0."""
        player = self.transport(pid)
        self._jump(player, index)
        self._begin(player)

    def skip(self, pid: int, step: int) -> None:
        """One on (1) or back (-1).

        Raises:
            Refusal: eid 4 without a queue or while a station plays, eid 17 past either end.
        """
        player = self.transport(pid)
        if player.station is not None or not player.queue:
            raise Refusal(NOT_AVAILABLE)
        index = player.neighbour(step)
        if index is None:
            raise Refusal(SKIP_LIMIT)
        self._jump(player, index)
        self._begin(player)

    def remove_from_queue(self, pid: int, indexes: set[int]) -> None:
        """If the playing item goes, the one after it plays; without one, the player stops."""
        player = self.transport(pid)
        kept = [index for index in range(len(player.queue)) if index not in indexes]
        current = player.current
        player.queue[:] = [player.queue[index] for index in kept]
        if current is None or current not in indexes:
            player.current = None if current is None else kept.index(current)
            self._tell_queue(player)
            return
        following = sum(1 for index in kept if index < current)
        player.current = following if following < len(kept) else None
        if player.station is not None:
            self._tell_queue(player)
        elif player.current is None:
            self._end(player)
        elif player.state == "play":
            self._begin(player, queue_changed=True)
        else:
            player.position_ms = 0.0
            self._tell_now_playing(player)
            self._tell_queue(player)

    def move_in_queue(self, pid: int, indexes: Sequence[int], target: int) -> None:
        """The first of them is at `target` afterwards, the others behind it; what plays goes on.

        The specification leaves open what the destination means: this is our reading of it.
        """
        player = self.transport(pid)
        current = None if player.current is None else player.queue[player.current]
        moved = [player.queue[index] for index in indexes]
        kept = [item for index, item in enumerate(player.queue) if index not in indexes]
        player.queue[:] = [*kept[:target], *moved, *kept[target:]]
        player.current = next((n for n, item in enumerate(player.queue) if item is current), None)
        self._tell_queue(player)

    def finish_track(self, pid: int) -> None:
        """The track is over: the next queue item starts, or the player stops."""
        player = self.transport(pid)
        if player.station is None and player.current is not None:
            index = player.current if player.repeat == "on_one" else player.neighbour(1)
            if index is not None:
                self._jump(player, index)
                self._begin(player)
                return
        self._end(player)

    def _begin(
        self, player: SimulatedPlayer, *, queue_changed: bool = False, tell_state: bool = False
    ) -> None:
        before, player.state = player.state, "play"
        player.position_ms = 0.0
        self._since_progress[player.pid] = 0.0
        self.item_changed(player, player.now_playing)
        self._tell_now_playing(player)
        if queue_changed:
            self._tell_queue(player)
        if tell_state or before != "play" or self.events_without_effect:
            self._tell_state(player)

    def _end(self, player: SimulatedPlayer) -> None:
        """Nothing follows: state, then now playing and queue events; the items stay."""
        before, player.state = player.state, "stop"
        player.position_ms = 0.0
        self.item_changed(player, None)
        if before != "stop":
            self._tell_state(player)
        self._tell_now_playing(player)
        self._tell_queue(player)

    def advance(self, seconds: float) -> None:
        """So much time has passed for everybody who plays."""
        for player in list(self.players.values()):
            item = player.now_playing
            if player.state != "play" or item is None or self.transport(player.pid) is not player:
                continue
            if not self.has_sound(player, player.position_ms + seconds * 1000):
                continue
            player.position_ms += seconds * 1000
            if 0 < item.duration_ms <= player.position_ms:
                self.finish_track(player.pid)
                continue
            waited = self._since_progress.get(player.pid, 0.0) + seconds
            self._since_progress[player.pid] = waited
            if waited >= self.progress_interval:
                self._tell_progress(player)
                self._since_progress[player.pid] = waited % self.progress_interval

    # Which players there are.

    def add_player(self, player: SimulatedPlayer) -> None:
        self.players[player.pid] = player
        self.send_event("event/players_changed")

    def remove_player(self, pid: int) -> None:
        """Gone from the network; its group goes on without it."""
        if self.group_of(pid):
            self.set_group([pid])
        player = self.players.pop(pid)
        self.item_changed(player, None)
        self.send_event("event/players_changed")

    def change_pid(self, old: int, new: int) -> None:
        """Same device, another pid, as after some firmware updates."""
        player = self.players[old]
        self.item_changed(player, None)
        player.pid = new
        self.players = {known.pid: known for known in self.players.values()}
        for group in self.groups.values():
            group.pids = [new if pid == old else pid for pid in group.pids]
        self.groups = {group.pids[0]: group for group in self.groups.values()}
        self.send_event("event/players_changed")

    def set_group(self, pids: Sequence[int]) -> None:
        """The first one leads the others; one alone leaves its group, or dissolves the group it leads."""
        before = {pid: list(group.pids) for pid, group in self.groups.items()}
        led_by = {pid: self.transport(pid) for pid in self.players}
        for gid, group in list(self.groups.items()):
            group.pids = [pid for pid in group.pids if pid not in pids]
            if gid in pids or len(group.pids) == 1:
                del self.groups[gid]
            else:
                group.level = self._mean_level(group.pids)
        if len(pids) > 1:
            self.groups[pids[0]] = SimulatedGroup(list(pids), self._mean_level(pids))
        if (
            before == {pid: group.pids for pid, group in self.groups.items()}
            and not self.events_without_effect
        ):
            return
        for _ in range(self.burst):
            self.send_event("event/groups_changed")
        for pid, leader in led_by.items():
            now = self.transport(pid)
            if now is leader or self.members_lag:
                continue
            player = self.players[pid]
            player.state = "stop"
            self.item_changed(player, None)
            self._tell_one(player, "player_now_playing_changed", activity="now_playing")
            self._tell_one(player, "player_state_changed", f"state={now.state}", now.state)

    def group_name(self, group: SimulatedGroup) -> str:
        return " + ".join(self.players[pid].name for pid in group.pids)

    # The account.

    def sign_in(self, user: str | None) -> None:
        """None signs out."""
        self.user = user
        self.send_event("event/user_changed", self.account())
        self.send_event("event/sources_changed")

    def account(self) -> str:
        return f"signed_in&un={self.user}" if self.user is not None else "signed_out"
