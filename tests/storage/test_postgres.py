"""What PostgreSQL promises beyond the contract: many processes and stores on one server."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from payseal.core.event import Event
from payseal.core.record import Record
from payseal.core.store import Busy, Check, Insert, Stale, StoreError, Taken, Update, deciding
from payseal.storage.postgres import NewerSchema, NotDurable, NotMigrated, PostgresStore, migrate
from payseal.storage.postgres.connection import LOCK_MS
from payseal.storage.postgres.schema import SCHEMA
from payseal.storage.postgres.writer import WAITING_MAX
from tests.servers.postgres import PostgresServer
from tests.storage.things import KINDS, Thing, all_events, plain, put, thing, told

Sql = Callable[[str], str]


def _store(url: str, kinds=KINDS, name: str = "things") -> PostgresStore:
    return PostgresStore(url, kinds, name=name, entropy=os.urandom)


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    async with _store(postgres_url) as store:
        yield store


@pytest.fixture
def sql(postgres_server: PostgresServer, postgres_url: str) -> Sql:
    """In the database of the test, as its owner."""
    return lambda text: postgres_server.sql(text, postgres_url.rpartition("/")[2])


@pytest.fixture
async def person(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Someone at a prompt."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


# What it opens


async def test_a_database_without_the_store_is_refused_with_a_sentence(postgres_url: str):
    with pytest.raises(NotMigrated, match="has no payments yet: run `payseal migrate` first"):
        await _store(postgres_url, name="payments").open()


async def test_a_database_of_an_older_version_is_refused_until_it_is_migrated(
    postgres_url: str,
):
    class Newer(Record, frozen=True):
        prefix, table = "nwr", "newers"

    async with _store(postgres_url) as store:
        await put(store, one := thing())
        with pytest.raises(NotMigrated, match="by an older Payseal"):
            await _store(postgres_url, [Newer, *KINDS]).open()
        await migrate(postgres_url, [Newer, *KINDS], "things")
        async with _store(postgres_url, [Newer, *KINDS]) as newer:
            await put(newer, Newer(id=one.id.replace("thg", "nwr")))
            assert await newer.get(Thing, one.id) == one
            await put(store, two := thing())  # the older one goes on beside it
            assert await newer.get(Thing, two.id) == two
        assert await migrate(postgres_url, KINDS, "things") == SCHEMA
        async with _store(postgres_url, [Newer, *KINDS]) as newer:
            await put(newer, thing())


async def test_a_database_of_a_newer_version_is_left_alone(postgres_url: str, sql: Sql):
    sql(f"UPDATE things_rows.schema SET version = {SCHEMA + 1}")
    for use in (_store(postgres_url).open(), migrate(postgres_url, KINDS, "things")):
        with pytest.raises(NewerSchema, match=f"is {SCHEMA + 1}, and this one knows {SCHEMA}"):
            await use


@pytest.mark.parametrize("setting", ["synchronous_commit", "fsync", "full_page_writes"])
async def test_a_server_that_may_forget_is_refused(
    postgres_url: str, postgres_server: PostgresServer, setting: str
):
    postgres_server.set(setting, "off")
    try:
        with pytest.raises(NotDurable, match=f"{setting} is off, so that it may forget"):
            await _store(postgres_url).open()
    finally:
        postgres_server.set(setting, "on")


async def test_a_server_that_is_not_there_is_said_so(postgres_url: str):
    nowhere = postgres_url.replace("127.0.0.1", "127.0.0.2")
    with pytest.raises(StoreError, match=r"The database cannot be used: .*Connect"):
        await _store(nowhere).open()


async def test_a_closed_store_says_so(postgres_url: str):
    store = _store(postgres_url)
    for _ in range(2):
        for call in (store.get(Thing, thing().id), store.commit(Insert(thing()))):
            with pytest.raises(AssertionError, match="not open"):
                await call
        await store.open()
        await store.close()
        await store.close()


async def test_closing_finishes_what_is_queued(postgres_url: str):
    store = await _store(postgres_url).open()
    things = [thing() for _ in range(500)]
    tasks = [asyncio.create_task(store.commit(Insert(one), told(one))) for one in things]
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.gather(*tasks) == [None] * 500
    async with _store(postgres_url) as store:
        assert await store.get_many(Thing, [one.id for one in things]) == things


# Laying it out


async def test_many_who_migrate_at_once_do_no_harm(postgres_server: PostgresServer):
    database = postgres_server.database()
    url = postgres_server.url(database)
    assert (
        await asyncio.gather(*(migrate(url, KINDS, name) for name in ("one", "two") * 5))
        == [SCHEMA] * 10
    )
    async with _store(url, name="one") as one, _store(url, name="two") as two:
        await put(one, thing())
        await put(two, thing())
    postgres_server.drop(database)


async def test_commits_go_on_while_it_is_migrated(postgres_url: str, store: PostgresStore):
    async def migrations() -> None:
        for _ in range(5):
            await migrate(postgres_url, KINDS, "things")

    migrating = asyncio.create_task(migrations())
    count = 0
    while not migrating.done():
        await asyncio.gather(*(store.commit(Insert(one := thing()), told(one)) for _ in range(20)))
        count += 20
    await migrating
    assert len(await all_events(store)) == count


async def test_two_stores_live_in_one_database_and_do_not_see_each_other(postgres_url: str):
    await migrate(postgres_url, KINDS, "others")
    one = thing()
    async with _store(postgres_url) as store, _store(postgres_url, name="others") as other:
        await store.commit(Insert(one), told(one))
        assert await other.get(Thing, one.id) is None
        assert await all_events(other) == []
        await other.commit(Insert(one), told(one))
        assert len(await all_events(store)) == len(await all_events(other)) == 1


# How it commits and reads


async def test_a_group_is_one_transaction(store: PostgresStore, sql: Sql):
    await asyncio.gather(*(store.commit(Insert(one := thing()), told(one)) for _ in range(120)))
    assert int(sql("SELECT count(DISTINCT xid) FROM things_rows.events")) <= 4


async def test_text_that_it_cannot_hold_fails_for_its_caller_only(store: PostgresStore):
    things = [thing(name="a\0b" if n == 7 else "a") for n in range(30)]
    outcomes = await asyncio.gather(
        *(store.commit(Insert(one), told(one)) for one in things), return_exceptions=True
    )
    failed = outcomes.pop(7)
    assert isinstance(failed, StoreError)
    assert "unsupported Unicode escape sequence" in str(failed)
    assert outcomes == [None] * 29
    assert len(await all_events(store)) == 29


async def test_who_waits_too_long_for_a_row_is_stale_and_harms_nobody(
    store: PostgresStore, person: asyncpg.Connection
):
    await put(store, *(held := [thing() for _ in range(20)]), free := thing())
    new = [thing() for _ in range(20)]
    async with person.transaction():
        ids = [one.id for one in held]
        await person.execute("SELECT FROM things_rows.things WHERE id = ANY($1) FOR UPDATE", ids)
        since = time.monotonic()
        outcomes = await asyncio.gather(
            *(store.commit(Update(one.add()), told(one.add())) for one in held),
            *(store.commit(Insert(one), told(one)) for one in new),
            store.commit(Update(free.add())),
            return_exceptions=True,
        )
        took_s = time.monotonic() - since
    assert [type(outcome) for outcome in outcomes] == [Stale] * 20 + [type(None)] * 21
    assert took_s < 10 * LOCK_MS / 1000
    assert await store.get_many(Thing, ids) == held
    await store.commit(Update(held[0].add()))


async def test_who_waits_too_long_to_insert_is_stale_not_taken(
    store: PostgresStore, person: asyncpg.Connection
):
    things = [thing() for _ in range(20)]
    async with person.transaction():
        for one in things:
            await person.execute(
                "INSERT INTO things_rows.things VALUES (NULL, 0, 1, $1, NULL, '{}')", one.id
            )
        since = time.monotonic()
        outcomes = await asyncio.gather(
            *(store.commit(Insert(one)) for one in things), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes] == [Stale] * 20
        assert time.monotonic() - since < 10 * LOCK_MS / 1000
        await person.execute("DELETE FROM things_rows.things")
    await asyncio.gather(*(store.commit(Insert(one)) for one in things))


async def test_that_nothing_is_there_stays_so_beside_the_commit(postgres_url: str):
    """Two processes, each checks that what the other inserts is not there: one of them loses."""
    async with _store(postgres_url) as one, _store(postgres_url) as two:
        for _ in range(30):
            a, b = thing(), thing()
            outcomes = await asyncio.gather(
                one.commit(Check(Thing(id=a.id, version=0)), Insert(b)),
                two.commit(Check(Thing(id=b.id, version=0)), Insert(a)),
                return_exceptions=True,
            )
            assert outcomes.count(None) <= 1
            assert {type(outcome) for outcome in outcomes} <= {type(None), Stale, Taken}
            there = await one.get_many(Thing, [a.id, b.id])
            assert there.count(None) == 2 - outcomes.count(None)


async def test_groups_of_two_processes_take_rows_in_one_order(postgres_url: str, sql: Sql):
    """So they wait for each other, but never in a circle."""
    database = postgres_url.rpartition("/")[2]
    sql(f"ALTER DATABASE {database} SET deadlock_timeout = '5ms'")
    async with _store(postgres_url) as one, _store(postgres_url) as two:
        await put(one, *(things := [thing() for _ in range(60)]))
        for _ in range(10):
            things = await one.get_many(Thing, [each.id for each in things])
            low, middle, high = things[:20], things[20:40], things[40:]
            outcomes = await asyncio.gather(
                *(
                    one.commit(Update(a.add()), Update(b.add()))
                    for a, b in zip(low, high, strict=True)
                ),
                *(one.commit(Update(a.add())) for a in middle),
                *(two.commit(Update(a.add())) for a in [*middle, *high]),
                return_exceptions=True,
            )
            assert outcomes.count(None) == 40  # whoever was first
    await asyncio.sleep(0.1)
    assert sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == "0"


async def test_a_deadlock_with_a_person_is_lost_by_one_and_the_group_goes_on(
    store: PostgresStore, person: asyncpg.Connection
):
    await put(store, a := thing(), b := thing())
    first, second = sorted((a, b), key=lambda one: one.id)
    update = "UPDATE things_rows.things SET due = 1 WHERE id = $1"
    async with person.transaction():
        await person.execute(update, second.id)
        committing = asyncio.gather(
            store.commit(Update(first.add()), Update(second.add())),
            *(store.commit(Insert(thing())) for _ in range(10)),
            return_exceptions=True,
        )
        await asyncio.sleep(0.05)
        await person.execute(update, first.id)
        lost, *others = await committing
    assert isinstance(lost, Stale)
    assert others == [None] * 10


async def test_every_list_is_found_by_an_index(postgres_url: str, person: asyncpg.Connection):
    """And read no further than its limit."""
    async with _store(postgres_url) as store:
        await store.get(Thing, thing().id)
        connection = store._reading._idle[0]
        table, events = store._tables[Thing], store._tables[Event]
        one = thing()
        pages = [
            (table.page(children=children, newest_first=newest), values)
            for children, values in ((False, []), (True, [one.id]))
            for newest in (False, True)
        ]
        reads = [
            (table.get, [one.id], "pkey"),
            (table.get_many, [[one.id]], "pkey"),
            (table.due, [1, 10], "due"),
            (events.feed, [1, "1", 1, 10], "feed"),
            *(
                (sql, [one.id, one.id, "", 10, *more], "parent" if more else "pkey")
                for sql, more in pages
            ),
        ]
        for sql, values, index in reads:
            explained = await connection.fetch(f"EXPLAIN {_filled(sql, values)}")
            plan = "\n".join(row[0] for row in explained)
            assert re.search(rf"Index Scan (Backward )?using \w+_{index} on", plan), plan
            assert "Sort" not in plan, plan
            assert "Filter" not in plan or "Filter: (id <> ''" in plan, plan
            assert plan.count("Seq Scan") == (sql == events.feed), plan  # of the row with the epoch


def _filled(sql: str, values: list[object]) -> str:
    for n, value in reversed(list(enumerate(values, 1))):
        text = f"ARRAY['{value[0]}']" if isinstance(value, list) else f"'{value}'"
        sql = sql.replace(f"${n}", str(value) if isinstance(value, int) else text)
    return sql


async def test_too_many_waiting_are_told_to_come_again(store: PostgresStore):
    outcomes = await asyncio.gather(
        *(store.commit(Insert(plain())) for _ in range(WAITING_MAX + 10)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Busy) for outcome in outcomes) == 10
    assert outcomes.count(None) == WAITING_MAX


# The feed


async def test_what_may_still_be_committed_before_it_holds_the_feed_back(
    store: PostgresStore, person: asyncpg.Connection
):
    """Another's open transaction delays events, whoever it is; it never makes us miss them."""
    (lane,) = await store.lanes()
    await store.commit(Insert(one := thing()), told(one))
    cursor = (await store.feed(lane, "")).cursor
    async with person.transaction():
        await person.execute("SELECT pg_current_xact_id()")
        await store.commit(Insert(two := thing()), told(two))
        batch = await store.feed(lane, cursor)
        assert (batch.events, batch.cursor) == ([], cursor)
    assert [event.resource for event in (await store.feed(lane, cursor)).events] == [two.id]


async def test_readers_beside_two_processes_miss_nothing(postgres_url: str):
    async with _store(postgres_url) as one, _store(postgres_url) as two:
        await put(one, *(things := [thing() for _ in range(10)]))

        async def add(store: PostgresStore, id: str) -> None:
            now = (await store.get(Thing, id)).add()
            await store.commit(Update(now), told(now))

        async def read(done: asyncio.Event) -> list[tuple[str, int]]:
            seen, cursor, (lane,) = [], "", await one.lanes()
            while True:
                over = done.is_set()
                batch = await one.feed(lane, cursor, limit=7)
                seen += [(event.resource, event.seq) for event in batch.events]
                cursor = batch.cursor
                if over and not batch.events:
                    return seen

        reader = asyncio.create_task(read(done := asyncio.Event()))
        for n in range(60):
            ids = [things[(n + m) % 10].id for m in range(3)]
            await asyncio.gather(
                *(deciding(add, *each) for each in zip((one, two, one), ids, strict=True))
            )
        done.set()
        seen = await reader
    assert len(seen) == len(set(seen)) == 180
    for one_thing in things:
        assert [seq for id, seq in seen if id == one_thing.id] == list(range(2, 20))
