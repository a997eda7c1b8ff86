"""Receiver settings as the contract has them: names, payloads, topics."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from sugartalkd.command import TOGGLE, SetMany, SetSetting
from sugartalkd.errors import BadPayload, OutOfRange, SugartalkError, UnknownAction
from sugartalkd.merge import ZoneState
from sugartalkd.model import (
    Capability,
    Input,
    LinkWord,
    Owner,
    ReceiverId,
    ReceiverState,
    SettingValue,
    Zone,
    ZoneId,
)
from sugartalkd.mqtt.router import address
from sugartalkd.state import now
from sugartalkd.topics import COMMANDS, STATES, SUBSCRIPTIONS, payload, setting
from sugartalkd.topics.zone_state import snapshot

CONTRACT: Final = Path(__file__).parent / "data/contract.md"

ZONE: Final = Zone(
    ZoneId("den"),
    "Den",
    receiver=ReceiverId("denon"),
    owner=Owner.RECEIVER,
    inputs=(Input("SAT/CBL", "TV box"),),
    settings=tuple(setting.BY_NAME),
    capabilities=frozenset(Capability),
)


def contract_names() -> set[str]:
    """The names in section 3.1, channel levels written out."""
    [section] = re.findall(r"^### 3\.1 .*?$(.*?)^## ", CONTRACT.read_text(), re.MULTILINE | re.DOTALL)
    section = section.split("Picture,")[0]
    names: set[str] = set()
    for quoted in re.findall(r"`([^`]+)`", section):
        for name in quoted.split():
            if name.startswith("channel_level"):
                names |= {f"channel_level_{code}" for code in setting.CHANNELS}
            elif "/" not in name:
                names.add(name)
    return names


def test_the_list_is_the_contracts() -> None:
    assert contract_names() == set(setting.BY_NAME)
    assert {row.path for row in STATES if row.path.startswith("setting/")} == {
        f"setting/{name}" for name in contract_names()
    }
    assert {row.path for row in COMMANDS if row.path.startswith("setting/")} == {
        f"setting/{name}/set" for name in contract_names()
    }
    assert "+/setting/+/set" in SUBSCRIPTIONS
    assert set(setting.CHANNELS) == {
        "fl", "fr", "c", "sw", "sl", "sr", "sbl", "sbr", "sb", "fhl", "fhr",
        "tfl", "tfr", "tmr", "tml", "fdl", "fdr", "sdl", "sdr",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("dynamic_eq", "on", True),
        ("dynamic_eq", '{"value": false}', False),
        ("cinema_eq", "Toggle", TOGGLE),
        ("bass", "-3", -3.0),
        ("bass", "+2.5", 3.0),
        ("dialog_level", "1.25", 1.5),
        ("channel_level_fl", '{"value": -1.5}', -1.5),
        ("lfe", "-10", -10.0),
        ("dynamic_volume", "HEAVY", "heavy"),
        ("multeq", "bypass_lr", "bypass_lr"),
        ("reference_level", "15", "15"),
        ("reference_level", '{"value": 5}', "5"),
        ("eco", "Auto", "auto"),
        ("video_select", "ON", "on"),
        ("video_select", "TV box", "TV box"),
        ("auto_standby", "30", 30.0),
        ("auto_standby", "off", 0.0),
        ("audio_delay", "199.6", 200.0),
        ("quick_select", "3", 3.0),
    ],
)
def test_payloads(name: str, raw: str, value: object) -> None:
    command = address(f"den/setting/{name}/set").parse(payload.read(raw.encode()))  # pyright: ignore[reportAttributeAccessIssue]
    assert command == SetSetting(name, value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "raw", "refusal", "text"),
    [
        ("dynamic_eq", "maybe", BadPayload, "ON, OFF or toggle"),
        ("bass", "toggle", BadPayload, "a number from -6 to 6"),
        ("bass", "7", OutOfRange, "-6 to 6"),
        ("lfe", "1", OutOfRange, "-10 to 0"),
        ("dimmer", "toggle", BadPayload, "bright, dim, dark, off"),
        ("auto_standby", "20", BadPayload, "0, 15, 30, 60"),
        ("quick_select", "0", OutOfRange, "takes 1 to 5"),
        ("quick_select", "6", OutOfRange, "0 to 5"),
        ("video_select", '{"value": null}', BadPayload, "single value"),
        ("base", "1", UnknownAction, "no setting 'base'; did you mean 'bass'"),
        ("zzz", "1", UnknownAction, "there are dynamic_eq, cinema_eq"),
    ],
)
def test_refusals(name: str, raw: str, refusal: type[SugartalkError], text: str) -> None:
    with pytest.raises(refusal, match=text):
        address(f"den/setting/{name}/set").parse(payload.read(raw.encode()))


def test_several_at_once_take_settings_too() -> None:
    parsed = address("den/set").parse(payload.read(b'{"setting/bass": 2, "volume": 30, "setting/eco": "on"}'))
    assert isinstance(parsed, SetMany)
    assert [name for name, _ in parsed.settings] == ["volume", "setting/bass", "setting/eco"]
    with pytest.raises(BadPayload, match="did you mean 'setting/bass'"):
        address("den/set").parse(payload.read(b'{"setting/base": 2}'))


def state(settings: dict[str, SettingValue], zone: Zone = ZONE) -> ZoneState:
    return ZoneState(zone, ReceiverState(True, settings=settings), receiver_word=LinkWord.ONLINE)


@pytest.mark.parametrize(
    ("name", "value", "published"),
    [
        ("dynamic_eq", True, b"ON"),
        ("bass", -3.0, b"-3"),
        ("dialog_level", -1.5, b"-1.5"),
        ("lfe", 0.0, b"0"),
        ("multeq", "bypass_lr", b"bypass_lr"),
        ("reference_level", "10", b"10"),
        ("video_select", "SAT/CBL", b"TV box"),
        ("video_select", "off", b"off"),
        ("auto_standby", 60.0, b"60"),
        ("quick_select", 0.0, b"0"),
    ],
)
def test_what_is_published(name: str, value: SettingValue, published: bytes) -> None:
    row = next(row for row in STATES if row.path == f"setting/{name}")
    assert row.render(state({name: value})) == published
    assert row.render(state({})) == b"None"
    assert row.has(ZONE)
    assert not row.has(replace(ZONE, settings=()))


def test_a_setting_that_is_asked_for_late_leaves_the_old_value_alone_after_a_start() -> None:
    row = next(row for row in STATES if row.path == "setting/bass")
    young = replace(state({}), young=True)
    assert row.render(young) is None
    assert row.render(replace(young, young=False)) == b"None"
    assert row.render(replace(young, receiver_word=LinkWord.OFFLINE, receiver_settled=True)) == b"None"
    assert row.render(replace(state({"bass": 2.0}), young=True)) == b"2"


def test_settings_are_an_object_of_their_own_in_the_snapshot() -> None:
    zone = replace(ZONE, settings=("bass", "eco"))
    rows = tuple(row for row in STATES if row.has(zone))
    content = snapshot(rows, state({"bass": -1.0, "eco": "on", "treble": 3.0}, zone), now())
    assert isinstance(content, dict)
    assert content["settings"] == {"bass": -1, "eco": "on"}
    assert not [key for key in content if "/" in key]
    rows = tuple(row for row in STATES if row.has(replace(ZONE, settings=())))
    bare = snapshot(rows, state({}), now())
    assert isinstance(bare, dict)
    assert "settings" not in bare
