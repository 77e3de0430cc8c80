"""What SQLite promises beyond the contract: one server a file, others beside it, and its disk."""

from __future__ import annotations

import asyncio
import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from payseal.core.store import Busy, Insert, Stale, Taken, Update, deciding
from payseal.storage import InUse, NewerSchema, SqliteStore
from payseal.storage.table import SCHEMA, Table
from payseal.storage.writer import GROUP_MAX, WAITING_MAX
from tests.storage.things import HOME, KINDS, Plain, Thing, all_events, plain, put, thing, told


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "payseal.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    async with SqliteStore(path, KINDS, exclusive=True) as store:
        yield store


def _integrity(path: Path) -> object:
    return apsw.Connection(str(path)).pragma("integrity_check")


async def test_acknowledged_means_durable(store: SqliteStore):
    full = 2
    assert store._writing.pragma("synchronous") == full
    assert store._writing.pragma("journal_mode") == "wal"


async def test_a_second_server_on_one_file_is_refused_with_a_sentence(
    store: SqliteStore, path: Path
):
    with pytest.raises(InUse, match=r"payseal\.db is in use: .* as process [0-9]+\. Stop that one"):
        await SqliteStore(path, KINDS, exclusive=True).open()
    await put(store, one := thing())  # and the first goes on
    assert await store.get(Thing, one.id) == one


async def test_the_next_server_may_have_the_file_once_the_first_is_closed(path: Path):
    one = thing()
    async with SqliteStore(path, KINDS, exclusive=True) as store:
        await put(store, one)
    async with SqliteStore(path, KINDS, exclusive=True) as store:
        assert await store.get(Thing, one.id) == one


async def test_a_refused_open_leaves_the_lock_free(path: Path):
    apsw.Connection(str(path)).pragma("user_version", SCHEMA + 1)
    with pytest.raises(NewerSchema, match=f"schema is {SCHEMA + 1}, and this one knows {SCHEMA}"):
        await SqliteStore(path, KINDS, exclusive=True).open()
    apsw.Connection(str(path)).pragma("user_version", 0)
    async with SqliteStore(path, KINDS, exclusive=True):
        pass


async def test_only_the_owner_may_read_the_files(store: SqliteStore, path: Path):
    await put(store, thing())
    files = list(path.parent.iterdir())
    assert {file.name for file in files} >= {"payseal.db", "payseal.db-wal", "payseal.db.lock"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_a_command_commits_beside_the_server(store: SqliteStore, path: Path):
    await put(store, counter := thing())
    async with SqliteStore(path, KINDS) as command:
        await command.commit(Insert(new := thing()), told(new))
        assert await store.get(Thing, new.id) == new
        assert [event.resource for event in await all_events(store)] == [new.id]

        async def count(through: SqliteStore) -> None:
            one = (await through.get(Thing, counter.id)).add()
            await through.commit(Update(one), told(one))

        await asyncio.gather(
            *(deciding(count, through) for through in (store, command) for _ in range(8))
        )
        assert await store.get(Thing, counter.id) == await command.get(Thing, counter.id)
        assert (await store.get(Thing, counter.id)).number == 16
        assert await all_events(store) == await all_events(command)


async def test_while_another_process_writes_commits_wait_and_reads_do_not(
    store: SqliteStore, path: Path
):
    await put(store, one := thing())
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(store.commit(Insert(new := thing())))
    await asyncio.sleep(0.05)
    assert await store.get(Thing, one.id) == one
    assert (await store.page(Thing, HOME)).records == [one]
    other.execute("COMMIT")
    await waiting
    assert await store.get(Thing, new.id) == new


async def test_who_waits_too_long_for_another_process_hears_busy(store: SqliteStore, path: Path):
    store._writing.set_busy_timeout(20)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy, match="Another process"):
        await put(store, one := thing())
    other.execute("ROLLBACK")
    assert await store.get(Thing, one.id) is None
    await put(store, one)


async def test_those_who_lose_in_a_group_leave_the_others_be(store: SqliteStore):
    await put(store, there := thing(), old := thing())
    await store.commit(Update(old.add()))
    fine = [(thing(), plain()) for _ in range(64)]
    outcomes = await asyncio.gather(
        *(
            commit
            for a, b in fine
            for commit in (
                store.commit(Insert(a), Insert(b), told(a)),
                store.commit(told(a), Insert(thing()), Insert(there)),
                store.commit(Insert(thing()), Update(old.add(5))),
            )
        ),
        return_exceptions=True,
    )
    assert [type(o) for o in outcomes] == [type(None), Taken, Stale] * 64
    assert len((await store.page(Plain, HOME)).records) == 64
    assert len((await store.page(Thing, HOME)).records) == 64 + 2
    assert len(await all_events(store)) == 64


async def test_many_callers_share_one_transaction(store: SqliteStore):
    begun: list[str] = []
    store._writing.set_profile(lambda sql, _: begun.append(sql))
    await asyncio.gather(*(store.commit(Insert(thing())) for _ in range(GROUP_MAX)))
    assert begun.count("BEGIN IMMEDIATE") == 1
    assert begun.count("COMMIT") == 1


async def test_what_came_while_the_writer_was_busy_is_one_transaction(
    store: SqliteStore, path: Path
):
    begun: list[str] = []
    store._writing.set_profile(lambda sql, _: begun.append(sql))
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    waiting = []
    for _ in range(20):
        waiting.append(asyncio.create_task(put(store, thing())))
        await asyncio.sleep(0.001)
    other.execute("COMMIT")
    await asyncio.gather(*waiting)
    assert begun.count("COMMIT") == 2  # the first alone, then all the others


async def test_more_callers_than_can_wait_hear_busy(store: SqliteStore):
    one = thing()
    await put(store, one)
    await asyncio.gather(*(store.get(Thing, one.id) for _ in range(3)))
    outcomes = await asyncio.gather(
        *(store.commit(Insert(one)) for _ in range(WAITING_MAX + 10)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes[-10:]] == [Busy] * 10
    assert {type(outcome) for outcome in outcomes[:-10]} == {Taken}
    await put(store, thing())


async def test_closing_finishes_what_is_queued(path: Path):
    things = [thing() for _ in range(500)]
    async with SqliteStore(path, KINDS) as store:
        tasks = [asyncio.create_task(put(store, one)) for one in things]
        await asyncio.sleep(0)
    assert await asyncio.gather(*tasks) == [None] * 500
    async with SqliteStore(path, KINDS) as store:
        ids = [one.id for one in things]
        assert await store.get_many(Thing, ids) == things
    assert _integrity(path) == "ok"


async def test_a_closed_store_says_so(path: Path):
    store = SqliteStore(path, KINDS)
    for _ in range(2):
        for call in (store.get(Thing, "x"), store.commit(Insert(thing())), store.page(Thing, HOME)):
            with pytest.raises(AssertionError, match="not open"):
                await call
        await store.open()
        await store.close()
        await store.close()


async def test_a_new_kind_gets_its_table_in_an_old_file(path: Path):
    async with SqliteStore(path, [Plain]) as store:
        await put(store, one := plain())
    async with SqliteStore(path, KINDS) as store:
        await put(store, thing())
        assert await store.get(Plain, one.id) == one


async def test_every_list_is_found_by_an_index(store: SqliteStore):
    table = Table(Thing)
    lists = [table.get, table.due, table.feed] + [
        table.page(children=children, newest_first=newest_first)
        for children in (False, True)
        for newest_first in (False, True)
    ]
    for sql in lists:
        values = (1,) * sql.count("?")
        plan = " ".join(
            row[3] for row in store._writing.execute(f"EXPLAIN QUERY PLAN {sql}", values)
        )
        assert re.fullmatch(r"SEARCH things USING [^()]+ \([^()]+\)", plan), plan


async def test_the_numbers_of_events_are_never_given_twice(store: SqliteStore, path: Path):
    await store.commit(Insert(one := thing()), told(one))
    (lane,) = await store.lanes()
    cursor = (await store.feed(lane, "")).cursor
    apsw.Connection(str(path)).execute("DELETE FROM events")  # an archive took it
    await store.commit(Insert(two := thing()), told(two))
    assert [event.resource for event in (await store.feed(lane, cursor)).events] == [two.id]


async def test_those_who_were_told_together_are_waited_for(store: SqliteStore):
    commits = []
    store._writing.set_commit_hook(lambda: bool(commits.append(1)))
    await asyncio.gather(*(store.commit(Insert(thing())) for _ in range(8)))
    assert len(commits) == 1

    async def late(turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        await store.commit(Insert(thing()))

    await asyncio.gather(*map(late, range(8)))  # each in another turn of the loop
    assert len(commits) == 2
    await store.commit(Insert(thing()))
    assert len(commits) == 3
