"""History: a list that is kept in the shards of an account, read as one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from payseal.core.ids import Partition, by_time
from payseal.core.record import R
from payseal.core.store import PAGE_MAX, Page, Store, filtered

READS_MAX = 16  # at one moment, for one page

Read = Callable[[Partition, str | None, int], Awaitable[Page[R]]]


async def merged(
    store: Store,
    kind: type[R],
    homes: Sequence[Partition],
    *,
    of: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    after: str | None = None,
    limit: int = PAGE_MAX,
    newest_first: bool = False,
) -> Page[R]:
    """As `Store.page`, of several shards of an account: by time, at one moment by `ids.by_time`.

    `homes` may grow between two pages: as a new shard holds nothing older than itself, nothing is
    skipped or doubled. Who has not heard of it yet misses its newest records, and no others.
    """
    turn = asyncio.Semaphore(READS_MAX)

    async def read(home: Partition, after: str | None, limit: int) -> Page[R]:
        async with turn:
            return await store.page(
                kind,
                home,
                of=of,
                start=start,
                end=end,
                after=after,
                limit=limit,
                newest_first=newest_first,
            )

    if len(homes) == 1:
        return await read(homes[0], after, limit)
    return await _merge(read, homes, after, limit, newest_first)


async def newest(
    store: Store,
    kind: type[R],
    homes: Sequence[Partition],
    wanted: Callable[[R], bool] | None = None,
    *,
    of: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    after: str | None = None,
    limit: int = PAGE_MAX,
) -> Page[R]:
    """As `merged`, the newest first; if only some are `wanted`, as `store.filtered` finds them."""

    async def page(after: str | None) -> Page[R]:
        return await merged(
            store,
            kind,
            homes,
            of=of,
            start=start,
            end=end,
            after=after,
            limit=limit if wanted is None else PAGE_MAX,
            newest_first=True,
        )

    if wanted is None:
        return await page(after)
    return await filtered(page, wanted, after=after, limit=limit)


async def _merge(
    read: Read[R], homes: Sequence[Partition], after: str | None, limit: int, newest_first: bool
) -> Page[R]:
    """A small read of each, side by side; and more of those that hold more than their share."""
    found: list[R] = []
    read_to: dict[Partition, str] = {}  # of those that have more
    behind, missing = list(homes), limit
    while behind:
        size = _share(missing, len(behind))
        pages = await asyncio.gather(
            *(read(home, read_to.get(home, after), size) for home in behind)
        )
        for home, page in zip(behind, pages, strict=True):
            found += page.records
            read_to.pop(home, None)
            if page.after is not None:
                read_to[home] = page.after
        found.sort(key=lambda record: by_time(record.id), reverse=newest_first)
        rank = {record.id: number for number, record in enumerate(found, start=1)}
        # Where a shard was read to lies within the page, it may have more for it.
        behind = [home for home, id in read_to.items() if rank[id] < limit]
        missing = limit - min((rank[read_to[home]] for home in behind), default=0)
    more = bool(read_to) or len(found) > limit
    return Page(found[:limit], found[limit - 1].id if more else None)


def _share(limit: int, shards: int) -> int:
    """How much of one is read for so many records of all: chance seldom puts more into one."""
    mean = limit / shards
    return min(limit, math.ceil(mean + 2 * math.sqrt(mean)))
