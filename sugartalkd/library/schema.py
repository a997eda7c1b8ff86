"""The index file: its tables, how an entry becomes a row and back, and how row ids tell kind and popularity.

Row ids descend in popularity within a kind, so that a search that is not sorted finds the popular first.
The file at the given path is a link to the one that holds the data: what SQLite keeps beside a database
goes by the name of the file, so a new database must not take over the name of one that is still open.
"""

from __future__ import annotations

import math
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sugartalkd import names
from sugartalkd.library.entry import Entry
from sugartalkd.model import MediaKind
from sugartalkd.names import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VERSION: Final = 1
"""Of these tables; a file with another is dropped, and a sync makes a new one."""
KINDS: Final = (MediaKind.PLAYLIST, MediaKind.ARTIST, MediaKind.ALBUM, MediaKind.TRACK)
_NUMBERS: Final = {kind: number for number, kind in enumerate(KINDS)}
_KIND_BITS: Final = 56
_POPULARITY_BITS: Final = 48
ENTRY_COLUMNS: Final = (
    "key, guid, title, artist, album_artist, album, artist_key, album_key, year, duration_ms, disc, number, "
    "plays, popularity, rating, genres, thumb, added_at, updated_at, leaf_count"
)
NAME_COLUMNS: Final = "nt, na, nb, nx, ng"
"""Plain texts of title, artists, album, extra words and genres; other forms of one stand behind a `|`."""
_COLUMNS: Final = f"id, {ENTRY_COLUMNS}, {NAME_COLUMNS}, version, guid_hash"
_WIDTH: Final = _COLUMNS.count(",") + 1

TABLES: Final = f"""
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE entry(id INTEGER PRIMARY KEY, {ENTRY_COLUMNS}, {NAME_COLUMNS}, version, guid_hash);
CREATE TABLE exact(hash INTEGER, id INTEGER, PRIMARY KEY(hash, id)) WITHOUT ROWID;
CREATE TABLE token(text TEXT PRIMARY KEY, documents INTEGER) WITHOUT ROWID;
CREATE TABLE bucket(name TEXT PRIMARY KEY, tokens TEXT) WITHOUT ROWID;
CREATE VIRTUAL TABLE names USING fts5({NAME_COLUMNS}, content='entry', content_rowid='id',
  tokenize='ascii', detail=column, columnsize=0);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(names, row);
"""  # our own column names
ARTISTS_END: Final = 2 << _KIND_BITS
DOUBLES: Final = """
DELETE FROM entry WHERE id IN (
  SELECT one.id FROM (SELECT key, min(id) AS kept FROM entry GROUP BY key HAVING count(*) > 1) AS several
  JOIN entry AS one ON one.key = several.key WHERE one.id > several.kept)
"""
"""Pages that moved while they were read repeat entries."""
INDEXES: Final = (
    "CREATE INDEX by_key ON entry(key)",
    "CREATE INDEX by_guid ON entry(guid_hash) WHERE guid_hash IS NOT NULL",
    "CREATE INDEX by_album ON entry(album_key) WHERE album_key IS NOT NULL",
    "CREATE INDEX by_artist ON entry(artist_key) WHERE artist_key IS NOT NULL",
    "CREATE INDEX by_year ON entry(year) WHERE year IS NOT NULL",
    "CREATE INDEX by_rating ON entry(rating) WHERE rating IS NOT NULL",
    f"CREATE INDEX by_name ON entry(nt) WHERE id < {ARTISTS_END}",
)
INSERT: Final = f"INSERT OR IGNORE INTO entry({_COLUMNS}) VALUES({','.join('?' * _WIDTH)})"
STAGE: Final = "CREATE TABLE staged(hash, id)"
INSERT_STAGED: Final = "INSERT INTO staged VALUES(?,?)"
UNSTAGE: Final = (
    "INSERT INTO exact SELECT DISTINCT hash, id FROM staged ORDER BY hash, id",
    "DROP TABLE staged",
)
INSERT_EXACT: Final = "INSERT OR IGNORE INTO exact VALUES(?,?)"


def id_range(kind: MediaKind) -> tuple[int, int]:
    """First row id of a kind, and the one behind its last."""
    number = KINDS.index(kind)
    return number << _KIND_BITS, (number + 1) << _KIND_BITS


def row_id(entry: Entry, sequence: int) -> int:
    """Small for the popular; `sequence` makes it unique."""
    liked = 10 * math.log2(1 + entry.plays) + 4 * math.log2(1 + entry.popularity) + 2 * (entry.rating or 0)
    rank = 255 - min(255, int(liked))
    return _NUMBERS[entry.kind] << _KIND_BITS | rank << _POPULARITY_BITS | sequence


def kind_of(row: int) -> MediaKind:
    return KINDS[row >> _KIND_BITS]


def liking_of(row: int) -> float:
    """How popular a row is, 0…1."""
    return 1 - ((row >> _POPULARITY_BITS) & 255) / 255


def number(text: str) -> int:
    """A short stand-in for a text, equal for equal ones and seldom for others."""
    return zlib.crc32(text.encode(errors="replace"))


@lru_cache(maxsize=20_000)
def _performers(text: str) -> tuple[str, int]:
    found = names.performers(text)
    version = found.version | names.album_version(found.forms[0])
    return "|".join(found.forms), int(version & (Version.KARAOKE | Version.COVER))


@lru_cache(maxsize=20_000)
def _album(text: str) -> tuple[str, int]:
    found = names.name(text)
    version = found.version & ~Version.OTHER | names.album_version(found.forms[0])
    return "|".join((*found.forms, found.extra) if found.extra else found.forms), int(version)


def row_of(entry: Entry, sequence: int) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """The row of an entry, and the numbers by which its exact name is found."""
    row = row_id(entry, sequence)
    title = names.name(entry.title)
    version, extra, forms = int(title.version), title.extra, title.forms
    artists = albums = ""
    if entry.kind is MediaKind.ARTIST:
        if short := names.initials(forms[0]):
            forms = (*forms, short)
        _, more = _performers(entry.title)
        version |= more
    elif entry.artist:
        artists, more = _performers(entry.artist)
        version |= more
    if entry.album_artist and entry.album_artist != entry.artist:
        owners, more = _performers(entry.album_artist)
        artists = f"{artists}|{owners}" if artists else owners
        version |= more
        if owners == "various artists":
            version |= int(Version.COMPILATION)
    if entry.album:
        albums, more = _album(entry.album)
        version |= more
    elif entry.kind is MediaKind.ALBUM:
        version |= int(names.album_version(forms[0]))
    guid_hash = None if entry.guid is None else number(entry.guid)
    values = (
        row, entry.key, entry.guid, entry.title, entry.artist, entry.album_artist, entry.album,
        entry.artist_key, entry.album_key, entry.year, entry.duration_ms, entry.disc, entry.index,
        entry.plays, entry.popularity, entry.rating, "\x1f".join(entry.genres) or None, entry.thumb,
        entry.added_at, entry.updated_at, entry.leaf_count,
        "|".join(forms), artists, albums, extra, names.plain(" ".join(entry.genres)) if entry.genres else "",
        version, guid_hash,
    )  # fmt: skip
    return values, exact_of(forms)


def exact_of(forms: Sequence[str]) -> tuple[int, ...]:
    """The numbers by which a name with these forms is found."""
    if len(forms) == 1:
        return (number(names.tight(forms[0])),)
    return tuple({number(names.tight(form)) for form in forms})


def entry_of(row: tuple[Any, ...]) -> Entry:
    """An entry from its `id` and `ENTRY_COLUMNS`."""
    values = list(row)
    values[0] = kind_of(row[0])
    genres = row[16]
    values[16] = tuple(genres.split("\x1f")) if isinstance(genres, str) else ()
    return Entry(*values)


def tokens_of(texts: Iterable[object]) -> set[str]:
    """The words of plain texts."""
    return {word for text in texts if isinstance(text, str) for word in text.replace("|", " ").split()}
