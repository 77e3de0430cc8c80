"""SqliteStore: the port on one file, with apsw."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import apsw
import apsw.bestpractice

from payseal.core.event import Event
from payseal.core.ids import Partition
from payseal.core.record import R, Record, decode
from payseal.core.store import (
    PAGE_MAX,
    Batch,
    Change,
    Insert,
    Lane,
    Page,
    Stale,
    Taken,
)
from payseal.storage.lock import FileLock
from payseal.storage.row import (
    assert_few,
    assert_limit,
    assert_sound,
    milliseconds,
    span,
    stored,
)
from payseal.storage.table import Table, lay, parent_key
from payseal.storage.writer import BUSY_MS, Writer

ON_LOOP_MAX = 25  # records that are read without a thread: it takes less than the thread would
WAL_BYTES_MAX = 64 * 1024 * 1024  # it is cut back to this once it is all in the database

EVENTS_KEPT = 4096  # as they were read: several read the feed, one soon after the other

T = TypeVar("T")
_LANE = Lane("sqlite")


class SqliteStore:
    """A connection that writes, one that a thread reads with, and one that the loop reads with.

    `exclusive` is for the process that serves and works: `InUse` if there is one already. Commands
    open the file without it and commit beside it. With `forgets` nothing of what was deleted is in
    the file, nor in one beside it. `vfs` names the file system of SQLite to use.
    """

    def __init__(
        self,
        path: Path | str,
        kinds: Sequence[type[Record]],
        *,
        exclusive: bool = False,
        forgets: bool = False,
        vfs: str | None = None,
    ) -> None:
        self._path, self._vfs, self._forgets = Path(path), vfs, forgets
        self._tables: dict[type[Record], Table[Any]] = {kind: Table(kind) for kind in stored(kinds)}
        self._event = lru_cache(EVENTS_KEPT)(Table(Event).record)
        self._lock = FileLock(self._path) if exclusive else None
        self._open = False

    async def open(self) -> Self:
        """Take the lock, and make the tables that are not there yet."""
        assert not self._open, "the store is open already"
        if self._lock is not None:
            self._lock.take()
        try:
            self._writing = await asyncio.to_thread(self._connect)
            self._on_loop = await asyncio.to_thread(self._connect, reader=True)
            self._reading = await asyncio.to_thread(self._connect, reader=True)
        except BaseException:
            if self._lock is not None:
                self._lock.free()
            raise
        self._writer = Writer(self._writing)
        self._reader = ThreadPoolExecutor(1, "payseal-reader")
        self._open = True
        return self

    async def close(self) -> None:
        """Finish what is queued, and let the file go."""
        if not self._open:
            return
        self._open = False
        await self._writer.stop()
        await asyncio.to_thread(self._reader.shutdown)
        for db in (self._on_loop, self._reading, self._writing):
            await asyncio.to_thread(db.close)
        if self._lock is not None:
            self._lock.free()

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
        """As last committed: the connection on the loop sees what was acknowledged."""
        assert self._open, "the store is not open"
        return _get(self._on_loop, self._tables[kind], id)

    async def get_many(self, kind: type[R], ids: Sequence[str]) -> list[R | None]:
        """As `get`, in the order of the ids."""
        assert_few(ids)
        assert self._open, "the store is not open"
        table = self._tables[kind]
        if len(ids) <= ON_LOOP_MAX:
            return [_get(self._on_loop, table, id) for id in ids]
        return await self._read(lambda db: [_get(db, table, id) for id in ids])

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
        parent = () if of is None else (parent_key(of),)
        keys = (table.key(bounds.first), table.key(bounds.last), table.key(bounds.skip) or b"")
        sql = table.page(children=of is not None, newest_first=newest_first)
        # One more than asked for tells whether there is more.
        rows = await self._rows(sql, *parent, *keys, limit + 1)
        records = [table.record(*row) for row in rows]
        return Page(records[:limit], records[limit - 1].id if len(records) > limit else None)

    async def due(self, kind: type[R], *, before: datetime, limit: int = PAGE_MAX) -> list[R]:
        """Those whose moment has come, the longest waiting first."""
        assert_limit(limit)
        table: Table[R] = self._tables[kind]
        rows = await self._rows(table.due, milliseconds(before), limit)
        return [table.record(*row) for row in rows]

    async def commit(self, *changes: Change) -> None:
        """All or nothing, and on the disk."""
        assert_sound(changes)
        assert self._open, "the store is not open"
        steps = [self._tables[type(change.record)].step(change) for change in changes]
        lost = await self._writer.write(steps)
        if lost is not None:
            change = changes[lost]
            raise Taken(change) if isinstance(change, Insert) else Stale(change)

    async def lanes(self) -> list[Lane]:
        """One."""
        return [_LANE]

    async def feed(self, lane: Lane, cursor: str, limit: int = PAGE_MAX) -> Batch:
        """The events behind the cursor, whichever process committed them."""
        assert_limit(limit)
        assert lane == _LANE, f"{lane.id} is no lane of this store"
        table: Table[Event] = self._tables[Event]
        rows = await self._rows(table.feed, int(cursor or 0), limit)
        events = [self._event(*row) for _, *row in rows]
        return Batch(events, str(rows[-1][0]) if rows else cursor)

    async def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        assert self._open, "the store is not open"
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reader, work, self._reading)

    async def _rows(self, sql: str, *values: apsw.SQLiteValue) -> list[tuple[Any, ...]]:
        return await self._read(lambda db: db.execute(sql, values).fetchall())

    def _connect(self, *, reader: bool = False) -> apsw.Connection:
        self._path.touch(mode=0o600)
        db = apsw.Connection(str(self._path), vfs=self._vfs)
        db.set_busy_timeout(BUSY_MS)
        apsw.bestpractice.connection_dqs(db)
        # A log would have what was deleted, until it is written over.
        db.pragma("journal_mode", "delete" if self._forgets else "wal")
        db.pragma("secure_delete", self._forgets)
        db.pragma("synchronous", "full")  # acknowledged means durable
        db.pragma("journal_size_limit", WAL_BYTES_MAX)
        db.pragma("temp_store", "memory")  # nothing of ours in a temporary file
        if reader:
            db.pragma("query_only", True)
        else:
            lay(db, self._tables.values())
            if self._forgets:
                db.execute("VACUUM")
        return db


def _get(db: apsw.Connection, table: Table[R], id: str) -> R | None:
    key = table.key(id)
    row: Any = None if key is None else db.execute(table.get, (key,)).get
    return None if row is None else decode(table.kind, id, *row)
