"""Everything that can go wrong with a command; each class owns the error code that users see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class SugartalkError(Exception):
    """A failure that is answered: the text says what was attempted, `code` is published (contract 6)."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False


class BadPayload(SugartalkError):
    """The payload is not one that this topic takes."""

    code = "bad_payload"


class UnknownAction(SugartalkError):
    """The topic names no attribute, verb or request of the contract."""

    code = "unknown_action"


class UnknownZone(SugartalkError):
    """No zone has this id."""

    code = "unknown_zone"


class Unsupported(SugartalkError):
    """The zone has no such capability, or what would carry it is not configured."""

    code = "unsupported"


class OutOfRange(SugartalkError):
    """A number or word outside what the device has."""

    code = "out_of_range"


class RetainedCommand(SugartalkError):
    """A command was published with the retain flag: a stale order must not be obeyed."""

    code = "retained_command"


class Expired(SugartalkError):
    """The command could not start in time."""

    code = "expired"
    retryable = True


class Superseded(SugartalkError):
    """A newer value for the same attribute took its place."""

    code = "superseded"


class Busy(SugartalkError):
    """Too many commands wait for this zone."""

    code = "busy"
    retryable = True


class TimedOut(SugartalkError):
    """The device took longer than the command may."""

    code = "timeout"
    retryable = True


class NotConfirmed(SugartalkError):
    """The receiver took the command and kept its old value."""

    code = "not_confirmed"
    retryable = True


class HeosFailed(SugartalkError):
    """The HEOS system answered the command with an error."""

    code = "heos_error"


class HeosOffline(SugartalkError):
    """No HEOS system answers, or it does not know this player at the moment."""

    code = "heos_offline"
    retryable = True


class ReceiverOffline(SugartalkError):
    """The receiver has no telnet session with us."""

    code = "receiver_offline"
    retryable = True


class PlexOffline(SugartalkError):
    """The Plex server does not answer."""

    code = "plex_offline"
    retryable = True


class PlexUnauthorized(SugartalkError):
    """The Plex server does not accept our token, or there is none."""

    code = "plex_unauthorized"


class NoMatch(SugartalkError):
    """Nothing has this name; the text lists what comes near."""

    code = "no_match"


class Forbidden(SugartalkError):
    """The configuration does not allow this action."""

    code = "forbidden"


class Internal(SugartalkError):
    """A fault of ours; the log has the rest."""

    code = "internal"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the configuration, and where."""

    path: str
    message: str
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        where = "" if self.file is None else f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        return f"{where}{self.path}: {self.message}" if self.path else f"{where}{self.message}"


class ConfigurationFault(Exception):
    """The configuration is not valid; every fault is listed, not only the first."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))
