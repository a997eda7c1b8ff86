"""What simulated HEOS players answer to browse commands, and how their lists look."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from sugartalkd.simulator.heos_library import (
    AUX_INPUTS,
    DLNA_SERVER,
    FAVOURITES,
    LOCAL_MUSIC,
    SimulatedFolder,
    SimulatedItem,
    title_of,
)
from sugartalkd.simulator.heos_system import HeosSystem, SimulatedPlayer, input_station
from sugartalkd.simulator.heos_wire import (
    ARGUMENTS_NOT_CORRECT,
    CANNOT_PLAY,
    ID_NOT_VALID,
    NOT_LOGGED_IN,
    OUT_OF_RANGE,
    Answer,
    JsonObject,
    Refusal,
    Request,
    escape,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sugartalkd.simulator.heos_library import Entry

    AnswerFunction: TypeAlias = Callable[[HeosSystem, Request], Answer]

T = TypeVar("T")

PAGE: Final = 100
"""Records in one reply at most, whatever the range says."""

_ANY: Final = 2**31


def named_player(system: HeosSystem, request: Request, name: str = "pid") -> SimulatedPlayer:
    try:
        return system.players[request.number(name, -_ANY, _ANY)]
    except KeyError:
        raise Refusal(ID_NOT_VALID) from None


def page(items: Sequence[T], request: Request, most: int = PAGE) -> tuple[int, Sequence[T]]:
    """The part of the list that `range=a,b` asks for, and the index it starts at."""
    first, last = 0, most - 1
    if "range" in request.arguments:
        bounds = request.numbers("range")
        if len(bounds) != 2:  # noqa: PLR2004 - a range has two ends
            raise Refusal(ARGUMENTS_NOT_CORRECT)
        first, last = bounds
        if not 0 <= first <= last:
            raise Refusal(OUT_OF_RANGE)
    return first, items[first : min(last + 1, first + most)]


def listing(payload: list[JsonObject], count: int) -> Answer:
    return Answer((f"returned={len(payload)}", f"count={count}"), payload)


def texts(item: SimulatedItem) -> JsonObject:
    """Texts and ids go out escaped: openhab-addons issue 19957 (stations), pyheos issue 87 (browsing)."""
    return {
        "song": escape(item.song),
        "album": escape(item.album),
        "artist": escape(item.artist),
        "image_url": item.image_url,
        "album_id": escape(item.album_id),
        "mid": escape(item.mid),
    }


def _check_account(system: HeosSystem, sid: int) -> None:
    if system.user is None and system.library.needs_account(sid):
        raise Refusal(NOT_LOGGED_IN)


def _get_music_sources(system: HeosSystem, request: Request) -> Answer:
    del request
    payload: list[JsonObject] = []
    for source in system.library.sources:
        available = system.user is not None or not source.needs_account
        listed = _source(source.name, source.type, source.sid)
        payload.append(listed | {"available": "true" if available else "false"})
    return Answer(payload=payload)


def _source(name: str, kind: str, sid: int) -> JsonObject:
    return {"name": escape(name), "image_url": "", "type": kind, "sid": sid}


def _listed(entry: Entry, name: str | None = None) -> JsonObject:
    """An entry of a page."""
    shown = escape(name or title_of(entry))
    if isinstance(entry, SimulatedFolder):
        return {
            "container": "yes",
            "type": entry.type,
            "cid": escape(entry.cid),
            "playable": "yes" if entry.playable else "no",
            "name": shown,
            "artist": escape(entry.artist),
            "image_url": "",
        }
    item: JsonObject = {
        "container": "no",
        "mid": escape(entry.mid),
        "type": entry.type,
        "playable": "yes",
        "name": shown,
        "image_url": entry.image_url,
    }
    if entry.type == "station":
        return item
    return item | {"artist": escape(entry.artist), "album": escape(entry.album)}


def _shown(system: HeosSystem, entries: Sequence[Entry], request: Request) -> Answer:
    shown = page(entries, request, system.library.page)[1]
    return listing([_listed(entry) for entry in shown], len(entries))


def _folder(system: HeosSystem, sid: int, cid: str) -> SimulatedFolder:
    folder = system.library.folder(sid, cid)
    if folder is None:
        raise Refusal(ID_NOT_VALID)
    return folder


def _browse(system: HeosSystem, request: Request) -> Answer:
    """A range is honoured inside containers and on favourites, not on the other roots."""
    sid = request.number("sid", -_ANY, _ANY)
    _check_account(system, sid)
    if "cid" in request.arguments:
        return _shown(system, _folder(system, sid, request.word("cid")).entries, request)
    if sid == FAVOURITES:
        return _shown(system, system.favourites, request)
    if sid in system.library.roots:
        entries = system.library.roots[sid]
        if system.library.range_on_roots:
            return _shown(system, entries, request)
        return listing([_listed(entry) for entry in entries[: system.library.page]], len(entries))
    if sid == LOCAL_MUSIC:
        payload = [_source("Plex Media Server: attic", "heos_server", DLNA_SERVER)]
    elif sid == AUX_INPUTS:
        payload = [_source(player.name, "heos_service", player.pid) for player in system.players.values()]
    elif sid in system.players:
        player = system.players[sid]
        items = [input_station(f"inputs/{name}") for name in player.inputs]
        payload = [_listed(item, f"{player.name} - {item.song}") for item in items]
    else:
        raise Refusal(ID_NOT_VALID)
    return listing(payload, len(payload))


def _get_search_criteria(system: HeosSystem, request: Request) -> Answer:
    sid = request.number("sid", -_ANY, _ANY)
    _check_account(system, sid)
    payload: list[JsonObject] = []
    for one in system.library.criteria.get(sid, []):
        listed: JsonObject = {"name": one.name, "scid": one.scid, "wildcard": "no"}
        payload.append(listed | ({"cid": one.cid, "playable": "yes"} if one.playable else {}))
    if not payload:
        raise Refusal(ID_NOT_VALID)
    return Answer(payload=payload)


def _search(system: HeosSystem, request: Request) -> Answer:
    """Found containers have their cid, found tracks none."""
    sid, scid = request.number("sid", -_ANY, _ANY), request.number("scid", -_ANY, _ANY)
    _check_account(system, sid)
    for one in system.library.criteria.get(sid, []):
        if one.scid == scid:
            found = system.library.search(sid, one.type, request.word("search"))
            return _shown(system, found, request)
    raise Refusal(ID_NOT_VALID)


def _play_stream(system: HeosSystem, request: Request) -> Answer:
    """A URL, or a station or an input by its mid."""
    player = named_player(system, request)
    if "url" in request.arguments:
        system.play_url(player.pid, request.word("url"))
        return Answer()
    request.word("sid")
    mid = request.word("mid")
    if mid.startswith("inputs/"):
        return _play(system, player, mid, player)
    favourites = (item for item in system.favourites if item.mid == mid)
    station = next(favourites, None) or system.library.station(mid)
    if station is None:
        raise Refusal(ID_NOT_VALID)
    system.play_item(player.pid, station)
    return Answer()


def _play(system: HeosSystem, player: SimulatedPlayer, mid: str, owner: SimulatedPlayer) -> Answer:
    if mid.removeprefix("inputs/") not in owner.inputs:
        raise Refusal(ID_NOT_VALID)
    system.play_item(player.pid, input_station(mid))
    return Answer()


def _play_input(system: HeosSystem, request: Request) -> Answer:
    player = named_player(system, request)
    owner = named_player(system, request, "spid") if "spid" in request.arguments else player
    return _play(system, player, request.word("input"), owner)


def _play_preset(system: HeosSystem, request: Request) -> Answer:
    player = named_player(system, request)
    preset = request.number("preset", 1, len(system.favourites))
    if system.user is None:
        raise Refusal(NOT_LOGGED_IN)
    system.play_item(player.pid, system.favourites[preset - 1])
    return Answer()


def _add_to_queue(system: HeosSystem, request: Request) -> Answer:
    """One track of a container, or all of one that is playable; how others are refused is our guess."""
    player = named_player(system, request)
    sid, aid = request.number("sid", -_ANY, _ANY), request.number("aid", 1, 4)
    _check_account(system, sid)
    folder = _folder(system, sid, request.word("cid"))
    tracks = folder.tracks()
    if "mid" in request.arguments:
        tracks = [item for item in tracks if item.mid == request.arguments["mid"]]
    elif not folder.playable:
        raise Refusal(CANNOT_PLAY)
    if not tracks:
        raise Refusal(ID_NOT_VALID)
    system.add_to_queue(player.pid, [replace(item) for item in tracks], aid)
    return Answer()


BROWSE_ANSWERS: Final[Mapping[str, AnswerFunction]] = {
    "browse/get_music_sources": _get_music_sources,
    "browse/browse": _browse,
    "browse/get_search_criteria": _get_search_criteria,
    "browse/search": _search,
    "browse/play_stream": _play_stream,
    "browse/play_input": _play_input,
    "browse/play_preset": _play_preset,
    "browse/add_to_queue": _add_to_queue,
}
