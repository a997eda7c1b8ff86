"""plex.tv, asked at sign-in and to find a server by its name; never while music plays."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sugartalkd.command import SecretText
from sugartalkd.errors import PlexOffline
from sugartalkd.log import mask_also
from sugartalkd.plex.entries import objects
from sugartalkd.plex.http import Http

if TYPE_CHECKING:
    from sugartalkd.plex.identity import Identity

PLEX_TV: Final = "https://plex.tv"
LINK: Final = "https://plex.tv/link"
LIMIT: Final = 15.0
SHORTEST_VALIDITY: Final = 60


@dataclass(frozen=True, slots=True)
class Pin:
    """A sign-in that waits for somebody to type its code at `LINK`."""

    id: int
    code: str
    expires_at: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Known:
    """A server that the account may use."""

    name: str
    machine_id: str
    token: SecretText
    """For this server; the account's own does not open servers that others share."""
    addresses: tuple[str, ...]
    """Those inside the house, never plex.tv's relay."""
    owned: bool


class Account:
    """Blocking: for a worker thread. Raises PlexOffline, TimedOut, PlexUnauthorized, BadPayload."""

    def __init__(self, identity: Identity, origin: str = PLEX_TV) -> None:
        self._origin = origin
        self._identity = identity

    def pin(self) -> Pin:
        found = _object(self._ask("POST", "/api/v2/pins"))
        validity = found.get("expiresIn")
        seconds = validity if isinstance(validity, int | float) else SHORTEST_VALIDITY
        code, number = found.get("code"), found.get("id")
        if not code or not isinstance(number, int):
            raise PlexOffline("plex.tv did not give a code to sign in with")
        return Pin(number, str(code), time.time() + seconds)

    def token(self, pin: Pin) -> SecretText | None:
        """The token, once somebody has typed the code. Raises NoMatch when it is not valid any more."""
        token = _object(self._ask("GET", f"/api/v2/pins/{pin.id}")).get("authToken")
        return secret(token) if isinstance(token, str) and token else None

    def servers(self, token: SecretText) -> tuple[Known, ...]:
        found = self._ask("GET", "/api/v2/resources?includeHttps=1&includeRelay=0&includeIPv6=1", token)
        return tuple(
            known(one, token) for one in objects(found) if "server" in str(one.get("provides", "")).split(",")
        )

    def _ask(self, method: str, path: str, token: SecretText | None = None) -> object:
        headers = self._identity.headers()
        if token is not None:
            headers["X-Plex-Token"] = token.reveal
        http = Http(self._origin, headers, LIMIT)
        try:
            answer = http.get(path) if method == "GET" else http.post(path)
        finally:
            http.close()
        try:
            return json.loads(answer.body)
        except ValueError:
            raise PlexOffline("plex.tv answers with something that is no JSON") from None


def _object(value: object) -> dict[str, Any]:
    return next(iter(objects([value])), dict[str, Any]())


def secret(token: str) -> SecretText:
    """A token that no log line will show."""
    mask_also(token)
    return SecretText(token)


def known(resource: dict[str, Any], account: SecretText) -> Known:
    connections = [one for one in objects(resource.get("connections")) if not one.get("relay")]
    connections.sort(key=lambda one: not one.get("local"))
    token = resource.get("accessToken")
    return Known(
        name=str(resource.get("name", "")),
        machine_id=str(resource.get("clientIdentifier", "")),
        token=secret(token) if isinstance(token, str) and token else account,
        addresses=tuple(_addresses(connections, https=bool(resource.get("httpsRequired")))),
        owned=bool(resource.get("owned")),
    )


def _addresses(connections: list[dict[str, Any]], *, https: bool) -> list[str]:
    """Secure ones first; in the house plain ones too, for routers that hide plex.direct names."""
    secure = [str(one["uri"]) for one in connections if str(one.get("uri", "")).startswith("https://")]
    plain: list[str] = []
    for one in connections:
        uri, address, port = str(one.get("uri", "")), str(one.get("address", "")), one.get("port")
        if uri.startswith("http://"):
            plain.append(uri)
        elif one.get("local") and address and port and not https:
            host = f"[{address}]" if ":" in address else address
            plain.append(f"http://{host}:{port}")
    return [*secure, *plain]
