"""What requests for lists have in common: which part of it, and texts that may be left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sugartalkd.errors import BadPayload
from sugartalkd.topics import payload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sugartalkd.model import Object

PAGE: Final = 50
LARGEST_PAGE: Final = 500
"""Items in one answer (contract 7)."""
LAST: Final = 10_000_000
ITEMS: Final = '`{"items", "total", "offset"}`'


def part(given: str | Object, size: int = PAGE) -> tuple[int, int]:
    """Limit and offset."""
    if isinstance(given, str):
        return size, 0
    limit, offset = given.get("limit"), given.get("offset")
    return (
        size if limit is None else int(payload.number(limit, "limit", 1, LARGEST_PAGE, 1)),
        0 if offset is None else int(payload.number(offset, "offset", 0, LAST, 1)),
    )


def optional(given: Object, key: str) -> str | None:
    return None if given.get(key) is None else payload.name(given[key], key)


def check_keys(given: Object, action: str, known: Iterable[str]) -> None:
    """A mistyped key would be another question. Raises BadPayload."""
    known = (*known, "transaction")
    for key in given:
        if key not in known:
            hint = payload.did_you_mean(key, known)
            raise BadPayload(f"{action} knows no {key[:64]!r}{hint}; it takes {', '.join(known)}")
