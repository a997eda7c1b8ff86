"""The configuration: every fault at once and in plain words, secrets from files, changes that are kept."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from sugartalkd.config import Config, Loaded, PlexConfig, changed, find, load, masked, save_settings
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
    (tmp_path / "plex.token").write_text("c\n")
    (tmp_path / "ca.crt").touch()
    all_of_it = re.sub(r"^(\s*)# (?=\S+:|  )", r"\1", text, flags=re.MULTILINE)
    config = _load(tmp_path, all_of_it).config
    assert config.zones["living_room"].inputs == {"TV box": "SAT/CBL", "Turntable": "AUX1"}
    assert config.mqtt.password is not None
    assert config.mqtt.password.get_secret_value() == "a"
    assert config.mqtt.tls.enabled
    assert config.plex is not None
    assert config.plex.token is not None
    assert config.media.port == 18095
    assert config.receivers["denon"].share_at == ("127.0.0.1", 2323)


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
        (
            {"media": {"advertise": "http://10.0.0.2"}},
            "media.advertise: 'http://10.0.0.2' is not a host name",
        ),
        ({"media": {"advertise": "10.0.0.2:80"}}, "a port does not belong here"),
        ({"media": {"advertise": "0.0.0.0"}}, "is no address that a player can reach"),
        ({"media": {"advertise": ".".join(["a" * 50] * 4)}}, "longer than 200 characters"),
        ({"media": {"bind": "10.0.0.300"}}, "is not an IPv4 address"),
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
        "plex": {"url": "http://10.0.0.1:32400/x?X-Plex-Token=hunter2", "token": "hunter2"},
    }
    shown = masked(_load(tmp_path, content).config)
    assert "hunter2" not in str(shown)
    assert shown["plex"]["url"] == "http://10.0.0.1:32400"  # type: ignore[index,call-overload]
    bad = PlexConfig.model_construct(
        url="http://hunter2@h:99999"
    )  # nothing that was checked, so never say never
    assert "hunter2" not in str(masked(Config(plex=bad)))
    inputs = {"url": "CD", "token": "TV"}
    zones = masked(_load(tmp_path, {"zones": {"a": {"receiver": "denon", "inputs": inputs}}, **HOUSE}).config)
    assert zones["zones"]["a"]["inputs"] == inputs  # type: ignore[index,call-overload]


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


# -- which layer counts ------------------------------------------------------------------------------


def _password(loaded: Loaded, section: str = "mqtt") -> str | None:
    secret = getattr(loaded.config, section).password
    return None if secret is None else str(secret.get_secret_value())


def _settings(folder: Path, text: str) -> None:
    (folder / "state").mkdir(exist_ok=True)
    (folder / "state/settings.yaml").write_text(text)


def test_a_secret_does_away_with_its_twin_in_lower_layers(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("from one\n")
    in_file = {"mqtt": {"password_file": "one"}, "heos": {"password_file": "one"}}
    as_it_is = {"mqtt": {"password": "typed"}}
    assert _password(_load(tmp_path, in_file, SUGARTALK_MQTT__PASSWORD="above")) == "above"  # noqa: S106
    assert _password(_load(tmp_path, as_it_is, SUGARTALK_MQTT__PASSWORD_FILE="one")) == "from one"  # noqa: S106
    assert _password(_load(tmp_path, {"mqtt": {"password": "typed", "password_file": None}})) == "typed"
    both = _faults(
        tmp_path,
        "",
        SUGARTALK_MQTT__PASSWORD="x",  # noqa: S106
        SUGARTALK_MQTT__PASSWORD_FILE="one",  # noqa: S106
    )
    assert both == "SUGARTALK_MQTT__PASSWORD_FILE: mqtt.password and mqtt.password_file are both given"
    _settings(tmp_path, "heos: {password: set}\n")
    assert _password(_load(tmp_path, in_file), "heos") == "set"
    _settings(tmp_path, "heos: {password: ~}\n")
    assert _password(_load(tmp_path, in_file), "heos") is None


def test_a_changed_secret_does_away_with_its_twin(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("from one\n")
    loaded = _load(tmp_path, {"heos": {"password_file": "one"}})
    loaded = changed(loaded, {"heos.password": "set"})
    assert _password(loaded, "heos") == "set"
    loaded = changed(loaded, {"heos.password_file": "one"})
    assert _password(loaded, "heos") == "from one"
    assert loaded.settings == {"heos": {"password_file": "one"}}
    assert _password(changed(loaded, {"heos.password": None}), "heos") is None
    with pytest.raises(ConfigurationFault, match="both given"):
        changed(loaded, {"heos.password": "x", "heos.password_file": "one"})
    pinned = _load(tmp_path, HOUSE, SUGARTALK_HEOS__PASSWORD="x")  # noqa: S106
    with pytest.raises(
        ConfigurationFault, match="pinned by the environment variable SUGARTALK_HEOS__PASSWORD"
    ):
        changed(pinned, {"heos.password_file": "one"})


def test_a_section_left_empty_says_nothing_about_the_layer_below(tmp_path: Path) -> None:
    _settings(tmp_path, "log:\nmedia:\n")
    assert _load(tmp_path, {"log": {"level": "debug"}}).config.log.level == "debug"
    assert _load(tmp_path, "mqtt: {tls: }").config.mqtt.tls.enabled is False


# -- text is what was typed --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    ["0123", "1.10", "12:30", "0x10", "1_000", "on", "yes", "2020-01-01", "2020-99-99", "1e5", "=", ".inf"],
)
def test_text_is_what_was_typed(tmp_path: Path, typed: str) -> None:
    text = (
        f"mqtt: {{password: {typed}, username: {typed}}}\nheos: {{}}\n"
        f"zones: {{{'a' if not typed.isdigit() else typed}: {{player: {typed}}}}}\n"
    )
    config = _load(tmp_path, text).config
    assert _password(_load(tmp_path, text)) == typed
    assert config.mqtt.username == typed
    assert [zone.player for zone in config.zones.values()] == [typed]
    from_environment = _load(tmp_path, "", SUGARTALK_MQTT__PASSWORD=typed, SUGARTALK_MQTT__USERNAME=typed)
    assert _password(from_environment) == from_environment.config.mqtt.username == typed


def test_null_numbers_and_truths_are_understood(tmp_path: Path) -> None:
    _settings(tmp_path, "zones: {010: {max_volume: 20.5}}\n")
    text = (
        "mqtt: {port: '1884', username: ~, password: 'null', tls: {enabled: Yes, insecure: ON}}\n"
        "receivers: {denon: {host: x}}\nzones: {010: {receiver: denon, name: '~', max_volume: null}}\n"
        "homeassistant: {discovery: off}\nallow_admin: TRUE\nallow_raw: No\n"
    )
    loaded = _load(tmp_path, text)
    config = loaded.config
    assert (config.mqtt.port, config.mqtt.username, _password(loaded)) == (1884, None, "null")
    assert (config.mqtt.tls.enabled, config.mqtt.tls.insecure, config.homeassistant.discovery) == (
        True, True, False,
    )  # fmt: skip
    assert (config.allow_admin, config.allow_raw) == (True, False)
    assert (config.zones["010"].name, config.zones["010"].max_volume) == ("~", 20.5)


@pytest.mark.parametrize("typed", ["Living Room: x", "[x]", "{a: b}", "a: b", "null", "~", "!x", "*x", "'x'"])
def test_text_in_the_environment_is_no_yaml(tmp_path: Path, typed: str) -> None:
    loaded = _load(
        tmp_path, {"zones": {"a": {"player": "p"}}, "heos": {}},
        SUGARTALK_MQTT__PASSWORD=typed, SUGARTALK_MQTT__USERNAME=typed, SUGARTALK_ZONES__A__NAME=typed,
    )  # fmt: skip
    assert _password(loaded) == loaded.config.mqtt.username == loaded.config.zones["a"].name == typed


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    loaded = _load(
        tmp_path, {"mqtt": {"username": "u", "password": "p", "port": 5}, "heos": {"username": "x"}},
        SUGARTALK_MQTT__USERNAME="", SUGARTALK_MQTT__PASSWORD="", SUGARTALK_MQTT__PORT="", SUGARTALK_HEOS="",
        SUGARTALK_STATE_DIR="", SUGARTALK_LOG__LEVEL="",
    )  # fmt: skip
    assert (loaded.config.mqtt.username, _password(loaded), loaded.config.mqtt.port) == ("u", "p", 5)
    assert loaded.state_folder == tmp_path / "state"
    assert changed(loaded, {"log.level": "debug"}).config.log.level == "debug"


def test_where_null_or_keys_can_be_the_environment_is_yaml(tmp_path: Path) -> None:
    content = {"zones": {"a": {"receiver": "denon", "max_volume": 30}}, **HOUSE}
    config = _load(
        tmp_path, content, SUGARTALK_ZONES__A__MAX_VOLUME="null",
        SUGARTALK_ZONES__A__INPUTS="{TV box: SAT/CBL}", SUGARTALK_MQTT="{host: a, port: 5}",
        SUGARTALK_MQTT__PORT="6",
    ).config  # fmt: skip
    assert config.zones["a"].max_volume is None
    assert config.zones["a"].inputs == {"TV box": "SAT/CBL"}
    assert (config.mqtt.host, config.mqtt.port) == ("a", 6)


def test_merge_keys_and_aliases(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        "heos: {}\nreceivers: {denon: {host: &host 10.0.0.9}, other: {host: *host, port: 24}}\nzones:\n"
        "  a: &a {player: x, max_volume: 9, inputs: {TV: CD}}\n"
        "  b: {<<: [*a, {volume: player}], player: y}\n",
    ).config
    assert config.receivers["other"].host == "10.0.0.9"
    zone = config.zones["b"]
    assert (zone.player, zone.max_volume, zone.volume, zone.inputs) == ("y", 9, "player", {"TV": "CD"})


# -- nothing but faults ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("mqtt:\n  password: !hunter2 x", "config.yaml:2: mqtt.password: has a YAML tag"),
        ("mqtt:\n  password: !!binary hunter2", "config.yaml:2: mqtt.password: has a YAML tag"),
        ("mqtt:\n  password: *hunter2", "config.yaml:2: not valid YAML: found undefined alias"),
        ("mqtt:\n  password: %hunter2", "config.yaml:2: not valid YAML"),
        ("mqtt:\n  password: &hunter2 a\n  username: &hunter2 b\n  x: [", "not valid YAML"),
        ("mqtt:\n  password: !hunter2!x y", "config.yaml:2: not valid YAML: found undefined tag handle"),
        ('mqtt:\n  password: "hunter2\\q"', "config.yaml:2: not valid YAML"),
        ('mqtt:\n  password: "hunter2\\UFFFFFFFF"', "not valid YAML"),
        ("mqtt:\n  password: hunter2\x07", "config.yaml:2: not valid YAML"),
        ("mqtt:\n  ? [hunter2, b]\n  : c", "config.yaml:2: mqtt: has a key that is not plain text"),
        ("mqtt:\n  ? {hunter2: b}\n  : c", "config.yaml:2: mqtt: has a key that is not plain text"),
        ("mqtt: &a\n  tls: *a", "config.yaml:2: mqtt.tls: holds itself"),
        ("mqtt: &a\n  <<: *a\n  tls: {}", "holds itself"),
        ("mqtt:\n  <<: hunter2", "config.yaml:2: mqtt: takes in with << what is not a mapping"),
        ("mqtt:\n  x: " + "[" * 700 + "]" * 700, "config.yaml:2: is nested deeper than 20 levels"),
        ("mqtt:\n  x: " + "{a: " * 3000, "config.yaml:2: is nested deeper than 20 levels"),
        ("a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in ("ab", "bc", "cd", "de", "ef")
        ), "holds too much"),
        ({"state_dir": None}, "config.yaml:1: state_dir: null is not a folder"),
        ({"state_dir": ["a"]}, "config.yaml:1: state_dir: is not a folder"),
        ({"state_dir": {"a": "b"}}, "state_dir: is not a folder"),
        ({"state_dir": True}, "state_dir: 'true' is not a folder"),
        ({"state_dir": ""}, "state_dir: '' is not a folder"),
        ({"state_dir": "~nobody_here/x"}, "is not a folder"),
        ({"state_dir": "a\0b"}, "is not a folder"),
        ({"mqtt": {"password_file": ["hunter2"]}}, "is not the name of a file"),
        ({"mqtt": {"password_file": "a\0b"}}, "cannot be read"),
        ({"mqtt": {"tls": {"ca_file": "a\0b"}}}, "cannot be read"),
        ("mqtt: hunter2", "config.yaml:1: mqtt: is not a section with keys below it"),
        ({"mqtt": {"port": None}}, "null is not a number"),
        ({"mqtt": {"a\nb": "x"}}, r"mqtt.'a\nb': is not known"),
    ],
)  # fmt: skip
def test_no_traceback_and_no_secret(tmp_path: Path, content: str | dict[str, Any], said: str) -> None:
    text = _faults(tmp_path, content)
    assert said in text
    assert "hunter2" not in text
    assert "\x07" not in text


def test_folders_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").touch()
    assert "settings.yaml: cannot be read: Not a directory" in _faults(tmp_path, "")

    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)  # root may read everything
    assert find({"XDG_CONFIG_HOME": "/x"}) == Path("/x/sugartalkd/config.yaml")


def test_a_variable_that_is_no_section_is_named(tmp_path: Path) -> None:
    text = _faults(tmp_path, {"mqtt": {"port": 5}}, SUGARTALK_MQTT="x", SUGARTALK_MQTT__HOST="a")
    assert "SUGARTALK_MQTT: is not a section with keys below it" in text
    assert "SUGARTALK_MQTT__HOST: mqtt is given as well" in text


def test_faults_name_the_layer_that_says_it(tmp_path: Path) -> None:
    content = {"mqtt": {"port": 5}, "log": {"level": "info"}, **HOUSE}
    _settings(tmp_path, "# by hand\nreceivers:\n  attic: {host: a b}\nlog: {level: loud}\n")
    text = _faults(
        tmp_path, content, SUGARTALK_MQTT__PORT="abc", SUGARTALK_MQTT__POT="1",
        SUGARTALK_ZONES="{den: {recever: denon}, hall: {receiver: denn}}", SUGARTALK_HEOS="[hunter2",
        SUGARTALK_RECEIVERS__HALL__PORT="1", SUGARTALK_PLEX__URL="hunter2",
    ).splitlines()  # fmt: skip
    assert "SUGARTALK_MQTT__PORT: 'abc' is not a number" in text
    assert "SUGARTALK_MQTT__POT: is not known; did you mean 'port'?" in text
    assert "SUGARTALK_ZONES: den.recever: is not known; did you mean 'receiver'?" in text
    assert "SUGARTALK_ZONES: hall.receiver: 'denn' is not in receivers; did you mean 'denon'?" in text
    assert "SUGARTALK_RECEIVERS__HALL__PORT: receivers.hall.host: is missing" in text
    assert "SUGARTALK_PLEX__URL: is not an http:// or https:// address" in text
    assert any(line.startswith("SUGARTALK_HEOS: not valid YAML") for line in text)
    settings = tmp_path / "state/settings.yaml"
    assert f"{settings}:3: receivers.attic.host: 'a b' is not a host name or address" in text
    assert any(line.startswith(f"{settings}:4: log.level: 'loud' is not one of") for line in text)
    assert not [line for line in text if "config.yaml" in line or "hunter2" in line]


def test_settings_cannot_move_themselves(tmp_path: Path) -> None:
    _settings(tmp_path, "state_dir: /somewhere\n")
    assert "settings.yaml:1: state_dir: belongs into config.yaml" in _faults(tmp_path, "")


# -- every fault -------------------------------------------------------------------------------------


def test_cross_checks_run_beside_other_faults(tmp_path: Path) -> None:
    text = _faults(
        tmp_path,
        "mqtt: {port: 0, base_topic: homeassistant, password_file: none}\nplex: 5\n"
        "receivers: {denon: {host: a}, attic: {host: A}}\n"
        "zones:\n  Living Room: {volume: loud}\n  b: {receiver: denn}\n  c: {player: x}\n",
    ).splitlines()
    assert [line.split("config.yaml:")[-1].split(": ", 2)[:2] for line in text] == [
        ["1", "mqtt.password_file"], ["1", "mqtt.port"], ["2", "plex"], ["5", "zones.Living Room.volume"],
        ["1", "mqtt.base_topic"], ["5", "zones.Living Room"], ["3", "receivers.attic"],
        ["6", "zones.b.receiver"], ["7", "zones.c.player"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        "receivers: {denon: {hots: x}}\nzones: {a: {receiver: denon}}",
        "receivers: {denon: {host: x, port: y}, other: {host: x}}\nzones: {a: {receiver: denon}}",
        "receivers: {denon: {host: !x y}}\nzones: {a: {receiver: denon}}",
        "receivers: 5\nzones: {a: {receiver: denon}}",
        "heos: 5\nzones: {a: {player: x}}",
        "heos: !x {}\nzones: {a: {player: x}}",
        "zones: {a: {playr: x}}",
        "zones: {a: {receiver: [x], volume: receiver}}",
        "receivers: {d: {host: x}}\nzones: {a: {receiver: d}, b: {receiver: d, receiver_zone: zone5}}",
        "mqtt: {base_topic: homeassistant}\nhomeassistant: {prefix: []}",
    ],
)
def test_a_fault_does_not_make_others(tmp_path: Path, content: str) -> None:
    first = "hots" in content  # what is wrong there is two things: an unknown key, and one that is missing
    assert len(_faults(tmp_path, content).splitlines()) == 1 + first


# -- valid, but not for long -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"mqtt": {"host": "broker:1883"}}, "a port does not belong here"),
        ({"heos": {"host": "10.0.0.9:1255"}}, "a port does not belong here"),
        ({"receivers": {"a": {"host": "[::1]:23"}}}, "a port does not belong here"),
        ({"receivers": {"a": {"host": "a..b"}}}, "is not a host name"),
        ({"mqtt": {"host": "a." + "b" * 64}}, "is not a host name"),
        ({"mqtt": {"host": ""}}, "is not a host name"),
        ({"mqtt": {"host": "a\n"}}, "is not a host name"),
        ({"mqtt": {"host": "http://broker"}}, "is not a host name"),
        ({"mqtt": {"host": "10.0.0.300"}}, "is not an IPv4 address"),
        ({"mqtt": {"port": True}}, "'true' is not a number"),
        ({"mqtt": {"base_topic": "a\nb"}}, "is not a topic"),
        ({"mqtt": {"base_topic": "a\0"}}, "is not a topic"),
        ({"mqtt": {"base_topic": "/a"}}, "is not a topic"),
        ({"mqtt": {"base_topic": "a/"}}, "is not a topic"),
        ({"mqtt": {"base_topic": "a" * 70000}}, "is not a topic"),
        ({"homeassistant": {"prefix": "a\nb"}}, "is not a topic"),
        ({"homeassistant": {"prefix": "a/+"}}, "is not a topic"),
        ({"homeassistant": {"prefix": "#"}}, "is not a topic"),
        ({"homeassistant": {"prefix": "/a"}}, "is not a topic"),
        ({"homeassistant": {"prefix": "a/"}}, "is not a topic"),
        ({"homeassistant": {"prefix": ""}}, "is not a topic"),
        ({"mqtt": {"base_topic": "homeassistant"}}, "mqtt.base_topic: is the same as homeassistant.prefix"),
        ({"mqtt": {"base_topic": "a"}, "homeassistant": {"prefix": "a/b"}}, "lies above homeassistant"),
        ({"homeassistant": {"prefix": "sugartalk/ha"}}, "homeassistant.prefix: lies under mqtt.base_topic"),
        ({"plex": {"url": "http://h:99999"}}, "is not an http:// or https:// address"),
        ({"plex": {"url": "http://h:0"}}, "is not an http:// or https:// address"),
        ({"plex": {"url": "http://h:hunter2"}}, "is not an http:// or https:// address"),
        ({"plex": {"url": "http://[::1"}}, "is not an http:// or https:// address"),
        ({"plex": {"url": "http://a..b"}}, "is not an http:// or https:// address"),
        ({"plex": {"url": "http://h/\n"}}, "is not an http:// or https:// address"),
        ({"plex": {"url": "http://hunter2@h"}}, "may not hold a user name or password"),
        ({"plex": {"url": "http://a:hunter2\uff20@h"}}, "plex.url"),
        ({"receivers": {"a": {"host": "X.lan"}, "b": {"host": "x.lan.", "port": 23}}}, "has the host"),
        ({"receivers": {"a": {"host": "[::1]"}, "b": {"host": "::1"}}}, "host and port of receiver a"),
        ({"receivers": {"a": {"host": "x", "share": "x"}}}, "a.share: 'x' is not a port, or an address with"),
        ({"receivers": {"a": {"host": "x", "share": 70000}}}, "a.share: 70000 is not a port, or an address"),
        ({"receivers": {"a": {"host": "x", "share": "0"}}}, "is not a port, or an address with"),
        ({"receivers": {"a": {"host": "x", "share": "h:\u0661"}}}, "is not a port, or an address with"),
        ({"receivers": {"a": {"host": "x", "share": ":2323"}}}, "is not a host name"),
        ({"receivers": {"a": {"host": "x", "share": "::1:23"}}}, "an IPv6 address stands in brackets"),
        ({"receivers": {"a": {"host": "x", "share": "[a]:23"}}}, "an IPv6 address stands in brackets"),
        ({"receivers": {"a": {"host": "10.0.0.300", "share": 1}}}, "is not an IPv4 address"),
        ({"receivers": {"a": {"host": "X.lan", "share": "x.lan.:23"}}}, "where the receiver itself listens"),
        ({"receivers": {"a": {"host": "::1", "port": 5, "share": "[::1]:5"}}}, "the receiver itself listens"),
        ({"receivers": {"a": {"host": "x", "share": 5}, "b": {"host": "localhost", "port": 5}}},
         "receivers.a.share: 127.0.0.1:5 is where receiver b listens"),
        ({"receivers": {"a": {"host": "127.0.0.2", "port": 5, "share": "0.0.0.0:5"}}}, "the receiver itself"),
        ({"receivers": {"a": {"host": "x", "share": 5}, "b": {"host": "y", "share": "localhost:5"}}},
         "receivers.b.share: localhost:5 is taken by the share of receiver a"),
        ({"receivers": {"a": {"host": "x", "share": "10.0.0.1:5"}, "b": {"host": "y", "share": "0.0.0.0:5"}}},
         "receivers.b.share: 0.0.0.0:5 is taken"),
        ({"zones": {"a": {"player": "Den"}, "b": {"player": "DEN"}}, **HOUSE}, "DEN is in zone a already"),
        ({"zones": {"a": {"receiver": "denon", "inputs": {"a\nb": "TV"}}}, **HOUSE}, "is not a name to show"),
        ({"zones": {"a": {"receiver": "denon", "inputs": {"": "TV"}}}, **HOUSE}, "is not a name to show"),
        ({"zones": {"a": {"receiver": "denon", "inputs": {"TV": "tv\n"}}}, **HOUSE}, "no input of a"),
        ({"mqtt": {"tls": {"ca_file": "none.pem"}}}, "none.pem cannot be read: No such file"),
        ({"mqtt": {"tls": {"cert_file": "none.pem", "key_file": "."}}}, "cannot be read: Is a directory"),
        ({"mqtt": {"tls": {"cert_file": "none.pem"}}}, "none.pem cannot be read: No such file"),
        ({"mqtt": {"tls": {"cert_file": "config.yaml"}}}, "so it needs key_file as well"),
        ({"mqtt": {"tls": {"key_file": "config.yaml"}}}, "needs cert_file as well"),
    ],
)  # fmt: skip
def test_what_would_break_later_is_a_fault(tmp_path: Path, content: dict[str, Any], said: str) -> None:
    text = _faults(tmp_path, content)
    assert said in text
    assert "hunter2" not in text


@pytest.mark.parametrize("host", ["::1", "fe80::1%eth0", "10.0.0.9", "a_b-c.lan.", "AVR", "2001:db8::5"])
def test_hosts(tmp_path: Path, host: str) -> None:
    content = {"mqtt": {"host": host}, "heos": {"host": host}, "receivers": {"a": {"host": f"{host}"}}}
    config = _load(tmp_path, content).config
    assert config.mqtt.host == config.receivers["a"].host == host
    assert config.heos is not None
    assert config.heos.host == host


@pytest.mark.parametrize(
    ("typed", "shown", "at"),
    [
        (2323, "127.0.0.1:2323", ("127.0.0.1", 2323)),
        ("192.168.1.10:23", "192.168.1.10:23", ("192.168.1.10", 23)),
        ("0.0.0.0:02323", "0.0.0.0:2323", ("0.0.0.0", 2323)),
        ("[::1]:2323", "[::1]:2323", ("::1", 2323)),
        (None, None, None),
    ],
)
def test_where_a_session_is_shared(
    tmp_path: Path, typed: int | str | None, shown: str | None, at: tuple[str, int] | None
) -> None:
    config = _load(tmp_path, {"receivers": {"a": {"host": "10.0.0.9", "share": typed}}}).config
    assert config.receivers["a"].share_at == at
    assert masked(config)["receivers"]["a"]["share"] == shown  # type: ignore[index,call-overload]
    changed = {"receivers": {"a": {"host": "10.0.0.9"}}}
    again = _load(tmp_path, changed, SUGARTALK_RECEIVERS__A__SHARE=shown or "").config
    assert again.receivers["a"] == config.receivers["a"]


def test_two_sessions_may_be_shared_on_one_port_of_two_addresses(tmp_path: Path) -> None:
    receivers = {"a": {"host": "10.0.0.9", "share": 2323}, "b": {"host": "b", "share": "127.0.0.2:2323"}}
    config = _load(tmp_path, {"receivers": receivers}).config
    assert [one.share for one in config.receivers.values()] == ["127.0.0.1:2323", "127.0.0.2:2323"]


def test_brackets_are_for_urls(tmp_path: Path) -> None:
    """`socket` does not take them, though people copy them along."""
    assert _load(tmp_path, {"mqtt": {"host": "[::1]"}}).config.mqtt.host == "::1"
    shown = masked(_load(tmp_path, {"plex": {"url": "http://[::1]:32400/x"}}).config)
    assert shown["plex"]["url"] == "http://[::1]:32400"  # type: ignore[index,call-overload]


def test_files_are_beside_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = tmp_path / "house"
    (house / "keys").mkdir(parents=True)
    (tmp_path / "secret").write_text("from home")
    (house / "keys/ca.pem").touch()
    (house / "both.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    (tmp_path / "own.pem").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Path("house/config.yaml").write_text(
        "mqtt:\n  password_file: ~/secret\n"
        "  tls: {enabled: true, ca_file: keys/ca.pem, cert_file: both.pem, key_file: ~/own.pem}\n"
        "heos: {password_file: ../secret}\nstate_dir: ~/state\n"
    )
    loaded = load(Path("house/config.yaml"), {})
    tls = loaded.config.mqtt.tls
    assert (tls.ca_file, tls.cert_file) == (house / "keys/ca.pem", house / "both.pem")
    assert tls.key_file == tmp_path / "own.pem"
    assert _password(loaded) == _password(loaded, "heos") == "from home"
    assert loaded.state_folder == tmp_path / "state"
    assert (
        _load(tmp_path, {"mqtt": {"tls": {"cert_file": "house/both.pem"}}}).config.mqtt.tls.key_file is None
    )


# -- changes -----------------------------------------------------------------------------------------


def test_null_is_stored_where_it_is_a_value(tmp_path: Path) -> None:
    loaded = _load(tmp_path, {"zones": {"a": {"receiver": "denon", "max_volume": 30, "name": "A"}}, **HOUSE})
    loaded = changed(loaded, {"zones.a.max_volume": None, "zones.a.name": None})
    assert (loaded.config.zones["a"].max_volume, loaded.config.zones["a"].name) == (None, None)
    save_settings(loaded.state_folder, loaded.settings)
    again = load(loaded.path, loaded.environ)
    assert again.config == loaded.config
    assert again.settings == {"zones": {"a": {"max_volume": None, "name": None}}}


def test_null_takes_out_what_was_set(tmp_path: Path) -> None:
    loaded = _load(tmp_path, {"media": {"port": 5}, "heos": {}})
    assert changed(loaded, {"media.port": 6}).config.media.port == 6
    back = changed(
        changed(loaded, {"media.port": 6, "zones.a.player": "x"}), {"media.port": None, "zones": None}
    )
    assert back.config == loaded.config
    assert back.settings == {}
    for key, said in (
        ("media.port", "media.port: is in .*config.yaml, line 3, and can only be taken out there"),
        ("heos", "heos: is in .*config.yaml, line 1, and can only be taken out there"),
        ("plex", "plex: is not set"),
        ("log.level", "log.level: is not set"),
        ("zones.a", "zones.a: is not set"),
        ("log.levle", "log.levle: is not known; did you mean 'level'"),
    ):
        with pytest.raises(ConfigurationFault, match=said):
            changed(loaded, {key: None})


def test_changes_are_json(tmp_path: Path) -> None:
    loaded = _load(tmp_path, HOUSE)
    new = changed(loaded, {
        "zones": {"a": {"receiver": "denon", "max_volume": 40.5, "name": 12}},
        "media.port": 5, "heos.password": 123,
    })  # fmt: skip
    assert (new.config.zones["a"].max_volume, new.config.zones["a"].name, new.config.media.port) == (
        40.5,
        "12",
        5,
    )
    assert _password(new, "heos") == "123"
    save_settings(new.state_folder, new.settings)
    assert load(loaded.path, loaded.environ).config == new.config
    deep: dict[str, Any] = {}
    for _ in range(900):
        deep = {"a": deep}
    for changes, said in (
        ({"receivers.denon.port": True}, "receivers.denon.port: 'true' is not a number"),
        ({"zones": {"a": {"recever": "x"}}}, "zones.a.recever: is not known"),
        ({"zones": deep}, "zones: is nested deeper"),
        ({"zones" + ".a" * 900: 1}, "is not a dotted key"),
        ({"heos": "x"}, "heos: is not a section"),
    ):
        with pytest.raises(ConfigurationFault, match=said):
            changed(new, changes)


@pytest.mark.parametrize("name", ["ON", "50", "QUICK1", "MUON"])
def test_in_zone_2_some_names_are_other_commands(tmp_path: Path, name: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "receivers: {denon: {host: 127.0.0.1}}\n"
        f"zones:\n  den: {{receiver: denon, receiver_zone: zone2, inputs: {{Foo: '{name}'}}}}\n"
    )
    with pytest.raises(ConfigurationFault) as fault:
        load(file, {})
    assert [one.path for one in fault.value.faults] == ["zones.den.inputs.Foo"]
