"""A YAML file as text, exactly as it was typed, that remembers its lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import yaml

from sugartalkd.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Path_: TypeAlias = tuple[str, ...]
Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | None"
"""What was said. No numbers: 0123, 1.10, 12:30 and on are what was typed until somebody wants a number."""
Section: TypeAlias = "dict[str, Tree]"

DEEPEST: Final = 20
"""Levels that anything may be nested; the deepest key that means something has four."""
MOST: Final = 20_000
"""Keys and items that a file may have, counted again where an alias repeats them."""

_YAML: Final = "tag:yaml.org,2002:"
_NULL: Final = f"{_YAML}null"
_MERGE: Final = f"{_YAML}merge"
_TEXTS: Final = frozenset(
    f"{_YAML}{name}" for name in ("str", "int", "float", "bool", "timestamp", "value", "merge")
)
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_HARMLESS: Final = re.compile(r"<[a-z ]+>|.|\\.|\\x..", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is said: on a line of a file, or in an environment variable."""

    file: str | None = None
    line: int | None = None
    named: int = 0
    """How many steps of a path the name of the variable tells already."""


@dataclass(slots=True)
class Document:
    """What a file says, where it says it, and what it says wrongly."""

    content: Tree = field(default_factory=dict[str, "Tree"])
    places: dict[Path_, Place] = field(default_factory=dict[Path_, Place])
    faults: list[Fault] = field(default_factory=list[Fault])
    unusable: set[Path_] = field(default_factory=set[Path_])
    """Keys that are there, but what they say cannot be used; `()` is all of it."""

    @property
    def sections(self) -> Section:
        return self.content if isinstance(self.content, dict) else {}


def shown(path: Iterable[str]) -> str:
    """A path as people write it; a key with line breaks must not make lines of its own."""
    return ".".join(step if step.isprintable() else ascii(step) for step in path)


def read(path: Path) -> Document:
    """Read a file; what is wrong with it stands in its faults. Raises only FileNotFoundError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        return Document(faults=[Fault("", f"cannot be read: {why}", str(path))], unusable={()})
    document = parse(text, str(path))
    if document.content is None:
        document.content = {}
    elif not isinstance(document.content, dict):
        document.faults.append(Fault("", "must be a mapping of sections", str(path), 1))
        document.unusable.add(())
    return document


def parse(text: str, file: str, under: Path_ = ()) -> Document:
    """Parse YAML. Text of an environment variable, `file`, is the tree `under` a path and has no lines."""
    document = Document(None)
    try:
        # Composing calls itself for every level, so whether it may is asked of the flat stream of events.
        line = _too_deep(text)
        node = None if line is not None else yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two: "\UFFFFFFFF" and the like
        document.faults.append(
            Fault("", f"not valid YAML: {_problem(error)}", file, None if under else _line(error, text))
        )
        document.unusable.add(under)
        return document
    if line is not None:
        message = f"is nested deeper than {DEEPEST} levels"
        document.faults.append(Fault("", message, file, None if under else line))
        document.unusable.add(under)
    elif node is not None:
        document.content = _Builder(document, file, under).tree(node, under, ())
    return document


def _too_deep(text: str) -> int | None:
    """The line on which more levels begin than anything here has."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                return 1 if event.start_mark is None else int(event.start_mark.line) + 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


def _line(error: Exception, text: str) -> int:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return int(error.problem_mark.line) + 1
    position = getattr(error, "position", 0)  # of a character that YAML does not allow
    return text.count("\n", 0, position if isinstance(position, int) else 0) + 1


def _problem(error: Exception) -> str:
    """What the parser says, without what it quotes: that may be a password with a * in front."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return "there is a character that cannot be"
    said = _QUOTED.sub(
        lambda found: found[0] if _HARMLESS.fullmatch(found[0][1:-1]) else "", error.problem or "?"
    )
    hint = "; text that begins with * needs quotes" if "undefined alias" in said else ""
    return f"{said.strip()}{hint}"


class _Builder:
    """Turns YAML's nodes into a tree of text."""

    def __init__(self, document: Document, file: str, under: Path_) -> None:
        self._document = document
        self._file = file
        self._under = under
        self._count = 0

    def tree(self, node: yaml.Node, path: Path_, above: tuple[yaml.Node, ...]) -> Tree:
        """`above` are the nodes that this one is in: an alias may name one of them."""
        result: Tree = None
        if any(node is one for one in above):
            self._refuse(node, path, "holds itself")
        elif len(above) > DEEPEST or self._count > MOST:
            if self._under not in self._document.unusable:
                self._refuse(node, self._under, "holds too much, with all its aliases")
        elif isinstance(node, yaml.ScalarNode) and node.tag in {*_TEXTS, _NULL}:
            result = None if node.tag == _NULL else str(node.value)
        elif isinstance(node, yaml.SequenceNode) and node.tag == f"{_YAML}seq":
            result = self._list(node, path, above)
        elif isinstance(node, yaml.MappingNode) and node.tag == f"{_YAML}map":
            result = self._section(node, path, above)
        else:
            self._refuse(node, path, "has a YAML tag; text that begins with ! needs quotes")
        return result

    def _list(self, node: yaml.SequenceNode, path: Path_, above: tuple[yaml.Node, ...]) -> list[Tree]:
        result: list[Tree] = []
        for number, item in enumerate(cast("list[yaml.Node]", node.value)):
            below = (*path, str(number))
            self._note(item, below)
            result.append(self.tree(item, below, (*above, node)))
        return result

    def _section(self, node: yaml.MappingNode, path: Path_, above: tuple[yaml.Node, ...]) -> Section:
        result: Section = {}
        first: dict[str, int] = {}
        sources: list[yaml.Node] = []
        for key, value in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            line = int(key.start_mark.line) + 1
            if key.tag == _MERGE:
                several = isinstance(value, yaml.SequenceNode)
                sources += cast("list[yaml.Node]", value.value) if several else [value]
                continue
            if not isinstance(key, yaml.ScalarNode) or key.tag not in {*_TEXTS, _NULL}:
                self._fault(path, "has a key that is not plain text", self._line(key))
                continue
            name = str(key.value)
            below = (*path, name)
            if name in first:
                self._fault(below, f"is there twice, first on line {first[name]}", self._line(key))
                continue
            first[name] = line
            self._note(key, below)
            content = self.tree(value, below, (*above, node))
            if below not in self._document.unusable:
                result[name] = content
        # `<<: *other` after the keys: own keys win, and so do their lines.
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                self._fault(path, "takes in with << what is not a mapping", self._line(source))
                continue
            merged = self.tree(source, path, (*above, node))
            result = (merged if isinstance(merged, dict) else {}) | result
        return result

    def _note(self, node: yaml.Node, path: Path_) -> None:
        self._count += 1
        self._document.places.setdefault(path, Place(self._file, self._line(node), len(self._under)))

    def _refuse(self, node: yaml.Node, path: Path_, message: str) -> None:
        # An alias has no line in YAML's nodes, but its key has.
        noted = self._document.places.get(path)
        self._fault(path, message, self._line(node) if noted is None else noted.line)
        self._document.unusable.add(path)

    def _fault(self, path: Path_, message: str, line: int | None) -> None:
        fault = Fault(shown(path[len(self._under) :]), message, self._file, line)
        if fault not in self._document.faults:
            self._document.faults.append(fault)

    def _line(self, node: yaml.Node) -> int | None:
        return None if self._under else int(node.start_mark.line) + 1
