"""`<zone>/play`: what can be played, and how it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sugartalkd.command import Play, PlayFavorite, PlayMedia, PlayPlaylist, PlayUrl, VolumeChange
from sugartalkd.errors import BadPayload, Unsupported
from sugartalkd.model import Enqueue, Track
from sugartalkd.topics import payload
from sugartalkd.topics.row import CommandRow

if TYPE_CHECKING:
    from sugartalkd.model import Json, Object

URL_LIMIT: Final = 255
"""Characters; HEOS devices cut a longer URL off (heos.md 0.2)."""

_MEDIA: Final = ("query", "media_id", "playlist", "favorite", "url")
_ENQUEUE: Final = {one.value: one for one in Enqueue}
_OPTIONS: Final = (
    "type", "title", "artist", "album", "shuffle", "enqueue", "radio", "volume", "transaction",
)  # fmt: skip
_FAVORITES: Final = 500
"""More favourites than any account has."""


def _play(given: str | Object) -> Play:
    if isinstance(given, str):
        raise Unsupported(
            'this version plays {"url"}, {"media_id"}, {"favorite"} and {"playlist"}; finding music by a '
            "phrase needs a Plex library"
        )
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
    "query": (),
    "media_id": ("type", "radio", "title", "artist", "album"),
    "playlist": ("radio", "title", "artist", "album"),
    "favorite": ("type", "radio", "shuffle", "title", "artist", "album"),
    "url": ("type", "radio", "shuffle"),
}
"""Options that mean nothing for what is played."""


def _of_kind(wished: str, given: Object, enqueue: Enqueue, volume: VolumeChange | None) -> Play:
    match wished:
        case "media_id":
            name = payload.name(given["media_id"], "media_id")
            return PlayMedia(name, enqueue, _shuffle(given), volume)
        case "playlist":
            name = payload.name(given["playlist"], "playlist")
            return PlayPlaylist(name, enqueue, _shuffle(given), volume)
        case "favorite":
            _check_at_once("favorite", enqueue)
            return PlayFavorite(_favorite(given["favorite"]), volume)
        case "url":
            _check_at_once("url", enqueue)
            title, artist, album = (_shown(given, key) for key in ("title", "artist", "album"))
            track = Track(title, artist, album, source="url") if title or artist or album else None
            return PlayUrl(_url(given["url"]), track, volume)
        case _:
            raise Unsupported(f"{wished} needs a Plex library, which this version does not use yet")


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


COMMANDS: Final = (
    CommandRow(
        "play",
        "Play something now, or put it in the queue",
        "JSON: one of `url` `media_id` `favorite` (name or number) `playlist`; with `title` `artist` `album` "
        "`shuffle` `enqueue` (`replace` `now` `next` `end`) `volume`",
        _play,
    ),
)
