"""What each command of a zone needs, which device it goes to, and what a newer one replaces; pure."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from sugartalkd.command import (
    Announce,
    ChangeGroup,
    ClearQueue,
    EndMaxVolume,
    JumpInQueue,
    MoveInQueue,
    PlayFavorite,
    PlayMedia,
    PlayPlaylist,
    PlayQuery,
    PlayUrl,
    Press,
    RampVolume,
    RemoveFromQueue,
    SaveQueue,
    SendRaw,
    SetGroupVolume,
    SetInput,
    SetMaxVolume,
    SetMute,
    SetPower,
    SetRepeat,
    SetSetting,
    SetShuffle,
    SetSleep,
    SetSoundMode,
    SetVolume,
    Steps,
    Toggle,
    ZoneCommand,
)
from sugartalkd.model import Capability, Owner

if TYPE_CHECKING:
    from sugartalkd.model import Zone


class Lane(Enum):
    """Which device a command goes to: a hung player must not hold up the receiver beside it.

    What a player is told of its volume does not wait for what it is told to play, which may take long.
    """

    RECEIVER = "receiver"
    VOLUME = "player's volume"
    PLAYER = "player"


NEEDS: Final[dict[type[ZoneCommand], Capability]] = {
    SetVolume: Capability.VOLUME,
    RampVolume: Capability.VOLUME,
    SetMaxVolume: Capability.VOLUME,
    EndMaxVolume: Capability.VOLUME,
    SetMute: Capability.MUTE,
    SetPower: Capability.POWER,
    SetInput: Capability.INPUT,
    SetSoundMode: Capability.SOUND_MODE,
    SetSleep: Capability.SLEEP,
    SetSetting: Capability.SETTINGS,
    SetRepeat: Capability.REPEAT,
    SetShuffle: Capability.SHUFFLE,
    Press: Capability.TRANSPORT,
    PlayUrl: Capability.TRANSPORT,
    PlayQuery: Capability.TRANSPORT,
    PlayMedia: Capability.TRANSPORT,
    PlayFavorite: Capability.TRANSPORT,
    PlayPlaylist: Capability.TRANSPORT,
    ClearQueue: Capability.QUEUE,
    JumpInQueue: Capability.QUEUE,
    RemoveFromQueue: Capability.QUEUE,
    MoveInQueue: Capability.QUEUE,
    SaveQueue: Capability.QUEUE,
    Announce: Capability.ANNOUNCE,
    ChangeGroup: Capability.GROUP,
    SetGroupVolume: Capability.GROUP,
}

_RECEIVERS: Final = {
    Capability.POWER,
    Capability.INPUT,
    Capability.SOUND_MODE,
    Capability.SLEEP,
    Capability.SETTINGS,
}
_SLOW: Final = (
    PlayUrl,
    PlayMedia,
    PlayFavorite,
    PlayPlaylist,
    ClearQueue,
    JumpInQueue,
    RemoveFromQueue,
    MoveInQueue,
    SaveQueue,
    ChangeGroup,
)


def lane_of(capability: Capability, zone: Zone) -> Lane:
    """Which device carries what needs this capability."""
    if capability in {Capability.VOLUME, Capability.MUTE}:
        return Lane.RECEIVER if zone.owner is Owner.RECEIVER else Lane.VOLUME
    return Lane.RECEIVER if capability in _RECEIVERS else Lane.PLAYER


def lane(command: ZoneCommand, zone: Zone) -> Lane:
    """Which device the command goes to."""
    if isinstance(command, SendRaw):
        return Lane.RECEIVER
    needed = NEEDS.get(type(command))
    return Lane.PLAYER if needed is None else lane_of(needed, zone)


def attribute_of(command: ZoneCommand) -> str | None:
    """What a newer command of the same kind replaces; verbs are never merged."""
    match command:
        case SetSetting(name):
            return f"setting/{name}"
        case SetGroupVolume():
            return "group_volume"
        case SetMaxVolume() | EndMaxVolume():
            return None  # it bounds what a ramp sends, and ends none
        case _ if NEEDS.get(type(command)) in {Capability.TRANSPORT, Capability.QUEUE, Capability.GROUP}:
            return None
        case _:
            needed = NEEDS.get(type(command))
            return None if needed is None else needed.value


def is_value(command: ZoneCommand) -> bool:
    """Whether it says what is wanted by itself; steps and toggles build on what came before."""
    match command:
        case SetVolume(Steps()) | SetMute(Toggle()) | SetPower(Toggle()) | SetShuffle(Toggle()):
            return False
        case SetSetting(_, Toggle()):
            return False
        case _:
            return True


def may_take_long(command: ZoneCommand) -> bool:
    """Whether a device may work on it for many seconds: what comes after it does not wait for all of them."""
    return isinstance(command, _SLOW)
