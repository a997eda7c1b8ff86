"""What the bridge answers about itself: ping, log level, configuration, zones, restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, assert_never

from sugartalkd import log
from sugartalkd.command import (
    BridgeCommand,
    ForgetZone,
    GetConfig,
    Ping,
    Restart,
    SetConfig,
    SetLogLevel,
)
from sugartalkd.config import ConfigurationFault, changed, load, masked, save_settings
from sugartalkd.errors import BadPayload, Internal, UnknownZone, Unsupported
from sugartalkd.inbox import Outcome

if TYPE_CHECKING:
    from sugartalkd.config import Loaded
    from sugartalkd.inbox import Answer
    from sugartalkd.model import Object, ZoneId
    from sugartalkd.roster import Roster


class Household(Protocol):
    """What the desk needs of the daemon."""

    @property
    def loaded(self) -> Loaded: ...
    @property
    def roster(self) -> Roster: ...
    def apply(self, loaded: Loaded) -> None: ...
    def forget_zone(self, zone: ZoneId) -> bool: ...
    def restart(self) -> None: ...


class Desk:
    """Answers every request at once; none of them waits for a device."""

    def __init__(self, household: Household) -> None:
        self._household = household

    def submit(self, command: BridgeCommand, answer: Answer) -> None:
        """Carry out a request and answer it. Raises the named refusals of errors.py."""
        answer(Outcome(self._carry_out(command)))
        if isinstance(command, Restart):
            self._household.restart()

    def _carry_out(self, command: BridgeCommand) -> Object:
        match command:
            case Ping():
                return {"pong": True}
            case SetLogLevel(level):
                log.set_level(level)
                return {"level": level}
            case Restart():
                return self._check_restart()
            case GetConfig():
                return masked(self._household.loaded.config)
            case SetConfig(changes):
                return self._set_config(dict(changes))
            case ForgetZone(zone):
                return self._forget(zone)
            case _:
                assert_never(command)

    def _check_restart(self) -> Object:
        """A daemon that ends over a mistake in its file would be gone for good."""
        loaded = self._household.loaded
        try:
            load(loaded.path, loaded.environ)
        except ConfigurationFault as fault:
            raise BadPayload(f"not restarted, the configuration has faults: {fault}") from fault
        return {}

    def _set_config(self, changes: dict[str, object]) -> Object:
        try:
            loaded = changed(self._household.loaded, changes)
        except ConfigurationFault as fault:
            raise BadPayload(f"nothing was changed: {fault}") from fault
        try:
            save_settings(loaded.state_folder, loaded.settings)
        except OSError as error:
            raise Internal(
                f"settings.yaml cannot be written, so nothing was changed: {error.strerror}"
            ) from error
        self._household.apply(loaded)
        return {"changed": [*sorted(changes)]}

    def _forget(self, zone: ZoneId) -> Object:
        if zone not in {one.id for one in self._household.roster.zones()}:
            raise UnknownZone(f"there is no zone {zone!r}")
        if not self._household.forget_zone(zone):
            raise Unsupported(f"{zone} is in the configuration; take it out there")
        return {"zone": zone}
