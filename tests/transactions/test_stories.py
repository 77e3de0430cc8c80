"""What went wrong for others (RELIABILITY.md), each as a test that would have noticed."""

from __future__ import annotations

import asyncio
from collections import Counter as Count

import pytest

from payseal.checkout import VisitState
from payseal.core.errors import Problem
from payseal.core.money import Money
from payseal.issuers import Approved, Declined, NotFound, Reversed, Unknown
from payseal.links import LinkExpired, LinkStatus, SoldOut
from payseal.transactions import Transaction, TransactionStatus
from tests.counter import Counter
from tests.shop import EUR, JPY
from tests.virtual import in_virtual_time

S = TransactionStatus
YES, NO, SILENCE = Approved("A1B2C3"), Declined("05", "declined"), Unknown("timeout")


@pytest.fixture
def shop() -> Counter:
    return Counter()


async def test_the_payers_page_works_when_somebody_else_finished_the_payment(shop):
    """Story 5, juspay/hyperswitch#8352: the return page failed because the callback was first."""
    link = await shop.link()

    async def finished_elsewhere():
        (txn,) = await shop.all(Transaction)
        await shop.settle(txn, YES)

    shop.bank.meanwhile = finished_elsewhere
    key = (await shop.visit(link)).attempt
    assert (await shop.post(link, key)).state is VisitState.PAID
    assert (await shop.visit(link, key)).state is VisitState.PAID
    assert (await shop.post(link, key)).state is VisitState.PAID
    assert shop.bank.asked == (1, 0, 0)


async def test_a_late_no_to_the_first_attempt_leaves_the_second_confirmed(shop):
    """Story 8, polarsource/polar#14274: it reset an order that a second attempt had paid."""
    link = await shop.link()
    shop.bank.says = SILENCE
    first = await shop.pay(link)
    shop.wait(45)
    await shop.work()  # not found, reversed: the place is free
    shop.bank.says = YES
    second = await shop.pay(link)
    before = shop.dump()
    await shop.settle(first, NO)
    assert shop.dump() == before
    assert (await shop.again(second)).status is S.CAPTURED
    assert (await shop.again(link)).status is LinkStatus.PAID
    assert await shop.places() == [(second.id, True)]


async def test_every_repeat_of_a_call_is_under_the_same_reference(shop):
    """Story 10, woocommerce-gateway-stripe#2339, #3638: a fresh key on each retry charged again."""
    link = await shop.link()
    shop.bank.says = shop.bank.finds = shop.bank.undoes = SILENCE
    attempt = shop.attempt(link)
    txn = await shop.pay(link, attempt)
    for _ in range(3):
        assert await shop.pay(link, attempt) == txn
    shop.wait(45)
    await shop.work()
    shop.bank.finds = NotFound()
    for _ in range(5):
        shop.wait(hours=1)
        await shop.work()
    assert shop.bank.asked == (1, 2, 5)
    asked = [*shop.bank.purchases, *shop.bank.look_ups, *(o for o, _ in shop.bank.reversals)]
    assert {operation.reference for operation in asked} == {txn.operation.reference}


@pytest.mark.parametrize("seed", range(10))
def test_the_call_and_the_resolver_with_the_same_yes_charge_and_book_once(seed):
    """Story 11, woocommerce-gateway-stripe#489, pretix/pretix#1189: both handlers charged."""

    async def both():
        shop = Counter()
        link = await shop.link()
        shop.bank.finds = YES

        async def resolve():
            (txn,) = await shop.all(Transaction)
            shop.wait(45)
            shop.bank.meanwhile = lambda: asyncio.sleep(0)
            resolving.append(asyncio.ensure_future(shop.resolve(txn)))

        resolving = []
        shop.bank.meanwhile = resolve
        txn = await shop.pay(link)
        await asyncio.gather(*resolving)
        assert await shop.told(txn) == ["transaction.started", "transaction.captured"]
        return len(shop.bank.purchases), len(await shop.entries(txn))

    assert in_virtual_time(both(), seed) == (1, 1)


async def test_who_loses_the_race_with_the_same_yes_gives_nothing_back(shop):
    """Story 12, medusajs/medusa#13301: the loser's rollback refunded a good order, 1 in 20."""
    link = await shop.link()
    shop.bank.finds = YES

    async def resolver_is_faster():
        (txn,) = await shop.all(Transaction)
        shop.wait(45)
        await shop.settle(txn, YES)

    shop.bank.meanwhile = resolver_is_faster
    txn = await shop.pay(link)
    assert txn.status is S.CAPTURED
    for _ in range(5):
        shop.wait(hours=1)
        await shop.work()
    assert (await shop.reversals(txn), shop.bank.asked) == ([], (1, 0, 0))


async def test_while_one_payment_is_under_way_no_other_starts(shop):
    """Story 14, saleor/saleor#15956, #19220: a new one began while the checkout completed."""
    link = await shop.link()
    refused = []

    async def start_another():
        try:
            await shop.pay(link, payer="bob")
        except SoldOut as problem:
            refused.append(problem)

    shop.bank.meanwhile = start_another
    assert (await shop.pay(link)).status is S.CAPTURED
    assert (len(refused), shop.bank.asked) == (1, (1, 0, 0))
    assert len(await shop.all(Transaction)) == 1


async def test_a_reload_shows_the_payment_still_under_way_and_starts_none(shop):
    """Story 15, own-pay/OwnPay#183: a reload made it pending, and a second gateway charged."""
    link = await shop.link()
    key = (await shop.visit(link)).attempt
    seen = []

    async def reload():
        visits = [await shop.visit(link, key), await shop.visit(link), await shop.post(link, key)]
        seen.extend(visit.state for visit in visits)
        with pytest.raises(SoldOut):
            await shop.post(link)

    shop.bank.meanwhile = reload
    await shop.post(link, key)
    assert seen == [VisitState.PROCESSING] * 3
    assert shop.bank.asked == (1, 0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_fifty_payers_of_a_single_use_link_make_one_charge(seed):
    """Story 16, own-pay/OwnPay#186: concurrent payers paid it twice."""

    async def rush():
        shop = Counter()
        link = await shop.link()
        outcomes = await asyncio.gather(
            *(shop.post(link, address=f"192.0.2.{n}") for n in range(50)), return_exceptions=True
        )
        assert len(await shop.entries((await shop.all(Transaction))[0])) == 1
        polite = [o for o in outcomes if isinstance(o, Problem)]
        paid = [o for o in outcomes if not isinstance(o, BaseException)]
        return len(shop.bank.purchases), len(polite), Count(visit.state for visit in paid)

    assert in_virtual_time(rush(), seed) == (1, 49, Count([VisitState.PAID]))


async def test_no_timer_turns_unknown_into_failed_and_nobody_pays_again(shop):
    """Story 17, own-pay/OwnPay#222: a pending refund was failed by a timer, then paid again."""
    link = await shop.link()
    shop.bank.says = shop.bank.finds = SILENCE
    txn = await shop.pay(link)
    for _ in range(7 * 24):
        shop.wait(hours=1)
        await shop.work()
    assert (await shop.again(txn)).status is S.UNKNOWN
    assert await shop.places() == [(txn.id, False)]
    assert len(shop.bank.look_ups) > 100, "and it goes on asking"
    shop.bank.finds = YES
    shop.wait(hours=1)
    await shop.work()
    assert (await shop.again(txn)).status is S.CAPTURED
    assert (await shop.again(link)).status is LinkStatus.PAID


async def test_a_link_is_over_at_its_moment_and_not_when_the_worker_comes(shop):
    """Story 20, btcpayserver#2587, #1302: paid after its end; the end noticed hours late."""
    link = await shop.link(expires_in=60)
    shop.wait(60)
    assert (await shop.again(link)).status is LinkStatus.OPEN, "the worker was not there"
    assert (await shop.visit(link)).state is VisitState.EXPIRED
    with pytest.raises(LinkExpired):
        await shop.post(link)
    assert shop.bank.asked == (0, 0, 0)


async def test_a_payment_under_way_at_the_links_end_is_kept(shop):
    """Story 20 from the other side: what began in time is neither lost nor refused."""
    link = await shop.link(expires_in=60)
    shop.wait(50)
    shop.bank.says = SILENCE
    txn = await shop.pay(link)
    shop.wait(45)
    await shop.expire(link)
    assert (await shop.visit(link)).state is VisitState.CHECKING
    shop.bank.finds = YES
    assert (await shop.resolve(txn)).status is S.CAPTURED
    assert (await shop.visit(link)).state is VisitState.PAID


async def test_a_form_left_open_never_unsays_a_payment_made_elsewhere(shop):
    """Story 23, woocommerce-gateway-stripe#5810: an abandoned session's end failed a paid order."""
    link = await shop.link(expires_in=60)
    abandoned = (await shop.visit(link)).attempt
    await shop.post(link, address="192.0.2.2")
    shop.wait(hours=1)
    await shop.expire(link)
    await shop.work()
    assert (await shop.again(link)).status is LinkStatus.PAID
    assert (await shop.visit(link, abandoned)).state is VisitState.PAID
    assert await shop.told(link) == ["link.created", "link.paid"]


@pytest.mark.parametrize(
    ("text", "currency", "money"),
    [("1200", "JPY", Money(1200, JPY)), ("12.50", "EUR", Money(1250, EUR))],
)
async def test_the_bank_is_asked_for_the_very_minor_units(shop, text, currency, money):
    """Story 25, InvoicePlane#1677: yen x 100, as two conversions cancelled out in the tests."""
    txn = await shop.pay(await shop.link(amount=text, currency=currency))
    assert [operation.amount for operation in shop.bank.purchases] == [money]
    (entry,) = await shop.entries(txn)
    assert sorted(line.amount.minor for line in entry.lines) == [-money.minor, money.minor]


async def test_after_a_time_out_the_book_is_asked_before_anything_else_is_done(shop):
    """Story 27, killbill/killbill#229: a time-out left the wrong state, and was not looked up."""
    link = await shop.link()
    shop.bank.says, shop.bank.finds = SILENCE, YES
    txn = await shop.pay(link)
    with pytest.raises(SoldOut):
        await shop.pay(link)
    shop.wait(45)
    await shop.work()
    assert shop.bank.asked == (1, 1, 0), "looked up, and neither reversed nor charged again"
    assert (await shop.again(txn)).status is S.CAPTURED


async def test_who_gets_no_answer_is_told_that_we_check_and_cannot_pay_twice(shop):
    """Story 28, PrestaShopCorp/ps_checkout#1546: an error was shown though money moved."""
    link = await shop.link()
    key = (await shop.visit(link)).attempt
    shop.bank.says, shop.bank.finds = SILENCE, YES
    assert (await shop.post(link, key)).state is VisitState.CHECKING
    assert (await shop.post(link, key)).state is VisitState.CHECKING
    assert (await shop.visit(link)).state is VisitState.CHECKING
    with pytest.raises(SoldOut):
        await shop.post(link)
    shop.wait(45)
    await shop.work()
    assert (await shop.visit(link, key)).state is VisitState.PAID
    assert len(shop.bank.purchases) == 1


async def test_who_is_told_that_it_failed_was_not_charged(shop):
    """Story 28 from the other side: only once the bank has acknowledged it do we say so."""
    link = await shop.link()
    key = (await shop.visit(link)).attempt
    shop.bank.says, shop.bank.undoes = SILENCE, SILENCE
    await shop.post(link, key)
    shop.wait(45)
    await shop.work()
    await shop.work()
    assert (await shop.visit(link, key)).state is VisitState.CHECKING
    shop.bank.undoes = Reversed()
    shop.wait(60)
    await shop.work()
    assert (await shop.visit(link, key)).state is VisitState.FAILED
    assert (await shop.visit(link)).state is VisitState.OPEN
