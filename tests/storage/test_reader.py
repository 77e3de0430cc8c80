"""The contract that workers who share a store's feed build on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from random import Random

import pytest

from payseal.core.event import Event
from payseal.core.feed import LEASE, Reader
from payseal.core.ids import derive
from payseal.core.store import Insert, Store, Update, deciding
from tests.storage.things import AT, HOME, Thing, put, thing, told

WITHIN_S = 30  # a feed may lag


class Workers:
    """Readers that write down each event once and each resource's order, and die at any await."""

    def __init__(self, store: Store) -> None:
        self.store, self.at, self.started, self.tasks = store, AT, 0, []

    async def make(self, events: Sequence[Event]) -> list[Insert | Update]:
        """Write down what was told, believing every word: who is told twice writes it twice."""
        heard: dict[str, str] = {}
        for event in events:
            heard[event.resource] = heard.get(event.resource, "") + f" {event.seq}"
        made: list[Insert | Update] = []
        for resource, seqs in heard.items():
            old = await self.store.get(Thing, self.id_of(resource))
            if old is None:
                made.append(Insert(Thing(id=self.id_of(resource), name=seqs)))
            else:
                made.append(Update(Thing(id=old.id, version=old.version + 1, name=old.name + seqs)))
        return made

    def id_of(self, resource: str) -> str:
        return derive("thg", HOME, AT, "told", resource)

    async def work(self, reader: Reader) -> None:
        while True:
            await reader.read()
            await asyncio.sleep(0)

    def start(self) -> None:
        self.started += 1
        name = f"worker {self.started}"
        reader = Reader(self.store, "contract", name, self.make, now=lambda: self.at)
        self.tasks.append(asyncio.create_task(self.work(reader)))

    async def kill(self, n: int = 0) -> None:
        task = self.tasks.pop(n)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def told(self, resource: str) -> list[int]:
        found = await self.store.get(Thing, self.id_of(resource))
        return [] if found is None else [int(seq) for seq in found.name.split()]


@pytest.mark.parametrize("seed", range(3))
async def test_workers_that_share_its_feed_and_die_make_one_effect_of_each_event(
    store: Store, seed: int
):
    random, workers, rounds = Random(seed), Workers(store), 12
    things = [thing() for _ in range(8)]
    await put(store, *things)

    async def add(id: str) -> None:
        one = (await store.get(Thing, id)).add()
        await store.commit(Update(one), told(one))

    workers.start()
    workers.start()
    for _ in range(rounds):
        await asyncio.gather(*(deciding(add, one.id) for one in things))
        for _ in range(random.randrange(30)):
            await asyncio.sleep(0)
        if random.random() < 0.5:
            await workers.kill(random.randrange(2))
            workers.start()
            workers.at += random.choice([timedelta(0), LEASE / 2, LEASE])
    whole = list(range(2, rounds + 2))
    async with asyncio.timeout(WITHIN_S):
        while min([len(await workers.told(one.id)) for one in things]) < len(whole):
            workers.at += LEASE / 4
            await asyncio.sleep(0.01)
    await workers.kill()
    await workers.kill()
    for one in things:
        assert await workers.told(one.id) == whole
