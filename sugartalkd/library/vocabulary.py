"""The library's words by how they begin, end and sound: a misspelt one is compared with few."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

LONGEST: Final = 24
MOST: Final = 8
"""So many corrections of a word are tried."""
_SHORT: Final = 5
"""Words of fewer letters may differ in one letter, others in two."""
_LONG: Final = 7
"""Words of so many letters are compared with those that share three letters at an end, others two."""
_SAME_SOUND: Final = 0.8
_FARTHER: Final = 1.0
"""So many letters more than the nearest another may differ."""
_SAME_START: Final = 0.3
"""So many letters less a word differs that sounds or begins the same."""
_SOUNDS: Final = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"^(?:kn|gn|pn)", "n"),
        (r"^wr", "r"),
        (r"^ps", "s"),
        (r"^wh", "w"),
        (r"^x", "s"),
        (r"ough|augh", "o"),
        (r"igh", "i"),
        (r"tch|sch|sh|ch|ti(?=o)|ci(?=[ao])", "x"),
        (r"dg(?=[eiy])", "j"),
        (r"ph", "f"),
        (r"gh", "g"),
        (r"th", "t"),
        (r"ck|q|c(?![eiy])", "k"),
        (r"c", "s"),
        (r"x(?<!^)", "x"),
        (r"z", "s"),
        (r"v", "f"),
        (r"d", "t"),
        (r"b", "p"),
        (r"mb$", "m"),
    )
)


@lru_cache(maxsize=4096)
def sound(word: str) -> str:
    """A key that words have in common when they sound nearly alike in English."""
    for pattern, letter in _SOUNDS:
        word = pattern.sub(letter, word)
    first = "a" if word[:1] in "aeiouy" else word[:1]
    rest = re.sub(r"[aeiouyhw]", "", word[1:])
    return re.sub(r"(.)\1+", r"\1", first + rest)


def _names(word: str) -> tuple[str, ...]:
    """The buckets a word is in."""
    names = (f"={sound(word)}", f"<{word[:2]}{len(word)}", f">{word[-2:]}{len(word)}")
    if len(word) < _LONG - 2:
        return names
    return (*names, f"<{word[:3]}{len(word)}", f">{word[-3:]}{len(word)}")


def indexed(word: str) -> bool:
    """Whether corrections of this word make sense."""
    return 1 < len(word) <= LONGEST and word.isascii()


def buckets(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and content of all buckets, for words with the most frequent first."""
    contents: defaultdict[str, list[str]] = defaultdict(list)
    for word in words:
        if indexed(word):
            for name in _names(word):
                contents[name].append(word)
    return ((name, " ".join(content)) for name, content in sorted(contents.items()))


def add(connection: sqlite3.Connection, words: Iterable[str]) -> None:
    """Put words in that are new or known; they count as rare until the next full sync."""
    for word in words:
        fresh = connection.execute("INSERT OR IGNORE INTO token VALUES(?,1)", (word,)).rowcount
        if fresh > 0 and indexed(word):
            connection.executemany(
                "INSERT INTO bucket VALUES(?,?) "
                "ON CONFLICT(name) DO UPDATE SET tokens = tokens || ' ' || excluded.tokens",
                [(name, word) for name in _names(word)],
            )


def known(connection: sqlite3.Connection, words: list[str]) -> dict[str, int]:
    """Those of the words that the library has, and how many names have them."""
    marks = ",".join("?" * len(words))
    return dict(
        connection.execute(f"SELECT text, documents FROM token WHERE text IN ({marks})", words).fetchall()  # noqa: S608
    )


def corrections(connection: sqlite3.Connection, word: str) -> list[str]:
    """Words of the library that may have been meant, most likely first, the word itself not among them."""
    if not indexed(word):
        return []
    reach = 1 if len(word) < _SHORT else 2
    lengths = range(max(1, len(word) - reach), len(word) + reach + 1)
    ends = 3 if len(word) >= _LONG else 2
    names = [f"={sound(word)}"]
    for length in lengths:
        names += [f"<{word[:ends]}{length}", f">{word[-ends:]}{length}"]
    marks = ",".join("?" * len(names))
    sql = f"SELECT name, tokens FROM bucket WHERE name IN ({marks})"  # noqa: S608
    found = dict(connection.execute(sql, names).fetchall())
    heard = found.pop(names[0], "").split()
    places: dict[str, tuple[float, int, str]] = {}
    for choices, cutoff, bonus in (
        (heard, reach if len(word) < _SHORT - 1 else reach + 1, _SAME_SOUND),
        (" ".join(found.values()).split(), reach, 0.0),
    ):
        for choice, distance, place in process.extract(
            word, choices, scorer=OSA.distance, score_cutoff=cutoff, limit=None
        ):
            if choice != word and choice not in places:
                first = _SAME_START if choice[0] == word[0] else 0
                places[choice] = (distance - first - bonus, place, choice)
    nearest = sorted(places.values())[:MOST]
    return [choice for differing, _, choice in nearest if differing <= nearest[0][0] + _FARTHER]
