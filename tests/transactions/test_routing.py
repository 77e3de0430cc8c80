"""Several issuers for one method and currency: the next is asked where nothing was done."""

from __future__ import annotations

import asyncio

import pytest

from payseal import links
from payseal.core.offer import Offer
from payseal.core.record import decode, encode
from payseal.issuers import Approved, Declined, NotFound, NotSent, Reversed, Unknown
from payseal.links import Link, LinkStatus
from payseal.transactions import Transaction, TransactionStatus, settle
from payseal.transactions.routing import pass_on
from tests.shop import EUR, JPY, Bank, Shop
from tests.virtual import in_virtual_time

S = TransactionStatus
SOFT = Declined("51", "insufficient_funds")
HARD = Declined("43", "do_not_retry")
NAMES = ("bank", "second", "third")


class Routed(Shop):
    """A shop with three banks, all for cards in euros."""

    def __init__(self) -> None:
        super().__init__()
        self.banks = [self.bank, Bank(), Bank()]
        for bank, name in zip(self.banks, NAMES, strict=True):
            bank.name = name
        self.issuers = dict(zip(NAMES, self.banks, strict=True))

    async def link(self, *names: str, **wished: object):
        offers = [Offer(name, "card", (EUR,)) for name in names or NAMES]
        return await links.create(
            self.store,
            self.mint,
            self.account,
            self.mode,
            offers,
            self.wish(**wished),
            at=self.at,
        )

    @property
    def asked_of(self) -> list[int]:
        """How many purchases each bank got."""
        return [len(bank.purchases) for bank in self.banks]


@pytest.fixture
def shop() -> Routed:
    return Routed()


async def test_a_link_has_the_issuers_that_take_its_currency_in_the_accounts_order(shop):
    link = await shop.link("third", "bank")
    assert link.issuers == ("third", "bank")
    offers = [Offer("bank", "card", (JPY,)), Offer("second", "card", (EUR,))]
    link = await links.create(
        shop.store, shop.mint, shop.account, shop.mode, offers, shop.wish(), at=shop.at
    )
    assert link.issuers == ("second",)


async def test_a_link_has_no_more_than_four_and_stays_small(shop):
    link = await shop.link("alpha", "beta", "gamma", "delta", "epsilon")
    assert link.issuers == ("alpha", "beta", "gamma", "delta")
    assert len(encode(link)) <= 256
    old = b'{"amount":[1250,"EUR"],"method":"card","issuer":"alpha","realm":"shop",'
    old += b'"date":"2026-11-22T12:00:00Z","expires_at":"2026-11-23T12:00:00Z"}'
    assert decode(Link, link.id, 1, old).issuers == ("alpha",)


@pytest.mark.parametrize("no", [SOFT, Declined("05", "declined"), NotSent("no_connection")])
async def test_a_soft_no_is_passed_on_within_the_attempt(shop, no):
    shop.bank.says = no
    txn = await shop.pay(await shop.link())
    assert (txn.status, txn.issuer, shop.asked_of) == (S.CAPTURED, "second", [1, 1, 0])
    (first,), (taken,) = shop.bank.purchases, shop.banks[1].purchases
    assert first.id != taken.id
    assert txn.operation == taken
    (tried,) = txn.tried
    assert (tried.issuer, tried.reference) == ("bank", first.reference)
    assert (tried.reason, tried.code) == (no.reason, getattr(no, "code", ""))
    assert await shop.told(txn) == [
        "transaction.started",
        "transaction.passed_on",
        "transaction.captured",
    ]
    (entry,) = await shop.entries(txn)
    assert "clearing:second" in {line.account for line in entry.lines}
    assert len(await shop.places()) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Approved("A1B2C3"),
        Unknown("timeout"),
        HARD,
        Declined("54", "expired_card"),
        Declined("1A", "authentication_needed"),
        Declined("10", "partial_approval", held=True),
        Declined("card_declined", "declined"),
    ],
)
async def test_whatever_else_is_said_nobody_else_is_asked(shop, answer):
    shop.bank.says = answer
    txn = await shop.pay(await shop.link())
    assert (txn.issuer, txn.tried, shop.asked_of) == ("bank", (), [1, 0, 0])


async def test_the_last_ones_answer_is_the_attempts(shop):
    shop.bank.says, shop.banks[1].says, shop.banks[2].says = SOFT, NotSent("no_connection"), HARD
    link = await shop.link()
    txn = await shop.pay(link)
    assert (txn.status, txn.issuer, txn.code) == (S.DECLINED, "third", "43")
    assert [tried.issuer for tried in txn.tried] == ["bank", "second"]
    assert (await shop.declines(link), await shop.places()) == (1, [])


async def test_where_one_declined_and_the_rest_was_not_there_it_is_declined(shop):
    shop.bank.says, shop.banks[1].says, shop.banks[2].says = SOFT, *[NotSent("no_connection")] * 2
    link = await shop.link()
    txn = await shop.pay(link)
    assert (txn.status, txn.reason, txn.code) == (S.DECLINED, SOFT.reason, "51")
    assert await shop.declines(link) == 1, "or cards could be tried without end"


async def test_where_nobody_was_there_it_failed(shop):
    for bank in shop.banks:
        bank.says = NotSent("no_connection")
    assert (await shop.pay(await shop.link())).status is S.FAILED
    assert shop.asked_of == [1, 1, 1]


async def test_an_issuer_that_is_not_connected_is_passed_over(shop):
    del shop.issuers["bank"], shop.issuers["third"]
    assert (await shop.pay(await shop.link())).issuer == "second"
    shop.banks[1].says = SOFT
    assert (await shop.pay(await shop.link())).status is S.DECLINED


async def test_an_unknown_at_the_second_is_found_out_there_and_nowhere_else(shop):
    shop.bank.says, shop.banks[1].says = SOFT, Unknown("timeout")
    txn = await shop.pay(await shop.link())
    assert (txn.status, shop.asked_of) == (S.UNKNOWN, [1, 1, 0])
    shop.banks[1].finds = NotFound()
    shop.wait(45)
    txn = await shop.reverse(await shop.resolve(txn))
    assert txn.status is S.REVERSED
    assert [len(bank.reversals) for bank in shop.banks] == [0, 1, 0]
    assert shop.banks[1].reversals[0][0] == txn.operation


async def test_who_has_the_money_captures_voids_and_refunds_it(shop):
    shop.bank.says = SOFT
    held = await shop.pay(await shop.link(capture="manual"))
    assert (held.status, held.issuer) == (S.AUTHORIZED, "second")
    taken = await shop.close(held, "capture", "5.00")
    refund = await shop.refund(taken, "2.00")
    assert refund.issuer == "second"
    voided = await shop.close(await shop.pay(await shop.link(capture="manual")), "void")
    assert voided.status is S.VOIDED
    assert [len(bank.closings) + len(bank.refunds) for bank in shop.banks] == [0, 3, 0]
    ids = {operation.id for operation, _ in shop.banks[1].closings}
    assert not ids & {operation.id for bank in shop.banks for operation in bank.purchases}


async def crashed(shop, link):
    """A process that died after it had passed the attempt on, before the second was asked."""
    txn = await shop.claim(link)
    return await pass_on(shop.store, shop.issuers, txn, SOFT, at=shop.at)


async def test_after_a_crash_before_the_second_call_the_second_is_looked_up(shop):
    txn = await crashed(shop, await shop.link())
    shop.wait(44)
    await shop.work()
    assert shop.banks[1].look_ups == []
    shop.wait(1)
    txn = await shop.reverse(await shop.resolve(txn))
    assert (txn.status, await shop.places()) == (S.REVERSED, [])
    assert [len(bank.reversals) for bank in shop.banks] == [0, 1, 0]


async def test_after_a_crash_before_it_was_passed_on_the_first_ones_no_counts(shop):
    txn = await shop.claim(await shop.link())
    shop.bank.finds = SOFT
    shop.wait(45)
    txn = await shop.resolve(txn)
    assert (txn.status, shop.asked_of) == (S.DECLINED, [0, 0, 0])


async def test_what_the_first_is_said_to_have_done_later_changes_nothing_of_the_second(shop):
    before = await shop.claim(await shop.link())
    txn = await pass_on(shop.store, shop.issuers, before, SOFT, at=shop.at)
    shop.bank.finds = SOFT
    dump = shop.dump()
    for answer in (SOFT, NotSent("late"), Unknown("late")):
        await settle(shop.store, txn.id, answer, of=before.operation.id, at=shop.at)
    assert shop.dump() == dump
    assert (await shop.settle(txn, Approved("A1B2C3"))).status is S.CAPTURED


@pytest.mark.parametrize("how", ["cancelled", "expired", "late", "resolved", "passed on"])
async def test_an_attempt_is_not_passed_on_once(shop, how):
    link = await shop.link()
    txn = await shop.claim(link)
    if how == "cancelled":
        await shop.cancel(link)
    elif how == "expired":
        shop.at = link.expires_at
    elif how == "late":
        shop.at = txn.operation.call_until
    elif how == "passed on":
        assert await pass_on(shop.store, shop.issuers, txn, SOFT, at=shop.at) is not None
    else:
        shop.bank.finds = NotFound()
        shop.wait(45)
        await shop.resolve(txn)
        shop.at -= shop.at - txn.operation.asked_at
    before = shop.dump()
    assert await pass_on(shop.store, shop.issuers, txn, SOFT, at=shop.at) is None
    assert shop.dump() == before


def test_two_payers_of_a_single_use_link_with_two_banks_make_one_charge():
    async def both():
        shop = Routed()
        shop.bank.says = SOFT
        link = await shop.link()
        await asyncio.gather(*(shop.pay(link) for _ in range(2)), return_exceptions=True)
        captured = [t for t in await shop.all(Transaction) if t.status is S.CAPTURED]
        assert len(captured) == 1
        assert sum(shop.asked_of) == 2
        assert (await shop.again(link)).status is LinkStatus.PAID

    for seed in range(10):
        in_virtual_time(both(), seed)


async def test_a_reversal_of_the_second_goes_to_the_second(shop):
    shop.bank.says, shop.banks[1].says = SOFT, Declined("10", "partial_approval", held=True)
    txn = await shop.pay(await shop.link())
    (reversal,) = await shop.reversals(txn)
    assert (reversal.issuer, reversal.operation) == ("second", txn.operation)
    shop.banks[1].undoes = Reversed()
    await shop.work()
    assert [len(bank.reversals) for bank in shop.banks] == [0, 1, 0]
