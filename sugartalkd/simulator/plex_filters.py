"""The filters and sort orders that a Plex section's listing takes in its query."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, cast

from sugartalkd.simulator.plex_library import EPOCH, SimAlbum, SimArtist, SimTrack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sugartalkd.simulator.plex_library import SimItem

    Test = Callable[[SimItem], bool]

TYPES: Final = {8: "artist", 9: "album", 10: "track"}

STRINGS: Final = frozenset({"title", "originalTitle"})
"""Fields whose bare form means "contains"; of all others it means "is"."""

_FIELDS: Final[dict[str, Callable[[Any], Any]]] = {
    "title": attrgetter("title"),
    "titleSort": lambda item: item.title.removeprefix("The "),
    "id": attrgetter("key"),
    "guid": attrgetter("guid"),
    "addedAt": lambda item: EPOCH + item.key,
    "updatedAt": attrgetter("updated_at"),
    "viewCount": attrgetter("plays"),
    "lastViewedAt": attrgetter("last_viewed"),
    "userRating": attrgetter("rating"),
    "year": attrgetter("year"),
    "originallyAvailableAt": attrgetter("year"),
    "genre": attrgetter("genres"),
    "subformat": attrgetter("subformat"),
    "ratingCount": attrgetter("popularity"),
    "skipCount": attrgetter("skips"),
    "index": attrgetter("index"),
    "parentIndex": attrgetter("disc"),
    "duration": attrgetter("duration_ms"),
    "originalTitle": attrgetter("performer"),
}
_OPERATORS: Final = ("!=", ">>", "<<", "=", "!", "<", ">", "&")


class UnknownField(Exception):
    """A filter names something that items of that kind do not have."""


def _owner(kind: str, item: SimItem) -> SimItem | None:
    """The artist, album or track that this item belongs to or is."""
    album = item.album if isinstance(item, SimTrack) else item if isinstance(item, SimAlbum) else None
    artist = item if isinstance(item, SimArtist) else album.artist if album else None
    track = item if isinstance(item, SimTrack) else None
    return {"artist": artist, "album": album, "track": track}.get(kind)


def _split(name: str) -> tuple[str, str]:
    for operator in _OPERATORS:
        if name.endswith(operator):
            return name.removesuffix(operator), operator
    return name, ""


def _getter(name: str, kind: int) -> Callable[[SimItem], Any] | None:
    level, dot, field = name.rpartition(".")
    if field not in _FIELDS:
        return None
    get = _FIELDS[field]
    if not dot or level == TYPES[kind]:
        return get
    return lambda item: get(owner) if (owner := _owner(level, item)) is not None else None


def test(name: str, value: str, kind: int) -> Test | None:
    """What one filter of the query asks of an item; None where it is no filter."""
    field, operator = _split(name)
    get = _getter(field, kind)
    if get is None:
        return None
    string = field.rpartition(".")[2] in STRINGS
    wanted = [value] if string else value.split(",")
    if operator in {">>", "<<"}:
        return _compares(get, operator, float(value))
    every = all if operator in {"!", "!="} else any

    def holds(item: SimItem) -> bool:
        try:
            has = get(item)
        except AttributeError as error:
            raise UnknownField(name) from error
        several = cast("tuple[object, ...]", has) if isinstance(has, tuple) else (has,)
        return every(_matches(one, operator, wanted, string=string) for one in several)

    return holds


def _compares(get: Callable[[SimItem], Any], operator: str, bound: float) -> Test:
    """By itself because whole libraries are asked what changed since then."""
    if operator == ">>":
        return lambda item: (has := get(item)) is not None and has > bound
    return lambda item: (has := get(item)) is not None and has < bound


def _matches(has: object, operator: str, wanted: Sequence[str], *, string: bool) -> bool:
    if string:
        return _string_matches(str(has or "").lower(), operator, wanted[0].lower())
    same = _text(has) in {one.lower() for one in wanted}
    return same != (operator in {"!", "!="})


def _text(has: object) -> str:
    if isinstance(has, float) and has.is_integer():
        has = int(has)
    return str(has).lower()


def _string_matches(has: str, operator: str, wanted: str) -> bool:
    match operator:
        case "=":
            return has == wanted
        case "!":
            return wanted not in has
        case "!=":
            return has != wanted
        case "<":
            return has.startswith(wanted)
        case ">":
            return has.endswith(wanted)
        case _:
            return wanted in has


def chosen(items: Sequence[SimItem], kind: int, query: Sequence[tuple[str, str]]) -> Sequence[SimItem]:
    """The items that the query's filters let through; `push`, `or`, `and` and `pop` build trees of them."""
    condition = _tree(list(query), kind)
    return items if condition is None else [item for item in items if condition(item)]


def _tree(query: list[tuple[str, str]], kind: int) -> Test | None:
    """Takes from the front of `query` up to the `pop` that ends this branch."""
    tests: list[Test] = []
    either = False
    while query:
        name, value = query.pop(0)
        if name == "pop":
            break
        if name in {"or", "and"}:
            either = either or name == "or"
            continue
        found = _tree(query, kind) if name == "push" else test(name, value, kind)
        if found is not None:
            tests.append(found)
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    combine = any if either else all
    return lambda item: combine(one(item) for one in tests)


def ordered(items: Sequence[SimItem], kind: int, sort: str) -> list[SimItem]:
    """By the fields of `sort`, such as `track.addedAt:desc,titleSort`."""
    items = list(items)
    for one in reversed(sort.split(",")):
        name, _, direction = one.partition(":")
        get = _getter(name, kind)
        if get is not None:
            items.sort(key=_sortable(get), reverse=direction == "desc")
    return items


def _sortable(get: Callable[[SimItem], Any]) -> Callable[[SimItem], Any]:
    def key(item: SimItem) -> tuple[bool, Any]:
        value = get(item)
        return (value is not None, value.lower() if isinstance(value, str) else value)

    return key
