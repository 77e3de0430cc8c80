"""The contract of `get` and `commit`."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from payseal.core.event import Event, happened
from payseal.core.ids import Mint, derive, home
from payseal.core.store import (
    CHANGES_MAX,
    SCAN_MAX,
    Check,
    Checkpoint,
    Delete,
    Insert,
    Stale,
    Store,
    Taken,
    Update,
)
from payseal.storage.row import BODY_MAX
from tests.storage.things import AT, HOME, Plain, Thing, all_events, mint, plain, put, thing, told


async def test_what_was_committed_is_read_back_whole(store: Store):
    full = thing(
        name="Ä\u0001\U0001f600\"\\'", number=-(2**53), parent=plain().id, when=AT, words={"a": ""}
    )
    await put(store, full, empty := thing())
    assert await store.get(Thing, full.id) == full
    assert await store.get(Thing, empty.id) == empty


@pytest.mark.parametrize(
    "id", ["", "thg_", "x", mint.id("thg", HOME, AT), "thg_" + "u" * 40, "thg_" + "٣" * 40]
)
async def test_what_is_not_there_is_none(store: Store, id: str):
    assert await store.get(Thing, id) is None


async def test_an_id_of_another_kind_is_none(store: Store):
    await put(store, one := thing())
    assert await store.get(Plain, one.id) is None
    assert await store.get(Plain, one.id.replace("thg", "pln", 1)) is None


async def test_what_a_caller_does_to_its_record_does_not_reach_the_store(store: Store):
    await put(store, one := thing(words={"a": "b"}))
    one.words["a"] = "c"
    read = await store.get(Thing, one.id)
    assert read is not None
    assert read.words == {"a": "b"}
    read.words["a"] = "d"
    assert (await store.get(Thing, one.id)).words == {"a": "b"}


async def test_a_commit_with_every_kind_of_change_does_all_of_them(store: Store):
    await put(store, old := thing(), gone := thing(), seen := thing())
    new, other, absent = thing(), plain(), thing()
    await store.commit(
        Insert(new), Insert(other), Update(old.add()), Delete(gone), Check(seen),
        Check(Thing(id=absent.id, version=0)), told(new),
    )  # fmt: skip
    assert await store.get_many(Thing, [new.id, old.id, gone.id, seen.id, absent.id]) == [
        new, old.add(), None, seen, None,
    ]  # fmt: skip
    assert await store.get(Plain, other.id) == other
    assert [event.resource for event in await all_events(store)] == [new.id]


async def _losing(store: Store):
    """Each change that must lose, beside the class that says so."""
    await put(store, there := thing(), gone := thing())
    await store.commit(Update(there.add()))
    await store.commit(Delete(gone))
    at_2 = there.add()
    return {
        "insert of what is there": (Insert(there), Taken),
        "update from an older version": (Update(there.add(7)), Stale),
        "update from a newer version": (Update(at_2.add().add()), Stale),
        "update of what is gone": (Update(gone.add()), Stale),
        "update of what never was": (Update(thing().add()), Stale),
        "delete of an older version": (Delete(there), Stale),
        "delete of a newer version": (Delete(at_2.add()), Stale),
        "delete of what is gone": (Delete(gone), Stale),
        "check of an older version": (Check(there), Stale),
        "check of a newer version": (Check(at_2.add()), Stale),
        "check of what is gone": (Check(gone), Stale),
        "check that nothing is there": (Check(Thing(id=there.id, version=0)), Stale),
    }


async def test_the_change_that_lost_is_named_and_nothing_of_the_commit_is_written(store: Store):
    for what, (change, error) in (await _losing(store)).items():
        before = await store.get(Thing, change.record.id)
        first, kept, last = thing(), thing(), thing()
        await put(store, kept)
        with pytest.raises(error) as raised:
            await store.commit(
                Insert(first),
                Update(kept.add()),
                change,
                Delete(kept2 := plain()),
                Insert(last),
                told(first),
            )
        assert raised.value.change is change, what
        assert kept2.version == 1
        assert await store.get_many(Thing, [first.id, kept.id, last.id]) == [None, kept, None], what
        assert await store.get(Thing, change.record.id) == before, what
        assert await all_events(store) == [], what


async def test_of_two_that_lose_the_first_is_named(store: Store):
    await put(store, one := thing(), two := thing())
    with pytest.raises(Taken) as raised:
        await store.commit(Insert(two), Insert(one))
    assert raised.value.change.record.id == two.id


async def test_what_was_deleted_can_be_inserted_again_at_version_one(store: Store):
    await put(store, one := thing())
    await store.commit(Delete(one))
    await put(store, again := Thing(id=one.id, name="again"))
    assert await store.get(Thing, one.id) == again


async def test_of_many_who_insert_one_id_at_once_one_does(store: Store):
    id = mint.id("thg", HOME, AT)
    outcomes = await asyncio.gather(
        *(store.commit(Insert(Thing(id=id, number=n)), Insert(plain())) for n in range(100)),
        return_exceptions=True,
    )
    assert outcomes.count(None) == 1
    assert {type(outcome) for outcome in outcomes} == {type(None), Taken}
    assert (await store.get(Thing, id)).number == outcomes.index(None)
    assert len((await store.page(Plain, HOME)).records) == 1


async def test_a_checked_record_does_not_change_beside_the_commit(store: Store):
    """Two who each check what the other updates: one of them is stale."""
    await put(store, one := thing(), two := thing())
    outcomes = await asyncio.gather(
        store.commit(Check(one), Update(two.add())),
        store.commit(Check(two), Update(one.add())),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "Stale"]


async def test_a_cancelled_commit_is_still_all_or_nothing(store: Store):
    pairs = [(thing(), plain()) for _ in range(50)]
    tasks = [asyncio.create_task(store.commit(Insert(a), Insert(b))) for a, b in pairs]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    await store.commit(Insert(thing()))  # behind them all
    for (a, b), outcome in zip(pairs, outcomes, strict=True):
        has_a, has_b = await store.get(Thing, a.id), await store.get(Plain, b.id)
        if (has_a is None) != (has_b is None):
            # A server may have been at it still, as we looked at one and then at the other.
            await asyncio.sleep(1)
            has_a, has_b = await store.get(Thing, a.id), await store.get(Plain, b.id)
        assert (has_a is None) == (has_b is None)
        assert outcome is not None or has_a == a
    assert outcomes[1::2] == [None] * 25


async def test_get_many_keeps_the_order_and_the_gaps(store: Store):
    await put(store, one := thing(), two := thing())
    wanted = [two.id, thing().id, one.id, two.id, "nonsense"]
    assert await store.get_many(Thing, wanted) == [two, None, one, two, None]
    assert await store.get_many(Thing, []) == []


async def test_a_checkpoint_is_committed_with_what_was_made_of_the_feed(store: Store):
    new = Checkpoint(id=derive("chk", home(Mint(bytes).account()), AT, "consumer", "lane"))
    await store.commit(Insert(new))
    read = await store.get(Checkpoint, new.id)
    await store.commit(Update(read.read_to("5", AT)), Insert(plain()))
    assert (await store.get(Checkpoint, new.id)).cursor == "5"
    with pytest.raises(Stale):  # another worker with the same batch
        await store.commit(Update(read.read_to("5", AT)), Insert(plain()))


_one = thing()
BUGS = {
    "nothing": ([], "from 1 to 50"),
    "too much": ([Insert(thing()) for _ in range(CHANGES_MAX + 1)], "from 1 to 50"),
    "one record twice": ([Insert(_one), Update(_one.add())], "twice"),
    "an insert at version 2": ([Insert(_one.add())], "version 1"),
    "an update to version 1": ([Update(_one)], "Update of"),
    "a delete of version 0": ([Delete(Thing(id=_one.id, version=0))], "Delete of"),
    "a check of version -1": ([Check(Thing(id=_one.id, version=-1))], "Check of"),
    "no id": ([Insert(Thing())], "no id of things"),
    "an id of another kind": ([Insert(Thing(id=plain().id))], "no id of things"),
    "a parent that is no id": ([Insert(thing(parent="me"))], "'me', no id"),
    "an event that changes": ([Update(happened("a", _one, AT)._become())], "never changes"),
    "too large a body": ([Insert(thing(name="x" * BODY_MAX))], "too large"),
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
async def test_a_commit_that_is_a_bug_is_refused_with_a_sentence(store: Store, bug: str):
    changes, sentence = BUGS[bug]
    with pytest.raises(AssertionError, match=sentence):
        await store.commit(*changes)


async def test_no_more_than_a_limit_is_read_at_once(store: Store):
    with pytest.raises(AssertionError, match="at most 1000"):
        await store.get_many(Thing, [_one.id] * (SCAN_MAX + 1))
    (lane,) = await store.lanes()
    for limit in (0, 201):
        for read in (
            store.page(Thing, HOME, limit=limit),
            store.due(Thing, before=AT, limit=limit),
            store.feed(lane, "", limit),
        ):
            with pytest.raises(AssertionError, match="a limit is from 1 to 200"):
                await read


async def test_an_event_is_read_like_any_record(store: Store):
    event = happened("thing.made", one := thing(), AT + timedelta(microseconds=7))
    await store.commit(Insert(one), Insert(event))
    assert await store.get(Event, event.id) == event
    with pytest.raises(Taken):
        await store.commit(Insert(event))
