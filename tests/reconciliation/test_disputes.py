"""A chargeback in the bank's file: booked, contested where a refund crossed it, and won again."""

from __future__ import annotations

import pytest

from payseal.ledger import Entry, balances
from payseal.links import Capture
from payseal.transactions import Difference, Dispute
from payseal.transactions.refusals import RefundTooLarge
from tests.reconciliation.conftest import Books


async def charged_back(books: Books, txn, **wanted) -> Dispute:
    """What becomes of it once the bank's file is read."""
    name = {"reference": txn.operation.reference, "merchant": books.account.upper()}
    await books.post("/chargebacks", **name, **wanted)
    (dispute,) = (await books.reconcile(await books.file())).disputes
    return dispute


async def sums(books: Books) -> dict[str, str]:
    await books.count()
    shards = books.shards
    found = await balances(books.store, books.account, books.mode, shards=shards)
    return {total.account: str(total.balance) for total in found}


async def test_a_chargeback_is_booked_once_and_can_no_longer_be_refunded(books: Books):
    paid = await books.pay(await books.link())
    dispute = await charged_back(books, paid, amount=1000)

    assert (dispute.status, str(dispute.amount), dispute.transaction) == ("open", "10.00", paid.id)
    assert await books.log(dispute) == ["dispute.opened"]
    assert str((await books.again(paid)).refundable) == "2.50"
    with pytest.raises(RefundTooLarge):
        await books.start_refund(paid, "2.51")
    assert await sums(books) == {
        "clearing:bank": "2.50",
        "disputes": "10.00",
        "fees:bank": "-0.43",
        "payable": "-12.07",
    }
    again = await books.reconcile(await books.file())
    assert ([*again.disputes], [*again.found]) == ([], [])
    assert len(await books.all(Dispute)) == 1
    assert await books.all(Difference) == []


async def test_a_dispute_that_is_won_goes_back_where_it_was(books: Books):
    paid = await books.pay(await books.link())
    dispute = await charged_back(books, paid)
    assert str((await books.again(paid)).refundable) == "0.00"
    books.wait(hours=24)
    name = {"reference": dispute.reference, "merchant": books.account.upper()}
    await books.post("/chargebacks/won", **name)
    for _ in range(2):
        outcome = await books.reconcile(await books.file())
        assert (outcome.lines, [*outcome.found]) == (1, [])

    assert (await books.again(dispute)).status == "won"
    assert await books.log(dispute) == ["dispute.opened", "dispute.won"]
    paid = await books.again(paid)
    assert (paid.disputed, str(paid.refundable)) == (0, "12.50")
    assert len(await books.entries(paid)) == 3
    assert (await sums(books))["disputes"] == "0.00"


@pytest.mark.parametrize("finished", [True, False], ids=["done", "in flight"])
async def test_a_chargeback_that_crosses_a_refund_is_booked_and_contested(books: Books, finished):
    paid = await books.pay(await books.link())
    start = books.refund if finished else books.start_refund
    refund = await start(paid, "5.00")
    dispute = await charged_back(books, paid)

    assert (dispute.status, str(dispute.over_recovered)) == ("contested", "5.00")
    assert dispute.evidence == (refund.id,)
    assert await books.log(dispute) == ["dispute.contested"]
    paid = await books.again(paid)
    assert (str(paid.refundable), str(paid.over_recovered)) == ("0.00", "5.00")
    operations = {entry.operation for entry in await books.all(Entry)}
    assert dispute.id in operations


async def test_a_captured_part_is_disputed_by_its_capture(books: Books):
    held = await books.pay(await books.link(capture=Capture.MANUAL))
    captured = await books.close(held, "capture", "5.00")
    name = {"reference": captured.closing.reference, "merchant": books.account.upper()}
    await books.post("/chargebacks", **name)
    (dispute,) = (await books.reconcile(await books.file())).disputes
    assert (dispute.transaction, str(dispute.amount)) == (held.id, "5.00")
