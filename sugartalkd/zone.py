"""A zone's devices: what can be asked of them, and which call on which device a command becomes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, assert_never

from sugartalkd.command import (
    TOGGLE,
    Decibels,
    OnOff,
    PlayUrl,
    Press,
    Reread,
    SendRaw,
    SetInput,
    SetMany,
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
    Verb,
    VolumeChange,
    ZoneCommand,
)
from sugartalkd.errors import BadPayload, Internal, NotConfirmed, OutOfRange, SugartalkError, Unsupported
from sugartalkd.model import Capability, Owner, ReceiverZone, Transport
from sugartalkd.topics import STATES, setting
from sugartalkd.volume import Resolved, resolve

if TYPE_CHECKING:
    from sugartalkd.model import (
        Object,
        PlayerState,
        ReceiverState,
        Repeat,
        SettingValue,
        Track,
        Zone,
        ZoneState,
    )
    from sugartalkd.state import StateStore

TARGET_HOLDS: Final = 1.0
CONFIRMED_WITHIN: Final = 5.0
"""Seconds for which a value just sent counts as the present one: its event may come after the next step or
toggle. A receiver's commands say when they are confirmed, a player's do not."""

Confirmation: TypeAlias = Awaitable[None]
"""Done when the receiver showed the value that was written, an error when it did not."""


class Player(Protocol):
    """What a zone asks of its player; each call ends when the player has answered."""

    async def set_volume(self, level: int) -> None: ...
    async def set_mute(self, on: bool) -> None: ...
    async def set_repeat(self, repeat: Repeat) -> None: ...
    async def set_shuffle(self, on: bool) -> None: ...
    async def play(self) -> None: ...
    async def pause(self) -> None: ...
    async def stop(self) -> None: ...
    async def next(self) -> None: ...
    async def previous(self) -> None: ...
    async def play_url(self, url: str, track: Track | None) -> None: ...
    async def refresh(self) -> None: ...


class Receiver(Protocol):
    """What a zone asks of its receiver; each call ends when the command is on the wire."""

    async def set_power(self, on: bool) -> Confirmation: ...
    async def set_volume(self, value: float) -> Confirmation: ...
    async def set_mute(self, on: bool) -> Confirmation: ...
    async def set_input(self, name: str) -> Confirmation: ...
    async def set_sound_mode(self, mode: str) -> Confirmation: ...
    async def set_sleep(self, minutes: int) -> Confirmation: ...
    async def set_setting(self, name: str, value: SettingValue) -> Confirmation: ...
    async def ask_setting(self, name: str) -> None: ...
    async def raw(self, line: str) -> list[str]: ...
    async def refresh(self) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A value that was sent and not yet seen; on and off are 1 and 0."""

    value: float
    until: float
    """Until when it counts as the present one, in the loop's time."""


class Lane(Enum):
    """Which device a command goes to: a hung player must not hold up the receiver beside it."""

    RECEIVER = "receiver"
    PLAYER = "player"


class ZoneDevices:
    """One zone's player and receiver, either of which may be missing."""

    def __init__(
        self, zone: Zone, store: StateStore, player: Player | None, receiver: Receiver | None
    ) -> None:
        self.zone = zone
        self._store = store
        self._player = player
        self._receiver = receiver
        self._targets: dict[str, Target] = {}
        """What was sent last, by attribute: what the next step adds to and the next toggle turns over."""

    @property
    def parts(self) -> object:
        """What makes these the same devices as others."""
        return self.zone, self._player, self._receiver

    def check(self, command: ZoneCommand) -> None:
        """Refuse what this zone can never carry out, before anything moves."""
        if isinstance(command, SetMany):
            for _, setting in command.settings:
                self.check(setting)
            return
        needed = _NEEDS.get(type(command))
        if isinstance(command, SetSetting):
            self._check_setting(command)
        elif needed is not None and needed not in self.zone.capabilities:
            raise Unsupported(f"{self.zone.id} has no {needed.value}: it has {self._can_do}")
        match command:
            case SetVolume(change):
                if isinstance(change, Decibels) and self.zone.owner is not Owner.RECEIVER:
                    raise Unsupported(f"{self.zone.id} has no volume_db: its volume belongs to the player")
                resolve(change, self.zone.scale, self.zone.max_volume, current=None)
            case SetInput(name):
                self._input(name)
            case SetSoundMode(name):
                self._sound_mode(name)
            case SendRaw():
                if self.zone.receiver is None:
                    raise Unsupported(f"{self.zone.id} has no receiver that could take a raw command")
            case PlayUrl(volume=change) if change is not None:
                self.check(SetVolume(change))
            case Reread(attribute) if attribute is not None:
                self._check_readable(attribute)
            case _:
                pass

    @property
    def asleep(self) -> bool:
        """Whether the volume belongs to a receiver that is not known to be on."""
        part = self._state.receiver_up
        return self.zone.owner is Owner.RECEIVER and not (part is not None and part.power)

    async def awake(self, seconds: float) -> None:
        """Wait until the receiver is on, at most so many seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self.asleep and loop.time() < deadline:  # noqa: ASYNC110  # state has listeners, not waiters
            await asyncio.sleep(0.1)

    async def refresh(self) -> None:
        """Ask both devices; one side of a merged zone may be away, both raise the player's error."""
        devices = [device for device in (self._player, self._receiver) if device is not None]
        said = await asyncio.gather(*(device.refresh() for device in devices), return_exceptions=True)
        failures = [one for one in said if one is not None]
        for failure in failures:
            if len(failures) == len(devices) or not isinstance(failure, SugartalkError):
                raise failure

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

    def lane(self, command: ZoneCommand) -> Lane:
        """Which device the command goes to."""
        if isinstance(command, SendRaw):
            return Lane.RECEIVER
        needed = _NEEDS.get(type(command))
        return Lane.PLAYER if needed is None else self._lane_of(needed)

    def _lane_of(self, capability: Capability) -> Lane:
        match capability:
            case Capability.VOLUME | Capability.MUTE:
                return Lane.RECEIVER if self.zone.owner is Owner.RECEIVER else Lane.PLAYER
            case (
                Capability.POWER
                | Capability.INPUT
                | Capability.SOUND_MODE
                | Capability.SLEEP
                | Capability.SETTINGS
            ):
                return Lane.RECEIVER
            case _:
                return Lane.PLAYER

    async def start(self, command: ZoneCommand, data: Object) -> Confirmation | None:
        """Send one command to its device; what comes back is still to be confirmed, `None` is done."""
        match command:
            case SetVolume(change):
                return await self._set_volume(change, data)
            case SetMute(on):
                mute = await self._on_or_off(on, Capability.MUTE, lambda: self._state.mute)
                if self.zone.owner is Owner.RECEIVER:
                    return await self._the_receiver.set_mute(mute)
                await self._the_player.set_mute(mute)
            case SetPower(on):
                power = await self._on_or_off(on, Capability.POWER, lambda: self._state.from_receiver(_power))
                return await self._the_receiver.set_power(power)
            case SetInput(name):
                return await self._the_receiver.set_input(self._input(name))
            case SetSoundMode(name):
                return await self._the_receiver.set_sound_mode(self._sound_mode(name))
            case SetSleep(minutes):
                return await self._the_receiver.set_sleep(minutes)
            case SetSetting(name):
                return await self._the_receiver.set_setting(name, await self._setting(command))
            case SendRaw(line):
                data["lines"] = [*await self._the_receiver.raw(line)]
            case SetRepeat(repeat):
                await self._the_player.set_repeat(repeat)
            case SetShuffle(on):
                shuffle = await self._on_or_off(
                    on, Capability.SHUFFLE, lambda: self._state.from_player(_shuffle)
                )
                await self._the_player.set_shuffle(shuffle)
            case Press(verb):
                await self._press(verb)
            case PlayUrl(url, track):
                await self._the_player.play_url(url, track)
            case Reread() | SetMany():
                raise Internal(f"{type(command).__name__} does not go through a lane")
            case _:
                assert_never(command)
        return None

    async def _press(self, verb: Verb) -> None:
        player = self._the_player
        if verb is Verb.TOGGLE:
            verb = Verb.PAUSE if self._playing else Verb.PLAY
        match verb:
            case Verb.PLAY | Verb.PAUSE | Verb.STOP:
                self._aim(Capability.TRANSPORT, verb is Verb.PLAY, confirmed=False)
                try:
                    await {Verb.PLAY: player.play, Verb.PAUSE: player.pause, Verb.STOP: player.stop}[verb]()
                except SugartalkError:
                    self.release(Capability.TRANSPORT, self.aimed(Capability.TRANSPORT))
                    raise
            case Verb.NEXT:
                await player.next()
            case Verb.PREVIOUS:
                await player.previous()
            case _:
                assert_never(verb)

    @property
    def _playing(self) -> bool:
        if (aimed := self.aimed(Capability.TRANSPORT)) is not None:
            return bool(aimed.value)
        part = self._state.player_up
        return part is not None and part.transport is Transport.PLAYING

    async def _set_volume(self, change: VolumeChange, data: Object) -> Confirmation | None:
        resolved = self._resolve(change)
        if resolved is None:
            await self._ask(Capability.VOLUME)
            resolved = self._resolve(change)
        if resolved is None:
            raise NotConfirmed(f"{self.zone.id} does not say its volume, so no step can be added to it")
        if resolved.clamped:
            data["clamped"] = True
        self._aim(Capability.VOLUME, resolved.value, confirmed=self.zone.owner is Owner.RECEIVER)
        if self.zone.owner is Owner.RECEIVER:
            return await self._the_receiver.set_volume(resolved.value)
        await self._the_player.set_volume(int(resolved.value))
        return None

    def _resolve(self, change: VolumeChange) -> Resolved | None:
        aimed, heard = self.aimed(Capability.VOLUME), self._state.volume
        current = aimed.value if aimed is not None else heard if isinstance(heard, float) else None
        return resolve(change, self.zone.scale, self.zone.max_volume, current)

    async def _setting(self, command: SetSetting) -> SettingValue:
        """The wished value; a toggle turns over what the receiver says, asking it if need be."""
        name, receiver = command.name, self._the_receiver
        if not isinstance(command.value, bool | Toggle):
            return self._setting_value(command)
        return await self._turned(
            command.value,
            attribute_of(command) or name,
            lambda: self._state.from_receiver(lambda part: part.settings.get(name)),
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
        confirmed = self._lane_of(what) is Lane.RECEIVER
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
        device = self._receiver if self._lane_of(what) is Lane.RECEIVER else self._player
        if device is not None:
            await device.refresh()

    @property
    def _state(self) -> ZoneState:
        return self._store.zones[self.zone.id]

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


_NEEDS: Final[dict[type[ZoneCommand], Capability]] = {
    SetVolume: Capability.VOLUME,
    SetMute: Capability.MUTE,
    SetPower: Capability.POWER,
    SetInput: Capability.INPUT,
    SetSoundMode: Capability.SOUND_MODE,
    SetSleep: Capability.SLEEP,
    SetRepeat: Capability.REPEAT,
    SetShuffle: Capability.SHUFFLE,
    SetSetting: Capability.SETTINGS,
    Press: Capability.TRANSPORT,
    PlayUrl: Capability.TRANSPORT,
}


def _power(part: ReceiverState) -> bool | None:
    return part.power


def _shuffle(part: PlayerState) -> bool | None:
    return part.shuffle


def attribute_of(command: ZoneCommand) -> str | None:
    """What a newer command of the same kind replaces; verbs are never merged."""
    if isinstance(command, SetSetting):
        return setting.BY_NAME[command.name].path
    needed = _NEEDS.get(type(command))
    return None if needed is None or needed is Capability.TRANSPORT else needed.value


def is_value(command: ZoneCommand) -> bool:
    """Whether it says what is wanted by itself; steps and toggles build on what came before."""
    match command:
        case (
            SetVolume(Steps())
            | SetMute(Toggle())
            | SetPower(Toggle())
            | SetShuffle(Toggle())
            | SetSetting(value=Toggle())
        ):
            return False
        case _:
            return True
