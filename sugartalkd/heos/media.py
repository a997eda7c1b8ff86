"""What a HEOS system has to play, as media ids and as items; pure."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from pyheos.types import MediaType

from sugartalkd.errors import BadPayload
from sugartalkd.heos.translate import text, unescaped, unfit
from sugartalkd.model import Item, PlayerKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyheos import HeosNowPlayingMedia

PREFIX: Final = "heos:"
LONGEST: Final = 4096
"""Characters of a media id; DLNA servers make ids of some hundred."""
LOCAL: Final = 1024
PLAYLISTS: Final = 1025
HISTORY: Final = 1026
INPUTS: Final = 1027
FAVOURITES: Final = 1028
SHOWN: Final = 60
"""Characters of what somebody sent that an error repeats."""
SOURCE_WORDS: Final = {
    "local": LOCAL, "playlists": PLAYLISTS, "history": HISTORY, "inputs": INPUTS, "favorites": FAVOURITES,
}  # fmt: skip
NEED_ACCOUNT: Final = frozenset({PLAYLISTS, HISTORY, FAVOURITES})
INPUT_PREFIX: Final = "inputs/"

_UNNAMED: Final = "Unnamed"
_FOLDER: Final = "folder"
_TRACK: Final = "track"
_CONTAINERS: Final = {
    "artist": "artist", "album": "album", "playlist": "playlist", "genre": _FOLDER, "container": _FOLDER,
}  # fmt: skip
_OPAQUE: Final = re.compile(r"[A-Za-z0-9_-]+")
_URL: Final = re.compile(r":(?://|%2f%2f)|%3a%2f%2f", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """Something with contents of its own: a service, local music, a DLNA server."""

    sid: int


@dataclass(frozen=True, slots=True)
class InputsOf:
    """The inputs of one device."""

    player: PlayerKey


@dataclass(frozen=True, slots=True)
class Container:
    """An album, a playlist, a folder; `playable` as a whole or only to be opened."""

    sid: int
    cid: str
    playable: bool


@dataclass(frozen=True, slots=True)
class Song:
    """One track, in the container where it was found."""

    sid: int
    cid: str | None
    mid: str


@dataclass(frozen=True, slots=True)
class Station:
    sid: int
    cid: str | None
    mid: str
    name: str


@dataclass(frozen=True, slots=True)
class InputAt:
    """One input; `player` is the device that has it, `None` for whichever plays it."""

    player: PlayerKey | None
    mid: str


Media: TypeAlias = Source | InputsOf | Container | Song | Station | InputAt
_Fields: TypeAlias = "list[str | int | None]"

_LETTERS: Final[dict[str, type[Media]]] = {
    "s": Source, "d": InputsOf, "c": Container, "t": Song, "r": Station, "i": InputAt,
}  # fmt: skip
_KINDS: Final[dict[str, tuple[type | tuple[type, ...], ...]]] = {
    "s": (int,),
    "d": (str,),
    "c": (int, str, bool),
    "t": (int, (str, type(None)), str),
    "r": (int, (str, type(None)), str, str),
    "i": ((str, type(None)), str),
}


def media_id(media: Media) -> str | None:
    """The id that people store: the same for the same thing. `None` if the device's own ids are unfit.

    A URL would hold addresses or even tokens, which are never published (contract 4).
    """
    letter = next(letter for letter, kind in _LETTERS.items() if type(media) is kind)
    fields: _Fields = [getattr(media, name) for name in type(media).__slots__]
    if any(isinstance(one, str) and (unfit(one) or _URL.search(one)) for one in fields):
        return None
    packed = json.dumps([letter, *fields], separators=(",", ":")).encode()
    made = PREFIX + base64.urlsafe_b64encode(packed).decode().rstrip("=")
    return made if len(made) <= LONGEST else None


def is_media_id(given: str) -> bool:
    return given.startswith(PREFIX)


def parse(given: str) -> Media:
    """What a media id of ours means. Raises BadPayload for anything else."""
    try:
        made = _unpacked(given)
    except (ValueError, TypeError, KeyError, RecursionError):
        made = None
    # Only what would be given out like this is taken: nothing unfit for a device gets in this way.
    if made is None or media_id(made) != given:
        shown = repr(given) if len(given) <= SHOWN else "this"
        raise BadPayload(f"{shown} is no media_id that heos/browse or heos/search gave")
    return made


def _unpacked(given: str) -> Media | None:
    opaque = given.removeprefix(PREFIX)
    if not is_media_id(given) or len(given) > LONGEST or not _OPAQUE.fullmatch(opaque):
        return None
    return _made(json.loads(base64.urlsafe_b64decode(opaque + "=" * (-len(opaque) % 4))))


def _made(unpacked: object) -> Media:
    if not isinstance(unpacked, list):
        raise TypeError
    letter, *fields = cast("list[object]", unpacked)
    if not isinstance(letter, str):
        raise TypeError
    kinds = _KINDS[letter]
    for one, kind in zip(fields, kinds, strict=True):
        if not isinstance(one, kind) or (kind is int and isinstance(one, bool)):
            raise TypeError
    return cast("Callable[..., Media]", _LETTERS[letter])(*fields)


# -- what a device lists -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is listed: its source, its container there, the device whose inputs they are."""

    sid: int
    cid: str | None = None
    device: PlayerKey | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a list, as item and as what it means; `media` is `None` for what is only shown."""

    item: Item
    media: Media | None


def listed(
    raw: object, place: Place, key_of: Callable[[int], PlayerKey | None], number: int | None = None
) -> Listed:
    """Read one entry, whatever it lacks: one odd entry must not cost its whole page (heos.md 3.3).

    `key_of` tells the player at a pid: a device's inputs have its pid as their source.
    """
    entry: Mapping[str, object] = cast("Mapping[str, object]", raw) if isinstance(raw, dict) else {}
    word = _string(entry, "type") or ""
    media, kind = _meant(entry, word, place, key_of)
    named = (_string(entry, key) for key in ("name", "song", "station"))
    title = next((shown for one in named if (shown := text(one))), None) or _fallback(media)
    if isinstance(media, Station):
        name = "" if _URL.search(title) else title  # the id must not hold it, and the device can do without
        media = Station(media.sid, media.cid, media.mid, name)
    made = None if media is None else media_id(media)
    artist, album = text(_string(entry, "artist")), text(_string(entry, "album"))
    item = Item(made, kind, title, artist=artist, album=album, track_number=number)
    return Listed(item, None if made is None else media)


def _meant(
    entry: Mapping[str, object], word: str, place: Place, key_of: Callable[[int], PlayerKey | None]
) -> tuple[Media | None, str]:
    """What an entry is, and our word for its type."""
    playable = _string(entry, "playable")
    sid, cid, mid = whole(entry.get("sid")), _id(entry, "cid"), _id(entry, "mid")
    origin = place.sid if sid is None else sid
    if _string(entry, "container") == "yes" and cid is not None:
        # Only what the device calls playable is: a DLNA server's folders are not (heos.md 4.2).
        return Container(origin, cid, playable == "yes"), _CONTAINERS.get(word, _FOLDER)
    if mid is None:
        if sid is None:
            return None, _CONTAINERS.get(word, _TRACK)
        device = key_of(sid)
        return (Source(sid) if device is None else InputsOf(device)), "source"
    inside = place.cid if cid is None else cid
    media: Media = Song(origin, inside, mid)
    kind = _TRACK
    if mid.startswith(INPUT_PREFIX):
        media, kind = InputAt(place.device, mid), "input"
    elif word == "station":
        media, kind = Station(origin, inside, mid, ""), "station"
    return (None if playable == "no" else media), kind


def _fallback(media: Media | None) -> str:
    if isinstance(media, InputAt):
        return media.mid.removeprefix(INPUT_PREFIX)
    return _UNNAMED


def _string(entry: Mapping[str, object], key: str) -> str | None:
    given = entry.get(key)
    if isinstance(given, str):
        return given
    return str(given) if isinstance(given, int | float) and not isinstance(given, bool) else None


def _id(entry: Mapping[str, object], key: str) -> str | None:
    given = _string(entry, key)
    return unescaped(given) if given else None


def whole(given: object) -> int | None:
    """A number as devices write it, `36`, `"36"` or `36.0`."""
    try:
        return int(float(given)) if isinstance(given, str | int | float) else None
    except (ValueError, OverflowError):
        return None


def of_playing(media: HeosNowPlayingMedia) -> str | None:
    """The id of a station or an input that plays: of anything else a player does not tell enough."""
    if media.type != MediaType.STATION or not media.media_id or media.source_id is None:
        return None
    mid = unescaped(media.media_id)
    if mid.startswith(INPUT_PREFIX):
        return media_id(InputAt(None, mid))
    return media_id(Station(media.source_id, None, mid, text(media.station) or ""))
