"""From a wish to what is in the library: exact words first, then what they may be misspellings of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

from rapidfuzz import fuzz, process

from sugartalkd import names, resolver
from sugartalkd.library import schema, vocabulary
from sugartalkd.library.entry import Match, Matches
from sugartalkd.library.reading import SELECT, Reader
from sugartalkd.model import MediaKind
from sugartalkd.names import Version
from sugartalkd.resolver import Candidate, Reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sugartalkd.command import Wished

Words: TypeAlias = tuple[str, ...]
Group: TypeAlias = list[Words]
"""Any of these, each being words that all occur."""

_ENOUGH: Final = 0.93
"""A fit that needs no further search."""
_SURE: Final = 0.997
"""The fit of an exact name."""
_GOOD: Final = 0.88
"""The same, once words were taken for others."""
_POOR: Final = 0.75
_FEW: Final = 4
_TELLING: Final = 4
_CORRECTED: Final = 0.03
_CORRECTED_WORD: Final = 0.02
_CHANGED_WORD: Final = 0.1
"""What it costs to take a word for another though the library has it."""
_LEAST: Final = 0.6
_ALTERNATIVES: Final = 10
_RANKED: Final = 48
"""So many of the candidates are compared in detail."""
_ANYWHERE: Final = "{nt na nb nx}"
_TITLE: Final = "{nt nx}"
_MOST_ROWS: Final = 120
_MOST_QUERIES: Final = 60
_MOST_WORDS: Final = 12
_RANGES: Final = (
    (0, schema.id_range(MediaKind.ARTIST)[1]),
    schema.id_range(MediaKind.ALBUM),
    schema.id_range(MediaKind.TRACK),
)
_TOKENS: Final = re.compile(r"[0-9A-Za-z\x80-\U0010ffff]+")
"""As SQLite's tokenizer takes a text apart."""
_CANDIDATE: Final = "e.id, e.nt, e.na, e.nb, e.version, e.year"


@dataclass(slots=True)
class _Search:
    """One search under way."""

    wished: Wished
    tolerated: Version
    found: dict[int, tuple[float, float, Candidate]] = field(default_factory=dict)
    """By row id: rank, fit."""
    best: float = 0.0
    queries: int = 0
    corrected: dict[str, list[str]] = field(default_factory=dict)
    """What a word may have been meant to be."""
    known: dict[str, bool] = field(default_factory=dict)
    """Whether the library has a word."""


class Finder:
    """Searches one open index; blocks."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    # -- what play asks ------------------------------------------------------------------------------

    def find(self, wished: Wished) -> Matches:
        """What a phrase most likely means, and what else it may."""
        wished = _storable(wished)
        found = self._ranked(wished)
        if found is None:
            items, total = self._listed(wished, _ALTERNATIVES, 0)
            return Matches(tuple(Match(entry, 1.0) for entry in items), total)
        best = found[:_ALTERNATIVES]
        return Matches(self._matches([(row, fit) for row, fit, _ in best]), len(found), _ambiguous(best))

    def _ranked(self, wished: Wished) -> list[tuple[int, float, Candidate]] | None:
        """Row ids and fits, best first; `None` when there is no phrase to rank by."""
        search = _Search(wished, names.version_of(names.plain(wished.phrase or "")))
        meanings = list(_meanings(wished))
        if not meanings:
            return None
        for meaning in meanings:
            self._exact_words(search, meaning)
            if search.best >= _SURE:
                break
        if search.best < _ENOUGH:
            telling = [one for one in meanings if one.artist or one.source or one.kind]
            for meaning in [*telling[:3], *reversed([one for one in meanings if one not in telling][:3])][:4]:
                self._other_words(search, meaning)
                if search.best >= _GOOD:
                    break
        ranked = sorted(search.found.items(), key=lambda one: (-one[1][0], one[0]))
        return [(row, fit, candidate) for row, (_, fit, candidate) in ranked if fit >= _LEAST]

    def _exact_words(self, search: _Search, meaning: Reading) -> None:
        if meaning.title and not (meaning.artist or meaning.source or meaning.version or search.wished.genre):
            self._exact_name(search, meaning)
            if search.best >= _SURE and len(search.found) >= _ALTERNATIVES:
                return
        groups = [(columns, _groups(words)) for columns, words in _parts(meaning)]
        extra = [
            [(word,)] for word in meaning.version_words.split() if word not in {"version", *resolver.WEAK}
        ]
        if extra and self._query(search, meaning, [*groups, (_ANYWHERE, extra)]):
            return
        self._query(search, meaning, groups)

    def _exact_name(self, search: _Search, meaning: Reading) -> None:
        forms = {meaning.title}
        words = meaning.title.split()
        for start, end, figures in reversed(resolver.numerals(words)):
            words[start:end] = [figures]
        forms.add(" ".join(words))
        for number in schema.exact_of(tuple(forms)):
            self._take(
                search,
                meaning,
                f"SELECT {_CANDIDATE} FROM exact JOIN entry e ON e.id = exact.id WHERE exact.hash = ?",
                [number],
                "exact.id",
            )

    def _other_words(self, search: _Search, meaning: Reading) -> None:
        """The words may be misspelt, misheard, torn apart, run together, or one too many."""
        parts = [(columns, words[:_MOST_WORDS]) for columns, words in _parts(meaning)]
        said = [word for _, words in parts for word in words]
        if not said:
            return
        self._learn(search, [*said, *(one + other for one, other in pairwise(said))])
        joined = any(search.known[one + other] for one, other in pairwise(said))
        if joined or not all(search.known[word] for word in said):
            self._query(search, meaning, self._alternatives(search, parts, every=False))
            if search.best >= _GOOD:
                return
        groups = self._alternatives(search, parts, every=True)
        self._query(search, meaning, groups)
        if search.best >= _GOOD:
            return
        if not all(search.known[word] for word in said):
            self._query(
                search, meaning, [(columns, self._rejoined(search, words)) for columns, words in parts]
            )
        if search.best < _POOR:
            self._few_words(search, meaning, groups)

    def _learn(self, search: _Search, words: list[str]) -> None:
        """Look up which words the library has."""
        fresh = [word for word in words if word not in search.known]
        if fresh:
            there = vocabulary.known(self._reader.connection, fresh)
            search.known.update((word, word in there) for word in fresh)

    def _alternatives(
        self, search: _Search, parts: list[tuple[str, list[str]]], *, every: bool
    ) -> list[tuple[str, list[Group]]]:
        """What each word may be, `every` one or only those that the library does not have."""
        found: list[tuple[str, list[Group]]] = []
        for columns, words in parts:
            groups: list[Group] = []
            place = 0
            while place < len(words):
                word = words[place]
                group = self._corrected(search, word) if every or not search.known[word] else [(word,)]
                if place + 1 < len(words) and search.known.get(joined := word + words[place + 1]):
                    after = words[place + 1]
                    afters = (
                        self._corrected(search, after) if every or not search.known[after] else [(after,)]
                    )
                    group = [(joined,), *((*one, *other) for one in group[:3] for other in afters[:3])]
                    place += 1
                if group:
                    groups.append(group)
                place += 1
            found.append((columns, groups))
        return found

    def _corrected(self, search: _Search, word: str) -> Group:
        """What a word may be: itself, others like it, two words run together."""
        if word not in search.corrected:
            search.corrected[word] = vocabulary.corrections(self._reader.connection, word)
        group: Group = [(word,)] if search.known[word] else []
        group += [(one,) for one in search.corrected[word][: _FEW if search.known[word] else None]]
        group += [(one,) for one in resolver.SAME.get(word, ())]
        if len(word) > 3 and not search.known[word]:  # noqa: PLR2004
            halves = [(word[:place], word[place:]) for place in range(1, len(word))]
            self._learn(search, [half for both in halves for half in both])
            group += [both for both in halves if search.known[both[0]] and search.known[both[1]]]
        return group

    def _rejoined(self, search: _Search, words: list[str]) -> list[Group]:
        """Unknown words as the beginning or the end of one that was torn apart and misspelt."""
        groups: list[Group] = []
        place = 0
        while place < len(words):
            group: Group = []
            if place + 1 < len(words) and not (search.known[words[place]] and search.known[words[place + 1]]):
                joined = words[place] + words[place + 1]
                if joined not in search.corrected:
                    search.corrected[joined] = vocabulary.corrections(self._reader.connection, joined)
                group = [(one,) for one in search.corrected[joined][:_FEW]]
            if group:
                place += 1
            else:
                group = self._corrected(search, words[place])
            if group:
                groups.append(group)
            place += 1
        return groups

    def _few_words(self, search: _Search, meaning: Reading, groups: list[tuple[str, list[Group]]]) -> None:
        """The longest words alone, which tell the most, two and three of them."""
        longest = sorted(
            ((columns, group[:_FEW]) for columns, some in groups for group in some),
            key=lambda one: -max(len(word) for words in one[1] for word in words),
        )[:_TELLING]
        for count in (3, 2) if len(longest) > 2 else (1,):  # noqa: PLR2004
            for chosen in combinations(longest, count):
                self._query(search, meaning, [(columns, [group]) for columns, group in chosen])
                if search.best >= _GOOD:
                    return

    # -- queries -------------------------------------------------------------------------------------

    def _query(self, search: _Search, meaning: Reading, groups: list[tuple[str, list[Group]]]) -> bool:
        """Rank what has a word of every group; whether there was any."""
        match = _expression(groups, search.wished)
        if not match:
            return False
        return self._take(
            search,
            meaning,
            f"SELECT {_CANDIDATE} FROM names JOIN entry e ON e.id = names.rowid WHERE names MATCH ?",
            [match],
            "names.rowid",
        )

    def _take(self, search: _Search, meaning: Reading, sql: str, values: list[object], order: str) -> bool:
        """Rank what a query finds, so many of every kind; whether there was any."""
        if search.queries >= _MOST_QUERIES:
            return False
        conditions, more = _conditions(search.wished)
        kind = search.wished.kind or meaning.kind
        first, end = (0, _RANGES[-1][1]) if kind is None else schema.id_range(kind)
        rows: list[tuple] = []
        while first < end:
            search.queries += 1
            sql_whole = f"{sql}{conditions} AND {order} >= ? AND {order} < ? ORDER BY {order} LIMIT ?"
            limit = _ALTERNATIVES if search.best >= _SURE else _MOST_ROWS
            part = self._reader.rows(sql_whole, [*values, *more, first, end, limit])
            rows += part
            if len(part) < limit:
                break
            first = next(
                last for _, last in _RANGES if last > part[-1][0]
            )  # the next kind may have better ones
        for row in _nearest(meaning, rows):
            number, title, artists, album, version, year = row
            candidate = Candidate(
                schema.kind_of(number), title, artists, album, version, year, schema.liking_of(number)
            )
            fit = resolver.fit(meaning, search.tolerated, candidate)
            if search.corrected and fit < _ENOUGH:
                fit = max(fit, _corrected_fit(search, meaning, candidate))
            present = search.found.get(number)
            if present is None or present[1] < fit:
                search.found[number] = (resolver.rank(fit, candidate), fit, candidate)
                search.best = max(search.best, fit)
        return bool(rows)

    def _matches(self, rows: Iterable[tuple[int, float]]) -> tuple[Match, ...]:
        rows = list(rows)
        marks = ",".join("?" * len(rows))
        found = self._reader.rows(f"{SELECT} WHERE id IN ({marks})", [row for row, _ in rows])
        entries = {row[0]: schema.entry_of(row) for row in found}
        return tuple(Match(entries[row], round(fit, 3)) for row, fit in rows if row in entries)

    # -- what search asks ----------------------------------------------------------------------------

    def search(self, wished: Wished, limit: int, offset: int) -> Matches:
        """A page of everything that fits, best first."""
        wished = _storable(wished)
        ranked = self._ranked(wished)
        if ranked is None:
            entries, total = self._listed(wished, limit, offset)
            return Matches(tuple(Match(entry, 1.0) for entry in entries), total)
        head = [(row, fit) for row, fit, _ in ranked]
        match = self._beginnings(wished)
        if match is None:
            return Matches(self._matches(head[offset : offset + limit]), len(head))
        first, end = _span(wished)
        conditions, more = _conditions(wished)
        where = f"names MATCH ? AND names.rowid >= ? AND names.rowid < ?{conditions}"
        values = [match, first, end, *more]
        source = "names JOIN entry e ON e.id = names.rowid" if conditions else "names"
        inside = (
            {
                row
                for (row,) in self._reader.rows(
                    f"SELECT names.rowid FROM {source} WHERE {where} AND names.rowid IN ({','.join(str(row) for row, _ in head)})",
                    values,
                )
            }
            if head
            else set()
        )
        total = (
            self._reader.number(f"SELECT count(*) FROM {source} WHERE {where}", values)
            + len(head)
            - len(inside)
        )
        page = head[offset : offset + limit]
        if len(page) < limit and offset + len(page) < total:
            skipped = max(0, offset - len(head))
            known = {row for row, _ in head}
            rows = self._reader.rows(
                f"SELECT names.rowid FROM {source} WHERE {where} ORDER BY names.rowid LIMIT ?",
                [*values, skipped + limit - len(page) + len(inside)],
            )
            rest = [row for (row,) in rows if row not in known][skipped : skipped + limit - len(page)]
            page = page + [(row, 0.5) for row in rest]
        return Matches(self._matches(page), total)

    def _beginnings(self, wished: Wished) -> str | None:
        """An expression for what has every word of the phrase, the last of them perhaps unfinished."""
        words = _strong(names.plain(wished.phrase or ""))
        if not words:
            return None
        for rows in (
            (
                "SELECT text FROM token WHERE text >= ? AND text < ? ORDER BY documents DESC LIMIT 50",
                (words[-1], words[-1] + "\U0010ffff"),
            ),
            (
                "SELECT text FROM token WHERE text LIKE ? ORDER BY documents DESC LIMIT 50",
                (f"%{words[-1]}%",),
            ),
        ):
            last = [(str(text),) for (text,) in self._reader.rows(*rows)]
            if not last:
                continue
            groups = [*_groups(words[:-1]), last] if words[:-1] else [last]
            match = _expression([(_ANYWHERE, groups), *_filters(wished)], wished)
            if self._reader.rows("SELECT 1 FROM names WHERE names MATCH ? LIMIT 1", (match,)):
                return match
        return None

    def _listed(self, wished: Wished, limit: int, offset: int) -> tuple[tuple, int]:
        """Without a phrase: everything that passes, the popular first."""
        first, end = _span(wished)
        conditions, more = _conditions(wished)
        match = _expression([], wished)
        if match:
            source, where, order = (
                "names JOIN entry e ON e.id = names.rowid",
                "names MATCH ? AND names.rowid >= ? AND names.rowid < ?",
                "names.rowid",
            )
            values = [match, first, end, *more]
        else:
            source, where, order = "entry e", "e.id >= ? AND e.id < ?", "e.id"
            values = [first, end, *more]
        total = self._reader.number(f"SELECT count(*) FROM {source} WHERE {where}{conditions}", values)
        rows = self._reader.rows(
            f"SELECT e.id FROM {source} WHERE {where}{conditions} ORDER BY {order} LIMIT ? OFFSET ?",
            [*values, limit, offset],
        )
        return tuple(match.entry for match in self._matches((row, 1.0) for (row,) in rows)), total


def _storable(wished: Wished) -> Wished:
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


def _meanings(wished: Wished) -> Iterable[Reading]:
    artist, album = names.plain(wished.artist or ""), names.plain(wished.album or "")
    if wished.phrase is None or not wished.phrase.strip():
        match wished.kind:
            case None if album:
                yield Reading(album, artist=artist, kind=MediaKind.ALBUM)
            case None | MediaKind.ARTIST if artist:
                yield Reading(artist, kind=MediaKind.ARTIST)
            case MediaKind.ALBUM if album:
                yield Reading(album, artist=artist, kind=MediaKind.ALBUM)
            case _ if artist or album:
                yield Reading("", artist=artist, source=album)
        return
    for reading in resolver.readings(wished.phrase):
        if wished.kind is not None and reading.kind not in {None, wished.kind}:
            continue
        yield replace(
            reading,
            kind=wished.kind or reading.kind,
            artist=artist or reading.artist,
            source=album or reading.source,
        )


def _corrected_fit(search: _Search, meaning: Reading, candidate: Candidate) -> float:
    """How well it fits when what is in it was meant by the words that are not."""
    there = schema.tokens_of((candidate.title, candidate.artists, candidate.album))
    changed, cost = 0, _CORRECTED

    def text(wished: str) -> str:
        nonlocal changed, cost
        words = wished.split()
        for place, word in enumerate(words):
            if word not in there:
                for other in search.corrected.get(word, ()):
                    if other in there:
                        words[place] = other
                        changed += 1
                        cost += _CHANGED_WORD if search.known.get(word) else _CORRECTED_WORD
                        break
        return " ".join(words)

    other = replace(
        meaning, title=text(meaning.title), artist=text(meaning.artist), source=text(meaning.source)
    )
    if not changed:
        return 0.0
    return resolver.fit(other, search.tolerated, candidate) - cost


def _parts(meaning: Reading) -> list[tuple[str, list[str]]]:
    """The words to be found, and in which columns."""
    if not meaning.artist and not meaning.source:
        return [(_ANYWHERE, _strong(meaning.title))]
    parts = [(_TITLE, _strong(meaning.title))] if meaning.title else []
    if meaning.artist:
        parts.append(("{na}", _strong(meaning.artist)))
    if meaning.source:
        parts.append(("{nt nb}" if meaning.kind is MediaKind.ALBUM else "{nb na}", _strong(meaning.source)))
    return parts


def _strong(text: str) -> list[str]:
    words = text.split()
    return [word for word in dict.fromkeys(words) if word not in resolver.WEAK] or words


def _groups(words: list[str]) -> list[Group]:
    """Each word, or what is spoken alike; a number in words or figures."""
    groups: list[Group] = []
    runs = {start: (end, figures) for start, end, figures in resolver.numerals(words)}
    place = 0
    while place < len(words):
        word = words[place]
        if place in runs:
            end, figures = runs[place]
            groups.append(
                [
                    tuple(words[place:end]),
                    (figures,),
                    *((one,) for one in resolver.SAME.get(word, ()) if end == place + 1),
                ]
            )
            place = end
            continue
        groups.append(
            [(word,), *((one,) for one in resolver.SAME.get(word, ())), *resolver.figures_said(word)]
        )
        place += 1
    return groups


def _expression(groups: list[tuple[str, list[Group]]], wished: Wished) -> str:
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


def _filters(wished: Wished) -> list[tuple[str, list[Group]]]:
    filters: list[tuple[str, list[Group]]] = []
    if wished.artist and (words := _strong(names.plain(wished.artist))):
        filters.append(("{na}", _groups(words)))
    if wished.album and (words := _strong(names.plain(wished.album))):
        filters.append(("{nb}", _groups(words)))
    return filters


def _conditions(wished: Wished) -> tuple[str, list[object]]:
    conditions, values = "", list[object]()
    if wished.year is not None:
        conditions += " AND e.year = ?"
        values.append(wished.year)
    if wished.rating is not None:
        conditions += " AND e.rating >= ?"
        values.append(wished.rating)
    return conditions, values


def _span(wished: Wished) -> tuple[int, int]:
    return (0, _RANGES[-1][1]) if wished.kind is None else schema.id_range(wished.kind)


def _nearest(meaning: Reading, rows: list[tuple]) -> Iterable[tuple]:
    """The candidates that are worth a detailed comparison."""
    if len(rows) <= _RANKED:
        return rows
    wished = " ".join(part for part in (meaning.title, meaning.artist, meaning.source) if part)
    whole = process.extract(
        wished, [f"{row[1]} {row[2]}" for row in rows], scorer=fuzz.token_sort_ratio, limit=_RANKED // 2
    )
    titles = process.extract(
        meaning.title or wished, [row[1] for row in rows], scorer=fuzz.ratio, limit=_RANKED // 2
    )
    places = dict.fromkeys(
        [place for _, _, place in titles] + [place for _, _, place in whole] + list(range(8))
    )
    return [rows[place] for place in places]


def _ambiguous(best: list[tuple[int, float, Candidate]]) -> bool:
    if len(best) < 2:
        return False
    (_, fit, first), (_, other, second) = best[:2]
    same = first.title == second.title and (first.artists == second.artists or second.artists == first.title)
    return not same and fit - other < resolver.MARGIN and first.liking - second.liking < 0.15
