"""What the Plex server can be asked: searching, browsing, playlists, its library, its players, artwork."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sugartalkd.command import (
    GetArtwork,
    LibraryTask,
    PlexAddToPlaylist,
    PlexBrowse,
    PlexClientCommand,
    PlexClientPlay,
    PlexClients,
    PlexCreatePlaylist,
    PlexDeletePlaylist,
    PlexItem,
    PlexLogin,
    PlexMaintain,
    PlexPlaylists,
    PlexRate,
    PlexRemoveFromPlaylist,
    PlexSearch,
    PlexSync,
    Wished,
)
from sugartalkd.errors import BadPayload
from sugartalkd.model import MediaKind
from sugartalkd.topics import listing, payload
from sugartalkd.topics.play import PHRASE_LIMIT
from sugartalkd.topics.row import RequestRow

if TYPE_CHECKING:
    from sugartalkd.model import Json, Object

FOUND: Final = 20
"""Items in the answer to a search, unless said otherwise."""
MOST_ITEMS: Final = 5000
"""Items for one change of a playlist."""
BEST_RATING: Final = 10
FIRST_YEAR, LAST_YEAR = 1000, 2999
LARGEST_VALUE: Final = 86_400
"""For a Plex player: a position within a day, or a volume."""

_KINDS: Final = {one.value: one for one in MediaKind}
_WISHES: Final = ("query", "type", "artist", "album", "genre", "year", "rating")


def _search(given: str | Object) -> PlexSearch:
    if isinstance(given, str):
        return PlexSearch(Wished(_phrase(given)), FOUND, 0)
    listing.check_keys(given, "plex/search", (*_WISHES, "limit", "offset"))
    if all(given.get(one) is None for one in _WISHES):
        raise BadPayload(f"plex/search needs at least one of {', '.join(_WISHES)}")
    wished = Wished(
        None if given.get("query") is None else _phrase(given["query"]),
        None if given.get("type") is None else payload.word(given["type"], "type", _KINDS),
        listing.optional(given, "artist"),
        listing.optional(given, "album"),
        listing.optional(given, "genre"),
        None
        if given.get("year") is None
        else int(payload.number(given["year"], "year", FIRST_YEAR, LAST_YEAR, 1)),
        None if given.get("rating") is None else _rating(given["rating"]),
    )
    return PlexSearch(wished, *listing.part(given, FOUND))


def _phrase(given: Json) -> str:
    phrase = payload.name(given, "query")
    if len(phrase) > PHRASE_LIMIT:
        raise BadPayload(f"the query has {len(phrase)} characters; at most {PHRASE_LIMIT} are looked for")
    return phrase


def _rating(given: Json) -> float:
    return payload.number(given, "rating", 0, BEST_RATING, 0.1)


def _media_id(given: str | Object, action: str) -> str:
    return payload.name(payload.value(given, "media_id"), f"the media_id of {action}")


def _only(given: str | Object, key: str, action: str) -> str:
    """The one thing that a request takes, bare or in an object."""
    if not isinstance(given, str):
        listing.check_keys(given, action, (key,))
    return payload.name(payload.value(given, key), f"the {key} of {action}")


def _browse(given: str | Object) -> PlexBrowse:
    if isinstance(given, str):
        return PlexBrowse(payload.name(given, "media_id"), listing.PAGE, 0)
    listing.check_keys(given, "plex/browse", ("media_id", "limit", "offset"))
    return PlexBrowse(listing.optional(given, "media_id"), *listing.part(given))


def _rate(given: str | Object) -> PlexRate:
    if isinstance(given, str):
        raise BadPayload('plex/rate takes {"media_id", "rating": 0 to 10, or null}')
    listing.check_keys(given, "plex/rate", ("media_id", "rating"))
    rating = payload.value(given, "rating")
    return PlexRate(_media_id(given, "plex/rate"), None if rating is None else _rating(rating))


def _items(given: Object) -> tuple[str, ...]:
    wished = payload.array(payload.value(given, "items"))
    if not wished or len(wished) > MOST_ITEMS:
        raise BadPayload(f"items has {len(wished)} media_ids; it takes 1 to {MOST_ITEMS}")
    return tuple(payload.name(one, "items") for one in wished)


def _create(given: str | Object) -> PlexCreatePlaylist:
    if isinstance(given, str):
        raise BadPayload('plex/playlist/create takes {"name", "items"}')
    listing.check_keys(given, "plex/playlist/create", ("name", "items"))
    return PlexCreatePlaylist(payload.name(payload.value(given, "name"), "name"), _items(given))


def _change(given: str | Object, action: str) -> tuple[str, tuple[str, ...]]:
    if isinstance(given, str):
        raise BadPayload(f'{action} takes {{"media_id", "items"}}')
    listing.check_keys(given, action, ("media_id", "items"))
    return _media_id(given, action), _items(given)


def _client_play(given: str | Object) -> PlexClientPlay:
    if isinstance(given, str):
        raise BadPayload('plex/client/play takes {"client", "media_id"}')
    listing.check_keys(given, "plex/client/play", ("client", "media_id"))
    client = payload.name(payload.value(given, "client"), "client")
    return PlexClientPlay(client, _media_id(given, "plex/client/play"))


def _client_command(given: str | Object) -> PlexClientCommand:
    if isinstance(given, str):
        raise BadPayload('plex/client/command takes {"client", "command", "value"}')
    listing.check_keys(given, "plex/client/command", ("client", "command", "value"))
    value = given.get("value")
    return PlexClientCommand(
        payload.name(payload.value(given, "client"), "client"),
        payload.name(payload.value(given, "command"), "command").casefold(),
        None if value is None else payload.number(value, "value", 0, LARGEST_VALUE, 0.1),
    )


def _playlists(given: str | Object) -> PlexPlaylists:
    if not isinstance(given, str):
        listing.check_keys(given, "plex/playlists", ("limit", "offset"))
    return PlexPlaylists(*listing.part(given))


def _task(task: LibraryTask, summary: str, *, admin: bool = False) -> RequestRow:
    return RequestRow(
        f"plex/{task.value}", summary, "`{}`", "`{}`", lambda _given: PlexMaintain(task), admin=admin
    )


_ITEM: Final = "the playlist's item"

REQUESTS: Final = (
    RequestRow("plex/search", "Search the music library; misspelt words are understood",
               'text, or `{"query", "type", "artist", "album", "genre", "year", "rating", "limit": 20, '
               '"offset": 0}`', listing.ITEMS, _search),
    RequestRow("plex/browse", "What is in an artist, an album or a playlist; without one, the roots",
               'a media_id, or `{"media_id", "limit", "offset"}`', listing.ITEMS, _browse),
    RequestRow("plex/item", "Everything that Plex knows of an item", "media_id", "the item",
               lambda given: PlexItem(_only(given, "media_id", "plex/item"))),
    RequestRow("plex/rate", "Rate an item, two for each star; null takes the rating away",
               '`{"media_id", "rating": 0…10 or null}`', "`{}`", _rate),
    RequestRow("plex/playlists", "The playlists", '`{}` or `{"limit", "offset"}`', listing.ITEMS,
               _playlists),
    RequestRow("plex/playlist/create", "Make a playlist; an artist or an album stands for its tracks",
               '`{"name", "items"}`', _ITEM, _create),
    RequestRow("plex/playlist/add", "Put items at its end", '`{"media_id", "items"}`', _ITEM,
               lambda given: PlexAddToPlaylist(*_change(given, "plex/playlist/add"))),
    RequestRow("plex/playlist/remove", "Take items out", '`{"media_id", "items"}`', _ITEM,
               lambda given: PlexRemoveFromPlaylist(*_change(given, "plex/playlist/remove"))),
    RequestRow("plex/playlist/delete", "Delete a playlist", "media_id", "`{}`",
               lambda given: PlexDeletePlaylist(_only(given, "media_id", "plex/playlist/delete")),
               admin=True),
    _task(LibraryTask.SCAN, "Have Plex look for new and changed files; answered when it is through"),
    _task(LibraryTask.REFRESH, "Have Plex fetch all metadata again"),
    _task(LibraryTask.ANALYZE, "Have Plex analyze the library's files"),
    RequestRow("plex/sync", "Build the local index of the library anew; answered when it is complete", "`{}`",
               '`{"tracks", "albums", "artists", "playlists", "seconds"}`', lambda _given: PlexSync()),
    _task(LibraryTask.EMPTY_TRASH, "Have Plex forget what it could not find any more", admin=True),
    RequestRow("plex/clients", "Plex' own players that the server sees", "`{}`", '`{"items"}`',
               lambda _given: PlexClients()),
    RequestRow("plex/client/play", "Play something on one of them, by name or identifier",
               '`{"client", "media_id"}`', "`{}`", _client_play),
    RequestRow("plex/client/command", "Control one of them: `play` `pause` `stop` `next` `previous` "
               "`seek` (s) `volume` (0…100)", '`{"client", "command", "value"}`', "`{}`", _client_command),
    RequestRow("plex/login", "Sign in at plex.tv: open the link and type the code; the outcome comes as a "
               "`plex_login` event", "`{}`", '`{"code", "link", "expires_at"}`', lambda _given: PlexLogin(),
               admin=True),
    RequestRow("artwork", "A picture, by the artwork_id of an item or of now_playing", "artwork_id",
               'the bytes, to an MQTT 5 Response Topic; else `{"content_type", "data"}`, base64',
               lambda given: GetArtwork(_only(given, "artwork_id", "artwork"))),
)  # fmt: skip
