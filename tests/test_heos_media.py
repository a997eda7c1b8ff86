"""Media ids: the same for the same thing, nothing published that must not be, nothing taken but ours."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sugartalkd.errors import BadPayload
from sugartalkd.heos import media
from sugartalkd.heos.media import Container, InputAt, InputsOf, Listed, Place, Song, Source, Station
from sugartalkd.heos.translate import unfit
from sugartalkd.model import PlayerKey

IDS = st.text(min_size=1, max_size=60)
SIDS = st.integers(-(2**31), 2**31 - 1)
KEYS = IDS.map(PlayerKey)
MEDIA = st.one_of(
    st.builds(Source, SIDS),
    st.builds(InputsOf, KEYS),
    st.builds(Container, SIDS, IDS, st.booleans()),
    st.builds(Song, SIDS, st.none() | IDS, IDS),
    st.builds(Station, SIDS, st.none() | IDS, IDS, IDS),
    st.builds(InputAt, st.none() | KEYS, IDS),
)


@given(MEDIA)
def test_an_id_means_what_it_was_made_from(what: media.Media) -> None:
    made = media.media_id(what)
    texts = [one for name in type(what).__slots__ if isinstance(one := getattr(what, name), str)]
    if made is None:
        assert any(unfit(one) or re.search(r"://|%2f%2f|%3a", one, re.IGNORECASE) for one in texts)
        return
    assert re.fullmatch(r"heos:[A-Za-z0-9_-]+", made)
    assert media.parse(made) == what
    assert media.media_id(media.parse(made)) == made


@given(st.text() | st.text(alphabet="ABCabc012_-=+/", max_size=40).map("heos:".__add__))
def test_anything_else_is_refused_by_name(what: str) -> None:
    try:
        meant = media.parse(what)
    except BadPayload:
        return
    assert media.media_id(meant) == what, "only what we give out"


@pytest.mark.parametrize(
    "what",
    [
        Song(1024, "c", "http://10.0.0.9/a.flac?X-Plex-Token=secret"),
        Container(1024, "HTTPS://somewhere/x", playable=True),
        Song(1024, None, "http%3A%2F%2F10.0.0.9%2Fa"),
        Song(1024, "a\r\nheos://system/reboot", "m"),
        Song(1024, "c", "\ud800"),
        Song(1024, "c" * 4000, "m"),
    ],
)
def test_what_must_not_be_published_has_no_id(what: media.Media) -> None:
    assert media.media_id(what) is None


@pytest.mark.parametrize(
    "what",
    ["", "heos:", "plex:track:1", "heos://media/1024", "heos:W10", "heos:WyJzIiwxLDJd", "heos:WyJzIix0cnVlXQ",
     "heos:WyJzIiwxXQ==", "heos:WyJ4IiwxXQ", "heos:InMi", "heos:" + "W1tb" * 900],
)  # fmt: skip
def test_a_wrong_id_is_a_bad_payload(what: str) -> None:
    with pytest.raises(BadPayload):
        media.parse(what)


def listed(**raw: Any) -> Listed:
    return media.listed(raw, Place(7, "in"), lambda pid: PlayerKey("K") if pid == -5 else None)


def test_escapes_are_undone_once() -> None:
    one = listed(container="yes", cid="0$1%2526x%3D5%25", type="album", name="R%26B %253D", playable="yes")
    assert one.media == Container(7, "0$1%26x=5%", playable=True)
    assert (one.item.title, one.item.type) == ("R&B %3D", "album")


@pytest.mark.parametrize(
    ("raw", "meant", "kind", "title"),
    [
        ({"name": "A", "mid": "m", "type": "song"}, Song(7, "in", "m"), "track", "A"),
        ({"mid": "m", "type": "video"}, Song(7, "in", "m"), "track", "Unnamed"),
        ({"mid": 12, "type": "song", "song": "B", "sid": 0}, Song(0, "in", "12"), "track", "B"),
        ({"name": "A", "mid": "m", "type": "song", "playable": "no"}, None, "track", "A"),
        ({"name": "A", "mid": "m", "cid": "x", "type": "station"}, Station(7, "x", "m", "A"), "station", "A"),
        ({"mid": "inputs/cd", "type": "station"}, InputAt(None, "inputs/cd"), "input", "cd"),
        ({"name": "F", "container": "yes", "cid": "c"}, Container(7, "c", playable=False), "folder", "F"),
        ({"name": "F", "container": "yes", "type": "video", "cid": 3, "playable": "no"},
         Container(7, "3", playable=False), "folder", "F"),
        ({"name": "F", "container": "yes", "type": "artist"}, None, "artist", "F"),
        ({"name": "S", "sid": 1024, "type": "heos_server"}, Source(1024), "source", "S"),
        ({"name": "S", "sid": "-5.0", "type": "heos_service"}, InputsOf(PlayerKey("K")), "source", "S"),
        ({"name": {}, "mid": [], "sid": "x", "type": None}, None, "track", "Unnamed"),
        ({}, None, "track", "Unnamed"),
    ],
)  # fmt: skip
def test_odd_entries_are_read_as_far_as_they_go(
    raw: dict[str, Any], meant: media.Media | None, kind: str, title: str
) -> None:
    one = listed(**raw)
    assert (one.media, one.item.type, one.item.title) == (meant, kind, title)
    assert one.item.media_id == (None if meant is None else media.media_id(meant))


WORDS = st.sampled_from(["name", "type", "cid", "mid", "sid", "container"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.just("yes"),
    lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner),
)


@given(JSON)
def test_no_entry_can_break_a_page(raw: object) -> None:
    one = media.listed(raw, Place(1), lambda _pid: None)
    assert one.item.title
    assert one.item.media_id is None or media.parse(one.item.media_id) == one.media


def test_a_station_that_is_called_like_a_url_can_be_played() -> None:
    one = listed(name="http://radio", mid="m", type="station")
    assert (one.media, one.item.title) == (Station(7, "in", "m", ""), "http://radio")


def test_an_entry_that_is_a_url_is_shown_without_id() -> None:
    one = listed(name="A", mid="http://10.0.0.9/a.flac", type="song")
    assert (one.item.media_id, one.media, one.item.title) == (None, None, "A")
