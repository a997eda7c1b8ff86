"""Words that are spoken alike and written differently: numbers, u and you, and those that may be left out."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

WEAK: Final = frozenset({"the", "a", "an", "and", "n", "feat", "ft", "featuring"})
"""Words that may be left out."""
_UNITS: Final = {
    word: number
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
_TENS: Final = {
    word: 10 * number
    for number, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2
    )
}
_SAID: Final = {number: word for word, number in (_UNITS | _TENS).items()}
_NUMBERS: Final = frozenset((*_UNITS, *_TENS))
_ALIKE: Final = {
    "u": "you", "r": "are", "ur": "your", "to": "2", "too": "2", "two": "2", "for": "4", "four": "4",
    "thru": "through", "ya": "you", "cuz": "cause", "til": "till",
    "ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9",
    "sergeant": "sgt", "doctor": "dr", "mister": "mr", "part": "pt", "pts": "pt", "parts": "pt",
    "volume": "vol", "versus": "vs", "okay": "ok", "saint": "st", "number": "no", "opus": "op",
    "third": "3", "fourth": "4", "fifth": "5", "sixth": "6", "seventh": "7", "eighth": "8", "ninth": "9",
    "wanna": "want 2", "gonna": "going 2", "gotta": "got 2",
}  # fmt: skip
SAME: Final = {
    "u": ("you",), "you": ("u",), "r": ("are",), "are": ("r",), "to": ("2", "two", "too"), "too": ("2", "to"),
    "two": ("2", "to", "ii"), "2": ("two", "to", "too", "ii"), "three": ("iii",), "3": ("iii",),
    "for": ("4", "four"), "four": ("4", "iv"), "4": ("four", "for", "iv"), "iv": ("4", "four"),
    "ii": ("2", "two"), "iii": ("3", "three"),
    "ur": ("your",), "thru": ("through",), "through": ("thru",), "til": ("till",), "till": ("til",),
    "sergeant": ("sgt",), "sgt": ("sergeant",), "doctor": ("dr",), "dr": ("doctor",), "mister": ("mr",),
    "mr": ("mister",), "part": ("pt",), "pt": ("part",), "volume": ("vol",), "vol": ("volume",),
    "versus": ("vs",), "vs": ("versus",), "okay": ("ok",), "ok": ("okay",),
    "saint": ("st",), "st": ("saint",), "number": ("no",), "opus": ("op",), "third": ("3",), "fourth": ("4",),
    "fifth": ("5",), "sixth": ("6",), "seventh": ("7",), "eighth": ("8",), "ninth": ("9",),
}  # fmt: skip
"""Words that are spoken alike."""
DRAWN_TOGETHER: Final[dict[tuple[str, ...], str]] = {
    ("want", "to"): "wanna",
    ("going", "to"): "gonna",
    ("got", "to"): "gotta",
}
DRAWN_APART: Final = {whole: parts for parts, whole in DRAWN_TOGETHER.items()}


def numerals(words: list[str]) -> list[tuple[int, int, str]]:
    """The runs of words that are a number: first, end, and its figures; `nineteen eighty four` is 1984."""
    found: list[tuple[int, int, str]] = []
    if _NUMBERS.isdisjoint(words):
        return found
    place = 0
    while place < len(words):
        start, figures = place, ""
        while place < len(words):
            word, after = words[place], words[place + 1] if place + 1 < len(words) else ""
            if word in _TENS:
                compound = 1 <= _UNITS.get(after, 0) <= 9  # noqa: PLR2004  # twenty one
                figures += str(_TENS[word] + (_UNITS[after] if compound else 0))
                place += 2 if compound else 1
            elif word in _UNITS:
                figures += str(_UNITS[word])
                place += 1
            elif word == "hundred" and figures:
                figures += "00"
                place += 1
            elif word == "thousand" and figures:
                figures += "000"
                place += 1
            else:
                break
        if figures:
            found.append((start, place, figures))
        else:
            place += 1
    return found


def figures_said(figures: str) -> list[tuple[str, ...]]:
    """How a number is spoken, up to 9999, as a number and as a year."""
    if not figures.isdecimal() or not figures.isascii() or len(figures) > 4 or figures.startswith("0"):  # noqa: PLR2004
        return []
    number = int(figures)
    if number < 100:  # noqa: PLR2004
        return [_pair(number)]
    if number < 1000:  # noqa: PLR2004
        rest = _pair(number % 100) if number % 100 else ()
        return [(_SAID[number // 100], "hundred", *rest), (_SAID[number // 100], *rest)]
    return [(*_pair(number // 100), *_pair(number % 100))] if number % 100 else []


def _pair(number: int) -> tuple[str, ...]:
    if number in _SAID:
        return (_SAID[number],)
    return _SAID[number - number % 10], _SAID[number % 10]


@lru_cache(maxsize=4096)
def loose(text: str) -> str:
    """A text without the words that may be left out, words that are spoken alike written alike."""
    words = text.split()
    for start, end, figures in reversed(numerals(words)):
        words[start:end] = [figures]
    kept = [_ALIKE.get(word, word) for word in words if word not in WEAK]
    return " ".join(kept) if kept else text
