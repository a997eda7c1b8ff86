"""Payloads: what is read, what is refused, what is written."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sugartalkd.command import TOGGLE, Absolute, BridgeCommand, Percent, PlayFavorite, Steps, ZoneCommand
from sugartalkd.errors import BadPayload, OutOfRange, SugartalkError
from sugartalkd.model import RECEIVER_SCALE, VolumeScale
from sugartalkd.mqtt.router import address
from sugartalkd.topics import COMMANDS, REQUESTS, STATES, payload
from sugartalkd.volume import Resolved, resolve, round_half_up


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("35", Absolute(35)),
        ("35.5", Absolute(35.5)),
        ("0.5", Absolute(0.5)),
        ("50%", Percent(50)),
        ("12.5 %", Percent(12.5)),
        ("+2", Steps(2)),
        ("-2", Steps(-2)),
        ("up", Steps(1)),
        ("DOWN", Steps(-1)),
        (35, Absolute(35)),
        (35.5, Absolute(35.5)),
        (-2, Steps(-2)),
        (0, Absolute(0)),
    ],
)
def test_volumes_that_are_understood(given_: str | float, expected: object) -> None:
    assert payload.volume(given_) == expected


@pytest.mark.parametrize(
    "given_",
    ["", "loud", "0.35", "0.999", "1e2", "NaN", "inf", "٣٥", "35 36", "--2", "+50%", [35], None, {}, "0x1f"],
)
def test_volumes_that_are_not(given_: payload.Json) -> None:
    with pytest.raises(BadPayload):
        payload.volume(given_)


def test_a_fraction_gets_a_hint() -> None:
    with pytest.raises(BadPayload, match=r"did you mean 35%\?"):
        payload.volume("0.35")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ON", True), ("off", False), ("1", True), ("no", False), ("Toggle", TOGGLE), (True, True), (0, False)],
)
def test_on_and_off(text: str | bool, expected: object) -> None:
    assert payload.on_off(text, "mute") is expected


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xfe",
        b"a\x00b",
        b"30\r\nheos://system/reboot",
        b"x" * 65_537,
        json.dumps({"value": "a\rb"}).encode(),
        b'{"value": "\\ud800"}',
        b'{"value": 1e999}',
        b'{"a": {"b": ["\\u0007"]}}',
    ],
)
def test_bytes_that_are_refused_whole(raw: bytes) -> None:
    with pytest.raises(BadPayload):
        payload.read(raw)


def test_what_is_not_an_object_is_text() -> None:
    assert payload.read(b" 35\n") == "35"
    assert payload.read(b"{bad json") == "{bad json"
    assert payload.read(b'{"value": NaN}') == '{"value": NaN}'
    assert payload.read(b"[" * 60_000) == "[" * 60_000
    assert payload.read(b'{"a":' * 10_000) == '{"a":' * 10_000
    assert payload.read(b'{\n  "value": 1\n}') == {"value": 1}


def test_a_transaction_may_be_any_json_but_not_long() -> None:
    assert payload.transaction({"transaction": 0}) == 0
    assert payload.transaction({"transaction": {"a": [1]}}) == {"a": [1]}
    with pytest.raises(BadPayload):
        payload.transaction({"transaction": "x" * 1_100})


AnyCommand = (*get_args(ZoneCommand), *get_args(BridgeCommand))

# -- every row ---------------------------------------------------------------------------------------

_hostile = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.dictionaries(
        st.sampled_from(["value", "command", "url", "volume", "power", "transaction", "level", "zone", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
            lambda children: st.lists(children, max_size=3),
            max_leaves=5,
        ),
        max_size=4,
    ).map(lambda content: json.dumps(content).encode()),
)


@given(raw=_hostile)
@pytest.mark.parametrize(
    "topic", [f"room/{row.path}" for row in COMMANDS] + [f"bridge/request/{row.action}" for row in REQUESTS]
)
def test_any_bytes_are_a_command_or_a_named_refusal(topic: str, raw: bytes) -> None:
    try:
        taken: object = address(topic).parse(payload.read(raw))
    except SugartalkError as refusal:
        taken = refusal
    assert isinstance(taken, (SugartalkError, *AnyCommand))


@pytest.mark.parametrize("text", ["7", "977", "9" * 5000])
def test_a_favourite_given_as_text_may_be_a_name_of_digits(text: str) -> None:
    raw = json.dumps({"favorite": text}).encode()
    assert address("kitchen/play").parse(payload.read(raw)) == PlayFavorite(text)


def test_every_path_is_unique() -> None:
    paths = (
        [row.path for row in STATES]
        + [row.path for row in COMMANDS]
        + [f"request/{row.action}" for row in REQUESTS]
    )
    assert len(paths) == len(set(paths))


# -- volumes -----------------------------------------------------------------------------------------


@given(st.integers(0, 196))
def test_every_half_step_survives(half: int) -> None:
    assert resolve(Absolute(half / 2), RECEIVER_SCALE, None, None) == Resolved(half / 2)


@given(st.floats(0, 98))
def test_rounding_goes_half_up_to_the_nearest_step(value: float) -> None:
    rounded = round_half_up(value, 0.5)
    assert abs(rounded - value) <= 0.25
    assert (rounded * 2).is_integer()


def test_rounding_of_exact_halves() -> None:
    assert round_half_up(35.25, 0.5) == 35.5
    assert round_half_up(35.75, 0.5) == 36.0
    assert round_half_up(20.5, 1) == 21


def test_the_limit_clamps_and_says_so() -> None:
    assert resolve(Absolute(90), RECEIVER_SCALE, 80, None) == Resolved(80, clamped=True)
    assert resolve(Percent(100), RECEIVER_SCALE, 80, None) == Resolved(80, clamped=True)
    assert resolve(Steps(5), RECEIVER_SCALE, 80, 78) == Resolved(80, clamped=True)
    assert resolve(Steps(-5), RECEIVER_SCALE, 80, 2) == Resolved(0)
    assert resolve(Steps(1), RECEIVER_SCALE, 80, 85) == Resolved(80, clamped=True)
    assert resolve(Steps(1), RECEIVER_SCALE, 80, None) is None


@pytest.mark.parametrize("value", [98.5, 200, 1_000_000])
def test_off_the_scale_is_out_of_range(value: float) -> None:
    with pytest.raises(OutOfRange):
        resolve(Absolute(value), RECEIVER_SCALE, 80, None)


@given(
    st.one_of(
        st.builds(Absolute, st.floats(0, 100)),
        st.builds(Steps, st.floats(-200, 200)),
        st.builds(Percent, st.floats(0, 100)),
    ),
    st.floats(0, 100),
    st.one_of(st.none(), st.floats(0, 100)),
)
def test_what_is_sent_is_on_the_scale_and_below_the_limit(
    change: Absolute | Steps | Percent, current: float, limit: float | None
) -> None:
    scale = VolumeScale(maximum=100, step=1)
    target = resolve(change, scale, limit, current)
    assert target is not None
    assert 0 <= target.value <= 100
    assert target.value % 1 == 0
    assert limit is None or target.value <= limit
