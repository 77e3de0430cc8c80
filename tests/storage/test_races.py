"""Many who decide about one record at once."""

from __future__ import annotations

import asyncio

import pytest

from payseal.core.store import RETRIES_MAX, Busy, Check, Insert, Store, Update, deciding
from payseal.storage import MemoryStore
from payseal.storage.dynamodb import DynamoStore
from tests.storage.things import (
    AT,
    HOME,
    KINDS,
    Plain,
    Thing,
    all_events,
    mint,
    plain,
    put,
    thing,
    told,
)


async def test_of_two_hundred_who_count_on_one_record_none_is_lost(store: Store):
    await put(store, counter := thing())

    async def count() -> None:
        one = (await store.get(Thing, counter.id)).add()
        await store.commit(Update(one), told(one))

    outcomes = await asyncio.gather(*(deciding(count) for _ in range(200)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {type(None), Busy}
    through = outcomes.count(None)
    one = await store.get(Thing, counter.id)
    assert (one.number, one.version) == (through, through + 1)
    assert len(await all_events(store)) == through
    # They all want the very same, and still do not lose to each other for ever: of each round of
    # tries one wins, and where a try is a way over the network there are not many more rounds.
    assert through > 50 or (through >= RETRIES_MAX and isinstance(store, DynamoStore))


async def test_ten_places_go_to_ten_of_a_hundred(store: Store):
    ids = [mint.id("pln", HOME, AT) for _ in range(10)]

    async def take() -> str | None:
        taken = await store.get_many(Plain, ids)
        free = [id for id, there in zip(ids, taken, strict=True) if there is None]
        if not free:
            return None
        await store.commit(Insert(Plain(id=free[0])), Insert(thing()))
        return free[0]

    got = await asyncio.gather(*(deciding(take) for _ in range(100)))
    assert sorted(id for id in got if id) == ids
    assert len((await store.page(Thing, HOME)).records) == 10


async def test_nothing_starts_once_what_was_checked_has_moved(store: Store):
    """The link's cancellation against its payments: none is committed after it."""
    await put(store, link := thing())

    async def start() -> bool:
        now = await store.get(Thing, link.id)
        if now.number:
            return False
        await store.commit(Check(now), Insert(new := plain()), told(new))
        return True

    async def close() -> None:
        closed = (await store.get(Thing, link.id)).add()
        await store.commit(Update(closed), told(closed))

    started = await asyncio.gather(
        *(deciding(start) for _ in range(50)),
        deciding(close),
        *(deciding(start) for _ in range(50)),
    )
    events = await all_events(store)
    assert events[-1].resource == link.id
    assert len(events) - 1 == started.count(True) > 0


async def test_who_always_loses_hears_that_it_is_busy():
    store = MemoryStore(KINDS)
    await put(store, one := thing())

    async def lose() -> None:
        await store.commit(Check(one.add()))

    with pytest.raises(Busy):
        await deciding(lose)
