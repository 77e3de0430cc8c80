"""Reconciliation: an issuer's settlement file is held against our ledger, in both directions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from typing import TypeVar

import msgspec

from payseal.core.ids import Partition, partition_of
from payseal.core.store import SCAN_MAX, Store, deciding
from payseal.ledger import Entry, Movement, Statement, moved_on
from payseal.transactions.difference import Difference
from payseal.transactions.differences import match, miss
from payseal.transactions.dispute import Dispute
from payseal.transactions.naming import Named, named

T = TypeVar("T")
AT_ONCE_MAX = 32
# Our clock and the issuer's are as far apart as this, at most.
SKEW = timedelta(seconds=5)
# An entry lies where its payment was begun, and is captured at most so much later.
LOOK_BACK = timedelta(days=10)


class Outcome(msgspec.Struct, frozen=True):
    """What a file was found to say: so many lines, and what is new since it was last read."""

    day: str
    lines: int
    found: Sequence[Difference]
    disputes: Sequence[Dispute]

    def table(self) -> list[str]:
        """For people: a line for each difference."""
        return [
            f"{each.kind}  {each.reference}  ours {each.ours or '–'}  theirs {each.theirs or '–'}"
            f"  {each.currency}  {each.transaction or '–'}"
            for each in self.found
        ] + [
            f"dispute  {each.reference}  {each.amount}  {each.status}  {each.transaction}"
            for each in self.disputes
        ]


async def reconcile(store: Store, issuer: str, statement: Statement, *, at: datetime) -> Outcome:
    """Each line against its entry, and each entry of the day against the lines.

    Whoever reads the same file again finds all this written already. Raises `InvalidStatement`
    before anything is written, where a merchant is none of ours.
    """
    day = statement.day.isoformat()
    groups = await _groups(store, issuer, statement)
    matched = await _all(deciding(match, store, group, day, at=at) for group in groups)
    found = [each for each in matched if isinstance(each, Difference)]
    disputes = [each for each in matched if isinstance(each, Dispute)]
    for where in await _partitions(store, issuer, statement, groups):
        missing = [entry async for entry in _unsettled(store, issuer, statement, where)]
        found += await _all(deciding(miss, store, entry.id, day, at=at) for entry in missing)
    return Outcome(day, len(statement.movements), found, disputes)


async def _all(calls: Iterable[Awaitable[list[T]]]) -> list[T]:
    """What they found: a few side by side, then the next, as a file may have millions of lines."""
    found, left = list[T](), iter(calls)
    while some := [*islice(left, AT_ONCE_MAX)]:
        for each in await asyncio.gather(*some):
            found += each
    return found


async def _groups(store: Store, issuer: str, statement: Statement) -> list[Named]:
    """The lines of each reference, together."""
    lines: dict[tuple[str, str], list[Movement]] = {}
    for movement in statement.movements:
        lines.setdefault((movement.merchant, movement.reference), []).append(movement)
    together, found = list(lines.values()), list[Named]()
    for start in range(0, len(together), SCAN_MAX // 2):  # a line may name two references
        found += await named(store, issuer, together[start : start + SCAN_MAX // 2])
    return found


async def _partitions(
    store: Store, issuer: str, statement: Statement, groups: Sequence[Named]
) -> list[Partition]:
    """Where entries may be that the file should have."""
    moved = {
        *await moved_on(store, issuer, statement.day),
        *await moved_on(store, issuer, statement.day - timedelta(days=1)),
        *(partition_of(group.operation) for group in groups if group.operation),
    }
    return sorted(moved)


async def _unsettled(
    store: Store, issuer: str, statement: Statement, where: Partition
) -> AsyncIterator[Entry]:
    """What we booked that day, and no file has.

    The issuer books first. So what we booked before the end of the file is in it, or in an earlier
    one; what we booked in the last seconds, by its clock or ours, is left to the next.
    """
    begin = datetime.combine(statement.day, time(), UTC)
    end = min(statement.until, begin + timedelta(days=1))
    after = None
    while True:
        page = await store.page(Entry, where, start=begin - LOOK_BACK, end=end, after=after)
        for entry in page.records:
            new = begin - SKEW < entry.at <= end - SKEW
            if new and not entry.settled and entry.issuer == issuer:
                yield entry
        after = page.after
        if after is None:
            return
