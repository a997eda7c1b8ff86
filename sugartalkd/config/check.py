"""Checking a tree of text against the schema: a frozen Config, or every fault in plain words."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import ValidationError

from sugartalkd.config.layers import fault_at, merged, take_out
from sugartalkd.config.schema import LOOPBACK, Config, ReceiverConfig, ZoneConfig, is_section, known_at
from sugartalkd.model import RECEIVER_INPUT, ZONE_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

    from sugartalkd.config.file import Document, Path_, Section, Tree
    from sugartalkd.errors import Fault

_NO_INPUT_IN_ZONES: Final = re.compile(r"ON|OFF|UP|DOWN|[0-9]+|(?:MU|CV|SLP|STBY|QUICK|SMART|PS|HPF|HDA).*")
"""What means something else after `Z2` and `Z3`, which have one prefix for everything (denon.md 1.6)."""
_EVERYWHERE: Final = frozenset(("0.0.0.0", "::"))
"""Every address of this machine."""
_NO_NUMBER: Final = "is not a number"
_NO_SECTION: Final = "is not a section with keys below it"
_NO_TEXT: Final = "is not text"
_COMPLAINTS: Final[Mapping[str, str]] = {
    "int_parsing": _NO_NUMBER, "int_parsing_size": _NO_NUMBER, "int_type": _NO_NUMBER,
    "int_from_float": _NO_NUMBER, "float_parsing": _NO_NUMBER, "float_type": _NO_NUMBER,
    "finite_number": _NO_NUMBER,
    "greater_than_equal": "is out of range", "less_than_equal": "is out of range",
    "bool_parsing": "is neither true nor false", "bool_type": "is neither true nor false",
    "string_type": _NO_TEXT, "path_type": _NO_TEXT, "string_unicode": _NO_TEXT,
    "string_pattern_mismatch": "may have letters, digits, _ and -, at most 32",
    "model_type": _NO_SECTION, "model_attributes_type": _NO_SECTION, "dict_type": _NO_SECTION,
}  # fmt: skip
_NUMBER: Final = re.compile(r"[+-]?[0-9.]+")


def check(
    tree: Section, layers: Sequence[Document], unusable: Collection[Path_]
) -> tuple[Config | None, list[Fault]]:
    """Check everything; of the keys that are `unusable` all is told already, so nothing is missing there."""
    bad = set(unusable)
    faults: list[Fault] = []
    config, errors = _validated(tree)
    rest = tree
    told: dict[Path_, Fault] = {}
    while config is None and errors:
        cut: set[Path_] = set()
        for error in errors:
            path = _path(error, rest)
            cut.add(path[:-1] if error["type"] == "missing" else path)
            if rest is tree and path not in bad:
                # A union complains once per member; its last word is the most general.
                told[path] = fault_at(path, _message(error, path), layers)
        # What is left without its faulty keys is checked too, so that one round tells everything.
        rest = merged(rest, {})
        bad |= {path for path in cut if path and take_out(rest, path)}
        config, errors = _validated(rest)
    faults += told.values()
    for finding in () if config is None else _crosswise(config):
        if not any(_touch(one, read) for one in bad for read in finding.reads):
            faults.append(fault_at(finding.path, finding.message, layers))
    return (None if faults else config), faults


def near(word: str, known: Iterable[str]) -> str:
    """Help for a word that may be a slip of another."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""


def _validated(tree: Section) -> tuple[Config | None, list[ErrorDetails]]:
    try:
        return Config.model_validate(tree), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _touch(one: Path_, other: Path_) -> bool:
    """Whether one is the other, or lies in it."""
    return all(first == second for first, second in zip(one, other, strict=False))


# -- what pydantic finds -----------------------------------------------------------------------------


def _path(error: ErrorDetails, tree: Section) -> Path_:
    """The key that an error is about. A union adds the name of the member it tried: no key of ours."""
    path = tuple(str(step) for step in error["loc"])
    if error["type"] in {"missing", "extra_forbidden"}:
        return path
    while path and not _is_there(path, tree):
        path = path[:-1]
    return path


def _is_there(path: Path_, tree: Tree) -> bool:
    for step in path:
        if not isinstance(tree, dict) or step not in tree:
            return False
        tree = tree[step]
    return True


def _message(error: ErrorDetails, path: Path_) -> str:
    given = error.get("input")
    if error["type"] == "extra_forbidden":
        return f"is not known{near(path[-1], known_at(path[:-1]))}"
    if error["type"] == "missing":
        return "is missing"
    return f"{_shown(given, path)}{_complaint(error, path)}"


def _shown(given: object, path: Path_) -> str:
    """What was given, as far as it may be shown: a URL may hold user information."""
    if given is None:
        return "null "
    if not isinstance(given, str) or is_section(path) or path[-1] in {"password", "token", "url"}:
        return ""
    return f"{given} " if _NUMBER.fullmatch(given) else f"{given!r} "


def _complaint(error: ErrorDetails, path: Path_) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "greater_than_equal" | "less_than_equal" if path[-1] == "port":
            return "is not a port, 1 to 65535"
        case "literal_error":
            return f"is not one of {context.get('expected', '')}"
        case "value_error":
            return str(context.get("error", "is not valid"))
        case kind:
            return _COMPLAINTS.get(kind, "is not valid")


# -- what no single key can tell ---------------------------------------------------------------------


class _Finding(NamedTuple):
    path: Path_
    message: str
    reads: tuple[Path_, ...] = ()
    """Other keys that the finding rests on: where one of those is faulty, this is not known yet."""


def _crosswise(config: Config) -> Iterator[_Finding]:
    yield from _in_topics(config)
    for section, ids in (("receivers", config.receivers), ("zones", config.zones)):
        for one in ids:
            if not ZONE_ID.fullmatch(one) or one == "bridge":
                yield _Finding((section, one), "is not an id: a-z, 0-9, _ and -, at most 64, and not bridge")
    yield from _in_receivers(config.receivers)
    yield from _in_shares(config.receivers)
    yield from _in_zones(config.zones)
    for zone, one in config.zones.items():
        yield from _in_zone(config, ("zones", zone), one)
        yield from _in_inputs(("zones", zone, "inputs"), one.inputs, one.receiver_zone)


def _in_topics(config: Config) -> Iterator[_Finding]:
    topic, prefix = config.mqtt.base_topic, config.homeassistant.prefix
    ours, theirs = ("mqtt", "base_topic"), ("homeassistant", "prefix")
    # Blame what was chosen, not a default.
    if "base_topic" in config.mqtt.model_fields_set:
        path, mine, other, value = ours, topic, "homeassistant.prefix", prefix
    else:
        path, mine, other, value = theirs, prefix, "mqtt.base_topic", topic
    if mine == value:
        yield _Finding(path, f"is the same as {other}", (ours, theirs))
    elif mine.startswith(f"{value}/"):
        yield _Finding(path, f"lies under {other}, {value}", (ours, theirs))
    elif value.startswith(f"{mine}/"):
        yield _Finding(path, f"lies above {other}, {value}", (ours, theirs))


def _in_receivers(receivers: Mapping[str, ReceiverConfig]) -> Iterator[_Finding]:
    """A receiver has one telnet session: two of ours would push each other out."""
    taken: dict[tuple[str, int], str] = {}
    for name, one in receivers.items():
        first = taken.setdefault((_bare(one.host), one.port), name)
        if first != name:
            yield _Finding(
                ("receivers", name),
                f"has the host and port of receiver {first}",
                (("receivers", name), ("receivers", first)),
            )


def _in_shares(receivers: Mapping[str, ReceiverConfig]) -> Iterator[_Finding]:
    """Where one receiver's session is offered no other can be, and no receiver can be there itself."""
    shares = {name: at for name, one in receivers.items() if (at := one.share_at) is not None}
    for place, (name, at) in enumerate(shares.items()):
        path, shown = ("receivers", name, "share"), receivers[name].share
        for other, its in receivers.items():
            if _in_the_way(at, (its.host, its.port)):
                whose = "the receiver itself" if other == name else f"receiver {other}"
                yield _Finding(
                    path,
                    f"{shown} is where {whose} listens; choose a free port of this machine",
                    (path, ("receivers", other)),
                )
        for other in list(shares)[:place]:
            if _in_the_way(at, shares[other]) or (at[0] in _EVERYWHERE and at[1] == shares[other][1]):
                yield _Finding(
                    path,
                    f"{shown} is taken by the share of receiver {other}",
                    (path, ("receivers", other, "share")),
                )


def _in_the_way(one: tuple[str, int], other: tuple[str, int]) -> bool:
    """Whether only one of the two can listen, the first on this machine."""
    (here, port), (there, its_port) = one, other
    here, there = (LOOPBACK if host == "localhost" else host for host in (_bare(here), _bare(there)))
    local = there in _EVERYWHERE or there == "::1" or there.startswith("127.")
    return port == its_port and (here == there or (here in _EVERYWHERE and local) or there in _EVERYWHERE)


def _bare(host: str) -> str:
    return host.casefold().removesuffix(".")


def _in_zones(zones: Mapping[str, ZoneConfig]) -> Iterator[_Finding]:
    """Two zones that share a part would take it from each other."""
    taken: dict[tuple[str, str], str] = {}
    for zone, one in zones.items():
        parts = [] if one.player is None else [("player", one.player.casefold(), one.player)]
        if one.receiver is not None:
            parts.append((f"receiver {one.receiver}", one.receiver_zone, one.receiver_zone))
        for kind, key, name in parts:
            first = taken.setdefault((kind, key), zone)
            if first != zone:
                read = "player" if kind == "player" else "receiver_zone"
                yield _Finding(
                    ("zones", zone),
                    f"{kind} {name} is in zone {first} already",
                    (("zones", zone, read), ("zones", first, read)),
                )


def _in_zone(config: Config, where: Path_, one: ZoneConfig) -> Iterator[_Finding]:
    receiver, player = (*where, "receiver"), (*where, "player")
    if one.receiver is None and one.player is None and one.renderer is None:
        yield _Finding(where, "needs a receiver, a player or a renderer", (where,))
    if one.receiver is not None and one.receiver not in config.receivers:
        message = f"{one.receiver!r} is not in receivers{near(one.receiver, config.receivers)}"
        yield _Finding(receiver, message, (("receivers", one.receiver),))
    if one.player is not None and config.heos is None:
        yield _Finding(player, "needs the heos section", (("heos",),))
    volume = (*where, "volume")
    if one.volume == "receiver" and one.receiver is None:
        yield _Finding(volume, "belongs to the receiver, but the zone has none", (receiver,))
    if one.volume == "player" and one.player is None and one.renderer is None:
        yield _Finding(volume, "belongs to the player, but the zone has none", (player, (*where, "renderer")))
    receiver_owns = one.receiver is not None and one.volume != "player"
    if isinstance(one.max_volume, float) and receiver_owns and one.max_volume > 98:  # noqa: PLR2004
        message = f"{one.max_volume:g} is above the receiver's scale, 0 to 98"
        yield _Finding((*where, "max_volume"), message, (volume,))


def _in_inputs(where: Path_, inputs: Mapping[str, str], zone: str) -> Iterator[_Finding]:
    for shown, input_name in inputs.items():
        if not RECEIVER_INPUT.fullmatch(input_name):
            yield _Finding(
                (*where, shown),
                f"{input_name!r} is no input of a receiver; write it as the receiver does, such as SAT/CBL",
            )
        elif zone != "main" and _NO_INPUT_IN_ZONES.fullmatch(input_name):
            yield _Finding((*where, shown), f"{input_name!r} is another command in {zone}, no input")
    names = [shown.casefold() for shown in inputs]
    if len(set(names)) < len(names):
        yield _Finding(where, "has two names that differ only in case")
    if len(set(inputs.values())) < len(inputs):
        yield _Finding(where, "names one input of the receiver twice")
