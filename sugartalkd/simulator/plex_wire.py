"""Plex's two ways of writing an answer, XML and JSON, from one tree of dictionaries."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

Element: TypeAlias = "dict[str, Any]"
"""Attributes, and lists of elements as children; absent ones are left out."""

HTML: Final = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"

_TAGS: Final = {"artist": "Directory", "album": "Directory", "track": "Track", "playlist": "Playlist"}
_special: Final = re.compile('[&<>"\n\r\t]').search
_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
)


def xml(tag: str, element: Element) -> str:
    """One element with its children; what JSON lists as Metadata, XML names by its type."""
    parts: list[str] = []
    _write(parts, tag, element)
    return "".join(parts)


def _write(parts: list[str], tag: str, element: Element) -> None:
    parts.append(f"<{tag}")
    children: list[tuple[str, list[Element]]] = []
    for name, value in element.items():
        if isinstance(value, str):
            # The test is quicker than translating what hardly ever needs it.
            text = value.translate(_ESCAPES) if _special(value) else value
            parts.append(f' {name}="{text}"')
        elif isinstance(value, list):
            children.append((name, cast("list[Element]", value)))
        elif value is True or value is False:
            parts.append(f' {name}="{value:d}"')
        else:
            parts.append(f' {name}="{value}"')
    if not children:
        parts.append("/>")
        return
    parts.append(">")
    for name, elements in children:
        for child in elements:
            _write(parts, _TAGS.get(child.get("type", ""), name) if name == "Metadata" else name, child)
    parts.append(f"</{tag}>")


def wants_json(request: web.Request) -> bool:
    return "application/json" in request.headers.get("Accept", "")


def answer(
    request: web.Request,
    container: Element,
    *,
    tag: str = "MediaContainer",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """The container as the client wants it."""
    if wants_json(request):
        text = json.dumps({tag: container}, ensure_ascii=False)
        kind = "application/json"
    else:
        text = '<?xml version="1.0" encoding="UTF-8"?>\n' + xml(tag, container) + "\n"
        kind = "text/xml"
    return web.Response(status=status, text=text, content_type=kind, charset="utf-8", headers=headers)


def header(request: web.Request, name: str) -> str:
    """A header's text, whether it was sent as UTF-8 or as Latin-1."""
    sent = request.headers.get(name, "").encode(errors="surrogateescape")
    try:
        return sent.decode()
    except UnicodeDecodeError:
        return sent.decode("latin-1")


def failure(status: int, text: str) -> web.Response:
    """An HTML page, as Plex sends for errors."""
    return web.Response(status=status, text=HTML.format(f"{status} {text}"), content_type="text/html")
