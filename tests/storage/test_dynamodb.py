"""What DynamoDB promises beyond the contract: answers that do not come, no room, and its table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from payseal.core.record import Record
from payseal.core.store import (
    Busy,
    Check,
    Delete,
    Insert,
    Stale,
    StoreError,
    Taken,
    Update,
)
from payseal.storage.dynamodb import DynamoStore
from payseal.storage.dynamodb.backoff import TRIES_MAX
from payseal.storage.dynamodb.item import BUCKETS, FADES_AFTER_S, family, key_of
from tests.servers.dynamodb import server
from tests.servers.dynamodb_proxy import THROTTLED, Cut, Proxy, error, proxy
from tests.storage.dynamo import new_table, store_of
from tests.storage.things import (
    AT,
    HOME,
    KINDS,
    Thing,
    all_events,
    later,
    mint,
    plain,
    put,
    thing,
    told,
)

WRITES = ("PutItem", "DeleteItem", "TransactWriteItems")


class Fading(Record, frozen=True):
    prefix, table, fades = "fad", "fadings", True

    when: datetime

    @property
    def due(self) -> datetime:
        return self.when


@pytest.fixture
async def table() -> str:
    return await new_table()


@pytest.fixture
async def direct(table: str) -> AsyncIterator[DynamoStore]:
    """Someone else's way to the same table."""
    async with store_of(table) as store:
        yield store


@pytest.fixture
async def way() -> AsyncIterator[tuple[Proxy, str]]:
    async with proxy(server().endpoint) as way:
        yield way


@pytest.fixture
def between(way: tuple[Proxy, str]) -> Proxy:
    return way[0]


@pytest.fixture
async def store(table: str, way: tuple[Proxy, str]) -> AsyncIterator[DynamoStore]:
    async with store_of(table, [*KINDS, Fading], endpoint=way[1]) as store:
        way[0].calls.clear()
        yield store


def on_writes(*said):
    """What is said to the first writes, one after the other; functions are called first."""
    waiting = list(said)

    async def rule(name, _):
        if name not in WRITES or not waiting:
            return None
        now = waiting.pop(0)
        return await now() if asyncio.iscoroutinefunction(now) else now

    return rule


async def raw(store: DynamoStore, record: Record) -> dict:
    return await store._reading.item(record.id)


# What is read, and what it costs.


async def test_what_is_decided_on_is_read_consistently(store: DynamoStore, between: Proxy):
    await put(store, one := thing(parent=plain().id, when=AT))
    await store.get(Thing, one.id)
    await store.get_many(Thing, [one.id])
    await store.page(Thing, HOME)
    assert between.named("GetItem")[-1]["ConsistentRead"] is True
    assert all(
        w["ConsistentRead"] for w in between.named("BatchGetItem")[-1]["RequestItems"].values()
    )
    assert between.named("Query")[-1]["ConsistentRead"] is True
    await store.page(Thing, HOME, of=one.parent)
    assert "ConsistentRead" not in between.named("Query")[-1]  # an index has none
    assert all(
        w["ConsistentRead"] for w in between.named("BatchGetItem")[-1]["RequestItems"].values()
    )


async def test_one_change_alone_needs_no_transaction_and_a_check_no_write(
    store: DynamoStore, between: Proxy
):
    await put(store, one := thing())
    await store.commit(Update(one.add()))
    await store.commit(Check(one.add()))
    await store.commit(Check(Thing(id=thing().id, version=0)))
    with pytest.raises(Stale):
        await store.commit(Check(one))
    await store.commit(Delete(one.add()))
    assert [name for name, _ in between.calls if name in WRITES] == [
        "PutItem",
        "PutItem",
        "DeleteItem",
    ]
    await store.commit(Insert(one), told(one))
    assert len(between.named("TransactWriteItems")) == 1


async def test_no_token_is_sent_that_is_forgotten_after_ten_minutes(
    store: DynamoStore, between: Proxy
):
    await store.commit(Insert(one := thing()), told(one))
    (wishes,) = between.named("TransactWriteItems")
    assert set(wishes) == {"TransactItems"}


async def test_what_is_not_due_and_no_child_costs_no_index(store: DynamoStore):
    await put(store, bare := thing(), full := thing(parent=plain().id, when=later(5)))
    assert set(await raw(store, bare)) == {"p", "s", "v", "b", "x"}
    item = await raw(store, full)
    assert set(item) == {"p", "s", "v", "b", "x", "o", "d", "w"}
    assert item["o"] == {"S": family(HOME, full.parent)}
    assert len(item["x"]["B"]) == 8


async def test_what_is_due_is_spread_over_the_buckets_and_found_in_all_of_them(store: DynamoStore):
    things = [thing(when=later(n)) for n in range(150)]
    for first in range(0, 150, 50):
        await store.commit(*map(Insert, things[first : first + 50]))
    buckets = {(await raw(store, one))["d"]["S"] for one in things}
    assert len(buckets) > BUCKETS // 2
    assert buckets <= {f"thg{n:02}" for n in range(BUCKETS)}
    assert await store.due(Thing, before=later(149)) == things
    assert await store.due(Thing, before=later(99), limit=30) == things[:30]


async def test_what_fades_is_left_to_the_ttl(store: DynamoStore):
    at = AT + timedelta(seconds=10, microseconds=1)
    await put(store, one := Fading(id=mint.id("fad", HOME, AT), when=at))
    item = await raw(store, one)
    assert set(item) == {"p", "s", "v", "b", "x", "t"}
    assert int(item["t"]["N"]) == int(AT.timestamp()) + 11 + FADES_AFTER_S  # seconds, rounded up
    assert await store.due(Fading, before=at) == []
    assert await store.get(Fading, one.id) == one


async def test_what_an_index_tells_too_late_is_not_believed(store: DynamoStore, between: Proxy):
    parent = plain().id
    await put(store, moved := thing(parent=parent, when=AT), gone := thing(parent=parent, when=AT))
    await put(store, kept := thing(parent=parent, when=AT))
    seen: list[dict] = []

    async def remember(name, _):
        return (lambda answer: seen.append(answer) or answer) if name == "Query" else None

    between.rule = remember
    assert await store.due(Thing, before=AT) != []
    due, seen = seen, []
    await store.page(Thing, HOME, of=parent)
    (children,) = seen
    await store.commit(Update(moved.move(parent=None, when=later(1))), Delete(gone))

    async def lag(name, wishes):
        if name != "Query":
            return None
        return lambda _: children if wishes["IndexName"] == "children" else due.pop()

    between.rule = lag
    assert await store.due(Thing, before=AT) == [kept]
    assert (await store.page(Thing, HOME, of=parent)).records == [kept]


async def test_a_list_of_more_than_one_answer_holds_is_read_on(store: DynamoStore, between: Proxy):
    things = [thing(later(n), name="x" * 200_000) for n in range(12)]
    await put(store, *things)
    assert (await store.page(Thing, HOME)).records == things
    assert len(between.named("Query")) > 1
    page = await store.page(Thing, HOME, limit=7, newest_first=True)
    assert page.records == things[:4:-1]
    assert await store.get_many(Thing, [one.id for one in things]) == things


async def test_keys_that_were_not_processed_are_asked_for_again(store: DynamoStore, between: Proxy):
    things = [thing() for _ in range(150)]
    for first in range(0, 150, 50):
        await store.commit(*map(Insert, things[first : first + 50]))
    table = store._table

    async def some(name, wishes):
        if name != "BatchGetItem":
            return None
        keys = wishes["RequestItems"][table]["Keys"]
        rest, keys[7:] = keys[7:], []
        left = {table: {**wishes["RequestItems"][table], "Keys": rest}} if rest else {}
        return lambda answer: answer | {"UnprocessedKeys": left}

    between.rule = some
    assert await store.get_many(Thing, [one.id for one in things]) == things
    assert max(len(w["RequestItems"][table]["Keys"]) for w in between.named("BatchGetItem")) <= 7


# Answers that do not come.

OURS = {
    "an insert": lambda old: [Insert(thing())],
    "an update": lambda old: [Update(old.add())],
    "an insert with its event": lambda old: [Insert(new := thing()), told(new)],
    "an update with its event": lambda old: [Update(old.add()), told(old.add())],
    "a delete with its event": lambda old: [Delete(old), told(old.add())],
    "a delete beside an insert": lambda old: [Delete(old), Insert(thing())],
    "a check beside an insert": lambda old: [Check(old), Insert(thing())],
}


@pytest.mark.parametrize("what", OURS)
@pytest.mark.parametrize("lost", Cut)
async def test_a_commit_whose_answer_was_lost_is_done_once(
    store: DynamoStore, direct: DynamoStore, between: Proxy, what: str, lost: Cut
):
    await put(direct, old := thing())
    changes = OURS[what](old)
    between.rule = on_writes(lost, lost)
    await store.commit(*changes)
    for change in changes:
        there = await direct.get(type(change.record), change.record.id)
        assert there == (None if isinstance(change, Delete) else change.record)
    tries = [wishes for name, wishes in between.calls if name in WRITES]
    assert len(tries) == 3
    assert tries[0] == tries[1] == tries[2]  # unchanged, the stamp too


async def test_our_event_tells_that_it_was_ours_though_others_went_on(
    store: DynamoStore, direct: DynamoStore, between: Proxy
):
    await put(direct, one := thing())

    async def go_on():
        await direct.commit(Update(one.add().add()))

    between.rule = on_writes(Cut.AFTER, go_on)
    await store.commit(Update(one.add()), told(one.add()))
    assert await direct.get(Thing, one.id) == one.add().add()
    assert len(await all_events(direct)) == 1


async def test_where_nothing_tells_whether_it_was_ours_that_is_said(
    store: DynamoStore, direct: DynamoStore, between: Proxy
):
    await put(direct, one := thing(), gone := thing())

    async def go_on():
        await direct.commit(Update(one.add().add()))

    between.rule = on_writes(Cut.AFTER, go_on)
    with pytest.raises(StoreError, match="nothing of it tells"):
        await store.commit(Update(one.add()))
    between.rule = on_writes(Cut.AFTER)
    with pytest.raises(StoreError, match="nothing of it tells"):
        await store.commit(Delete(gone))


async def test_who_lost_while_no_answer_came_hears_to_whom(
    store: DynamoStore, direct: DynamoStore, between: Proxy
):
    await put(direct, one := thing())

    async def be_faster():
        await direct.commit(Update(one.add(7)))
        return Cut.BEFORE

    between.rule = on_writes(be_faster)
    with pytest.raises(Stale) as raised:
        await store.commit(Insert(new := thing()), Update(one.add()), told(new))
    assert raised.value.change.record == one.add()
    assert await direct.get(Thing, new.id) is None
    assert await all_events(direct) == []


async def test_a_commit_of_which_neither_answer_nor_trace_can_be_had_is_never_called_undone(
    store: DynamoStore, between: Proxy
):
    calls = 0

    async def rule(name: str, _: object) -> Cut | tuple[int, dict[str, object]] | None:
        nonlocal calls
        if name.startswith("Batch"):
            return THROTTLED
        calls += 1
        return Cut.AFTER if calls == 1 else None

    between.rule = rule
    with pytest.raises(StoreError, match="did not say whether"):
        await put(store, thing())


async def test_who_never_hears_whether_it_committed_says_so(store: DynamoStore, between: Proxy):
    between.rule = on_writes(*[error("InternalServerError", 500)] * 99)
    with pytest.raises(StoreError, match="did not say whether"):
        await put(store, thing())
    assert len(between.named("PutItem")) == TRIES_MAX


# No room.

NOT_NOW = {
    "throttled": THROTTLED,
    "throttled in another word": error("ThrottlingException"),
    "too many requests": error("RequestLimitExceeded"),
    "an item throttled": error(
        "TransactionCanceledException",
        CancellationReasons=[{"Code": "None"}, {"Code": "ThrottlingError"}],
    ),
    "a conflict": error(
        "TransactionCanceledException",
        CancellationReasons=[{"Code": "TransactionConflict"}, {"Code": "None"}],
    ),
}


@pytest.mark.parametrize("why", NOT_NOW)
async def test_what_is_refused_for_now_is_tried_again(store: DynamoStore, between: Proxy, why: str):
    between.rule = on_writes(*[NOT_NOW[why]] * 3)
    await store.commit(Insert(one := thing()), told(one))
    assert await store.get(Thing, one.id) == one
    assert len(between.named("TransactWriteItems")) == 4


async def test_a_conflict_with_a_transaction_is_no_loss_for_a_change_alone(
    store: DynamoStore, between: Proxy
):
    between.rule = on_writes(error("TransactionConflictException"))
    await put(store, one := thing())
    assert await store.get(Thing, one.id) == one


async def test_a_change_that_lost_is_named_beside_one_in_conflict(
    store: DynamoStore, between: Proxy
):
    reasons = [{"Code": "TransactionConflict"}, {"Code": "ConditionalCheckFailed"}]
    between.rule = on_writes(error("TransactionCanceledException", CancellationReasons=reasons))
    with pytest.raises(Taken) as raised:
        await store.commit(Insert(thing()), Insert(second := thing()))
    assert raised.value.change.record == second


async def test_where_there_is_no_room_for_long_that_is_said_and_nothing_is_done(
    store: DynamoStore, direct: DynamoStore, between: Proxy
):
    async def rule(*_):
        return THROTTLED

    between.rule = rule
    outcomes = await asyncio.gather(
        store.commit(Insert(one := thing()), told(one)),
        store.get(Thing, one.id),
        store.get_many(Thing, [one.id]),
        store.page(Thing, HOME),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [Busy] * 4
    assert len(between.named("TransactWriteItems")) == TRIES_MAX
    assert await direct.get(Thing, one.id) is None


async def test_under_load_with_every_third_call_refused_nothing_acknowledged_is_lost(
    store: DynamoStore, direct: DynamoStore, between: Proxy
):
    """And every seventh is cut off after it was done."""
    count = 0

    async def rule(*_):
        nonlocal count
        count += 1
        return THROTTLED if count % 3 == 0 else Cut.AFTER if count % 7 == 0 else None

    between.rule = rule
    things = [thing() for _ in range(150)]

    async def make(one: Thing) -> None:
        await store.commit(Insert(one), told(one))
        await store.commit(Update(one.add()), told(one.add()))

    outcomes = await asyncio.gather(*map(make, things), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {type(None), Busy, StoreError}
    assert outcomes.count(None) > 140
    there = await direct.get_many(Thing, [one.id for one in things])
    for one, outcome, found in zip(things, outcomes, there, strict=True):
        assert outcome is not None or found == one.add()
    moves = [(event.resource, event.seq) for event in await all_events(direct)]
    assert sorted(moves) == sorted(
        (one.id, seq) for one in there if one for seq in range(1, one.version + 1)
    )


async def test_a_refusal_for_good_is_not_tried_again(store: DynamoStore, between: Proxy):
    async def rule(*_):
        return error("AccessDeniedException")

    between.rule = rule
    for call in (put(store, thing()), store.get(Thing, thing().id), store.page(Thing, HOME)):
        between.calls.clear()
        with pytest.raises(StoreError, match="AccessDenied"):
            await call
        assert len(between.calls) == 1


async def test_where_nobody_listens_nothing_was_done(table: str):
    async with proxy(server().endpoint) as (_, address):
        store = await store_of(table, endpoint=address).open()
    try:
        with pytest.raises(Busy):
            await store.get(Thing, thing().id)  # over a connection that was there before
        with pytest.raises(Busy, match="out of reach"):
            await put(store, thing())
    finally:
        await store.close()


async def test_a_commit_larger_than_a_transaction_may_be_is_a_bug(store: DynamoStore):
    with pytest.raises(AssertionError, match="a commit is too large"):
        await store.commit(*(Insert(thing(name="x" * 250_000)) for _ in range(20)))


async def test_a_closed_store_says_so(table: str):
    store = store_of(table)
    for _ in range(2):
        for call in (store.get(Thing, "x"), store.commit(Insert(thing())), store.page(Thing, HOME)):
            with pytest.raises(AssertionError, match="not open"):
                await call
        await store.open()
        await store.close()
        await store.close()


async def test_keys_are_found_again(store: DynamoStore):
    one = thing()
    assert key_of(one.id) == {"p": {"S": HOME}, "s": {"S": "thg" + one.id[18:]}}
