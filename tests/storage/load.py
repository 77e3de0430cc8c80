"""Load: callers who count and insert while something breaks, and who remember what they heard."""

from __future__ import annotations

import asyncio
from collections import Counter

from payseal.core.store import Busy, Insert, Store, Update, deciding
from tests.storage.things import Thing, all_events, thing, told


class Load:
    """Callers who count and insert until told to stop; and what each was told."""

    def __init__(self, store: Store, counters: list[Thing]) -> None:
        self._store, self._counters = store, counters
        self.is_over = False
        self.added: Counter[str] = Counter()
        self.inserted: list[Thing] = []
        self.refused: list[Thing] = []

    async def run(self, callers: int) -> None:
        await asyncio.gather(*(self._call(n) for n in range(callers)))

    async def _call(self, n: int) -> None:
        id = self._counters[n % len(self._counters)].id
        while not self.is_over:
            try:
                await deciding(self._add, id)
                self.added[id] += 1
            except Busy:
                pass  # nothing was done
            one = thing()
            try:
                await self._store.commit(Insert(one), told(one))
                self.inserted.append(one)
            except Busy:
                self.refused.append(one)

    async def _add(self, id: str) -> None:
        now = (await self._store.get(Thing, id)).add()
        await self._store.commit(Update(now), told(now))

    async def check(self) -> None:
        """Nothing acknowledged is lost, nothing is doubled, and nothing refused is there."""
        events = await all_events(self._store)
        for one in self._counters:
            now = await self._store.get(Thing, one.id)
            assert now.number == self.added[one.id] == now.version - 1
            seqs = [event.seq for event in events if event.resource == one.id]
            assert seqs == list(range(2, now.version + 1))
        told_of = Counter(event.resource for event in events)
        for one in self.inserted:
            assert await self._store.get(Thing, one.id) == one
            assert told_of[one.id] == 1
        for one in self.refused:
            assert await self._store.get(Thing, one.id) is None
            assert told_of[one.id] == 0
