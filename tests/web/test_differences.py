"""Differences over HTTP: listed by status, and resolved with a note, by their account alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from payseal import ledger, transactions
from payseal.ledger import Statement, read
from tests.web.test_history import GOOD, PAYMENT, pay

__all__ = ["pay"]  # a fixture


def nothing_of(day) -> Statement:
    """A file that has not one line."""
    columns = "kind,reference,merchant,amount,currency,fee,original,booked_at"
    until = f"{day + timedelta(days=1)}T00:00:00Z"
    return read(f"header,1,bank,{day},{until}\r\n{columns}\r\ntrailer,0\r\n".encode())


@pytest.fixture
async def missing(world, api, pay) -> str:
    """A payment that the bank's file lacks: the id of the difference."""
    txn = await pay((await api.post("/api/payment", json=PAYMENT)).json(), GOOD)
    world.at += timedelta(minutes=1)
    await ledger.counting(world.payments, "worker", now=lambda: world.at).read()
    (found,) = (
        await transactions.reconcile(
            world.payments, "bank", nothing_of(world.at.date()), at=world.at
        )
    ).found
    assert found.transaction == txn
    return found.id


async def test_a_difference_is_shown_and_listed_by_status(api, missing):
    shown = (await api.get(f"/api/differences/{missing}")).json()
    assert shown["kind"] == "missing_line"
    assert (shown["ours"], shown["theirs"], shown["currency"]) == ("12.50", None, "EUR")
    assert (shown["status"], shown["day"], shown["mode"]) == ("open", "2026-11-22", "test")
    assert len(shown["reference"]) == 12
    listed = {
        status: (await api.get("/api/differences", params={"status": status})).json()["data"]
        for status in ("open", "resolved")
    }
    assert listed == {"open": [shown], "resolved": []}
    assert (await api.get("/api/differences?status=lost")).status_code == 400


async def test_a_difference_is_resolved_once_with_a_note(api, missing):
    path = f"/api/differences/{missing}/resolve"
    assert (await api.post(path, json={"note": ""})).status_code == 400
    for note in ("paid by hand", "again"):
        answer = await api.post(path, json={"note": note})
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["note"]) == ("resolved", "paid by hand")


async def test_another_accounts_difference_is_missing(world, shop, missing):
    theirs = (await world.merchant("other")).test
    async with world.client(auth=shop.live) as live, world.client(auth=theirs) as other:
        for who in (live, other):
            assert (await who.get(f"/api/differences/{missing}")).status_code == 404
            assert (await who.get("/api/differences")).json()["data"] == []
            answer = await who.post(f"/api/differences/{missing}/resolve", json={"note": "mine"})
            assert answer.status_code == 404
