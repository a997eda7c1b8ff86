"""The wire forms of the settings, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sugartalkd.denon import settings
from sugartalkd.denon.protocol import parse, setting_questions, subject_of
from sugartalkd.denon.settings import SettingChange
from sugartalkd.topics import setting

if TYPE_CHECKING:
    from sugartalkd.model import SettingValue


def test_the_wire_table_has_the_contracts_settings() -> None:
    assert set(settings.NAMES) == set(setting.BY_NAME)


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("PSDYNEQ ON", "dynamic_eq", True),
        ("PSCINEMA EQ.OFF", "cinema_eq", False),
        ("PSLOM ON", "loudness_management", True),
        ("PSTONE CTRL OFF", "tone_control", False),
        ("PSGEQ ON", "graphic_eq", True),
        ("PSHEQ OFF", "headphone_eq", False),
        ("PSCES ON", "center_spread", True),
        ("PSNEURAL OFF", "neural_x", False),
        ("PSSWR ON", "subwoofer", True),
        ("MNZST OFF", "all_zone_stereo", False),
        ("PSBAS 44", "bass", -6.0),
        ("PSTRE 56", "treble", 6.0),
        ("PSDIL 505", "dialog_level", 0.5),
        ("PSDIL OFF", "dialog_level switch", False),
        ("PSSWL 38", "subwoofer_level", -12.0),
        ("PSSWL 00", "subwoofer_level", -12.0),
        ("PSSWL ON", "subwoofer_level switch", True),
        ("CVFL 485", "channel_level_fl", -1.5),
        ("CVC 62", "channel_level_c", 12.0),
        ("CVSW 00", "channel_level_sw", -12.0),
        ("CVSBL 50 ", "channel_level_sbl", 0.0),
        ("CVTMR 51", "channel_level_tmr", 1.0),
        ("PSLFE 00", "lfe", 0.0),
        ("PSLFE 10", "lfe", -10.0),
        ("PSDYNVOL HEV", "dynamic_volume", "heavy"),
        ("PSDYNVOL EVE", "dynamic_volume", "medium"),
        ("PSDYNVOL OFF", "dynamic_volume", "off"),
        ("PSMULTEQ:BYP.LR", "multeq", "bypass_lr"),
        ("PSREFLEV 10", "reference_level", "10"),
        ("PSDRC HI", "drc", "high"),
        ("PSRSTR LOW", "restorer", "low"),
        ("PSRSTR MODE1", "restorer", "high"),
        ("ECOAUTO", "eco", "auto"),
        ("DIM DAR", "dimmer", "dark"),
        ("SVON", "video_select", "on"),
        ("SVSAT/CBL", "video_select source", "SAT/CBL"),
        ("STBYOFF", "auto_standby", 0.0),
        ("STBY30M", "auto_standby", 30.0),
        ("PSDELAY 200", "audio_delay", 200.0),
        ("MSQUICK0", "quick_select", 0.0),
        ("MSSMART3", "quick_select", 3.0),
    ],
)
def test_lines_of_a_receiver(line: str, name: str, value: SettingValue) -> None:
    assert parse(line) == SettingChange(name, value)
    assert settings.parse(line) == parse(line)


@pytest.mark.parametrize(
    "line",
    [
        "PSDYNEQ", "PSDYNEQON", "PSDYNEQ TOGGLE", "PSDEL 030", "PSDELAY 201", "PSDELAY 20", "PSBAS 57",
        "PSBAS 00", "PSBAS 5", "PSLFE 11", "PSLFE -1", "PSMULTEQ AUDYSSEY", "PSMULTEQ:MANUAL", "PSDIL 503",
        "CVFL 70", "CVFL", "CVEND", "CVSW2 50", "MSQUICK6", "MSQUICK2 MEMORY", "MSSMART", "ECO", "DIM",
        "DIMBRI", "STBY2H", "SV", "SVon", "PSREFLEV 20", "PSRSTR MODE4", "psdyneq ON", " PSDYNEQ ON",
        "PSLFE \u0660\u0661",
    ],
)  # fmt: skip
def test_lines_that_say_no_setting(line: str) -> None:
    assert settings.parse(line) is None


def values(name: str) -> st.SearchStrategy[SettingValue]:
    match setting.BY_NAME[name].kind:
        case setting.Switch():
            return st.booleans()
        case setting.Range(low, high, step):
            return st.integers(round(low / step), round(high / step)).map(lambda steps: steps * step)
        case setting.Steps(listed):
            return st.sampled_from([float(one) for one in listed])
        case setting.Words(listed):
            return st.sampled_from(listed)
        case setting.Recall(last):
            return st.integers(1, last).map(float)
        case setting.Picture():
            return st.sampled_from(["on", "off", "SAT/CBL", "BD"])


@given(st.sampled_from(settings.NAMES).flatmap(lambda name: st.tuples(st.just(name), values(name))))
def test_whatever_the_contract_takes_can_be_sent_and_is_read_back(given: tuple[str, SettingValue]) -> None:
    name, value = given
    change = settings.wanted(name, value)
    lines = settings.encode(change)
    for line in lines:
        heard = settings.parse(line)
        assert heard == change
        assert line.isascii()
        assert line.isprintable()
        assert len(line) <= 2 + 25
        if heard is not None and heard.form is not None:
            assert settings.encode(change, heard.form) == (line,)
    assert settings.whole_of(change.name) == name
    assert settings.wholes({change.name: value, "video_select": "on"})[name] == value or value == "off"


@given(st.text())
def test_any_line_is_a_setting_or_nothing(line: str) -> None:
    for head in ("PSDIL ", "CVFL ", "SV", "MSQUICK", "PSLFE ", "PSDELAY ", "PSREFLEV ", ""):
        heard = settings.parse(head + line)
        assert heard is None or heard.name in settings.BY_NAME


def test_old_models_have_their_own_words() -> None:
    assert settings.encode(SettingChange("dynamic_volume", "medium")) == ("PSDYNVOL MED", "PSDYNVOL EVE")
    assert settings.encode(SettingChange("dynamic_volume", "medium"), 1) == ("PSDYNVOL EVE",)
    assert settings.encode(SettingChange("dynamic_volume", "off")) == ("PSDYNVOL OFF",)
    for line, form in (("PSDYNVOL NGT", 1), ("PSDYNVOL LIT", 0), ("PSDYNVOL OFF", None), ("MSSMART1", 1)):
        heard = settings.parse(line)
        assert heard is not None
        assert heard.form == form


def test_questions_have_the_makers_spaces() -> None:
    texts = {text for name in settings.BY_NAME for text in settings.questions(name)}
    assert texts == {
        "PSDYNEQ ?", "PSCINEMA EQ. ?", "PSLOM ?", "PSTONE CTRL ?", "PSGEQ ?", "PSHEQ ?", "PSCES ?",
        "PSNEURAL ?",
        "PSSWR ?", "MNZST?", "PSBAS ?", "PSTRE ?", "PSDIL ?", "PSSWL ?", "CV?", "PSLFE ?", "PSDYNVOL ?",
        "PSMULTEQ: ?", "PSREFLEV ?", "PSDRC ?", "PSRSTR ?", "ECO?", "DIM ?", "SV?", "STBY?", "PSDELAY ?",
        "MSQUICK ?", "MSSMART ?",
    }  # fmt: skip
    assert [one.text for one in setting_questions("quick_select", 1)] == ["MSSMART ?"]
    assert len({subject_of(SettingChange(name, True)) for name in settings.BY_NAME}) == len(settings.BY_NAME)


def test_wholes_are_put_together_from_what_was_heard() -> None:
    assert settings.wholes({"dialog_level": 1.5, "dialog_level switch": True}) == {"dialog_level": 1.5}
    assert settings.wholes({"dialog_level": 1.5, "dialog_level switch": False}) == {"dialog_level": 0.0}
    assert settings.wholes({"dialog_level switch": True}) == {}
    assert settings.wholes({"video_select": "on", "video_select source": "BD"}) == {"video_select": "BD"}
    assert settings.wholes({"video_select": "off", "video_select source": "BD"}) == {"video_select": "off"}
    assert settings.wholes({"video_select source": "BD"}) == {}
    assert settings.wholes({"video_select": "on"}) == {"video_select": "on"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bass", 7.0),
        ("lfe", 1.0),
        ("dimmer", "glowing"),
        ("video_select", "CD\rPWSTANDBY"),
        ("auto_standby", 10.0),
    ],
)
def test_only_what_the_table_has_reaches_the_wire(name: str, value: SettingValue) -> None:
    with pytest.raises(ValueError, match="cannot be set"):
        settings.encode(settings.wanted(name, value))
