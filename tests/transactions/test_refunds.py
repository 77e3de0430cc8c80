"""Refunds: never more than was captured, and never lost or done twice."""

from __future__ import annotations

import asyncio

import pytest

from payseal.core.event import Event
from payseal.core.money import InvalidAmount
from payseal.core.store import RETRIES_MAX
from payseal.issuers import (
    RESOLVE_MARGIN,
    Abilities,
    Approved,
    Declined,
    NotFound,
    NotSent,
    Unable,
    Unknown,
)
from payseal.ledger import CLEARING, PAYABLE, REFUNDS, Entry
from payseal.transactions import NoIssuer, RefundStatus, Transaction, refunds
from payseal.transactions.refunds import InvalidRefund
from payseal.transactions.refusals import NotRefundable, RefundTooLarge
from tests.shop import TRANSIT_MAX, Crowded

S = RefundStatus
NO, NOT_SENT, LOST = Declined("64", "above_original"), NotSent("no_connection"), Unknown("reset")


@pytest.fixture
async def paid(shop) -> Transaction:
    return await shop.pay(await shop.link())


async def left(shop, txn) -> tuple[int, int, str]:
    """Refunded, being refunded, and what may still be."""
    txn = await shop.again(txn)
    return txn.refunded, txn.refunding, str(txn.refundable)


async def told(shop, refund) -> list[str]:
    of_it = [event for event in await shop.all(Event) if event.resource == refund.id]
    return [event.type for event in sorted(of_it, key=lambda event: event.seq)]


async def balance(shop) -> dict[str, int]:
    sums: dict[str, int] = {}
    for entry in await shop.all(Entry):
        for line in entry.lines:
            sums[line.account] = sums.get(line.account, 0) + line.amount.minor
    return sums


async def test_a_payment_is_given_back_whole_when_no_amount_is_named(shop, paid):
    refund = await shop.refund(paid)

    assert (refund.status, str(refund.amount)) == (S.SUCCEEDED, "12.50")
    assert refund.approval_code == "R1R2R3"
    assert await left(shop, paid) == (1250, 0, "0.00")
    assert await told(shop, refund) == ["refund.started", "refund.succeeded"]
    assert await balance(shop) == {f"{CLEARING}:bank": 0, PAYABLE: -1250, REFUNDS: 1250}


async def test_parts_are_given_back_until_nothing_is_left(shop, paid):
    for amount in ("5.00", "7.00"):
        assert (await shop.refund(paid, amount)).status is S.SUCCEEDED
    with pytest.raises(RefundTooLarge) as refused:
        await shop.refund(paid, "0.51")
    assert refused.value.members["refundable"] == "0.50"
    assert (await shop.refund(paid)).amount.minor == 50
    with pytest.raises(RefundTooLarge):
        await shop.refund(paid)
    assert await left(shop, paid) == (1250, 0, "0.00")
    assert len(shop.bank.refunds) == 3


async def test_the_issuer_is_asked_under_a_reference_of_its_own_that_names_the_purchase(shop, paid):
    refund = await shop.refund(paid, "5.00")

    ((operation, repeat),) = shop.bank.refunds
    assert (operation, repeat) == (refund.operation, False)
    assert operation.reference != paid.operation.reference
    assert operation.original.reference == paid.operation.reference
    assert operation.original.approval_code == "A1B2C3"
    assert (operation.amount.minor, operation.merchant) == (500, paid.operation.merchant)


@pytest.mark.parametrize("amount", ["0", "-1", "12.505", "x", ""])
async def test_an_amount_that_is_none_is_refused(shop, paid, amount):
    with pytest.raises(InvalidAmount):
        await shop.refund(paid, amount)
    assert await left(shop, paid) == (0, 0, "12.50")


async def test_only_what_was_captured_is_given_back(shop):
    shop.bank.says = Declined("05", "declined")
    declined = await shop.pay(await shop.link())
    claimed = await shop.claim(await shop.link())
    for txn in (declined, claimed):
        with pytest.raises(NotRefundable):
            await shop.refund(txn)
    assert shop.bank.refunds == []


async def test_a_reason_has_an_end_and_an_issuer_must_be_there(shop, paid):
    async def start(issuers, reason):
        await refunds.start(shop.store, issuers, shop.mint, paid.id, None, reason, at=shop.at)

    with pytest.raises(InvalidRefund):
        await start(shop.issuers, "x" * 201)
    with pytest.raises(NoIssuer):
        await start({}, "")
    assert await left(shop, paid) == (0, 0, "12.50")


async def test_no_two_refunds_start_beyond_what_was_paid(shop, paid):
    """Story 1, juspay/hyperswitch#13182: two $60 refunds of one $100 payment both succeeded."""
    outcomes = await asyncio.gather(
        *(shop.refund(paid, "7.00") for _ in range(5)), return_exceptions=True
    )
    assert [type(o) for o in outcomes].count(RefundTooLarge) == 4
    assert await left(shop, paid) == (700, 0, "5.50")
    assert len(shop.bank.refunds) == 1


async def test_what_is_under_way_is_reserved(shop, paid):
    refused = []

    async def another():
        shop.bank.meanwhile = lambda: asyncio.sleep(0)
        with pytest.raises(RefundTooLarge):
            await shop.refund(paid, "6.00")
        refused.append(1)

    shop.bank.meanwhile = another
    await shop.refund(paid, "7.00")
    assert refused == [1]


@pytest.mark.parametrize(
    ("answer", "status", "type"),
    [(NO, S.DECLINED, "refund.declined"), (NOT_SENT, S.FAILED, "refund.failed")],
)
async def test_a_refund_that_came_to_nothing_sets_its_amount_free(shop, paid, answer, status, type):
    shop.bank.gives_back = answer
    refund = await shop.refund(paid)

    assert (refund.status, refund.why, refund.due) == (status, answer.reason, None)
    assert await told(shop, refund) == ["refund.started", type]
    assert await left(shop, paid) == (0, 0, "12.50")
    assert len(await shop.all(Entry)) == 1  # the capture's


async def test_a_refund_without_an_answer_keeps_its_amount_until_it_is_known(shop, paid):
    """Story 17, own-pay/OwnPay#222: a timer failed it, and it was paid again."""
    shop.bank.gives_back = LOST
    refund = await shop.refund(paid)
    assert (refund.status, await left(shop, paid)) == (S.UNKNOWN, (0, 1250, "0.00"))

    shop.bank.finds = LOST
    for _ in range(30):
        shop.wait(hours=2)
        await shop.work()
    assert ((await shop.again(refund)).status, await left(shop, paid)) == (
        S.UNKNOWN,
        (0, 1250, "0.00"),
    )

    shop.bank.finds = Approved("R9R9R9")
    shop.wait(hours=2)
    await shop.work()
    refund = await shop.again(refund)
    assert (refund.status, refund.approval_code) == (S.SUCCEEDED, "R9R9R9")
    assert await left(shop, paid) == (1250, 0, "0.00")
    assert len(shop.bank.refunds) == 1


async def test_who_never_has_a_turn_to_book_the_answer_does_not_say_that_nothing_was_done(
    shop, paid
):
    crowd = Crowded(shop.store)
    started = await shop.start_refund(paid)
    shown = await refunds.send(crowd, shop.issuers, started, now=shop.now)
    assert (shown.status, crowd.refused) == (S.STARTED, RETRIES_MAX)
    shop.bank.finds = Approved("R1R2R3")
    shop.wait(46)
    assert (await shop.resolve_refund(started)).status is S.SUCCEEDED
    assert len(shop.bank.refunds) == 1


async def test_what_the_book_does_not_have_is_sent_again_under_the_same_reference(shop, paid):
    shop.bank.gives_back = LOST
    refund = await shop.refund(paid)
    shop.bank.finds, shop.bank.gives_back = NotFound(), Approved("R9R9R9")
    assert (await shop.resolve_refund(refund)).status is S.UNKNOWN  # its moment has not come
    shop.wait(46)
    refund = await shop.resolve_refund(refund)

    assert refund.status is S.SUCCEEDED
    (first, was_repeat), (second, is_repeat) = shop.bank.refunds
    assert (was_repeat, is_repeat) == (False, True)
    assert (first.id, first.reference) == (second.id, second.reference)
    assert second.call_until > first.call_until
    assert shop.bank.reversals == []


async def test_after_it_was_sent_again_nobody_asks_while_that_may_be_on_its_way(shop, paid):
    shop.bank.gives_back = LOST
    refund = await shop.refund(paid)
    shop.wait(46)
    refund = await shop.resolve_refund(refund)
    assert len(shop.bank.refunds) == 2
    assert refund.due >= shop.bank.refunds[1][0].call_until + RESOLVE_MARGIN


async def test_a_process_that_dies_after_its_first_commit_loses_no_refund(shop, paid):
    started = await shop.start_refund(paid)
    shop.wait(46)
    shop.bank.gives_back = NOT_SENT  # which says nothing of what was sent before
    refund = await shop.resolve_refund(started)
    assert (refund.status, await left(shop, paid)) == (S.UNKNOWN, (0, 1250, "0.00"))

    shop.bank.gives_back = Approved("R9R9R9")
    shop.wait(hours=1)
    await shop.work()
    assert (await shop.again(refund)).status is S.SUCCEEDED
    assert await told(shop, refund) == ["refund.started", "refund.unknown", "refund.succeeded"]


async def test_where_a_repeat_would_be_a_second_refund_nothing_is_sent_again(shop, paid):
    shop.bank.gives_back, shop.bank.finds = LOST, Unable()
    shop.bank.abilities = Abilities(look_up=False, transit_max=TRANSIT_MAX, repeats=False)
    refund = await shop.refund(paid)
    for _ in range(10):
        shop.wait(hours=2)
        await shop.work()
    assert (await shop.again(refund)).status is S.UNKNOWN
    assert len(shop.bank.refunds) == 1


async def test_who_hears_the_answer_second_changes_nothing(shop, paid):
    async def resolver_is_faster():
        shop.bank.meanwhile = lambda: asyncio.sleep(0)
        shop.wait(46)
        shop.bank.finds = Approved("R1R2R3")
        await shop.work()

    shop.bank.meanwhile = resolver_is_faster
    refund = await shop.refund(paid, "5.00")
    assert refund.status is S.SUCCEEDED
    assert await left(shop, paid) == (500, 0, "7.50")
    assert len(await shop.all(Entry)) == 2
