"""Writing the index: a new one from a full sync, and changes to the one in use."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, Any, Final, Self

from sugartalkd.library import schema, vocabulary
from sugartalkd.library.reading import opened

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sugartalkd.library.entry import Entry


_IN_MEMORY: Final = 32 << 20
"""Bytes of the words' index that are gathered before they are written."""
_SORTED: Final = 20_000
"""Rows that are gathered to be written in order."""


class Builder:
    """A new index beside the one in use, which it replaces when finished; left unfinished, it vanishes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._target = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(self._target, isolation_level=None)
        self._connection.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536;" + schema.TABLES
        )
        self._connection.execute("BEGIN")
        self._connection.execute(schema.STAGE)
        self._sequence = 0
        self._rows: list[tuple[Any, ...]] = []
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        if not self._finished:
            _remove(self._target)

    def add(self, entries: Iterable[Entry]) -> None:
        """Take entries, in any order; of two with one key the more popular counts."""
        exact: list[tuple[int, int]] = []
        for entry in entries:
            self._sequence += 1
            row, numbers = schema.row_of(entry, self._sequence)
            self._rows.append(row)
            exact += [(number, row[0]) for number in numbers]
        self._connection.executemany(schema.INSERT_STAGED, exact)
        if len(self._rows) >= _SORTED:
            self._flush()

    def _flush(self) -> None:
        self._rows.sort(key=_first)  # neighbours go where neighbours are
        self._connection.executemany(schema.INSERT, self._rows)
        self._rows.clear()

    def meta(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES(?,?)", (name, value))

    def finish(self) -> None:
        """Make it searchable and put it in place of the present one."""
        run = self._connection.execute
        self._flush()
        for statement in schema.UNSTAGE:
            run(statement)
        for index in schema.INDEXES:
            run(index)
        run(schema.DOUBLES)
        run(
            f"INSERT INTO names(names, rank) VALUES('hashsize', {_IN_MEMORY})"
        )  # fewer pieces, quicker to search
        run("INSERT INTO names(names) VALUES('rebuild')")
        run("INSERT INTO names(names) VALUES('optimize')")
        run("INSERT INTO names(names, rank) VALUES('hashsize', 1048576)")
        words = run("SELECT term, doc FROM vocabulary").fetchall()
        self._connection.executemany("INSERT INTO token VALUES(?,?)", words)
        words.sort(key=_documents, reverse=True)
        self._connection.executemany(
            "INSERT INTO bucket VALUES(?,?)", vocabulary.buckets(word for word, _ in words)
        )
        for kind in schema.KINDS:
            first, end = schema.id_range(kind)
            (count,) = run(
                "SELECT count(*) FROM entry INDEXED BY by_key WHERE id >= ? AND id < ?", (first, end)
            ).fetchone()
            self.meta(f"count_{kind}", str(count))
        self.meta("sequence", str(self._sequence))
        run(f"PRAGMA user_version={schema.VERSION}")
        run("COMMIT")
        run("PRAGMA journal_mode=WAL")
        self._connection.close()
        _sync(self._target)
        _link(self._path, self._target.name)
        self._finished = True
        for old in self._path.parent.glob(f"{self._path.name}.*"):
            if not old.name.startswith(self._target.name):
                _remove(old)


def _first(row: tuple[Any, ...]) -> int:
    return row[0]


def _documents(word: tuple[str, int]) -> int:
    return word[1]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link(path: Path, target: str) -> None:
    beside = path.with_name(f"{path.name}.link")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    beside.replace(path)
    _sync(path.parent)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


class Changes:
    """Changes to the index in use, which stays readable meanwhile; each call is whole or not at all."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            NotSynced: there is none.
        """
        self._connection = opened(path, writing=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def put(self, entries: Iterable[Entry]) -> None:
        """Add entries, or replace those with their keys."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            (text,) = self._connection.execute("SELECT value FROM meta WHERE name = 'sequence'").fetchone()
            sequence = int(text)
            for entry in entries:
                sequence += 1
                self._drop(entry.key)
                row, exact = schema.row_of(entry, sequence)
                self._connection.execute(schema.INSERT, row)
                self._connection.executemany(schema.INSERT_EXACT, [(one, row[0]) for one in exact])
                texts = row[-7:-2]
                self._connection.execute(
                    f"INSERT INTO names(rowid, {schema.NAME_COLUMNS}) VALUES(?,?,?,?,?,?)",
                    (row[0], *texts),
                )
                vocabulary.add(self._connection, schema.tokens_of(texts))
                self._count(f"count_{entry.kind}", 1)
            self._count("sequence", sequence - int(text))

    def remove(self, keys: Iterable[int]) -> None:
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for key in keys:
                self._drop(key)

    def keys(self) -> set[int]:
        """Of everything in it."""
        return {key for (key,) in self._connection.execute("SELECT key FROM entry INDEXED BY by_key")}

    def meta(self, name: str, value: str) -> None:
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES(?,?)", (name, value))

    def _drop(self, key: int) -> None:
        row = self._connection.execute(
            f"SELECT id, {schema.NAME_COLUMNS} FROM entry WHERE key = ?",  # noqa: S608
            (key,),
        ).fetchone()
        if row is None:
            return
        self._connection.execute(
            f"INSERT INTO names(names, rowid, {schema.NAME_COLUMNS}) VALUES('delete',?,?,?,?,?,?)",
            row,
        )
        forms = str(row[1]).split("|")
        self._connection.executemany(
            "DELETE FROM exact WHERE hash = ? AND id = ?", [(one, row[0]) for one in schema.exact_of(forms)]
        )
        self._connection.execute("DELETE FROM entry WHERE id = ?", (row[0],))
        self._count(f"count_{schema.kind_of(row[0])}", -1)

    def _count(self, name: str, change: int) -> None:
        self._connection.execute(
            "UPDATE meta SET value = CAST(CAST(value AS INTEGER) + ? AS TEXT) WHERE name = ?", (change, name)
        )
