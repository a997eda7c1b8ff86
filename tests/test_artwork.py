"""Artwork: ids that name pictures and nothing else, small ones only, fetched once, kept on disk."""

from __future__ import annotations

import asyncio
import base64
import os
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from sugartalkd.errors import BadPayload, NoMatch, PlexOffline, PlexUnauthorized
from sugartalkd.plex import image
from sugartalkd.plex.artwork import artwork_id, artwork_path
from sugartalkd.plex.picture_files import PictureFiles
from sugartalkd.simulator import plex_picture
from sugartalkd.simulator.plex import PlexSimulator
from sugartalkd.simulator.plex_items import thumb
from tests.media_house import TOKEN, OddPlex, always, house, plex_server

if TYPE_CHECKING:
    from pathlib import Path

PATH = "/library/metadata/1/thumb/1700000000"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (PATH, "m1.1700000000"),
        ("/library/metadata/22/art/5", "a22.5"),
        ("/playlists/9/composite/7", "c9.7"),
        ("/library/collections/9/composite/7", None),
        ("/library/metadata/1/thumb/abc-DEF_1", None),
        ("/:/resources/artist.png", None),
    ],
)
def test_a_picture_has_an_id_and_an_id_a_picture(path: str, name: str | None) -> None:
    found = artwork_id(path)
    assert found is not None
    assert name is None or found == name
    assert artwork_path(found) == path
    assert found.replace(".", "").replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "path",
    [
        None, "", "thumb/1", "http://evil.example/thumb/1", "//evil.example/thumb/1",
        PATH + "?X-Plex-Token=1", "/library/sections/3/refresh",
        "/:/scrobble", "/:/prefs", "/library/../thumb/1",
        "/a b/thumb/1", PATH + "\n", "/library/metadata/1/thumb/" + "9" * 300, "/library/%2e%2e/thumb/1",
    ],
)  # fmt: skip
def test_what_is_no_picture_of_the_server_has_no_id_and_cannot_be_asked_for(path: str | None) -> None:
    assert artwork_id(path) is None
    packed = base64.urlsafe_b64encode((path or "").encode()).decode().rstrip("=")
    for forged in (
        "x" + packed,
        path or "x",
        "m1",
        "m1.",
        "m1.2.3",
        "m\u0661.\u0661",
        "z1.2",
        "m1.2/../3",
        "m1.2\n",
    ):
        with pytest.raises(BadPayload):
            artwork_path(forged)


def test_a_picture_is_what_its_bytes_say() -> None:
    jpeg, png = plex_picture.jpeg(300, 200, 5), plex_picture.png(30, 40, 5)
    assert image.read(jpeg) == image.Image("image/jpeg", 300, 200)
    assert image.read(png) == image.Image("image/png", 30, 40)
    assert image.read(jpeg[:2] + b"\xff\xe1\x00\x06Exif" + jpeg[2:]) == image.Image("image/jpeg", 300, 200)
    for length in range(60):
        assert image.read(png[:length]) is None or length >= 24
        assert image.read(jpeg[:length]) is None
    for odd in (
        b"",
        b"<html>",
        b"GIF89a",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xda\x00\x02",
        b"\xff\xd8" + b"\xff" * 99,
    ):
        assert image.read(odd) is None


async def test_it_is_fetched_once_and_then_kept(
    address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "artwork"
    async with PlexSimulator() as plex, plex_server(plex) as server, house(server, address, folder) as home:
        name = artwork_id(thumb(plex.library.albums[0]))
        assert name is not None
        pictures = await asyncio.gather(*(home.pictures.artwork(name) for _ in range(5)))
        assert len(plex.asked("/photo")) == 1
        assert "X-Plex-Token" not in plex.asked("/photo")[0].query
        assert {one.id for one in pictures} == {name}
        assert image.read(pictures[0].data) == image.Image("image/jpeg", 512, 512)
        assert [one.stat().st_mode & 0o777 for one in (folder,)] == [0o700]

        # For players that show pictures: by a name of its own.
        url = await home.media.show(name, player_address="127.0.0.1")
        assert name not in url
        assert url.endswith(".jpg")
        response, body = await home.get(url)
        assert (response.status, response.content_type, body) == (200, "image/jpeg", pictures[0].data)
        response, body = await home.get(url, If_None_Match=response.headers["ETag"])
        assert (response.status, body) == (304, b"")

        home.link.at_hand = PlexOffline("away")
        assert await home.pictures.artwork(name) == pictures[0]
        with pytest.raises(PlexOffline):
            await home.pictures.artwork("m1.1")
        home.link.at_hand = server
        with pytest.raises(NoMatch):
            await home.pictures.artwork("m1.1")
        assert (await home.get(await home.media.show("m1.1", player_address=None)))[0].status == 404
        plex.faults.unauthorized = True
        with pytest.raises(PlexUnauthorized):
            await home.pictures.artwork("m1.2")
        assert TOKEN not in caplog.text


async def test_only_small_pictures_pass(address: str, tmp_path: Path) -> None:
    async def big(request: web.Request) -> web.StreamResponse:
        """What says that it is a picture, and is one in the smallest size only."""
        width = int(request.query["width"])
        asked.append(width)
        if width == 512:
            return web.Response(body=plex_picture.png(10, 10, 1) + bytes(2_000_000), content_type="image/png")
        return web.Response(body=plex_picture.jpeg(width * 2, 100, 1), content_type="image/jpeg")

    asked: list[int] = []
    async with OddPlex(big).running() as plex, house(plex, address, tmp_path) as home:
        picture = await home.pictures.artwork("m1.1")
        assert asked == [512, 320, 160]
        assert image.read(picture.data) == image.Image("image/jpeg", 320, 100)

        plex.answer = always(200, body=b"<html>no", **{"Content-Type": "image/jpeg"})
        with pytest.raises(NoMatch, match="no JPEG or PNG"):
            await home.pictures.artwork("m1.2")


def test_the_folder_stays_as_large_as_it_may_be(tmp_path: Path) -> None:
    files = PictureFiles(tmp_path, room=1000)
    for number in range(5):
        files.keep(f"/{number}", bytes(300))
        for age, one in enumerate(sorted(tmp_path.iterdir(), key=lambda file: -file.stat().st_mtime_ns)):
            os.utime(one, (1000 - age, 1000 - age))
        if number == 2:
            files.read("/0")  # whoever is looked at stays
    assert sum(one.stat().st_size for one in tmp_path.iterdir()) == 900
    assert files.read("/0") == bytes(300)
    for gone in ("/1", "/2"):
        with pytest.raises(OSError):  # noqa: PT011  # there is no more to it
            files.read(gone)
