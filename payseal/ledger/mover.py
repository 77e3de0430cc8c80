"""Mover: a partition where money of an issuer moved on a day. A day's file is held against them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import UTC, date, datetime

from payseal.core.ids import Partition, derive, partition_of, value_id
from payseal.core.record import Record
from payseal.core.store import Store
from payseal.ledger.entry import Entry

# Just after midnight everybody is written down: more than one partition would take.
PARTS = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Mover(Record, frozen=True, kw_only=True):
    """One of an issuer's day; all of a day lie in a few partitions of their own."""

    prefix, table = "mov", "movers"

    where: Partition


async def movers_of(store: Store, entries: Iterable[Entry]) -> list[Mover]:
    """Those of these entries that nobody has written down yet."""
    made = {
        mover.id: mover
        for entry in entries
        for mover in [_mover(entry.issuer, entry.at.astimezone(UTC).date(), entry.partition)]
    }
    there = await store.get_many(Mover, [*made])
    return [mover for mover, old in zip(made.values(), there, strict=True) if old is None]


async def moved_on(store: Store, issuer: str, day: date) -> list[Partition]:
    """Where money of that issuer moved on that day, by UTC."""
    found = list[Partition]()
    for part in range(PARTS):
        after = None
        while True:
            page = await store.page(Mover, _part(issuer, day, part), after=after)
            found += [mover.where for mover in page.records]
            after = page.after
            if after is None:
                break
    return found


def _mover(issuer: str, day: date, where: Partition) -> Mover:
    part = _part(issuer, day, zlib.crc32(where.encode()) % PARTS)
    return Mover(id=derive(Mover.prefix, part, _EPOCH, where), where=where)


def _part(issuer: str, day: date, part: int) -> Partition:
    return partition_of(value_id(Mover.prefix, issuer, day.isoformat(), str(part)))
