"""The contract of `feed`."""

from __future__ import annotations

import asyncio

import pytest

from payseal.core.event import happened
from payseal.core.store import Insert, Lost, Store, Update, deciding
from tests.storage.things import AT, Thing, all_events, put, thing, told


async def test_the_feed_has_each_event_with_what_it_says(store: Store):
    one = thing(number=3)
    event = happened("thing.made", one, AT)
    await store.commit(Insert(one), Insert(event))
    assert await all_events(store) == [event]


async def test_a_new_store_has_an_empty_feed_and_one_lane_without_parents(store: Store):
    (lane,) = await store.lanes()
    assert lane.parents == ()
    batch = await store.feed(lane, "")
    assert (batch.events, batch.ended) == ([], False)
    await store.commit(Insert(one := thing()), told(one))
    (event,) = (await store.feed(lane, batch.cursor)).events
    assert event.resource == one.id


async def test_a_cursor_resumes_where_it_was_left(store: Store):
    things = [thing() for _ in range(7)]
    for one in things:
        await store.commit(Insert(one), told(one))
    (lane,) = await store.lanes()
    seen, cursor = [], ""
    for expected in (3, 3, 1, 0):
        batch = await store.feed(lane, cursor, limit=3)
        assert len(batch.events) == expected
        again = await store.feed(lane, cursor, limit=3)
        assert again == batch  # at least once: who forgets a cursor reads the same again
        seen += [event.resource for event in batch.events]
        cursor = batch.cursor
    assert seen == [one.id for one in things]
    await store.commit(Insert(new := thing()), told(new))
    assert [event.resource for event in (await store.feed(lane, cursor)).events] == [new.id]


async def test_a_commit_that_lost_is_not_in_the_feed(store: Store):
    await put(store, one := thing())
    for change in (Insert(one), Update(one.add().add())):
        with pytest.raises(Lost):
            await store.commit(told(new := thing()), Insert(new), change)
    assert await all_events(store) == []


async def test_events_of_one_commit_keep_their_order(store: Store):
    things = [thing() for _ in range(20)]
    await store.commit(*map(Insert, things), *map(told, reversed(things)))
    assert [event.resource for event in await all_events(store)] == [t.id for t in things[::-1]]


async def test_a_reader_beside_many_writers_misses_nothing_and_sees_each_record_in_order(
    store: Store,
):
    things = [thing() for _ in range(10)]
    await put(store, *things)

    async def add(id: str) -> None:
        one = (await store.get(Thing, id)).add()
        await store.commit(Update(one), told(one))

    async def read(done: asyncio.Event) -> list[tuple[str, int]]:
        (lane,) = await store.lanes()
        seen, cursor = [], ""
        while True:
            over = done.is_set()
            batch = await store.feed(lane, cursor, limit=7)
            seen += [(event.resource, event.seq) for event in batch.events]
            cursor = batch.cursor
            if over and not batch.events:
                return seen
            await asyncio.sleep(0)

    reader = asyncio.create_task(read(done := asyncio.Event()))
    for _ in range(4):
        await asyncio.gather(*(deciding(add, one.id) for one in things * 5))
    done.set()
    seen = await reader
    assert len(seen) == len(set(seen)) == 200
    for one in things:
        assert [seq for id, seq in seen if id == one.id] == list(range(2, 22))
