"""The settings of a receiver, against the simulated one on a real socket."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest

from sugartalkd.denon import settings
from sugartalkd.errors import BadPayload, NotConfirmed, ReceiverOffline, Unsupported
from sugartalkd.model import LinkWord, ReceiverZone
from sugartalkd.simulator.avr import AvrSimulator
from sugartalkd.simulator.avr_wire import ALL_CHANNELS
from sugartalkd.topics import setting
from tests.denon.test_receiver import DENON, QUICK, running, sent, until

if TYPE_CHECKING:
    from sugartalkd.model import ReceiverId, SettingValue

ZONE2: Final = ReceiverZone.ZONE2


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sugartalkd.denon.polling.SETTINGS_AFTER", 0.05)
    monkeypatch.setattr("sugartalkd.denon.polling.SETTINGS_GAP", 0.0)
    monkeypatch.setattr("sugartalkd.denon.polling.RECALL_TAKES", 0.05)


@dataclass
class Told:
    """What the receiver's owner was told of its settings."""

    names: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])

    def __call__(self, receiver: ReceiverId, names: tuple[str, ...]) -> None:
        assert receiver == DENON
        self.names.append(names)


def two_values(kind: setting.Kind) -> tuple[SettingValue, SettingValue]:
    """Two values that no setting has from the start, or that change it in turn."""
    match kind:
        case setting.Switch():
            return True, False
        case setting.Range(low, high):
            return low, high
        case setting.Steps(values):
            return float(values[1]), float(values[0])
        case setting.Words(words):
            return words[1], words[0]
        case setting.Recall(last):
            return 2.0, float(last)
        case setting.Picture():
            return "on", "off"


SWITCHED_ON: Final = {"PSTONE CTRL": "ON", "PSMULTEQ": "AUDYSSEY"}


@pytest.mark.parametrize("spec", setting.SPECS, ids=lambda spec: spec.name)
async def test_every_setting_both_ways(spec: setting.SettingSpec) -> None:
    async with (
        AvrSimulator(port=0, answer_delay=QUICK, speakers=ALL_CHANNELS) as avr,
        running(avr.port) as house,
    ):
        avr.state.settings |= SWITCHED_ON
        await house.main.ask_setting(spec.name)
        assert spec.name in house.state().settings, "it is answered and understood"
        for value in two_values(spec.kind):
            began = time.monotonic()
            await (await house.main.set_setting(spec.name, value))
            assert time.monotonic() - began < 0.5, "its own line confirms it, no question"
            heard = house.state().settings[spec.name]
            assert heard == value or (spec.name == "video_select" and heard == "BD")


async def test_all_of_it_is_asked_once_and_the_answers_are_told() -> None:
    told = Told()
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        avr.faults.mute_queries |= {"PSHEQ ?", "PSDRC ?"}
        async with running(avr.port, on_settings=told) as house:
            await until(lambda: bool(told.names), 8)
            [names] = told.names
            silent = {"headphone_eq", "drc", *(f"channel_level_{one.lower()}" for one in ALL_CHANNELS[8:])}
            assert set(names) == set(settings.NAMES) - silent
            assert house.state().settings.keys() == set(names)
            assert house.state().settings["dynamic_eq"] is True
            assert house.state().settings["eco"] == "auto"
            asked = [frame for frame in sent(avr) if frame.endswith("?")]
            assert len(asked) == len(set(asked)), "nothing is asked twice"
            assert "MSSMART ?" not in asked
            assert asked[:7] == ["PW?", "ZM?", "MV?", "MU?", "SI?", "MS?", "SLP?"]
            # A setting that is only heard later is told then.
            await avr.faults.send_raw(b"PSDRC LOW\r")
            await until(lambda: len(told.names) == 2)
            assert "drc" in told.names[-1]


async def test_settings_known_from_before_are_not_told_again() -> None:
    told = Told()
    async with (
        AvrSimulator(port=0, answer_delay=QUICK) as avr,
        running(avr.port, on_settings=told, settings_known=settings.NAMES) as house,
    ):
        await until(lambda: "quick_select" in house.state().settings, 8)
        assert told.names == []


async def test_commands_go_before_the_questions_and_keep_their_speed() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port, pacing=0.05) as house:
        await until(lambda: "PSDYNEQ ?" in sent(avr))
        for step in range(6):
            began = time.monotonic()
            await (await house.main.set_volume(30.0 + step))
            assert time.monotonic() - began < 0.25
        assert avr.min_gap >= 0.045


async def test_nothing_is_asked_in_standby_and_soon_after_power_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sugartalkd.denon.polling.SETTINGS_AFTER", 1.5)
    async with AvrSimulator(port=0, answer_delay=QUICK, boot_time=0.2) as avr:
        avr.state.power = avr.state.main.power = False
        async with running(avr.port) as house:
            await asyncio.sleep(1.7)
            assert sent(avr) == ["PW?", "ZM?"]
            await (await house.main.set_power(True))
            await until(lambda: "PSDYNEQ ?" in sent(avr), 6)
            at = {received.frame: received.at for received in avr.ledger}
            assert at["PSDYNEQ ?"] - at["PWON"] > 1.4
            assert at["PSDYNEQ ?"] > at["SLP?"]


async def test_settings_are_read_again_after_power_on() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK, boot_time=0.1) as avr, running(avr.port) as house:
        await until(lambda: "quick_select" in house.state().settings, 8)
        await (await house.main.set_power(False))
        assert house.state().settings["eco"] == "auto"
        avr.state.settings["ECO"] = "ON"
        began = len(avr.ledger)
        await (await house.main.set_power(True))
        await until(lambda: house.state().settings["eco"] == "on", 8)
        assert sent(avr, began).count("ECO?") == 1


@pytest.mark.parametrize(
    ("name", "value", "line", "text"),
    [
        ("bass", 3.0, "", r"bass 3, the receiver stays at 0; it acts only while tone_control is ON"),
        ("treble", -2.0, "", r"treble -2, .* tone_control is ON"),
        ("dynamic_eq", False, "", r"dynamic_eq OFF, the receiver stays at ON; .* multeq is not off"),
        (
            "all_zone_stereo",
            True,
            "MNZST ON",
            r"all_zone_stereo ON, .* OFF; it needs another zone that is on",
        ),
        ("eco", "on", "ECOON", r"asked for eco on, the receiver stays at auto$"),
        ("quick_select", 3.0, "MSQUICK3", r"quick_select 3, the receiver stays at 0$"),
    ],
)
async def test_a_setting_that_is_not_taken_says_what_it_needs(
    name: str, value: SettingValue, line: str, text: str
) -> None:
    async with (
        AvrSimulator(port=0, answer_delay=QUICK) as avr,
        running(avr.port, confirm_after=0.2) as house,
    ):
        avr.state.settings["PSMULTEQ"] = "OFF"
        avr.faults.swallow |= {line} if line else set()
        began = time.monotonic()
        with pytest.raises(NotConfirmed, match=text):
            await (await house.main.set_setting(name, value))
        assert time.monotonic() - began < 2
        assert value != house.state().settings[name]


async def test_a_setting_in_standby_says_that_it_is_off() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr:
        avr.state.power = avr.state.main.power = False
        async with running(avr.port, confirm_after=0.1) as house:
            with pytest.raises(NotConfirmed, match=r"it is off, switch it on first$"):
                await (await house.main.set_setting("bass", 1.0))


async def test_a_level_switches_its_adjustment_on() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        avr.state.settings |= {"PSDIL": "OFF", "PSDIL level": "525"}
        await house.main.ask_setting("dialog_level")
        assert house.state().settings["dialog_level"] == 0.0
        began = len(avr.ledger)
        await (await house.main.set_setting("dialog_level", -1.5))
        assert [frame for frame in sent(avr, began) if frame.startswith("PSDIL") and "?" not in frame] == [
            "PSDIL ON",
            "PSDIL 485",
        ]
        assert house.state().settings["dialog_level"] == -1.5
        began = len(avr.ledger)
        await (await house.main.set_setting("dialog_level", 2.0))
        assert [one for one in sent(avr, began) if one.startswith("PSDIL ON")] == []


async def test_the_picture_of_another_input() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        await (await house.main.set_setting("video_select", "GAME"))
        assert [frame for frame in sent(avr) if frame.startswith("SV") and "?" not in frame] == [
            "SVON",
            "SVGAME",
        ]
        assert house.state().settings["video_select"] == "GAME"
        await (await house.main.set_setting("video_select", "off"))
        assert house.state().settings["video_select"] == "off"
        with pytest.raises(ValueError, match="cannot be set"):
            await house.main.set_setting("video_select", "CD\rPWSTANDBY")


@pytest.mark.parametrize(
    ("name", "value", "lines"),
    [
        ("dynamic_volume", "heavy", ["PSDYNVOL HEV", "PSDYNVOL NGT"]),
        ("restorer", "low", ["PSRSTR LOW", "PSRSTR MODE3"]),
        ("quick_select", 2.0, ["MSQUICK2", "MSSMART2"]),
    ],
)
async def test_other_models_are_spoken_to_in_their_words(
    name: str, value: SettingValue, lines: list[str]
) -> None:
    async with (
        AvrSimulator(port=0, answer_delay=QUICK, old_words=True, marantz=True) as avr,
        running(avr.port, confirm_after=0.3) as house,
    ):
        # Nothing it said so far shows its form: `OFF` is the same in both, MSQUICK has not been asked for.
        await (await house.main.set_setting(name, value))
        assert [frame for frame in sent(avr) if frame in lines] == lines
        assert house.state().settings[name] == value
        began = len(avr.ledger)
        await (await house.main.set_setting(name, value))
        assert [frame for frame in sent(avr, began) if frame in lines] == lines[1:]


async def test_a_marantz_is_asked_for_its_smart_select() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK, marantz=True) as avr, running(avr.port) as house:
        await until(lambda: "quick_select" in house.state().settings, 8)
        assert [frame for frame in sent(avr) if frame in {"MSQUICK ?", "MSSMART ?"}] == [
            "MSQUICK ?",
            "MSSMART ?",
        ]
        await (await house.main.set_setting("quick_select", 1.0))
        assert "MSSMART1" in sent(avr)
        assert "MSQUICK1" not in sent(avr)


async def test_quick_select_is_asked_for_when_it_may_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        await until(lambda: "quick_select" in house.state().settings, 8)
        await (await house.main.set_setting("quick_select", 2.0))
        await until(lambda: house.state().volume == 42.0)
        assert house.state().input == "GAME"
        assert house.state().settings["quick_select"] == 2.0
        await avr.select_input("CD")  # the receiver does not say that the quick select is over
        await until(lambda: house.state().settings["quick_select"] == 0.0)
        monkeypatch.setattr("sugartalkd.denon.polling.SLEEP_INTERVAL", 0.1)
        await avr.select_input("BD")
        avr.state.main.quick = 3
        await until(lambda: house.state().settings["quick_select"] == 3.0)


async def test_changes_at_the_receiver_are_published() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        await avr.faults.send_raw(b"PSBAS 52\rDIM OFF\rPSMULTEQ:FLAT\r")
        await until(lambda: len(house.state().settings) == 3)
        assert house.state().settings == {"bass": 2.0, "dimmer": "off", "multeq": "flat"}


async def test_only_the_main_zone_has_settings() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port, ZONE2) as house:
        with pytest.raises(Unsupported, match=r"zone2 .* no settings"):
            await house.zone2.set_setting("bass", 1.0)
        await asyncio.sleep(0.3)
        assert "PSDYNEQ ?" not in sent(avr)
        assert house.state(ZONE2).settings == {}


@pytest.fixture
def calmly(monkeypatch: pytest.MonkeyPatch, quickly: None) -> None:
    """The settings are not asked for while the test runs."""
    monkeypatch.setattr("sugartalkd.denon.polling.SETTINGS_AFTER", 60.0)


# -- raw -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("calmly")
async def test_raw_returns_what_came_within_300_ms() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        assert await house.main.raw("PSDYNEQ ?") == ["PSDYNEQ ON"]
        assert await house.main.raw("NONSENSE") == []
        assert await house.zone2.raw("CV?") == [*(f"CV{one} 50" for one in ALL_CHANNELS[:8]), "CVEND"]
        avr.faults.late["PV"] = 0.6
        assert await house.main.raw("PV?") == []
        assert house.state().settings["dynamic_eq"] is True, "what is understood counts"


async def test_raw_is_not_disturbed_by_questions_of_our_own() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        await until(lambda: "PSDYNEQ ?" in sent(avr))
        began = len(avr.ledger)
        lines = await house.main.raw("PVBR ?")
        assert lines[-1:] == ["PVBR 050"]
        assert len(lines) <= 2, "but for the answer to what had been asked before"
        await until(lambda: "quick_select" in house.state().settings, 8)
        assert len(avr.ledger) > began + 10, "it goes on afterwards"


@pytest.mark.usefixtures("calmly")
async def test_raw_brings_junk_too_and_is_paced() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port, pacing=0.06) as house:
        first, second = await asyncio.gather(house.main.raw("MV?"), house.main.raw("VSASP ?"))
        assert "MV50" in first
        assert "VSASPFUL" in second
        assert avr.min_gap >= 0.05
        listening = asyncio.create_task(house.main.raw("MU?"))
        await until(lambda: sent(avr)[-1] == "MU?")
        await avr.faults.send_garbage()
        lines = await listening
        assert "MUOFF" in lines
        assert "MV9x" in lines
        assert "\ufffd(" in lines


@pytest.mark.usefixtures("calmly")
@pytest.mark.parametrize("line", ["", "MV50\rPWSTANDBY", "MV50\n", "MÜ?", "\x00", "X" * 135])
async def test_only_one_command_is_raw(line: str) -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        before = len(sent(avr))
        with pytest.raises(BadPayload):
            await house.main.raw(line)
        await asyncio.sleep(0.05)
        assert sent(avr, before) == []


async def test_raw_without_a_session_fails_at_once() -> None:
    async with AvrSimulator(port=0, answer_delay=QUICK) as avr, running(avr.port) as house:
        await avr.power_off_hard()
        await until(lambda: house.link.word is not LinkWord.ONLINE)
        with pytest.raises(ReceiverOffline):
            await house.main.raw("MV?")
