"""Lists and pages of entries that are not ranked, or only in part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sugartalkd import names
from sugartalkd.library import schema
from sugartalkd.library.entry import Match
from sugartalkd.library.expression import ANYWHERE, conditions, expression, filters, groups_of, span, strong
from sugartalkd.library.reading import SELECT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sugartalkd.command import Wished
    from sugartalkd.library.reading import Reader

_MOST_COUNTED: Final = 10_000
"""Of more, the total is this number: nobody pages through them, and counting would take longest."""
_BEGINNING: Final = "SELECT text FROM token WHERE text >= ? AND text < ? ORDER BY documents DESC LIMIT 50"
_INSIDE: Final = "SELECT text FROM token WHERE text LIKE ? ORDER BY documents DESC LIMIT 50"
_LEFT_OVER: Final = 0.5
"""The score of what has the words but was not compared in detail."""


def matches(reader: Reader, rows: Iterable[tuple[int, float]]) -> tuple[Match, ...]:
    """The entries of row ids, in their order."""
    rows = list(rows)
    marks = ",".join("?" * len(rows))
    found = reader.rows(f"{SELECT} WHERE id IN ({marks})", [row for row, _ in rows])
    entries = {row[0]: schema.entry_of(row) for row in found}
    return tuple(Match(entries[row], round(fit, 3)) for row, fit in rows if row in entries)


def listed(reader: Reader, wished: Wished, limit: int, offset: int) -> tuple[tuple[Match, ...], int]:
    """Without a phrase: everything that passes the filters, the popular first; and how much that is."""
    source, values, number = _source(expression(filters(wished), wished), wished)
    total = _counted(reader, source, values)
    page = f"SELECT {number} FROM {source} ORDER BY {number} LIMIT ? OFFSET ?"  # noqa: S608
    rows = reader.rows(page, [*values, limit, offset])
    return matches(reader, [(row, 1.0) for (row,) in rows]), total


def _source(match: str, wished: Wished) -> tuple[str, list[object], str]:
    """Tables and conditions, their values, and the row id; entries are read only if asked about."""
    narrowed, more = conditions(wished)
    if not match:
        return f"entry e WHERE e.id >= ? AND e.id < ?{narrowed}", [*span(wished), *more], "e.id"
    joined = "JOIN entry e ON e.id = names.rowid" if narrowed else ""
    where = f"names MATCH ? AND names.rowid >= ? AND names.rowid < ?{narrowed}"
    return f"names {joined} WHERE {where}", [match, *span(wished), *more], "names.rowid"


def _counted(reader: Reader, source: str, values: list[object]) -> int:
    return reader.number(f"SELECT count(*) FROM (SELECT 1 FROM {source} LIMIT {_MOST_COUNTED})", values)  # noqa: S608


def continued(
    reader: Reader, wished: Wished, ranked: list[tuple[int, float]], limit: int, offset: int
) -> tuple[tuple[Match, ...], int]:
    """A page of what is ranked and, behind it, of everything else that has the words of the phrase."""
    page = ranked[offset : offset + limit]
    match = _with_beginnings(reader, wished)
    if match is None:
        return matches(reader, page), len(ranked)
    source, values, number = _source(match, wished)
    marks = ",".join(str(row) for row, _ in ranked)
    source = f"{source} AND {number} NOT IN ({marks})"
    total = len(ranked) + _counted(reader, source, values)
    if len(page) < limit and offset + len(page) < total:
        rows = reader.rows(
            f"SELECT {number} FROM {source} ORDER BY {number} LIMIT ? OFFSET ?",  # noqa: S608
            [*values, limit - len(page), max(0, offset - len(ranked))],
        )
        page = [*page, *((row, _LEFT_OVER) for (row,) in rows)]
    return matches(reader, page), total


def _with_beginnings(reader: Reader, wished: Wished) -> str | None:
    """An expression for what has every word of the phrase, the last of them perhaps unfinished."""
    words = strong(names.plain(wished.phrase or ""))
    if not words:
        return None
    for sql, values in (
        (_BEGINNING, (words[-1], words[-1] + "\U0010ffff")),
        (_INSIDE, (f"%{words[-1]}%",)),
    ):
        last = [(str(text),) for (text,) in reader.rows(sql, values)]
        if last:
            groups = [*groups_of(words[:-1]), last]
            match = expression([(ANYWHERE, groups), *filters(wished)], wished)
            if reader.rows("SELECT 1 FROM names WHERE names MATCH ? LIMIT 1", (match,)):
                return match
    return None
