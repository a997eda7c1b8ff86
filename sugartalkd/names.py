"""The searchable form of a name: plain words, what version it is, who is a guest, what else it is called."""

from __future__ import annotations

import re
import unicodedata
from enum import IntFlag
from functools import lru_cache
from typing import Final, NamedTuple


class Version(IntFlag):
    """What makes a recording another one than the studio's; `OTHER` is a remaster, an edition, a mono mix."""

    NONE = 0
    LIVE = 1
    REMIX = 2
    KARAOKE = 4
    COVER = 8
    DEMO = 16
    INSTRUMENTAL = 32
    ACOUSTIC = 64
    OTHER = 128
    COMPILATION = 256


class Name(NamedTuple):
    """A name taken apart; every text is plain, the first of `forms` is the name itself."""

    forms: tuple[str, ...]
    version: Version = Version.NONE
    extra: str = ""
    """Words that are searched too: of the version, of the guests."""


_ASIDE: Final = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]")
_DASHED: Final = re.compile(r"\s+[-–—]\s+")
_GUEST: Final = re.compile(r"\s+(?:feat\.?|ft\.|featuring)\s+(.+)$", re.IGNORECASE)
_GUEST_ASIDE: Final = re.compile(r"(?:feat|ft|featuring|with|duet with) (.+)")
_INITIALS: Final = re.compile(r"(?<!\w)(?:\w[.*]){2,}\w?(?!\w)")
_GLUED: Final = re.compile(r"\w+(?:[-/.:·*]\w+)+")
_IDEOGRAPH: Final = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")
_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LETTERLIKE: Final = re.compile(r"(?<=[^\W\d_])([!@])(?=[^\W\d_])|\$(?=[^\W\d_])|(?<=[^\W\d_])\$")
_PLUS: Final = re.compile(r"(?<=\w) \+ (?=\w)")
_SEVERAL: Final = re.compile(
    r"\s*(?:;|/|,|&|\+|\bfeat\.?|\bft\.|\bfeaturing\b|\bvs\.?|\bwith\b|\bx\b|\band\b)\s+", re.IGNORECASE
)

_VERSIONS: Final = (
    (Version.KARAOKE, r"karaoke|backing track|sing ?along|in the style of|originally|made famous"),
    (Version.LIVE, r"live|unplugged|in concert|bootleg|en vivo|ao vivo|en directo"),
    (Version.REMIX, r"remix(?:ed|es)?|rmx|mix|rework|mashup|bootleg mix|dub"),
    (Version.COVER, r"cover|tribute"),
    (Version.DEMO, r"demos?|rehearsal|outtakes?|take \d+|alternate take|early take|sessions?"),
    (Version.INSTRUMENTAL, r"instrumental"),
    (Version.ACOUSTIC, r"acoustic|piano version|stripped|orchestral|a ?cappella"),
    (
        Version.OTHER,
        (
            r"remaster(?:ed)?|mono|stereo|deluxe|(?:\w+ )?edition|expanded|anniversary|bonus(?: tracks?)?"
            r"|explicit|clean|(?:\w+ )?version|radio edit|single edit|edit|extended|reissue"
        ),
    ),
)
_VERSION: Final = tuple((flag, re.compile(rf"\b(?:{words})\b")) for flag, words in _VERSIONS)
_SAME_MIX: Final = re.compile(r"\b(?:\d{4}|original|stereo|mono|album|single|main|new) mix\b")
_LIVE_ALBUM: Final = re.compile(
    r"\blive (?:at|in|from|on|und|et|and) |\blive$|\bunplugged\b|\bin concert\b|^live (?:19|20)\d\d"
)
_COMPILATION: Final = re.compile(
    r"\b(?:greatest hits|best of|the very best|anthology|essential|collection|singles|now that s? ?what)\b"
)
_CALLED: Final = {
    "+": "plus",
    "÷": "divide",
    "×": "multiply",
    "=": "equals",
    "-": "subtract",
    "−": "subtract",
    "–": "subtract",
    "!!!": "chk chk chk",
    "∆": "triangle",
    "△": "triangle",
    "∞": "infinity",
    "#": "hash",
    "%": "percent",
    "?": "question mark",
    "...": "dot dot dot",
    "…": "dot dot dot",
    "*": "star",
    "♥": "heart",
    "❤": "heart",
}

_APOSTROPHES: Final = "'’‘ʼ`´′ʻ"
_ASCII: Final = {code: " " for code in range(128) if not chr(code).isalnum()} | {
    **{ord(mark): None for mark in _APOSTROPHES},
    ord("&"): " and ",
}
_LETTERS: Final = str.maketrans(
    {
        "ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ł": "l", "ı": "i", "þ": "th", "ð": "d", "ħ": "h", "ŋ": "n",
        **dict.fromkeys(_APOSTROPHES),
    }
)  # fmt: skip
_GERMAN: Final = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "Ä": "Ae",
        "Ö": "Oe",
        "Ü": "Ue",
        "ø": "oe",
        "Ø": "Oe",
        "å": "aa",
        "Å": "Aa",
    }
)


class _Rest(dict[int, str | None]):
    """What becomes of every other character: marks vanish, what is no letter or digit parts words."""

    def __missing__(self, code: int) -> str | None:
        one = chr(code)
        self[code] = None if unicodedata.combining(one) else one.casefold() if one.isalnum() else " "
        return self[code]


_REST: Final = _Rest({**_LETTERS, ord("&"): " and "})


def plain(text: str) -> str:
    """Small letters and digits of every script without marks, in words; `''` for punctuation alone."""
    if "." in text or "*" in text:
        text = _INITIALS.sub(lambda found: found[0].replace(".", "").replace("*", "") + " ", text)
    if "!" in text or "$" in text or "@" in text:
        text = _LETTERLIKE.sub(lambda found: {"!": "i", "@": "a"}.get(found[0], "s"), text)
    if "+" in text:
        text = _PLUS.sub(" and ", text)
    if text.isascii():
        return " ".join(text.lower().translate(_ASCII).split())
    text = unicodedata.normalize("NFKD", text.translate(_LETTERS).casefold()).translate(_REST)
    if not text.isascii():
        text = _IDEOGRAPH.sub(r" \1 ", unicodedata.normalize("NFC", text))
    return " ".join(text.split())


def latin(text: str) -> str:
    """The plain form written with Latin letters, however the name is written."""
    from anyascii import anyascii  # noqa: PLC0415  # 2 MB that most libraries and phrases never need

    return plain(_CAPITAL.sub(" ", anyascii(text)))


def tight(text: str) -> str:
    """A plain text by which equal names are equal: no spaces, no leading article."""
    words = text.split()
    if len(words) > 1 and words[0] in {"the", "a", "an"}:
        del words[0]
    return "".join(words)


def called(text: str) -> str:
    """The name of a sign that has no letters, or what it looks like; a `|` would divide forms."""
    return _CALLED.get(text.strip(), "") or "".join(text.split()).casefold().replace("|", "¦")


@lru_cache(maxsize=4096)
def version_of(segment: str) -> Version:
    """What kind of version a plain text speaks of."""
    found = Version.NONE
    segment = _SAME_MIX.sub("version", segment)
    for flag, words in _VERSION:
        if words.search(segment):
            found |= flag
    return found & ~Version.OTHER or found


def name(text: str) -> Name:  # noqa: C901  # one step after the other
    """Take a title or an artist's name apart."""
    if text.isascii() and text.replace(" ", "").isalnum() and "eat" not in text:  # most names are simple
        return Name((" ".join(text.lower().split()),))
    version, extra, other_forms = Version.NONE, list[str](), list[str]()
    core = text
    guest = _GUEST.search(core) if "eat" in text or "ft." in text or "EAT" in text else None
    if guest and "(" not in core[: guest.start()] and "[" not in core[: guest.start()]:
        extra.append(plain(guest[1]))
        core = core[: guest.start()]
    if "(" in core or "[" in core:
        for aside in reversed(list(_ASIDE.finditer(core))):
            inside = plain(aside[1])
            guests = _GUEST_ASIDE.fullmatch(inside)
            found = version_of(inside)
            rest = core[: aside.start()] + core[aside.end() :]
            if (guests or found) and rest.strip():
                extra.append(guests[1] if guests else inside)
                version |= found if not guests else Version.NONE
                core = rest
            elif inside and (rest := plain(rest)):
                other_forms += [rest, inside] if " " in inside else [rest]
    if " " in core and (dashed := list(_DASHED.finditer(core))):
        segment = plain(core[dashed[-1].end() :])
        if found := version_of(segment):
            version |= found
            extra.append(segment)
            core = core[: dashed[-1].start()]
    main = plain(core)
    if not main:
        main = called(core)
        return Name(
            (main, *_others(main, ["".join(core.split()).casefold().replace("|", "¦")])),
            version,
            " ".join(extra),
        )
    if not core.isascii():
        other_forms.append(plain(core.translate(_GERMAN)))
        if not main.isascii():
            other_forms.append(latin(core))
    if any(glue in core for glue in "-/.:·*"):
        extra += [plain(one).replace(" ", "") for one in _GLUED.findall(core)]
    return Name((main, *_others(main, other_forms)), version, " ".join(extra))


def _others(main: str, forms: list[str]) -> list[str]:
    return [one for one in dict.fromkeys(forms) if one and one != main]


def initials(plain_name: str) -> str:
    """What fans call an artist of three words or more; `''` for others."""
    words = [word for word in plain_name.split() if word not in {"the", "and", "of"}]
    return "".join(word[0] for word in words) if len(words) > 2 else ""  # noqa: PLR2004


def performers(text: str) -> Name:
    """An artist's name, which may be several: each alone is another form."""
    whole = name(text)
    parts = [part for part in _SEVERAL.split(text) if plain(part)]
    if len(parts) < 2:  # noqa: PLR2004  # one is the whole
        return whole
    forms = whole.forms + tuple(_others(whole.forms[0], [name(part).forms[0] for part in parts]))
    return Name(tuple(dict.fromkeys(forms)), whole.version, whole.extra)


def album_version(album: str) -> Version:
    """What an album's plain name says of everything on it."""
    found = Version.LIVE if _LIVE_ALBUM.search(album) else Version.NONE
    if "karaoke" in album:
        found |= Version.KARAOKE
    if "tribute" in album:
        found |= Version.COVER
    return found | Version.COMPILATION if _COMPILATION.search(album) else found
