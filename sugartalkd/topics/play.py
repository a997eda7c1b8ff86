"""`<zone>/play`: what can be played, and how it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sugartalkd.command import (
    Announce,
    Play,
    PlayFavorite,
    PlayMedia,
    PlayPlaylist,
    PlayQuery,
    PlayUrl,
    VolumeChange,
    Wished,
)
from sugartalkd.errors import BadPayload, Unsupported
from sugartalkd.model import Enqueue, MediaKind, Track
from sugartalkd.topics import payload
from sugartalkd.topics.row import CommandRow

if TYPE_CHECKING:
    from sugartalkd.model import Json, Object

URL_LIMIT: Final = 255
"""Characters; HEOS devices cut a longer URL off (heos.md 0.2)."""

_MEDIA: Final = ("query", "media_id", "playlist", "favorite", "url")
_ENQUEUE: Final = {one.value: one for one in Enqueue}
_KINDS: Final = {one.value: one for one in MediaKind}
_JSON: Final = ("{", "[")
_NOTHING: Final = ("null", "undefined", "None", "NaN")
"""What programs send that have nothing to say: Node-RED, Home Assistant."""
PHRASE_LIMIT: Final = 256
"""Characters of a phrase: more than anybody says."""
_OPTIONS: Final = (
    "type", "title", "artist", "album", "shuffle", "enqueue", "radio", "volume", "transaction",
)  # fmt: skip
_FAVORITES: Final = 500
"""More favourites than any account has."""


def _play(given: str | Object) -> Play | PlayQuery:
    if isinstance(given, str):
        if given.startswith(("plex:", "heos:")):
            return PlayMedia(payload.name(given, "media_id"), Enqueue.REPLACE)
        return PlayQuery(Wished(_phrase(given)), Enqueue.REPLACE)
    for key in given:
        if key not in {*_MEDIA, *_OPTIONS}:
            raise BadPayload(f"play knows no {key[:64]!r}{payload.did_you_mean(key, (*_MEDIA, *_OPTIONS))}")
    named = [key for key in _MEDIA if key in given]
    if len(named) != 1:
        raise BadPayload(
            f"play needs exactly one of {', '.join(_MEDIA)}; it got {', '.join(named) or 'none'}"
        )
    wished = named[0]
    for key in _UNFIT[wished]:
        if given.get(key) is not None and given[key] is not False:
            raise Unsupported(f"{key} does not apply to a {wished}")
    enqueue = payload.word(given.get("enqueue", "replace"), "enqueue", _ENQUEUE)
    volume = payload.volume(given["volume"]) if given.get("volume") is not None else None
    return _of_kind(wished, given, enqueue, volume)


_UNFIT: Final = {
    "query": ("title",),
    "media_id": ("type", "title", "artist", "album"),
    "playlist": ("radio", "title", "artist", "album"),
    "favorite": ("type", "radio", "shuffle", "title", "artist", "album"),
    "url": ("type", "radio", "shuffle"),
}
"""Options that mean nothing for what is played."""


def _of_kind(wished: str, given: Object, enqueue: Enqueue, volume: VolumeChange | None) -> Play | PlayQuery:
    match wished:
        case "query":
            artist, album = (_shown(given, key) for key in ("artist", "album"))
            query = Wished(_phrase(given["query"]), _kind(given), artist, album)
            return PlayQuery(query, enqueue, _shuffle(given), _radio(given), volume)
        case "media_id":
            name = payload.name(given["media_id"], "media_id")
            return PlayMedia(name, enqueue, _shuffle(given), volume, _radio(given))
        case "playlist":
            name = payload.name(given["playlist"], "playlist")
            return PlayPlaylist(name, enqueue, _shuffle(given), volume)
        case "favorite":
            _check_at_once("favorite", enqueue)
            return PlayFavorite(_favorite(given["favorite"]), volume)
        case _:
            _check_at_once("url", enqueue)
            title, artist, album = (_shown(given, key) for key in ("title", "artist", "album"))
            track = Track(title, artist, album, source="url") if title or artist or album else None
            return PlayUrl(_url(given["url"]), track, volume)


def _check_at_once(what: str, enqueue: Enqueue) -> None:
    if enqueue not in {Enqueue.REPLACE, Enqueue.NOW}:
        raise Unsupported(f'a {what} starts at once: enqueue takes "replace" or "now"')


def _favorite(given: Json) -> str | int:
    """A number from 1, or a text: a name, else, if it has digits alone, a number as well."""
    if isinstance(given, int) and not isinstance(given, bool):
        return int(payload.number(given, "favorite", 1, _FAVORITES, 1))
    return payload.name(given, "favorite")


def _shuffle(given: Object) -> bool | None:
    if given.get("shuffle") is None:
        return None
    wished = payload.on_off(given["shuffle"], "shuffle")
    if not isinstance(wished, bool):
        raise BadPayload("shuffle of play takes ON or OFF")
    return wished


def _phrase(given: Json) -> str:
    phrase = payload.name(given, "play")
    if phrase[:1] in _JSON or phrase in _NOTHING:
        raise BadPayload(f"{phrase[:64]!r} is no phrase, and no JSON object either; are its quotes right?")
    if "://" in phrase:
        raise BadPayload('a URL is played by {"url": …}, or once over what runs by announce')
    if len(phrase) > PHRASE_LIMIT:
        raise BadPayload(f"the phrase has {len(phrase)} characters; at most {PHRASE_LIMIT} are looked for")
    return phrase


def _kind(given: Object) -> MediaKind | None:
    return None if given.get("type") is None else payload.word(given["type"], "type", _KINDS)


def _radio(given: Object) -> bool:
    if given.get("radio") is None:
        return False
    wished = payload.on_off(given["radio"], "radio")
    if not isinstance(wished, bool):
        raise BadPayload("radio of play takes ON or OFF")
    return wished


def _shown(given: Object, key: str) -> str | None:
    text = given.get(key)
    return None if text is None else payload.name(text, key)


def _url(given: Json) -> str:
    """Given to a device as it is, so nothing may be in it that a device could read as something else."""
    text = payload.as_text(given, "url")
    if len(text) > URL_LIMIT:
        raise BadPayload(f"the url has {len(text)} characters; players cut it off after {URL_LIMIT}")
    if not all("!" <= character <= "~" for character in text):
        raise BadPayload("the url has spaces or characters outside ASCII; percent-encode them")
    scheme, separator, rest = text.partition("://")
    authority = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    if scheme.casefold() != "http" or not separator or not authority:
        raise BadPayload("the url must be absolute and begin with http://")
    if "@" in authority:
        raise BadPayload("the url has user information in it; players would show it")
    return text


ANNOUNCEMENT: Final = 120
"""Seconds an announcement may last, unless said otherwise."""
_LONGEST: Final = 600


def _announce(given: str | Object) -> Announce:
    if isinstance(given, str):
        return Announce(_url(given))
    known = ("url", "volume", "max_duration", "transaction")
    for key in given:
        if key not in known:
            raise BadPayload(f"announce knows no {key[:64]!r}{payload.did_you_mean(key, known)}")
    longest = given.get("max_duration")
    return Announce(
        _url(payload.value(given, "url")),
        payload.volume(given["volume"]) if given.get("volume") is not None else None,
        ANNOUNCEMENT if longest is None else payload.number(longest, "max_duration", 1, _LONGEST, 1),
    )


COMMANDS: Final = (
    CommandRow(
        "play",
        "Play something now, or put it in the queue",
        "text: find this in Plex and play it; or JSON: one of `query` `media_id` `playlist` `favorite` (name "
        "or number) `url`; with `type` (`track` `album` `artist` `playlist`) `title` `artist` `album` "
        "`shuffle` `enqueue` (`replace` `now` `next` `end`) `radio` `volume`",
        _play,
    ),
    CommandRow(
        "announce",
        "Play a URL once over whatever runs, then bring that back; answered at its end",
        "URL, or JSON: `url` `volume` `max_duration` (seconds, 120)",
        _announce,
    ),
)
