from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from zlib import crc32

import pytest

from payseal.core.errors import Kind, Missing, Problem
from payseal.core.ids import LinkId
from payseal.core.store import RETRIES_MAX
from payseal.issuers import Approved, Declined, NotSent, OperationKind, Unknown
from payseal.ledger import Line
from payseal.links import AlreadyPaid, LinkCancelled, LinkExpired, LinkStatus, SoldOut
from payseal.transactions import AttemptKey, NoIssuer, Transaction, TransactionStatus
from tests.shop import CODE, JPY, NUMBER, START, Bank, Crowded, Shop
from tests.virtual import in_virtual_time

S = TransactionStatus
FIRST_LOOK = START + timedelta(seconds=45)
TABLE = {  # what the bank says: status, place, link, entries, last event, declines, reason, due
    "approved": (
        Approved("A1B2C3"),
        (S.CAPTURED, "paid", LinkStatus.PAID, 1, "captured", 0, "", None),
    ),
    "declined": (
        Declined("51", "insufficient_funds"),
        (S.DECLINED, "free", LinkStatus.OPEN, 0, "declined", 1, "insufficient_funds", None),
    ),
    "not sent": (
        NotSent("no_connection"),
        (S.FAILED, "free", LinkStatus.OPEN, 0, "failed", 0, "no_connection", None),
    ),
    "unknown": (
        Unknown("timeout"),
        (S.UNKNOWN, "held", LinkStatus.OPEN, 0, "unknown", 0, "timeout", FIRST_LOOK),
    ),
}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("max_payments", [1, 2, None])
async def test_each_answer_is_booked_whole(shop, name, max_payments):
    shop.bank.says, expected = TABLE[name]
    status, place, link_status, entries, event, declines, reason, due = expected
    link = await shop.link(max_payments=max_payments)
    txn = await shop.pay(link)
    assert txn == await shop.again(txn)
    assert (txn.status, txn.reason, txn.due) == (status, reason, due)
    held = {"paid": [(txn.id, True)], "held": [(txn.id, False)], "free": []}[place]
    assert await shop.places() == ([] if max_payments is None else held)
    last = max_payments == 1
    assert (await shop.again(link)).status is (link_status if last else LinkStatus.OPEN)
    assert len(await shop.entries(txn)) == entries
    assert await shop.told(txn) == ["transaction.started", f"transaction.{event}"]
    paid = ["link.paid"] if link_status is LinkStatus.PAID and last else []
    assert await shop.told(link) == ["link.created", *paid]
    assert await shop.declines(link) == declines
    assert shop.bank.asked == (1, 0, 0)


async def test_before_the_bank_is_asked_it_is_written_down_that_we_ask(shop):
    link = await shop.link()
    seen = []

    async def meanwhile():
        seen.extend([*await shop.all(Transaction), await shop.places()])

    shop.bank.meanwhile = meanwhile
    txn = await shop.pay(link)
    started, places = seen
    assert (started.status, started.version, started.due) == (S.STARTED, 1, FIRST_LOOK)
    assert places == [(txn.id, False)]
    (asked,) = shop.bank.purchases
    assert asked == started.operation == txn.operation
    assert (asked.kind, asked.amount) == (OperationKind.PURCHASE, link.amount)
    assert (asked.asked_at, asked.call_until) == (START, START + timedelta(seconds=30))
    assert asked.merchant == shop.account.upper()
    assert asked.reference == shop.bank.reference(asked.id)


async def test_what_is_booked_is_what_was_asked_for_at_the_time_of_the_answer(shop):
    link = await shop.link(amount="1200", currency="JPY")

    async def meanwhile():
        shop.wait(7)

    shop.bank.meanwhile = meanwhile
    txn = await shop.pay(link)
    (entry,) = await shop.entries(txn)
    assert (entry.at, entry.operation) == (START + timedelta(seconds=7), txn.operation.id)
    assert [(line.account, str(line.amount)) for line in entry.lines] == [
        ("clearing:bank", "1200"),
        ("payable", "-1200"),
    ]
    assert {line.amount.currency for line in entry.lines} == {JPY}
    assert isinstance(entry.lines[0], Line)
    assert [event.at.second for event in await shop.events()] == [0, 0, 7, 7]


async def test_a_transaction_says_how_and_by_whom_it_was_tried(shop):
    txn = await shop.pay(await shop.link(realm="books"))
    assert (txn.brand, txn.last4, txn.name) == ("visa", "4242", "Ada Byron")
    assert (txn.payer, txn.fingerprint) == ("ada", "fingerprint")
    assert (txn.realm, txn.issuer, txn.approval_code) == ("books", "bank", "A1B2C3")


@pytest.mark.parametrize("name", TABLE)
async def test_nothing_of_a_card_is_kept(shop, name):
    shop.bank.says = TABLE[name][0]
    await shop.pay(await shop.link())
    assert NUMBER.encode() not in shop.dump()
    assert CODE.encode() not in shop.dump()
    assert b"4242" in shop.dump(), "the dump shows what is kept"


@pytest.mark.parametrize("name", TABLE)
async def test_the_same_attempt_again_is_the_same_transaction_and_calls_nobody(shop, name):
    shop.bank.says = TABLE[name][0]
    link = await shop.link()
    attempt = shop.attempt(link)
    txn = await shop.pay(link, attempt)
    before = shop.dump()
    shop.bank.says = Approved("B2C3D4")
    assert await shop.pay(link, attempt) == txn
    shop.wait(hours=48)
    assert await shop.pay(link, attempt) == txn, "also when the link is over"
    assert (shop.bank.asked, shop.dump()) == ((1, 0, 0), before)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("max_payments", [1, 5, None])
def test_a_double_click_asks_the_bank_once(seed, max_payments):
    async def click():
        shop = Shop()
        link = await shop.link(max_payments=max_payments)
        attempt = shop.attempt(link)
        await asyncio.gather(*(shop.pay(link, attempt) for _ in range(5)))
        (txn,) = await shop.all(Transaction)
        return shop.bank.asked, txn.status, len(await shop.entries(txn)), len(await shop.places())

    expected = ((1, 0, 0), S.CAPTURED, 1, 0 if max_payments is None else 1)
    assert in_virtual_time(click(), seed) == expected


async def close(shop, how):
    """A link on which nothing may start any more."""
    link = await shop.link(expires_in=60)
    match how:
        case "cancelled":
            await shop.cancel(link)
        case "paid":
            await shop.pay(link)
        case "held":
            await shop.claim(link)
        case "expired":
            shop.wait(60)
        case "expired, and the worker was there":
            shop.wait(60)
            await shop.expire(link)
        case "of an issuer that is not connected":
            shop.issuers.clear()
    return link


@pytest.mark.parametrize(
    ("how", "refusal", "kind"),
    [
        ("cancelled", LinkCancelled, Kind.GONE),
        ("paid", AlreadyPaid, Kind.CONFLICT),
        ("held", SoldOut, Kind.CONFLICT),
        ("expired", LinkExpired, Kind.GONE),
        ("expired, and the worker was there", LinkExpired, Kind.GONE),
        ("of an issuer that is not connected", NoIssuer, Kind.UNAVAILABLE),
    ],
)
async def test_on_a_link_that_is_closed_nothing_starts(shop, how, refusal, kind):
    link = await close(shop, how)
    before, asked = shop.dump(), shop.bank.asked
    with pytest.raises(refusal) as refused:
        await shop.pay(link)
    assert refused.value.kind is kind
    assert (shop.dump(), shop.bank.asked) == (before, asked)


async def test_an_attempt_starts_up_to_the_last_moment(shop):
    link = await shop.link(expires_in=60)
    shop.wait(59.999)
    assert (await shop.pay(link)).status is S.CAPTURED


async def test_a_link_that_was_never_there_is_missing(shop):
    attempt = AttemptKey(LinkId("lnk_" + "0" * 40), "0" * 26)
    with pytest.raises(Missing):
        await shop.pay(await shop.link(), attempt)


@pytest.mark.parametrize("seed", range(10))
def test_a_link_cancelled_at_the_same_moment_is_charged_before_or_not_at_all(seed):
    async def meet():
        shop = Shop()
        link = await shop.link()
        await asyncio.gather(shop.pay(link), shop.cancel(link), return_exceptions=True)
        events = [event.type for event in await shop.events()]
        if "transaction.started" in events and "link.cancelled" in events:
            assert events.index("transaction.started") < events.index("link.cancelled")
        captured = [txn.status for txn in await shop.all(Transaction)] == [S.CAPTURED]
        assert len(shop.bank.purchases) == captured
        return (await shop.again(link)).status, captured

    ends = {(LinkStatus.PAID, True), (LinkStatus.CANCELLED, False)}
    assert in_virtual_time(meet(), seed) in ends


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("places", "payers"), [(1, 50), (10, 100)])
def test_as_many_payers_are_charged_as_there_are_places(seed, places, payers):
    async def rush():
        shop = Shop()
        link = await shop.link(max_payments=places)
        outcomes = await asyncio.gather(
            *(shop.pay(link) for _ in range(payers)), return_exceptions=True
        )
        assert len(shop.bank.purchases) == places
        assert (await shop.again(link)).status is LinkStatus.PAID
        assert await shop.told(link) == ["link.created", "link.paid"]
        assert all(isinstance(o, Transaction | SoldOut | AlreadyPaid) for o in outcomes)
        return Counter(isinstance(outcome, Problem) for outcome in outcomes)

    assert in_virtual_time(rush(), seed) == Counter({False: places, True: payers - places})


class Forgetful(Bank):
    """Its references are few, so two operations soon want the same one."""

    different = 5

    def reference(self, operation_id):
        return f"REFERENCE{crc32(operation_id.encode()) % self.different:03}"


@pytest.mark.parametrize("seed", range(5))
def test_a_wire_reference_that_is_in_use_is_minted_again(seed):
    async def many():
        shop = Shop()
        shop.bank = shop.issuers["bank"] = Forgetful()
        link = await shop.link(max_payments=None)
        txns = await asyncio.gather(*(shop.pay(link) for _ in range(Forgetful.different)))
        references = {txn.operation.reference for txn in txns}
        assert references == {operation.reference for operation in shop.bank.purchases}
        assert {shop.bank.reference(txn.operation.id) for txn in txns} == references
        return len(references)

    assert in_virtual_time(many(), seed) == Forgetful.different


async def test_an_issuer_with_one_reference_for_everything_is_a_bug_and_nobody_is_charged(shop):
    shop.bank.reference = lambda _: "SAME"
    link = await shop.link(max_payments=None)
    await shop.pay(link)
    with pytest.raises(AssertionError, match="same reference"):
        await shop.pay(link)
    assert shop.bank.asked == (1, 0, 0)


async def test_who_never_has_a_turn_to_book_the_answer_does_not_say_that_nothing_was_done(shop):
    link, store = await shop.link(), shop.store
    shop.store = Crowded(store, free=1)
    txn = await shop.pay(link)
    assert (txn.status, shop.store.refused) == (TransactionStatus.STARTED, RETRIES_MAX)
    shop.store, shop.bank.finds = store, Approved("A1B2C3")
    shop.wait(46)
    assert (await shop.resolve(txn)).status is TransactionStatus.CAPTURED
    assert shop.bank.asked == (1, 1, 0)
