"""What players fetch: audio of Plex by URLs that say nothing, whole even where Plex stumbles."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import aiohttp
import pytest
from aiohttp import web

from sugartalkd.errors import Internal, NoMatch, PlexOffline
from sugartalkd.media import addresses, connection, transfer
from sugartalkd.media.names import Names
from sugartalkd.media.server import MediaServer
from sugartalkd.plex import formats
from sugartalkd.plex.values import Part
from sugartalkd.simulator.plex import PlexSimulator
from sugartalkd.simulator.plex_audio import AudioFile
from tests.media_house import PORT, TOKEN, House, OddPlex, always, house, plex_server, raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sugartalkd.simulator.plex_library import SimTrack

DATA: Final = bytes(range(251)) * 40_000
"""10 MB; a prime number, so that bytes of a wrong place show."""


@pytest.fixture
async def plex() -> AsyncIterator[PlexSimulator]:
    async with PlexSimulator(track_seconds=20) as simulator:
        yield simulator


@pytest.fixture
async def home(plex: PlexSimulator, address: str, tmp_path: Path) -> AsyncIterator[House]:
    async with plex_server(plex) as server, house(server, address, tmp_path) as one:
        plex.ledger.clear()
        yield one


def of_codec(plex: PlexSimulator, codec: str) -> SimTrack:
    return next(one for one in plex.library.tracks if one.codec == codec)


async def whole(request: web.Request) -> web.StreamResponse:
    """The odd server's file as a good server gives it."""
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    if wanted is None:
        return web.Response(body=DATA, headers={"Content-Type": "application/octet-stream"})
    first, last = int(wanted[1]), int(wanted[2] or len(DATA) - 1)
    extent = f"bytes {first}-{last}/{len(DATA)}"
    return web.Response(status=206, body=DATA[first : last + 1], headers={"Content-Range": extent})


# -- as it should be ---------------------------------------------------------------------------------


async def test_a_track_as_a_player_fetches_it(
    plex: PlexSimulator, home: House, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    track = of_codec(plex, "flac")
    data = AudioFile(track).read(0, AudioFile(track).size)
    stream = await home.open(track.key)
    assert re.fullmatch(rf"http://{address}:{PORT}/a/[A-Za-z0-9_-]{{12}}\.flac", stream.url)
    assert len(stream.url) <= 60
    assert (stream.media_id, stream.transcoded) == (f"plex:track:{track.key}", False)

    async with home.client.head(stream.url) as head:
        assert head.status == 200
        assert (head.content_length, head.content_type) == (len(data), "audio/flac")
        assert head.headers["Accept-Ranges"] == "bytes"
    assert not plex.asked("/library/parts")

    response, body = await home.get(stream.url)
    assert body == data
    assert (response.content_length, response.content_type) == (len(data), "audio/flac")
    assert response.headers["Server"] == "sugartalkd"

    size = len(data)
    for wanted, extent, expected in (
        ("bytes=1000-", f"bytes 1000-{size - 1}/{size}", data[1000:]),
        ("bytes=0-0", f"bytes 0-0/{size}", data[:1]),
        ("bytes=70000-199999", f"bytes 70000-199999/{size}", data[70000:200000]),
        ("bytes=-500", f"bytes {size - 500}-{size - 1}/{size}", data[-500:]),
    ):
        response, body = await home.get(stream.url, Range=wanted)
        assert (response.status, response.headers["Content-Range"], body) == (206, extent, expected), wanted
    response, body = await home.get(stream.url, Range=f"bytes={size}-")
    assert (response.status, response.headers["Content-Range"], body) == (416, f"bytes */{size}", b"")
    # Several ranges, nonsense, and a condition that cannot hold: everything, as HTTP allows.
    for odd in (
        {"Range": "bytes=0-1,5-9"},
        {"Range": "bytes=-"},
        {"Range": "x"},
        {"Range": "bytes=0-1", "If_Range": "z"},
    ):
        response, body = await home.get(stream.url, **odd)
        assert (response.status, len(body)) == (200, size)

    home.media.close(stream)
    assert (await home.get(stream.url))[0].status == 404
    assert home.media.trouble(stream) is None
    for one in plex.ledger:
        assert TOKEN not in str(one.query)
    assert TOKEN not in caplog.text
    assert stream.url not in caplog.text


async def test_what_a_player_cannot_decode_is_transcoded(plex: PlexSimulator, home: House) -> None:
    wav, flac = of_codec(plex, "wav"), of_codec(plex, "flac")
    for key, forced in ((wav.key, False), (flac.key, True)):
        plex.ledger.clear()
        stream = await home.open(key, transcode=forced)
        assert stream.transcoded
        assert stream.url.endswith(".mp3")
        async with home.client.head(stream.url) as head:
            assert (head.status, head.content_type, head.content_length) == (200, "audio/mpeg", None)
        assert not plex.asked("/music")
        response, body = await home.get(stream.url, Range="bytes=100-")
        assert (response.status, response.content_type, response.content_length) == (200, "audio/mpeg", None)
        assert body.startswith(b"\xff\xfb")
        assert len(body) > 500_000
        started = plex.asked("/music/:/transcode/universal/start.mp3")[0].query
        assert started["path"] == f"/library/metadata/{key}"
        assert {"X-Plex-Client-Identifier", "X-Plex-Product", "session"} <= set(started)
        assert "X-Plex-Token" not in started
        await asyncio.sleep(0.1)
        stopped = plex.asked("/music/:/transcode/universal/stop")
        assert stopped[0].query == {"session": started["session"]}


@pytest.mark.parametrize(
    ("part", "extension"),
    [
        (Part("", "mp3", "mp3"), "mp3"),
        (Part("", "flac", "flac", channels=2, bit_depth=24, sampling_rate=192_000), "flac"),
        (Part("", "FLAC", None), "flac"),
        (Part("", "flac", "flac", channels=6), None),
        (Part("", "flac", "flac", bit_depth=32), None),
        (Part("", "flac", "flac", sampling_rate=384_000), None),
        (Part("", "mp4", "aac", optimized=True), "m4a"),
        (Part("", "m4a", "aac", optimized=True), "m4a"),
        (Part("", "mp4", "aac"), None),
        (Part("", "aac", "aac"), "aac"),
        (Part("", "mp4", "alac", optimized=True), None),
        (Part("", "wav", "pcm"), None),
        (Part("", "asf", "wmav2"), "wma"),
        (Part("", "asf", "wmalossless"), None),
        (Part("", "ogg", "vorbis"), None),
        (Part("", "opus", "opus"), None),
        (Part("", "dsf", "dsd_lsbf_planar"), None),
        (Part("", None, None), None),
    ],
)
def test_what_is_given_as_it_is(part: Part, extension: str | None) -> None:
    found = formats.direct(part)
    assert (None if found is None else found.extension) == extension


async def test_nothing_else_is_served_or_said(plex: PlexSimulator, home: House, address: str) -> None:
    stream = await home.open(of_codec(plex, "mp3").key)
    plex.ledger.clear()
    good = stream.url.rpartition("/")[2]
    for path in (
        "/", "/a", "/a/", "/a/AAAAAAAAAAAA.mp3", "/a/../a/", "/a/%2e%2e/%2e%2e/etc/passwd",
        "/../../etc/passwd", f"/a/{good}?x=1", f"/a/{good}/", f"/a/{good}%00", f"//a/{good}", "/i/m1.1.jpg",
        "/i/xL2V0Yw.jpg", "/i/AAAAAAAAAAAA.jpg", "/library/sections",
        "http://127.0.0.1:32400/library/sections", "/a/" + "A" * 5000,
    ):  # fmt: skip
        answer = await raw(address, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 404 "), path
        assert body == b"", path
        assert b"aiohttp" not in head
        assert b"Python" not in head
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"):
        answer = await raw(
            address, f"{method} /a/{good} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        )
        assert answer.startswith(b"HTTP/1.1 405 "), method
        assert answer.endswith(b"\r\n\r\n")
    for garbage in (
        b"\x16\x03\x01 hello\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
        b"GET /secret HTTP/1.1\r\nA\r\n\r\n",
    ):
        answer = await raw(address, garbage)
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 ")), garbage
        assert answer.endswith(b"\r\n\r\n")
        assert b"aiohttp" not in answer
        assert b"secret" not in answer
    assert plex.ledger == []


def test_names_are_forgotten_when_nobody_uses_them() -> None:
    present = 0.0
    names: Names[str] = Names(lambda: present)
    name, other = names.give("one", 100), names.give("two", 100)
    assert name != other
    present = 99
    with names.use(name) as thing:
        assert thing == "one"
        present = 500
        assert (names.get(name), names.get(other)) == ("one", None)
    present = 599
    assert names.get(name) == "one"
    present = 601
    with names.use(name) as thing:
        assert thing is None


async def test_after_a_restart_a_stream_is_adopted(plex: PlexSimulator, address: str, tmp_path: Path) -> None:
    track = of_codec(plex, "mp3")
    async with plex_server(plex) as server:
        async with house(server, address, tmp_path) as before:
            stream = await before.open(track.key)
        async with house(server, address, tmp_path) as after:
            after.media.adopt(stream)
            await asyncio.sleep(0.05)
            async with after.client.head(stream.url) as head:
                assert (head.status, head.content_length) == (200, AudioFile(track).size)
            _, body = await after.get(stream.url, Range="bytes=5-9")
            assert body == AudioFile(track).read(5, 10)
            # A name in a state file is no name of a file here.
            after.media.adopt(type(stream)("http://x/a/../b.mp3", "plex:track:1", False))


async def test_listening_where_the_player_is(plex: PlexSimulator, home: House) -> None:
    assert addresses.towards("127.9.9.9").startswith("127.")
    assert addresses.towards("nobody.invalid") == addresses.towards(None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        media = MediaServer(home.audio, home.pictures, port=port)
        running = asyncio.create_task(media.run())
        key = of_codec(plex, "mp3").key
        with pytest.raises(Internal, match="taken by another program, maybe by a second sugartalkd"):
            await media.open(f"plex:track:{key}", guid=None, player_address="127.0.0.1", transcode=False)
    stream = await media.open(f"plex:track:{key}", guid=None, player_address="127.0.0.1", transcode=False)
    assert stream.url.startswith(f"http://127.0.0.1:{port}/a/")
    assert (await home.get(stream.url))[0].status == 200
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    with pytest.raises(aiohttp.ClientConnectionError):
        await home.get(stream.url)


# -- where Plex stumbles -----------------------------------------------------------------------------


async def test_a_transfer_that_breaks_off_goes_on(
    plex: PlexSimulator, home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PAUSES", (0.01,))
    track = of_codec(plex, "mp3")
    file = AudioFile(track)
    plex.faults.cut_audio_after = 150_000
    stream = await home.open(track.key)
    _, body = await home.get(stream.url)
    assert body == file.read(0, file.size)
    assert len(plex.asked("/library/parts")) > 3
    _, body = await home.get(stream.url, Range="bytes=1000-399999")
    assert body == file.read(1000, 400_000)
    assert home.media.trouble(stream) is None

    # The link may be down meanwhile; what plays needs only the server.
    home.link.at_hand = PlexOffline("away")
    _, body = await home.get(stream.url)
    assert len(body) == file.size


async def test_a_transfer_that_breaks_off_for_good_is_cut(
    plex: PlexSimulator, home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PATIENCE", 0.2)
    stream = await home.open(of_codec(plex, "flac").key)
    plex.faults.cut_audio_after = 150_000
    async with home.client.get(stream.url) as response:
        await response.content.readexactly(100_000)
        await plex.stop()
        with pytest.raises(aiohttp.ClientError):
            await response.read()
    assert "broke off" in (home.media.trouble(stream) or "")
    assert "127.0.0.1" not in (home.media.trouble(stream) or "")
    assert (await home.get(stream.url))[0].status == 502
    plex.faults.cut_audio_after = None
    await plex.start()
    assert (await home.get(stream.url))[0].status == 200
    assert home.media.trouble(stream) is None


async def test_a_token_that_is_not_taken_any_more_is_said_at_once(plex: PlexSimulator, home: House) -> None:
    stream = await home.open(of_codec(plex, "mp3").key)
    plex.faults.unauthorized = True
    response, body = await home.get(stream.url)
    assert (response.status, body) == (502, b"")
    assert "token" in (home.media.trouble(stream) or "")
    assert TOKEN not in (home.media.trouble(stream) or "")


async def test_a_file_that_is_somewhere_else_now_is_found(address: str, tmp_path: Path) -> None:
    async def moved(request: web.Request) -> web.StreamResponse:
        return await whole(request) if "/2/" in request.path else web.Response(status=404)

    async with OddPlex(moved).running() as plex, house(plex, address, tmp_path) as home:
        stream = await home.open(1, guid="plex://track/1")
        plex.parts = {7: Part("/library/parts/7/2/file.flac", "flac", "flac", size=len(DATA))}
        home.guids["plex://track/1"] = 7
        _, body = await home.get(stream.url)
        assert body == DATA
        assert [path for path, _ in plex.asked] == [
            "/library/parts/1/1/file.flac",
            "/library/parts/7/2/file.flac",
        ]
        plex.parts.clear()
        with pytest.raises(NoMatch):
            await home.open(1, guid="plex://track/other")

        plex.answer = always(404)
        assert (await home.get(stream.url))[0].status == 502
        assert "no 7" in (home.media.trouble(stream) or "")


async def test_without_a_decision_the_file_is_downloaded(address: str, tmp_path: Path) -> None:
    async def undecided(request: web.Request) -> web.StreamResponse:
        return await whole(request) if request.query_string == "download=1" else web.Response(status=503)

    async with OddPlex(undecided).running() as plex, house(plex, address, tmp_path) as home:
        stream = await home.open(1)
        response, body = await home.get(stream.url, Range="bytes=10-19")
        assert (response.status, body) == (206, DATA[10:20])
        assert "Content-Disposition" not in response.headers

        plex.answer = always(302, Location="http://127.0.0.2/")
        assert (await home.get(stream.url))[0].status == 502
        assert "302" in (home.media.trouble(stream) or "")


@pytest.mark.parametrize(
    ("status", "total", "said"), [(206, len(DATA) + 1, "changed"), (401, 0, "token"), (403, 0, "403")]
)
async def test_what_cannot_go_on_is_cut_at_once(
    address: str, tmp_path: Path, status: int, total: int, said: str
) -> None:
    """Nothing else is glued to what the player has, no other bytes and no second answer."""

    async def changing(request: web.Request) -> web.StreamResponse:
        if "Range" in request.headers:
            first = int(request.headers["Range"][6:].partition("-")[0])
            extent = f"bytes {first}-{first + 9}/{total}"
            return web.Response(status=status, body=bytes(10), headers={"Content-Range": extent})
        response = web.StreamResponse(headers={"Content-Length": str(len(DATA))})
        await response.prepare(request)
        await response.write(DATA[:1000])
        await asyncio.sleep(0.05)
        assert request.transport is not None
        request.transport.abort()
        return response

    async with OddPlex(changing).running() as plex, house(plex, address, tmp_path) as home:
        stream = await home.open(1)
        answer = await raw(
            address, f"GET {stream.url.partition(str(PORT))[2]} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        )
        assert answer.partition(b"\r\n\r\n")[2] == DATA[:1000]
        assert said in (home.media.trouble(stream) or "")


async def test_what_the_player_does_not_take_is_not_fetched(address: str, tmp_path: Path) -> None:
    sent = 0
    left = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Length": str(10**10)})
        await response.prepare(request)
        try:
            while True:
                await response.write(bytes(65_536))
                sent += 65_536
        finally:
            left.set()

    async with OddPlex(endless).running() as plex, house(plex, address, tmp_path) as home:
        stream = await home.open(1)
        reader, writer = await asyncio.open_connection(address, PORT, limit=65_536)
        writer.write(f"GET {stream.url.partition(str(PORT))[2]} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reader.readexactly(100_000)
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.3)
        # The rest is in the buffers of the kernel and of two HTTP libraries.
        assert sent < 20_000_000
        assert not left.is_set()
        begun = time.monotonic()
        writer.transport.abort()
        async with asyncio.timeout(2):
            await left.wait()
        assert time.monotonic() - begun < 0.5
        assert home.media.trouble(stream) is None


async def test_who_leaves_while_the_server_is_silent_leaves_nothing_behind(
    address: str, tmp_path: Path
) -> None:
    left = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000000"})
        await response.prepare(request)
        await response.write(bytes(1000))
        try:
            await asyncio.sleep(60)
        finally:
            left.set()
        return response

    async with OddPlex(silent).running() as plex, house(plex, address, tmp_path) as home:
        stream = await home.open(1)
        async with home.client.get(stream.url) as response:
            await response.content.readexactly(1000)
        async with asyncio.timeout(0.5):
            await left.wait()


async def test_who_says_or_takes_nothing_for_long_is_let_go(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDLE", 0.2)
    monkeypatch.setattr(transfer, "STALL", 0.3)
    async with OddPlex(whole).running() as plex, house(plex, address, tmp_path) as home:
        stream = await home.open(1)
        path = stream.url.partition(str(PORT))[2]
        for words in (b"", b"GET ", f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()):
            reader, writer = await asyncio.open_connection(address, PORT)
            writer.write(words)
            async with asyncio.timeout(2):
                await reader.read()
            writer.close()
        with socket.socket() as player:
            player.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            player.connect((address, PORT))
            player.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await asyncio.sleep(1)  # two looks
            player.settimeout(2)
            received = 0
            with suppress(ConnectionError):
                while piece := player.recv(65_536):
                    received += len(piece)
            assert received < len(DATA)
