"""The HEOS CLI wire format as a device speaks it: requests in, lines of JSON out."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

JsonObject: TypeAlias = dict[str, object]

# Error texts as seen on the wire (CLI specification 1.17, and users' logs).
ERROR_TEXTS: Final = {
    1: "Command not recognized.",
    2: "ID not valid",
    3: "Command arguments not correct.",
    4: "Requested data not available.",
    5: "Resource currently not available.",
    6: "Invalid Credentials",
    7: "Command not executed.",
    8: "User not logged in.",
    9: "Out of range",
    10: "User not found",
    11: "System Internal Error",
    12: "System error",
    13: "Processing previous command",
    14: "cannot play",
    15: "Option not supported",
    16: "Too many commands in queue",
    17: "Reached skip limit",
    -2001: "Cannot connect to Web Services",
}

NOT_RECOGNIZED: Final = 1
ID_NOT_VALID: Final = 2
ARGUMENTS_NOT_CORRECT: Final = 3
NOT_AVAILABLE: Final = 4
INVALID_CREDENTIALS: Final = 6
NOT_LOGGED_IN: Final = 8
OUT_OF_RANGE: Final = 9
CANNOT_PLAY: Final = 14
SKIP_LIMIT: Final = 17

_REQUEST: Final = re.compile(r"heos://(?P<command>[^?]*)(?:\?(?P<query>.*))?", re.DOTALL)
_URL: Final = re.compile(r"(?:^|&)url=")


class Refusal(Exception):
    """The device answers with `"result":"fail"` and this eid.

    `syserrno` goes with eid 12 only.
    """

    def __init__(self, eid: int, syserrno: int | None = None) -> None:
        """`eid` may be any number; an unlisted one goes out with eid 11's text."""
        super().__init__(eid)
        self.eid = eid
        self.syserrno = syserrno

    def message(self, *, with_text: bool = True) -> str:
        parts = [f"eid={self.eid}"]
        if with_text:
            parts.append(f"text={ERROR_TEXTS.get(self.eid, ERROR_TEXTS[11])}")
        if self.syserrno is not None:
            parts.append(f"syserrno={self.syserrno}")
        return "&".join(parts)


def escape(text: str) -> str:
    """Only these three are ever escaped; escaping more breaks real devices (openhab-addons pull 19438)."""
    return text.replace("%", "%25").replace("&", "%26").replace("=", "%3D")


def unescape(text: str) -> str:
    return text.replace("%26", "&").replace("%3D", "=").replace("%25", "%")


@dataclass(frozen=True, slots=True)
class Request:
    """One line a client sent; a line that is no HEOS command has its whole text as `command`."""

    command: str
    arguments: Mapping[str, str]
    text: str

    def echo(self) -> str:
        """The arguments in the order they came, as a reply's message repeats them."""
        return "&".join(
            f"{name}={value if name == 'url' else escape(value)}" for name, value in self.arguments.items()
        )

    def word(self, name: str, *allowed: str) -> str:
        """The argument's text, one of `allowed` if any are given; otherwise refused with eid 3."""
        value = self.arguments.get(name, "")
        if not value or (allowed and value not in allowed):
            raise Refusal(ARGUMENTS_NOT_CORRECT)
        return value

    def number(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """The argument as a whole number; eid 3 if it is missing or no number, eid 9 outside low…high."""
        if default is not None and name not in self.arguments:
            return default
        (value,) = whole_numbers([self.word(name)])
        if not low <= value <= high:
            raise Refusal(OUT_OF_RANGE)
        return value

    def numbers(self, name: str) -> list[int]:
        """The argument as a comma-separated list of whole numbers; eid 3 otherwise."""
        return whole_numbers(self.word(name).split(","))

    def named_ids(self) -> set[int]:
        """Every player or group this request names; whatever is no number is passed over."""
        named = (part for name in ("pid", "gid", "spid") for part in self.arguments.get(name, "").split(","))
        return {int(part) for part in named if re.fullmatch(r"-?[0-9]+", part)}


def whole_numbers(texts: Iterable[str]) -> list[int]:
    try:
        return [int(text) for text in texts]
    except ValueError as error:
        raise Refusal(ARGUMENTS_NOT_CORRECT) from error


def parse_request(line: str) -> Request:
    """`url=` ends the argument list and is taken as it is, ampersands and all (pyheos pull 47)."""
    found = _REQUEST.fullmatch(line)
    if found is None:
        return Request(line, {}, line)
    query = found["query"] or ""
    url = _URL.search(query)
    pairs = (query[: url.start()] if url else query).split("&")
    arguments: dict[str, str] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name:
            arguments[name] = unescape(value)
    if url:
        arguments["url"] = query[url.end() :]
    return Request(found["command"], arguments, line)


@dataclass(slots=True)
class Answer:
    """What a reply adds to the echo: `key=value` texts, and a payload if the command has one."""

    results: Sequence[str] = ()
    payload: JsonObject | list[JsonObject] | None = None
    with_options: bool = False
    instead: str | None = None
    """Replaces echo and results, where a reply does not repeat its arguments (the account commands)."""

    def message(self, echo: str) -> str:
        if self.instead is not None:
            return self.instead
        return "&".join(part for part in (echo, *self.results) if part)


@dataclass(frozen=True, slots=True)
class Received:
    """One request line in the ledger; `at` is in seconds on the loop's monotonic clock."""

    at: float
    connection: int
    command: str
    arguments: Mapping[str, str] = field(default_factory=dict[str, str])
    text: str = ""


def success(command: str, message: str, answer: Answer | None = None) -> bytes:
    body: JsonObject = {"heos": {"command": command, "result": "success", "message": message}}
    if answer is not None and answer.payload is not None:
        body["payload"] = answer.payload
        if answer.with_options:
            body["options"] = []
    return frame(body)


def failure(command: str, message: str) -> bytes:
    return frame({"heos": {"command": command, "result": "fail", "message": message}})


def event(command: str, message: str) -> bytes:
    """An event has no result, and some have no message."""
    return frame({"heos": {"command": command, **({"message": message} if message else {})}})


def frame(body: JsonObject) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\r\n"
