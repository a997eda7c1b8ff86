"""Settings, raw commands and the receiver's own sources over MQTT, end to end."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any, Final

import pytest

from sugartalkd.simulator.avr_http import AvrHttp
from tests.house import Broker, House, Watcher, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LATER: Final = "sugartalkd.denon.polling.SETTINGS_AFTER"


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LATER, 0.1)
    monkeypatch.setattr("sugartalkd.denon.polling.SETTINGS_GAP", 0.0)
    monkeypatch.setattr("sugartalkd.denon.polling.SCREEN_INTERVAL", 0.2)


@pytest.fixture
async def house(broker: Broker, watcher: Watcher, tmp_path: Path, address: str) -> AsyncIterator[House]:
    async with running(broker, tmp_path, address, allow_raw=True) as one:
        await watcher.wait("living_room/setting/eco", "auto", 15)
        yield one


def zone_of(watcher: Watcher, zone: str) -> dict[str, Any]:
    return next(one for one in watcher.json("bridge/zones") if one["id"] == zone)


async def test_settings_are_offered_published_and_set(house: House, watcher: Watcher) -> None:
    await watcher.until(lambda: "quick_select" in zone_of(watcher, "living_room")["settings"], 10)
    zone = zone_of(watcher, "living_room")
    assert "settings" in zone["capabilities"]
    assert "channel_level_tfl" not in zone["settings"]
    assert zone_of(watcher, "den")["settings"] == []
    assert watcher.text("den/setting/eco") is None
    assert watcher.text("living_room/setting/channel_level_tfl") is None
    await watcher.wait("living_room/setting/dynamic_eq", "ON")
    await watcher.wait("living_room/setting/bass", "0")
    reply = await watcher.ask("living_room/setting/dynamic_eq/set", "toggle")
    assert (reply["status"], reply["action"]) == ("ok", "setting/dynamic_eq/set")
    await watcher.wait("living_room/setting/dynamic_eq", "OFF")
    assert (await watcher.ask("living_room/setting/eco/set", {"value": "ON"}))["status"] == "ok"
    await watcher.wait("living_room/setting/eco", "on")
    await watcher.until(lambda: watcher.json("living_room").get("settings", {}).get("eco") == "on")
    assert (await watcher.ask("living_room/setting/video_select/set", "tv BOX"))["status"] == "ok"
    await watcher.wait("living_room/setting/video_select", "TV box")
    assert house.frames("SVSAT") == ["SVSAT/CBL"]
    house.avr.state.settings["PSTONE CTRL"] = "OFF"
    reply = await watcher.ask("living_room/setting/bass/set", "3")
    assert reply["error_code"] == "not_confirmed"
    assert "tone_control is ON" in reply["error"]
    reply = await watcher.ask("living_room/set", {"setting/tone_control": "ON", "setting/bass": 3})
    assert reply["data"] == {"setting/tone_control": "ok", "setting/bass": "ok"}
    await watcher.wait("living_room/setting/bass", "3")


async def test_two_quick_toggles_are_none(house: House, watcher: Watcher) -> None:
    await watcher.wait("living_room/setting/neural_x", "ON", 10)
    replies = await asyncio.gather(
        *(watcher.ask("living_room/setting/neural_x/set", "toggle") for _ in range(2))
    )
    assert [one["status"] for one in replies] == ["ok", "ok"]
    assert house.frames("PSNEURAL O") == ["PSNEURAL OFF", "PSNEURAL ON"]
    await watcher.wait("living_room/setting/neural_x", "ON")


@pytest.mark.parametrize(
    ("topic", "payload", "code", "text"),
    [
        ("living_room/setting/channel_level_tfl/set", "1", "unsupported", "does not answer when asked"),
        ("den/setting/eco/set", "on", "unsupported", "main zone"),
        ("kitchen/setting/eco/set", "on", "unsupported", "no receiver"),
        ("living_room/setting/base/set", "1", "unknown_action", "did you mean 'bass'"),
        ("living_room/setting/bass/set", "7", "out_of_range", "-6 to 6"),
        ("living_room/setting/video_select/set", "no such", "out_of_range", "has no input"),
        ("kitchen/receiver/raw", "PW?", "unsupported", "no receiver"),
    ],
)
async def test_refusals(
    house: House, watcher: Watcher, topic: str, payload: str, code: str, text: str
) -> None:
    await watcher.wait("living_room/setting/bass", "0", 10)
    reply = await watcher.ask(topic, payload)
    assert reply["error_code"] == code
    assert text in reply["error"]


async def test_a_toggle_asks_first_when_nothing_is_known(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(broker, tmp_path, address):
        await watcher.wait("living_room/setting/dynamic_eq", "ON", 10)
        await watcher.until(lambda: "quick_select" in zone_of(watcher, "living_room")["settings"], 10)
    monkeypatch.setattr(LATER, 60.0)
    await watcher.wait("bridge/state", "offline")
    seen = len(watcher.all("bridge/connection/receiver/denon"))
    async with running(broker, tmp_path, address) as house:
        # What the receiver can do is known from the file; the values are not.
        await watcher.until(
            lambda: any(
                one.text == "online" for one in watcher.all("bridge/connection/receiver/denon")[seen:]
            )
        )
        await asyncio.sleep(0.5)
        assert watcher.text("living_room/setting/dynamic_eq") == "ON", "the old value stands for 10 s"
        assert "dynamic_eq" in zone_of(watcher, "living_room")["settings"]
        reply = await watcher.ask("living_room/setting/dynamic_eq/set", "toggle")
        assert reply["status"] == "ok"
        assert house.frames("PSDYNEQ") == ["PSDYNEQ ?", "PSDYNEQ OFF"]
        await watcher.wait("living_room/setting/dynamic_eq", "OFF")
        house.avr.faults.mute_queries.add("PSLOM ?")
        reply = await watcher.ask("living_room/setting/loudness_management/set", "toggle")
        assert reply["error_code"] == "not_confirmed"
        assert "send ON or OFF" in reply["error"]


async def test_settings_of_a_zone_that_is_gone_are_cleared(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    async with running(broker, tmp_path, address):
        await watcher.wait("living_room/setting/eco", "auto", 10)
        await watcher.until(lambda: "eco" in zone_of(watcher, "living_room")["settings"])
    zones = {"kitchen": {"player": "Kitchen"}, "hall": {"receiver": "denon"}}
    async with running(broker, tmp_path, address, zones=zones):
        await watcher.wait("living_room/setting/eco", "")
        await watcher.wait("hall/setting/eco", "auto", 10)


async def test_raw_is_answered_with_what_came(house: House, watcher: Watcher) -> None:
    await watcher.until(lambda: "quick_select" in zone_of(watcher, "living_room")["settings"], 10)
    reply = await watcher.ask("living_room/receiver/raw", "PVBR ?")
    assert reply["status"] == "ok"
    assert "PVBR 050" in reply["data"]["lines"]
    reply = await watcher.ask("den/receiver/raw", {"command": "VSAUDIO ?"})
    assert "VSAUDIO AMP" in reply["data"]["lines"]
    reply = await watcher.ask("living_room/receiver/raw", "X" * 135)
    assert reply["error_code"] == "bad_payload"
    reply = await watcher.ask("living_room/receiver/raw", "MV50\rPWSTANDBY")
    assert reply["error_code"] == "bad_payload"
    assert house.frames("PWSTANDBY") == []


async def test_raw_is_forbidden_unless_allowed(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str
) -> None:
    async with running(broker, tmp_path, address) as house:
        await watcher.wait("bridge/connection/receiver/denon", "online")
        reply = await watcher.ask("living_room/receiver/raw", "PVBR ?")
        assert reply["error_code"] == "forbidden"
        assert "allow_raw: true" in reply["error"]
        assert house.frames("PVBR") == []


async def test_own_sources_are_shown_and_players_are_left_to_themselves(
    house: House, watcher: Watcher
) -> None:
    assert house.frames("NSE") == [], "HEOS is on that input and tells better"
    await house.avr.select_input("BT")
    await watcher.wait("living_room/title", "Café del Mar")
    assert watcher.text("living_room/state") == "on"
    await watcher.until(lambda: watcher.json("living_room/now_playing")["artist"] == "Energy 52")
    now = watcher.json("living_room/now_playing")
    assert (now["source"], now["source_name"], now["state"]) == ("receiver", "BT", "on")
    await house.avr.select_input("SAT/CBL")
    await watcher.wait("living_room/title", "None")
    await watcher.until(lambda: watcher.json("living_room/now_playing")["source_name"] == "TV box")


async def test_names_of_inputs_come_over_http_and_are_remembered(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AvrHttp(host=address, renamed={"CD": "Turntable"}, deleted={"DVD"}) as web:
        monkeypatch.setattr("sugartalkd.denon.identity.PORTS", (web.port,))
        async with running(broker, tmp_path, address):
            await watcher.until(
                lambda: (
                    "sugartalk/bridge/zones" in watcher.newest
                    and {"id": "CD", "name": "CD", "label": "Turntable", "hidden": False}
                    in zone_of(watcher, "living_room")["inputs"]
                )
            )
            inputs = {one["id"]: one for one in zone_of(watcher, "den")["inputs"]}
            assert inputs["DVD"]["hidden"] is True
            assert (await watcher.ask("living_room/input/set", "turntable"))["status"] == "ok"
            await watcher.wait("living_room/input", "CD")
    kept = json.loads((tmp_path / "state/receivers.json").read_text())
    assert kept["denon"]["labels"] == {"CD": "Turntable"}
    assert kept["denon"]["mac"] == "0005CD000001"


async def test_http_can_be_switched_off_and_a_broken_file_is_no_reason_not_to_start(
    broker: Broker, watcher: Watcher, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/receivers.json").write_text('{"denon": {"host": 3}, "x"')
    with socket.socket() as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    config: dict[str, Any] = {"receivers": {"denon": {"host": address, "port": port, "http": "off"}}}
    async with AvrHttp(host=address) as web:
        monkeypatch.setattr("sugartalkd.denon.identity.PORTS", (web.port,))
        async with running(broker, tmp_path, address, avr_settings={"port": port}, **config):
            await watcher.wait("living_room/setting/eco", "auto", 10)
        assert web.requests == []
    assert "eco" in json.loads((tmp_path / "state/receivers.json").read_text())["denon"]["settings"]


async def test_get_asks_one_setting(house: House, watcher: Watcher) -> None:
    house.avr.state.settings["ECO"] = "ON"  # changed without a word
    assert (await watcher.ask("living_room/get", "setting/eco"))["status"] == "ok"
    await watcher.wait("living_room/setting/eco", "on")
    assert (await watcher.ask("living_room/get", "setting/colour"))["error_code"] == "bad_payload"
    assert (await watcher.ask("den/get", "setting/eco"))["error_code"] == "unsupported"


async def test_a_raw_command_is_answered_though_nobody_asks(house: House, watcher: Watcher) -> None:
    await watcher.publish("living_room/receiver/raw", "PSDYNEQ ?")
    await watcher.until(lambda: watcher.all("living_room/result"))
    assert "PSDYNEQ ON" in watcher.json("living_room/result")["data"]["lines"]
    reply = await watcher.ask("living_room/receiver/raw", {"value": "MU?", "transaction": "t"})
    assert reply["data"]["lines"] == ["MUOFF"]
