"""Table: a kind of record in SQLite. One row, found by its id, its parent and its moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, NamedTuple

import apsw

from payseal.core.event import Event
from payseal.core.ids import PREFIX_CHARS, is_id, pack, unpack
from payseal.core.record import R, decode
from payseal.core.store import Change, Delete, Insert, Update
from payseal.storage.row import row_of, version_before
from payseal.storage.unfit import NewerSchema

SCHEMA = 1

# An id is 25 bytes, without the prefix that the table stands for; a parent's is with it. Rows lie
# in the order of their arrival, so that full pages are written once, whoever they belong to. Of
# events that order is the feed's: AUTOINCREMENT never gives a number twice.
_CREATE = """
CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE,
    version INTEGER NOT NULL, parent BLOB, due INTEGER, body BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS t_parent ON t (parent, id) WHERE parent IS NOT NULL;
CREATE INDEX IF NOT EXISTS t_due ON t (due) WHERE due IS NOT NULL;
"""
_BETWEEN = "id BETWEEN ? AND ? AND id <> ?"


class Step(NamedTuple):
    """A statement that changes a row, or where it `looks` gives one; if it does not, it lost."""

    sql: str
    values: tuple[object, ...]
    looks: bool = False


class Table(Generic[R]):
    """The statements of one kind of record, and the way from records to rows and back."""

    def __init__(self, kind: type[R]) -> None:
        self.kind = kind
        assert kind.table.isidentifier(), f"{kind.table} is no name of a table"
        self.create = self._sql(_CREATE if kind is Event else _CREATE.replace(" AUTOINCREMENT", ""))
        self.get = self._sql("SELECT version, body FROM t WHERE id = ?")
        self.due = self._sql(
            "SELECT id, version, body FROM t WHERE due <= ? ORDER BY due, n LIMIT ?"
        )
        self.feed = self._sql("SELECT n, id, version, body FROM t WHERE n > ? ORDER BY n LIMIT ?")
        self._insert = self._sql(
            "INSERT INTO t (id, version, parent, due, body) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO NOTHING"
        )
        self._update = self._sql(
            "UPDATE t SET version = ?, parent = ?, due = ?, body = ? WHERE id = ? AND version = ?"
        )
        self._delete = self._sql("DELETE FROM t WHERE id = ? AND version = ?")
        self._check = self._sql("SELECT 1 FROM t WHERE id = ? AND version = ?")
        self._absent = self._sql("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM t WHERE id = ?)")

    def page(self, *, children: bool, newest_first: bool) -> str:
        """The statement for: [parent,] first and last id, the one to skip, limit."""
        parent = "parent = ? AND " if children else ""
        order = "DESC" if newest_first else "ASC"
        return self._sql(
            f"SELECT id, version, body FROM t WHERE {parent}{_BETWEEN} ORDER BY id {order} LIMIT ?"  # noqa: S608 - words of ours
        )

    def key(self, id: str) -> bytes | None:
        """The id as it is stored, or None if it cannot be one of this kind."""
        return pack(id) if is_id(id, self.kind.prefix) else None

    def record(self, key: bytes, version: int, body: bytes) -> R:
        """The record of a row."""
        return decode(self.kind, unpack(self.kind.prefix, key), version, body)

    def step(self, change: Change) -> Step:
        """The change as a statement."""
        key, before = pack(change.record.id), version_before(change)
        if isinstance(change, Insert | Update):
            row = row_of(change.record)
            kept = (row.version, None if row.of is None else parent_key(row.of), row.due, row.body)
            if isinstance(change, Insert):
                return Step(self._insert, (key, *kept))
            return Step(self._update, (*kept, key, before))
        if isinstance(change, Delete):
            return Step(self._delete, (key, before))
        if before == 0:
            return Step(self._absent, (key,), looks=True)
        return Step(self._check, (key, before), looks=True)

    def _sql(self, text: str) -> str:
        return text.replace(" t ", f" {self.kind.table} ").replace(" t_", f" {self.kind.table}_")


def parent_key(of: str) -> bytes:
    """The id of a parent as it is stored. Its kind is not known, so its prefix stands before it."""
    prefix = of[:PREFIX_CHARS]
    return prefix.encode() + pack(of) if is_id(of, prefix) else b""


def lay(db: apsw.Connection, tables: Iterable[Table[Any]]) -> None:
    """Make the tables that are not there yet; `NewerSchema` for a file that we cannot read."""
    db.transaction_mode = "IMMEDIATE"
    with db:
        schema = db.pragma("user_version")
        if schema > SCHEMA:
            raise NewerSchema(
                f"The database was written by a newer Payseal: its schema is {schema}, and this"
                f" one knows {SCHEMA}. Install that version again, or a newer one."
            )
        for table in tables:
            db.execute(table.create)
        db.pragma("user_version", SCHEMA)
