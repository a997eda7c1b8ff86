"""What the HEOS system can be asked: sources, browsing, searching, its account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sugartalkd.command import (
    HeosBrowse,
    HeosFavorites,
    HeosPlaylists,
    HeosReboot,
    HeosSearch,
    HeosSignIn,
    HeosSignOut,
    HeosSources,
    SecretText,
)
from sugartalkd.errors import BadPayload
from sugartalkd.topics import listing, payload
from sugartalkd.topics.row import RequestRow

if TYPE_CHECKING:
    from sugartalkd.model import Object

QUERY_LIMIT: Final = 128
"""Characters that a device searches for (heos.md 1.4)."""


def _browse(given: str | Object) -> HeosBrowse:
    """A bare text is a source, or a container's media_id."""
    if isinstance(given, str):
        return HeosBrowse(given, None, listing.PAGE, 0)
    source, container = listing.optional(given, "source"), listing.optional(given, "container")
    if source is None:
        source = listing.optional(given, "media_id")
    if source is None and container is None:
        raise BadPayload("heos/browse needs a source, or a container; heos/sources lists them")
    return HeosBrowse(source, container, *listing.part(given))


def _search(given: str | Object) -> HeosSearch:
    if isinstance(given, str):
        raise BadPayload('heos/search takes {"source", "query", "criteria"}')
    query = payload.name(payload.value(given, "query"), "query")
    if len(query) > QUERY_LIMIT:
        raise BadPayload(f"the query has {len(query)} characters; HEOS searches for {QUERY_LIMIT}")
    source = payload.name(payload.value(given, "source"), "source")
    return HeosSearch(source, query, listing.optional(given, "criteria"), *listing.part(given))


def _sign_in(given: str | Object) -> HeosSignIn:
    if isinstance(given, str):
        raise BadPayload('heos/sign_in takes {"username", "password"}')
    username = payload.name(payload.value(given, "username"), "username")
    return HeosSignIn(username, SecretText(payload.name(payload.value(given, "password"), "password")))


REQUESTS: Final = (
    RequestRow("heos/sources", "The sources of the HEOS system", "`{}`", listing.ITEMS,
               lambda _given: HeosSources()),
    RequestRow("heos/browse", "What is in a source or a container",
               'a source, or `{"source", "container", "limit", "offset"}`', listing.ITEMS, _browse),
    RequestRow("heos/search", "Search a source", '`{"source", "query", "criteria", "limit", "offset"}`',
               listing.ITEMS, _search),
    RequestRow("heos/favorites", "The favourites, numbered from 1 in `track_number`",
               '`{}` or `{"limit", "offset"}`', listing.ITEMS,
               lambda given: HeosFavorites(*listing.part(given))),
    RequestRow("heos/playlists", "The HEOS playlists", '`{}` or `{"limit", "offset"}`', listing.ITEMS,
               lambda given: HeosPlaylists(*listing.part(given))),
    RequestRow("heos/sign_in", "Sign the HEOS system in, until the daemon's next start",
               '`{"username", "password"}`', "`{}`", _sign_in, admin=True),
    RequestRow("heos/sign_out", "Sign the HEOS system out", "`{}`", "`{}`", lambda _given: HeosSignOut(),
               admin=True),
    RequestRow("heos/reboot", "Start the HEOS device again that we are connected to", "`{}`", "`{}`",
               lambda _given: HeosReboot(), admin=True),
)  # fmt: skip
