"""What is private in lines of the HEOS protocol, replaced where it stands: all else stays byte by byte."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from sugartalkd.capture.pseudonyms import Pseudonyms, blur

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

OFFICIAL: Final = 10_000
"""Ids of sources below this are the maker's; those above belong to servers and players."""
SHORT_ID: Final = 3
"""Digits of an id that tells nothing, as a queue's `mid` 1."""

# The device's own vocabulary and numbers. What is in no list is masked: newer firmware may say anything.
_KEPT: Final = frozenset(
    (
        "aid", "available", "command", "container", "control", "count", "cur_pos", "dqid",
        "duration", "eid", "enable", "errno", "level", "lineout", "model", "mute", "network",
        "options", "playable", "preset", "qid", "range", "refresh", "repeat", "result", "returned",
        "role", "scid", "SEQUENCE", "shuffle", "sqid", "state", "stats", "step", "syserrno", "type",
        "update", "version", "wildcard",
    )
)  # fmt: skip
_WORDS: Final = frozenset(
    ["on", "off", "yes", "no", "true", "false", "none", "unknown", "signed_in", "signed_out"]
) | {"", "command under process", "Url Stream"}  # fmt: skip
_OWN_ID: Final = re.compile(
    r"inputs/[a-z0-9_]*|(?:SEARCHED_)?(?:ARTISTS|ALBUMS|TRACKS|STATIONS|PLAYLISTS)-?|[0-9]{1,3}"
)
_SHORT_NUMBER: Final = re.compile(r"-?[0-9]{1,4}(?:\.[0-9]+)?")
_NUMBERS: Final = frozenset({"pid", "gid", "spid"})
_IDS: Final = frozenset({"mid", "cid", "album_id"})
_KINDS: Final = {
    "song": "title",
    "station": "title",
    "album": "album",
    "artist": "artist",
    "ssid": "network name",
}
_URL: Final = re.compile(r"(?:^|&)url=")

_TOKEN: Final = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>-?\d[\d.eE+\-]*)|(?P<word>true|false|null)|(?P<sign>[{}\[\],:]))',
    re.DOTALL,
)


class _Unreadable(Exception):
    """This is no JSON."""


@dataclass(slots=True)
class _Leaf:
    raw: str
    start: int
    end: int


@dataclass(slots=True)
class _Object:
    members: list[tuple[str, _Node]] = field(default_factory=list[tuple[str, "_Node"]])

    def value(self, key: str) -> object:
        for name, node in self.members:
            if name == key and isinstance(node, _Leaf):
                return _read(node.raw)
        return None

    def has(self, key: str) -> bool:
        return any(name == key for name, _ in self.members)


@dataclass(slots=True)
class _List:
    entries: list[_Node] = field(default_factory=list["_Node"])


_Node: TypeAlias = "_Leaf | _Object | _List"


def _read(raw: str) -> object:
    try:
        return json.loads(raw, strict=False)
    except ValueError:
        raise _Unreadable from None


class _Reader:
    """JSON with the place of each value; the last of it must be the last of the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def whole(self) -> _Node:
        node = self._node(self._take())
        if self._text[self._at :].strip():
            raise _Unreadable
        return node

    def _take(self) -> re.Match[str]:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise _Unreadable
        self._at = found.end()
        return found

    def _node(self, token: re.Match[str]) -> _Node:
        match token["sign"]:
            case None:
                kind = token.lastgroup or ""
                return _Leaf(token[kind], token.start(kind), token.end(kind))
            case "{":
                return _Object(list(self._members()))
            case "[":
                return _List(list(self._entries()))
            case _:
                raise _Unreadable

    def _members(self) -> Iterator[tuple[str, _Node]]:
        token = self._take()
        while token["sign"] != "}":
            if token["string"] is None or self._take()["sign"] != ":":
                raise _Unreadable
            yield str(_read(token["string"])), self._node(self._take())
            token = self._take()
            if token["sign"] == ",":
                token = self._take()
            elif token["sign"] != "}":
                raise _Unreadable

    def _entries(self) -> Iterator[_Node]:
        token = self._take()
        while token["sign"] != "]":
            yield self._node(token)
            token = self._take()
            if token["sign"] == ",":
                token = self._take()
            elif token["sign"] != "]":
                raise _Unreadable


def mask_line(line: bytes, masks: Pseudonyms) -> bytes:
    """A line that the device sent."""
    text = line.decode("utf-8", "surrogateescape")
    try:
        root = _Reader(text).whole()
        edits = list(_Masking(root, masks).edits())
    except (_Unreadable, RecursionError):
        masks.counts["unreadable line"] += 1
        return blur(line)
    for start, end, new in reversed(edits):
        text = text[:start] + new + text[end:]
    return text.encode("utf-8", "surrogateescape")


def mask_command(line: bytes, masks: Pseudonyms) -> bytes:
    """A line that was sent to the device."""
    text = line.decode("utf-8", "surrogateescape")
    command, mark, query = text.partition("?")
    masked = _masked_query(query, command.removeprefix("heos://"), masks)
    return f"{command}{mark}{masked}".encode("utf-8", "surrogateescape")


class _Masking:
    """One line: which values become what."""

    def __init__(self, root: _Node, masks: Pseudonyms) -> None:
        self._root = root
        self._masks = masks
        self._command = ""
        if isinstance(root, _Object):
            for name, node in root.members:
                if name == "heos" and isinstance(node, _Object):
                    self._command = str(node.value("command"))

    def edits(self) -> Iterator[tuple[int, int, str]]:
        """Where a value begins and ends, and what is written instead; in the order of the line."""
        yield from self._node(self._root, "", None, ())

    def _node(
        self, node: _Node, key: str, around: _Object | None, path: tuple[str, ...]
    ) -> Iterator[tuple[int, int, str]]:
        match node:
            case _Object():
                for name, member in node.members:
                    yield from self._node(member, name, node, (*path, name))
            case _List():
                for entry in node.entries:
                    yield from self._node(entry, key, around if isinstance(entry, _Leaf) else None, path)
            case _Leaf():
                value = _read(node.raw)
                new = self._value(value, key, around, path)
                if new != value:
                    yield node.start, node.end, _quoted(new, node.raw)

    def _value(self, value: object, key: str, around: _Object | None, path: tuple[str, ...]) -> object:
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, str) and path == ("heos", "message"):
            return _masked_query(value, self._command, self._masks)
        if isinstance(value, int | float):
            return self._number(value, key)
        text = cast("str", value)
        if key == "name":
            return self._name(text, around, path)
        return _masked_value(key, text, self._masks)

    def _number(self, value: float, key: str) -> float:
        if isinstance(value, int):
            if key in _NUMBERS:
                return self._masks.integer("player id", value)
            if key == "sid":
                return _masked_source(value, self._masks)
            if key in _IDS and value >= 10**SHORT_ID:
                return self._masks.integer("media id", value)
        if isinstance(value, float) or key in _KEPT or abs(value) < OFFICIAL:
            return value  # no id has decimals
        return self._masks.integer("number", value)

    def _name(self, text: str, around: _Object | None, path: tuple[str, ...]) -> str:
        """Names are everywhere: whose it is, the command tells, and what stands beside it."""
        if text in _WORDS:
            return text
        if "options" in path or self._command == "browse/get_search_criteria":
            return self._masks.scrub(text)  # the service's own words, as `Thumbs Up`
        sid = around.value("sid") if around is not None else None
        if self._command in {"browse/get_music_sources", "browse/get_source_info"}:
            official = isinstance(sid, int) and 0 <= sid < OFFICIAL and not self._masks.has_integer(sid)
            return self._masks.scrub(text) if official else self._masks.name("server name", text)
        if self._command.startswith("browse/"):
            return self._masks.name("title" if sid is None else "server name", text)
        if self._command == "player/get_quickselects":
            return self._masks.name("setting name", text)
        group = around is not None and around.has("players") and "players" not in path
        return self._masks.name("group name" if group else "player name", text)


def _quoted(value: object, raw: str) -> str:
    """As JSON, in the style in which it was written."""
    if not isinstance(value, str):
        return json.dumps(value)
    text = json.dumps(value, ensure_ascii="\\u" in raw)
    return text.replace("/", "\\/") if "\\/" in raw else text


def _masked_source(value: int, masks: Pseudonyms) -> int:
    official = 0 <= value < OFFICIAL and not masks.has_integer(value)
    return value if official else masks.integer("source id", value)


def _masked_query(query: str, command: str, masks: Pseudonyms) -> str:
    """`key=value` texts joined by `&`, as commands and messages have them; a `url` is the rest."""
    url = _URL.search(query)
    pairs = (query[: url.start()] if url else query).split("&")
    shown = [_masked_pair(pair, command, masks) for pair in pairs]
    if url is None:
        return "&".join(shown)
    before = "&".join(shown) if url.start() else ""
    return f"{before}{url[0]}{masks.url(query[url.end() :])}"


def _masked_pair(pair: str, command: str, masks: Pseudonyms) -> str:
    key, equals, value = pair.partition("=")
    if not equals:
        return pair if pair in _WORDS else masks.name("text", pair)
    if key == "name":
        kind = "group name" if command.startswith("group/") else "title"
        return f"name={masks.name(kind, value)}"
    return f"{key}={_masked_value(key, value, masks)}"


def _masked_integers(key: str, text: str, masks: Pseudonyms) -> str:
    """One or more, with commas between."""
    try:
        values = [int(one) for one in text.split(",")]
    except ValueError:
        return text if text in _WORDS else masks.name("text", text)
    if key == "sid":
        return ",".join(str(_masked_source(value, masks)) for value in values)
    return ",".join(str(masks.integer("player id", value)) for value in values)


def _masked_value(key: str, text: str, masks: Pseudonyms) -> str:
    """A text by its key. Ids that are numbers are texts in messages."""
    if key in _NUMBERS or key == "sid":
        return _masked_integers(key, text, masks)
    if key in _KEPT or key in {"text", "error"}:
        return text if key == "version" else masks.scrub(text)
    if key in _PRIVATE:
        return _PRIVATE[key](masks, text)
    own = _OWN_ID if key in _IDS else _SHORT_NUMBER
    if text in _WORDS or (key not in _KINDS and own.fullmatch(text)):
        return text
    return masks.token("media id", text) if key in _IDS else masks.name(_KINDS.get(key, "text"), text)


_PRIVATE: Final[Mapping[str, Callable[[Pseudonyms, str], str]]] = {
    "un": Pseudonyms.account,
    "service_username": Pseudonyms.account,
    "pw": lambda _masks, _text: "********",
    "serial": Pseudonyms.serial,
    "ip": Pseudonyms.host,
    "mac": Pseudonyms.hardware_address,
    "image_url": Pseudonyms.url,
    "url": Pseudonyms.url,
    "search": lambda masks, text: masks.name("title", text),
}
