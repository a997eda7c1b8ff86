"""Layers of configuration: the environment and changes as trees of text, and one laid over the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from sugartalkd.config.file import DEEPEST, Document, Place, parse, shown
from sugartalkd.config.schema import SECRETS, TWIN, is_section, is_text, may_be_null
from sugartalkd.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sugartalkd.config.file import Path_, Section, Tree

PREFIX: Final = "SUGARTALK_"

_TWINS: Final[Mapping[Path_, Path_]] = {
    one: other
    for section, key in SECRETS
    for one, other in (
        ((section, key), (section, f"{key}{TWIN}")),
        ((section, f"{key}{TWIN}"), (section, key)),
    )
}


# -- laying one over the other -----------------------------------------------------------------------


def over(below: Section, above: Section) -> Section:
    """What counts when both are said; a secret in the upper layer also does away with its twin below."""
    below = merged(below, {})
    for path, twin in _TWINS.items():
        if replaces_twin(above, path):
            take_out(below, twin)
    return merged(below, above)


def merged(below: Section, above: Section) -> Section:
    """Two trees as one, both left as they are. A section left empty says nothing about what it holds."""
    result: Section = {
        key: merged(value, {}) if isinstance(value, dict) else value for key, value in below.items()
    }
    for key, value in above.items():
        old = result.get(key)
        if isinstance(value, dict):
            result[key] = merged(old if isinstance(old, dict) else {}, value)
        elif value is not None or not isinstance(old, dict):
            result[key] = value
    return result


def replaces_twin(tree: Section, path: Path_) -> bool:
    """Whether a tree says a secret in one way so that the other way no longer counts.

    `password: null` is no password at all; `password_file: null` only means that there is no such file.
    """
    section = tree.get(path[0])
    if not isinstance(section, dict) or path[-1] not in section:
        return False
    return section[path[-1]] is not None or not path[-1].endswith(TWIN)


def said_twice(tree: Section) -> Iterator[tuple[Path_, str]]:
    """Secrets that one layer gives both as they are and in a file."""
    for section, key in SECRETS:
        part = tree.get(section)
        if isinstance(part, dict) and part.get(key) is not None and part.get(f"{key}{TWIN}") is not None:
            yield (section, f"{key}{TWIN}"), f"{section}.{key} and {section}.{key}{TWIN} are both given"


# -- the environment ---------------------------------------------------------------------------------


def environment(environ: Mapping[str, str]) -> Document:
    """`SUGARTALK_MQTT__PORT=1884` as a tree.

    What can only be text, a number or a truth is taken as it was typed. Where there can be null or a section,
    the value is YAML.
    """
    document = Document()
    # What names a whole section comes first, so that single keys count over it.
    for name, path in sorted(_variables(environ), key=lambda one: (len(one[1]), one[0])):
        value = _value(environ[name], name, path, document)
        if path in document.unusable:
            continue
        refused = _enter(document.sections, path, value)
        if refused is not None:
            message = f"{'.'.join(refused)} is given as well, and not as a section with keys below it"
            document.faults.append(Fault("", message, name))
            continue
        document.places[path] = Place(name, None, len(path))
        for length in range(1, len(path)):
            document.places.setdefault(path[:length], Place(name))
    return document


def pinned_by(environ: Mapping[str, str], path: Path_) -> str | None:
    """The environment variable that decides about a key, or about some of what is below it."""
    wanted = _of_twins(path)
    for name, given in _variables(environ):
        if all(one == other for one, other in zip(_of_twins(given), wanted, strict=False)):
            return name
    return None


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[str, Path_]]:
    """Ours. An empty one counts as not set: that is what compose files and unit files make of a gap."""
    for name, text in environ.items():
        other = name == "SUGARTALK_CONFIG" or name.startswith("SUGARTALK_TEST_")
        if text and name.startswith(PREFIX) and not other:
            yield name, tuple(name[len(PREFIX) :].lower().split("__"))


def _of_twins(path: Path_) -> Path_:
    return _TWINS[path] if path in _TWINS and path[-1].endswith(TWIN) else path


def _value(text: str, name: str, path: Path_, document: Document) -> Tree:
    if not is_section(path) and (is_text(path) or not may_be_null(path)):
        return text
    inner = parse(text, name, path)
    document.faults += inner.faults
    document.unusable |= inner.unusable
    document.places |= inner.places
    return {} if inner.content is None and is_section(path) else inner.content


def _enter(tree: Section, path: Path_, value: Tree) -> Path_ | None:
    """Set a key; what stands in its way is the result, and stays."""
    for number, step in enumerate(path[:-1], start=1):
        below = tree.setdefault(step, {})
        if not isinstance(below, dict):
            return path[:number]
        tree = below
    tree[path[-1]] = value
    return None


# -- changes -----------------------------------------------------------------------------------------


def as_typed(value: object, room: int = DEEPEST) -> Tree:
    """JSON as the text that a file would have. Raises ValueError for what is nested too deep."""
    if room == 0:
        raise ValueError(f"is nested deeper than {DEEPEST} levels")
    if isinstance(value, dict):
        pairs = cast("dict[object, object]", value).items()
        return {str(key): as_typed(below, room - 1) for key, below in pairs}
    if isinstance(value, list):
        return [as_typed(below, room - 1) for below in cast("list[object]", value)]
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def put(tree: Section, path: Path_, value: Tree) -> None:
    """Set a key, making the sections that it needs; a secret's twin goes."""
    below = tree
    for step in path[:-1]:
        inner = below.get(step)
        if not isinstance(inner, dict):
            inner = below[step] = {}
        below = inner
    below[path[-1]] = value
    if path in _TWINS and replaces_twin(tree, path):
        take_out(tree, _TWINS[path])


def take_out(tree: Section, path: Path_) -> bool:
    """Take a key out; whether it was there."""
    for step in path[:-1]:
        below = tree.get(step)
        if not isinstance(below, dict):
            return False
        tree = below
    if path[-1] not in tree:
        return False
    del tree[path[-1]]
    return True


def drop_empty(tree: Section, path: Path_) -> None:
    """Drop the sections above a key that was taken out, where it was the last one."""
    if len(path) > 1 and isinstance(below := tree.get(path[0]), dict):
        drop_empty(below, path[1:])
        if not below:
            del tree[path[0]]


# -- where something is said -------------------------------------------------------------------------


def fault_at(path: Path_, message: str, layers: Sequence[Document]) -> Fault:
    """A fault with the place of its key, in the highest layer that has it, or of the nearest key above."""
    for length in range(len(path), 0, -1):
        for layer in reversed(layers):
            if (place := layer.places.get(path[:length])) is not None:
                return Fault(shown(path[place.named :]), message, place.file, place.line)
    return Fault(shown(path), message)


def changes_document(settings: Section) -> Document:
    """Settings that are in no file yet, so that faults in them name the key and no place."""
    return Document(settings, {path: Place() for path in _paths(settings, ())})


def _paths(tree: Section, above: Path_) -> Iterator[Path_]:
    for key, value in tree.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from _paths(value, (*above, key))
