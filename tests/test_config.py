"""The configuration: every fault at once and in plain words, secrets from files, changes that are kept."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from sugartalkd.config import Loaded, changed, load, masked, save_settings
from sugartalkd.errors import ConfigurationFault

ROOT: Final = Path(__file__).parent.parent
HOUSE: Final[dict[str, Any]] = {"heos": {"host": "auto"}, "receivers": {"denon": {"host": "10.0.0.9"}}}


def _load(folder: Path, content: str | dict[str, Any] = "", **environ: str) -> Loaded:
    file = folder / "config.yaml"
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    file.write_text(text)
    return load(file, {"STATE_DIRECTORY": str(folder / "state"), **environ})


def _faults(folder: Path, content: str | dict[str, Any], **environ: str) -> str:
    with pytest.raises(ConfigurationFault) as caught:
        _load(folder, content, **environ)
    return str(caught.value)


def test_the_example_is_valid_and_so_is_every_line_of_it(tmp_path: Path) -> None:
    text = (ROOT / "config.yaml").read_text()
    assert load(ROOT / "config.yaml", {}).config.mqtt.host == "127.0.0.1"
    (tmp_path / "mqtt.password").write_text("a\n")
    (tmp_path / "heos.password").write_text("b\n")
    all_of_it = re.sub(r"^(\s*)# (?=\S+:|  )", r"\1", text, flags=re.MULTILINE)
    config = _load(tmp_path, all_of_it).config
    assert config.zones["living_room"].inputs == {"TV box": "SAT/CBL", "Turntable": "AUX1"}
    assert config.mqtt.password is not None
    assert config.mqtt.password.get_secret_value() == "a"
    assert config.mqtt.tls.enabled


def test_nothing_at_all_is_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load(None, {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)})
    assert loaded.path is None
    assert loaded.config.heos is None


def test_every_fault_is_named_with_its_line(tmp_path: Path) -> None:
    text = _faults(
        tmp_path,
        "mqtt:\n  hots: x\n  port: 70000\nreceivers:\n  denon: {host: 'a b'}\nlog: {level: loud}\n"
        "zones:\n  attic: {max_volume: 300}\n",
    )
    assert "config.yaml:2: mqtt.hots: is not known; did you mean 'host'?" in text
    assert "config.yaml:3: mqtt.port: 70000 is not a port, 1 to 65535" in text
    assert "config.yaml:5: receivers.denon.host" in text
    assert "config.yaml:6: log.level: 'loud' is not one of" in text
    assert "config.yaml:8: zones.attic.max_volume: 300 is out of range" in text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("mqtt: [", "not valid YAML"),
        ("- a", "mapping"),
        ("mqtt: {host: a}\nmqtt: {host: b}", "is there twice, first on line 1"),
        ("mqtt: 5", "section"),
        ({"mqtt": {"base_topic": "a/#"}}, "not a topic to publish under"),
        ({"mqtt": {"base_topic": "a//b"}}, "not a topic to publish under"),
        ({"mqtt": {"base_topic": "homeassistant/x"}}, "lies under homeassistant.prefix"),
        ({"zones": {"Living Room": {"player": "x"}}, "heos": {}}, "is not an id"),
        ({"zones": {"bridge": {"player": "x"}}, "heos": {}}, "is not an id"),
        ({"zones": {"a": {}}}, "needs a receiver, a player or a renderer"),
        ({"zones": {"a": {"receiver": "denn"}}, **HOUSE}, "did you mean 'denon'?"),
        ({"zones": {"a": {"player": "x"}}}, "needs the heos section"),
        ({"zones": {"a": {"player": "x"}, "b": {"player": "x"}}, **HOUSE}, "is in zone a already"),
        (
            {"zones": {"a": {"receiver": "denon"}, "b": {"receiver": "denon"}}, **HOUSE},
            "is in zone a already",
        ),
        ({"zones": {"a": {"receiver": "denon", "volume": "player"}}, **HOUSE}, "the zone has none"),
        ({"zones": {"a": {"receiver": "denon", "max_volume": 99}}, **HOUSE}, "above the receiver's scale"),
        (
            {"zones": {"a": {"receiver": "denon", "inputs": {"TV": "TV", "tv": "CD"}}}, **HOUSE},
            "only in case",
        ),
        ({"zones": {"a": {"receiver": "denon", "inputs": {"A": "TV", "B": "TV"}}}, **HOUSE}, "twice"),
        ({"mqtt": {"password": "x", "password_file": "y"}}, "both given"),
        ({"mqtt": {"password_file": "none"}}, "cannot be read"),
    ],
)
def test_faults(tmp_path: Path, content: str | dict[str, Any], said: str) -> None:
    assert said in _faults(tmp_path, content)


def test_a_fault_never_shows_a_secret(tmp_path: Path) -> None:
    assert "hunter2" not in _faults(tmp_path, {"mqtt": {"password": ["hunter2"]}})
    assert "hunter2" not in _faults(tmp_path, {"mqtt": {"password": "hunter2", "port": 0}})


def test_the_environment_is_above_the_file(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        {"mqtt": {"host": "a", "port": 1}, **HOUSE},
        SUGARTALK_MQTT__PORT="1884",
        SUGARTALK_MQTT__PASSWORD="0123",  # noqa: S106
        SUGARTALK_MQTT__USERNAME="yes",
        SUGARTALK_MQTT__PROTOCOL="5",
        SUGARTALK_ALLOW_ADMIN="true",
        SUGARTALK_RECEIVERS__DENON__HOST="10.0.0.1",
        SUGARTALK_ZONES="{den: {receiver: denon, max_volume: null}}",
    ).config
    assert (config.mqtt.host, config.mqtt.port, config.mqtt.protocol) == ("a", 1884, "5")
    assert config.mqtt.password is not None
    assert config.mqtt.password.get_secret_value() == "0123"
    assert config.mqtt.username == "yes"
    assert config.allow_admin
    assert config.receivers["denon"].host == "10.0.0.1"
    assert config.zones["den"].max_volume is None
    assert "mqtt.pot" in _faults(tmp_path, "", SUGARTALK_MQTT__POT="1")


def test_secrets_from_files(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "mqtt").write_text("from systemd\n")
    content = {"mqtt": {"password_file": "$CREDENTIALS_DIRECTORY/mqtt"}}
    config = _load(tmp_path, content, CREDENTIALS_DIRECTORY=str(credentials)).config
    assert config.mqtt.password is not None
    assert config.mqtt.password.get_secret_value() == "from systemd"
    assert "from systemd" not in repr(config)


def test_others_who_can_read_a_secret_are_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.touch(mode=0o644)
    file.chmod(0o644)
    assert "chmod 600" in _load(tmp_path, {"mqtt": {"password": "x"}}).warnings[0]
    file.chmod(0o600)
    assert not _load(tmp_path, {"mqtt": {"password": "x"}}).warnings


def test_masked(tmp_path: Path) -> None:
    content = {
        "mqtt": {"password": "hunter2"},
        "plex": {"url": "http://user:hunter2@10.0.0.1:32400/x?X-Plex-Token=hunter2", "token": "hunter2"},
    }
    shown = masked(_load(tmp_path, content).config)
    assert "hunter2" not in str(shown)
    assert shown["plex"]["url"] == "http://10.0.0.1:32400"  # type: ignore[index,call-overload]


def test_changes_are_checked_kept_and_below_the_environment(tmp_path: Path) -> None:
    loaded = _load(tmp_path, HOUSE)
    new = changed(loaded, {"zones.den.receiver": "denon", "log.level": "debug", "heos.password": "hunter2"})
    assert new.config.log.level == "debug"
    assert loaded.config.log.level == "info"
    save_settings(new.state_folder, new.settings)
    settings = tmp_path / "state/settings.yaml"
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    again = _load(tmp_path, HOUSE)
    assert again.config.zones["den"].receiver == "denon"
    taken_out = changed(again, {"zones.den": None})
    assert not taken_out.config.zones
    for changes in (
        {"mqtt.host": "x"}, {"allow_admin": True}, {"state_dir": "/"}, {"heos.hots": "x"}, {"": 1},
        {"zones.a..b": 1}, {"log.level": "loud"}, {"zones.den.receiver": "none"},
    ):  # fmt: skip
        with pytest.raises(ConfigurationFault):
            changed(again, changes)
    pinned = _load(tmp_path, HOUSE, SUGARTALK_LOG__LEVEL="error")
    with pytest.raises(ConfigurationFault, match="pinned by the environment variable SUGARTALK_LOG__LEVEL"):
        changed(pinned, {"log.level": "debug"})


def test_a_broken_settings_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/settings.yaml").write_text("log: {level: loud}\n")
    assert "settings.yaml:1: log.level" in _faults(tmp_path, "")
