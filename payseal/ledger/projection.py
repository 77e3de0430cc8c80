"""Projection: the feed is read, and each entry that it tells of is counted once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime, timedelta

from payseal.core.event import Event
from payseal.core.feed import Reader
from payseal.core.ids import Partition, made_at
from payseal.core.store import Change, Insert, Store, Update
from payseal.ledger.balance import Balance, nothing_yet, summed
from payseal.ledger.entry import Entry, Line
from payseal.ledger.mover import movers_of

CONSUMER = "ledger"
# Each of these is committed with one entry, which lies where the event's record does in time.
MOVED = frozenset(
    {
        "transaction.captured",
        "refund.succeeded",
        "dispute.opened",
        "dispute.contested",
        "dispute.won",
    }
)
# Entries that lie so close together are read at once, with those between them.
APART = timedelta(seconds=1)
_MILLISECOND = timedelta(milliseconds=1)

_Key = tuple[str, datetime]  # the transaction, and when the operation was begun


def counting(store: Store, worker: str, *, now: Callable[[], datetime]) -> Reader:
    """Reads the feed, and adds each entry to the balances of its partition."""

    async def make(events: Sequence[Event]) -> list[Change]:
        return await _counted(store, [event for event in events if event.type in MOVED])

    return Reader(store, CONSUMER, worker, make, now=now)


async def _counted(store: Store, told: Sequence[Event]) -> list[Change]:
    """One entry for each event, unless it was counted before: its mark goes with the balances.

    Which one does not matter where a transaction has several: each has an event of its own.
    """
    found, new = await _found(store, told), list[Entry]()
    for event in told:
        assert _key(event) in found, f"{event.id} tells of money that was not booked"
        waiting = found[_key(event)]
        if waiting:
            new.append(waiting.pop())
    moved = [Insert(mover) for mover in await movers_of(store, new)]
    return [*(Update(entry.count()) for entry in new), *await _balances(store, new), *moved]


async def _balances(store: Store, new: Iterable[Entry]) -> list[Change]:
    """With these entries, as they are to be put."""
    lines: defaultdict[Partition, list[Line]] = defaultdict(list)
    for entry in new:
        lines[entry.partition] += entry.lines
    more = [
        (nothing_yet(partition, *key), total)
        for partition, some in lines.items()
        for key, total in summed(some).items()
    ]
    there = await store.get_many(Balance, [first.id for first, _ in more])
    counted = [(old or first).count(total) for (first, total), old in zip(more, there, strict=True)]
    return [Insert(each) if each.version == 1 else Update(each) for each in counted]


async def _found(store: Store, told: Iterable[Event]) -> dict[_Key, list[Entry]]:
    """The entries there are of each transaction and moment, and of these the uncounted ones."""
    moments: defaultdict[Partition, set[datetime]] = defaultdict(set)
    for event in told:
        moments[event.partition].add(made_at(event.resource))
    found: dict[_Key, list[Entry]] = {}
    for partition, some in moments.items():
        for start, end in _spans(some):
            async for entry in _between(store, partition, start, end):
                waiting = found.setdefault((entry.transaction, made_at(entry.id)), [])
                if not entry.counted:
                    waiting.append(entry)
    return found


def _key(event: Event) -> _Key:
    # What is not a transaction's own names the transaction.
    return str(event.told.get("transaction", event.resource)), made_at(event.resource)


def _spans(moments: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """From when to before when all these moments lie, and little else."""
    spans: list[tuple[datetime, datetime]] = []
    for moment in sorted(moments):
        if spans and moment - spans[-1][1] < APART:
            spans[-1] = spans[-1][0], moment + _MILLISECOND
        else:
            spans.append((moment, moment + _MILLISECOND))
    return spans


async def _between(
    store: Store, partition: Partition, start: datetime, end: datetime
) -> AsyncIterator[Entry]:
    after = None
    while True:
        page = await store.page(Entry, partition, start=start, end=end, after=after)
        for entry in page.records:
            yield entry
        after = page.after
        if after is None:
            return
