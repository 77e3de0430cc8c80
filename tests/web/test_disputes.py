"""Disputes over HTTP: shown and listed by status, to their account alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from payseal import transactions
from payseal.ledger import read
from payseal.transactions import Transaction
from tests.web.test_history import GOOD, PAYMENT, pay

__all__ = ["pay"]  # a fixture
COLUMNS = "kind,reference,merchant,amount,currency,fee,original,booked_at"


@pytest.fixture
async def disputed(world, api, shop, pay) -> str:
    """A payment of which a part was given back, and then all was charged back: the dispute's id."""
    id = await pay((await api.post("/api/payment", json=PAYMENT)).json(), GOOD)
    world.at += timedelta(minutes=1)
    await api.post(f"/api/transactions/{id}/refunds", json={"amount": "5.00"})
    txn = await world.payments.get(Transaction, id)
    name = f"{shop.account.upper()},1250,EUR,0,{txn.operation.reference}"
    lines = (
        f"header,1,bank,{world.at.date()},{world.at.date()}T23:59:59Z",
        COLUMNS,
        f"chargeback,CB0000000001,{name},{world.at.date()}T12:30:00Z",
        "total,EUR,1,1250,0",
        "trailer,1",
    )
    statement = read("".join(f"{line}\r\n" for line in lines).encode())
    outcome = await transactions.reconcile(world.payments, "bank", statement, at=world.at)
    (dispute,) = outcome.disputes
    return dispute.id


async def test_a_dispute_is_shown_with_its_evidence_and_on_its_transaction(api, disputed):
    shown = (await api.get(f"/api/disputes/{disputed}")).json()
    txn = (await api.get(f"/api/transactions/{shown['transaction']}")).json()
    assert (shown["status"], shown["amount"], shown["currency"]) == ("contested", "12.50", "EUR")
    assert (shown["overRecovered"], shown["reference"]) == ("5.00", "CB0000000001")
    assert shown["evidence"] == [refund["id"] for refund in txn["refunds"]]
    assert (txn["refunded"], txn["disputed"], txn["overRecovered"]) == ("5.00", "12.50", "5.00")
    for status, found in (("contested", [shown]), ("won", [])):
        listed = await api.get("/api/disputes", params={"status": status})
        assert listed.json()["data"] == found
    path = f"/api/transactions/{txn['id']}/refunds"
    refused = await api.post(path, json={"amount": "0.01"})
    assert (refused.status_code, refused.json()["refundable"]) == (409, "0.00")


async def test_another_accounts_dispute_is_missing(world, shop, disputed):
    theirs = (await world.merchant("other")).test
    async with world.client(auth=shop.live) as live, world.client(auth=theirs) as other:
        for who in (live, other):
            assert (await who.get(f"/api/disputes/{disputed}")).status_code == 404
            assert (await who.get("/api/disputes")).json()["data"] == []
