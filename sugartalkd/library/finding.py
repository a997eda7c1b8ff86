"""From a wish to what is in the library: exact words first, then what they may be misspellings of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, Final

from rapidfuzz import fuzz, process

from sugartalkd import names, resolver, spoken
from sugartalkd.library import listing, schema, vocabulary
from sugartalkd.library.entry import Matches
from sugartalkd.library.expression import (
    ANYWHERE,
    RANGES,
    Group,
    Part,
    conditions,
    expression,
    groups_of,
    parts_of,
    storable,
)
from sugartalkd.model import MediaKind
from sugartalkd.resolver import Candidate, Reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sugartalkd.command import Wished
    from sugartalkd.library.reading import Reader
    from sugartalkd.names import Version

_ENOUGH: Final = 0.93
"""A fit that needs no further search."""
_SURE: Final = 0.997
"""The fit of an exact name."""
_CLEAR: Final = 0.988
"""The fit of a name with what else was said."""
_GOOD: Final = 0.88
"""The same, once words were taken for others."""
_POOR: Final = 0.75
_FEW: Final = 4
_TELLING: Final = 4
_COMMON: Final = 5000
"""Words that so many names have tell nothing, and take long to look through."""
_CORRECTED: Final = 0.03
_CORRECTED_WORD: Final = 0.02
_CHANGED_WORD: Final = 0.1
"""What it costs to take a word for another though the library has it."""
_UNLIKE: Final = 0.03
"""What it costs besides if they have not one letter in common."""
_HEARD_ALIKE: Final = 0.6
"""So much of it if they sound alike."""
_LEAST: Final = 0.6
_WORTH_PLAYING: Final = 0.72
"""Below this, what comes nearest is hardly what was meant."""
_ALTERNATIVES: Final = 10
_RANKED: Final = 48
"""So many of the candidates are compared in detail."""
_LIKED_MORE: Final = 0.15
"""Of two that fit equally well, the one that is so much more popular is meant."""
_MOST_ROWS: Final = 120
_MOST_QUERIES: Final = 60
_MOST_WORDS: Final = 12
_AS_WELL: Final = 0.001
"""Fits that are no further apart are equal."""
_CANDIDATE: Final = "SELECT e.id, e.nt, e.na, e.nb, e.nx, e.version, e.year FROM "
_EXACT: Final = _CANDIDATE + "exact JOIN entry e ON e.id = exact.id WHERE exact.hash = ?"
_WITH_WORDS: Final = _CANDIDATE + "names JOIN entry e ON e.id = names.rowid WHERE names MATCH ?"


@dataclass(slots=True)
class _Search:
    """One search under way."""

    wished: Wished
    tolerated: Version
    found: dict[int, tuple[float, float, Candidate]] = field(
        default_factory=dict[int, tuple[float, float, Candidate]]
    )
    """By row id: rank, fit."""
    best: float = 0.0
    queries: int = 0
    corrected: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """What a word may have been meant to be."""
    known: dict[str, int] = field(default_factory=dict[str, int])
    """How many names in the library have a word."""


class Finder:
    """Searches one open index; blocks."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    # -- what play asks ------------------------------------------------------------------------------

    def find(self, wished: Wished) -> Matches:
        """What a phrase most likely means, and what else it may."""
        wished = storable(wished)
        found = self._ranked(wished)
        if found is None:
            return Matches(*listing.listed(self._reader, wished, _ALTERNATIVES, 0))
        best = found[:_ALTERNATIVES] if found and found[0][1] >= _WORTH_PLAYING else []
        return Matches(
            listing.matches(self._reader, [(row, fit) for row, fit, _ in best]), len(best), _ambiguous(best)
        )

    def _ranked(self, wished: Wished) -> list[tuple[int, float, Candidate]] | None:
        """Row ids and fits, best first; `None` when there is no phrase to rank by."""
        search = _Search(wished, names.version_of(names.plain(wished.phrase or "")))
        meanings = list(_meanings(wished))
        if not meanings:
            return None
        telling = [one for one in meanings if one.artist or one.source or one.kind]
        plain = [one for one in meanings if one not in telling]
        self._exact(search, meanings, [*telling, *plain])
        if search.best < _ENOUGH:
            for meaning in [*telling[:3], *plain[2::-1]][:4]:
                self._other_words(search, meaning)
                if search.best >= _GOOD:
                    break
        ranked = sorted(search.found.items(), key=lambda one: (-one[1][0], one[0]))
        best = [(row, fit, candidate) for row, (_, fit, candidate) in ranked if fit >= _LEAST]
        for place, (_, fit, candidate) in enumerate(best[:_ALTERNATIVES]):
            if fit >= best[0][1] - _AS_WELL and resolver.better_known(best[0][2], candidate):
                best.insert(0, best.pop(place))
                break
        return best

    def _exact(self, search: _Search, meanings: list[Reading], telling_first: list[Reading]) -> None:
        """Names as they are, then the words as they are."""
        for meaning in meanings:
            if meaning.title and not (
                meaning.artist or meaning.source or meaning.version or search.wished.genre
            ):
                self._exact_name(search, meaning)
                if search.best >= _SURE:
                    if len(search.found) < _ALTERNATIVES:
                        self._exact_words(search, meaning)
                    return
        for meaning in telling_first:
            self._exact_words(search, meaning)
            if search.best >= _CLEAR:
                return

    def _exact_words(self, search: _Search, meaning: Reading) -> None:
        groups = [(columns, groups_of(words)) for columns, words in parts_of(meaning)]
        extra = [[(word,)] for word in meaning.version_words.split() if word not in {"version", *spoken.WEAK}]
        if extra and self._query(search, meaning, [*groups, (ANYWHERE, extra)]):
            return
        self._query(search, meaning, groups)

    def _exact_name(self, search: _Search, meaning: Reading) -> None:
        forms = {meaning.title}
        words = meaning.title.split()
        for start, end, figures in reversed(spoken.numerals(words)):
            words[start:end] = [figures]
        forms.add(" ".join(words))
        for number in schema.exact_of(tuple(forms)):
            self._take(
                search,
                meaning,
                _EXACT,
                [number],
                "exact.id",
            )

    def _other_words(self, search: _Search, meaning: Reading) -> None:
        """The words may be misspelt, misheard, torn apart, run together, or one too many."""
        parts = [(columns, words[:_MOST_WORDS]) for columns, words in parts_of(meaning)]
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
            search.known.update((word, there.get(word, 0)) for word in fresh)

    def _alternatives(
        self, search: _Search, parts: list[tuple[str, list[str]]], *, every: bool
    ) -> list[Part]:
        """What each word may be, `every` one or only those that the library does not have."""
        found: list[Part] = []
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
        same: Group = [(one,) for one in spoken.SAME.get(word, ())]
        if search.known[word] > _COMMON:
            return [(word,), *same]
        if word not in search.corrected:
            search.corrected[word] = vocabulary.corrections(self._reader.connection, word)
        group: Group = [(word,)] if search.known[word] else []
        group += [(one,) for one in search.corrected[word][: _FEW if search.known[word] else None]]
        group += same
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

    def _few_words(self, search: _Search, meaning: Reading, groups: list[Part]) -> None:
        """The rarest words alone, which tell the most, two and three of them."""
        few = [(columns, group[:_FEW]) for columns, some in groups for group in some]
        self._learn(search, [word for _, group in few for words in group for word in words])
        counted = [
            (sum(min(search.known[word] for word in words) for words in group), place)
            for place, (_, group) in enumerate(few)
        ]
        rarest = [(few[place], count) for count, place in sorted(counted)[:_TELLING]]
        for size in (3, 2) if len(rarest) > 2 else (1,):  # noqa: PLR2004
            for picked in combinations(rarest, size):
                if picked[0][1] > _COMMON:
                    break
                chosen = [part for part, _ in picked]
                self._query(search, meaning, [(columns, [group]) for columns, group in chosen])
                if search.best >= _GOOD:
                    return

    # -- queries -------------------------------------------------------------------------------------

    def _query(self, search: _Search, meaning: Reading, groups: list[Part]) -> bool:
        """Rank what has a word of every group; whether there was any."""
        match = expression(groups, search.wished)
        if not match:
            return False
        return self._take(
            search,
            meaning,
            _WITH_WORDS,
            [match],
            "names.rowid",
        )

    def _take(self, search: _Search, meaning: Reading, sql: str, values: list[object], order: str) -> bool:
        """Rank what a query finds, so many of every kind; whether there was any."""
        if search.queries >= _MOST_QUERIES:
            return False
        narrowed, more = conditions(search.wished)
        kind = search.wished.kind or meaning.kind
        first, end = (0, RANGES[-1][1]) if kind is None else schema.id_range(kind)
        rows: list[tuple[Any, ...]] = []
        while first < end:
            search.queries += 1
            sql_whole = f"{sql}{narrowed} AND {order} >= ? AND {order} < ? ORDER BY {order} LIMIT ?"
            limit = _ALTERNATIVES if search.best >= _SURE else _MOST_ROWS
            part = self._reader.rows(sql_whole, [*values, *more, first, end, limit])
            rows += part
            if len(part) < limit:
                break
            first = next(
                last for _, last in RANGES if last > part[-1][0]
            )  # the next kind may have better ones
        for row in _nearest(meaning, rows):
            number, title, artists, album, extra, version, year = row
            candidate = Candidate(
                schema.kind_of(number), title, artists, album, extra, version, year, schema.liking_of(number)
            )
            fit = resolver.fit(meaning, search.tolerated, candidate)
            if search.corrected and fit < _ENOUGH:
                fit = max(fit, _corrected_fit(search, meaning, candidate))
            present = search.found.get(number)
            if present is None or present[1] < fit:
                search.found[number] = (resolver.rank(fit, candidate), fit, candidate)
                search.best = max(search.best, fit)
        return bool(rows)

    # -- what search asks ----------------------------------------------------------------------------

    def search(self, wished: Wished, limit: int, offset: int) -> Matches:
        """A page of everything that fits, best first."""
        wished = storable(wished)
        if not (wished.phrase or "").strip():
            found = Matches(*listing.listed(self._reader, wished, limit, offset))
            if found.total:
                return found
        ranked = self._ranked(wished)
        if ranked is None:
            return Matches()
        best = [(row, fit) for row, fit, _ in ranked]
        return Matches(*listing.continued(self._reader, wished, best, limit, offset))


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
            case _:
                pass
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


def _cost(word: str, other: str, *, known: bool) -> float:
    """What it costs to take a word for another."""
    cost = _CHANGED_WORD if known else _CORRECTED_WORD
    if vocabulary.sound(word) == vocabulary.sound(other):
        return cost * _HEARD_ALIKE
    return cost + _UNLIKE * (1 - fuzz.ratio(word, other) / 100)


def _corrected_fit(search: _Search, meaning: Reading, candidate: Candidate) -> float:
    """How well it fits when what is in it was meant by the words that are not."""
    there = schema.tokens_of((candidate.title, candidate.artists, candidate.album, candidate.extra))
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
                        cost += _cost(word, other, known=bool(search.known.get(word)))
                        break
        return " ".join(words)

    other = replace(
        meaning, title=text(meaning.title), artist=text(meaning.artist), source=text(meaning.source)
    )
    if not changed:
        return 0.0
    return resolver.fit(other, search.tolerated, candidate) - cost


def _nearest(meaning: Reading, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
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
    if len(best) < 2:  # noqa: PLR2004
        return False
    (_, fit, first), (_, other, second) = best[:2]
    same = first.title == second.title and second.artists in {first.artists, first.title}
    return not same and fit - other < resolver.MARGIN and first.liking - second.liking < _LIKED_MORE
