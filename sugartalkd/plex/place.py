"""Where the Plex server is and what opens it: from the configuration, or from signing in at plex.tv."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sugartalkd.errors import NoMatch, PlexOffline, PlexUnauthorized, SugartalkError
from sugartalkd.plex import credentials
from sugartalkd.plex.account import secret
from sugartalkd.plex.credentials import Place
from sugartalkd.plex.http import Http, content, where

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sugartalkd.command import SecretText
    from sugartalkd.config import PlexConfig
    from sugartalkd.plex.account import Account, Known

ASK_AFTER: Final = 60.0
"""Seconds for which a known address has to fail before plex.tv is asked for another one."""
TRY_LIMIT: Final = 2.5
"""Seconds for one of the addresses that plex.tv knows."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to the server."""

    address: str
    """Scheme, host and port."""
    token: SecretText | None


class Finder:
    """Blocking: for a worker thread. Knows the way to the one configured server."""

    def __init__(self, config: PlexConfig, folder: Path, account: Account) -> None:
        self._folder = folder
        self._account = account
        self._url = None if config.url is None else origin(config.url)
        self._name = config.server
        self._wished = self._url or f"server {self._name or ''}"
        self._library = config.library
        self._given = None if config.token is None else secret(config.token.get_secret_value())
        self._used: SecretText | None = None
        self._refused: set[str] = set()
        """Tokens that were not accepted; each gets its turn before the first is tried again."""
        self._failing_since: float | None = None
        self._ask_again = False
        """Whether what is known of the server cannot be right any more."""

    def place(self) -> Place | None:
        """What was learned of this server before."""
        found = credentials.load_place(self._folder)
        return found if found is not None and found.wished == self._wished else None

    def way(self) -> Way:
        """Raises PlexUnauthorized without a token, and NoMatch or PlexOffline if plex.tv knows no way."""
        token = self._token()
        if self._url is not None:
            return Way(self._url, token)
        if token is None:
            raise PlexUnauthorized(
                "there is no token to ask plex.tv for the server: sign in with 'sugartalkd login plex', or "
                "configure plex.url"
            )
        known = self.place()
        lost = self._failing_since is not None and time.monotonic() - self._failing_since > ASK_AFTER
        if known is not None and not lost and not self._ask_again:
            self._used = token if known.token is None else secret(known.token)
            return Way(known.address, self._used)
        return self._look_up(token)

    def accept(self, way: Way, machine_id: str, section_uuid: str) -> None:
        """A server answers there; found by its name, it has to be the same as ever. Raises PlexOffline."""
        before = self.place()
        if self._url is None and before is not None and before.machine_id != machine_id:
            self._ask_again = True
            raise PlexOffline(f"another Plex server answers at {where(way.address)} now")
        self._failing_since, self._ask_again = None, False
        self._refused.clear()
        own = None if self._url is not None or way.token is None else way.token.reveal
        place = Place(self._wished, way.address, machine_id, section_uuid, self._library, own)
        if place != before:
            credentials.store_place(self._folder, place)

    def failed(self, error: SugartalkError) -> bool:
        """It does not answer, or not to this token; true if there is another token to try at once."""
        if not isinstance(error, PlexUnauthorized):
            if self._failing_since is None:
                self._failing_since = time.monotonic()
            return False
        if self._used is None:
            return False
        self._refused.add(self._used.reveal)
        self._ask_again = True  # the server's own token may have been made anew
        try:
            return any(one.reveal not in self._refused for one in self._tokens())
        except PlexUnauthorized:
            return False

    def _tokens(self) -> list[SecretText]:
        """The configured one; where that is missing or was refused, also the one that sign-in stored."""
        given = [] if self._given is None else [self._given]
        if given and self._refused.isdisjoint(one.reveal for one in given):
            return given
        stored = credentials.stored_token(self._folder)
        return given if stored is None else [*given, stored]

    def _token(self) -> SecretText | None:
        """The first that was not refused; the first again when all were."""
        tokens = self._tokens()
        fresh = [one for one in tokens if one.reveal not in self._refused]
        self._used = next(iter(fresh or tokens), None)
        return self._used

    def _look_up(self, token: SecretText) -> Way:
        servers = self._account.servers(token)
        server = choose(servers, self._name)
        for address in server.addresses:
            if _answers(address, server.machine_id):
                # Kept at once: what answers there later is compared with it.
                place = Place(
                    self._wished, origin(address), server.machine_id, "", self._library, server.token.reveal
                )
                credentials.store_place(self._folder, place)
                self._ask_again, self._failing_since = False, None
                return Way(place.address, server.token)
        raise PlexOffline(
            f"plex.tv knows the server '{server.name}', but at none of its {len(server.addresses)} addresses "
            "does it answer from here"
        )


def origin(url: str) -> str:
    """Scheme, host and port of an address; plexapi relies on the port being there."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def choose(servers: Sequence[Known], name: str | None) -> Known:
    if name is not None:
        for one in servers:
            if name.casefold() == one.name.casefold() or name == one.machine_id:
                return one
    else:
        own = [one for one in servers if one.owned] or list(servers)
        if len(own) == 1:
            return own[0]
    listed = ", ".join(f"'{one.name}'" for one in servers) or "none"
    wished = "which server is meant is not configured" if name is None else f"there is no server '{name}'"
    raise NoMatch(f"{wished} (plex.server); the servers of this Plex account: {listed}")


def _answers(address: str, machine_id: str) -> bool:
    http = Http(origin(address), {}, TRY_LIMIT)
    try:
        container = content(http.get("/identity"))
    except SugartalkError:
        return False
    finally:
        http.close()
    return container.get("machineIdentifier") == machine_id
