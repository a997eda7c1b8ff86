"""What a Plex server is told: to change playlists, ratings, its library; and what a zone plays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from sugartalkd.command import LibraryTask
from sugartalkd.errors import NoMatch, PlexOffline
from sugartalkd.log import get_logger
from sugartalkd.plex import entries as raw
from sugartalkd.plex.entries import whole
from sugartalkd.plex.identity import latin
from sugartalkd.plex.questions import PAGE, batches, joined, pages, playlist

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sugartalkd.library import Entry
    from sugartalkd.plex.questions import Ask
    from sugartalkd.plex.values import Report

_log = get_logger(__name__)

LIBRARY: Final = "com.plexapp.plugins.library"


def create_playlist(ask: Ask, machine_id: str, name: str, keys: Sequence[int]) -> Entry:
    """Raises NoMatch where none of the items is left."""
    asked = urlencode({"smart": 0, "title": name, "type": "audio", "uri": _uri(machine_id, keys[:PAGE])})
    made = raw.all_from_xml(ask.send("POST", f"/playlists?{asked}"))
    if not made:
        raise PlexOffline(f"the Plex server did not say whether it made the playlist '{name}'")
    if len(keys) > PAGE:
        return add_to_playlist(ask, machine_id, made[0].key, keys[PAGE:])
    return made[0]


def add_to_playlist(ask: Ask, machine_id: str, key: int, keys: Sequence[int]) -> Entry:
    for batch in batches(keys):
        asked = urlencode({"uri": _uri(machine_id, batch)})
        answer = ask.send("PUT", f"/playlists/{key}/items?{asked}")
        # It answers 200 as well when items do not exist any more.
        added = None if answer is None else whole(answer.get("leafCountAdded"))
        if added == 0:
            raise NoMatch("Plex added nothing to the playlist: none of these items is left")
        if added is not None and added < len(batch):
            _log.warning(
                "Plex added fewer items to the playlist than asked for", asked=len(batch), added=added
            )
    return playlist(ask, key)


def remove_from_playlist(ask: Ask, key: int, keys: Sequence[int]) -> Entry:
    """Every place at which one of these tracks stands. Raises NoMatch if there is none."""
    unwanted = {str(one) for one in keys}
    items = pages(ask, f"/playlists/{key}/items?{raw.LEAN}")
    places = [one.get("playlistItemID", "") for one in items if one.get("ratingKey") in unwanted]
    if not any(places):
        raise NoMatch("none of these items is in the playlist")
    for place in filter(None, places):
        ask.send("DELETE", f"/playlists/{key}/items/{place}")
    return playlist(ask, key)


def delete_playlist(ask: Ask, key: int) -> None:
    ask.send("DELETE", f"/playlists/{key}")


def rate(ask: Ask, key: int, rating: float | None) -> None:
    value = "-1" if rating is None else f"{rating:g}"
    ask.send("PUT", f"/:/rate?key={key}&identifier={LIBRARY}&rating={value}")


def maintain(ask: Ask, section: str, task: LibraryTask) -> None:
    path = f"/library/sections/{section}"
    match task:
        case LibraryTask.SCAN:
            ask.get(f"{path}/refresh")
        case LibraryTask.REFRESH:
            ask.get(f"{path}/refresh?force=1")
        case LibraryTask.ANALYZE:
            ask.send("PUT", f"{path}/analyze")
        case LibraryTask.EMPTY_TRASH:
            ask.send("PUT", f"{path}/emptyTrash")


def timeline(ask: Ask, report: Report) -> str | None:
    """Why Plex wants the playback ended, where it does."""
    asked: dict[str, str | int] = {
        "ratingKey": report.key,
        "key": f"/library/metadata/{report.key}",
        "identifier": LIBRARY,
        "state": report.state,
        "time": report.time_ms,
        "duration": report.duration_ms,
    }
    if report.continuing:
        asked["continuing"] = 1
    name = latin(report.device_name)
    answer = ask.get(
        f"/:/timeline?{urlencode(asked)}",
        {
            "X-Plex-Client-Identifier": report.client_id,
            "X-Plex-Device-Name": name,
            "X-Plex-Device": "HEOS",
            "X-Plex-Session-Identifier": report.session_id,
            "X-Plex-Provides": "player",
        },
    )
    if answer is None or not answer.get("terminationCode"):
        return None
    return answer.get("terminationText") or "the server's owner ended it"


def _uri(machine_id: str, keys: Sequence[int]) -> str:
    return f"server://{machine_id}/{LIBRARY}/library/metadata/{joined(keys)}"
