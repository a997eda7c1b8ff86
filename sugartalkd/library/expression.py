"""Writing down what is looked for in the words that SQLite's full-text search takes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from sugartalkd import names, spoken
from sugartalkd.library import schema
from sugartalkd.model import MediaKind

if TYPE_CHECKING:
    from sugartalkd.command import Wished
    from sugartalkd.resolver import Reading

Words: TypeAlias = tuple[str, ...]
Group: TypeAlias = list[Words]
"""Any of these, each being words that all occur."""
Part: TypeAlias = tuple[str, list[Group]]
"""Columns, and groups each of which occurs in one of them."""

ANYWHERE: Final = "{nt na nb nx}"
_TOKENS: Final = re.compile(r"[0-9A-Za-z\x80-\U0010ffff]+")
"""As SQLite's tokenizer takes a text apart."""
_TITLE: Final = "{nt nx}"
RANGES: Final = (
    (0, schema.id_range(MediaKind.ARTIST)[1]),
    schema.id_range(MediaKind.ALBUM),
    schema.id_range(MediaKind.TRACK),
)
"""Row ids that are searched one after the other: few playlists with the artists, albums, tracks."""


def parts_of(meaning: Reading) -> list[tuple[str, list[str]]]:
    """The words to be found, and in which columns."""
    if not meaning.artist and not meaning.source:
        return [(ANYWHERE, strong(meaning.title))]
    parts = [(_TITLE, strong(meaning.title))] if meaning.title else []
    if meaning.artist:
        parts.append(("{na}", strong(meaning.artist)))
    if meaning.source:
        parts.append(("{nt nb}" if meaning.kind is MediaKind.ALBUM else "{nb na}", strong(meaning.source)))
    return parts


def strong(text: str) -> list[str]:
    words = [word for word in text.split() if word.isalnum()]
    return [word for word in dict.fromkeys(words) if word not in spoken.WEAK] or words


def groups_of(words: list[str]) -> list[Group]:
    """Each word, or what is spoken alike; a number in words or figures."""
    groups: list[Group] = []
    runs = {start: (end, figures) for start, end, figures in spoken.numerals(words)}
    place = 0
    while place < len(words):
        word = words[place]
        if place in runs:
            end, figures = runs[place]
            groups.append(
                [
                    tuple(words[place:end]),
                    (figures,),
                    *((one,) for one in spoken.SAME.get(word, ()) if end == place + 1),
                ]
            )
            place = end
            continue
        both = tuple(words[place : place + 2])
        if both in spoken.DRAWN_TOGETHER:
            groups.append([both, (spoken.DRAWN_TOGETHER[both],)])
            place += 2
            continue
        same: Group = [(one,) for one in spoken.SAME.get(word, ())]
        if word in spoken.DRAWN_APART:
            same.append(spoken.DRAWN_APART[word])
        groups.append([(word,), *same, *spoken.figures_said(word)])
        place += 1
    return groups


def expression(groups: list[tuple[str, list[Group]]], wished: Wished) -> str:
    parts = [f"{columns} : ({_all(some)})" for columns, some in groups if some]
    if not parts and groups:
        return ""
    if wished.genre and (words := names.plain(wished.genre).split()):
        parts.append(f"{{ng}} : ({_all([[(word,)] for word in words])})")
    return " AND ".join(parts)


def _all(groups: list[Group]) -> str:
    return " AND ".join("(" + " OR ".join(_both(words) for words in group) + ")" for group in groups)


def _both(words: Words) -> str:
    quoted = [f'"{token}"' for word in words for token in _TOKENS.findall(word) or ("",)]
    return quoted[0] if len(quoted) == 1 else "(" + " AND ".join(quoted) + ")"


def filters(wished: Wished) -> list[tuple[str, list[Group]]]:
    filters: list[tuple[str, list[Group]]] = []
    if wished.artist and (words := strong(names.plain(wished.artist))):
        filters.append(("{na}", groups_of(words)))
    if wished.album and (words := strong(names.plain(wished.album))):
        filters.append(("{nb}", groups_of(words)))
    return filters


def conditions(wished: Wished) -> tuple[str, list[object]]:
    conditions, values = "", list[object]()
    if wished.year is not None:
        conditions += " AND e.year = ?"
        values.append(wished.year)
    if wished.rating is not None:
        conditions += " AND e.rating >= ?"
        values.append(wished.rating)
    return conditions, values


def span(wished: Wished) -> tuple[int, int]:
    return (0, RANGES[-1][1]) if wished.kind is None else schema.id_range(wished.kind)


def storable(wished: Wished) -> Wished:
    """The same without what SQLite takes in no text: half a character, a NUL."""

    def text(raw: str | None) -> str | None:
        return raw and raw.encode(errors="replace").decode().replace("\0", " ")

    return replace(
        wished,
        phrase=text(wished.phrase),
        artist=text(wished.artist),
        album=text(wished.album),
        genre=text(wished.genre),
    )
