"""The shapes of the contract table: one row says everything that is known of one topic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from sugartalkd.errors import BadPayload
from sugartalkd.model import UNHEARD, Capability, Unheard, Zone
from sugartalkd.topics.payload import JSON, did_you_mean, value

if TYPE_CHECKING:
    from collections.abc import Callable

    from sugartalkd.command import BridgeCommand, Setting, ZoneCommand
    from sugartalkd.merge import ZoneState
    from sugartalkd.model import Json, Object
    from sugartalkd.topics.payload import Kind

V = TypeVar("V")


def always(_zone: Zone) -> bool:
    """Every zone has it."""
    return True


def having(*capabilities: Capability) -> Callable[[Zone], bool]:
    """Zones that can do any of these."""
    return lambda zone: not zone.capabilities.isdisjoint(capabilities)


@dataclass(frozen=True, slots=True)
class StateRow(Generic[V]):
    """A retained topic below a zone. `read` gives the value, `None` for none, `UNHEARD` to leave it alone."""

    path: str
    summary: str
    kind: Kind[V]
    read: Callable[[ZoneState], V | Unheard | None]
    has: Callable[[Zone], bool] = always
    qos: int = 1
    shorten: Callable[[V], V | None] | None = None
    """Less of a value; `None` if there is no less."""

    def value(self, state: ZoneState) -> object:
        """What to compare: equal values need no publishing."""
        return self.read(state)

    def render(self, state: ZoneState) -> bytes | None:
        """The payload, or `None` while the old retained one stands."""
        current = self.read(state)
        return None if isinstance(current, Unheard) else self.kind.write(current)

    def less(self, state: ZoneState, room: int) -> bytes | None:
        """The payload in at most so many bytes, or `None`."""
        current = self.read(state)
        while self.shorten is not None and current is not None and current is not UNHEARD:
            current = self.shorten(current)
            if current is not None and len(content := self.kind.write(current)) <= room:
                return content
        return None

    def json(self, state: ZoneState) -> Json:
        """The same value for the zone's snapshot; `null` where nothing is known."""
        current = self.read(state)
        return None if current is None or current is UNHEARD else self.kind.to_json(current)

    def content_type(self, content: bytes) -> str | None:  # noqa: ARG002  # a picture's would tell
        """For MQTT 5; plain topics have none (contract 1)."""
        return JSON if self.kind.is_json else None

    @property
    def payload(self) -> str:
        return self.kind.words


class AnyStateRow(Protocol):
    """A state row whose kind of value does not matter."""

    @property
    def path(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def has(self) -> Callable[[Zone], bool]: ...
    @property
    def qos(self) -> int: ...
    @property
    def payload(self) -> str: ...
    def value(self, state: ZoneState) -> object: ...
    def render(self, state: ZoneState) -> bytes | None: ...
    def less(self, state: ZoneState, room: int) -> bytes | None: ...
    def content_type(self, content: bytes) -> str | None: ...
    def json(self, state: ZoneState) -> Json: ...


@dataclass(frozen=True, slots=True)
class EventRow:
    """One word of a zone's `event` topic, found by comparing two states; `None`: it did not happen."""

    event_type: str
    summary: str
    detect: Callable[[ZoneState, ZoneState], Object | None]


@dataclass(frozen=True, slots=True)
class SettingRow:
    """`<zone>/<attribute>/set`, and the same attribute inside `<zone>/set`."""

    attribute: str
    summary: str
    payload: str
    parse_value: Callable[[Json], Setting]
    refine: Callable[[Setting, Object], ZoneCommand] | None = None
    """What other keys of the object on its own topic make of it."""
    options: tuple[str, ...] = ()
    """Those keys."""

    @property
    def path(self) -> str:
        return f"{self.attribute}/set"

    def command(self) -> CommandRow:
        """The row of its own topic."""
        known = ("value", "transaction", *self.options)

        def parse(given: str | Object) -> ZoneCommand:
            setting = self.parse_value(value(given))
            if isinstance(given, str):
                return setting
            for key in given:
                if key not in known:  # a mistyped `seconds` would be a jump
                    hint = did_you_mean(key, known)
                    raise BadPayload(f"{self.path} knows no {key[:64]!r}{hint}; it takes {', '.join(known)}")
            return setting if self.refine is None else self.refine(setting, given)

        return CommandRow(self.path, self.summary, self.payload, parse)


def subscription_to(path: str) -> str:
    """The filter below the base topic that brings a zone's command; settings share one (contract 8)."""
    if path.endswith("/set") and path.count("/") == 1:
        return "+/+/set"
    if path.startswith("setting/"):
        return "+/setting/+/set"
    return f"+/{path}"


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command topic below a zone. `parse` raises a named refusal for everything that is not a command."""

    path: str
    summary: str
    payload: str
    parse: Callable[[str | Object], ZoneCommand]
    empty: bool = False
    """Whether an empty payload is a command too."""
    replies: bool = False
    """Whether it is answered though nobody asked: the answer is what it is for."""

    @property
    def subscription(self) -> str:
        return subscription_to(self.path)


@dataclass(frozen=True, slots=True)
class RequestRow:
    """`bridge/request/<action>`, answered on `bridge/response/<action>`."""

    action: str
    summary: str
    payload: str
    data: str
    parse: Callable[[str | Object], BridgeCommand]
    admin: bool = False
    """Needs `allow_admin`."""


@dataclass(frozen=True, slots=True)
class BridgeRow:
    """A topic of the bridge that is no answer; its payload is made by whoever owns what it tells."""

    path: str
    summary: str
    payload: str
    retained: bool = True
    is_json: bool = True
    qos: int = field(default=1)
