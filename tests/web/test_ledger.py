"""The ledger over HTTP: balances and entries, of the caller's account and mode alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from payseal import ledger
from tests.web.test_history import GOOD, PAYMENT, pay

__all__ = ["pay"]  # a fixture


@pytest.fixture
async def paid(world, api, pay) -> list[str]:
    """Two captured transactions, in euros and in yen; of the first a part was given back."""
    yen = PAYMENT | {"amount": "1200", "currency": "JPY"}
    made = [(await api.post("/api/payment", json=each)).json() for each in (PAYMENT, yen)]
    ids = [await pay(each, GOOD) for each in made]
    world.at += timedelta(minutes=1)
    await api.post(f"/api/transactions/{ids[0]}/refunds", json={"amount": "5.00"})
    return ids


@pytest.fixture
def count(world):
    return ledger.counting(world.payments, "worker", now=lambda: world.at).read


async def test_balances_are_shown_by_ledger_account_and_currency(api, paid, count):
    await count()
    shown = (await api.get("/api/balance")).json()
    assert shown["mode"] == "test"
    rows = [tuple(each.values()) for each in shown["balances"]]
    assert [*shown["balances"][0]] == ["account", "currency", "balance", "debits", "credits"]
    assert rows == [
        ("clearing:bank", "EUR", "7.50", "12.50", "5.00"),
        ("clearing:bank", "JPY", "1200", "1200", "0"),
        ("payable", "EUR", "-12.50", "0.00", "12.50"),
        ("payable", "JPY", "-1200", "0", "1200"),
        ("refunds", "EUR", "5.00", "5.00", "0.00"),
    ]


async def test_entries_are_listed_newest_first_and_by_transaction(world, api, paid):
    page = (await api.get("/api/ledger")).json()
    assert len(page["data"]) == 3
    assert page["data"][0]["lines"][1]["amount"] == "-5.00"
    assert page["data"][0]["at"] == "2026-11-22T12:01:00Z"
    part = (await api.get("/api/ledger", params={"limit": 2})).json()
    rest = (await api.get("/api/ledger", params={"limit": 2, "after": part["after"]})).json()
    assert part["data"] + rest["data"] == page["data"]
    of_first = (await api.get("/api/ledger", params={"transaction": paid[0]})).json()["data"]
    assert {each["transaction"] for each in of_first} == {paid[0]}
    lines = sorted([line["account"], line["amount"]] for each in of_first for line in each["lines"])
    assert lines == [
        ["clearing:bank", "-5.00"],
        ["clearing:bank", "12.50"],
        ["payable", "-12.50"],
        ["refunds", "5.00"],
    ]
    later = {"from": "2026-11-23T00:00:00Z"}
    assert (await api.get("/api/ledger", params=later)).json()["data"] == []


async def test_nobody_sees_the_books_of_another_or_of_the_other_mode(world, api, paid, count, shop):
    await count()
    theirs = (await world.merchant("other")).test
    async with world.client(auth=shop.live) as live, world.client(auth=theirs) as other:
        for who in (live, other):
            assert (await who.get("/api/balance")).json()["balances"] == []
            assert (await who.get("/api/ledger")).json()["data"] == []
            asked = await who.get("/api/ledger", params={"transaction": paid[0]})
            assert asked.json()["data"] == []


@pytest.mark.parametrize("name", ["transaction", "after", "limit", "nonsense"])
async def test_a_wrong_wish_is_refused_or_finds_nothing(api, paid, name):
    answer = await api.get("/api/ledger", params={name: "x"})
    assert (answer.status_code, answer.json().get("data")) in [(400, None), (200, [])]
    assert (answer.status_code == 200) == (name == "transaction")
