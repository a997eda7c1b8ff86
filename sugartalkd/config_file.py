"""A YAML file as plain values that remember their lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, cast

import yaml

from sugartalkd.errors import ConfigurationFault, Fault

if TYPE_CHECKING:
    from pathlib import Path

Path_: TypeAlias = tuple[str, ...]
Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | int | float | bool | None"


@dataclass(slots=True)
class Document:
    """What a file says, and on which line it says it."""

    file: str
    content: dict[str, Tree] = field(default_factory=dict[str, "Tree"])
    lines: dict[Path_, int] = field(default_factory=dict[Path_, int])

    def line(self, path: Path_) -> int | None:
        """The line of a key, or of the nearest key above it."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return None


def read(path: Path) -> Document:
    """Parse a file. Raises ConfigurationFault for what is unreadable, no YAML, no mapping, or said twice."""
    name = str(path)
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationFault([Fault("", f"cannot be read: {why}", name)]) from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not valid YAML"
        line = None if mark is None else int(mark.line) + 1
        raise ConfigurationFault([Fault("", f"not valid YAML: {problem}", name, line)]) from None
    document = Document(name)
    if node is None:
        return document
    if not isinstance(node, yaml.MappingNode):
        raise ConfigurationFault([Fault("", "must be a mapping of sections", name, node.start_mark.line + 1)])
    faults: list[Fault] = []
    _note_lines(node, (), document, faults)
    if faults:
        raise ConfigurationFault(faults)
    document.content = cast("dict[str, Tree]", yaml.safe_load(text))
    return document


def _note_lines(node: yaml.Node, path: Path_, document: Document, faults: list[Fault]) -> None:
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(cast("list[yaml.Node]", node.value)):
            _note_lines(item, (*path, str(number)), document, faults)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
        said = key.value
        name = said if isinstance(said, str) else "?"
        below = (*path, name)
        line = key.start_mark.line + 1
        if below in document.lines:
            first = document.lines[below]
            faults.append(
                Fault(".".join(below), f"is there twice, first on line {first}", document.file, line)
            )
        document.lines.setdefault(below, line)
        _note_lines(value, below, document, faults)
