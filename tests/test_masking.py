"""Masking: nothing private is left, nothing else is touched, and masking twice changes nothing more."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sugartalkd.capture import mask_avr, mask_heos
from sugartalkd.capture.pseudonyms import Pseudonyms, blur
from sugartalkd.recording import Device, Exchange, Recording, Unasked, dump, load

SECRET: Final = st.text("bcghjkqvwzBCGHJKQVWZ", min_size=6, max_size=8)
"""Letters that no pseudonym is written with."""
ODD: Final = st.sampled_from(
    ["", " ", "&", "=", "%", "%26", "%3D", '"', "\\", "/", "é", "日本", "😀", "\0", "\t", "\u2028", "@", "  "]
)
NAME: Final = st.builds(lambda *parts: "".join(parts), ODD, SECRET, ODD, ODD)
PRIVATE_KEYS: Final = (
    "name", "song", "album", "artist", "station", "mid", "cid", "album_id", "image_url", "serial", "ip", "un",
    "service_username", "ssid", "something_new",
)  # fmt: skip


def _line(payload: object, message: str = "", *, ascii_only: bool = False) -> bytes:
    body = {"heos": {"command": "browse/browse", "result": "success", "message": message}, "payload": payload}
    return json.dumps(body, ensure_ascii=ascii_only).encode()


@given(
    st.lists(
        st.dictionaries(st.sampled_from(PRIVATE_KEYS), st.tuples(ODD, SECRET, ODD), min_size=1), max_size=4
    ),
    st.booleans(),
)
def test_no_secret_survives_in_any_field(
    entries: list[dict[str, tuple[str, str, str]]], ascii_only: bool
) -> None:
    payload = [{key: "".join(parts) for key, parts in entry.items()} for entry in entries]
    line = _line(payload, ascii_only=ascii_only)
    masked = mask_heos.mask_line(line, Pseudonyms())
    text = masked.decode().casefold()
    for entry in entries:
        for _, secret, _ in entry.values():
            assert secret.casefold() not in text
    body = json.loads(masked)
    assert [list(one) for one in body["payload"]] == [list(one) for one in payload]
    assert body["heos"] == json.loads(line)["heos"]


@given(st.lists(st.lists(st.tuples(st.sampled_from(PRIVATE_KEYS), NAME), max_size=4), max_size=4))
def test_masking_twice_is_masking_once(entries: list[list[tuple[str, str]]]) -> None:
    lines = [_line([dict(entry)], f"name={entry[0][1] if entry else ''}&pid=-77") for entry in entries]
    first, second = Pseudonyms(), Pseudonyms()
    once = [mask_heos.mask_line(line, first) for line in lines]
    assert [mask_heos.mask_line(line, second) for line in once] == once


TELNET: Final = st.text("ANSEHFRUPMVTW015 :%ax\0\né", max_size=20).map(str.encode)


@given(st.one_of(st.binary(max_size=200), TELNET))
def test_any_bytes_can_be_masked(data: bytes) -> None:
    masked = mask_avr.mask_line(data, Pseudonyms())
    assert len(masked) == len(data)
    assert mask_avr.mask_line(masked, Pseudonyms()) == masked
    mask_heos.mask_line(data, Pseudonyms())
    mask_heos.mask_command(data, Pseudonyms())
    assert blur(blur(data)) == blur(data)


@given(SECRET, st.sampled_from(["NSFRN ", "NSE1\x01", "NSH03", "SSFUNSAT/CBL ", "TFANNAME", "", "XX"]))
def test_no_secret_survives_on_telnet(secret: str, head: str) -> None:
    lower = secret.lower()
    masked = mask_avr.mask_line(f"{head}{lower}".encode(), Pseudonyms())
    assert lower.encode() not in masked


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=60),
            st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=60)), max_size=3),
        ),
        max_size=4,
    )
)
def test_a_file_keeps_every_byte(talk: list[tuple[bytes, list[tuple[int, bytes]]]]) -> None:
    exchanges = tuple(
        Exchange(
            sent=sent,
            at_ms=7,
            after_ms=tuple(at for at, _ in lines),
            received=tuple(line for _, line in lines),
        )
        for sent, lines in talk
    )
    unasked = tuple(Unasked(at_ms=1, line=sent, listening=True) for sent, _ in talk)
    device = Device(kind="avr", exchanges=exchanges, unasked=unasked)
    recording = Recording(date="2026-01-01T00:00:00Z", tool="0", masked={"title": 1}, devices=(device,))
    assert load(dump(recording)) == recording


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        (b'{"payload": [ {"level":36.0 ,"qid" : ""}]}', b'{"payload": [ {"level":36.0 ,"qid" : ""}]}'),
        (b'{"payload":{"song":"R%26B \\u00fcber\\/alles"}}', b'{"payload":{"song":"Title 1%26\\u00e9\\/"}}'),
        (b'{"payload":{"mid":"inputs/cd","song":"Url Stream"}}', None),
        (b'{"payload":{"song":"","image_url":"","unknown":"on","other":7,"more":null}}', None),
        (b'{"payload":{"new":1e999,"other":-1.5e9,"more":9999,"most":123456789}}',
         b'{"payload":{"new":1e999,"other":-1.5e9,"more":9999,"most":1000000001}}'),
        (b'{"payload":{"song":"caf\xe9"}}', b'{"payload":{"song":"Title 1\xff"}}'),
        (b'{"heos":{"command":"x/y","message":"pid=5&url=http://a.b/c?d=1&e=2"}}',
         b'{"heos":{"command":"x/y","message":"pid=1000000001&url=http://192.0.2.1/url1?=&"}}'),
        (b'{"heos":{"command":"x/y","message":"eid=4&text=Requested data not available.&range=0,9"}}', None),
        ((b'{"heos":{"command":"player/get_now_playing_media"},"payload":{"type":"station"},'
         b'"options":[{"play":[{"id":11,"name":"Thumbs Up"}]}]}'), None),
        (b'{"heos":{"command":"player/get_quickselects"},"payload":[{"id":1,"name":"Annas TV"}]}',
         b'{"heos":{"command":"player/get_quickselects"},"payload":[{"id":1,"name":"Name 1"}]}'),
        ((b'{"heos":{"command":"browse/get_music_sources"},"payload":[{"name":"TuneIn","sid":3},'
         b'{"name":"Annas NAS","sid":123456789,"service_username":"anna"}]}'),
         (b'{"heos":{"command":"browse/get_music_sources"},"payload":[{"name":"TuneIn","sid":3},'
         b'{"name":"Server 1","sid":1000000001,"service_username":"user1"}]}')),
        (b'{"heos":{"command":"event/pl', b'{"xxxx":{"xxxxxxx":"xxxxx/xx'),
        (b'{"payload":{"a":"10.0.0.7","text":"mac 00:05:CD:aa:bb:cc at 10.0.0.7, me@x.org"}}',
         b'{"payload":{"a":"Text 1","text":"mac 02:00:00:00:00:01 at 192.0.2.1, user1@example.org"}}'),
    ],
)  # fmt: skip
def test_lines_of_a_heos_system(line: bytes, masked: bytes | None) -> None:
    assert mask_heos.mask_line(line, Pseudonyms()) == (line if masked is None else masked)


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("MV505", None),
        ("\nMVMAX 98", None),
        ("PSMULTEQ:BYP.LR", None),
        ("SSINFAISFSV 48K", None),
        ("TFAN009850", None),
        ("SSSODSAT/CBL USE", None),
        ("NSFRN Annas AVR", "NSFRN xxxxx xxx"),
        ("NSE0Now Playing Annas NAS\0left", "NSE0Now Playing xxxxx xxx\0xxxx"),
        ("NSE5\x01 1:23  40%\0", None),
        ("NSE5\x01Sommer 69\0", "NSE5\x01xxxxxx xx\0"),
        ("ANNAS ROOM", "ANxxx xxxx"),
        ("SSNEWTHING Annas", "SSNEWTHIxx xxxxx"),
        ("NSE1\x01Zoë\0", "NSE1\x01xxé\0"),
        ("BridgeCo AG Telnet server", "xxxxxxxx xx xxxxxx xxxxxx"),
    ],
)
def test_lines_of_a_receiver(line: str, masked: str | None) -> None:
    assert mask_avr.mask_line(line.encode(), Pseudonyms()) == (line if masked is None else masked).encode()


def test_one_value_has_one_pseudonym_wherever_it_is() -> None:
    masks = Pseudonyms()
    players: dict[str, Any] = {
        "heos": {"command": "player/get_players", "result": "success", "message": ""},
        "payload": [{"name": "Tom & Jerry", "pid": -5, "ip": "10.0.0.7"}],
    }
    assert b'"Player 1&"' in mask_heos.mask_line(json.dumps(players).encode(), masks)
    command = mask_heos.mask_command(b"heos://group/set_group?pid=-5,-6&name=Tom %26 Jerry", masks)
    assert command == b"heos://group/set_group?pid=-1000000001,-1000000002&name=Player 1%26"
    assert masks.scrub("from 10.0.0.7 to Tom & Jerry") == "from 192.0.2.1 to Player 1&"
