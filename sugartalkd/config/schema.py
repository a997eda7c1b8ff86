"""What can be configured: every key with its type, its default and its limits."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Final, Literal, Self, Union, cast, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

SECRETS: Final = (("mqtt", "password"), ("heos", "password"), ("plex", "token"))
"""Each may also come from a file: `password_file`, `token_file`."""
TWIN: Final = "_file"

_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
LOOPBACK: Final = "127.0.0.1"
_TOPIC_LIMIT: Final = 1000
"""Characters of what our topics begin with; MQTT takes 65535 bytes for a whole one."""

_HOST_IN_URL: Final = 200


# -- what single values must be ----------------------------------------------------------------------


def _host(value: str) -> str:
    bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if ":" in bare:
        try:
            ipaddress.IPv6Address(bare)
        except ValueError:
            raise ValueError("is not a host name or address; a port does not belong here") from None
        return bare
    labels = bare.removesuffix(".").split(".")
    if bare != value or len(bare) > 253 or not all(map(_LABEL.fullmatch, labels)):  # noqa: PLR2004
        raise ValueError("is not a host name or address")
    if labels[-1].isdigit():
        try:
            # Resolvers read 192.168.1 and 010.0.0.9 as addresses too, but as others than one thinks.
            ipaddress.IPv4Address(bare)
        except ValueError:
            raise ValueError("is not an IPv4 address") from None
    return bare


def _topic(value: str) -> str:
    if any(character in value for character in "+#") or not all(value.split("/")) or value[0] == "$":
        raise ValueError("is not a topic to publish under: no wildcards, no empty levels, no leading $")
    if _CONTROL.search(value) or len(value) > _TOPIC_LIMIT:
        raise ValueError("is not a topic to publish under: it has control characters, or far too many")
    return value


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.port != 0
        _host(parts.hostname or "")
    except ValueError:  # its text may quote the user information
        usable = False
    if not usable or re.search(r"\s", value) or _CONTROL.search(value):
        raise ValueError("is not an http:// or https:// address")
    if "@" in urlsplit(value).netloc:
        raise ValueError("may not hold a user name or password; the token has a key of its own")
    return value


def _shown_name(value: str) -> str:
    if not value or _CONTROL.search(value):
        raise ValueError("is not a name to show: it is empty or has control characters")
    return value


def _share(value: str) -> str:
    """`host:port`; a bare port is one of this machine alone."""
    host, colon, port = value.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 1 <= int(port[:6]) <= 65535:  # noqa: PLR2004
        raise ValueError("is not a port, or an address with a port as in 192.168.1.10:2323")
    if colon and (":" in host) != (host[:1] == "["):
        raise ValueError("is not an address with a port; an IPv6 address stands in brackets: [::1]:2323")
    host = _host(host) if colon else LOOPBACK
    return f"[{host}]:{int(port)}" if ":" in host else f"{host}:{int(port)}"


def _reachable(value: str) -> str:
    """What players are told to fetch from; devices take no URL of more than 255 characters."""
    host = _host(value)
    if len(host) > _HOST_IN_URL:
        raise ValueError(f"is longer than {_HOST_IN_URL} characters")
    if host in {"0.0.0.0", "::"}:
        raise ValueError("is no address that a player can reach; it is one to bind to")
    return host


def folder(value: object) -> Path | Literal["auto"]:
    """A folder for the state, or `auto`. Raises ValueError."""
    # Text has lost whether it was quoted; a folder that is called true is none that anybody wants.
    truth = {"true", "false", "yes", "no", "on", "off"}
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str) or not value or _CONTROL.search(value) or value.casefold() in truth:
        raise ValueError("is not a folder")
    if value == "auto":
        return "auto"
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise ValueError("is not a folder: nobody here has that name") from None


Host = Annotated[str, AfterValidator(_host)]
Port = Annotated[int, Field(ge=1, le=65535)]
Topic = Annotated[str, AfterValidator(_topic)]


# -- the sections ------------------------------------------------------------------------------------


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    @model_validator(mode="before")
    @classmethod
    def _sections_left_empty(cls, content: object) -> object:
        """`heos:` with nothing below it means: with all its defaults. `receivers:` so means: none."""
        if not isinstance(content, Mapping):
            return content
        given = cast("Mapping[str, object]", content)
        return {
            key: dict[str, object]() if value is None and _has_keys(_types_of_field(cls, key)) else value
            for key, value in given.items()
        }


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

    host: Host = "127.0.0.1"
    port: Port = 1883
    username: str | None = None
    password: SecretStr | None = None
    base_topic: Topic = "sugartalk"
    bridge_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = "main"
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    tls: TlsConfig = TlsConfig()


class HomeAssistantConfig(_Part):
    """Home Assistant's MQTT discovery."""

    discovery: bool = True
    prefix: Topic = "homeassistant"


class HeosConfig(_Part):
    """The HEOS system; any of its devices speaks for all."""

    host: Host = "auto"
    username: str | None = None
    password: SecretStr | None = None


class ReceiverConfig(_Part):
    """One receiver on telnet."""

    host: Host
    port: Port = 23
    http: Literal["auto", "off"] = "auto"
    """Whether its web side is asked once for model, MAC and the names of its inputs."""
    share: Annotated[str, AfterValidator(_share)] | None = None
    """Where its one telnet session is offered to other programs."""

    @property
    def share_at(self) -> tuple[str, int] | None:
        """Host and port of `share`."""
        if self.share is None:
            return None
        host, _, port = self.share.rpartition(":")
        return host.strip("[]"), int(port)


class PlexConfig(_Part):
    """The Plex server, by address or by name."""

    url: Annotated[str, AfterValidator(_url)] | None = None
    server: str | None = None
    token: SecretStr | None = None
    library: str = "Music"

    @model_validator(mode="after")
    def _says_which_server(self) -> Self:
        if self.url is None and self.server is None:
            raise ValueError("needs url, or server: its name, after `sugartalkd login plex`")
        return self


class MediaConfig(_Part):
    """Where players fetch audio and artwork."""

    advertise: Annotated[str, AfterValidator(_reachable)] = "auto"
    """The host that is told to players, where they do not reach ours: in a container with a mapped port."""
    bind: Host = "auto"
    """Where it listens; `auto`: on the address that the player reaches, as soon as one is to play."""
    port: Port = 18095


class ZoneConfig(_Part):
    """A place to listen in."""

    name: str | None = None
    receiver: str | None = None
    receiver_zone: Literal["main", "zone2", "zone3"] = "main"
    player: str | None = None
    renderer: str | None = None
    player_input: str = "auto"
    volume: Literal["auto", "receiver", "player"] = "auto"
    max_volume: Literal["auto"] | Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = "auto"
    inputs: dict[Annotated[str, AfterValidator(_shown_name)], str] = Field(default_factory=dict)


class LogConfig(_Part):
    """How much is logged, and for whom."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class Config(_Part):
    """Everything, checked as a whole."""

    mqtt: MqttConfig = MqttConfig()
    homeassistant: HomeAssistantConfig = HomeAssistantConfig()
    heos: HeosConfig | None = None
    receivers: dict[str, ReceiverConfig] = Field(default_factory=dict)
    plex: PlexConfig | None = None
    media: MediaConfig = MediaConfig()
    zones: dict[str, ZoneConfig] = Field(default_factory=dict)
    state_dir: Annotated[Path | Literal["auto"], BeforeValidator(folder)] = "auto"
    log: LogConfig = LogConfig()
    allow_raw: bool = False
    allow_admin: bool = False


# -- asking the schema -------------------------------------------------------------------------------


def _types(annotation: object) -> Iterator[object]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _types(get_args(annotation)[0])
    elif origin is Union or origin is UnionType:
        for member in get_args(annotation):
            yield from _types(member)
    else:
        yield annotation


def types_at(path: Iterable[str]) -> tuple[object, ...]:
    """What a key may be, one type for each member of a union; nothing if there is no such key."""
    found: tuple[object, ...] = (Config,)
    for step in path:
        below: list[object] = []
        for one in found:
            if isinstance(one, type) and issubclass(one, BaseModel):
                below += _types_of_field(one, step)
            elif get_origin(one) is dict:
                below += _types(get_args(one)[1])
        found = tuple(below)
    return found


def _types_of_field(model: type[BaseModel], name: str) -> Iterable[object]:
    if (known := model.model_fields.get(name)) is not None:
        return _types(known.annotation)
    secret = model.model_fields.get(name.removesuffix(TWIN)) if name.endswith(TWIN) else None
    return (str, NoneType) if secret is not None and SecretStr in _types(secret.annotation) else ()


def is_section(path: Iterable[str]) -> bool:
    """Whether keys stand below this one."""
    return _has_keys(types_at(path))


def _has_keys(types: Iterable[object]) -> bool:
    return any(
        get_origin(one) is dict or (isinstance(one, type) and issubclass(one, BaseModel)) for one in types
    )


def may_be_null(path: Iterable[str]) -> bool:
    """Whether null is a value here. For a section it is none: `heos:` left empty means all defaults."""
    path = tuple(path)
    return NoneType in types_at(path) and not is_section(path)


def is_text(path: Iterable[str]) -> bool:
    """Whether anything that is typed can be meant as text."""
    return any(one is str or one is SecretStr or one is Path for one in types_at(path))


def known_at(path: Iterable[str]) -> list[str]:
    """The keys that a section may have; nothing where they are free."""
    names: list[str] = []
    for one in types_at(path):
        if isinstance(one, type) and issubclass(one, BaseModel):
            fields = one.model_fields
            names += fields
            names += [f"{name}{TWIN}" for name in fields if SecretStr in _types(fields[name].annotation)]
    return names
