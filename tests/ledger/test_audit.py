"""A ledger is checked against its entries: what is wrong, and what is only behind."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from payseal.core.event import happened
from payseal.core.ids import Mode, home
from payseal.core.money import Currency, Money
from payseal.core.store import Insert, Store, Update
from payseal.ledger import Balance, Entry, Line, audit, capture, counting
from tests.ledger.conftest import ACCOUNT, AT, free, payment

HOME = home(ACCOUNT, Mode.LIVE)


async def book(store: Store, minor: int) -> Entry:
    one = payment(minor)
    entry = capture(one.id, one.operation, "bank", one.amount, free(one.amount), at=AT)
    await store.commit(Insert(entry), Insert(happened("transaction.captured", one, AT)))
    return entry


async def count(store: Store) -> None:
    clock = [AT]
    reader = counting(store, "worker", now=lambda: clock[0])
    for _ in range(20):
        await reader.read()
        clock[0] += timedelta(seconds=1)


async def verdicts(store: Store) -> set[tuple[str, ...]]:
    return {finding.row()[2:] for finding in (await audit(store, HOME)).findings}


async def test_what_is_counted_is_right_and_what_is_not_yet_is_behind(store: Store):
    await book(store, 1250)
    await count(store)
    await book(store, 100)
    assert await verdicts(store) == {
        ("clearing:bank", "EUR", "12.50", "12.50", "1.00", "behind"),
        ("payable", "EUR", "-12.50", "-12.50", "-1.00", "behind"),
    }
    assert (await audit(store, HOME)).sound
    await count(store)
    assert {row[-1] for row in await verdicts(store)} == {"right"}


@pytest.mark.parametrize("off", [-1, 1, 100])
async def test_a_balance_that_its_entries_do_not_make_is_wrong(store: Store, off: int):
    await book(store, 1250)
    await count(store)
    (payable,) = [b for b in (await store.page(Balance, HOME)).records if b.account == "payable"]
    wrong = msgspec.structs.replace(
        payable, version=payable.version + 1, credits=payable.credits + Money(off, Currency.EUR)
    )
    await store.commit(Update(wrong))
    found = await audit(store, HOME)
    assert [finding.verdict.value for finding in found.findings] == ["right", "wrong"]
    assert not found.sound
    assert "wrong" in found.table()[2]


async def test_an_entry_that_does_not_add_up_is_named(store: Store):
    good = await book(store, 5)
    lines = (
        Line("clearing:bank", Money(5, Currency.EUR)),
        Line("payable", Money(-4, Currency.EUR)),
    )
    off = msgspec.structs.replace(
        good, id=good.id[:-1] + ("1" if good.id[-1] == "0" else "0"), lines=lines
    )
    await store.commit(Insert(off))
    found = await audit(store, HOME)
    assert (found.unbalanced, found.entries) == ([off.id], 2)
    assert not found.sound
    assert found.table()[-1] == f"{off.id} does not add up to nothing."


async def test_a_balance_that_moves_while_entries_are_read_is_not_called_wrong(store: Store):
    await book(store, 1250)
    await count(store)
    found = await audit(Moving(store), HOME)
    assert found.sound
    assert {finding.verdict.value for finding in found.findings} == {"moving"}


class Moving:
    """A store where an entry is booked and counted whenever entries were read."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)

    async def page(self, kind, partition, **which):
        page = await self._inner.page(kind, partition, **which)
        if kind is Entry:
            await book(self._inner, 7)
            await count(self._inner)
        return page
