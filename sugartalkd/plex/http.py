"""Plain HTTP for worker threads and the sync's own process: lean, JSON or XML, whole answers only."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from sugartalkd.errors import BadPayload, NoMatch, PlexOffline, PlexUnauthorized, SugartalkError, TimedOut

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_LIMIT: Final = 5.0
CHUNK: Final = 256 * 1024
LARGEST: Final = 64 * 1024 * 1024
JSON: Final = "application/json"
XML: Final = "application/xml"
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY, _SERVER_ERROR = 401, 403, 404, 429, 500
_GOOD: Final = frozenset({200, 201, 204})


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with a good status."""

    content_type: str
    date: str | None
    body: bytes


CONTAINER: Final = "MediaContainer"
"""What every answer of a Plex server is wrapped in."""


def where(address: str) -> str:
    """Host and port alone: texts that people read hold no URL (contract 4)."""
    return address.partition("://")[2] or address


class Http:
    """One connection, kept open between requests, for one thread. Redirects are not followed."""

    def __init__(self, origin: str, headers: Mapping[str, str], limit: float) -> None:
        """`limit` in seconds for one answer as a whole."""
        parts = urlsplit(origin)
        self.origin = origin
        self._where = where(origin)
        self._host = parts.hostname or ""
        self._secure = parts.scheme == "https"
        self._port = parts.port
        self._headers = {"Accept-Encoding": "identity", **headers}
        self._limit = limit
        self._connection: HTTPConnection | None = None

    def get(self, path: str, accept: str = JSON, headers: Mapping[str, str] | None = None) -> Answer:
        """Raises what `_send` raises."""
        reused = self._connection is not None
        try:
            return self._send("GET", path, {"Accept": accept, **(headers or {})})
        except PlexOffline:
            if not reused:
                raise  # else the server may only have closed a connection that was idle
            return self._send("GET", path, {"Accept": accept, **(headers or {})})

    def post(self, path: str) -> Answer:
        return self._send("POST", path, {"Accept": JSON})

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        """Raises PlexOffline, PlexUnauthorized, TimedOut, NoMatch, BadPayload; none names a path."""
        until = time.monotonic() + self._limit
        try:
            connection = self._connection or self._connect()
            self._connection = connection
            connection.request(method, path, headers={**self._headers, **headers})
            if connection.sock is not None:
                connection.sock.settimeout(self._limit)
            with connection.getresponse() as response:
                body = self._body(response, until)
                status, told = response.status, response.headers
        except TimeoutError:
            self.close()
            raise TimedOut(f"{self._where} did not answer within {self._limit:g} s") from None
        except (OSError, HTTPException, ValueError) as error:
            self.close()
            why = getattr(error, "strerror", None) or type(error).__name__
            raise PlexOffline(f"{self._where} refuses or drops the connection ({why})") from None
        except BaseException:
            self.close()
            raise
        if status not in _GOOD:
            raise self._refused(status)
        return Answer(told.get("Content-Type", ""), told.get("Date"), body)

    def _connect(self) -> HTTPConnection:
        make = HTTPSConnection if self._secure else HTTPConnection
        connection = make(self._host, self._port, timeout=CONNECT_LIMIT)
        connection.connect()
        return connection

    def _body(self, response: HTTPResponse, until: float) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while data := response.read1(CHUNK):
            pieces.append(data)
            size += len(data)
            if time.monotonic() > until:
                raise TimeoutError
            if size > LARGEST:
                raise ValueError
        if response.length:
            raise ConnectionResetError
        return b"".join(pieces)

    def _refused(self, status: int) -> SugartalkError:
        if status == _UNAUTHORIZED:
            return PlexUnauthorized(f"{self._where} does not accept the token")
        if status == _FORBIDDEN:
            return PlexUnauthorized(f"{self._where} does not allow this account to do that")
        if status == _NOT_FOUND:
            return NoMatch(f"{self._where} does not have that (any more)")
        if status == _TOO_MANY or status >= _SERVER_ERROR:
            return PlexOffline(f"{self._where} answers {status}: it starts, is busy, or cannot do it now")
        return BadPayload(f"{self._where} answers {status}")


def content(answer: Answer) -> dict[str, Any] | ET.Element:
    """The container of an answer, from JSON or XML. Raises PlexOffline if it is cut off or neither."""
    try:
        if answer.body[:64].lstrip()[:1] == b"<":
            root = ET.fromstring(answer.body)  # noqa: S314  # expat expands no external entities
            if root.tag == CONTAINER:
                return root  # and not a page for people, which some error of a proxy may be
        found: object = json.loads(answer.body)
    except (ValueError, RecursionError, ET.ParseError):
        found = None
    if isinstance(found, dict):
        whole = cast("dict[str, Any]", found)
        container = whole.get(CONTAINER)
        if isinstance(container, dict):
            return cast("dict[str, Any]", container)
    raise PlexOffline("the answer is cut off, or is none of a Plex server")
