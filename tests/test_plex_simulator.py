"""The simulated Plex server: plexapi itself finds its way in it, and its bytes are what they claim to be."""

from __future__ import annotations

import asyncio
import io
import struct
import wave
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import requests
from plexapi.exceptions import NotFound, Unauthorized
from plexapi.myplex import MyPlexAccount, MyPlexPinLogin
from plexapi.playqueue import PlayQueue
from plexapi.server import PlexServer
from requests.adapters import HTTPAdapter

from sugartalkd.simulator.heos import HeosSimulator, SimulatedPlayer
from sugartalkd.simulator.plex import TOKEN, PlexSimulator
from sugartalkd.simulator.plex_audio import AudioFile
from sugartalkd.simulator.plex_items import CODECS, part_path, thumb
from sugartalkd.simulator.plex_library import PlexLibrary
from sugartalkd.simulator.plex_tv import PlexTvSimulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sugartalkd.simulator.plex_library import SimTrack

TRACKS = 260
TRANSCODE = "/music/:/transcode/universal/start.mp3"


@pytest.fixture
async def plex() -> AsyncIterator[PlexSimulator]:
    async with PlexSimulator(TRACKS, track_seconds=2) as one:
        yield one


@pytest.fixture
async def http(plex: PlexSimulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(plex.url, headers={"X-Plex-Token": TOKEN}) as session:
        yield session


async def with_plexapi(plex: PlexSimulator, work: Callable[[Any, Any], None]) -> None:
    """Run the work in a thread, with a server object and its music section."""

    def run() -> None:
        with requests.Session() as session:
            server: Any = PlexServer(plex.url, TOKEN, session=session, timeout=5)
            work(server, server.library.section("Music"))

    await asyncio.to_thread(run)


def titles(items: list[Any]) -> list[str]:
    return [one.title for one in items]


def of_codec(plex: PlexSimulator, codec: str) -> SimTrack:
    return next(track for track in plex.library.tracks if track.codec == codec)


def test_a_seed_makes_the_same_library_of_the_size_asked_for() -> None:
    one, other = (PlexLibrary(3000, seed=4, track_seconds=None) for _ in range(2))
    assert [(track.key, track.title, track.guid) for track in one.tracks] == [
        (track.key, track.title, track.guid) for track in other.tracks
    ]
    assert len(one.tracks) == 3000
    assert {album.subformat for album in one.albums} == {None, "Live", "Compilation"}
    assert any(track.performer for track in one.tracks)
    assert {track.disc for track in one.tracks} == {1, 2}
    assert {track.codec for track in one.tracks} == set(CODECS)
    assert len(next(album for album in one.albums if album.title == "Abbey Road").tracks) == 17


async def test_plexapi_browses_filters_pages_and_searches(plex: PlexSimulator) -> None:
    def work(server: Any, music: Any) -> None:
        assert music.totalViewSize("track") == TRACKS
        assert len(music.all(libtype="track", container_size=70)) == TRACKS
        found = music.search(
            libtype="track", filters={"artist.title=": "Joni Mitchell", "track.title=": "Blue"}
        )
        assert titles(found) == ["Blue"]
        assert titles(music.search(libtype="album", filters={"album.title>": "Blue"})) == [
            "Blue",
            "Kind of Blue",
        ]
        assert titles(music.get("Björk").albums()) == ["Debut", "Homogenic"]
        assert music.search(libtype="track", filters={"track.viewCount>>": 1000}) == []
        either = {"or": [{"track.title=": "River"}, {"track.title=": "Jóga"}]}
        assert titles(music.search(libtype="track", filters=either)) == ["Jóga", "River"]
        newest = music.search(libtype="track", sort="addedAt:desc", maxresults=1)
        assert newest[0].ratingKey == max(track.key for track in plex.library.tracks)
        assert titles(music.hubSearch("abbey road", mediatype="album")) == ["Abbey Road"]
        track = server.fetchItem(music.get("Metallica").tracks()[0].ratingKey)
        assert track.media[0].parts[0].audioStreams()[0].samplingRate == 48_000
        with pytest.raises(NotFound):
            server.fetchItem(77)

    await with_plexapi(plex, work)
    assert not [line for line in plex.ledger if line.status >= 400 and line.path != "/library/metadata/77"]


async def test_plexapi_changes_playlists_queues_ratings_and_clients(plex: PlexSimulator) -> None:
    def work(server: Any, music: Any) -> None:
        tracks = music.get("The Beatles").tracks()
        playlist = server.createPlaylist("New", items=tracks[:3])
        playlist.addItems(tracks[3:5])
        playlist = server.playlist("new")
        playlist.removeItems([tracks[0]])
        playlist = server.playlist("New")
        playlist.moveItem(playlist.items()[-1])
        assert titles(server.playlist("New").items()) == titles([tracks[4], *tracks[1:4]])
        added = server.query(
            f"/playlists/{playlist.ratingKey}/items?uri=server://x/y/library/metadata/{tracks[0].ratingKey},9",
            method=server._session.put,
        )
        assert (added.get("leafCountAdded"), added.get("leafCountRequested")) == ("1", "2")
        server.playlist("New").delete()
        assert "New" not in titles(server.playlists())
        queue = server.createPlayQueue(tracks, startItem=tracks[3])
        assert queue.selectedItem == tracks[3]
        station = music.get("Queen").station()
        queues: Any = PlayQueue
        assert len(queues.fromStationKey(server, station.key).items) > 10
        assert titles(tracks[0].sonicallySimilar(limit=4))
        tracks[0].rate(8)
        tracks[0].markPlayed()
        tracks[0].reload()
        assert (tracks[0].userRating, plex.library.items[tracks[0].ratingKey].plays > 0) == (8, True)
        client = server.clients()[0]
        client.playMedia(tracks[2])
        client.setVolume(30, "music")
        assert (client.timeline.state, client.timeline.volume) == ("playing", 30)
        music.update()
        music.reload()
        assert music.refreshing
        music.cancelUpdate()

    await with_plexapi(plex, work)
    assert [name for name, _ in plex.client.commands] == ["playback/playMedia", "playback/setParameters"]


async def test_a_play_counts_once_when_half_was_heard_in_real_time(
    plex: PlexSimulator, http: aiohttp.ClientSession
) -> None:
    track = plex.library.tracks[0]
    before = track.plays

    async def report(state: str, time_ms: int, duration_ms: int, session: str) -> dict[str, Any]:
        query = {"ratingKey": track.key, "state": state, "time": time_ms, "duration": duration_ms}
        headers = {"Accept": "application/json", "X-Plex-Client-Identifier": "c"}
        headers |= {"X-Plex-Session-Identifier": session} if session else {}
        async with http.get("/:/timeline", params=query, headers=headers) as answer:
            return (await answer.json())["MediaContainer"]

    await report("playing", 0, 200_000, "")
    assert not plex.sessions, "nothing on the dashboard without a session"
    await report("playing", 0, 200_000, "s")
    assert list(plex.sessions) == ["s"]
    assert (await report("playing", 150_000, 200_000, "s"))["viewCount"] == before, "nobody hears so fast"
    await report("stopped", 150_000, 200_000, "s")
    assert not plex.sessions
    await report("playing", 0, 2000, "s")
    for _ in range(2):
        assert (await report("playing", 1100, 2000, "s"))["viewCount"] == before + 1
    plex.terminated.add("s")
    assert "terminationCode" in await report("playing", 1200, 2000, "s")


async def test_files_have_ranges_and_the_length_they_say(
    plex: PlexSimulator, http: aiohttp.ClientSession
) -> None:
    track, whole = plex.library.tracks[0], b""
    for codec in CODECS:
        track = of_codec(plex, codec)
        file = AudioFile(track)
        async with http.get(part_path(track)) as answer:
            whole = await answer.read()
            assert (answer.status, answer.content_type) == (200, CODECS[codec].content_type)
        assert len(whole) == file.size
        async with http.get(part_path(track), headers={"Range": "bytes=3000-40000"}) as answer:
            assert (answer.status, await answer.read()) == (206, whole[3000:40_001])
            assert answer.headers["Content-Range"] == f"bytes 3000-40000/{file.size}"
    size = len(whole)
    async with http.head(part_path(track)) as answer:
        assert answer.headers["Content-Length"] == str(size)
    async with http.get(part_path(track), headers={"Range": f"bytes={size}-"}) as answer:
        assert answer.status == 416
    with wave.open(io.BytesIO(whole)) as recorded:
        assert recorded.getnframes() == 2 * recorded.getframerate()
    await plex.changes.replace_file(track)
    async with http.get(f"/library/parts/{track.key + 500_000_000}/1700000000/file.wav") as answer:
        assert answer.status == 404, "a part's address changes with the file"


async def test_the_transcoder_wants_an_identity_and_pictures_are_pictures(
    plex: PlexSimulator, http: aiohttp.ClientSession
) -> None:
    track = of_codec(plex, "alac")
    query = {"path": f"/library/metadata/{track.key}", "session": "1", "offset": "1"}
    async with http.get(TRANSCODE, params=query) as answer:
        assert answer.status == 400
    query |= {f"X-Plex-{name}": "x" for name in ("Client-Identifier", "Product", "Platform")}
    async with http.get(TRANSCODE, params=query) as answer:
        assert (answer.status, answer.content_length, answer.content_type) == (200, None, "audio/mpeg")
        assert len(await answer.read()) == 42 * 768
    shape = {"url": thumb(track.album), "width": "32", "height": "16"}
    async with http.get("/photo/:/transcode", params=shape) as answer:
        picture = await answer.read()
    at = picture.index(b"\xff\xc0")
    assert struct.unpack(">HH", picture[at + 5 : at + 9]) == (16, 32)
    async with http.get("/photo/:/transcode", params=shape | {"format": "png"}) as answer:
        picture = await answer.read()
    size = int.from_bytes(picture[33:37], "big")
    assert len(zlib.decompress(picture[41 : 41 + size])) == (32 * 3 + 1) * 16


async def test_faults(plex: PlexSimulator, http: aiohttp.ClientSession) -> None:
    async def status(path: str) -> int:
        async with http.get(path, headers={"X-Plex-Container-Size": "5"}) as answer:
            await answer.read()
            return answer.status

    listing = "/library/sections/3/all?type=10"
    for name, number in (("unauthorized", 401), ("unavailable", 503)):
        setattr(plex.faults, name, True)
        assert await status(listing) == number
        setattr(plex.faults, name, False)
    plex.faults.cut_pages = True
    with pytest.raises(aiohttp.ClientPayloadError):
        await status(listing)
    plex.faults.cut_pages = False
    plex.faults.no_total = True
    async with http.get(listing, headers={"X-Plex-Container-Size": "5"}) as answer:
        assert "totalSize" not in await answer.text()
    plex.faults.cut_audio_after = 100
    with pytest.raises(aiohttp.ClientPayloadError):
        await status(part_path(plex.library.tracks[0]))
    await plex.stop()
    with pytest.raises(aiohttp.ClientError):
        await status(listing)
    await plex.start()
    assert await status(listing) == 200

    def wrong() -> None:
        with requests.Session() as session, pytest.raises(Unauthorized):
            PlexServer(plex.url, "wrong", session=session)

    await asyncio.to_thread(wrong)


async def test_changes_are_told_over_the_websocket(plex: PlexSimulator, http: aiohttp.ClientSession) -> None:
    async with http.ws_connect("/:/websockets/notifications") as listener:
        album = await plex.changes.add_tracks("Neu!", "Neu! 75", ["Isi"])
        track = album.tracks[0]
        guid, old = track.guid, track.key
        await plex.changes.rescan_new_keys([track])
        assert (track.guid, track.key != old) == (guid, True)
        await plex.changes.remove_tracks([track])
        seen: list[tuple[int, int]] = []
        while (8, 9) not in seen:
            frame = (await listener.receive_json(timeout=2))["NotificationContainer"]
            assert (frame["type"], frame["size"]) == ("timeline", 1)
            seen.append((frame["TimelineEntry"][0]["type"], frame["TimelineEntry"][0]["state"]))
    assert seen == [
        (8, 0), (9, 0), (10, 0), (8, 5), (9, 5), (10, 5), (10, 9), (10, 5), (10, 9), (9, 9), (8, 9),
    ]  # fmt: skip


async def test_plex_tv_signs_in_by_pin_and_names_the_server(plex: PlexSimulator) -> None:
    class ToSimulator(HTTPAdapter):
        def __init__(self, url: str) -> None:
            super().__init__()
            self.url = url

        def send(self, request: Any, *args: Any, **more: Any) -> requests.Response:
            parts = urlsplit(str(request.url))
            request.url = f"{self.url}{parts.path}?{parts.query}"
            return super().send(request, *args, **more)

    def work(tv: PlexTvSimulator) -> None:
        with requests.Session() as session:
            for name in ("https://plex.tv/", "https://clients.plex.tv/"):
                session.mount(name, ToSimulator(tv.url))
            login: Any = MyPlexPinLogin(session=session)
            assert not login._checkLogin()
            tv.enter(login.pin)
            assert login._checkLogin()
            account: Any = MyPlexAccount(token=login.token, session=session)
            found = next(one for one in account.resources() if "server" in one.provides)
            assert found.connections[0].uri == plex.url
            assert (found.clientIdentifier, found.accessToken) == (plex.machine_id, TOKEN)

    async with PlexTvSimulator([plex]) as tv:
        await asyncio.to_thread(work, tv)


async def test_a_heos_player_plays_a_file_for_as_long_as_it_is(plex: PlexSimulator) -> None:
    heos = HeosSimulator([SimulatedPlayer("One", 1)], port=0, fetch=True)
    heos.url_limit = None
    async with heos:
        player = heos.players[1]

        async def play(path: str) -> float:
            began = asyncio.get_running_loop().time()
            heos.play_url(1, f"{plex.url}{path}{'&' if '?' in path else '?'}X-Plex-Token={TOKEN}")
            async with asyncio.timeout(5):
                while player.state == "play":  # noqa: ASYNC110 - the simulator has no event for it
                    await asyncio.sleep(0.02)
            player.queue.clear()
            player.current = None
            return asyncio.get_running_loop().time() - began

        identity = "".join(f"&X-Plex-{name}=x" for name in ("Client-Identifier", "Product", "Platform"))
        short = of_codec(plex, "flac")
        short.duration_ms = 400
        paths = [part_path(short), f"{TRANSCODE}?path=/library/metadata/{short.key}{identity}"]
        for path in paths:
            assert 0.35 < await play(path) < 1.0
            assert heos.fetches[-1].complete
        heos.undecodable = {"flac"}
        assert await play(paths[0]) < 0.3
        heos.undecodable.clear()
        plex.faults.cut_audio_after = 5000
        assert await play(paths[0]) < 0.3
        assert (heos.fetches[-1].status, heos.fetches[-1].size, heos.fetches[-1].complete) == (
            200,
            5000,
            False,
        )
