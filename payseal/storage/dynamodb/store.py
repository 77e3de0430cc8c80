"""DynamoStore: the port on one table of DynamoDB and its stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from payseal.core.ids import Partition, is_id
from payseal.core.record import R, Record
from payseal.core.store import PAGE_MAX, Batch, Change, Check, Lane, Page, Stale
from payseal.storage.dynamodb.commit import Commit
from payseal.storage.dynamodb.connection import Address, Connection
from payseal.storage.dynamodb.item import family, is_parent, record_of
from payseal.storage.dynamodb.lane import Lanes
from payseal.storage.dynamodb.listing import Listing
from payseal.storage.dynamodb.migration import look_over
from payseal.storage.dynamodb.reading import Reading
from payseal.storage.dynamodb.rereading import Rereading
from payseal.storage.dynamodb.stream import TableStream
from payseal.storage.row import (
    assert_few,
    assert_limit,
    assert_sound,
    milliseconds,
    span,
    stored,
)

STAMP_BYTES = 8


class DynamoStore:
    """Everything in one table, which `migrate` makes.

    `on_gap` hears when a lane of the feed has lost events that are read from the table again.
    `credentials` (key id, secret) only where botocore shall not look for them itself.
    """

    def __init__(
        self,
        table: str,
        kinds: Sequence[type[Record]],
        *,
        region: str,
        endpoint: str | None = None,
        entropy: Callable[[int], bytes],
        now: Callable[[], datetime],
        on_gap: Callable[[str, datetime], None] = lambda _lane, _since: None,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        self._table, self._entropy = table, entropy
        self._kinds = frozenset(stored(kinds))
        self._connection = Connection(Address(region, endpoint, credentials), entropy)
        self._reading = Reading(self._connection, table)
        self._listing = Listing(self._connection, table)
        stream, again = TableStream(self._connection, table), Rereading(self._connection, table)
        self._lanes = Lanes(stream, again, now, on_gap)

    async def open(self) -> Self:
        """`NoTable` or `NotAsNeeded` unless the table is as `migrate` leaves it."""
        assert not self._connection.is_open, "the store is open already"
        await self._connection.open()
        try:
            await look_over(self._connection, self._table)
        except BaseException:
            await self._connection.close()
            raise
        return self

    async def close(self) -> None:
        """Let the sockets go."""
        await self._connection.close()

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
        """As last committed: a consistent read."""
        self._assert_ready(kind)
        item = await self._reading.item(id) if is_id(id, kind.prefix) else None
        return None if item is None else record_of(kind, item)

    async def get_many(self, kind: type[R], ids: Sequence[str]) -> list[R | None]:
        """As `get`, in the order of the ids."""
        assert_few(ids)
        self._assert_ready(kind)
        items = await self._reading.items([id for id in ids if is_id(id, kind.prefix)])
        records = {record.id: record for record in (record_of(kind, item) for item in items)}
        return [records.get(id) for id in ids]

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
        """By id, so by time; children lag behind, and what is read of them does not."""
        assert_limit(limit)
        self._assert_ready(kind)
        bounds = span(kind, partition, start, end, after, newest_first)
        # One more than asked for tells whether there is more.
        if of is None:
            items = await self._listing.records(partition, bounds, limit + 1, newest_first)
            records = [record_of(kind, item) for item in items]
            return Page(records[:limit], records[limit - 1].id if len(records) > limit else None)
        if not is_parent(of):
            return Page([], None)
        ids = await self._listing.children(family(partition, of), bounds, limit + 1, newest_first)
        found = await self.get_many(kind, ids[:limit])
        children = [one for one in found if one is not None and one.of == of]
        return Page(children, ids[limit - 1] if len(ids) > limit else None)

    async def due(self, kind: type[R], *, before: datetime, limit: int = PAGE_MAX) -> list[R]:
        """Those whose moment has come, the longest waiting first; none of a kind that fades."""
        assert_limit(limit)
        self._assert_ready(kind)
        if kind.fades:
            return []
        ids = await self._listing.due(kind.prefix, milliseconds(before), limit)
        found = await self.get_many(kind, ids)
        # The index may not know yet that one is gone, or has a later moment now.
        return [one for one in found if one is not None and one.due and one.due <= before]

    async def commit(self, *changes: Change) -> None:
        """All or nothing, and on the disks of two places at least."""
        assert_sound(changes)
        for change in changes:
            self._assert_ready(type(change.record))
        if len(changes) == 1 and isinstance(changes[0], Check):
            await self._check(changes[0])
            return
        commit = Commit(self._table, changes, self._entropy(STAMP_BYTES))
        await commit.run(self._connection, self._reading)

    async def lanes(self) -> list[Lane]:
        """One for each shard of the stream."""
        assert self._connection.is_open, "the store is not open"
        return await self._lanes.lanes()

    async def feed(self, lane: Lane, cursor: str, limit: int = PAGE_MAX) -> Batch:
        """The events behind the cursor. It may move though there is no event: commit it too."""
        assert_limit(limit)
        assert self._connection.is_open, "the store is not open"
        return await self._lanes.feed(lane.id, cursor, limit)

    async def _check(self, check: Check) -> None:
        """Alone, it is a read."""
        there = await self.get(type(check.record), check.record.id)
        if check.record.version != (0 if there is None else there.version):
            raise Stale(check)

    def _assert_ready(self, kind: type[Record]) -> None:
        assert self._connection.is_open, "the store is not open"
        assert kind in self._kinds, f"{kind.__name__} is no kind of this store"
