"""Rereading: after a gap, the events of a time are read from the table itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from payseal.core.event import Event
from payseal.core.ids import made_at, moment, partition_of
from payseal.storage.dynamodb.connection import Connection
from payseal.storage.dynamodb.cursor import Gap
from payseal.storage.dynamodb.item import id_of, key_of, record_of
from payseal.storage.row import milliseconds

SCAN_ITEMS, SCANS_MAX = 2000, 32  # a batch is read within a lease's time
# Two clocks of ours may differ by this, so two events of one record may lie the wrong way round.
SKEW_MS = 2000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Found(NamedTuple):
    """Events, and where to go on; None when all was read."""

    events: list[Event]
    gap: Gap | None


class Rereading:
    """A scan of the table, filtered by time. It costs a read of everything: see decision 9."""

    def __init__(self, connection: Connection, table: str) -> None:
        self._connection, self._table = connection, table

    async def further(self, gap: Gap, limit: int) -> Found:
        """Some events of the gap, each record's in order; none if many scans met none."""
        for _ in range(SCANS_MAX):
            events, last = await self._scan(gap)
            kept = _kept(events, last, limit)
            if len(kept) < len(events):
                return Found(in_order(kept), gap._replace(last=kept[-1].id))
            if last is None:
                return Found(in_order(kept), None)
            gap = gap._replace(last=last)
            if kept:
                return Found(in_order(kept), gap)
        return Found([], gap)

    async def _scan(self, gap: Gap) -> tuple[list[Event], str | None]:
        """The events among the next items, and the id of the last of the items."""
        values = {":a": _at(gap.since_ms), ":z": _at(gap.until_ms + 1)}
        start: dict[str, Any] = {"ExclusiveStartKey": key_of(gap.last)} if gap.last else {}
        answer = await self._connection.ask(
            "scan",
            TableName=self._table,
            Limit=SCAN_ITEMS,
            FilterExpression="s BETWEEN :a AND :z",
            ExpressionAttributeValues={name: {"S": text} for name, text in values.items()},
            **start,
        )
        last = answer.get("LastEvaluatedKey")
        events = [record_of(Event, item) for item in answer["Items"]]
        return events, None if last is None else id_of(last)


def in_order(events: Sequence[Event]) -> list[Event]:
    """The same, each record's by their number."""
    queues: defaultdict[str, list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda event: -event.seq):
        queues[event.resource].append(event)
    return [queues[event.resource].pop() for event in events]


def _kept(events: list[Event], last: str | None, limit: int) -> list[Event]:
    """Those to give now: what may still be overtaken by one not yet read waits for it."""
    kept = events[:limit]
    if not kept or (len(kept) == len(events) and not _goes_on(kept[-1], last)):
        return kept
    end = kept[-1]
    settled = [
        event
        for event in kept
        if event.partition != end.partition or _ms(event) < _ms(end) - SKEW_MS
    ]
    return settled or kept


def _goes_on(event: Event, last: str | None) -> bool:
    """Whether more of its neighbors may follow."""
    return (
        last is not None and partition_of(last) == event.partition and last.startswith(Event.prefix)
    )


def _ms(event: Event) -> int:
    return milliseconds(made_at(event.id))


def _at(ms: int) -> str:
    """The sort key that events of that moment lie behind."""
    return f"{Event.prefix}{moment(_EPOCH + timedelta(milliseconds=ms))}"
