"""What a receiver's web side says of itself: model, MAC, renamed and hidden inputs; never needed."""

from __future__ import annotations

import asyncio
import http.client
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from sugartalkd.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_log = get_logger(__name__)

PORTS: Final = (80, 8080)
"""Models up to 2016 answer on 80; those with HEOS on 8080, while their 80 says 403 or nothing useful."""
LIMIT: Final = 5.0
"""Seconds for one port in all: these web servers hang while telnet works (denonavr#390)."""
LONGEST: Final = 262_144
"""Bytes of one document; real ones have some 30,000."""
DEVICE: Final = "/goform/Deviceinfo.xml"
COMMANDS: Final = "/goform/AppCommand.xml"
_ASK: Final = (
    b'<?xml version="1.0" encoding="utf-8"?>\n<tx><cmd id="1">GetRenameSource</cmd>'
    b'<cmd id="1">GetDeletedSource</cmd></tx>'
)
_NAME_LIMIT: Final = 64
_MAC: Final = re.compile(r"[0-9A-F]{12}")
# The web side has other names for some inputs than telnet; by denonavr's tables.
_WIRE_NAMES: Final = {
    "CBL/SAT": "SAT/CBL", "BLU-RAY": "BD", "TV AUDIO": "TV", "MEDIA PLAYER": "MPLAY", "BLUETOOTH": "BT",
    "IPOD/USB": "USB/IPOD", "INTERNET RADIO": "IRADIO", "ONLINE MUSIC": "NET", "NETWORK": "NET",
    "MEDIA SERVER": "SERVER", "AUX": "AUX1", "SIRIUSXM": "SIRIUSXM", "HD RADIO": "HDRADIO",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Identity:
    """What a receiver told over HTTP; `None` and empty where it did not."""

    model: str | None = None
    mac: str | None = None
    """Twelve hexadecimal digits, upper case."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """What people called its inputs, by the receiver's own name."""
    hidden: frozenset[str] = frozenset()
    """Inputs taken out of use in its menu."""


class _Unusable(Exception):
    """No document that says anything; the text says why."""


async def read_identity(host: str, ports: Iterable[int] = PORTS) -> Identity | None:
    """Ask once, port after port; `None` when nobody answers usably. Never raises, never takes long.

    Each port has 5 s in all. Serial requests: the servers of these receivers do not like more.
    """
    for port in ports:
        try:
            async with asyncio.timeout(LIMIT):
                return await _beside(host, port)
        except (OSError, http.client.HTTPException, ValueError, _Unusable) as error:
            _log.debug("no identity over HTTP", receiver=f"{host}:{port}", reason=str(error) or repr(error))
    return None


async def _beside(host: str, port: int) -> Identity:
    """Read in a thread that nobody waits for: one that hangs must not hold up the end of the daemon."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Identity] = loop.create_future()

    def tell(identity: Identity | None, error: Exception | None) -> None:
        if found.done():
            return
        if identity is not None:
            found.set_result(identity)
        else:
            found.set_exception(error or _Unusable("nothing was said"))

    def run() -> None:
        identity: Identity | None = None
        error: Exception | None = None
        try:
            identity = _read(host, port)
        except (OSError, http.client.HTTPException, ValueError, _Unusable) as fault:
            error = fault
        except Exception as fault:  # noqa: BLE001  # a fault of ours, which must not cost the telnet session
            _log.exception("reading a receiver's web side failed", receiver=f"{host}:{port}")
            error = _Unusable(repr(fault))
        with suppress(RuntimeError):  # the loop may have ended meanwhile
            loop.call_soon_threadsafe(tell, identity, error)

    threading.Thread(target=run, name=f"identity of {host}:{port}", daemon=True).start()
    return await found


def _read(host: str, port: int) -> Identity:
    device = parse(_fetch(host, port, "GET", DEVICE))
    try:
        inputs = parse(_fetch(host, port, "POST", COMMANDS, _ASK))
    except (OSError, http.client.HTTPException, _Unusable) as error:
        _log.debug("no input names over HTTP", receiver=f"{host}:{port}", reason=str(error) or repr(error))
        inputs = ET.Element("rx")
    return identity_of(device, inputs)


def _fetch(host: str, port: int, method: str, path: str, body: bytes | None = None) -> bytes:
    deadline = time.monotonic() + LIMIT
    connection = http.client.HTTPConnection(host, port, timeout=LIMIT / 2)
    try:
        connection.request(method, path, body, {"Content-Type": "text/xml"} if body else {})
        with connection.getresponse() as answer:
            if answer.status != http.client.OK:
                raise _Unusable(f"{path} is answered with status {answer.status}")
            document = b""
            while piece := answer.read1(LONGEST):
                document += piece
                if len(document) > LONGEST:
                    raise _Unusable(f"{path} is longer than {LONGEST} bytes")
                if time.monotonic() > deadline:
                    raise _Unusable(f"{path} does not come to an end")
            return document
    finally:
        connection.close()


# -- documents -----------------------------------------------------------------------------------------


def parse(document: bytes) -> ET.Element:
    """A document without declarations of its own: entities could grow without end, or name files."""
    if b"<!DOCTYPE" in document.upper() or b"<!ENTITY" in document.upper() or b"\0" in document:
        raise _Unusable("the document declares types or entities of its own")
    try:
        return ET.fromstring(document)  # noqa: S314  # without a DOCTYPE there is nothing to expand
    except ET.ParseError as error:
        raise _Unusable(f"the document is no XML: {error}") from None
    except (ValueError, LookupError) as error:
        raise _Unusable(f"the document cannot be read: {error}") from None


def identity_of(device: ET.Element, inputs: ET.Element) -> Identity:
    """What the two documents say."""
    model = _text(device, "ModelName")
    mac = re.sub(r"[^0-9A-F]", "", (_text(device, "MacAddress") or "").upper())
    labels: dict[str, str] = {}
    hidden: set[str] = set()
    for one in inputs.iter("list"):
        own = _text(one, "name") or _text(one, "FuncName")
        if own is None:
            continue
        if (label := _text(one, "rename")) is not None and label != own:
            labels[_wire_name(own)] = label
        if (use := _text(one, "use")) is not None and use in {"0", "DEL"}:
            hidden.add(_wire_name(own))
    return Identity(
        (model or "").lstrip("*") or None,
        mac if _MAC.fullmatch(mac) else None,
        labels,
        frozenset(hidden),
    )


def _text(parent: ET.Element, tag: str) -> str | None:
    """The text of the first such element; values carry trailing blanks."""
    for one in parent.iter(tag):
        text = "".join(part for part in (one.text or "") if part.isprintable()).strip()
        return text[:_NAME_LIMIT] or None
    return None


def _wire_name(own: str) -> str:
    return _WIRE_NAMES.get(own.upper(), own.upper())
