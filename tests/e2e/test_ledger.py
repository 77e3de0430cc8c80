"""The books beside a running server: balances, and `payseal ledger check`."""

import sqlite3

import pytest

from tests.e2e.people import Merchant, pay, said
from tests.e2e.processes import until

# Of 12.50 and 7.50 the bank keeps 0.43 and 0.36; 5.00 went back.
BALANCES = {"clearing": "15.00", "fees": "-0.79", "payable": "-19.21", "refunds": "5.00"}
VERDICTS = ["right", "right", "wrong", "right"]


@pytest.fixture
def bookkeeper(server):
    merchant = Merchant.at(server.url, "bookkeeper")
    yield merchant
    merchant.close()


def balances(merchant):
    shown = said(merchant.http.get("/api/balance"))["balances"]
    return {each["account"].partition(":")[0]: each["balance"] for each in shown}


def test_balances_follow_payments_and_refunds_and_a_wrong_one_is_found(server, bookkeeper):
    for amount in ("12.50", "7.50"):
        assert "Thank you." in pay(bookkeeper.payment(amount=amount)["url"]).text
    (txn, _) = bookkeeper.transactions()
    path = f"/api/transactions/{txn['id']}/refunds"
    assert said(bookkeeper.http.post(path, json={"amount": "5.00"}))["status"] == "succeeded"
    until(lambda: balances(bookkeeper) == BALANCES)
    entries = said(bookkeeper.http.get("/api/ledger", params={"transaction": txn["id"]}))["data"]
    assert [entry["lines"][0]["amount"] for entry in entries] == ["5.00", "7.50"]

    code, printed = server.command("ledger", "check", "bookkeeper")
    assert code == 0, printed
    head, _, *rows = printed.strip().splitlines()
    assert head == "bookkeeper: 3 entries"
    assert [row.split()[-1] for row in rows] == ["right"] * 4
    assert [row.split()[4:7] for row in rows] == [
        [balance, balance, "0.00"] for balance in BALANCES.values()
    ]

    with sqlite3.connect(server.settings["PAYSEAL_PAYMENTS"].removeprefix("sqlite:///")) as file:
        changed = file.execute(
            "UPDATE balances SET body = CAST(replace(body, '[1921,', '[1922,') AS BLOB)"
            " WHERE CAST(body AS TEXT) LIKE '%\"payable\"%[1921,%'"
        )
        assert changed.rowcount == 1
    code, printed = server.command("ledger", "check", "bookkeeper@shop.example")
    assert code == 1
    assert [row.split()[-1] for row in printed.strip().splitlines()[2:6]] == VERDICTS
    assert "The ledger does not agree with its entries." in printed
