"""Amounts to the minor unit, as the bank's own book has them: none, two and three decimals."""

import pytest

from tests.e2e.fleet import on_sqlite
from tests.e2e.people import pay, said

# currency, amount, and the same as the bank counts; a part of it, and that.
AMOUNTS = [
    ("EUR", "12.50", 1250, "0.01", 1),
    ("EUR", "9999999999.99", 999999999999, "9999999999.98", 999999999998),
    ("JPY", "1250", 1250, "1", 1),
    ("KWD", "1.250", 1250, "0.001", 1),
    ("KWD", "0.005", 5, "0.004", 4),
]


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    with on_sqlite(tmp_path_factory.mktemp("currencies")) as fleet:
        yield fleet


def booked(there, txn, kind):
    """What the bank's book has of it, as amounts and currencies."""
    return [
        (row["amount"], row["currency"])
        for row in there.bank.book("approved")
        if row["kind"] == kind and txn["reference"] in (row["reference"], row["original"])
    ]


@pytest.mark.parametrize(("currency", "amount", "minor", "part", "part_minor"), AMOUNTS)
def test_what_is_charged_and_given_back_is_in_the_banks_book_to_the_minor_unit(
    there, currency, amount, minor, part, part_minor
):
    payment = there.merchant.payment(amount=amount, currency=currency)
    assert "Thank you." in pay(payment["url"]).text
    (txn,) = there.merchant.transactions(payment=payment["id"])
    assert (txn["amount"], txn["captured"], txn["currency"]) == (amount, amount, currency)
    assert booked(there, txn, "purchase") == [(minor, currency)]
    path = f"/api/transactions/{txn['id']}/refunds"
    assert said(there.merchant.http.post(path, json={"amount": part}))["amount"] == part
    assert booked(there, txn, "refund") == [(part_minor, currency)]
    said(there.merchant.http.post(path, json={}))
    assert sorted(booked(there, txn, "refund")) == sorted(
        [(part_minor, currency), (minor - part_minor, currency)]
    )
    assert there.merchant.log(txn)["refunded"] == amount


@pytest.mark.parametrize(("currency", "amount", "minor", "part", "part_minor"), AMOUNTS)
def test_what_is_captured_of_an_authorization_is_in_the_banks_book_to_the_minor_unit(
    there, currency, amount, minor, part, part_minor
):
    payment = there.merchant.payment(amount=amount, currency=currency, capture="manual")
    pay(payment["url"])
    (txn,) = there.merchant.transactions(payment=payment["id"])
    path = f"/api/transactions/{txn['id']}/capture"
    assert said(there.merchant.http.post(path, json={"amount": part}))["captured"] == part
    assert booked(there, txn, "authorization") == [(minor, currency)]
    assert booked(there, txn, "capture") == [(part_minor, currency)]
