"""Schema: a store's tables, its commit function and its views, laid and upgraded as one."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence

import asyncpg

from payseal.core.event import Event
from payseal.core.record import Record
from payseal.storage.postgres.connection import connected
from payseal.storage.postgres.function import commit_function
from payseal.storage.postgres.table import Table
from payseal.storage.postgres.views import views
from payseal.storage.row import stored
from payseal.storage.unfit import NewerSchema, Unfit

SCHEMA = 1
MIGRATE_MS = 600_000  # an index of a large table takes its time

# The tables in the order of their numbers, which they keep. A restore into another cluster, where
# transaction ids may be lower, is known by the cluster's name; the next `migrate` raises the epoch.
_LAY = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.schema (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version int NOT NULL, tables text[] NOT NULL, epoch int NOT NULL, cluster text NOT NULL
);
"""
_CLUSTER = "(SELECT system_identifier::text FROM pg_control_system())"
_FACTS = "SELECT version, tables, epoch, cluster, {cluster} AS here FROM {schema}.schema"
_BEGIN = """
INSERT INTO {schema}.schema (version, tables, epoch, cluster) VALUES ($1, '{{}}', 1, {cluster})
ON CONFLICT DO NOTHING
"""
_KEEP = "UPDATE {schema}.schema SET version = $1, tables = $2, epoch = $3, cluster = {cluster}"


class NotMigrated(Unfit):
    """The database is not laid out for this version yet, or was restored: `migrate` sees to it."""


class Schema:
    """The names of one store in a database, so that several may live there side by side.

    Rows lie in the schema `{name}_rows`, which nobody else needs to see; what analysts are shown
    is the schema `{name}`, views only.
    """

    def __init__(self, name: str, kinds: Sequence[type[Record]]) -> None:
        assert re.fullmatch("[a-z][a-z0-9_]{0,40}", name), f"{name} is no name of a store"
        self.name, self.rows = name, f"{name}_rows"
        self.tables: Mapping[type[Record], Table[Record]] = {
            kind: Table(self.rows, kind) for kind in stored(kinds)
        }
        self.key = zlib.crc32(self.rows.encode())  # of the advisory lock

    def sql(self, text: str) -> str:
        """With the names of this store."""
        return text.format(schema=self.rows, cluster=_CLUSTER)

    async def numbers(self, connection: asyncpg.Connection) -> dict[str, int]:
        """The number of each table; `NotMigrated` or `NewerSchema` if this is not our layout."""
        try:
            facts = await connection.fetchrow(self.sql(_FACTS))
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            facts = None
        if facts is None:
            raise NotMigrated(f"The database has no {self.name} yet: run `payseal migrate` first.")
        _check_version(facts["version"])
        tables = facts["tables"]
        if facts["version"] < SCHEMA or not {t.name for t in self.tables.values()} <= {*tables}:
            raise NotMigrated(
                f"The {self.name} of the database were laid out by an older Payseal:"
                " run `payseal migrate` first."
            )
        if facts["cluster"] != facts["here"]:
            raise NotMigrated(
                f"The {self.name} of the database were restored from another server:"
                " run `payseal migrate` first."
            )
        return {table: number for number, table in enumerate(tables)}


async def migrate(url: str, kinds: Sequence[type[Record]], name: str) -> int:
    """Lay or upgrade what the store of that name needs: the version that it has then.

    Again and at once with others it does no harm. Commits wait meanwhile. `NewerSchema` where a
    newer Payseal was before.
    """
    schema = Schema(name, kinds)
    async with connected(url) as connection, connection.transaction():
        await _take(connection, schema)
        await connection.execute(schema.sql(_LAY))
        await connection.execute(schema.sql(_BEGIN), SCHEMA)
        facts = await connection.fetchrow(schema.sql(_FACTS))
        _check_version(facts["version"])
        # Upgrades from facts["version"] to SCHEMA will stand here.
        tables = await _lay_tables(connection, schema, facts["tables"])
        epoch = facts["epoch"] + (facts["cluster"] != facts["here"])
        await connection.execute(schema.sql(_KEEP), SCHEMA, tables, epoch)
    return SCHEMA


async def raise_epoch(url: str, name: str) -> int:
    """After a restore to an earlier moment: what is committed from now on comes behind all else.

    A cursor that was given before may be ahead of the restored feed; it goes on with what is new.
    """
    schema = Schema(name, ())
    async with connected(url) as connection, connection.transaction():
        await _take(connection, schema)
        raised = "UPDATE {schema}.schema SET epoch = epoch + 1 RETURNING epoch"
        epoch: int = await connection.fetchval(schema.sql(raised))
    return epoch


async def _take(connection: asyncpg.Connection, schema: Schema) -> None:
    """Others who migrate wait, and so do commits."""
    for setting in ("lock_timeout", "statement_timeout"):
        await connection.execute(f"SET LOCAL {setting} = {MIGRATE_MS}")
    await connection.execute("SELECT pg_advisory_xact_lock($1)", schema.key)


async def _lay_tables(
    connection: asyncpg.Connection, schema: Schema, before: Sequence[str]
) -> list[str]:
    """The tables that there are then, those from before first."""
    for table in schema.tables.values():
        await connection.execute(table.create)
    tables = list(dict.fromkeys([*before, *(table.name for table in schema.tables.values())]))
    full_names = [f'{schema.rows}."{table}"' for table in tables]
    events = schema.tables[Event].full_name
    await connection.execute(commit_function(schema.rows, schema.key, full_names, events))
    for statement in views(schema.name, schema.rows, tables):
        await connection.execute(statement)
    return tables


def _check_version(version: int) -> None:
    if version > SCHEMA:
        raise NewerSchema(
            f"The database was laid out by a newer Payseal: its schema is {version}, and this one"
            f" knows {SCHEMA}. Install that version again, or a newer one."
        )
