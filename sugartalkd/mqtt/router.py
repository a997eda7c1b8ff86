"""A topic below the base to the row that takes it, or to a named refusal; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sugartalkd.errors import UnknownAction
from sugartalkd.topics import ABSENT, COMMANDS, REQUESTS, SUBSCRIPTIONS, setting

if TYPE_CHECKING:
    from sugartalkd.command import BridgeCommand, ZoneCommand
    from sugartalkd.model import Object
    from sugartalkd.topics.row import CommandRow, RequestRow

_COMMANDS: Final = {row.path: row for row in COMMANDS}
_KNOWN: Final = ", ".join(
    [*(path for path in _COMMANDS if not path.startswith(setting.PREFIX)), f"{setting.PREFIX}<name>/set"]
)
_REQUESTS: Final = {row.action: row for row in REQUESTS}
_REQUEST: Final = "bridge/request"


@dataclass(frozen=True, slots=True)
class ZoneAddress:
    """A command topic: `living_room/volume/set`."""

    zone: str
    action: str
    row: CommandRow | None

    @property
    def takes_empty(self) -> bool:
        return self.row is not None and self.row.empty

    @property
    def replies(self) -> bool:
        return self.row is not None and self.row.replies

    @property
    def reply_topic(self) -> str:
        """Where replies go without a Response Topic, below the base."""
        return f"{self.zone}/result"

    def parse(self, payload: str | Object) -> ZoneCommand:
        if self.row is None:
            match self.action.split("/"):
                case ["setting", name, "set"]:
                    raise setting.unknown(name)
                case _:
                    pass
            if (refusal := ABSENT.get(self.action)) is not None:
                raise refusal(f"this version of sugartalkd does not carry out {self.action[:64]!r}")
            raise UnknownAction(f"zones take no {self.action[:64]!r}; they take {_KNOWN}")
        return self.row.parse(payload)


@dataclass(frozen=True, slots=True)
class RequestAddress:
    """A request topic: `bridge/request/ping`."""

    action: str
    row: RequestRow | None
    takes_empty: bool = False
    replies: bool = True

    @property
    def reply_topic(self) -> str:
        return f"bridge/response/{self.action}" if self.action else "bridge/response"

    def parse(self, payload: str | Object) -> BridgeCommand:
        if self.row is None:
            raise UnknownAction(f"the bridge knows no {self.action[:64]!r}; it knows {', '.join(_REQUESTS)}")
        return self.row.parse(payload)


def address(topic: str) -> ZoneAddress | RequestAddress:
    """Who a topic below the base is for; never fails, an unknown row is refused when it is to be parsed."""
    if topic == _REQUEST or topic.startswith(f"{_REQUEST}/"):
        action = topic[len(_REQUEST) + 1 :]
        return RequestAddress(action, _REQUESTS.get(action))
    zone, _, action = topic.partition("/")
    return ZoneAddress(zone, action, _COMMANDS.get(action))


def usable_response_topic(topic: str, base: str, discovery_prefix: str) -> bool:
    """Whether a reply may go to a sender's Response Topic (contract 6).

    Whoever may send a command could otherwise have us publish anything anywhere.
    """
    if not topic or topic.startswith("$") or any(character in topic for character in "+#\0"):
        return False
    if topic == discovery_prefix or topic.startswith(f"{discovery_prefix}/"):
        return False
    if topic == base:
        return False
    if not topic.startswith(f"{base}/"):
        return True
    below = topic[len(base) + 1 :]
    zone, _, rest = below.partition("/")
    return below.startswith("bridge/response/") or (zone != "bridge" and rest == "result")


def overlapping(topic: str) -> bool:
    """Whether more than one of our subscriptions matches: some brokers then deliver a message twice."""
    levels = topic.split("/")
    return sum(_matches(one.split("/"), levels) for one in SUBSCRIPTIONS) > 1


def _matches(wanted: list[str], levels: list[str]) -> bool:
    if wanted[-1] == "#":
        return levels[: len(wanted) - 1] == wanted[:-1]
    return len(wanted) == len(levels) and all(
        one in {"+", level} for one, level in zip(wanted, levels, strict=True)
    )
