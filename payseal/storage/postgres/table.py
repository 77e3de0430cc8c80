"""Table: a kind of record in PostgreSQL, its columns, its indexes and the statements that read."""

from __future__ import annotations

from typing import Generic

from asyncpg import Record as Row

from payseal.core.event import Event
from payseal.core.ids import is_id
from payseal.core.record import R, decode

# Ids are text in the order of their bytes: an analyst can read and join them. Each row says which
# commit wrote it last: `stamp`. Of events the feed's order is that of transactions, and within one
# that of its commits: a sequence would show numbers before those that are lower.
_CREATE = """
CREATE TABLE IF NOT EXISTS {table} (
    due bigint, stamp bigint NOT NULL, version int NOT NULL,
    id text COLLATE "C" PRIMARY KEY, parent text COLLATE "C", body jsonb NOT NULL
);
CREATE INDEX IF NOT EXISTS {name}_parent ON {table} (parent, id) WHERE parent IS NOT NULL;
CREATE INDEX IF NOT EXISTS {name}_due ON {table} (due) WHERE due IS NOT NULL;
"""
_CREATE_FEED = """
ALTER TABLE {table} ADD COLUMN IF NOT EXISTS epoch int NOT NULL,
    ADD COLUMN IF NOT EXISTS xid xid8 NOT NULL, ADD COLUMN IF NOT EXISTS seq int NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS {name}_feed ON {table} (epoch, xid, seq);
"""
# Whatever may still be committed before what is there already has a transaction id from the
# snapshot's xmin on, so nothing from there on is told yet. After a restore ids start low again:
# all of an older epoch comes before.
_FEED = """
SELECT epoch, xid::text, seq, id, version, body FROM {table} AS e
WHERE (epoch, xid, seq) > ($1::int, $2::text::xid8, $3::int)
    AND (epoch, xid) < ((SELECT epoch FROM {schema}.schema),
                        pg_snapshot_xmin(pg_current_snapshot()))
ORDER BY e.epoch, e.xid, e.seq LIMIT $4
"""


class Table(Generic[R]):
    """The statements of one kind of record, and the way from rows to records."""

    def __init__(self, schema: str, kind: type[R]) -> None:
        self.kind, self.name, self._schema = kind, kind.table, schema
        assert kind.table.isidentifier(), f"{kind.table} is no name of a table"
        self.full_name = f'{schema}."{kind.table}"'
        create = _CREATE + _CREATE_FEED if kind is Event else _CREATE
        self.create = self._sql(create)
        self.get = self._sql("SELECT version, body FROM {table} WHERE id = $1")
        self.get_many = self._sql("SELECT id, version, body FROM {table} WHERE id = ANY($1)")
        self.due = self._sql(
            "SELECT id, version, body FROM {table} WHERE due <= $1 ORDER BY due LIMIT $2"
        )
        self.feed = self._sql(_FEED)
        self.stamp = self._sql("SELECT version, stamp FROM {table} WHERE id = $1")
        self._pages = {
            (children, newest_first): self._page(children, newest_first)
            for children in (False, True)
            for newest_first in (False, True)
        }

    def page(self, *, children: bool, newest_first: bool) -> str:
        """The statement for: first and last id, the one to skip, limit[, parent]."""
        return self._pages[children, newest_first]

    def is_id(self, id: str) -> bool:
        """Whether it can be one of this kind; who asks for another finds nothing."""
        return is_id(id, self.kind.prefix)

    def record(self, row: Row) -> R:
        """The record of a row of a list."""
        return decode(self.kind, row["id"], row["version"], row["body"])

    def _page(self, children: bool, newest_first: bool) -> str:
        parent = "parent = $5 AND " if children else ""
        order = "DESC" if newest_first else "ASC"
        return self._sql(
            f"SELECT id, version, body FROM {{table}} WHERE {parent}id BETWEEN $1 AND $2"  # noqa: S608 - words of ours
            f" AND id <> $3 ORDER BY id {order} LIMIT $4"
        )

    def _sql(self, text: str) -> str:
        return text.format(table=self.full_name, name=self.name, schema=self._schema)
