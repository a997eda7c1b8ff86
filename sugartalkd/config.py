"""The configuration: config.yaml, settings.yaml and the environment into one frozen value, or every fault."""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast
from urllib.parse import urlsplit

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from sugartalkd.config_file import Document, read
from sugartalkd.errors import ConfigurationFault, Fault
from sugartalkd.log import mask_also
from sugartalkd.model import ZONE_ID, Json, Object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic_core import ErrorDetails

    from sugartalkd.config_file import Path_

PREFIX: Final = "SUGARTALK_"
MASK: Final = "********"
CHANGEABLE: Final = ("heos", "receivers", "plex", "media", "zones", "log")
"""Sections that `config/set` may change."""
SETTINGS: Final = "settings.yaml"

_ALL_SECTIONS: Final = (*CHANGEABLE, "mqtt", "homeassistant")

_INPUT: Final = re.compile(r"[A-Z0-9](?:[A-Z0-9 /.+&-]{0,22}[A-Z0-9])?")
_HOST: Final = re.compile(r"[A-Za-z0-9._:%\[\]-]{1,253}")


def _text(value: object) -> object:
    """YAML reads 5, 0123 and yes as other things than text; where text is wanted, that is what was meant."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, (int, float)) else value


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("is not a host name or address")
    return value


Text = Annotated[str, BeforeValidator(_text)]
Host = Annotated[Text, BeforeValidator(_text), Field(description="a host name or address")]
Port = Annotated[int, Field(ge=1, le=65535)]
Secret = Annotated[SecretStr, BeforeValidator(_text)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)


class TlsConfig(_Part):
    """TLS towards the broker; without `ca_file` the system's authorities count."""

    enabled: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    insecure: bool = False
    """Accept any certificate: for a test, not for a house."""


class MqttConfig(_Part):
    """The broker, and what our topics are called."""

    host: Text = "127.0.0.1"
    port: Port = 1883
    username: Text | None = None
    password: Secret | None = None
    base_topic: Text = "sugartalk"
    bridge_id: Annotated[Text, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = "main"
    protocol: Annotated[Literal["auto", "5", "3.1.1"], BeforeValidator(_text)] = "auto"
    tls: TlsConfig = TlsConfig()

    _check_host = field_validator("host")(_host)

    @field_validator("base_topic")
    @classmethod
    def _topic(cls, value: str) -> str:
        if any(character in value for character in "+#\0") or not all(value.split("/")) or value[0] == "$":
            raise ValueError("is not a topic to publish under: no wildcards, no empty levels, no leading $")
        return value


class HomeAssistantConfig(_Part):
    """Home Assistant's MQTT discovery."""

    discovery: bool = True
    prefix: Annotated[Text, Field(min_length=1)] = "homeassistant"


class HeosConfig(_Part):
    """The HEOS system; any of its devices speaks for all."""

    host: Text = "auto"
    username: Text | None = None
    password: Secret | None = None

    _check_host = field_validator("host")(_host)


class ReceiverConfig(_Part):
    """One receiver on telnet."""

    host: Text
    port: Port = 23

    _check_host = field_validator("host")(_host)


class PlexConfig(_Part):
    """The Plex server, by address or by name."""

    url: Text | None = None
    server: Text | None = None
    token: Secret | None = None
    library: Text = "Music"

    @field_validator("url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and (
            urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname
        ):
            raise ValueError("is not an http:// or https:// address")
        return value


class MediaConfig(_Part):
    """Where players fetch audio and artwork."""

    advertise: Text = "auto"
    bind: Text = "auto"
    port: Port = 18095


class ZoneConfig(_Part):
    """A place to listen in."""

    name: Text | None = None
    receiver: Text | None = None
    receiver_zone: Literal["main", "zone2", "zone3"] = "main"
    player: Text | None = None
    renderer: Text | None = None
    player_input: Text = "auto"
    volume: Literal["auto", "receiver", "player"] = "auto"
    max_volume: Literal["auto"] | Annotated[float, Field(ge=0, le=100)] | None = "auto"
    inputs: dict[Text, Text] = Field(default_factory=dict)


class LogConfig(_Part):
    """How much is logged, and for whom."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class Config(_Part):
    """Everything, checked as a whole."""

    mqtt: MqttConfig = MqttConfig()
    homeassistant: HomeAssistantConfig = HomeAssistantConfig()
    heos: HeosConfig | None = None
    receivers: dict[Text, ReceiverConfig] = Field(default_factory=dict)
    plex: PlexConfig | None = None
    media: MediaConfig = MediaConfig()
    zones: dict[Text, ZoneConfig] = Field(default_factory=dict)
    state_dir: Path | Literal["auto"] = "auto"
    log: LogConfig = LogConfig()
    allow_raw: bool = False
    allow_admin: bool = False

    @model_validator(mode="before")
    @classmethod
    def _sections_left_empty(cls, content: object) -> object:
        """`heos:` with nothing below it means: with all its defaults. `receivers:` so means: none."""
        if not isinstance(content, Mapping):
            return content
        given = cast("Mapping[str, object]", content)
        return {
            key: dict[str, object]() if value is None and key in _ALL_SECTIONS else value
            for key, value in given.items()
        }


def state_folder(wished: Path | str, environ: Mapping[str, str]) -> Path:
    """`auto`: systemd's $STATE_DIRECTORY, else $XDG_STATE_HOME or ~/.local/state."""
    if str(wished) != "auto":
        return Path(wished).expanduser()
    if given := environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    home = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(home) / "sugartalkd"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration, and where it came from."""

    config: Config
    path: Path | None
    warnings: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What settings.yaml holds: the changes made by `config/set`, as a tree."""
    environ: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def state_folder(self) -> Path:
        """Where zone ids and changed settings are kept."""
        return state_folder(self.config.state_dir, self.environ)


def find(environ: Mapping[str, str]) -> Path | None:
    """The configuration file that `run` takes without `--config`."""
    if given := environ.get("SUGARTALK_CONFIG"):
        return Path(given)
    home = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    places = (home / "sugartalkd/config.yaml", Path("/etc/sugartalkd/config.yaml"), Path("config.yaml"))
    return next((place for place in places if place.is_file()), None)


def load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Environment over settings.yaml over config.yaml. Raises ConfigurationFault with every fault."""
    path = path or find(environ)
    return _load(path, environ, settings=None)


def changed(base: Loaded, changes: Mapping[str, object]) -> Loaded:
    """The configuration with dotted keys changed, `None` taking one out. Raises ConfigurationFault."""
    settings = cast("dict[str, Any]", yaml.safe_load(yaml.safe_dump(_plain(base.settings))) or {})
    faults: list[Fault] = []
    for key, value in changes.items():
        parts = key.split(".")
        pinned = next((name for name, path in _pinned(base.environ) if _overlap(path, parts)), None)
        if parts[0] not in CHANGEABLE:
            faults.append(
                Fault(
                    key, f"cannot be changed here, only {', '.join(CHANGEABLE)}{_near(parts[0], CHANGEABLE)}"
                )
            )
        elif pinned is not None:
            faults.append(Fault(key, f"is pinned by the environment variable {pinned}"))
        elif not all(parts):
            faults.append(Fault(key, "is not a dotted key"))
        else:
            _put(settings, parts, value)
    if faults:
        raise ConfigurationFault(faults)
    return _load(base.path, base.environ, settings=settings)


def save_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write settings.yaml, for its owner only; renamed into place, so it is never half written."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = folder / f"{SETTINGS}.new"
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write("# Written by config/set; it overrides config.yaml.\n")
        yaml.safe_dump(_plain(settings), file, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / SETTINGS)


def masked(config: Config) -> Object:
    """The configuration for other eyes: no secrets, of addresses only scheme, host and port."""
    content = cast("Object", config.model_dump(mode="json"))

    def walk(value: Json, key: str) -> Json:
        if isinstance(value, dict):
            return {name: walk(below, name) for name, below in value.items()}
        if isinstance(value, str) and key == "url":
            parts = urlsplit(value)
            return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        if isinstance(value, str) and key in {"password", "token"}:
            return MASK
        return value

    return {key: walk(value, key) for key, value in content.items()}


# -- putting it together -----------------------------------------------------------------------------


def _load(path: Path | None, environ: Mapping[str, str], settings: dict[str, Any] | None) -> Loaded:
    document = Document("the environment") if path is None else read(path)
    warnings = list(_readable_by_others(document, path))
    layers = [document]
    tree = cast("dict[str, Any]", _plain(document.content))
    folder = state_folder(
        cast("str", _environment(environ).get("state_dir", tree.get("state_dir", "auto"))), environ
    )
    if settings is None:
        saved = read(folder / SETTINGS) if (folder / SETTINGS).is_file() else Document(SETTINGS)
        settings = cast("dict[str, Any]", _plain(saved.content))
        layers.append(saved)
    else:
        layers.append(Document("config/set"))
    tree = _merged(tree, settings)
    tree = _merged(tree, _environment(environ))
    faults: list[Fault] = []
    _read_secret_files(tree, path, environ, faults, layers)
    config: Config | None = None
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        found = [_fault(one, tree, layers) for one in error.errors(include_url=False)]
        faults.extend({fault.path: fault for fault in found}.values())  # a union complains once per member
    if config is not None:
        faults.extend(
            Fault(where, text, *_place(tuple(where.split(".")), layers)) for where, text in _crosswise(config)
        )
    if faults or config is None:
        raise ConfigurationFault(faults)
    for secret in (
        config.mqtt.password,
        config.heos and config.heos.password,
        config.plex and config.plex.token,
    ):
        if secret:
            mask_also(secret.get_secret_value())
    return Loaded(config, path, tuple(warnings), settings, dict(environ))


def _plain(tree: object) -> object:
    """YAML mappings with text as keys, whatever the YAML said."""
    if isinstance(tree, Mapping):
        return {
            str(_text(key)): _plain(value) for key, value in cast("Mapping[object, object]", tree).items()
        }
    if isinstance(tree, list):
        return [_plain(value) for value in cast("list[object]", tree)]
    return tree


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, Mapping):
            result[key] = _merged(cast("dict[str, Any]", old), cast("Mapping[str, Any]", value))
        else:
            result[key] = value
    return result


def _put(tree: dict[str, Any], parts: list[str], value: object) -> None:
    for part in parts[:-1]:
        below = tree.get(part)
        if not isinstance(below, dict):
            below = tree[part] = {}
        tree = cast("dict[str, Any]", below)
    if value is None:
        tree.pop(parts[-1], None)
    else:
        tree[parts[-1]] = value


def _pinned(environ: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    for name in environ:
        if name.startswith(PREFIX) and name != "SUGARTALK_CONFIG" and not name.startswith("SUGARTALK_TEST_"):
            yield name, name[len(PREFIX) :].lower().split("__")


def _overlap(one: list[str], other: list[str]) -> bool:
    return all(first == second for first, second in zip(one, other, strict=False))


def _environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """SUGARTALK_MQTT__PORT=1884 as a tree; values are YAML, so numbers, lists and null can be said."""
    tree: dict[str, Any] = {}
    for name, parts in _pinned(environ):
        text = environ[name]
        try:
            value: object = yaml.safe_load(text)
        except yaml.YAMLError:
            value = text
        below = tree
        for part in parts[:-1]:
            below = below.setdefault(part, {})
        # 0123, yes and 1e5 are what was typed where text is wanted; numbers and booleans parse from text too.
        below[parts[-1]] = text if isinstance(value, (int, float, str)) else value
    return tree


def _readable_by_others(document: Document, path: Path | None) -> Iterator[str]:
    if path is None or not path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return
    for section, key in (("mqtt", "password"), ("heos", "password"), ("plex", "token")):
        part = document.content.get(section)
        if isinstance(part, dict) and part.get(key):
            yield f"{path} holds {section}.{key} and others can read it; chmod 600, or use {key}_file"


def _read_secret_files(
    tree: dict[str, Any],
    path: Path | None,
    environ: Mapping[str, str],
    faults: list[Fault],
    layers: list[Document],
) -> None:
    """`password_file` and `token_file` become the secret that they hold."""
    for section, key in (("mqtt", "password"), ("heos", "password"), ("plex", "token")):
        part = tree.get(section)
        if not isinstance(part, dict):
            continue
        part = tree[section] = dict(cast("dict[str, Any]", part))
        wished = part.pop(f"{key}_file", None)
        if wished is None:
            continue
        where = (section, f"{key}_file")
        if part.get(key) is not None:
            faults.append(
                Fault(".".join(where), f"and {section}.{key} are both given", *_place(where, layers))
            )
            continue
        file = Path(str(wished).replace("$CREDENTIALS_DIRECTORY", environ.get("CREDENTIALS_DIRECTORY", "")))
        if not file.is_absolute() and path is not None:
            file = path.parent / file
        try:
            part[key] = file.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            faults.append(Fault(".".join(where), f"{file} cannot be read: {why}", *_place(where, layers)))


# -- faults ------------------------------------------------------------------------------------------


def _place(path: Path_, layers: list[Document]) -> tuple[str | None, int | None]:
    """The file and line that say a key: the highest layer that has it."""
    for document in reversed(layers):
        if path in document.lines:
            return document.file, document.lines[path]
    for document in reversed(layers):
        if (line := document.line(path)) is not None:
            return document.file, line
    return None, None


def _fault(  # noqa: C901, PLR0912  # a flat table of findings
    error: ErrorDetails, tree: Mapping[str, Any], layers: list[Document]
) -> Fault:
    """One of pydantic's findings in plain words."""
    # A union adds the name of the member it tried; such steps are no keys of ours.
    path = tuple(str(step) for step in error["loc"])
    while (
        path
        and path[-1] not in _keys(path[:-1], tree)
        and error["type"] not in {"missing", "extra_forbidden"}
    ):
        path = path[:-1]
    given = error.get("input")
    # A URL may hold user information.
    hidden = _is_secret(path) or path[-1:] == ("url",) or isinstance(given, (dict, list))
    shown = "" if hidden else f"{given!r} "
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            message = f"is not known{_near(path[-1], _known(path[:-1]))}"
        case "missing":
            message = "is missing"
        case "int_parsing" | "int_type" | "int_from_float" | "float_parsing" | "float_type":
            message = f"{shown}is not a number"
        case "greater_than_equal" | "less_than_equal" if path[-1] == "port":
            message = f"{shown}is not a port, 1 to 65535"
        case "greater_than_equal" | "less_than_equal":
            message = f"{shown}is out of range"
        case "literal_error":
            message = f"{shown}is not one of {context.get('expected', '')}"
        case "bool_parsing" | "bool_type":
            message = f"{shown}is neither true nor false"
        case "value_error":
            message = f"{shown}{context.get('error', 'is not valid')}"
        case "string_type" | "path_type":
            message = f"{shown}is not text"
        case "string_pattern_mismatch":
            message = f"{shown}may have letters, digits, _ and -, at most 32"
        case "model_type" | "model_attributes_type" | "dict_type":
            message = f"{shown}is not a section with keys below it"
        case _:
            message = f"{shown}is not valid"
    return Fault(".".join(path), message, *_place(path, layers))


def _keys(path: Path_, tree: Mapping[str, Any]) -> Iterable[str]:
    value: object = tree
    for step in path:
        value = cast("Mapping[str, object]", value).get(step) if isinstance(value, Mapping) else None
    return cast("Mapping[str, object]", value).keys() if isinstance(value, Mapping) else ()


def _is_secret(path: Path_) -> bool:
    return bool(path) and path[-1] in {"password", "token"}


_SECTIONS: Final[dict[str, type[BaseModel]]] = {
    "mqtt": MqttConfig, "mqtt.tls": TlsConfig, "homeassistant": HomeAssistantConfig, "heos": HeosConfig,
    "plex": PlexConfig, "media": MediaConfig, "log": LogConfig, "": Config,
}  # fmt: skip


def _known(path: Path_) -> list[str]:
    part = {"receivers": ReceiverConfig, "zones": ZoneConfig}.get(path[0]) if path else None
    model = part if part is not None else _SECTIONS.get(".".join(path))
    names = [] if model is None else list(model.model_fields)
    return names + [f"{name}_file" for name in names if name in {"password", "token"}]


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _crosswise(config: Config) -> Iterator[tuple[str, str]]:
    """What no single key can tell."""
    prefix = config.homeassistant.prefix
    if f"{config.mqtt.base_topic}/".startswith(f"{prefix}/"):
        yield "mqtt.base_topic", f"lies under homeassistant.prefix, {prefix}"
    for section, ids in (("receivers", config.receivers), ("zones", config.zones)):
        for one in ids:
            if not ZONE_ID.fullmatch(one) or one == "bridge":
                yield f"{section}.{one}", "is not an id: a-z, 0-9, _ and -, at most 64, and not bridge"
    taken: dict[tuple[str, str], str] = {}
    for zone, one in config.zones.items():
        yield from _in_zone(config, zone, one)
        parts = [("player", one.player)] if one.player is not None else []
        parts += [(f"receiver {one.receiver}", one.receiver_zone)] if one.receiver is not None else []
        for part in parts:
            if part in taken:
                yield f"zones.{zone}", f"{part[0]} {part[1]} is in zone {taken[part]} already"
            taken.setdefault(part, zone)


def _in_zone(config: Config, zone: str, one: ZoneConfig) -> Iterator[tuple[str, str]]:
    where = f"zones.{zone}"
    if one.receiver is None and one.player is None and one.renderer is None:
        yield where, "needs a receiver, a player or a renderer"
    if one.receiver is not None and one.receiver not in config.receivers:
        yield (
            f"{where}.receiver",
            f"{one.receiver!r} is not in receivers{_near(one.receiver, config.receivers)}",
        )
    if one.player is not None and config.heos is None:
        yield f"{where}.player", "needs the heos section"
    if one.volume == "receiver" and one.receiver is None:
        yield f"{where}.volume", "belongs to the receiver, but the zone has none"
    if one.volume == "player" and one.player is None and one.renderer is None:
        yield f"{where}.volume", "belongs to the player, but the zone has none"
    receiver_owns = one.receiver is not None and one.volume != "player"
    if isinstance(one.max_volume, float) and receiver_owns and one.max_volume > 98:  # noqa: PLR2004
        yield f"{where}.max_volume", f"{one.max_volume:g} is above the receiver's scale, 0 to 98"
    yield from _in_inputs(f"{where}.inputs", one.inputs)


def _in_inputs(where: str, inputs: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for shown, input_name in inputs.items():
        if not _INPUT.fullmatch(input_name):
            yield (
                f"{where}.{shown}",
                f"{input_name!r} is no input of a receiver; write it as the receiver does, such as SAT/CBL",
            )
    names = [shown.casefold() for shown in inputs]
    if len(set(names)) < len(names):
        yield where, "has two names that differ only in case"
    if len(set(inputs.values())) < len(inputs):
        yield where, "names one input of the receiver twice"
