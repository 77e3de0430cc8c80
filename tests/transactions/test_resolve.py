"""What became of a call whose answer never came."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from payseal.issuers import Approved, Declined, NotFound, NotSent, Unable, Unknown
from payseal.links import Link, LinkStatus
from payseal.transactions import Reversal, Transaction, TransactionStatus, resolve
from payseal.transactions.looks import HOLD, PAUSES
from tests.shop import START, Shop, nothing
from tests.virtual import in_virtual_time

S = TransactionStatus
FOUND = {  # what the book says: status, last event, places held, orders of reversal, looked later
    "approved": (Approved("A1B2C3"), S.CAPTURED, ["captured"], True, 0, False),
    "declined": (Declined("51", "insufficient_funds"), S.DECLINED, ["declined"], False, 0, False),
    "not found": (NotFound(), S.UNKNOWN, [], True, 1, False),
    "unable": (Unable(), S.UNKNOWN, [], True, 1, False),
    "unknown": (Unknown("timeout"), S.UNKNOWN, [], True, 0, True),
    "not sent": (NotSent("no_connection"), S.UNKNOWN, [], True, 0, True),
}
OPEN = ["started", "unknown"]


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("waited", [0, 30, 44.999])
async def test_nobody_looks_while_an_answer_may_still_be_on_its_way(shop, reach, state, waited):
    txn = await reach(state)
    asked, before = len(shop.bank.purchases), shop.dump()
    shop.wait(waited)
    await shop.work()
    assert await shop.resolve(txn) == txn
    assert (shop.bank.asked, shop.dump()) == ((asked, 0, 0), before)


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("name", FOUND)
async def test_each_finding_is_booked(shop, reach, state, name):
    found, status, events, held, orders, later = FOUND[name]
    txn = await reach(state)
    told = await shop.told(txn)
    shop.bank.finds = found
    shop.wait(45)
    after = await shop.resolve(txn)
    assert shop.bank.look_ups == [txn.operation]
    assert after.status is status
    assert after.due == (shop.at + PAUSES[0] if later else None)
    became_unknown = ["unknown"] if status is S.UNKNOWN and state == "started" else []
    assert await shop.told(txn) == told + [
        f"transaction.{event}" for event in [*became_unknown, *events]
    ]
    assert bool(await shop.places()) == held
    reversals = await shop.reversals(txn)
    assert [(r.due, r.charged, r.operation) for r in reversals] == [
        (shop.at, False, txn.operation)
    ] * orders
    assert [await shop.told(r) for r in reversals] == [["reversal.started"]] * orders
    assert len(await shop.entries(txn)) == (status is S.CAPTURED)
    (link,) = await shop.all(Link)
    assert (link.status is LinkStatus.PAID) == (status is S.CAPTURED)


@pytest.mark.parametrize("state", ["captured", "declined", "failed", "reversed"])
async def test_what_is_certain_is_looked_at_no_more(shop, reach, state):
    txn = await reach(state)
    asked, before = shop.bank.asked, shop.dump()
    shop.wait(hours=100)
    await shop.resolve(txn)
    assert (shop.bank.asked, shop.dump()) == (asked, before)


async def test_a_look_without_an_answer_comes_again_later_and_later_for_ever(shop, reach):
    txn = await reach("unknown")
    shop.bank.finds = Unknown("timeout")
    shop.wait(45)
    for n in range(40):
        txn = await shop.resolve(txn)
        pause = PAUSES[min(n, len(PAUSES) - 1)]
        assert txn.due == shop.at + pause
        assert (txn.status, txn.looks) == (S.UNKNOWN, n + 1)
        shop.at = txn.due - timedelta(milliseconds=1)
        assert await shop.resolve(txn) == txn
        shop.wait(0.001)
    assert len(shop.bank.look_ups) == 40
    shop.bank.finds = Approved("A1B2C3")
    assert (await shop.resolve(txn)).status is S.CAPTURED


async def test_a_host_that_cannot_look_up_is_told_to_reverse(shop, reach):
    shop.bank.cannot_look_up()
    txn = await reach("unknown")
    shop.wait(45)
    assert (await shop.resolve(txn)).reversals == 1
    assert shop.bank.asked == (1, 0, 0)
    assert (await shop.reverse(txn)).status is S.REVERSED
    assert shop.bank.reversals == [(txn.operation, False)]


async def test_an_issuer_that_is_not_connected_is_asked_later(shop, reach):
    txn = await reach("unknown")
    shop.issuers.clear()
    shop.wait(45)
    later = await shop.resolve(txn)
    assert (later.status, later.due) == (S.UNKNOWN, shop.at + PAUSES[0])
    assert await shop.reversals(txn) == []


async def test_a_look_that_a_crash_ends_is_made_again_once_its_hold_is_over(shop, reach):
    txn = await reach("unknown")

    async def crash():
        raise asyncio.CancelledError

    shop.bank.meanwhile, shop.bank.finds = crash, Approved("A1B2C3")
    shop.wait(45)
    with pytest.raises(asyncio.CancelledError):
        await shop.resolve(txn)
    shop.bank.meanwhile = nothing
    assert (await shop.resolve(txn)).status is S.UNKNOWN
    shop.at += HOLD
    assert (await shop.resolve(txn)).status is S.CAPTURED
    assert len(shop.bank.look_ups) == 2


async def test_what_was_heard_after_the_hold_is_over_and_another_asks_counts_no_more(shop, reach):
    txn = await reach("unknown")

    async def another_worker_asks():
        shop.bank.meanwhile, shop.bank.finds = nothing, Unknown("timeout")
        shop.at += HOLD
        await shop.resolve(txn)
        shop.bank.finds = NotFound()

    shop.bank.meanwhile = another_worker_asks
    shop.wait(45)
    assert (await shop.resolve(txn)).looks == 1
    assert await shop.reversals(txn) == []


async def test_a_transaction_that_is_not_there_is_nobodys(shop):
    await resolve(shop.store, shop.issuers, "txn_" + "0" * 40, now=shop.now)
    assert shop.bank.asked == (0, 0, 0)


@pytest.mark.parametrize("finds", [NotFound(), Unknown("timeout"), Declined("05", "declined")])
@pytest.mark.parametrize("state", OPEN)
async def test_an_approval_that_comes_while_we_look_wins(shop, reach, state, finds):
    txn = await reach(state)

    async def answer():
        await shop.settle(txn, Approved("A1B2C3"))

    shop.bank.finds, shop.bank.meanwhile = finds, answer
    shop.wait(45)
    assert (await shop.resolve(txn)).status is S.CAPTURED
    assert await shop.reversals(txn) == []


async def test_the_time_of_a_finding_is_when_it_was_found(shop, reach):
    txn = await reach("unknown")

    async def slowly():
        shop.wait(9)

    shop.bank.finds, shop.bank.meanwhile = Approved("A1B2C3"), slowly
    shop.wait(45)
    await shop.resolve(txn)
    (entry,) = await shop.entries(txn)
    assert entry.at == START + timedelta(seconds=54)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("finds", [Approved("A1B2C3"), NotFound(), Declined("05", "declined")])
def test_two_workers_at_once_come_to_one_end(seed, finds):
    async def both():
        shop = Shop()
        txn = await shop.claim(await shop.link())
        shop.bank.finds = finds
        shop.wait(45)
        await asyncio.gather(*(shop.resolve(txn) for _ in range(3)))
        assert len(shop.bank.look_ups) == 1, "one of them asks"
        for _ in range(3):
            await shop.work()
            shop.wait(61)
        (txn,) = await shop.all(Transaction)
        events = await shop.told(txn)
        assert len(events) == len(set(events)), "each move once"
        return txn.is_final, len(await shop.entries(txn)), len(await shop.all(Reversal))

    charged, ordered = isinstance(finds, Approved), isinstance(finds, NotFound)
    assert in_virtual_time(both(), seed) == (True, int(charged), int(ordered))
