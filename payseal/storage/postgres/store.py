"""PostgresStore: the port on PostgreSQL, with asyncpg."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import asyncpg

from payseal.core.event import Event
from payseal.core.ids import Partition
from payseal.core.record import R, Record, decode
from payseal.core.store import (
    PAGE_MAX,
    Batch,
    Busy,
    Change,
    Insert,
    Lane,
    Page,
    Stale,
    StoreError,
    Taken,
)
from payseal.storage.postgres.committer import Committer
from payseal.storage.postgres.connection import (
    Connections,
    Failure,
    Unreachable,
    connected,
    is_passing,
)
from payseal.storage.postgres.group import step_of
from payseal.storage.postgres.schema import Schema
from payseal.storage.postgres.table import Table
from payseal.storage.postgres.writer import WRITERS, Writer
from payseal.storage.row import assert_few, assert_limit, assert_sound, milliseconds, span

READERS = 4
READ_S = 5.0  # a read is tried on one connection after the other for so long
_PAUSE_S = 0.05
_LANE = Lane("postgres")
_COMMIT = "SELECT * FROM {schema}.commit($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)"


class PostgresStore:
    """A few connections that read, and a few that commit groups of callers.

    Several processes, and several stores by their `name`, may share a database, which `migrate`
    has laid out. `entropy(n)` gives n random bytes: they tell our commits from those of others.
    """

    def __init__(
        self, url: str, kinds: Sequence[type[Record]], *, name: str, entropy: Callable[[int], bytes]
    ) -> None:
        self._url, self._entropy = url, entropy
        self._schema = Schema(name, kinds)
        self._tables: dict[type[Record], Table[Any]] = dict(self._schema.tables)
        self._open = False

    async def open(self) -> Self:
        """Connect; `NotMigrated`, `NewerSchema` or `NotDurable` where it may not be used."""
        assert not self._open, "the store is open already"
        async with connected(self._url) as connection:
            numbers = await self._schema.numbers(connection)
        self._numbers = {kind: numbers[table.name] for kind, table in self._tables.items()}
        tables = {self._numbers[kind]: table for kind, table in self._tables.items()}
        committer = Committer(Connections(self._url, WRITERS), self._schema.sql(_COMMIT), tables)
        self._writer = Writer(committer)
        self._reading = Connections(self._url, READERS)
        self._open = True
        return self

    async def close(self) -> None:
        """Finish what is queued, and let the connections go."""
        if not self._open:
            return
        self._open = False
        await self._writer.stop()
        await self._reading.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def get(self, kind: type[R], id: str) -> R | None:
        """As last committed: there is one server, and it has what was acknowledged."""
        table: Table[R] = self._tables[kind]
        rows = await self._rows(table.get, id) if table.is_id(id) else []
        return decode(kind, id, *rows[0]) if rows else None

    async def get_many(self, kind: type[R], ids: Sequence[str]) -> list[R | None]:
        """As `get`, in the order of the ids."""
        assert_few(ids)
        table: Table[R] = self._tables[kind]
        wanted = [id for id in ids if table.is_id(id)]
        rows = {row["id"]: row for row in await self._rows(table.get_many, wanted)}
        return [table.record(rows[id]) if id in rows else None for id in ids]

    async def page(
        self,
        kind: type[R],
        partition: Partition,
        *,
        of: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        after: str | None = None,
        limit: int = PAGE_MAX,
        newest_first: bool = False,
    ) -> Page[R]:
        """By id, so by time."""
        assert_limit(limit)
        table: Table[R] = self._tables[kind]
        bounds = span(kind, partition, start, end, after, newest_first)
        parent = () if of is None else (of,)
        sql = table.page(children=of is not None, newest_first=newest_first)
        # One more than asked for tells whether there is more.
        rows = await self._rows(sql, *bounds, limit + 1, *parent)
        records = [table.record(row) for row in rows[:limit]]
        return Page(records, records[-1].id if len(rows) > limit else None)

    async def due(self, kind: type[R], *, before: datetime, limit: int = PAGE_MAX) -> list[R]:
        """Those whose moment has come, the longest waiting first."""
        assert_limit(limit)
        table: Table[R] = self._tables[kind]
        return [
            table.record(row) for row in await self._rows(table.due, milliseconds(before), limit)
        ]

    async def commit(self, *changes: Change) -> None:
        """All or nothing, and on the server's disk."""
        assert_sound(changes)
        assert self._open, "the store is not open"
        steps = [
            step_of(self._numbers[type(change.record)], place, change)
            for place, change in enumerate(changes)
        ]
        stamp = int.from_bytes(self._entropy(8), "big", signed=True)
        lost = await self._writer.write(steps, stamp)
        if lost is not None:
            change = changes[lost.place]
            is_taken = isinstance(change, Insert) and not lost.was_waited_for
            raise Taken(change) if is_taken else Stale(change)

    async def lanes(self) -> list[Lane]:
        """One."""
        return [_LANE]

    async def feed(self, lane: Lane, cursor: str, limit: int = PAGE_MAX) -> Batch:
        """The events behind the cursor, up to the oldest transaction that is under way."""
        assert_limit(limit)
        assert lane == _LANE, f"{lane.id} is no lane of this store"
        table: Table[Event] = self._tables[Event]
        epoch, xid, seq = (cursor or "0.0.0").split(".")
        rows = await self._rows(table.feed, int(epoch), xid, int(seq), limit)
        if not rows:
            return Batch([], cursor)
        last = rows[-1]
        return Batch(
            [table.record(row) for row in rows], f"{last['epoch']}.{last['xid']}.{last['seq']}"
        )

    async def _rows(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """Read; a read whose connection is lost is done again on another one."""
        assert self._open, "the store is not open"
        loop = asyncio.get_running_loop()
        until = loop.time() + READ_S
        while True:
            try:
                async with self._reading.lent(until) as connection:
                    rows: list[asyncpg.Record] = await connection.fetch(sql, *values)
                    return rows
            except Unreachable as error:
                raise Busy("The database does not answer.", retryAfter=1) from error
            except Failure as error:
                if not is_passing(error):
                    raise StoreError(f"Reading failed: {type(error).__name__}: {error}") from error
                if loop.time() > until:
                    raise Busy("The database does not answer.", retryAfter=1) from error
            await asyncio.sleep(_PAUSE_S)
