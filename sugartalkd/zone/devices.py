"""A zone's devices: what can be asked of them, and which call on which device a command becomes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from sugartalkd.command import (
    TOGGLE,
    Announce,
    ChangeGroup,
    ClearQueue,
    Decibels,
    DeviceCommand,
    JumpInQueue,
    MoveInQueue,
    OnOff,
    PlayFavorite,
    PlayMedia,
    PlayPlaylist,
    PlayQuery,
    PlayUrl,
    Press,
    RampVolume,
    RemoveFromQueue,
    Reread,
    SaveQueue,
    SendRaw,
    SetGroupVolume,
    SetInput,
    SetMany,
    SetMaxVolume,
    SetMute,
    SetPower,
    SetRepeat,
    SetSetting,
    SetShuffle,
    SetSleep,
    SetSoundMode,
    SetVolume,
    Toggle,
    Verb,
    VolumeChange,
    Wished,
    ZoneCommand,
)
from sugartalkd.errors import (
    BadPayload,
    Internal,
    NotConfirmed,
    OutOfRange,
    SugartalkError,
    Unsupported,
)
from sugartalkd.model import Capability, Owner, ReceiverZone, Transport
from sugartalkd.topics import STATES, setting
from sugartalkd.volume import Resolved, resolve
from sugartalkd.zone.grouping import Grouping, grouping
from sugartalkd.zone.rules import NEEDS, Lane, attribute_of, lane_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sugartalkd.merge import ZoneState
    from sugartalkd.model import Found, Object, PlayerKey, PlayerState, ReceiverState, SettingValue, Zone
    from sugartalkd.state import StateStore
    from sugartalkd.zone.device import Confirmation, Interruption, Player, Receiver
    from sugartalkd.zone.room import Room

TARGET_HOLDS: Final = 1.0
CONFIRMED_WITHIN: Final = 5.0
"""Seconds for which a value just sent counts as the present one: its event may come after the next step or
toggle. A receiver's commands say when they are confirmed, a player's do not."""

FADE: Final = 30
"""Seconds in which the music fades before a zone without receiver falls asleep, unless said otherwise."""

_TRANSPORT: Final = "transport"


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A value that was sent and not yet seen; on and off are 1 and 0."""

    value: float
    until: float
    """Until when it counts as the present one, in the loop's time."""


class ZoneDevices:
    """One zone's player and receiver, either of which may be missing."""

    def __init__(
        self,
        zone: Zone,
        store: StateStore,
        room: Room,
        player: Player | None,
        receiver: Receiver | None,
        player_of: Callable[[PlayerKey], Player | None],
    ) -> None:
        self.zone = zone
        self.room = room
        self._store = store
        self._player = player
        self._receiver = receiver
        self._player_of = player_of
        self._targets: dict[str, Target] = {}
        """What was sent last, by attribute: what the next step adds to and the next toggle turns over."""

    @property
    def parts(self) -> object:
        """What makes these the same devices as others."""
        return self.zone, self._player, self._receiver

    @property
    def state(self) -> ZoneState:
        return self._store.zones[self.zone.id]

    def check(self, command: ZoneCommand) -> None:
        """Refuse what this zone can never carry out, before anything moves."""
        needed = NEEDS.get(type(command))
        if isinstance(command, SetSetting):
            self._check_setting(command)
        elif needed is not None and needed not in self.zone.capabilities:
            raise Unsupported(f"{self.zone.id} has no {needed.value}: it has {self._can_do}")
        match command:
            case SetMany(settings):
                for _, one in settings:
                    self.check(one)
            case SetVolume(change) | RampVolume(change):
                if isinstance(change, Decibels) and self.zone.owner is not Owner.RECEIVER:
                    raise Unsupported(f"{self.zone.id} has no volume_db: its volume belongs to the player")
                resolve(change, self.zone.scale, self.state.max_volume, current=None)
            case SetMaxVolume(value) if value is not None and value > self.zone.scale.maximum:
                raise OutOfRange(
                    f"max_volume {value:g} is outside this zone's scale, 0 to {self.zone.scale.maximum:g}"
                )
            case SetInput(name):
                self._input(name)
            case SetSoundMode(name):
                self._sound_mode(name)
            case SetSleep(fade=fade) if fade is not None and self._player is None:
                raise Unsupported(f"{self.zone.id} has no player whose music could fade")
            case SendRaw() if self.zone.receiver is None:
                raise Unsupported(f"{self.zone.id} has no receiver that could take a raw command")
            case (
                PlayUrl(volume=change)
                | PlayQuery(volume=change)
                | Announce(volume=change)
                | PlayMedia(volume=change)
                | PlayFavorite(volume=change)
                | PlayPlaylist(volume=change)
            ) if change is not None:
                self.check(SetVolume(change))
            case ChangeGroup():
                self._grouping(command)
            case Reread(attribute) if attribute is not None:
                self._check_readable(attribute)
            case _:
                pass

    @property
    def asleep(self) -> bool:
        """Whether the volume belongs to a receiver that is not known to be on."""
        part = self.state.receiver_up
        return self.zone.owner is Owner.RECEIVER and not (part is not None and part.power)

    async def awake(self, seconds: float) -> None:
        """Wait until the receiver is on, at most so many seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self.asleep and loop.time() < deadline:  # noqa: ASYNC110  # state has listeners, not waiters
            await asyncio.sleep(0.1)

    async def refresh(self, attribute: str | None = None) -> None:
        """Ask both devices; one side of a merged zone may be away, both raise the player's error.

        A receiver has too many settings to ask all of them: one that is named is asked by itself.
        """
        spec = next((one for one in setting.SPECS if one.path == attribute), None)
        if spec is not None:
            await self._the_receiver.ask_setting(spec.name)
            return
        devices = [device for device in (self._player, self._receiver) if device is not None]
        said = await asyncio.gather(*(device.refresh() for device in devices), return_exceptions=True)
        failures = [one for one in said if one is not None]
        for failure in failures:
            if len(failures) == len(devices) or not isinstance(failure, SugartalkError):
                raise failure

    async def find(self, wished: Wished) -> Found:
        """What a phrase means in the player's music library. Raises NoMatch or Unsupported."""
        return await self._the_player.find(wished)

    async def interrupt(self, url: str, seconds: float) -> Interruption:
        """Play a URL once over whatever the player plays; returns when that has ended."""
        return await self._the_player.interrupt(url, seconds)

    def aimed(self, attribute: str | None) -> Target | None:
        """What the last command for this attribute wanted, while that still counts."""
        target = None if attribute is None else self._targets.get(attribute)
        if target is None or asyncio.get_running_loop().time() > target.until:
            return None
        return target

    def release(self, attribute: str | None, aimed: Target | None) -> None:
        """A command has been seen or has failed: steps and toggles count from what the device says.

        Unless a newer command has aimed at something else meanwhile.
        """
        if attribute is not None and aimed is not None and self._targets.get(attribute) is aimed:
            del self._targets[attribute]

    def _aim(self, attribute: str, value: float, *, confirmed: bool) -> None:
        # Noted before it is sent: what comes while it travels builds on it.
        holds = CONFIRMED_WITHIN if confirmed else TARGET_HOLDS
        until = asyncio.get_running_loop().time() + holds
        self._targets[attribute] = Target(value, until)

    def _check_setting(self, command: SetSetting) -> None:
        """Only settings that this zone's receiver has been heard to know can be set."""
        name, known = command.name, self.zone.settings
        if self.zone.receiver is None:
            raise Unsupported(f"{self.zone.id} has no receiver, so it has no {name}")
        if self.zone.receiver_zone is not ReceiverZone.MAIN:
            raise Unsupported(f"{name} belongs to the receiver's main zone, {self.zone.id} is another one")
        if name not in known:
            has = f"it answers for {', '.join(known)}" if known else "it has not answered for any setting yet"
            raise Unsupported(f"the receiver of {self.zone.id} does not answer when asked for {name}; {has}")
        if isinstance(setting.BY_NAME[name].kind, setting.Picture):
            self._setting_value(command)

    def _check_readable(self, attribute: str) -> None:
        row = next((row for row in STATES if row.path == attribute), None)
        if row is None:
            raise BadPayload(f"get knows no {attribute[:64]!r}; it takes one of the zone's topics")
        if not row.has(self.zone):
            raise Unsupported(f"{self.zone.id} has no {attribute}: it has {self._can_do}")

    @property
    def _can_do(self) -> str:
        return ", ".join(one.value for one in Capability if one in self.zone.capabilities) or "nothing"

    async def start(self, command: DeviceCommand, data: Object) -> Confirmation | None:
        """Send one command to its device; what comes back is still to be confirmed, `None` is done."""
        match command:
            case SetVolume(change):
                return await self._set_volume(change, data)
            case SetMute(on):
                mute = await self._on_or_off(on, Capability.MUTE, lambda: self.state.mute)
                if self.zone.owner is Owner.RECEIVER:
                    return await self._the_receiver.set_mute(mute)
                await self._the_player.set_mute(mute)
            case SetPower(on):
                power = await self._on_or_off(on, Capability.POWER, lambda: self.state.from_receiver(_power))
                return await self._the_receiver.set_power(power)
            case SetInput(name):
                return await self._the_receiver.set_input(self._input(name))
            case SetSoundMode(name):
                return await self._the_receiver.set_sound_mode(self._sound_mode(name))
            case SetSleep(minutes, fade):
                return await self._set_sleep(minutes, fade)
            case SetSetting(name):
                return await self._the_receiver.set_setting(name, await self._setting(command))
            case SendRaw(line):
                data["lines"] = [*await self._the_receiver.raw(line)]
            case SetRepeat(repeat):
                await self._the_player.set_repeat(repeat)
            case SetShuffle(on):
                shuffle = await self._on_or_off(
                    on, Capability.SHUFFLE, lambda: self.state.from_player(_shuffle)
                )
                await self._the_player.set_shuffle(shuffle)
            case Press(verb):
                await self._press(verb)
            case PlayUrl(url, track):
                await self._the_player.play_url(url, track)
            case PlayMedia(media_id, enqueue, shuffle, radio=radio):
                data |= await self._the_player.play_media(media_id, enqueue, shuffle=shuffle, radio=radio)
            case PlayFavorite(wished):
                await self._the_player.play_favorite(wished)
            case PlayPlaylist(name, enqueue, shuffle):
                data |= await self._the_player.play_playlist(name, enqueue, shuffle=shuffle)
            case ClearQueue():
                await self._the_player.clear_queue()
            case JumpInQueue(index):
                await self._the_player.jump_in_queue(index)
            case RemoveFromQueue(indices):
                await self._the_player.remove_from_queue(indices)
            case MoveInQueue(origin, target):
                await self._the_player.move_in_queue(origin, target)
            case SaveQueue(name):
                data |= await self._the_player.save_queue(name)
            case ChangeGroup():
                await self._change_group(command)
            case SetGroupVolume(level):
                await self._the_player.set_group_volume(int(level))
            case _:
                assert_never(command)
        return None

    async def _set_sleep(self, minutes: int, fade: int | None) -> Confirmation | None:
        """A zone without receiver has only the daemon's own timer; of two timers the last one set counts."""
        if self._receiver is None:
            self.room.set_timer(minutes, FADE if fade is None else fade)
            return None
        # The receiver first: while it cannot be told anything, the command fails and changes nothing.
        if fade is None:
            confirmation = await self._receiver.set_sleep(minutes)
            self.room.end_timer()
        else:
            confirmation = await self._receiver.set_sleep(0)
            self.room.set_timer(minutes, fade)
        return confirmation

    async def _change_group(self, command: ChangeGroup) -> None:
        leader, others = self._grouping(command)
        player = self._the_player if leader == self.zone.player else self._player_of(leader)
        if player is None:
            raise Unsupported(f"the player that leads {self.zone.id} cannot be told anything")
        await player.set_group(others)

    def _grouping(self, command: ChangeGroup) -> Grouping:
        return grouping(command, self.zone, self._store.zones)

    async def _press(self, verb: Verb) -> None:
        player = self._the_player
        if verb is Verb.TOGGLE:
            verb = Verb.PAUSE if self._playing else Verb.PLAY
        match verb:
            case Verb.PLAY | Verb.PAUSE | Verb.STOP:
                self._aim(_TRANSPORT, verb is Verb.PLAY, confirmed=False)
                try:
                    await {Verb.PLAY: player.play, Verb.PAUSE: player.pause, Verb.STOP: player.stop}[verb]()
                except SugartalkError:
                    self.release(_TRANSPORT, self.aimed(_TRANSPORT))
                    raise
            case Verb.NEXT:
                await player.next()
            case Verb.PREVIOUS:
                await player.previous()
            case _:
                assert_never(verb)

    @property
    def _playing(self) -> bool:
        if (aimed := self.aimed(_TRANSPORT)) is not None:
            return bool(aimed.value)
        part = self.state.player_up
        return part is not None and part.transport is Transport.PLAYING

    async def _set_volume(self, change: VolumeChange, data: Object) -> Confirmation | None:
        resolved = self.resolve(change)
        if resolved is None:
            await self._ask(Capability.VOLUME)
            resolved = self.resolve(change)
        if resolved is None:
            raise NotConfirmed(f"{self.zone.id} does not say its volume, so no step can be added to it")
        if resolved.clamped:
            data["clamped"] = True
        self._aim(Capability.VOLUME.value, resolved.value, confirmed=self.zone.owner is Owner.RECEIVER)
        if self.zone.owner is Owner.RECEIVER:
            return await self._the_receiver.set_volume(resolved.value)
        await self._the_player.set_volume(int(resolved.value))
        return None

    def resolve(self, change: VolumeChange) -> Resolved | None:
        """The volume that would be sent; `None` for a step while the present volume is unknown."""
        aimed, heard = self.aimed(Capability.VOLUME.value), self.state.volume
        current = aimed.value if aimed is not None else heard if isinstance(heard, float) else None
        return resolve(change, self.zone.scale, self.state.max_volume, current)

    async def _setting(self, command: SetSetting) -> SettingValue:
        """The wished value; a toggle turns over what the receiver says, asking it if need be."""
        name, receiver = command.name, self._the_receiver
        if not isinstance(command.value, bool | Toggle):
            return self._setting_value(command)
        return await self._turned(
            command.value,
            attribute_of(command) or name,
            lambda: self.state.from_receiver(lambda part: part.settings.get(name)),
            lambda: receiver.ask_setting(name),
            confirmed=True,
        )

    def _setting_value(self, command: SetSetting) -> SettingValue:
        """A setting that is no switch; where it may be an input, that input by the receiver's own name."""
        value = command.value
        if isinstance(value, Toggle):
            raise Internal(f"{command.name} cannot be toggled")
        picture = isinstance(setting.BY_NAME[command.name].kind, setting.Picture)
        if picture and isinstance(value, str) and value not in {"on", "off"}:
            return self._input(value)
        return value

    async def _on_or_off(self, on: OnOff, what: Capability, read: Callable[[], object]) -> bool:
        confirmed = lane_of(what, self.zone) is Lane.RECEIVER
        return await self._turned(on, what.value, read, lambda: self._ask(what), confirmed=confirmed)

    async def _turned(
        self,
        on: OnOff,
        what: str,
        read: Callable[[], object],
        ask: Callable[[], Awaitable[None]],
        *,
        confirmed: bool,
    ) -> bool:
        """The wished state; a toggle turns over what the device says, asking it if need be."""
        if on is TOGGLE:
            present: object = None
            if (aimed := self.aimed(what)) is not None:
                present = bool(aimed.value)
            elif not isinstance(present := read(), bool):
                await ask()
                present = read()
            if not isinstance(present, bool):
                raise NotConfirmed(
                    f"{self.zone.id} does not say its {what}, so it cannot be toggled; send ON or OFF"
                )
            on = not present
        self._aim(what, bool(on), confirmed=confirmed)
        return bool(on)

    async def _ask(self, what: Capability) -> None:
        device = self._receiver if lane_of(what, self.zone) is Lane.RECEIVER else self._player
        if device is not None:
            await device.refresh()

    @property
    def _the_player(self) -> Player:
        if self._player is None:
            raise Unsupported(f"{self.zone.id} has no player")
        return self._player

    @property
    def _the_receiver(self) -> Receiver:
        if self._receiver is None:
            raise Unsupported(f"{self.zone.id} has no receiver")
        return self._receiver

    def _input(self, wished: str) -> str:
        """The receiver's own name for an input given by id, name or label."""
        for one in self.zone.inputs:
            if wished.casefold() in {text.casefold() for text in (one.id, one.name, one.label) if text}:
                return one.id
        names = ", ".join(one.name for one in self.zone.inputs if not one.hidden)
        raise OutOfRange(f"{self.zone.id} has no input {wished[:64]!r}; it has {names}")

    def _sound_mode(self, wished: str) -> str:
        for mode in self.zone.sound_modes:
            if mode.casefold() == wished.casefold():
                return mode
        raise OutOfRange(
            f"{self.zone.id} cannot be set to sound mode {wished[:64]!r}; it takes "
            + ", ".join(self.zone.sound_modes)
        )


def _power(part: ReceiverState) -> bool | None:
    return part.power


def _shuffle(part: PlayerState) -> bool | None:
    return part.shuffle
