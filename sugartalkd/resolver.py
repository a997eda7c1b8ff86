"""What a phrase may mean, and how well something in the library fits a meaning; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from rapidfuzz import fuzz

from sugartalkd import names
from sugartalkd.model import MediaKind
from sugartalkd.names import Version
from sugartalkd.spoken import loose

if TYPE_CHECKING:
    from collections.abc import Iterator

MARGIN: Final = 0.02
"""Two fits that differ by less are equally good."""
_MOST_READINGS: Final = 12


@dataclass(frozen=True, slots=True)
class Reading:
    """One meaning of a phrase; texts are plain, empty ones may be anything."""

    title: str
    artist: str = ""
    source: str = ""
    """An album, or else an artist, that it is from."""
    kind: MediaKind | None = None
    year: int | None = None
    version: Version = Version.NONE
    """Asked for with words that are no longer in the title …"""
    version_words: str = ""
    """… but here."""
    weight: float = 1.0


class Candidate(NamedTuple):
    """What is known of something that may be meant; texts are plain, `|` separates forms of one name."""

    kind: MediaKind
    title: str
    artists: str
    album: str
    extra: str
    """Its guests, what version it is."""
    version: int
    year: int | None
    liking: float
    """How popular it is, 0…1."""


# -- grammar -----------------------------------------------------------------------------------------

_ROOM: Final = (
    r"(?:(?:living|dining|bed|bath|laundry|guest|kids|play|family|sitting|music|tv|game|sun|work|store|rest|class)"
    r" ?room|kitchen|office|study|garden|garage|terrace|patio|balcony|hall|hallway|basement|attic|cellar"
    r"|lounge|den|nursery|workshop|studio|conservatory|library|pool|sauna|gym|porch|shed|barn|loft|upstairs|downstairs"
    r"|everywhere|all rooms|whole house|house)"
)
_ASK: Final = re.compile(
    r"(?:(?:please|hey|ok|okay|can you|could you|would you|will you|i want to|i would like to|id like to"
    r"|i d like to|i wanna|lets|let us|let me|we want to|i want|now|just) )*"
    r"(?:(?:play|put on|listen to|hear|start|queue up|queue|shuffle|turn on|find|search for|look for"
    r"|start playing) )(?:(?:me|us) )?"
    r"|(?:(?:please|i want|i would like|i d like|id like|lets hear|let s hear) )+"
)
_SOME: Final = re.compile(
    r"(?:some|some of|a bit of|a little|a little bit of|any|my|our|more|all of|something called) "
)
_END: Final = re.compile(
    rf" (?:please|now|for me|for us|thanks|thank you|on shuffle|shuffled|out loud|(?:in|on|to|throughout) "
    rf"(?:(?:the|my|our) )?{_ROOM}(?: (?:speakers?|zone))?|upstairs|downstairs|everywhere)$"
)
_KINDS: Final = {
    **dict.fromkeys(("song", "track", "tune", "single"), MediaKind.TRACK),
    **dict.fromkeys(("album", "record", "lp", "ep", "cd", "soundtrack"), MediaKind.ALBUM),
    **dict.fromkeys(
        ("artist", "band", "group", "singer", "musician", "rapper", "composer"), MediaKind.ARTIST
    ),
    **dict.fromkeys(("playlist", "play list"), MediaKind.PLAYLIST),
}
_KIND: Final = "|".join(_KINDS)
_KIND_FIRST: Final = re.compile(
    rf"(?:(?:the|an?|my|our|this|that) )*({_KIND})(?: (?:called|named|titled|entitled|of))? (.+)"
)
_KIND_LAST: Final = re.compile(rf"(.+?) ({_KIND})((?: by| from) .+)?")
_ANY_BY: Final = re.compile(
    r"(?:(?:the|an?|some|any|all|more|a few) )*(?:(songs|tracks|music|tunes|albums|stuff|something|anything"
    rf"|everything|latest|newest|hits|best|greatest hits|discography|records|works?)|({_KIND}))(?: of)?"
    r" (?:by|from|of|with) (.+)"
)
_OF_ARTIST: Final = re.compile(r"(.+) (?:songs|music|tracks|tunes|albums|discography|hits|stuff)")
_BY: Final = re.compile(
    r" (?:(?:performed|sung|played|written|composed|recorded) )?by "
    r"(?:(?:the )?(?:artist|band|group|singer) )?"
)
_FROM: Final = re.compile(
    r" (?:from|off|off of|on|in|of) (?:(?:the|their|his|her) )?"
    r"(?:(?:album|record|lp|ep|soundtrack|cd|artist|band) )?"
)
_GUEST: Final = re.compile(r"(.+) (?:feat|featuring|ft) .+")
_WHOSE: Final = re.compile(r"(.*\w)(?:['’]s|s['’])\s+(\S.*)", re.IGNORECASE | re.DOTALL)
_YEAR: Final = re.compile(r"(?:(.+?) (?:from |in |of )?((?:19|20)\d\d)|((?:19|20)\d\d) (.+))")
_VERSION_WORDS: Final = re.compile(
    r"\b(?:(?:the|an?) )?((?:(?:karaoke|live|remix(?:ed)?|acoustic|instrumental|demo|cover|unplugged|piano)"
    r"(?: (?:version|recording|cut|take|mix))?)|club mix|backing track|in concert|version)\b(?: of\b)?"
)
_SPELT: Final = re.compile(r"(?<=\b\w) (?=\w\b)")
_SIGN: Final = re.compile(r"(?:^|(?<=\s))(\+|÷|×|=|!!!)(?=$|\s+by\s)")


def readings(phrase: str) -> Iterator[Reading]:
    """What a phrase may mean: first the phrase as a name, then what is left without words of asking."""
    seen = set[Reading]()
    for reading in _all_readings(phrase):
        if (reading.title or reading.artist or reading.source) and reading not in seen:
            seen.add(reading)
            yield reading
            if len(seen) == _MOST_READINGS:
                return


def _all_readings(phrase: str) -> Iterator[Reading]:
    phrase = phrase.strip()[:300]
    whole = names.plain(_SIGN.sub(lambda sign: names.called(sign[1]), phrase)) or names.called(phrase)
    texts = list(dict.fromkeys(_cuts(whole)))
    for place, text in enumerate(texts):
        yield Reading(text, weight=1 - 0.002 * place)
    for place, text in enumerate(texts):
        weight = 0.999 - 0.002 * place
        for reading in _parsed(text, weight):
            yield reading
            yield from _versions(reading)
        yield from _versions(Reading(text, weight=weight))
        yield from _years(Reading(text, weight=weight - 0.01))
    if owned := _WHOSE.fullmatch(phrase):
        owner, title = names.plain(owned[1]), names.plain(owned[2])
        owner = list(_cuts(owner))[-1]
        yield Reading(title, artist=owner, weight=0.99)
        if found := re.fullmatch(rf"({_KIND}) (.+)", title):
            yield Reading(found[2], artist=owner, kind=_KINDS[found[1]], weight=0.99)


def _cuts(text: str) -> Iterator[str]:
    """The text, and less and less of it."""
    yield text
    if (spelt := _SPELT.sub("", text)) != text:
        yield spelt
    while (end := _END.search(text)) and end.start():
        text = text[: end.start()]
        yield text
    if (ask := _ASK.match(text)) and ask.end() < len(text):
        text = text[ask.end() :]
        yield text
    if (some := _SOME.match(text)) and some.end() < len(text):
        yield text[some.end() :]


def _parsed(text: str, weight: float) -> Iterator[Reading]:
    """By words that say what is meant."""
    if found := _ANY_BY.fullmatch(text):
        _, one, artist = found.groups()
        by = re.sub(r"^(?:the )?(?:artist|band|group|singer) ", "", artist)
        if one is None:
            if "best" in text or "hits" in text:
                yield Reading("greatest hits", artist=by, kind=MediaKind.ALBUM, weight=weight - 0.004)
            yield Reading(by, kind=MediaKind.ARTIST, weight=weight - 0.014)
            yield Reading(by, kind=MediaKind.ALBUM, weight=weight - 0.024)
            yield Reading("", artist=by, kind=MediaKind.TRACK, weight=weight - 0.034)
        elif _KINDS[one] in {MediaKind.TRACK, MediaKind.ALBUM}:
            yield Reading("", artist=by, kind=_KINDS[one], weight=weight - 0.004)
    if (found := _KIND_LAST.fullmatch(text)) and not _KIND_FIRST.fullmatch(text):
        title = (
            re.sub(r"^(?:the|my|our|a) (?=.)", "", found[1])
            if _KINDS[found[2]] is MediaKind.PLAYLIST
            else found[1]
        )
        yield from _sources(title + (found[3] or ""), _KINDS[found[2]], weight - 0.002)
        if _KINDS[found[2]] is MediaKind.ALBUM:
            yield Reading("", artist=title, kind=MediaKind.ALBUM, weight=weight - 0.05)
    if found := _KIND_FIRST.fullmatch(text):
        yield from _sources(found[2], _KINDS[found[1]], weight)
    if found := _OF_ARTIST.fullmatch(text):
        yield Reading(found[1], kind=MediaKind.ARTIST, weight=weight - 0.014)
    if found := _GUEST.fullmatch(text):
        yield Reading(found[1], weight=weight - 0.01)
    yield from _split(text, None, weight)


def _sources(text: str, kind: MediaKind, weight: float) -> Iterator[Reading]:
    yield Reading(text, kind=kind, weight=weight)
    yield from _split(text, kind, weight)
    yield from _years(Reading(text, kind=kind, weight=weight - 0.01))


def _split(text: str, kind: MediaKind | None, weight: float) -> Iterator[Reading]:
    """`X by Y`, `X from Y`; the last such word is the likeliest."""
    for by in reversed(list(_BY.finditer(text))):
        title = text[: by.start()]
        if title and by.end() < len(text):
            yield Reading(title, artist=text[by.end() :], kind=kind, weight=weight)
            if (first := _KIND_FIRST.fullmatch(title)) and kind is None:
                yield Reading(first[2], artist=text[by.end() :], kind=_KINDS[first[1]], weight=weight)
    for of in reversed(list(_FROM.finditer(text))):
        if text[: of.start()] and of.end() < len(text):
            yield Reading(text[: of.start()], source=text[of.end() :], kind=kind, weight=weight - 0.002)


def _versions(reading: Reading) -> Iterator[Reading]:
    """The same without words that ask for a version."""
    if not (words := _VERSION_WORDS.findall(reading.title)):
        return
    title = " ".join(_VERSION_WORDS.sub(" ", reading.title).split())
    title = re.sub(r"^(?:of|the) (?=.)", "", title)
    if title and (version := names.version_of(" ".join(words))):
        yield replace(
            reading,
            title=title,
            version=version,
            version_words=" ".join(words),
            weight=reading.weight - 0.003,
        )
        if not (reading.artist or reading.source or reading.kind):  # an artist's, like "queen live"
            yield replace(
                reading,
                title="",
                artist=title,
                kind=MediaKind.ALBUM,
                version=version,
                version_words=" ".join(words),
                weight=reading.weight - 0.02,
            )


def _years(reading: Reading) -> Iterator[Reading]:
    if found := _YEAR.fullmatch(reading.title):
        title, year = (found[1], found[2]) if found[1] else (found[4], found[3])
        yield replace(reading, title=title, year=int(year))


# -- fit ---------------------------------------------------------------------------------------------

_UNASKED: Final = (
    (Version.KARAOKE, 0.12),
    (Version.COVER, 0.1),
    (Version.INSTRUMENTAL, 0.08),
    (Version.DEMO, 0.07),
    (Version.REMIX, 0.07),
    (Version.LIVE, 0.06),
    (Version.ACOUSTIC, 0.05),
    (Version.COMPILATION, 0.0001),
    (Version.OTHER, 0.001),
)
_UNASKED_BITS: Final = tuple((int(flag), amount) for flag, amount in _UNASKED)
"""Plain numbers, which are compared a hundred times for a phrase."""
_NOT_ASKED_ONE: Final = 0.15
_BY_ARTIST: Final = 0.75
"""Something by the artist who was named."""
_SURNAME: Final = 0.9
_OTHER_FORM: Final = 0.985
_KIND_ORDER: Final = {
    MediaKind.ARTIST: 0.009,
    MediaKind.ALBUM: 0.006,
    MediaKind.PLAYLIST: 0.003,
    MediaKind.TRACK: 0.0,
}
_HARDLY_PLAYED: Final = 0.08
"""Two plays, say."""
_BETTER_KNOWN: Final = 0.1
_LIKING: Final = 0.004


def near(wished: str, there: str) -> float:
    """How alike two plain texts are, 0…1."""
    if wished == there:
        return 1.0
    one, other = loose(wished), loose(there)
    if one == other:
        return 0.995
    if one.replace(" ", "") == other.replace(" ", ""):
        return 0.99
    return min(0.985, fuzz.ratio(one, other) / 100)


def near_any(wished: str, forms: str) -> float:
    """The same for the forms of a name."""
    if "|" not in forms:
        return near(wished, forms) if forms else 0.0
    first, *others = forms.split("|")
    best = near(wished, first)
    return best if best == 1 else max(best, *(_OTHER_FORM * near(wished, one) for one in others))


def fit(reading: Reading, tolerated: Version, candidate: Candidate) -> float:
    """How well a candidate fits a meaning, 0…1; the phrase speaks of `tolerated` versions."""
    if reading.artist or reading.source:
        text = _fit_parts(reading, candidate)
    else:
        text = _fit_whole(reading.title, candidate)
    if candidate.version or reading.version:
        text -= _version_penalty(candidate.version, int(reading.version), int(tolerated))
    if reading.year is not None and candidate.year != reading.year:
        text -= 0.12
    if candidate.kind is MediaKind.PLAYLIST and text < 0.98 and reading.kind is not MediaKind.PLAYLIST:  # noqa: PLR2004
        text -= 0.05
    return max(0.0, min(1.0, text * reading.weight))


def _fit_parts(reading: Reading, candidate: Candidate) -> float:
    performers = candidate.artists.split("|")
    parts = [(0.55, near_any(reading.title, candidate.title))] if reading.title else []
    if reading.artist:
        parts.append((0.45, max(near(reading.artist, one) for one in performers)))
    if reading.source:
        albums = (
            candidate.title if candidate.kind is MediaKind.ALBUM and not reading.title else candidate.album
        )
        parts.append(
            (0.45, max(near_any(reading.source, albums), *(near(reading.source, one) for one in performers)))
        )
    share = sum(share for share, _ in parts)
    text = sum(share * alike for share, alike in parts) / share
    return text if min(alike for _, alike in parts) > 0.5 else text * 0.8  # noqa: PLR2004


def _fit_whole(wished: str, candidate: Candidate) -> float:
    """A name alone, or with who performs it or what it is on, in any order."""
    best = near_any(wished, candidate.title)
    if best == 1:
        return best
    one = loose(wished)
    said = frozenset(one.split())
    album, guests = loose(candidate.album.replace("|", " ")), loose(candidate.extra)
    for form in candidate.title.split("|"):
        title = loose(form)
        best = max(best, 0.97 * _partly(one, said, title))
        if candidate.kind is MediaKind.ARTIST and title.endswith(f" {one}"):
            best = max(best, _SURNAME)
        if candidate.kind in {MediaKind.ARTIST, MediaKind.PLAYLIST}:
            continue
        for performer in candidate.artists.split("|"):
            artist = loose(performer)
            if one == artist:
                best = max(best, _BY_ARTIST)
            best = max(best, 0.99 * _together(one, said, title, artist))
            for more, share in ((album, 0.96), (guests, 0.97)):
                if more:
                    best = max(best, share * _together(one, said, title, f"{artist} {more}"))
        for more in (album, guests):
            best = max(best, 0.97 * _together(one, said, title, more))
    return best


def _together(wished: str, said: frozenset[str], title: str, rest: str) -> float:
    if not title or not rest:
        return 0.0
    both = f"{title} {rest}"
    words = set(title.split())
    covered = 0.0
    if words & said and said <= words | set(rest.split()):
        covered = 0.78 + 0.17 * len(said & words) / len(words)
    elif len(wished) < 0.5 * len(both):
        return 0.0
    alike = max(
        fuzz.ratio(wished, both), fuzz.ratio(wished, f"{rest} {title}"), fuzz.token_sort_ratio(wished, both)
    )
    return max(alike / 100, covered)


def _partly(wished: str, said: frozenset[str], title: str) -> float:
    """A part of a longer name."""
    if len(wished) >= len(title) or len(wished) < 4:  # noqa: PLR2004
        return 0.0
    if said <= set(title.split()):
        return 0.8 + 0.1 * len(wished) / len(title) + (0.05 if title.startswith(wished) else 0)
    return 0.8 * fuzz.partial_ratio(wished, title) / 100


def _version_penalty(there: int, asked: int, tolerated: int) -> float:
    missing = asked & ~there
    unasked = there & ~tolerated & ~asked
    penalty = _NOT_ASKED_ONE if missing else 0.0
    if unasked:
        penalty += max(amount for flag, amount in _UNASKED_BITS if flag & unasked)
    return penalty


def better_known(album: Candidate, track: Candidate) -> bool:
    """Whether a track is meant although an album of somebody else fits as well: that one nobody plays."""
    return (
        album.kind is MediaKind.ALBUM
        and track.kind is MediaKind.TRACK
        and album.artists != track.artists
        and album.liking < _HARDLY_PLAYED
        and track.liking - album.liking > _BETTER_KNOWN
    )


def rank(fitting: float, candidate: Candidate) -> float:
    """What decides the order: fit, then kind, then popularity."""
    return fitting + _KIND_ORDER[candidate.kind] + _LIKING * candidate.liking
