"""Capture and void: what ends an authorization, once, whoever asks and whatever comes back."""

from __future__ import annotations

import asyncio

import pytest

from payseal.core.errors import NotAllowed
from payseal.core.event import Event
from payseal.core.money import InvalidAmount
from payseal.core.offer import Offer
from payseal.core.store import RETRIES_MAX
from payseal.core.tariff import Tariff
from payseal.issuers import Approved, Declined, NotFound, NotSent, OperationKind, Unable, Unknown
from payseal.ledger import CLEARING, FEES, PAYABLE, Entry
from payseal.links import AlreadyPaid, AtEnd, Capture, Link, LinkStatus, SoldOut
from payseal.transactions import TransactionStatus, closings
from payseal.transactions.refusals import CaptureTooLarge, NotRefundable, RefundTooLarge
from tests.shop import EUR, Crowded

S, L = TransactionStatus, LinkStatus
NO, NOT_SENT, LOST = Declined("64", "above_original"), NotSent("no_connection"), Unknown("reset")
DAY = 24


@pytest.fixture
async def link(shop) -> Link:
    return await shop.link(capture=Capture.MANUAL)


@pytest.fixture
async def held(shop, link):
    return await shop.pay(link)


async def told(shop, record) -> list[str]:
    of_it = [event for event in await shop.all(Event) if event.resource == record.id]
    return [event.type for event in sorted(of_it, key=lambda event: event.seq)]


async def lines(shop) -> list[tuple[str, int]]:
    return [(line.account, line.amount.minor) for e in await shop.all(Entry) for line in e.lines]


async def test_a_payment_of_such_a_link_is_held_and_nothing_is_booked(shop, link, held):
    assert (held.status, held.captured.minor) == (S.AUTHORIZED, 0)
    assert shop.bank.purchases[0].kind is OperationKind.AUTHORIZE
    assert (await shop.again(link)).status is L.AUTHORIZED
    assert await shop.places() == [(held.id, False)]
    assert await lines(shop) == []
    assert await told(shop, held) == ["transaction.started", "transaction.authorized"]
    assert await told(shop, link) == ["link.created", "link.authorized"]
    with pytest.raises(AlreadyPaid):
        await shop.pay(link, payer="bob")


async def test_it_is_captured_whole(shop, link, held):
    txn = await shop.close(held, "capture")

    assert (txn.status, str(txn.captured), txn.due) == (S.CAPTURED, "12.50", None)
    ((operation, repeat),) = shop.bank.closings
    assert (operation.kind, operation.amount.minor, repeat) == (OperationKind.CAPTURE, 1250, False)
    assert operation.reference != held.operation.reference
    assert operation.original == held.operation.named("A1B2C3")
    assert (await shop.again(link)).status is L.PAID
    assert await shop.places() == [(held.id, True)]
    assert await lines(shop) == [(f"{CLEARING}:bank", 1250), (PAYABLE, -1250)]


async def test_a_part_is_captured_and_only_that_is_ours(shop, held):
    txn = await shop.close(held, "capture", "5.00")

    assert str(txn.captured) == "5.00"
    assert await lines(shop) == [(f"{CLEARING}:bank", 500), (PAYABLE, -500)]
    with pytest.raises(RefundTooLarge):
        await shop.refund(txn, "5.01")
    refund = await shop.refund(txn)
    assert str(refund.amount) == "5.00"
    original = refund.operation.original
    assert (original.kind, original.approval_code) == (OperationKind.CAPTURE, "C1C2C3")


async def test_it_is_voided_and_its_place_is_free_again(shop, link, held):
    txn = await shop.close(held, "void")

    assert (txn.status, txn.due) == (S.VOIDED, None)
    assert await shop.places() == []
    assert (await shop.again(link)).status is L.OPEN
    assert await told(shop, link) == ["link.created", "link.authorized", "link.reopened"]
    assert await lines(shop) == []
    assert (await shop.pay(link)).status is S.AUTHORIZED


@pytest.mark.parametrize("end", [L.CANCELLED, L.EXPIRED])
async def test_a_void_does_not_open_what_had_ended_before(shop, link, end):
    async def ends():
        shop.bank.meanwhile = lambda: asyncio.sleep(0)
        if end is L.CANCELLED:
            await shop.cancel(link)
        else:
            shop.at = link.expires_at
            await shop.expire(link)

    shop.bank.meanwhile = ends
    held = await shop.pay(link)
    assert (await shop.again(link)).status is L.AUTHORIZED
    await shop.close(held, "void")
    assert (await shop.again(link)).status is end


async def test_a_link_that_is_held_can_be_cancelled_and_stays_so(shop, link, held):
    await shop.cancel(link)
    await shop.close(held, "void")
    assert (await shop.again(link)).status is L.CANCELLED
    assert "link.reopened" not in await told(shop, link)


async def test_a_void_after_the_links_end_does_not_say_that_it_is_open(shop, link, held):
    shop.at = link.expires_at
    await shop.close(held, "void")
    assert (await shop.again(link)).status is L.EXPIRED
    assert (await told(shop, link))[-1] == "link.expired"


async def test_of_a_link_with_many_places_each_payment_is_held_by_itself(shop):
    link = await shop.link(capture=Capture.MANUAL, max_payments=2)
    one, two = await shop.pay(link), await shop.pay(link, payer="bob")
    assert (await shop.again(link)).status is L.OPEN
    with pytest.raises(SoldOut):
        await shop.pay(link, payer="eve")
    await shop.close(one, "capture")
    assert (await shop.again(link)).status is L.OPEN
    await shop.close(two, "capture")
    assert (await shop.again(link)).status is L.PAID


@pytest.mark.parametrize(
    ("amount", "error"), [("12.51", CaptureTooLarge), ("0", InvalidAmount), ("x", InvalidAmount)]
)
async def test_no_more_than_was_authorized_is_captured(shop, held, amount, error):
    with pytest.raises(error):
        await shop.close(held, "capture", amount)
    assert (await shop.again(held)) == held


async def test_nothing_is_refunded_before_it_was_captured(shop, held):
    with pytest.raises(NotRefundable):
        await shop.refund(held)


async def test_it_is_closed_once_however_many_ask(shop, held):
    """Story 13, medusajs/medusa#16012: check-then-act in capture."""
    outcomes = await asyncio.gather(
        *(shop.close(held, kind) for kind in ("capture", "void", "capture")),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, NotAllowed) for outcome in outcomes) == 2
    assert len(shop.bank.closings) == 1
    with pytest.raises(NotAllowed):
        await shop.close(held, "void")


@pytest.mark.parametrize("kind", ["capture", "void"])
async def test_a_no_leaves_it_authorized_and_it_may_be_asked_again(shop, held, kind):
    shop.bank.closes = NO
    txn = await shop.close(held, kind)
    assert (txn.status, txn.reason, txn.look_at) == (S.AUTHORIZED, "above_original", None)
    assert (await told(shop, txn))[-1] == f"transaction.{kind}_declined"
    shop.bank.closes = NOT_SENT
    assert (await shop.close(txn, kind)).status is S.AUTHORIZED
    shop.bank.closes = Approved("C9C9C9")
    assert (await shop.close(txn, "capture")).status is S.CAPTURED
    references = {operation.reference for operation, _ in shop.bank.closings}
    assert len(references) == 3


@pytest.mark.parametrize(("kind", "status"), [("capture", S.CAPTURED), ("void", S.VOIDED)])
async def test_without_an_answer_it_is_looked_up_and_never_reversed(shop, held, kind, status):
    shop.bank.closes = LOST
    txn = await shop.close(held, kind)
    assert txn.status is S.AUTHORIZED
    with pytest.raises(NotAllowed):
        await shop.close(txn, "void")

    shop.bank.finds = LOST
    for _ in range(5):
        shop.wait(hours=2)
        await shop.work()
    assert (await shop.again(txn)).status is S.AUTHORIZED
    shop.bank.finds = Approved("C9C9C9")
    shop.wait(hours=2)
    await shop.work()
    assert (await shop.again(txn)).status is status
    assert (len(shop.bank.closings), shop.bank.reversals) == (1, [])


@pytest.mark.parametrize("found", [NotFound(), Unable()])
async def test_what_the_book_does_not_have_is_sent_again_under_the_same_reference(
    shop, held, found
):
    started = await shop.start_closing(held, "capture", "5.00")
    shop.bank.finds = found
    if isinstance(found, Unable):
        shop.bank.cannot_look_up()
    shop.wait(46)
    txn = await shop.resolve(started)

    assert (txn.status, str(txn.captured)) == (S.CAPTURED, "5.00")
    ((operation, repeat),) = shop.bank.closings
    assert (operation.reference, repeat) == (started.closing.reference, True)
    assert operation.call_until > started.closing.call_until


async def test_an_authorization_that_nears_its_end_is_said_and_then_voided(shop, held):
    shop.wait(hours=5 * DAY - 1)
    await shop.work()
    assert (await told(shop, held))[-1] == "transaction.authorized"
    shop.wait(hours=1)
    await shop.work()
    assert (await told(shop, held))[-1] == "transaction.ending"
    await shop.work()
    assert (await shop.again(held)).status is S.AUTHORIZED
    shop.wait(hours=DAY)
    await shop.work()
    assert (await shop.again(held)).status is S.VOIDED


async def test_or_it_is_captured_if_its_link_says_so_and_voided_if_the_bank_says_no(shop):
    for answer, status in ((Approved("C9C9C9"), S.CAPTURED), (NO, S.VOIDED)):
        held = await shop.pay(await shop.link(capture=Capture.MANUAL, at_end=AtEnd.CAPTURE))
        shop.bank.closes = answer
        for _ in range(3):
            shop.wait(hours=3 * DAY)
            await shop.work()
        shop.bank.closes = Approved("C9C9C9")
        shop.wait(hours=2)
        await shop.work()
        assert (await shop.again(held)).status is status


async def test_a_bank_that_is_away_at_the_end_turns_no_capture_into_a_void(shop):
    held = await shop.pay(await shop.link(capture=Capture.MANUAL, at_end=AtEnd.CAPTURE))
    shop.bank.closes = NOT_SENT
    for _ in range(3):
        shop.wait(hours=3 * DAY)
        await shop.work()
    assert (await shop.again(held)).status is S.AUTHORIZED
    shop.bank.closes = Approved("C9C9C9")
    shop.wait(hours=2)
    await shop.work()
    assert (await shop.again(held)).status is S.CAPTURED
    assert {operation.kind for operation, _ in shop.bank.closings} == {OperationKind.CAPTURE}


async def test_who_never_has_a_turn_to_book_the_answer_does_not_say_that_nothing_was_done(
    shop, held
):
    crowd, started = Crowded(shop.store), await shop.start_closing(held, "capture")
    shown, answer = await closings.send(crowd, shop.issuers, started, now=shop.now)
    assert (shown, answer, crowd.refused) == (started, Unknown("busy"), RETRIES_MAX)
    shop.bank.finds = Approved("C1C2C3")
    shop.wait(46)
    assert (await shop.resolve(started)).status is S.CAPTURED
    assert len(shop.bank.closings) == 1


async def test_a_second_closing_is_asked_about_as_soon_as_a_first(shop, held):
    shop.bank.closes = shop.bank.finds = LOST
    txn = await shop.close(held, "capture")
    for _ in range(9):
        shop.wait(hours=2)
        await shop.work()
    shop.bank.finds = NO
    shop.wait(hours=2)
    await shop.work()
    txn = await shop.close(await shop.again(txn), "void")
    assert txn.looks == 0


async def test_a_lost_authorization_is_looked_up_as_a_purchase_is(shop, link):
    shop.bank.says = LOST
    txn = await shop.pay(link)
    assert txn.status is S.UNKNOWN
    shop.bank.finds = Approved("A9A9A9")
    shop.wait(46)
    txn = await shop.resolve(txn)
    assert (txn.status, (await shop.again(link)).status) == (S.AUTHORIZED, L.AUTHORIZED)


async def test_the_fee_is_of_what_was_captured_by_the_tariff_when_it_was_asked(shop):
    shop.bank.offers = (Offer("bank", "card", (EUR,), Tariff(140, 25)),)
    held = await shop.pay(await shop.link(capture=Capture.MANUAL))
    shop.bank.offers = (Offer("bank", "card", (EUR,), Tariff(9999, 0)),)
    txn = await shop.close(held, "capture", "5.00")

    assert (str(held.fee), str(txn.fee)) == ("0.00", "0.32")
    assert await lines(shop) == [(f"{CLEARING}:bank", 500), (PAYABLE, -468), (f"{FEES}:bank", -32)]


async def test_a_purchase_is_booked_with_its_fee(shop):
    shop.bank.offers = (Offer("bank", "card", (EUR,), Tariff(140, 25)),)
    txn = await shop.pay(await shop.link())

    assert str(txn.fee) == "0.43"
    assert await lines(shop) == [
        (f"{CLEARING}:bank", 1250),
        (PAYABLE, -1207),
        (f"{FEES}:bank", -43),
    ]
