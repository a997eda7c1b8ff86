"""How payloads are read and written: input is liberal, output is strict (contract 1 and 5)."""

from __future__ import annotations

import difflib
import json
import math
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

from sugartalkd.command import TOGGLE, Absolute, OnOff, Percent, Steps, VolumeChange
from sugartalkd.errors import BadPayload, OutOfRange
from sugartalkd.volume import round_half_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from sugartalkd.model import Json, Object

V = TypeVar("V")

PAYLOAD_LIMIT: Final = 65_536
"""Bytes a command may have."""
TRANSACTION_LIMIT: Final = 1_024
"""Characters a transaction may have as JSON; it comes back in every reply."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?")
_WORDS: Final[Mapping[str, OnOff]] = {
    "on": True, "true": True, "1": True, "yes": True,
    "off": False, "false": False, "0": False, "no": False,
    "toggle": TOGGLE,
}  # fmt: skip


# -- reading -----------------------------------------------------------------------------------------


def read(raw: bytes) -> str | Object:
    """A payload as text, or as an object where it is one; `{bad json` is text too. Raises BadPayload."""
    if len(raw) > PAYLOAD_LIMIT:
        raise BadPayload(f"the payload has {len(raw)} bytes; a command may have {PAYLOAD_LIMIT}")
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        raise BadPayload("the payload is not valid UTF-8") from None
    if text.startswith("{"):
        try:
            parsed = cast("Json", json.loads(text, parse_constant=_no_constant))
        except (ValueError, RecursionError):
            pass
        else:
            if isinstance(parsed, dict):
                _check(parsed)
                return parsed
    _check(text)
    return text


def array(value: Json) -> list[Json]:
    """A list, given as a list, as JSON text, or as one bare value."""
    if isinstance(value, list):
        return value
    if isinstance(value, str) and value.startswith("["):
        try:
            parsed = cast("Json", json.loads(value, parse_constant=_no_constant))
        except (ValueError, RecursionError):
            parsed = value
        _check(parsed)
        return parsed if isinstance(parsed, list) else [parsed]
    return [value]


def transaction(payload: str | Object) -> Json:
    """The `transaction` of an object, whatever JSON it is; `None` when there is none."""
    if isinstance(payload, str) or (given := payload.get("transaction")) is None:
        return None
    if len(json.dumps(given)) > TRANSACTION_LIMIT:
        raise BadPayload(f"the transaction is longer than {TRANSACTION_LIMIT} characters")
    return given


def salvaged_transaction(raw: bytes) -> Json:
    """The `transaction` of a payload that was refused for something else in it."""
    try:
        parsed = cast("Json", json.loads(raw[:PAYLOAD_LIMIT]))
        if not isinstance(parsed, dict):
            return None
        given = transaction(parsed)
        _check(given)
    except (ValueError, RecursionError, BadPayload):
        return None
    return given


def value(payload: str | Object, key: str = "value") -> Json:
    """The bare value, or what stands under `key` in an object."""
    if isinstance(payload, str):
        return payload
    if key not in payload:
        raise BadPayload(f"the object has no {key!r}; send {{{json.dumps(key)}: …}} or the bare value")
    return payload[key]


def as_text(given: Json, what: str) -> str:
    """A scalar as the text that a bare payload would have been."""
    match given:
        case bool():
            return "true" if given else "false"
        case str():
            return given.strip()
        case int():
            return str(given)
        case float():
            return format(Decimal(repr(given)), "f")
        case _:
            raise BadPayload(f"{what} takes a single value, not {_kind(given)}")


def on_off(given: Json, what: str) -> OnOff:
    text = as_text(given, what)
    try:
        return _WORDS[text.casefold()]
    except KeyError:
        raise BadPayload(f"{what} takes ON, OFF or toggle, not {text[:64]!r}") from None


def number(given: Json, what: str, low: float, high: float, step: float) -> float:
    """A number on a scale, rounded half up to its step. A sign belongs to the number."""
    text = as_text(given, what)
    if not _NUMBER.fullmatch(text):
        raise BadPayload(f"{what} takes a number from {low:g} to {high:g}, not {text[:64]!r}")
    if not low <= float(text) <= high:
        raise OutOfRange(f"{what} takes {low:g} to {high:g}, {text} is outside")
    return round_half_up(float(text), step)


def volume(given: Json) -> VolumeChange:
    """`35`, `35.5`, `50%`, `+2`, `-2`, `up`, `down`. A leading sign makes it relative."""
    text = as_text(given, "volume")
    if text.casefold() in {"up", "down"}:
        return Steps(1.0 if text.casefold() == "up" else -1.0)
    plain = text.removesuffix("%").rstrip()
    if not _NUMBER.fullmatch(plain):
        raise BadPayload(f"volume takes 35, 50%, +2, -2, up or down, not {text[:64]!r}")
    amount = float(plain)
    if plain != text:
        if plain[0] in "+-":
            raise BadPayload(f"{text} is not a volume: a percentage has no sign")
        return Percent(amount)
    if plain[0] in "+-":
        return Steps(amount)
    if 0 < amount < 1 and amount != 0.5:  # noqa: PLR2004  # half a step exists on receivers
        raise BadPayload(f"{text} is not on a volume scale; did you mean {amount * 100:g}%?")
    return Absolute(amount)


def word(given: Json, what: str, words: Mapping[str, V]) -> V:
    """One of a closed list, case ignored."""
    text = as_text(given, what)
    try:
        return words[text.casefold()]
    except KeyError:
        raise BadPayload(f"{what} takes {', '.join(words)}, not {text[:64]!r}") from None


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """A hint for what may be mistyped, or nothing."""
    near = difflib.get_close_matches(given[:64], list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def name(given: Json, what: str) -> str:
    text = as_text(given, what)
    if not text:
        raise BadPayload(f"{what} needs a name")
    return text


def _kind(given: Json) -> str:
    match given:
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            return "null"


def _no_constant(text: str) -> None:
    raise ValueError(text)  # NaN and infinities are not JSON


def _check(given: Json) -> None:
    """Refuse what may not travel on: control characters, lone surrogates, infinities, anywhere inside."""
    stack: list[Json] = [given]
    while stack:
        match stack.pop():
            case str() as text:
                _check_text(text)
            case float() as number_ if not math.isfinite(number_):
                raise BadPayload("the payload has a number that is too large")
            case dict() as fields:
                stack.extend(fields)
                stack.extend(fields.values())
            case list() as items:
                stack.extend(items)
            case _:
                pass


def _check_text(text: str) -> None:
    if text.isascii() and text.isprintable():
        return
    for character in text:
        match unicodedata.category(character):
            case "Cc":
                raise BadPayload(f"the payload has a control character, U+{ord(character):04X}")
            case "Cs":
                raise BadPayload("the payload has half of a surrogate pair; send whole characters")
            case _:
                pass


# -- writing -----------------------------------------------------------------------------------------

NO_VALUE: Final = b"None"
JSON: Final = "application/json"
IMAGES: Final = ("image/jpeg", "image/png")


@dataclass(frozen=True, slots=True)
class Kind(Generic[V]):
    """One kind of published payload: how it is said in words, in JSON, and on a plain topic."""

    words: str
    to_json: Callable[[V], Json]
    to_text: Callable[[V], str] | None = None
    """`None`: the topic carries JSON."""

    @property
    def is_json(self) -> bool:
        return self.to_text is None

    def write(self, given: V | None) -> bytes:
        """The payload; no value is `None` on a plain topic, `null` in JSON."""
        if self.to_text is None:
            return encode(None if given is None else self.to_json(given))
        return NO_VALUE if given is None else self.to_text(given).encode(errors="replace")


def encode(content: Json) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC, milliseconds."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain_number(given: float) -> int | float:
    """A whole number without decimals, any other as it is."""
    return int(given) if float(given).is_integer() else given


def _on_off(given: bool) -> str:
    return "ON" if given else "OFF"


def _same(given: str) -> str:
    return str(given)


ON_OFF: Final = Kind("`ON` \\| `OFF`", _on_off, _on_off)
TEXT: Final = Kind("text", _same, _same)


def numbers(words: str) -> Kind[float]:
    """Numbers without unit; whole ones have no decimals."""
    return Kind(words, plain_number, lambda given: str(plain_number(given)))


def decibels(words: str) -> Kind[float]:
    """Numbers with one decimal, as a receiver's display shows them."""
    return Kind(words, lambda given: given, lambda given: f"{given:.1f}")


def words(*known: str) -> Kind[str]:
    """One of a closed list of words."""
    return Kind(" \\| ".join(f"`{one}`" for one in known), _same, _same)


def objects(described: str, to_json: Callable[[V], Json]) -> Kind[V]:
    """A JSON object or array."""
    return Kind(described, to_json)
