"""What a page of a spread account's list costs: `python -m bench.pages`."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from bench.partitions import Peak
from payseal import links
from payseal.core.ids import Mode

LIMIT = 50


class Slow:
    """The memory store, each read of which takes a while; how many there were, and of how much."""

    READ_S = 0.005

    def __init__(self, store):
        self._store, self.reads, self.records = store, 0, 0

    async def page(self, *args, **kwargs):
        await asyncio.sleep(self.READ_S)
        page = await self._store.page(*args, **kwargs)
        self.reads, self.records = self.reads + 1, self.records + len(page.records)
        return page


async def history(shards, count=2000):
    """Of a page, on average: its reads, the records read, and the time, in reads one by one."""
    peak = Peak(1, lambda _: shards)
    for _ in range(count):
        peak.at += timedelta(milliseconds=20)
        await peak.create(1, peak.at)
    store, after, pages = Slow(peak.payments), None, 0
    began = time.perf_counter()
    while pages == 0 or after is not None:
        page = await links.history(
            store, peak.ids[1], Mode.LIVE, shards=shards, limit=LIMIT, after=after, at=peak.at
        )
        after, pages = page.after, pages + 1
    waits = (time.perf_counter() - began) / Slow.READ_S
    return store.reads / pages, store.records / pages, waits / pages


async def main():
    print(f"a page of {LIMIT} links     reads  records  time (of so many reads)")
    for shards in (1, 4, 16, 64):
        reads, records, waits = await history(shards)
        print(f"{shards:3} shards{reads:18.1f}{records:9.1f}{waits:7.1f}")


if __name__ == "__main__":
    asyncio.run(main())
