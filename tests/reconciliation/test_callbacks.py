"""What the bank tells of chargebacks and what its file says are one thing, whoever comes first."""

from __future__ import annotations

import asyncio
import json

import pytest

from payseal import ledger
from payseal.core.errors import NotAllowed
from payseal.core.ids import Mode
from payseal.core.store import deciding
from payseal.ledger import Entry, InvalidCallback
from payseal.transactions import Difference, Dispute, callbacks, disputes
from payseal.transactions.callbacks import NotBookedYet
from tests.reconciliation.conftest import Books
from tests.reconciliation.test_disputes import sums

LINE = {
    "kind": "chargeback",
    "reference": "CB0000000001",
    "merchant": "MERCHANT0000",
    "amount": 1250,
    "currency": "EUR",
    "fee": 0,
    "original": "PS0000000001",
    "booked_at": "2026-11-22T17:00:00.000Z",
}


def line_of(booking: dict, **other: object) -> dict[str, object]:
    """The line of a chargeback that the bank has answered with."""
    names = {"kind": "kind", "reference": "reference", "amount": "amount", "currency": "currency"}
    facts = {name: booking[key] for name, key in (names | {"original": "original"}).items()}
    facts |= {"merchant": booking["merchant"].rstrip(), "fee": 0, "booked_at": booking["bookedAt"]}
    return facts | other


async def tell(books: Books, type: str, line: dict[str, object]) -> None:
    told = ledger.heard(json.dumps({"type": f"chargeback.{type}", "line": line}).encode())
    await deciding(callbacks.take, books.store, "bank", told, at=books.at)


async def charge_back(books: Books, txn, **wanted) -> dict[str, object]:
    name = {"reference": txn.operation.reference, "merchant": books.account.upper()}
    return line_of(await books.post("/chargebacks", **name, **wanted))


async def decide(books: Books, how: str, line: dict[str, object]) -> dict[str, object]:
    name = {"reference": line["reference"], "merchant": line["merchant"]}
    booking = await books.post(f"/chargebacks/{how}", **name)
    if how == "lost":
        return line
    back = {"kind": "reversal", "original": line["reference"], "booked_at": booking["reversedAt"]}
    return line | back


async def the_dispute(books: Books) -> Dispute:
    (dispute,) = await books.all(Dispute)
    return dispute


async def test_a_callback_opens_what_the_file_then_finds(books: Books):
    paid = await books.pay(await books.link())
    line = await charge_back(books, paid, amount=1000)
    await tell(books, "opened", line)
    dispute = await the_dispute(books)
    assert (dispute.status, str(dispute.amount)) == ("open", "10.00")
    assert str((await books.again(paid)).refundable) == "2.50"
    for _ in range(2):
        outcome = await books.reconcile(await books.file())
        assert ([*outcome.disputes], [*outcome.found]) == ([], [])
    assert (await the_dispute(books)) == dispute
    assert await books.log(dispute) == ["dispute.opened"]
    assert all(entry.settled for entry in await books.all(Entry))
    assert (await sums(books))["disputes"] == "10.00"


async def test_the_file_opens_what_a_callback_then_finds(books: Books):
    paid = await books.pay(await books.link())
    line = await charge_back(books, paid)
    await books.reconcile(await books.file())
    before = await the_dispute(books)
    await tell(books, "opened", line)
    assert await the_dispute(books) == before
    assert (await sums(books))["disputes"] == "12.50"


async def test_twenty_callbacks_at_once_open_one_dispute(books: Books):
    paid = await books.pay(await books.link())
    line = await charge_back(books, paid)
    await asyncio.gather(*(tell(books, "opened", line) for _ in range(20)))
    dispute = await the_dispute(books)
    assert await books.log(dispute) == ["dispute.opened"]
    assert (await sums(books))["disputes"] == "12.50"


@pytest.mark.parametrize("read_between", [True, False])
@pytest.mark.parametrize("told", [(), ("opened",), ("won",), ("opened", "won")])
async def test_a_chargeback_that_is_won_on_the_same_day_leaves_no_difference(
    books: Books, told, read_between
):
    paid = await books.pay(await books.link())
    line = await charge_back(books, paid)
    if "opened" in told:
        await tell(books, "opened", line)
    if read_between:
        await books.reconcile(await books.file())
    back = await decide(books, "won", line)
    if "won" in told:
        try:
            await tell(books, "won", back)
        except NotBookedYet:
            assert not read_between, "whoever knows the dispute takes it"
            assert "opened" not in told
    for _ in range(2):
        await books.reconcile(await books.file())
    dispute = await the_dispute(books)
    assert dispute.status == "won"
    assert await books.log(dispute) == ["dispute.opened", "dispute.won"]
    assert (await books.again(paid)).disputed == 0
    assert await books.all(Difference) == []
    assert all(entry.settled for entry in await books.all(Entry))
    assert (await sums(books))["disputes"] == "0.00"


async def test_what_is_won_on_another_day_is_marked_by_the_file_of_that_day(books: Books):
    paid = await books.pay(await books.link())
    line = await charge_back(books, paid)
    await books.reconcile(await books.file())
    books.wait(hours=24)
    back = await decide(books, "won", line)
    for _ in range(2):
        await tell(books, "won", back)
    outcome = await books.reconcile(await books.file())
    assert ([*outcome.found], (await the_dispute(books)).status) == ([], "won")
    assert all(entry.settled for entry in await books.all(Entry))


async def test_a_charge_that_we_do_not_know_is_told_again_later(books: Books):
    paid = await books.pay(await books.link())
    line = await charge_back(books, paid)
    for other in (
        {"original": "PS0000000000"},
        {"currency": "JPY"},
        {"original": ""} | {"kind": "reversal", "original": "CB"},
    ):
        type = "won" if other.get("kind") == "reversal" else "opened"
        with pytest.raises(NotBookedYet):
            await tell(books, type, line | {"reference": "CBFFFFFFFFFF"} | other)
    assert await books.all(Dispute) == []
    assert str((await books.again(paid)).refundable) == "12.50"


async def test_what_is_told_to_be_lost_is_opened_first_and_stays_lost(books: Books):
    paid = await books.pay(await books.link())
    line = await charge_back(books, paid)
    await decide(books, "lost", line)
    for _ in range(2):
        await tell(books, "lost", line)
        await tell(books, "opened", line)
    dispute = await the_dispute(books)
    assert dispute.status == "lost"
    assert await books.log(dispute) == ["dispute.opened", "dispute.lost"]
    assert (await sums(books))["disputes"] == "12.50", "the money stays with the payer"
    with pytest.raises(NotAllowed):
        await accept(books, dispute)


async def accept(books: Books, dispute: Dispute) -> Dispute:
    return await deciding(
        disputes.accept, books.store, books.account, Mode.TEST, dispute.id, at=books.at
    )


@pytest.mark.parametrize("how", ["accepted", "lost"])
async def test_money_that_is_given_again_after_all_is_booked(books: Books, how):
    paid = await books.pay(await books.link())
    line = await charge_back(books, paid)
    await tell(books, "opened", line)
    dispute = await the_dispute(books)
    if how == "accepted":
        await accept(books, dispute)
        assert (await accept(books, dispute)).status == "accepted"
        await tell(books, "lost", line)
        assert (await the_dispute(books)).status == "accepted"
    else:
        await tell(books, "lost", line)
    back = await decide(books, "won", line)
    await tell(books, "won", back)
    assert (await the_dispute(books)).status == "won"
    assert await books.log(dispute) == ["dispute.opened", f"dispute.{how}", "dispute.won"]
    assert (await sums(books))["disputes"] == "0.00"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        {"type": "chargeback.opened"},
        {"type": "chargeback.opened", "line": {}},
        {"type": "chargeback.burnt", "line": LINE},
        {"type": "chargeback.won", "line": LINE},
        {"type": "chargeback.opened", "line": LINE | {"kind": "reversal"}},
        {"type": "chargeback.opened", "line": LINE | {"kind": "purchase"}},
        {"type": "chargeback.opened", "line": LINE | {"amount": -1}},
        {"type": "chargeback.opened", "line": LINE | {"amount": 1.5}},
        {"type": "chargeback.opened", "line": LINE | {"amount": 10**30}},
        {"type": "chargeback.opened", "line": LINE | {"currency": "XYZ"}},
        {"type": "chargeback.opened", "line": LINE | {"original": ""}},
        {"type": "chargeback.opened", "line": LINE | {"booked_at": "today"}},
        {"type": "chargeback.opened", "line": LINE | {"more": "x"}},
        {"type": "chargeback.opened", "line": LINE | {"reference": "x" * 16}},
    ],
)
def test_what_is_no_callback_is_refused(body):
    with pytest.raises(InvalidCallback):
        ledger.heard(body if isinstance(body, bytes) else json.dumps(body).encode())
