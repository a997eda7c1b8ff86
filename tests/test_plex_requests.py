"""What is asked of Plex over MQTT, from the request to what the server did."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from sugartalkd.errors import SugartalkError
from sugartalkd.mqtt.router import address as row_of
from tests.house import Watcher, properties
from tests.plex_home import events, home

if TYPE_CHECKING:
    from pathlib import Path

    from tests.house import Broker

PLEX = "bridge/request/plex"


async def _ok(watcher: Watcher, action: str, content: Any = "{}") -> Any:
    reply = await watcher.ask(f"{PLEX}/{action}", content, 15)
    assert reply["status"] == "ok", reply
    return reply["data"]


async def test_browsing_is_complete_and_stable(broker: Broker, tmp_path: Path, address: str) -> None:
    async with home(broker, tmp_path, address) as (_, plex, watcher):
        roots = await _ok(watcher, "browse")
        artists = next(one["media_id"] for one in roots["items"] if one["title"] == "Artists")
        found: list[str] = []
        total = 1
        while len(found) < total:
            page = await _ok(watcher, "browse", {"media_id": artists, "limit": 7, "offset": len(found)})
            total = page["total"]
            assert page["items"]
            found += [one["media_id"] for one in page["items"]]
        assert len(set(found)) == len(found) == len(plex.library.artists)
        beatles = (await _ok(watcher, "search", {"query": "the beatles", "type": "artist", "limit": 1}))[
            "items"
        ][0]
        albums = (await _ok(watcher, "browse", {"media_id": beatles["media_id"]}))["items"]
        road = next(one for one in albums if one["title"] == "Abbey Road")
        assert (road["type"], road["artist"], road["year"]) == ("album", "The Beatles", 1969)
        tracks = (await _ok(watcher, "browse", road["media_id"]))["items"]
        assert [one["track_number"] for one in tracks] == list(range(1, 18))
        item = await _ok(watcher, "item", tracks[0]["media_id"])
        assert item["title"] == "Come Together"
        assert set(tracks[0]) == {
            "media_id", "type", "title", "artist", "album", "year", "duration", "track_number", "artwork_id", "score",
        }  # fmt: skip


async def test_filters_narrow_a_search(broker: Broker, tmp_path: Path, address: str) -> None:
    async with home(broker, tmp_path, address) as (_, _, watcher):
        page = await _ok(
            watcher, "search", {"artist": "the beatles", "type": "track", "year": 1969, "limit": 100}
        )
        assert page["total"] >= 17
        assert {one["artist"] for one in page["items"]} == {"The Beatles"}
        assert {one["year"] for one in page["items"]} == {1969}
        assert not (await _ok(watcher, "search", {"query": "abbey road", "artist": "metallica"}))["items"]


async def test_playlists_are_made_and_edited(broker: Broker, tmp_path: Path, address: str) -> None:
    async with home(broker, tmp_path, address) as (_, plex, watcher):
        road = (await _ok(watcher, "search", {"query": "abbey road", "type": "album"}))["items"][0][
            "media_id"
        ]
        tracks = [one["media_id"] for one in (await _ok(watcher, "browse", road))["items"]]
        made = await _ok(watcher, "playlist/create", {"name": "Sunday", "items": tracks[:2]})
        assert (made["type"], made["title"]) == ("playlist", "Sunday")
        await _ok(watcher, "playlist/add", {"media_id": made["media_id"], "items": road})
        inside = await _ok(watcher, "browse", {"media_id": made["media_id"], "limit": 500})
        assert inside["total"] == 19
        await _ok(watcher, "playlist/remove", {"media_id": made["media_id"], "items": tracks[0]})
        assert tracks[0] not in {
            one["media_id"] for one in (await _ok(watcher, "browse", made["media_id"]))["items"]
        }
        reply = await watcher.ask("kitchen/play", {"playlist": "sunday"})
        assert reply["status"] == "ok", reply
        denied = await watcher.ask(f"{PLEX}/playlist/delete", made["media_id"])
        assert denied["error_code"] == "forbidden"
        names = [one["title"] for one in (await _ok(watcher, "playlists"))["items"]]
        assert "Sunday" in names
        assert not [one for one in plex.ledger if one.method == "DELETE" and one.path.endswith("Sunday")]


async def test_rating_and_artwork(broker: Broker, tmp_path: Path, address: str) -> None:
    async with (
        home(broker, tmp_path, address) as (_, plex, watcher),
        Watcher(broker, version5=False) as old,
    ):
        track = (await _ok(watcher, "search", {"query": "come together", "type": "track"}))["items"][0]
        await _ok(watcher, "rate", {"media_id": track["media_id"], "rating": 8})
        assert [one.query["rating"] for one in plex.ledger if one.path == "/:/rate"] == ["8"]
        where = "answers/picture"
        await watcher.publish(
            "bridge/request/artwork", track["artwork_id"], properties=properties(ResponseTopic=where)
        )
        await watcher.until(lambda: where in watcher.newest)
        picture = watcher.newest[where]
        assert picture.properties.ContentType in {"image/jpeg", "image/png"}
        await old.publish("bridge/request/artwork", track["artwork_id"])
        await old.until(lambda: "sugartalk/bridge/response/artwork" in old.newest)
        told = old.json("bridge/response/artwork")["data"]
        assert base64.b64decode(told["data"]) == picture.payload
        wrong = await watcher.ask("bridge/request/artwork", "x../../etc/passwd")
        assert wrong["error_code"] == "bad_payload"


async def test_what_plex_is_told_and_asked_for(broker: Broker, tmp_path: Path, address: str) -> None:
    async with home(broker, tmp_path, address) as (_, plex, watcher):
        for task in ("scan", "refresh", "analyze"):
            await _ok(watcher, task)
        paths = [(one.method, one.path) for one in plex.ledger]
        assert any(path.endswith("/analyze") for _, path in paths)
        before = len(events(watcher, "bridge/event", "library_synced"))
        assert (await _ok(watcher, "sync"))["tracks"] == 300
        assert len(events(watcher, "bridge/event", "library_synced")) == before + 1
        players = (await _ok(watcher, "clients"))["items"]
        assert players
        assert (await watcher.ask(f"{PLEX}/empty_trash", "{}"))["error_code"] == "forbidden"


@pytest.mark.parametrize(
    ("action", "given"),
    [("search", {}), ("search", {"querry": "x"}), ("search", {"query": "x", "limit": 501}), ("rate", "5"),
     ("rate", {"media_id": "plex:track:1", "rating": 11}), ("playlist/create", {"name": "x", "items": []}),
     ("browse", {"media": 1}), ("client/command", {"client": "x"})],
)  # fmt: skip
def test_bad_requests_are_refused_by_name(action: str, given: Any) -> None:
    row = row_of(f"{PLEX}/{action}")
    with pytest.raises(SugartalkError) as refusal:
        row.parse(given)
    assert refusal.value.code in {"bad_payload", "out_of_range"}
