"""MemoryStore: the port in plain lists and dictionaries, for simulations and tests."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from payseal.core.event import Event
from payseal.core.ids import Partition, partition_of
from payseal.core.record import R, Record, decode
from payseal.core.store import (
    PAGE_MAX,
    Batch,
    Change,
    Delete,
    Insert,
    Lane,
    Page,
    Stale,
    Taken,
    Update,
)
from payseal.storage.row import (
    Row,
    assert_few,
    assert_limit,
    assert_sound,
    milliseconds,
    row_of,
    span,
    stored,
    version_before,
)

_LANE = Lane("memory")


class MemoryStore:
    """Keeps what SQLite would keep, bodies encoded, and loses it with the process."""

    def __init__(self, kinds: Sequence[type[Record]]) -> None:
        self._shelves = {kind: _Shelf() for kind in stored(kinds)}
        self._feed: list[str] = []

    async def get(self, kind: type[R], id: str) -> R | None:
        """As last committed."""
        row = self._shelves[kind].rows.get(id)
        return None if row is None else decode(kind, id, row.version, row.body)

    async def get_many(self, kind: type[R], ids: Sequence[str]) -> list[R | None]:
        """As `get`, in the order of the ids."""
        assert_few(ids)
        return [await self.get(kind, id) for id in ids]

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
        first, last, skip = span(kind, partition, start, end, after, newest_first)
        shelf = self._shelves[kind]
        ids = shelf.at.get(partition, []) if of is None else shelf.children.get(of, [])
        low, high = bisect_left(ids, first), bisect_right(ids, last)
        # One more than asked for tells whether there is more; and one may be skipped.
        if newest_first:
            ids = ids[max(low, high - limit - 2) : high][::-1]
        else:
            ids = ids[low : min(high, low + limit + 2)]
        found = [id for id in ids if id != skip]
        records = [shelf.read(kind, id) for id in found[:limit]]
        return Page(records, records[-1].id if len(found) > limit else None)

    async def due(self, kind: type[R], *, before: datetime, limit: int = PAGE_MAX) -> list[R]:
        """Those whose moment has come, the longest waiting first."""
        assert_limit(limit)
        shelf = self._shelves[kind]
        come = bisect_left(shelf.due, (milliseconds(before) + 1, ""))
        return [shelf.read(kind, id) for _, id in shelf.due[: min(come, limit)]]

    async def commit(self, *changes: Change) -> None:
        """All or nothing: others may go first, but nothing happens in between."""
        assert_sound(changes)
        rows = [row_of(change.record) for change in changes]
        await asyncio.sleep(0)
        for change in changes:
            self._ask(change)
        for change, row in zip(changes, rows, strict=True):
            self._do(change, row)

    async def lanes(self) -> list[Lane]:
        """One."""
        return [_LANE]

    async def feed(self, lane: Lane, cursor: str, limit: int = PAGE_MAX) -> Batch:
        """The events behind the cursor."""
        assert_limit(limit)
        assert lane == _LANE, f"{lane.id} is no lane of this store"
        start = int(cursor or 0)
        ids, shelf = self._feed[start : start + limit], self._shelves[Event]
        events = [shelf.read(Event, id) for id in ids if id in shelf.rows]
        return Batch(events, str(start + len(ids)) if ids else cursor)

    def _ask(self, change: Change) -> None:
        """Whether it may happen, all else being as it is."""
        row = self._shelves[type(change.record)].rows.get(change.record.id)
        if version_before(change) != (0 if row is None else row.version):
            raise Taken(change) if isinstance(change, Insert) else Stale(change)

    def _do(self, change: Change, row: Row) -> None:
        shelf = self._shelves[type(change.record)]
        if isinstance(change, Update | Delete):
            shelf.drop(row.id)
        if isinstance(change, Insert | Update):
            shelf.put(row)
        if isinstance(change.record, Event) and isinstance(change, Insert):
            self._feed.append(row.id)


class _Shelf:
    """The rows of one kind, and the sorted lists that they are found by."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.at: defaultdict[str, list[str]] = defaultdict(list)
        self.children: defaultdict[str, list[str]] = defaultdict(list)
        self.due: list[tuple[int, str]] = []

    def read(self, kind: type[R], id: str) -> R:
        row = self.rows[id]
        return decode(kind, id, row.version, row.body)

    def put(self, row: Row) -> None:
        self.rows[row.id] = row
        insort(self.at[partition_of(row.id)], row.id)
        if row.of is not None:
            insort(self.children[row.of], row.id)
        if row.due is not None:
            insort(self.due, (row.due, row.id))

    def drop(self, id: str) -> None:
        row = self.rows.pop(id)
        _remove(self.at[partition_of(id)], id)
        if row.of is not None:
            _remove(self.children[row.of], id)
        if row.due is not None:
            _remove(self.due, (row.due, id))


def _remove(sorted_list: list[Any], item: object) -> None:
    del sorted_list[bisect_left(sorted_list, item)]
