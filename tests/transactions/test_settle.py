"""Commit 2, when somebody else was there first."""

from __future__ import annotations

import asyncio

import pytest

from payseal.issuers import Approved, Declined, NotFound, NotSent, Reversed, Unknown
from payseal.links import Link, LinkStatus
from payseal.transactions import ReversalStatus, TransactionStatus
from tests.shop import Shop
from tests.virtual import in_virtual_time

S = TransactionStatus
ANSWERS = {
    "approved": Approved("A1B2C3"),
    "declined": Declined("05", "declined"),
    "not sent": NotSent("too_late"),
    "unknown": Unknown("timeout"),
    "in part": Declined("10", "partial_approval", held=True),
}
BOTH = {"approved", "in part"}  # the issuer holds something
SAME, BACK, ANEW = "stays", "is given back", "is reversed anew, for it may have landed"
TABLE = {  # where the transaction is: what each answer makes of it
    "started": dict(
        zip(ANSWERS, ["captured", "declined", "failed", "unknown", "declined"], strict=True)
    ),
    "unknown": dict(zip(ANSWERS, ["captured", "declined", SAME, SAME, "declined"], strict=True)),
    "captured": dict.fromkeys(ANSWERS, SAME),
    "declined": dict.fromkeys(ANSWERS, SAME) | dict.fromkeys(BOTH, BACK),
    "failed": dict.fromkeys(ANSWERS, SAME) | dict.fromkeys(BOTH, BACK),
    "awaiting reversal": dict.fromkeys(ANSWERS, SAME)
    | dict.fromkeys(BOTH, BACK)
    | {"unknown": ANEW},
    "reversed": dict.fromkeys(ANSWERS, SAME) | dict.fromkeys(BOTH, BACK) | {"unknown": ANEW},
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("state", TABLE)
async def test_what_an_answer_makes_of_a_transaction(shop, reach, state, answer):
    txn, outcome = await reach(state), TABLE[state][answer]
    before, told = shop.dump(), await shop.told(txn)
    settled = await shop.settle(txn, ANSWERS[answer])
    assert settled == await shop.again(txn)
    if outcome == SAME:
        assert shop.dump() == before
    elif outcome in (BACK, ANEW):
        assert settled.status is txn.status
        assert await shop.told(txn) == told
        reversal = (await shop.reversals(txn))[-1]
        assert (reversal.status, reversal.charged) == (
            ReversalStatus.PENDING,
            outcome == BACK,
        )
        assert reversal.not_found_at is None, "what was said before counts no more"
        assert (reversal.due, reversal.operation) == (shop.at, txn.operation)
        assert await shop.entries(txn) == []
    else:
        assert settled.status == outcome
        assert await shop.told(txn) == [*told, f"transaction.{outcome}"]


@pytest.mark.parametrize("state", [state for state in TABLE if TABLE[state]["approved"] == BACK])
async def test_money_that_came_too_late_is_given_back_whatever_the_host_says_first(
    shop, reach, state
):
    txn = await shop.settle(await reach(state), ANSWERS["approved"])
    shop.bank.undoes, reversals = NotFound(), len(await shop.reversals(txn))
    for _ in range(20):
        shop.wait(hours=2)
        await shop.work()
        assert (await shop.reversals(txn))[-1].status is ReversalStatus.PENDING
    asked = len(shop.bank.reversals)
    assert asked >= 20, "it goes on"
    shop.bank.undoes = ANSWERS["unknown"]
    shop.wait(hours=2)
    await shop.work()
    shop.bank.undoes = Reversed()
    shop.wait(hours=2)
    await shop.work()
    assert (await shop.reversals(txn))[-1].status is ReversalStatus.DONE
    assert len(shop.bank.reversals) == asked + 2
    assert len(await shop.reversals(txn)) == reversals, "one order, however often it is sent"
    ended = await shop.again(txn)
    assert ended.status is (S.REVERSED if state == "awaiting reversal" else txn.status)
    assert await shop.places() == []


@pytest.mark.parametrize("state", ["awaiting reversal", "reversed"])
async def test_what_left_us_late_is_reversed_anew_until_nothing_can_be_on_its_way(
    shop, reach, state
):
    """A process was stopped just before it sent, and until after the reversal."""
    txn, before = await reach(state), len(shop.bank.reversals)
    shop.bank.undoes = NotFound()
    if state == "awaiting reversal":
        await shop.reverse(txn)  # not found, for it had not been sent yet
        before += 1
    shop.wait(hours=1)
    await shop.settle(txn, ANSWERS["unknown"])
    for waited in (0, 59.999, 0.001):
        assert (await shop.reversals(txn))[-1].status is ReversalStatus.PENDING
        shop.wait(waited)
        await shop.work()
    assert len(shop.bank.reversals) == before + 2
    assert (await shop.reversals(txn))[-1].status is ReversalStatus.DONE
    assert (await shop.again(txn)).status is S.REVERSED


async def test_what_left_after_no_such_original_was_said_is_undone_when_it_lands(shop, reach):
    txn = await reach("awaiting reversal")
    shop.bank.undoes = NotFound()
    await shop.work()
    shop.wait(120)
    await shop.settle(txn, ANSWERS["unknown"])
    await shop.work()
    assert (await shop.reversals(txn))[-1].status is ReversalStatus.PENDING
    shop.bank.undoes = Reversed()
    shop.wait(120)
    await shop.work()
    assert (await shop.again(txn)).status is S.REVERSED


async def test_the_same_late_approval_twice_is_one_reversal(shop, reach):
    txn = await reach("reversed")
    await shop.settle(txn, ANSWERS["approved"])
    await shop.settle(txn, ANSWERS["approved"])
    assert [reversal.charged for reversal in await shop.reversals(txn)] == [False, True]


async def test_a_late_approval_of_a_link_that_another_paid_meanwhile_is_given_back(shop, reach):
    first = await reach("reversed")
    shop.bank.says = ANSWERS["approved"]
    (link,) = await shop.all(Link)
    second = await shop.pay(link)
    await shop.settle(first, ANSWERS["approved"])
    assert second.status is S.CAPTURED
    assert await shop.places() == [(second.id, True)]
    assert (await shop.reversals(first))[-1].charged
    assert await shop.reversals(second) == []


@pytest.mark.parametrize("how", ["cancelled", "expired"])
async def test_what_was_in_flight_ends_paid_though_the_link_is_over(shop, how):
    link = await shop.link(expires_in=60)

    async def meanwhile():
        if how == "cancelled":
            await shop.cancel(link)
        else:
            shop.wait(60)
            await shop.expire(link)

    shop.bank.meanwhile = meanwhile
    assert (await shop.pay(link)).status is S.CAPTURED
    assert (await shop.again(link)).status is LinkStatus.PAID
    assert await shop.told(link) == ["link.created", f"link.{how}", "link.paid"]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("answer", ANSWERS)
def test_the_same_answer_from_two_sides_at_once_is_booked_once(seed, answer):
    async def both():
        shop = Shop()
        txn = await shop.claim(await shop.link())
        await asyncio.gather(*(shop.settle(txn, ANSWERS[answer]) for _ in range(3)))
        status = TABLE["started"][answer]
        assert await shop.told(txn) == ["transaction.started", f"transaction.{status}"]
        assert len(await shop.entries(txn)) == (answer == "approved")
        return await shop.reversals(txn)

    assert len(in_virtual_time(both(), seed)) == (answer == "in part")


PART = ANSWERS["in part"]


async def test_a_part_declines_the_payment_and_is_reversed_until_that_is_done(shop):
    link = await shop.link()
    shop.bank.says, shop.bank.undoes = PART, Unknown("timeout")
    txn = await shop.pay(link)
    assert (txn.status, txn.reason) == (S.DECLINED, "partial_approval")
    assert await shop.places() == [], "somebody else may pay"
    assert (await shop.again(link)).status is LinkStatus.OPEN
    assert await shop.entries(txn) == []
    (reversal,) = await shop.reversals(txn)
    assert (reversal.operation, reversal.charged, reversal.due) == (txn.operation, True, shop.at)
    assert await shop.told(txn, reversal) == [
        "transaction.started",
        "reversal.started",
        "transaction.declined",
    ]
    await shop.work()
    shop.bank.undoes = Reversed()
    shop.wait(hours=2)
    await shop.work()
    assert (await shop.again(reversal)).status is ReversalStatus.DONE
    assert await shop.again(txn) == txn
    assert await shop.declines(link) == 1


async def test_a_part_that_is_only_found_in_the_issuers_book_is_reversed_too(shop):
    txn = await shop.claim(await shop.link())
    shop.bank.finds = PART
    shop.wait(45)
    txn = await shop.resolve(txn)
    assert (txn.status, len(await shop.reversals(txn))) == (S.DECLINED, 1)
    assert await shop.settle(txn, PART) == txn, "said once more it is undone once"


@pytest.mark.parametrize("answer", ["approved", "in part", "not sent", "unknown"])
async def test_an_answer_that_comes_when_its_authorization_was_voided_changes_nothing(shop, answer):
    held = await shop.pay(await shop.link(capture="manual"))
    txn = await shop.close(held, "void")
    before = shop.dump()
    assert await shop.settle(txn, ANSWERS[answer]) == txn
    assert (shop.dump(), await shop.reversals(txn)) == (before, [])
