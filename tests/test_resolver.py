"""What people say to a music library, and what they mean; nothing they say may break it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sugartalkd import names, resolver, spoken
from sugartalkd.command import Wished
from sugartalkd.library import Builder, Finder, Reader
from sugartalkd.library.reading import opened
from sugartalkd.model import MediaKind
from sugartalkd.names import Version
from tests import music

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finder]:
    path = tmp_path_factory.mktemp("library") / "library.db"
    with Builder(path) as builder:
        builder.add(music.entries())
        builder.finish()
    connection = opened(path)
    yield Finder(Reader(connection))
    connection.close()


def test_every_phrase_finds_first_what_it_means(finder: Finder) -> None:
    wrong: list[str] = []
    for phrase, kind, title, *rest in music.phrases():
        items = finder.find(Wished(phrase)).items
        found = items[0].entry if items else None
        wanted = (kind, title, *rest)
        had = None if found is None else (found.kind.value, found.title, found.artist, found.album)
        if had is None or had[: len(wanted)] != wanted:
            wrong.append(f"{phrase!r}: {wanted} is meant, {had} is found")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "phrase",
    ["xyzzy plugh", "qwertzuiop", "the of and", "", "   ", "!", '"', "🎵", "(((", "a" * 5000, "by", "NEAR/3"],
)
def test_nonsense_finds_nothing_or_something_and_never_breaks(finder: Finder, phrase: str) -> None:
    found = finder.find(Wished(phrase))
    assert all(0 <= one.score <= 1 for one in found.items)


def test_what_is_in_no_way_there_is_not_guessed(finder: Finder) -> None:
    for phrase in ("xyzzy plugh", "qwertzuiop", "wake me up", "fix you coldplay", "tnt"):
        assert finder.find(Wished(phrase)).items == ()


def test_alternatives_come_with_scores_in_order(finder: Finder) -> None:
    found = finder.find(Wished("bohemian rhapsody"))
    titles = [one.entry.title for one in found.items]
    assert titles[0] == "Bohemian Rhapsody"
    assert "Bohemian Rhapsody (Live)" in titles
    assert "Bohemian Rhapsody (Karaoke Version)" in titles
    assert found.items[0].score == 1
    assert not found.ambiguous
    scores = {one.entry.title: one.score for one in reversed(found.items)}
    assert scores["Bohemian Rhapsody (Live)"] > scores["Bohemian Rhapsody (Karaoke Version)"]


def test_two_that_fit_alike_are_ambiguous(finder: Finder) -> None:
    assert finder.find(Wished("hallelujah")).ambiguous
    assert finder.find(Wished("hurt")).ambiguous
    assert not finder.find(Wished("hallelujah by jeff buckley")).ambiguous
    assert not finder.find(Wished("thriller michael jackson")).ambiguous  # album or song, but it is his


def test_filters_narrow_a_phrase_or_stand_alone(finder: Finder) -> None:
    def first(wished: Wished) -> tuple[str, str | None]:
        entry = finder.find(wished).items[0].entry
        return entry.title, entry.artist

    assert first(Wished("hello", artist="Lionel Richie")) == ("Hello", "Lionel Richie")
    assert first(Wished("hello", artist="lionel richi")) == ("Hello", "Lionel Richie")
    assert first(Wished("sunday morning", kind=MediaKind.TRACK, artist="Maroon 5"))[1] == "Maroon 5"
    assert first(Wished("blue", kind=MediaKind.ALBUM)) == ("Blue", "Joni Mitchell")
    assert first(Wished("come as you are", album="Nevermind"))[1] == "Nirvana"
    assert first(Wished(None, artist="Björk")) == ("Björk", None)
    assert first(Wished(None, album="Abbey Road", artist="the beatles"))[0] == "Abbey Road (Remastered)"
    assert first(Wished(None, kind=MediaKind.ALBUM, year=1973))[0] == "The Dark Side of the Moon"
    assert first(Wished(None, kind=MediaKind.ARTIST, artist="queen")) == ("Queen", None)
    jazz = finder.find(Wished(None, kind=MediaKind.TRACK, genre="jazz")).items
    assert {one.entry.artist for one in jazz} == {"Miles Davis"}
    rated = finder.search(Wished(None, kind=MediaKind.TRACK, rating=8.0), 500, 0)
    assert rated.items
    assert all((one.entry.rating or 0) >= 8 for one in rated.items)
    assert finder.find(Wished("hello", year=1983)).items[0].entry.artist == "Lionel Richie"
    assert finder.find(Wished("hello", genre="jazz")).items == ()


def test_a_track_of_an_album_that_is_named_is_on_it(finder: Finder) -> None:
    found = finder.find(Wished(None, kind=MediaKind.TRACK, album="abbey road")).items
    assert {one.entry.album for one in found} == {"Abbey Road (Remastered)"}


SAID = (
    "play",
    "the",
    "by",
    "from",
    "album",
    "live",
    "of",
    "2",
    "two",
    "u",
    "&",
    "(",
    "'",
    '"',
    "beatles",
    "help",
)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60) | st.lists(st.sampled_from(SAID)).map(" ".join))
def test_any_phrase_is_answered_and_always_alike(finder: Finder, phrase: str) -> None:
    once, again = finder.find(Wished(phrase)), finder.find(Wished(phrase))
    assert once == again
    assert all(0 <= one.score <= 1 for one in once.items)
    page = finder.search(Wished(phrase), 5, 0)
    assert len(page.items) <= 5
    assert page.total >= len(page.items)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_plain_names_stay_as_they_are(text: str) -> None:
    plain = names.plain(text)
    assert names.plain(plain) == plain
    assert all(names.name(text).forms) or not text.strip()
    assert spoken.loose(spoken.loose(plain)) == spoken.loose(plain)


def test_names_are_taken_apart() -> None:
    assert names.name("Hey Jude (Live at Wembley) [Remastered 2009]").forms == ("hey jude",)
    assert names.name("Hey Jude (Live at Wembley)").version is Version.LIVE
    assert names.name("Stan (feat. Dido)").extra == "dido"
    assert names.name("Crazy in Love feat. Jay-Z").forms == ("crazy in love",)
    assert names.name("Yesterday - Remastered 2009").version is Version.OTHER
    assert "motoerhead" in names.name("Motörhead").forms
    assert "kino" in names.name("Кино").forms
    assert names.performers("Simon & Garfunkel").forms == ("simon and garfunkel", "simon", "garfunkel")
    assert names.plain("P!nk") == "pink"
    assert names.plain("R.E.M.") == "rem"


def test_numbers_are_heard_in_words_and_figures() -> None:
    assert spoken.loose("nineteen eighty four") == "1984"
    assert spoken.loose("ninety nine luftballons") == "99 luftballons"
    assert spoken.loose("nothing compares to you") == spoken.loose("nothing compares 2 u")
    assert ("twenty", "one") in spoken.figures_said("21")
    assert ("nineteen", "eighty", "four") in spoken.figures_said("1984")


def test_a_phrase_is_first_taken_as_a_name() -> None:
    for phrase in ("play", "the album", "by the way", "live and let die"):
        assert next(iter(resolver.readings(phrase))).title == phrase
    kinds = {reading.kind for reading in resolver.readings("the playlist morning coffee")}
    assert MediaKind.PLAYLIST in kinds
