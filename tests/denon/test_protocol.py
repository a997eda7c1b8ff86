"""The receiver's language, line by line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sugartalkd.denon.protocol import (
    INPUTS,
    LONGEST_LINE,
    OTHER_INPUTS,
    SOUND_MODES,
    Change,
    Frequency,
    Lines,
    Mute,
    ScreenText,
    SettingChange,
    Sleep,
    SoundMode,
    Source,
    StationName,
    UnitPower,
    Volume,
    VolumeLimit,
    ZonePower,
    decode_volume,
    encode,
    encode_volume,
    parse,
    question,
)
from sugartalkd.model import ReceiverZone

ZONE2, ZONE3 = ReceiverZone.ZONE2, ReceiverZone.ZONE3

ZONES = st.sampled_from(list(ReceiverZone))
SENDABLE = st.one_of(
    st.builds(UnitPower, st.booleans()),
    st.builds(ZonePower, st.booleans(), ZONES),
    st.builds(Volume, st.integers(0, 196), ZONES),
    st.builds(Mute, st.booleans(), ZONES),
    st.builds(Source, st.sampled_from([*INPUTS, *OTHER_INPUTS]), ZONES),
    st.builds(SoundMode, st.sampled_from(SOUND_MODES)),
    st.builds(Sleep, st.integers(0, 120), ZONES),
)


@given(SENDABLE)
def test_what_is_sent_is_read_back(change: Change) -> None:
    line = encode(change)
    assert parse(line) == change
    assert line.isascii()
    assert line.isprintable()
    assert len(line) <= 2 + 25


@given(st.integers(0, 196))
def test_every_half_step_has_one_form(half_steps: int) -> None:
    digits = encode_volume(half_steps)
    assert decode_volume(digits) == half_steps
    assert len(digits) == (3 if half_steps % 2 else 2)


@given(st.text())
def test_digits_are_a_volume_or_nothing(text: str) -> None:
    half_steps = decode_volume(text)
    assert half_steps is None or encode_volume(half_steps) == text


@given(st.text())
def test_any_line_is_a_change_or_nothing(line: str) -> None:
    for text in (line, *(code + line for code in ("MV", "MS", "SI", "Z2", "Z2MU", "SLP", "MVMAX", "PW"))):
        change = parse(text)
        assert change is None or type(change).__name__ in {
            "UnitPower", "ZonePower", "Volume", "VolumeLimit", "Mute", "Source", "SoundMode", "Sleep",
            "SettingChange", "ScreenText", "Frequency", "StationName",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("digits", "half_steps"),
    [("98", 196), ("805", 161), ("80", 160), ("795", 159), ("505", 101), ("005", 1), ("00", 0)],
)
def test_the_codec_is_the_makers_table(digits: str, half_steps: int) -> None:
    assert decode_volume(digits) == half_steps
    assert encode_volume(half_steps) == digits


@pytest.mark.parametrize(
    "digits", ["99", "503", "5", "-1", "985", "350", "", "5O", "٣٠", "0005", " 50", "--"]
)
def test_no_volume(digits: str) -> None:
    assert decode_volume(digits) is None
    assert parse("MV" + digits) is None


@pytest.mark.parametrize("half_steps", [-1, 197])
def test_no_volume_is_sent_off_the_scale(half_steps: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        encode(Volume(half_steps))


@pytest.mark.parametrize(
    ("line", "change"),
    [
        ("PWON", UnitPower(True)),
        ("PWSTANDBY", UnitPower(False)),
        ("ZMON", ZonePower(True)),
        ("ZMOFF", ZonePower(False)),
        ("MV50", Volume(100)),
        ("MV505", Volume(101)),
        ("MVMAX 98", VolumeLimit(196)),
        ("MVMAX 645", VolumeLimit(129)),
        ("MUON", Mute(True)),
        ("MUOFF", Mute(False)),
        ("SIBD", Source("BD")),
        ("SISAT/CBL", Source("SAT/CBL")),
        ("SISPOTIFY", Source("SPOTIFY")),
        ("SISOME NEW THING", Source("SOME NEW THING")),
        ("MSSTEREO", SoundMode("STEREO")),
        ("MSDOLBY SURROUND", SoundMode("DOLBY SURROUND")),
        ("MSDOLBY D+ +DS", SoundMode("DOLBY D+ +DS")),
        ("MSM CH IN+DS", SoundMode("M CH IN+DS")),
        ("SLPOFF", Sleep(0)),
        ("SLP010", Sleep(10)),
        ("Z2ON", ZonePower(True, ZONE2)),
        ("Z2TUNER", Source("TUNER", ZONE2)),
        ("Z2SOURCE", Source("SOURCE", ZONE2)),
        ("Z240", Volume(80, ZONE2)),
        ("Z2405", Volume(81, ZONE2)),
        ("Z2MUOFF", Mute(False, ZONE2)),
        ("Z2SLP030", Sleep(30, ZONE2)),
        ("Z2SLPOFF", Sleep(0, ZONE2)),
        ("Z3OFF", ZonePower(False, ZONE3)),
        ("Z3MUON", Mute(True, ZONE3)),
        ("NSE0Now Playing Media Server", ScreenText(0, "Now Playing Media Server")),
        ("NSE1\x01Café del Mar", ScreenText(1, "Café del Mar")),
        ("NSE2\x00Energy 52 ", ScreenText(2, "Energy 52")),
        ("NSE4\ufffdIbiza Cl\ufffd", ScreenText(4, "Ibiza Cl")),
        ("NSE5", ScreenText(5, "")),
        ("NSE6Plain", ScreenText(6, "Plain")),
        ("TFAN008750", Frequency("008750")),
        ("TFANNAMESUGAR FM", StationName("SUGAR FM")),
        ("MSQUICK2", SettingChange("quick_select", 2.0)),
    ],
)
def test_lines_of_a_receiver(line: str, change: Change) -> None:
    assert parse(line) == change


@pytest.mark.parametrize(
    "line",
    [
        "", "MV", "PW", "MUMAYBE", "MVMIN 00", "SI", "SI ", "MSQUICK7", "MSQUICK2 MEMORY", "MS",
        "Z2QUICK1", "Z2CVFL 50", "Z2STBYOFF", "Z2HPFON", "Z2NOSUCH", "Z2MU", "Z2SLP3", "SLP10", "SLPXXX",
        "ZMFAVORITE1", "CVEND", "PSDEL 030", "PSDYNEQON", "PSDYNEQ MAYBE", "CVFL 70", "CVXX 50", "STBY2H",
        "NSE9", "NSA0Now Playing", "TFAN8750", "OPSTS 0000000000000000", "SSINFAISFSV 48K", "SI\ufffd\ufffd",
        "MSD\x01LBY", "BridgeCo AG Telnet server", "pwon", " PWON",
    ],
)  # fmt: skip
def test_lines_that_say_nothing_to_us(line: str) -> None:
    assert parse(line) is None


@pytest.mark.parametrize(
    "change",
    [
        Source("cd"), Source("C" * 25), Source("CD?"), Source("CD\rPWSTANDBY"), Source("", ZONE2),
        ScreenText(0, "x"), Frequency("008750"), StationName("X"), SoundMode("DOLBY SURROUND"),
        SoundMode("LEFT"), SoundMode("STEREO", ZONE2), Sleep(121), Sleep(-1),
        VolumeLimit(196), UnitPower(True, ZONE2),
    ],
)  # fmt: skip
def test_only_what_the_tables_have_reaches_the_wire(change: Change) -> None:
    with pytest.raises(ValueError, match=r"sent|outside|known|name"):
        encode(change)


def test_questions() -> None:
    kinds = (UnitPower, ZonePower, Volume, Mute, Source, SoundMode, Sleep)
    assert [question(kind).text for kind in kinds] == ["PW?", "ZM?", "MV?", "MU?", "SI?", "MS?", "SLP?"]
    assert [question(kind, ZONE2).text for kind in (ZonePower, Volume, Source, Mute, Sleep)] == [
        "Z2?", "Z2?", "Z2?", "Z2MU?", "Z2SLP?"
    ]  # fmt: skip
    with pytest.raises(KeyError):
        question(VolumeLimit)
    with pytest.raises(KeyError):
        question(SoundMode, ZONE2)


# -- framing -------------------------------------------------------------------------------------------


@given(
    st.lists(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=135)),
    st.data(),
)
def test_lines_come_whole_however_they_were_cut(texts: list[str], data: st.DataObject) -> None:
    stream = "".join(text + "\r" for text in texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    lines = Lines()
    heard: list[str] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        heard += lines.feed(stream[start:end])
    assert heard == texts


@given(st.lists(st.binary()))
def test_any_bytes_are_survived(chunks: list[bytes]) -> None:
    lines = Lines()
    for chunk in chunks:
        assert all(lines.feed(chunk))
    assert lines.feed(b"\rPWON\r")[-1] == "PWON"


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"\r\r\rPWON\r\r", ["PWON"]),
        (b"PWON\r\nMV50\r\n\r", ["PWON", "MV50"]),
        (b"\xff\xfb\x01\xff\xfd\x03PWON\r", ["PWON"]),
        (b"\xff\xf1PW\xff\xffON\r", ["PWON"]),
        (b"NSE1\x01Caf\xc3\xa9\x00junk\xff\x00\xc3\r", ["NSE1\x01Café"]),
        (b"NSE2\x00Caf\xc3\xa9\x00junk\x00\r", ["NSE2\x00Café"]),
        (b"NSE0\x00junk\r", ["NSE0"]),
        (b"NSE2\x01Caf\xc3\r", ["NSE2\x01Caf\ufffd"]),
        (b"\xc3\x28\r\x00\x00\rMV50\r", ["\ufffd(", "MV50"]),
        (b"A" * (LONGEST_LINE + 1) + b"\rMV50\r", ["MV50"]),
        (b"A" * LONGEST_LINE + b"\r", ["A" * LONGEST_LINE]),
    ],
)
def test_odd_bytes(data: bytes, texts: list[str]) -> None:
    assert Lines().feed(data) == texts
    one_by_one = Lines()
    assert [text for byte in data for text in one_by_one.feed(bytes([byte]))] == texts


def test_megabytes_without_an_end_are_dropped() -> None:
    lines = Lines()
    for _ in range(8 * 16):
        assert lines.feed(b"A" * 65_536) == []
    assert lines.feed(b"AAA\rMV50\r") == ["MV50"]
