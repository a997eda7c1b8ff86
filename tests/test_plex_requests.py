"""What is asked of Plex over MQTT, from the request to what the server did."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from sugartalkd.command import (
    LibraryTask,
    PlexAddToPlaylist,
    PlexBrowse,
    PlexClientCommand,
    PlexCreatePlaylist,
    PlexItem,
    PlexMaintain,
    PlexPlaylists,
    PlexRate,
    PlexSearch,
    SecretText,
    Wished,
)
from sugartalkd.errors import NoMatch, PlexOffline, SugartalkError
from sugartalkd.library import Library
from sugartalkd.model import MediaKind
from sugartalkd.mqtt.router import address as row_of
from sugartalkd.plex.identity import Identity
from sugartalkd.plex.music import PlexMusic
from sugartalkd.plex.server import Server
from sugartalkd.simulator.plex import PlexSimulator
from tests.house import Watcher, properties
from tests.plex_home import events, home

if TYPE_CHECKING:
    from pathlib import Path

    from sugartalkd.model import Artwork, Object
    from tests.house import Broker

PLEX = "bridge/request/plex"
ITEM = {
    "media_id", "type", "title", "artist", "album", "year", "duration", "track_number", "artwork_id", "score",
}  # fmt: skip


async def _ok(watcher: Watcher, action: str, content: Any = "{}") -> Any:
    reply = await watcher.ask(f"{PLEX}/{action}", content, 15)
    assert reply["status"] == "ok", reply
    return reply["data"]


async def _all(watcher: Watcher, media_id: str, limit: int) -> list[Any]:
    """Everything in it, page by page."""
    found: list[Any] = []
    total = 1
    while len(found) < total:
        page = await _ok(watcher, "browse", {"media_id": media_id, "limit": limit, "offset": len(found)})
        assert page["items"]
        assert page["offset"] == len(found)
        total = page["total"]
        found += page["items"]
    assert len({one["media_id"] for one in found}) == len(found) == total
    beyond = await _ok(watcher, "browse", {"media_id": media_id, "offset": total + 5})
    assert (beyond["items"], beyond["total"]) == ([], total)
    return found


async def test_browsing_is_complete_and_stable(broker: Broker, tmp_path: Path, address: str) -> None:
    async with home(broker, tmp_path, address) as (_, plex, watcher):
        roots = {one["title"]: one["media_id"] for one in (await _ok(watcher, "browse"))["items"]}
        assert [*roots] == ["Artists", "Albums", "Recently added", "Playlists"]
        artists = await _all(watcher, roots["Artists"], 7)
        assert {one["title"] for one in artists} == {one.title for one in plex.library.artists}
        albums = await _all(watcher, roots["Albums"], 11)
        assert {one["title"] for one in albums} == {one.title for one in plex.library.albums}
        recent = await _all(watcher, roots["Recently added"], 500)
        assert {one["media_id"] for one in recent} == {one["media_id"] for one in albums}
        beatles = (await _ok(watcher, "search", {"query": "the beatles", "type": "artist", "limit": 1}))[
            "items"
        ][0]
        albums = (await _ok(watcher, "browse", {"media_id": beatles["media_id"]}))["items"]
        road = next(one for one in albums if one["title"] == "Abbey Road")
        assert (road["type"], road["artist"], road["year"]) == ("album", "The Beatles", 1969)
        tracks = await _all(watcher, road["media_id"], 5)
        assert [one["track_number"] for one in tracks] == list(range(1, 18))
        assert set(tracks[0]) == ITEM
        for what in (beatles, road, tracks[0], (await _ok(watcher, "playlists"))["items"][0]):
            item = await _ok(watcher, "item", what["media_id"])
            assert {name: item[name] for name in ITEM} == what | {"score": None}
            assert item["added_at"]
        longest = max((await _ok(watcher, "playlists"))["items"], key=lambda one: one["duration"] or 0)
        assert len(await _all(watcher, longest["media_id"], 9)) > 9
        for wrong in (road["media_id"].replace("album", "track"), "plex:album:99999999"):
            reply = await watcher.ask(f"{PLEX}/item", wrong)
            assert reply["error_code"] == "no_match", reply
        for odd in ("plex:root:nothing", "heos:x", tracks[0]["media_id"]):
            assert (await watcher.ask(f"{PLEX}/browse", odd))["error_code"] == "bad_payload"


async def test_filters_narrow_a_search(broker: Broker, tmp_path: Path, address: str) -> None:
    async with home(broker, tmp_path, address) as (_, plex, watcher):
        page = await _ok(
            watcher, "search", {"artist": "the beatles", "type": "track", "year": 1969, "limit": 100}
        )
        assert page["total"] >= 17
        assert {one["artist"] for one in page["items"]} == {"The Beatles"}
        assert {one["year"] for one in page["items"]} == {1969}
        for other in ({"artist": "metallica"}, {"year": 1970}, {"genre": "polka"}, {"rating": 9.9}):
            assert not (await _ok(watcher, "search", {"query": "abbey road"} | other))["items"]
        refused = await watcher.ask("kitchen/play", {"query": "abbey road", "artist": "metallica"})
        assert refused["error_code"] == "no_match"
        assert "Abbey Road" in refused["error"]
        assert "metallica" in refused["error"]
        # Without the server the index goes on answering.
        await plex.stop()
        assert (await _ok(watcher, "search", "abby rode"))["items"][0]["title"] == "Abbey Road"
        assert not (await _ok(watcher, "search", "zzyzx qwrtp"))["items"]
        assert (await watcher.ask("kitchen/play", "zzyzx qwrtp"))["error_code"] == "no_match"
        assert len((await _ok(watcher, "playlists"))["items"]) == 5
        await watcher.until(lambda: watcher.text("bridge/connection/plex") != "online", 10)
        made = await watcher.ask(
            f"{PLEX}/playlist/create", {"name": "x", "items": page["items"][0]["media_id"]}
        )
        assert (made["error_code"], made["retryable"]) == ("plex_offline", True)
        both = await _ok(watcher, "search", {"artist": "the beatles", "year": 1969, "limit": 100})
        assert {one["type"] for one in both["items"]} == {"album", "track"}


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
        await _ok(watcher, "rate", {"media_id": track["media_id"], "rating": None})
        assert [one.query["rating"] for one in plex.ledger if one.path == "/:/rate"] == ["8", "-1"]
        unknown = await watcher.ask(f"{PLEX}/rate", {"media_id": "plex:track:99999999", "rating": 1})
        assert unknown["error_code"] == "no_match"
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
    async with home(broker, tmp_path, address, allow_admin=True) as (_, plex, watcher):
        plex.maintenance.scan_seconds = 0.7
        reply = await watcher.ask(f"{PLEX}/scan", "{}")
        assert (reply["status"], reply["duration_ms"] >= 700) == ("ok", True), "it answers at its end"
        for task in ("refresh", "analyze", "empty_trash"):
            await _ok(watcher, task)
        sent = [(one.method, one.path.rpartition("/")[2], one.query.get("force")) for one in plex.ledger]
        assert {("GET", "refresh", "1"), ("PUT", "analyze", None), ("PUT", "emptyTrash", None)} <= {*sent}
        before = len(events(watcher, "bridge/event", "library_synced"))
        assert (await _ok(watcher, "sync"))["tracks"] == 300
        assert len(events(watcher, "bridge/event", "library_synced")) == before + 1
        [player] = (await _ok(watcher, "clients"))["items"]
        assert (player["name"], player["client"]) == (plex.client.name, plex.client.identifier)
        record = plex.library.albums[0]
        await _ok(watcher, "client/play", {"client": player["name"], "media_id": f"plex:album:{record.key}"})
        assert plex.client.playing["key"] == f"/library/metadata/{record.key}"
        order = {"client": player["client"], "command": "Volume", "value": 30}
        await _ok(watcher, "client/command", order)
        assert plex.client.volume == 30
        wrong = await watcher.ask(f"{PLEX}/client/command", order | {"command": "explode"})
        assert (wrong["error_code"], "pause" in wrong["error"]) == ("bad_payload", True)
        nobody = await watcher.ask(f"{PLEX}/client/command", {"client": "nobody", "command": "pause"})
        assert nobody["error_code"] == "no_match"
        made = await _ok(
            watcher, "playlist/create", {"name": "Soon gone", "items": f"plex:album:{record.key}"}
        )
        await _ok(watcher, "playlist/delete", {"media_id": made["media_id"]})
        assert "Soon gone" not in {one.title for one in plex.library.playlists.values()}
        gone = await watcher.ask(f"{PLEX}/playlist/delete", made["media_id"])
        assert gone["error_code"] == "no_match"


async def test_a_slow_plex_holds_up_nobody_else(broker: Broker, tmp_path: Path, address: str) -> None:
    async with home(broker, tmp_path, address) as (_, plex, watcher):
        record = plex.library.albums[0]
        plex.faults.slow = 1.0
        for number in range(17):
            content = {"media_id": f"plex:album:{record.key}", "transaction": number}
            await watcher.publish(f"{PLEX}/item", json.dumps(content))
        answers = watcher.all
        topic = "bridge/response/plex/item"
        await watcher.until(lambda: [one.json["error_code"] for one in answers(topic)] == ["busy"])
        assert (await watcher.ask("bridge/request/heos/sources", "{}", 0.8))["status"] == "ok"
        plex.faults.slow = 0.0
        await watcher.until(lambda: len(answers(topic)) == 17)
        assert {one.json["transaction"] for one in answers(topic)} == {*range(17)}


class _Link:
    """The server, and no index."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.library = Library(folder / "none.sqlite")

    async def sync(self) -> Object:
        return {}

    async def login(self) -> Object:
        return {}

    async def artwork(self, artwork_id: str) -> Artwork:
        raise NoMatch(artwork_id)


async def test_before_the_library_has_been_read(address: str, tmp_path: Path) -> None:
    async with PlexSimulator(host=address) as plex:
        server = Server(plex.url, SecretText(plex.token or ""), Identity("test-client", "test"))
        await server.connect(None)
        link = _Link(server, tmp_path)
        music = PlexMusic(link, link)
        found = await music.find(Wished("play the album abbey road by the beatles"))
        assert (found.best.title, found.best.type) == ("Abbey Road", "album")
        page = await music.search(Wished("abbey road", kind=MediaKind.ALBUM), 10, 0)
        assert [one.title for one in page.items] == ["Abbey Road"]
        assert page.items[0].score == 1
        assert not (await music.search(Wished("abbey road", year=1970), 10, 0)).items
        with pytest.raises(PlexOffline):
            await music.search(Wished(None, year=1969), 10, 0)
        with pytest.raises(NoMatch):
            await music.find(Wished("zzyzx qwrtp"))
        page = await music.browse("plex:root:artists", 500, 0)
        assert len(page.items) == page.total == len(plex.library.artists)
        page = await music.browse(found.best.media_id, 5, 15)
        assert (len(page.items), page.total) == (2, 17)
        plex.faults.no_total = True  # old servers do not tell
        page = await music.browse("plex:root:albums", 10, 0)
        assert (len(page.items), page.total) == (10, 11)
        page = await music.browse("plex:root:albums", 500, 10)
        assert 10 + len(page.items) == page.total == len(plex.library.albums)
        assert len(await music.tracks(found.best.media_id or "")) == 17
        with pytest.raises(NoMatch):
            await music.browse("plex:album:99999999", 5, 0)
        server.close()
        await link.library.close()


@pytest.mark.parametrize(
    ("action", "given"),
    [("search", {}), ("search", {"querry": "x"}), ("search", {"query": "x", "type": "film"}),
     ("item", {"media_id": "plex:track:1", "more": 1}), ("playlists", {"limti": 1}), ("item", {}),
     ("playlist/add", {"media_id": "plex:playlist:1", "items": ["plex:track:1"] * 5001}),
     ("playlist/remove", "plex:playlist:1"), ("search", {"query": "x", "year": "soon"}),
     ("client/play", "tablet"), ("rate", {"media_id": "plex:track:1"}), ("rate", "5"),
     ("search", {"query": "x", "limit": 501}),
     ("rate", {"media_id": "plex:track:1", "rating": 11}), ("playlist/create", {"name": "x", "items": []}),
     ("browse", {"media": 1}), ("client/command", {"client": "x"})],
)  # fmt: skip
def test_bad_requests_are_refused_by_name(action: str, given: Any) -> None:
    with pytest.raises(SugartalkError) as refusal:
        row_of(f"{PLEX}/{action}").parse(given)
    assert refusal.value.code in {"bad_payload", "out_of_range"}


@pytest.mark.parametrize(
    ("action", "given", "command"),
    [
        ("search", "hey jude", PlexSearch(Wished("hey jude"), 20, 0)),
        ("search", {"query": "x", "type": "Album", "year": "1969", "rating": 7.5, "limit": 500, "offset": 40},
         PlexSearch(Wished("x", MediaKind.ALBUM, year=1969, rating=7.5), 500, 40)),
        ("search", {"genre": "rock", "transaction": 1}, PlexSearch(Wished(None, genre="rock"), 20, 0)),
        ("browse", {}, PlexBrowse(None, 50, 0)),
        ("browse", "plex:artist:5", PlexBrowse("plex:artist:5", 50, 0)),
        ("item", "plex:track:1", PlexItem("plex:track:1")),
        ("rate", {"media_id": "plex:track:1", "rating": None}, PlexRate("plex:track:1", None)),
        ("rate", {"media_id": "plex:track:1", "rating": "8"}, PlexRate("plex:track:1", 8.0)),
        ("playlists", "PRESS", PlexPlaylists(50, 0)),
        ("playlist/create", {"name": "x", "items": "plex:track:1"},
         PlexCreatePlaylist("x", ("plex:track:1",))),
        ("playlist/add", {"media_id": "plex:playlist:1", "items": ["plex:track:1", "plex:album:2"]},
         PlexAddToPlaylist("plex:playlist:1", ("plex:track:1", "plex:album:2"))),
        ("empty_trash", "PRESS", PlexMaintain(LibraryTask.EMPTY_TRASH)),
        ("client/command", {"client": "x", "command": "Seek", "value": "61.5"},
         PlexClientCommand("x", "seek", 61.5)),
    ],
)  # fmt: skip
def test_requests_are_read_liberally(action: str, given: Any, command: object) -> None:
    assert row_of(f"{PLEX}/{action}").parse(given) == command
