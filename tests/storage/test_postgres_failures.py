"""PostgreSQL used by several processes, restarted, restored; its connections killed or used up."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from payseal.core.event import Event
from payseal.core.store import Busy, Insert
from payseal.storage.postgres import NotMigrated, PostgresStore, migrate, raise_epoch
from tests.servers.postgres import PostgresServer
from tests.storage.load import Load
from tests.storage.things import KINDS, Plain, Thing, all_events, plain, put, thing, told

ROOT = Path(__file__).parents[2]
KILLS_MIN, INSERTED_MIN = 30, 150


def _store(url: str) -> PostgresStore:
    return PostgresStore(url, KINDS, name="things", entropy=os.urandom)


async def _reader(store: PostgresStore, done: asyncio.Event) -> list[Event]:
    """The feed as it grows, to its end."""
    seen, cursor, (lane,) = [], "", await store.lanes()
    while True:
        over = done.is_set()
        batch = await store.feed(lane, cursor, limit=50)
        seen += batch.events
        cursor = batch.cursor
        if over and not batch.events:
            return seen
        await asyncio.sleep(0.01)


async def test_what_several_processes_commit_has_no_gaps_and_is_told_in_order(postgres_url: str):
    async with _store(postgres_url) as store:
        await put(store, *(things := [thing() for _ in range(8)]))
        children = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.storage.adder", postgres_url, "25",
                *(one.id for one in things), cwd=ROOT, stdout=subprocess.PIPE,
            )
            for _ in range(3)
        ]  # fmt: skip
        reading = asyncio.create_task(_reader(store, done := asyncio.Event()))
        said = [(await child.communicate())[0].decode().splitlines() for child in children]
        done.set()
        events = await reading
        assert [child.returncode for child in children] == [0, 0, 0]
        acknowledged: defaultdict[str, list[int]] = defaultdict(list)
        for line in itertools.chain(*said):
            id, version = line.split()
            acknowledged[id].append(int(version))
        assert sum(map(len, acknowledged.values())) > 500
        for one in things:
            now = await store.get(Thing, one.id)
            versions = list(range(2, now.version + 1))
            assert now.number == now.version - 1
            assert sorted(acknowledged[one.id]) == versions
            assert [event.seq for event in events if event.resource == one.id] == versions


@pytest.fixture
async def load(postgres_url: str) -> AsyncIterator[Load]:
    async with _store(postgres_url) as store:
        await put(store, *(counters := [thing() for _ in range(6)]))
        yield Load(store, counters)


@pytest.mark.parametrize("immediately", [True, False], ids=["immediately", "fast"])
async def test_a_restart_under_load_loses_nothing_and_doubles_nothing(
    load: Load, postgres_server: PostgresServer, immediately: bool
):
    running = asyncio.create_task(load.run(24))
    for _ in range(2):
        await asyncio.sleep(0.7)
        await asyncio.to_thread(postgres_server.restart, immediately=immediately)
    while len(load.inserted) < INSERTED_MIN:  # noqa: ASYNC110 - a load says nothing by itself
        await asyncio.sleep(0.1)
    load.is_over = True
    await running
    await load.check()


async def test_killed_server_processes_lose_nothing_and_double_nothing(
    load: Load, postgres_url: str
):
    chance = random.Random(7)
    killer = await asyncpg.connect(postgres_url)
    running = asyncio.create_task(load.run(24))
    kills = 0
    while kills < KILLS_MIN or len(load.inserted) < INSERTED_MIN:
        await asyncio.sleep(0.05)
        pids = await killer.fetch(
            "SELECT pid FROM pg_stat_activity"
            " WHERE application_name = 'payseal' AND datname = current_database()"
        )
        if pids:
            await killer.execute(f"SELECT pg_terminate_backend({chance.choice(pids)['pid']})")
            kills += 1
    load.is_over = True
    await running
    await killer.close()
    await load.check()


@pytest.fixture
def small_server() -> Iterator[PostgresServer]:
    with PostgresServer("max_connections = 8\nsuperuser_reserved_connections = 0") as server:
        yield server


async def test_a_server_without_free_connections_is_busy_and_later_it_is_not(
    small_server: PostgresServer,
):
    url = small_server.url()
    await migrate(url, KINDS, "things")
    async with _store(url) as store:
        await store.get(Thing, thing().id)  # it has one connection, to read
        crowd = [await asyncpg.connect(url) for _ in range(7)]
        with pytest.raises(asyncpg.TooManyConnectionsError):
            await asyncpg.connect(url)
        outcomes = await asyncio.gather(
            *(store.commit(Insert(plain())) for _ in range(10)), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes] == [Busy] * 10
        reads = await asyncio.gather(*(store.get(Thing, thing().id) for _ in range(10)))
        assert reads == [None] * 10  # over the one there is
        waiting = asyncio.gather(*(store.commit(Insert(plain())) for _ in range(10)))
        await asyncio.sleep(0.2)
        for connection in crowd:
            await connection.close()
        await waiting
        assert len((await store.page(Plain, plain().partition)).records) == 10


async def test_a_server_that_is_down_is_busy_and_nothing_was_done(
    postgres_url: str, postgres_server: PostgresServer
):
    async with _store(postgres_url) as store:
        await put(store, one := thing())
        await asyncio.to_thread(postgres_server.stop, immediately=True)
        try:
            calls = (store.commit(Insert(thing())), store.get(Thing, one.id))
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [Busy, Busy]
        finally:
            postgres_server.start()
        await put(store, thing())
        assert await store.get(Thing, one.id) == one


def _burn(server: PostgresServer, ids: int) -> None:
    """So many transaction ids are used up."""
    server.sql(
        "CREATE OR REPLACE PROCEDURE burn(n int) LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..n LOOP"
        " PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
    )
    server.sql(f"CALL burn({ids})")


async def test_a_restore_into_a_server_with_lower_transaction_ids_keeps_the_feed(
    postgres_server: PostgresServer, postgres_url: str, small_server: PostgresServer
):
    _burn(postgres_server, 5000)
    async with _store(postgres_url) as store:
        await store.commit(Insert(old := thing()), told(old))
        (lane,) = await store.lanes()
        cursor = (await store.feed(lane, "")).cursor
    dump = postgres_server.folder / "dump.sql"
    postgres_server.run("pg_dump", "--file", dump, postgres_url)
    dump.chmod(0o644)
    postgres_server.folder.chmod(0o755)
    url = small_server.url(small_server.database())
    small_server.run("psql", "-XqA", "-v", "ON_ERROR_STOP=1", "-f", dump, url)
    with pytest.raises(NotMigrated, match="restored from another server: run `payseal migrate`"):
        await _store(url).open()
    await migrate(url, KINDS, "things")
    async with _store(url) as store:
        assert (await store.feed(lane, cursor)).events == []
        await store.commit(Insert(new := thing()), told(new))
        assert [event.resource for event in (await store.feed(lane, cursor)).events] == [new.id]
        assert [event.resource for event in await all_events(store)] == [old.id, new.id]
        await migrate(url, KINDS, "things")  # raises nothing again
        behind = (await store.feed(lane, cursor)).cursor
        assert behind.startswith("2.")


async def test_a_raised_epoch_comes_behind_every_cursor_that_was_given(postgres_url: str):
    async with _store(postgres_url) as store:
        await store.commit(Insert(one := thing()), told(one))
        (lane,) = await store.lanes()
        ahead = "1.9999999.0"  # of what the restore to an earlier moment has taken back
        assert await raise_epoch(postgres_url, "things") == 2
        assert (await store.feed(lane, ahead)).events == []
        await store.commit(Insert(two := thing()), told(two))
        assert [event.resource for event in (await store.feed(lane, ahead)).events] == [two.id]
        assert [event.resource for event in await all_events(store)] == [one.id, two.id]


async def test_the_feed_goes_by_number_where_transaction_ids_gain_a_digit(
    small_server: PostgresServer,
):
    url = small_server.url()
    await migrate(url, KINDS, "things")
    now = int(small_server.sql("SELECT pg_current_xact_id()"))
    edge = 10 ** len(str(now))
    _burn(small_server, edge - now - 12)
    async with _store(url) as store:
        things = [thing() for _ in range(12)]
        for one in things:
            await store.commit(Insert(one), told(one))
        assert [event.resource for event in await all_events(store)] == [one.id for one in things]
    xids = small_server.sql("SELECT min(xid), max(xid) FROM things_rows.events").split("|")
    assert int(xids[0]) < edge <= int(xids[1])
