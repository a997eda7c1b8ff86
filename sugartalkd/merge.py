"""A zone as people see it: what its devices said and what the daemon keeps, merged (contract 3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from sugartalkd.model import (
    NOTHING_KEPT,
    UNHEARD,
    KeptState,
    LinkWord,
    Owner,
    Playback,
    PlayerState,
    Position,
    Queue,
    QueueItem,
    ReceiverState,
    Repeat,
    Track,
    Unheard,
    Zone,
    ZoneGroup,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sugartalkd.model import Artwork

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NowPlaying:
    """A zone's track together with what the zone does with it."""

    state: Playback | None
    track: Track
    anchor: Position | None = None
    index: int | None = None
    """Which item of the queue this is."""
    queue: Queue | None = None
    next: QueueItem | None = None
    """What follows, where that is known."""


NOTHING: Final = Track()


@dataclass(frozen=True)
class ZoneState:
    """Everything known of a zone. Each part has one writer; what people read is merged here (contract 3).

    Without slots: what many topics are made of is worked out once per state and kept.
    """

    zone: Zone
    receiver: ReceiverState | None = None
    player: PlayerState | None = None
    receiver_word: LinkWord = LinkWord.DISABLED
    player_word: LinkWord = LinkWord.DISABLED
    receiver_settled: bool = False
    player_settled: bool = False
    """The link has answered or failed since the start, or had 10 s to do so; `True` where there is none."""
    group: ZoneGroup | None = None
    """Who plays along; `None` without a player, while that is away, and until the groups have been heard."""
    kept: KeptState = NOTHING_KEPT
    artwork: Artwork | None = None
    """The picture that was fetched last; it may be of something else by now."""
    young: bool = False
    """10 s have not passed since the start: what is asked for late may still be on its way."""

    @property
    def receiver_up(self) -> ReceiverState | None:
        """The receiver's part while its link is up."""
        return self.receiver if self.receiver_word is LinkWord.ONLINE else None

    @property
    def player_up(self) -> PlayerState | None:
        """The player's part while its link is up."""
        return self.player if self.player_word is LinkWord.ONLINE else None

    @property
    def available(self) -> bool:
        """Whether any link of the zone is up."""
        return self.receiver_up is not None or self.player_up is not None

    def from_receiver(
        self, read: Callable[[ReceiverState], T | None], *, late: bool = False
    ) -> T | Unheard | None:
        """A value of the receiver: `None` while its link is down, `UNHEARD` before it had its chance.

        `late` is for what is asked for only after the link is up.
        """
        if (up := self.receiver_up) is not None:
            return self._or_unheard(read(up), late=late)
        return None if self.receiver_settled else UNHEARD

    def from_player(
        self, read: Callable[[PlayerState], T | None], *, late: bool = False
    ) -> T | Unheard | None:
        """A value of the player, as `from_receiver`."""
        if (up := self.player_up) is not None:
            return self._or_unheard(read(up), late=late)
        return None if self.player_settled else UNHEARD

    def _or_unheard(self, value: T | None, *, late: bool) -> T | Unheard | None:
        return UNHEARD if value is None and late and self.young else value

    @property
    def volume(self) -> float | Unheard | None:
        """The volume on the zone's own scale; it never changes its owner."""
        if self.zone.owner is Owner.RECEIVER:
            return self.from_receiver(lambda part: part.volume)
        return self.from_player(lambda part: part.volume)

    @property
    def mute(self) -> bool | Unheard | None:
        """Mute, from whoever owns the volume."""
        if self.zone.owner is Owner.RECEIVER:
            return self.from_receiver(lambda part: part.mute)
        return self.from_player(lambda part: part.mute)

    @property
    def max_volume(self) -> float | None:
        """What commands stop at now: the limit of the moment, else the configured one."""
        return self.zone.max_volume if self.kept.limit is None else self.kept.limit.value

    @property
    def sleep(self) -> int | Unheard | None:
        """Minutes until the zone falls asleep, by the daemon's own timer or the receiver's; 0 = never."""
        if self.kept.sleep is not None:
            return self.kept.sleep
        return 0 if self.zone.receiver is None else self.from_receiver(lambda part: part.sleep)

    @property
    def input(self) -> str | Unheard | None:
        """The input in the zone's own words."""
        return self.from_receiver(
            lambda part: None if part.input is None else self.zone.input_name(part.input)
        )

    @cached_property
    def playback(self) -> Playback | None:
        """The first match of the contract's list: off, another input, the player's state, on."""
        receiver, player = self.receiver_up, self.player_up
        if receiver is not None and receiver.power is False:
            return Playback.OFF
        if self.zone.player is None:
            return Playback.ON if receiver is not None and receiver.power else None
        if receiver is not None and receiver.input not in {None, self.zone.player_input}:
            return Playback.ON
        if player is not None and player.transport is not None:
            return Playback(player.transport.value)
        return None

    @cached_property
    def now_playing(self) -> NowPlaying:
        """What can be heard; a stale track is never shown."""
        state = self.playback
        if state is Playback.ON:
            source, receiver = self.input, self.receiver_up
            media = NOTHING if receiver is None or receiver.media is None else receiver.media
            name = source if isinstance(source, str) else None
            return NowPlaying(state, replace(media, source="receiver", source_name=name))
        player = self.player_up
        if state in {Playback.PLAYING, Playback.PAUSED} and player is not None:
            return NowPlaying(
                state,
                player.track or NOTHING,
                player.anchor,
                player.queue_index,
                player.queue,
                _following(player),
            )
        return NowPlaying(state, NOTHING)

    @property
    def waiting(self) -> bool:
        """Whether a merged value would be a guess: a link of the zone has not had its chance yet."""
        return not (self.receiver_settled and self.player_settled)


def _following(player: PlayerState) -> QueueItem | None:
    """What is known to follow, else the item behind the present one; a player that shuffles does not tell."""
    if player.next is not None:
        return player.next
    queue, index = player.queue, player.queue_index
    if queue is None or index is None or player.shuffle or player.repeat is Repeat.ONE:
        return None
    place = index + 1 - queue.offset
    return queue.items[place] if 0 <= place < len(queue.items) else None
