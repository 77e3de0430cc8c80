"""What was read a moment ago is not asked for again, and is never older than a second."""

from __future__ import annotations

import asyncio

import pytest

from payseal.core.store import Insert, Stale, Update
from payseal.storage import MemoryStore, RememberedStore
from payseal.storage.remembered import REMEMBERED_S
from tests.storage.things import KINDS, Plain, Thing, plain, put, thing
from tests.virtual import in_virtual_time


def on_a_virtual_clock(test):
    def timed():
        in_virtual_time(test(MemoryStore(KINDS)))

    timed.__name__ = test.__name__
    return timed


@on_a_virtual_clock
async def test_what_another_process_changed_is_seen_after_a_second(inner):
    store = RememberedStore(inner, [Thing])
    await put(inner, old := thing())
    assert await store.get(Thing, old.id) == old
    await inner.commit(Update(new := old.add()))  # as another process would
    assert await store.get(Thing, old.id) == old
    await asyncio.sleep(REMEMBERED_S)
    assert await store.get(Thing, old.id) == new


@on_a_virtual_clock
async def test_what_this_process_changed_is_seen_at_once(inner):
    store = RememberedStore(inner, [Thing])
    await put(inner, old := thing())
    await store.get(Thing, old.id)
    await store.commit(Update(new := old.add()))
    assert await store.get(Thing, old.id) == new


@on_a_virtual_clock
async def test_who_loses_by_an_old_version_reads_the_new_one(inner):
    store = RememberedStore(inner, [Thing])
    await put(inner, old := thing())
    await store.get(Thing, old.id)
    await inner.commit(Update(new := old.add()))
    with pytest.raises(Stale):
        await store.commit(Update(old.add()))
    assert await store.get(Thing, old.id) == new


@on_a_virtual_clock
async def test_other_kinds_and_what_is_not_there_are_asked_for_each_time(inner):
    store = RememberedStore(inner, [Thing])
    await put(inner, one := plain())
    assert await store.get(Plain, one.id) == one
    missing = thing()
    assert await store.get(Thing, missing.id) is None
    await inner.commit(Insert(missing))
    assert await store.get(Thing, missing.id) == missing


@on_a_virtual_clock
async def test_a_read_that_overlaps_a_change_is_not_remembered(inner):
    old = thing()
    await put(inner, old)

    class Slow:
        """Answers a moment after it has looked, as a server far away does."""

        def __getattr__(self, name):
            return getattr(inner, name)

        async def get(self, kind, id):
            found = await inner.get(kind, id)
            await asyncio.sleep(0.1)
            return found

    store = RememberedStore(Slow(), [Thing])
    reading = asyncio.create_task(store.get(Thing, old.id))
    await asyncio.sleep(0.05)
    await store.commit(Update(new := old.add()))
    assert await reading == old
    assert await store.get(Thing, old.id) == new
