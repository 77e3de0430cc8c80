"""The durable order to undo a call, until the issuer acknowledges it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from payseal.issuers import Abilities, Approved, NotFound, NotSent, Reversed, Unknown
from payseal.transactions import Reversal, ReversalStatus, TransactionStatus, reverse
from payseal.transactions.looks import HOLD, PAUSES
from tests.shop import TRANSIT_MAX, Shop, nothing
from tests.virtual import in_virtual_time

S, R = TransactionStatus, ReversalStatus
MILLISECOND = timedelta(milliseconds=1)


async def order(shop, txn) -> Reversal:
    """The latest order of that transaction."""
    return (await shop.reversals(txn))[-1]


async def test_an_acknowledged_reversal_frees_the_place_and_ends_the_transaction(shop, reach):
    txn = await reach("awaiting reversal")
    assert len(await shop.places()) == 1
    txn = await shop.reverse(txn)
    reversal = await order(shop, txn)
    assert (txn.status, txn.reason, reversal.status) == (S.REVERSED, "reversed", R.DONE)
    assert (txn.due, reversal.due, reversal.tries) == (None, None, 1)
    assert await shop.places() == []
    assert await shop.told(txn) == [
        "transaction.started",
        "transaction.unknown",
        "transaction.reversed",
    ]
    assert await shop.told(reversal) == ["reversal.started", "reversal.done"]
    assert shop.bank.reversals == [(txn.operation, False)]


async def test_where_reversals_are_not_remembered_one_counts_once_nothing_can_come_any_more(
    shop, reach
):
    shop.bank.abilities = Abilities(look_up=True, transit_max=TRANSIT_MAX, reversal_memory=False)
    txn = await reach("awaiting reversal")
    txn = await shop.reverse(txn)
    assert (txn.status, (await order(shop, txn)).status) == (S.UNKNOWN, R.PENDING)
    shop.at = (await order(shop, txn)).due
    txn = await shop.reverse(txn)
    assert (txn.status, (await order(shop, txn)).status) == (S.REVERSED, R.DONE)
    assert [repeat for _, repeat in shop.bank.reversals] == [False, True]


async def test_where_they_are_not_remembered_one_of_a_charge_that_was_seen_counts_at_once(
    shop, reach
):
    shop.bank.abilities = Abilities(look_up=True, transit_max=TRANSIT_MAX, reversal_memory=False)
    txn = await shop.settle(await reach("declined"), Approved("A1B2C3"))
    await shop.reverse(txn)
    assert (await order(shop, txn)).status is R.DONE


async def test_a_reversal_that_is_done_is_sent_no_more(shop, reach):
    txn = await reach("reversed")
    asked, before = shop.bank.asked, shop.dump()
    shop.wait(hours=100)
    await shop.reverse(txn)
    assert (shop.bank.asked, shop.dump()) == (asked, before)


@pytest.mark.parametrize("answer", [Unknown("timeout"), NotSent("no_connection")])
async def test_without_an_answer_it_is_sent_again_later_and_later_for_ever(shop, reach, answer):
    txn = await reach("awaiting reversal")
    shop.bank.undoes = answer
    for n in range(30):
        txn = await shop.reverse(txn)
        reversal = await order(shop, txn)
        assert reversal.due == shop.at + PAUSES[min(n, len(PAUSES) - 1)]
        assert (txn.status, reversal.status, reversal.tries) == (S.UNKNOWN, R.PENDING, n + 1)
        shop.at = reversal.due - MILLISECOND
        await shop.reverse(txn)
        shop.at += MILLISECOND
    assert [repeat for _, repeat in shop.bank.reversals] == [False] + [True] * 29
    assert {operation.reference for operation, _ in shop.bank.reversals} == {
        txn.operation.reference
    }
    assert len(await shop.places()) == 1, "what is unknown keeps its place"
    shop.bank.undoes = Reversed()
    assert (await shop.reverse(txn)).status is S.REVERSED


async def test_no_such_original_is_believed_when_said_again_after_the_transit_time(shop, reach):
    txn = await reach("awaiting reversal")
    shop.bank.undoes = NotFound()
    txn = await shop.reverse(txn)
    reversal = await order(shop, txn)
    assert (txn.status, reversal.due) == (S.UNKNOWN, shop.at + TRANSIT_MAX)
    shop.at = reversal.due - MILLISECOND
    assert (await shop.reverse(txn)).status is S.UNKNOWN
    assert len(shop.bank.reversals) == 1
    shop.at = reversal.due
    assert (await shop.reverse(txn)).status is S.REVERSED
    assert (await order(shop, txn)).status is R.DONE


async def test_no_such_original_counts_from_when_it_was_said_first(shop, reach):
    txn = await reach("awaiting reversal")
    for answer in [NotFound(), Unknown("timeout"), NotFound()]:
        assert (await shop.again(txn)).status is S.UNKNOWN
        shop.bank.undoes = answer
        await shop.reverse(txn)
        shop.at = (await order(shop, txn)).due or shop.at
    assert (await shop.again(txn)).status is S.REVERSED


async def test_an_original_that_lands_between_the_two_is_reversed(shop, reach):
    txn = await reach("awaiting reversal")
    shop.bank.undoes = NotFound()
    await shop.reverse(txn)
    shop.wait(60)
    shop.bank.undoes = Reversed()  # now it is in the book
    assert (await shop.reverse(txn)).status is S.REVERSED
    assert len(shop.bank.reversals) == 2


async def test_an_issuer_that_is_not_connected_is_sent_it_later(shop, reach):
    txn = await reach("awaiting reversal")
    issuers, shop.issuers = shop.issuers, {}
    await shop.reverse(txn)
    assert (await order(shop, txn)).due == shop.at + PAUSES[0]
    shop.wait(5)
    shop.issuers = issuers
    assert (await shop.reverse(txn)).status is S.REVERSED


@pytest.mark.parametrize("said_before", [False, True])
async def test_an_approval_that_turns_up_while_we_reverse_unsays_no_such_original(
    shop, reach, said_before
):
    txn = await reach("awaiting reversal")
    shop.bank.undoes = NotFound()
    if said_before:
        await shop.reverse(txn)
        shop.wait(60)

    async def turn_up():
        await shop.settle(txn, Approved("A1B2C3"))

    shop.bank.meanwhile = turn_up
    txn = await shop.reverse(txn)
    reversal = await order(shop, txn)
    assert (txn.status, reversal.status, reversal.charged) == (S.UNKNOWN, R.PENDING, True)
    shop.bank.undoes = Reversed()
    shop.wait(hours=2)
    assert (await shop.reverse(txn)).status is S.REVERSED


async def test_no_such_original_that_was_said_long_ago_and_heard_now_is_not_the_second_time(
    shop, reach
):
    txn = await reach("awaiting reversal")
    shop.bank.undoes = NotFound()

    async def another_worker_hears_it_first():
        shop.bank.meanwhile = nothing
        shop.at += HOLD
        await shop.reverse(txn)
        shop.wait(61)  # this one was stopped meanwhile, with the answer already in its hands

    shop.bank.meanwhile = another_worker_hears_it_first
    assert (await shop.reverse(txn)).status is S.UNKNOWN
    assert (await shop.reverse(txn)).status is S.REVERSED
    assert len(shop.bank.reversals) == 3


async def test_a_charged_one_never_believes_that_there_is_no_original(shop, reach):
    txn = await reach("awaiting reversal")
    await shop.settle(txn, Approved("A1B2C3"))
    shop.bank.undoes = NotFound()
    for _ in range(50):
        await shop.reverse(txn)
        shop.wait(hours=1)
    assert (await order(shop, txn)).status is R.PENDING
    assert len(shop.bank.reversals) == 50
    shop.bank.undoes = Reversed()
    assert (await shop.reverse(txn)).status is S.REVERSED


async def test_a_reversal_that_is_not_there_is_nobodys(shop):
    await reverse(shop.store, shop.issuers, "rev_" + "0" * 40, now=shop.now)
    assert shop.bank.asked == (0, 0, 0)


async def test_what_may_have_been_sent_before_a_crash_is_sent_as_a_repeat(shop, reach):
    txn = await reach("awaiting reversal")

    async def crash():
        raise asyncio.CancelledError

    shop.bank.meanwhile = crash
    with pytest.raises(asyncio.CancelledError):
        await shop.reverse(txn)
    shop.bank.meanwhile = nothing
    await shop.reverse(txn)
    assert len(shop.bank.reversals) == 1, "it is held for a while"
    shop.at += HOLD
    assert (await shop.reverse(txn)).status is S.REVERSED
    assert [repeat for _, repeat in shop.bank.reversals] == [False, True]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("undoes", [Reversed(), NotFound()])
def test_two_workers_at_once_come_to_one_end(seed, undoes):
    async def both():
        shop = Shop()
        shop.bank.cannot_look_up()
        shop.bank.undoes = undoes
        txn = await shop.claim(await shop.link())
        for _ in range(3):
            shop.wait(61)
            await asyncio.gather(shop.work(), shop.work(), shop.work())
        events = await shop.told(txn, *await shop.reversals(txn))
        assert sorted(events) == sorted(set(events)), "each move once"
        repeats = [repeat for _, repeat in shop.bank.reversals]
        assert repeats == ([False] if undoes == Reversed() else [False, True]), "one of them asks"
        return (await shop.again(txn)).status, await shop.places(), len(await shop.all(Reversal))

    assert in_virtual_time(both(), seed) == (S.REVERSED, [], 1)


async def test_one_reversal_that_never_gets_through_holds_up_no_other(shop, reach):
    stuck = await reach("awaiting reversal")
    shop.bank.undoes = Unknown("timeout")
    for _ in range(12):
        await shop.work()
        shop.wait(hours=1)
    other = await shop.claim(await shop.link())

    async def undo(operation, *, repeat):
        return Unknown("timeout") if operation == stuck.operation else Reversed()

    shop.bank.reverse = undo
    shop.wait(45)
    await shop.work()
    assert (await shop.again(other)).status is S.REVERSED
    assert (await shop.again(stuck)).status is S.UNKNOWN
