"""Reading the index: entries by their keys, what is in what, how many there are."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final

from sugartalkd.library import schema
from sugartalkd.library.entry import NotSynced
from sugartalkd.model import MediaKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sugartalkd.library.entry import Entry

SELECT: Final = f"SELECT id, {schema.ENTRY_COLUMNS} FROM entry"  # noqa: S608  # our own column names
_TRACK_ORDER: Final = "coalesce(disc, 1), number IS NULL, number, title, id"
_ALBUMS_TRACKS_ORDER: Final = f"year IS NULL, year, album, album_key, {_TRACK_ORDER}"
_ALBUM_ORDER: Final = "year IS NULL, year, title, id"
_TRACKS: Final = schema.id_range(MediaKind.TRACK)
_ALBUMS: Final = schema.id_range(MediaKind.ALBUM)
_ARTISTS: Final = schema.id_range(MediaKind.ARTIST)


def opened(path: Path, *, writing: bool = False) -> sqlite3.Connection:
    """A connection to the index in use; a broken one is removed.

    Raises:
        NotSynced: there is none.
    """
    if not path.exists():
        raise NotSynced(f"no index of the music library at {path.name} yet")
    try:
        connection = sqlite3.connect(path.resolve(), isolation_level=None, check_same_thread=False, timeout=5)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute("SELECT value FROM meta WHERE name = 'sequence'").fetchone()
            if version != schema.VERSION:
                raise sqlite3.DatabaseError(f"tables of version {version}")  # noqa: TRY301  # dropped below
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA cache_size=-1024")
            if not writing:
                connection.execute("PRAGMA query_only=1")
        except BaseException:
            connection.close()
            raise
    except sqlite3.OperationalError as problem:
        if problem.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # it has not our tables
            drop(path)
        raise NotSynced(f"the index of the music library cannot be read: {problem}") from problem
    except sqlite3.DatabaseError as problem:
        drop(path)
        raise NotSynced(f"the index of the music library was broken and is dropped: {problem}") from problem
    return connection


def drop(path: Path) -> None:
    """Remove a broken index."""
    target = path.resolve()
    for suffix in ("", "-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


class Reader:
    """One open index; every method blocks."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, values).fetchall()

    def entries(self, rest: str, values: Sequence[object] = ()) -> tuple[Entry, ...]:
        return tuple(schema.entry_of(row) for row in self.rows(f"{SELECT} {rest}", values))

    def number(self, sql: str, values: Sequence[object] = ()) -> int:
        return int(self.connection.execute(sql, values).fetchone()[0] or 0)

    def entry(self, kind: MediaKind, key: int) -> Entry | None:
        return next((one for one in self.entries("WHERE key = ?", (key,)) if one.kind is kind), None)

    def by_guid(self, guid: str) -> Entry | None:
        """The most popular entry of this guid."""
        found = self.entries(
            "WHERE guid_hash = ? AND guid = ? ORDER BY id LIMIT 1", (schema.number(guid), guid)
        )
        return found[0] if found else None

    def children(self, kind: MediaKind, key: int, limit: int, offset: int) -> tuple[tuple[Entry, ...], int]:
        """The albums of an artist, the tracks of an album; the index does not know what is on a playlist."""
        match kind:
            case MediaKind.ARTIST:
                where, values, order = "artist_key = ? AND id >= ? AND id < ?", (key, *_ALBUMS), _ALBUM_ORDER
            case MediaKind.ALBUM:
                where, values, order = "album_key = ?", (key,), _TRACK_ORDER
            case MediaKind.TRACK | MediaKind.PLAYLIST:
                return (), 0
        total = self.number(f"SELECT count(*) FROM entry WHERE {where}", values)  # noqa: S608
        page = self.entries(f"WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?", (*values, limit, offset))
        return page, total

    def tracks_of(self, kind: MediaKind, key: int) -> tuple[Entry, ...]:
        """In playing order; of an artist also what others' albums have of it, behind its own albums."""
        match kind:
            case MediaKind.ALBUM:
                return self.entries(f"WHERE album_key = ? ORDER BY {_TRACK_ORDER}", (key,))
            case MediaKind.ARTIST:
                return self._tracks_of_artist(key)
            case MediaKind.TRACK:
                return self.entries("WHERE key = ?", (key,))
            case MediaKind.PLAYLIST:
                return ()

    def _tracks_of_artist(self, key: int) -> tuple[Entry, ...]:
        own = self.entries(
            f"WHERE artist_key = ? AND id >= ? AND id < ? ORDER BY {_ALBUMS_TRACKS_ORDER}",
            (key, *_TRACKS),
        )
        names = self.rows("SELECT nt FROM entry WHERE key = ?", (key,))
        if not names:
            return own
        name = str(names[0][0]).split("|")[0]
        words = " AND ".join(f'"{word}"' for word in name.split() if word.replace("_", "").isalnum())
        if not words:
            return own
        guests = self.rows(
            "SELECT entry.id, entry.na FROM names JOIN entry ON entry.id = names.rowid "
            "WHERE names MATCH ? AND names.rowid >= ? AND names.rowid < ? AND artist_key IS NOT ?",
            (f"{{na}} : ({words})", *_TRACKS, key),
        )
        elsewhere = [row for row, performers in guests if name in str(performers).split("|")]
        marks = ",".join("?" * len(elsewhere))
        return own + self.entries(f"WHERE id IN ({marks}) ORDER BY {_ALBUMS_TRACKS_ORDER}", elsewhere)

    def artists(self, limit: int, offset: int) -> tuple[tuple[Entry, ...], int]:
        """By name."""
        page = self.entries(
            f"WHERE id >= {_ARTISTS[0]} AND id < {schema.ARTISTS_END} ORDER BY nt LIMIT ? OFFSET ?",
            (limit, offset),
        )
        return page, self.counts()[MediaKind.ARTIST]

    def counts(self) -> dict[MediaKind, int]:
        return {kind: int(self.meta(f"count_{kind}") or 0) for kind in schema.KINDS}

    def meta(self, name: str) -> str | None:
        row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]
