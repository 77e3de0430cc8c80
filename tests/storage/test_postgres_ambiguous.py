"""A commit whose connection is lost: it was done or not, and ends as done once or not at all."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from payseal.core.store import Delete, Insert, Stale, StoreError, Taken, Update
from payseal.storage.postgres import PostgresStore
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Proxy
from tests.storage.load import Load
from tests.storage.things import HOME, KINDS, Plain, Thing, all_events, plain, put, thing, told

LOSSES_MIN, INSERTED_MIN = 60, 150


@pytest.fixture
async def other(postgres_url: str) -> AsyncIterator[PostgresStore]:
    """Another process, whose connections are good."""
    async with PostgresStore(postgres_url, KINDS, name="things", entropy=os.urandom) as store:
        yield store


@pytest.fixture
async def proxy(postgres_server: PostgresServer) -> AsyncIterator[Proxy]:
    async with Proxy(postgres_server.port) as proxy:
        yield proxy


@pytest.fixture
async def store(
    postgres_url: str, postgres_server: PostgresServer, proxy: Proxy
) -> AsyncIterator[PostgresStore]:
    """Behind the proxy; its connections are warm, so that the next request is the commit."""
    url = postgres_url.replace(str(postgres_server.port), str(proxy.port))
    async with PostgresStore(url, KINDS, name="things", entropy=os.urandom) as store:
        for _ in range(2):
            await asyncio.gather(*(put(store, plain()) for _ in range(4)))
        yield store


@pytest.mark.parametrize("lose", ["request", "answer"])
async def test_a_commit_whose_connection_is_lost_is_done_once(
    store: PostgresStore, proxy: Proxy, lose: str
):
    await put(store, old := thing(), gone := plain())
    for changes in (
        (Insert(new := thing()), told(new)),
        (Update(old.add()), told(old.add()), Delete(gone)),
        (Insert(thing()),),
        (Update(old.add().add()),),
    ):
        proxy.lose = lose
        await store.commit(*changes)
        assert proxy.lose == "", "nothing was lost"
    assert (await store.get(Thing, old.id)).version == 3
    assert len(await all_events(store)) == 2
    assert len((await store.page(Thing, HOME)).records) == 3


async def test_of_a_lost_group_each_hears_what_came_of_its_own(store: PostgresStore, proxy: Proxy):
    await put(store, there := thing())
    things = [thing() for _ in range(20)]
    proxy.lose = "answer"
    outcomes = await asyncio.gather(
        *(store.commit(Insert(one), told(one)) for one in things),
        store.commit(Insert(there), told(there)),
        store.commit(Update(there.add().add())),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None)] * 20 + [Taken, Stale]
    assert len(await all_events(store)) == 20


@asynccontextmanager
async def _cut_off(
    proxy: Proxy, commit: Awaitable[None], is_done: Callable[[], Awaitable[bool]]
) -> AsyncIterator[asyncio.Future[None]]:
    """The commit is done, and its answer lost; it cannot ask again before the block's end."""
    proxy.lose, proxy.is_down = "answer", True
    committing = asyncio.ensure_future(commit)
    while not await is_done():  # noqa: ASYNC110 - the server does not tell us
        await asyncio.sleep(0.01)
    yield committing
    proxy.is_down = False


async def test_an_event_tells_that_a_commit_was_ours_whatever_became_of_its_records(
    store: PostgresStore, other: PostgresStore, proxy: Proxy
):
    one = thing()

    async def is_done() -> bool:
        return await other.get(Thing, one.id) is not None

    async with _cut_off(proxy, store.commit(Insert(one), told(one)), is_done) as committing:
        await other.commit(Delete(one))
    await committing
    assert await other.get(Thing, one.id) is None
    assert len(await all_events(other)) == 1


async def test_what_nothing_can_tell_any_more_is_said_so(
    store: PostgresStore, other: PostgresStore, proxy: Proxy
):
    one = thing()

    async def is_done() -> bool:
        return await other.get(Thing, one.id) is not None

    async with _cut_off(proxy, store.commit(Insert(one)), is_done) as committing:
        await other.commit(Update(one.add()))
    with pytest.raises(StoreError, match="may have been done or not"):
        await committing


async def test_another_who_did_the_same_meanwhile_is_not_taken_for_us(
    store: PostgresStore, other: PostgresStore, proxy: Proxy
):
    """Their rows are equal to ours, but for the stamp."""
    await put(store, old := thing())
    for changes, error in (
        ((Insert(one := plain()),), Taken),
        ((Update(old.add()), told(old.add())), Stale),
    ):
        proxy.lose, proxy.is_down = "request", True
        committing = asyncio.create_task(store.commit(*changes))
        await asyncio.sleep(0.1)
        await other.commit(*changes)
        proxy.is_down = False
        with pytest.raises(error):
            await committing
    assert await store.get(Plain, one.id) == one


async def test_what_arrives_after_it_was_given_up_does_nothing(
    store: PostgresStore, other: PostgresStore, proxy: Proxy
):
    """The server process behind a lost connection is ended before anything is said."""
    await put(other, place := plain())
    proxy.lose = "late"
    with pytest.raises(Taken):
        await store.commit(Insert(place), told(place))
    await other.commit(Delete(place))
    await proxy.deliver()
    assert await other.get(Plain, place.id) is None
    assert await all_events(other) == []


async def test_the_event_of_another_tells_that_it_was_not_ours(
    store: PostgresStore, other: PostgresStore, proxy: Proxy
):
    one = thing()
    proxy.lose, proxy.is_down = "request", True
    committing = asyncio.create_task(store.commit(Insert(one), told(one)))
    await asyncio.sleep(0.1)
    await other.commit(Insert(one), told(one))
    await other.commit(Update(one.add()))
    proxy.is_down = False
    with pytest.raises(Taken):
        await committing


async def test_a_network_that_loses_requests_and_answers_loses_and_doubles_no_commit(
    store: PostgresStore, proxy: Proxy
):
    await put(store, *(counters := [thing() for _ in range(6)]))
    load, chance = Load(store, counters), random.Random(11)
    running = asyncio.create_task(load.run(24))
    losses = 0
    while losses < LOSSES_MIN or len(load.inserted) < INSERTED_MIN:
        await asyncio.sleep(chance.uniform(0, 0.05))
        if not proxy.lose:
            proxy.lose = chance.choice(("request", "answer"))
            losses += 1
    load.is_over = True
    await running
    proxy.lose = ""
    await load.check()
