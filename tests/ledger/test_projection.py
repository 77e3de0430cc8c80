"""Balances: what the feed tells of is counted once, whoever dies and however often it is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from random import Random

import pytest

from payseal.core.event import Event, happened
from payseal.core.ids import Mode, value_id
from payseal.core.money import Currency, Money
from payseal.core.record import Record
from payseal.core.setback import Setback
from payseal.core.store import Checkpoint, Delete, Insert, Store
from payseal.ledger import Balance, Entry, balances, capture, counting, entries, give_back
from tests.ledger.conftest import ACCOUNT, AT, Payment, free, payment

WITHIN_S = 30  # a feed may lag
EUR, JPY = Currency.EUR, Currency.JPY


class Clerk:
    """Books captures and refunds, and counts them."""

    def __init__(self, store: Store) -> None:
        self.store, self.at, self.booked = store, AT, Counter[tuple[str, str]]()

    async def book(self, one: Payment, *refunds: int) -> None:
        entry = capture(one.id, one.operation, "bank", one.amount, free(one.amount), at=AT)
        told = happened("transaction.captured", one, self.at)
        await self.put(entry, told)
        for number, minor in enumerate(refunds, start=1):
            part, back = Money(minor, one.amount.currency), one.refund(number, self.at)
            entry = give_back(one.id, back.operation, "bank", part, at=self.at)
            await self.put(entry, happened("refund.succeeded", back, self.at))

    async def put(self, entry: Entry, told: Event) -> None:
        await self.store.commit(Insert(entry), Insert(told))
        for line in entry.lines:
            self.booked[line.account, line.amount.currency.value] += line.amount.minor

    def reader(self, name: str = "worker", store: Store | None = None):
        return counting(store or self.store, name, now=lambda: self.at)

    async def counted(self, shards: int = 1) -> Counter[tuple[str, str]]:
        found = await balances(self.store, ACCOUNT, Mode.LIVE, shards=shards)
        return Counter({(t.account, t.debits.currency.value): t.balance.minor for t in found})

    async def until_counted(self, reader, shards: int = 1) -> None:
        async with asyncio.timeout(WITHIN_S):
            while True:
                if not await reader.read() and await self.counted(shards) == self.booked:
                    return
                self.at += timedelta(seconds=1)  # what a dead worker held, or what rests, goes on
                await asyncio.sleep(0.01)


@pytest.fixture
def clerk(store: Store) -> Clerk:
    return Clerk(store)


async def test_balances_are_the_sum_of_what_was_booked(clerk: Clerk):
    await clerk.book(payment(1250), 250, 100)
    await clerk.book(payment(3, JPY))
    await clerk.until_counted(clerk.reader())
    assert await clerk.counted() == {
        ("clearing:bank", "EUR"): 900,
        ("clearing:bank", "JPY"): 3,
        ("payable", "EUR"): -1250,
        ("payable", "JPY"): -3,
        ("refunds", "EUR"): 350,
    }
    (clearing, *_) = await balances(clerk.store, ACCOUNT, Mode.LIVE)
    assert (str(clearing.debits), str(clearing.credits)) == ("12.50", "3.50")


async def test_more_than_fits_a_commit_is_counted_in_several(clerk: Clerk):
    one = payment(100_000)
    await clerk.book(one, *range(1, 120))  # all of one transaction, at one moment
    for minor in range(1, 120):
        await clerk.book(payment(minor, at=AT + timedelta(milliseconds=minor * 20)))
    await clerk.until_counted(clerk.reader())


async def test_what_is_told_again_is_not_counted_again(clerk: Clerk):
    await clerk.book(payment(1250), 250)
    await clerk.until_counted(clerk.reader())
    for lane in await clerk.store.lanes():
        id = value_id(Checkpoint.prefix, "ledger", lane.id)
        if (checkpoint := await clerk.store.get(Checkpoint, id)) is not None:
            await clerk.store.commit(Delete(checkpoint))
    await clerk.book(payment(5))
    await clerk.until_counted(clerk.reader("another"))
    found = await balances(clerk.store, ACCOUNT, Mode.LIVE)
    assert [str(total.balance) for total in found] == ["10.05", "-12.55", "2.50"]


async def test_shards_are_counted_apart_and_shown_as_one(clerk: Clerk):
    for shard in range(3):
        await clerk.book(payment(100 + shard, shard=shard))
    await clerk.until_counted(clerk.reader(), shards=3)
    assert (await clerk.counted(3))["payable", "EUR"] == -303
    assert (await clerk.counted(1))["payable", "EUR"] == -100
    page = await entries(clerk.store, ACCOUNT, Mode.LIVE, shards=3)
    assert len(page.records) == 3
    assert await balances(clerk.store, ACCOUNT, Mode.TEST, shards=3) == []


@pytest.mark.parametrize("seed", range(3))
async def test_workers_that_die_at_any_moment_count_everything_once(clerk: Clerk, seed: int):
    random, started, tasks = Random(seed), 0, []

    async def work(reader) -> None:
        while True:
            await reader.read()
            await asyncio.sleep(0)

    for round in range(12):
        while len(tasks) < 2:
            started += 1
            tasks.append(asyncio.create_task(work(clerk.reader(f"worker {started}"))))
        await asyncio.gather(*(clerk.book(payment(random.randrange(1, 999)), 1) for _ in range(5)))
        for _ in range(random.randrange(30)):
            await asyncio.sleep(0)
        if round % 2:
            dying = tasks.pop(random.randrange(2))
            dying.cancel()
            await asyncio.gather(dying, return_exceptions=True)
            clerk.at += timedelta(seconds=20)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    clerk.at += timedelta(seconds=60)
    await clerk.until_counted(clerk.reader("last"))


async def test_two_who_make_the_first_balance_at_one_moment_lose_nothing(clerk: Clerk):
    """Two lanes of one partition, or a lane and the one who tries a setback again."""
    await clerk.book(payment(1250))
    slow = Meanwhile(clerk.store, clerk)
    await clerk.reader("first", slow).read()
    assert slow.done
    await clerk.until_counted(clerk.reader("second"))


async def test_an_event_without_its_entry_holds_up_no_other(clerk: Clerk):
    await clerk.book(payment(7))
    await clerk.until_counted(clerk.reader())
    stray = happened("transaction.captured", payment(1), AT)
    await clerk.store.commit(Insert(stray))
    await clerk.book(payment(1250))
    await clerk.book(payment(50))
    await clerk.until_counted(clerk.reader())
    aside = await clerk.store.due(Setback, before=AT + timedelta(hours=1))
    assert [each.event for each in aside] == [stray.id]


class Meanwhile:
    """A store where, once balances were read, another entry is booked and counted."""

    def __init__(self, inner: Store, clerk: Clerk) -> None:
        self._inner, self._clerk, self.done = inner, clerk, False

    def __getattr__(self, name):
        return getattr(self._inner, name)

    async def get_many(self, kind: type[Record], ids):
        found = await self._inner.get_many(kind, ids)
        if kind is Balance and not self.done:
            self.done, one = True, payment(50)
            await self._clerk.book(one)
            told = happened("transaction.captured", one, AT)
            await self._inner.commit(*await self._clerk.reader()._make([told]))
        return found
