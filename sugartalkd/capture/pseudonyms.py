"""Names for what is private: the same value always gets the same one, and looks as odd as it did."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from typing import Final
from urllib.parse import urlsplit

from sugartalkd.simulator.heos_wire import unescape

SHORTEST_FOUND: Final = 4
"""Characters of a name that is looked for inside other texts; shorter ones would be found everywhere."""
LONGEST_ID: Final = 64
LONGEST_NAME: Final = 100
FIRST_NUMBER: Final = 1_000_000_000
"""Pseudonyms of ids count from here, so they meet neither each other nor the fixed ids of sources."""

_NAMES: Final = frozenset({"player name", "group name", "network name", "server name"})
_LABELS: Final = {
    "player name": "Player",
    "group name": "Group",
    "network name": "Network",
    "server name": "Server",
    "setting name": "Name",
    "title": "Title",
    "artist": "Artist",
    "album": "Album",
}
# What has surprised programs before: escapes, separators, quotes, control characters, long encodings.
_ODD: Final = re.compile(r"%26|%3[Dd]|%25|[%&=\"\\/]|[^\x20-\x7e]")
_ONE_BYTE, _TWO_BYTES, _THREE_BYTES = 0x7F, 0x7FF, 0xFFFF
_SURROGATES: Final = range(0xD800, 0xE000)

_URL: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]*://[^\s\"<>]+")
_MAIL: Final = re.compile(r"[^\s@&=,;:<>\"]+@[^\s@&=,;:<>\"]+\.[A-Za-z]{2,}")
_MAC: Final = re.compile(r"\b[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}\b")
_IPV4: Final = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")

_KEPT_BYTES: Final = {*range(0x80), 0xFE, 0xFF}
_LETTERS: Final = {
    *range(ord("0"), ord("9") + 1),
    *range(ord("A"), ord("Z") + 1),
    *range(ord("a"), ord("z") + 1),
}


def _blurred(byte: int) -> int:
    if byte in _LETTERS:
        return ord("x")
    if byte in _KEPT_BYTES:
        return byte
    # The four kinds of bytes that UTF-8 is made of; `é`, `日` and the rest keep their lengths.
    return next(
        shown for first, shown in ((0xF0, 0xF0), (0xE0, 0xE6), (0xC0, 0xC3), (0x80, 0xA9)) if byte >= first
    )


_BLUR: Final = bytes(_blurred(byte) for byte in range(256))


def blur(data: bytes) -> bytes:
    """The same length and the same kinds of bytes, without what they said."""
    return data.translate(_BLUR)


class Pseudonyms:
    """Numbered in the order of their first use; `counts` tells how many of each kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._numbers: dict[tuple[str, str], tuple[str, int]] = {}

    def _number(self, family: str, kind: str, value: str) -> tuple[str, int]:
        """The kind that the value was first met as, and its number there."""
        known = self._numbers.get((family, value))
        if known is None:
            self.counts[kind] += 1
            known = self._numbers[family, value] = kind, self.counts[kind]
        return known

    def name(self, kind: str, value: str) -> str:
        """For what people or services have named, as `Title 3`, with its odd characters after it."""
        inner = value.strip(" ")
        if not inner:
            return value
        first, number = self._number("name", kind, unescape(inner))
        length = len(inner) if len(inner) > LONGEST_NAME else 0
        shown = _padded(f"{_LABELS.get(first, 'Text')} {number}", _odd(inner), length)
        before, after = value[: len(value) - len(value.lstrip(" "))], value[len(value.rstrip(" ")) :]
        return f"{before}{shown}{after}"

    def seen(self, kind: str, value: bytes) -> None:
        """Count a value that was masked without a number."""
        self._number("seen", kind, value.decode("latin-1"))

    def token(self, kind: str, value: str) -> str:
        """For ids of media and containers; the length stays, up to 64 characters."""
        if not value:
            return value
        _, number = self._number(kind, kind, unescape(value))
        return _padded(f"id{number}", _odd(value), min(len(value), LONGEST_ID))

    def integer(self, kind: str, value: int) -> int:
        """For ids that are numbers; the sign stays, 0 is nobody's."""
        if value == 0:
            return value
        _, number = self._number("integer", kind, str(value))
        return (FIRST_NUMBER + number) * (1 if value > 0 else -1)

    def has_integer(self, value: int) -> bool:
        return ("integer", str(value)) in self._numbers

    def account(self, value: str) -> str:
        if not value:
            return value
        _, number = self._number("account", "account", unescape(value))
        return f"user{number}@example.org" if "@" in value else f"user{number}"

    def serial(self, value: str) -> str:
        if not value:
            return value
        _, number = self._number("serial number", "serial number", value)
        return f"{number:0{len(value)}d}"

    def hardware_address(self, value: str) -> str:
        plain = re.sub(r"[^0-9A-Fa-f]", "", value).lower()
        if not plain:
            return value
        _, number = self._number("mac", "hardware address", plain)
        separator = next((one for one in ":-" if one in value), "")
        return separator.join(f"{byte:02x}" for byte in (2, 0, 0, 0, *number.to_bytes(2, "big")))

    def host(self, value: str) -> str:
        """For an IP address or a host name: one of those that documentation may use."""
        if not value:
            return value
        _, number = self._number("host", "network address", value)
        if ":" in value:
            return f"2001:db8::{number:x}"
        return str(ipaddress.IPv4Address(int(ipaddress.IPv4Address("192.0.2.0")) + number))

    def url(self, value: str) -> str:
        """Scheme, port, ending and length stay."""
        if not value:
            return value
        try:
            parts = urlsplit(value)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return self.token("web address", value)
        if not parts.scheme or not host:
            return self.token("web address", value)
        _, number = self._number("web address", "web address", unescape(value))
        ending = re.search(r"\.(?:jpe?g|png|flac|mp3|m4a|wav|ogg|aac|m3u8?|pls)(?=[?]|$)", value)
        shown = self.host(host)
        where = f"{parts.scheme}://{f'[{shown}]' if ':' in shown else shown}{f':{port}' if port else ''}/"
        tail = _odd(f"{parts.query}{parts.path}".replace("/", ""))
        after = f"{ending[0] if ending else ''}{'?' + tail if tail else ''}"
        return _padded(f"{where}url{number}", after, len(value))

    def scrub(self, text: str) -> str:
        """What can be told by its form or is known from before, replaced inside a text."""
        text = _URL.sub(lambda found: self.url(found[0]), text)
        text = _MAIL.sub(lambda found: self.account(found[0]), text)
        text = _MAC.sub(lambda found: self.hardware_address(found[0]), text)
        text = _IPV4.sub(lambda found: self.host(found[0]), text)
        names = {
            value: kind
            for (family, value), (kind, _) in self._numbers.items()
            if family == "name" and kind in _NAMES and len(value) >= SHORTEST_FOUND
        }
        if not names:
            return text
        longest_first = sorted(names, key=len, reverse=True)
        known = re.compile("|".join(re.escape(name) for name in longest_first))
        return known.sub(lambda found: self.name(names[found[0]], found[0]), text)


def _padded(label: str, after: str, length: int) -> str:
    return label + "x" * (length - len(label) - len(after)) + after


def _odd(value: str) -> str:
    """Each odd thing once, in the order in which they come; other letters of the same length for all."""
    return "".join(dict.fromkeys(_stand_in(one) for one in _ODD.findall(value)))


def _stand_in(odd: str) -> str:
    code = ord(odd[0])
    if code <= _ONE_BYTE:
        return odd
    if code in _SURROGATES:
        return "\udcff"  # how Python reads a byte that is not UTF-8
    return "é" if code <= _TWO_BYTES else "日" if code <= _THREE_BYTES else "😀"
