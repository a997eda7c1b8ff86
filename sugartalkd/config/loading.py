"""The configuration: config.yaml, settings.yaml and the environment into one frozen value, or every fault."""

from __future__ import annotations

import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

import yaml

from sugartalkd import state_file
from sugartalkd.config.check import check, near
from sugartalkd.config.file import DEEPEST, Document, read
from sugartalkd.config.layers import (
    as_typed,
    changes_document,
    drop_empty,
    environment,
    fault_at,
    merged,
    over,
    pinned_by,
    put,
    said_twice,
    take_out,
)
from sugartalkd.config.schema import (
    SECRETS,
    TWIN,
    Config,
    folder,
    known_at,
    may_be_null,
    types_at,
)
from sugartalkd.errors import ConfigurationFault, Fault
from sugartalkd.log import mask_also

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sugartalkd.config.file import Path_, Section, Tree
    from sugartalkd.model import Object

MASK: Final = "********"
CHANGEABLE: Final = ("heos", "receivers", "plex", "media", "zones", "log")
"""Sections that `config/set` may change."""
SETTINGS: Final = "settings.yaml"

_TLS_FILES: Final = ("ca_file", "cert_file", "key_file")


def state_folder(wished: Path | str, environ: Mapping[str, str]) -> Path:
    """`auto`: systemd's $STATE_DIRECTORY, else $XDG_STATE_HOME or ~/.local/state."""
    if str(wished) != "auto":
        return Path(wished).expanduser()
    if given := environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    given = environ.get("XDG_STATE_HOME")
    return (Path(given) if given else _home(environ) / ".local/state") / "sugartalkd"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration, and where it came from."""

    config: Config
    path: Path | None
    warnings: tuple[str, ...] = ()
    settings: Mapping[str, Tree] = field(default_factory=dict[str, "Tree"])
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
    given = environ.get("XDG_CONFIG_HOME")
    home = Path(given) if given else _home(environ) / ".config"
    places = (home / "sugartalkd/config.yaml", Path("/etc/sugartalkd/config.yaml"), Path("config.yaml"))
    return next((place for place in places if _may_be_there(place)), None)


def load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Environment over settings.yaml over config.yaml. Raises ConfigurationFault with every fault."""
    path = path or find(environ)
    return _load(path, _read(path), environ, settings=None)


def changed(base: Loaded, changes: Mapping[str, object]) -> Loaded:
    """The configuration with dotted keys changed; a null that is no value takes a key out again.

    Raises ConfigurationFault.
    """
    document = _read(base.path)
    settings = merged(dict(base.settings), {})
    faults: list[Fault] = []
    for key, value in changes.items():
        path = tuple(key.split("."))
        refused = _refusal(path, base.environ)
        if refused is None:
            try:
                refused = _change(settings, path, as_typed(value), document)
            except ValueError as error:  # nested too deep
                refused = str(error)
        if refused is not None:
            faults.append(Fault(key, refused))
    for section, key in SECRETS:
        both = f"{section}.{key}", f"{section}.{key}{TWIN}"
        if all(changes.get(one) is not None for one in both):
            faults.append(Fault(both[1], f"{both[0]} and {both[1]} are both given"))
    if faults:
        raise ConfigurationFault(faults)
    return _load(base.path, document, base.environ, settings=settings)


def save_settings(folder: Path, settings: Mapping[str, Tree]) -> None:
    """Write settings.yaml, for its owner only. Raises OSError."""
    content = yaml.safe_dump(dict(settings), sort_keys=True)
    state_file.replace(folder / SETTINGS, f"# Written by config/set; it overrides config.yaml.\n{content}")


def masked(config: Config) -> Object:
    """The configuration for other eyes: no secrets, of addresses only scheme, host and port."""
    content = cast("Object", config.model_dump(mode="json"))
    for section, key in SECRETS:
        part = content.get(section)
        if isinstance(part, dict) and part.get(key) is not None:
            part[key] = MASK
    plex = content.get("plex")
    if isinstance(plex, dict) and isinstance(url := plex.get("url"), str):
        plex["url"] = _bare(url)
    return content


def _bare(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return MASK


# -- finding files -----------------------------------------------------------------------------------


def _home(environ: Mapping[str, str]) -> Path:
    if given := environ.get("HOME"):
        return Path(given)
    try:
        return Path.home()
    except RuntimeError:  # a container's user that is in no list of users
        return Path("/")


def _may_be_there(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:  # better to say so than to start without it
        return True


def _read(path: Path | None) -> Document:
    """config.yaml; where one is named, it has to be there."""
    if path is None:
        return Document()
    try:
        return read(path)
    except FileNotFoundError as error:
        fault = Fault("", f"cannot be read: {error.strerror}", str(path))
        return Document(faults=[fault], unusable={()})


def _read_settings(document: Document, environ: Document, variables: Mapping[str, str]) -> Document:
    """settings.yaml, from the state folder that the environment or config.yaml names."""
    try:
        wished: Tree = {**document.sections, **environ.sections}.get("state_dir", "auto")
        saved = read(state_folder(folder(wished), variables) / SETTINGS)
    except FileNotFoundError:
        return Document()
    except ValueError:  # what state_dir says is no folder; that is told with all the other faults
        return Document()
    if "state_dir" in saved.sections:
        saved.faults.append(
            fault_at(("state_dir",), "belongs into config.yaml: it tells where this file is", [saved])
        )
    return saved


# -- putting it together -----------------------------------------------------------------------------


def _load(
    path: Path | None, document: Document, environ: Mapping[str, str], settings: Section | None
) -> Loaded:
    variables = environment(environ)
    if settings is not None:
        saved = changes_document(settings)
    else:
        # Without config.yaml nobody knows where settings.yaml is.
        saved = Document() if () in document.unusable else _read_settings(document, variables, environ)
    layers = [document, saved, variables]
    faults = [fault for layer in layers for fault in layer.faults]
    unusable = {one for layer in layers for one in layer.unusable}
    if () in unusable:
        raise ConfigurationFault(faults)
    faults += [fault_at(*twice, [layer]) for layer in layers for twice in said_twice(layer.sections)]
    tree = over(over(document.sections, saved.sections), variables.sections)
    for where, message in (
        *_read_secrets(tree, path, environ),
        *_find_tls_files(tree, path),
    ):
        faults.append(fault_at(where, message, layers))
    config, found = check(tree, layers, unusable)
    faults += found
    if faults or config is None:
        raise ConfigurationFault(faults)
    for secret in (
        config.mqtt.password,
        config.heos and config.heos.password,
        config.plex and config.plex.token,
    ):
        if secret:
            mask_also(secret.get_secret_value())
    warnings = tuple(_readable_by_others(document, path))
    return Loaded(config, path, warnings, saved.sections, dict(environ))


def _readable_by_others(document: Document, path: Path | None) -> Iterator[str]:
    if path is None or not path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return
    for section, key in SECRETS:
        part = document.sections.get(section)
        if isinstance(part, dict) and part.get(key):
            yield f"{path} holds {section}.{key} and others can read it; chmod 600, or use {key}{TWIN}"


def _read_secrets(
    tree: Section, path: Path | None, environ: Mapping[str, str]
) -> Iterator[tuple[Path_, str]]:
    """`password_file` and `token_file` become the secret that they hold; what hinders is the result."""
    for section, key in SECRETS:
        part = tree.get(section)
        if not isinstance(part, dict):
            continue
        wished = part.pop(f"{key}{TWIN}", None)
        if wished is None or part.get(key) is not None:
            continue
        where = (section, f"{key}{TWIN}")
        if not isinstance(wished, str):
            yield where, "is not the name of a file"
            continue
        file = _beside(
            wished.replace("$CREDENTIALS_DIRECTORY", environ.get("CREDENTIALS_DIRECTORY", "")), path
        )
        try:
            part[key] = file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            yield where, _unreadable(file, error)


def _find_tls_files(tree: Section, path: Path | None) -> Iterator[tuple[Path_, str]]:
    """Make the files of `mqtt.tls` absolute; the broker would only tell when it connects."""
    mqtt = tree.get("mqtt")
    tls = mqtt.get("tls") if isinstance(mqtt, dict) else None
    if not isinstance(tls, dict):
        return
    holds_key = False
    for key in _TLS_FILES:
        wished = tls.get(key)
        if not isinstance(wished, str):
            continue
        file = _beside(wished, path)
        tls[key] = str(file)
        try:
            content = file.read_bytes()
        except (OSError, ValueError) as error:
            yield ("mqtt", "tls", key), _unreadable(file, error)
            content = None
        if key == "cert_file":
            holds_key = content is None or b"PRIVATE KEY-----" in content
    given = {key for key in _TLS_FILES if tls.get(key) is not None}
    if "cert_file" in given and "key_file" not in given and not holds_key:
        yield ("mqtt", "tls", "cert_file"), "has no private key in it, so it needs key_file as well"
    if "key_file" in given and "cert_file" not in given:
        yield ("mqtt", "tls", "key_file"), "needs cert_file as well"


def _beside(name: str, path: Path | None) -> Path:
    """A file that the configuration names, relative to where the configuration is."""
    file = Path(name)
    with suppress(RuntimeError):  # ~nobody: it will not be there
        file = file.expanduser()
    return file if path is None else (path.parent / file).absolute()


def _unreadable(file: Path, error: OSError | ValueError) -> str:
    why = error.strerror if isinstance(error, OSError) else "it is not text"
    return f"{file} cannot be read: {why}"


# -- changes -----------------------------------------------------------------------------------------


def _refusal(path: Path_, environ: Mapping[str, str]) -> str | None:
    """Why a key cannot be changed at all."""
    if path[0] not in CHANGEABLE:
        return f"cannot be changed here, only {', '.join(CHANGEABLE)}{near(path[0], CHANGEABLE)}"
    if not all(path) or len(path) > DEEPEST:
        return "is not a dotted key"
    pinned = pinned_by(environ, path)
    return None if pinned is None else f"is pinned by the environment variable {pinned}"


def _change(settings: Section, path: Path_, value: Tree, document: Document) -> str | None:
    """Make one change, or say why not."""
    if value is not None or may_be_null(path):
        put(settings, path, value)
        return None
    if take_out(settings, path):
        drop_empty(settings, path)
        return None
    if not types_at(path):
        return f"is not known{near(path[-1], known_at(path[:-1]))}"
    if (place := document.places.get(path)) is not None:
        return f"is in {place.file}, line {place.line}, and can only be taken out there"
    return "is not set"
