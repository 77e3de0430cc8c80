"""Captures, voids and refunds on each store: in a rush, and when an answer is lost.

The bank is the witness.
"""

import asyncio
import random
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from tests.e2e.fleet import fleet, on_servers, on_sqlite
from tests.e2e.people import WITHIN_S, agree, minor, pay, said
from tests.e2e.processes import until
from tests.servers.postgres import PostgresServer

RUSH, AT_ONCE = 200, 50
LIMIT = "1000.00"


@contextmanager
def on_postgres(folder):
    """Accounts and payments on PostgreSQL, by two processes that answer and one that works."""
    with ExitStack() as stack:
        server = stack.enter_context(PostgresServer())
        url = server.url(server.database())
        stores = {"PAYSEAL_ACCOUNTS": url, "PAYSEAL_PAYMENTS": url}
        yield stack.enter_context(fleet(folder, stores, webs=2, workers=1))


STORES = {"SQLite": on_sqlite, "PostgreSQL": on_postgres, "DynamoDB": on_servers}


@pytest.fixture(scope="module", params=STORES)
def there(request, tmp_path_factory):
    with STORES[request.param](tmp_path_factory.mktemp("refunds")) as fleet:
        yield fleet


def paid(there, amount="12.50"):
    """A captured transaction."""
    payment = there.merchant.payment(amount=amount)
    assert "Thank you." in pay(payment["url"]).text
    (txn,) = there.merchant.transactions(payment=payment["id"])
    return txn


def given_back(there, txn):
    """What the bank's book has of it: the amounts of approved refunds."""
    return [
        row["amount"]
        for row in there.bank.book("approved")
        if row["kind"] == "refund" and row["original"] == txn["reference"]
    ]


def test_a_payment_is_given_back_in_the_banks_book_too(there):
    txn = paid(there)
    path = f"/api/transactions/{txn['id']}/refunds"
    for amount in ("5.00", "7.50"):
        refund = said(there.merchant.http.post(path, json={"amount": amount}))
        assert (refund["status"], refund["amount"]) == ("succeeded", amount)
    refused = there.merchant.http.post(path, json={"amount": "0.01"})
    assert (refused.status_code, refused.json()["code"]) == (409, "refund_too_large")
    assert sorted(given_back(there, txn)) == [500, 750]
    assert there.merchant.log(txn)["refunded"] == "12.50"
    agree(there.merchant.transactions(), there.bank.book())


async def test_a_rush_of_refunds_never_gives_back_more_than_was_paid(there):
    txn = paid(there, LIMIT)
    chance, turn = random.Random(7), asyncio.Semaphore(AT_ONCE)
    auth = (there.merchant.key, there.merchant.secret)

    async def refund(http, number):
        url = there.at(number, f"{there.webs[0].url}/api/transactions/{txn['id']}/refunds")
        amount = f"{chance.randint(1, 2000) / 100:.2f}"
        async with turn:
            while (answer := await http.post(url, json={"amount": amount})).status_code == 503:
                assert answer.json()["code"] == "busy"
            return answer

    async with httpx.AsyncClient(auth=auth, timeout=60) as http:
        answers = await asyncio.gather(*(refund(http, number) for number in range(RUSH)))
    refused = [answer.json()["code"] for answer in answers if answer.status_code != 201]
    assert set(refused) == {"refund_too_large"}
    done = [answer.json() for answer in answers if answer.status_code == 201]

    def certain():
        log = there.merchant.log(txn)
        return log if not {"started", "unknown"} & {r["status"] for r in log["refunds"]} else None

    until(certain, 90)
    log = there.merchant.log(txn)  # once more: the two parts of a log are read one after the other
    assert {refund["id"] for refund in done} == {refund["id"] for refund in log["refunds"]}
    ours = sorted(minor(r["amount"]) for r in log["refunds"] if r["status"] == "succeeded")
    assert ours == sorted(given_back(there, txn))
    assert sum(ours) == minor(log["refunded"]) <= minor(LIMIT)
    assert len(refused) > 0


def held(there):
    """An authorized transaction."""
    payment = there.merchant.payment(capture="manual")
    assert "Thank you." in pay(payment["url"]).text
    (txn,) = there.merchant.transactions(payment=payment["id"])
    assert txn["status"] == "authorized"
    return txn


def followed(there, txn):
    """What the bank's book has after the authorization: kinds and amounts."""
    return [
        (row["kind"], row["amount"])
        for row in there.bank.book("approved")
        if row["original"] == txn["reference"]
    ]


def test_a_payment_is_held_then_captured_in_part_or_voided_in_the_banks_book_too(there):
    part, gone = held(there), held(there)
    http = there.merchant.http
    captured = said(http.post(f"/api/transactions/{part['id']}/capture", json={"amount": "5.00"}))
    assert (captured["status"], captured["captured"]) == ("captured", "5.00")
    assert followed(there, part) == [("capture", 500)]
    voided = said(http.post(f"/api/transactions/{gone['id']}/void"))
    assert (voided["status"], followed(there, gone)) == ("voided", [("void", 1250)])
    assert there.merchant.show({"id": part["payment"]})["status"] == "paid"
    assert there.merchant.show({"id": gone["payment"]})["status"] == "open"
    assert "Thank you." in pay(there.merchant.show({"id": gone["payment"]})["url"]).text


async def test_many_who_capture_and_void_at_once_close_it_once(there):
    txn = held(there)
    auth = (there.merchant.key, there.merchant.secret)

    async def close(http, number):
        what = ("capture", "void")[number % 2]
        url = there.at(number, f"{there.webs[0].url}/api/transactions/{txn['id']}/{what}")
        return await http.post(url, json={})

    async with httpx.AsyncClient(auth=auth, timeout=60) as http:
        answers = await asyncio.gather(*(close(http, number) for number in range(20)))
    assert sorted({answer.status_code for answer in answers}) == [200, 409]
    assert [answer.status_code for answer in answers].count(200) == 1
    assert len(followed(there, txn)) == 1


def test_a_capture_whose_answer_is_lost_is_found_out_and_done_once(there):
    txn = held(there)
    there.bank.put("/faults", faults=[{"kind": "lost", "next": 1, "on": ["capture"]}])
    asked = said(there.merchant.http.post(f"/api/transactions/{txn['id']}/capture", json={}))
    assert (asked["status"], asked["closing"]) == ("authorized", "capture")
    until(lambda: there.merchant.log(txn)["status"] == "captured", 60)
    assert followed(there, txn) == [("capture", 1250)]


def test_a_refund_whose_answer_is_lost_is_found_out_and_done_once(there):
    txn = paid(there)
    there.bank.put("/faults", faults=[{"kind": "lost", "next": 1, "on": ["refund"]}])
    with httpx.Client(auth=(there.merchant.key, there.merchant.secret), timeout=WITHIN_S) as http:
        url = f"{there.webs[0].url}/api/transactions/{txn['id']}/refunds"
        refund = said(http.post(url, json={"amount": "5.00"}))
    assert refund["status"] in ("started", "unknown")

    def known():
        found = said(there.merchant.http.get(f"/api/refunds/{refund['id']}"))
        return found if found["status"] == "succeeded" else None

    until(known, 60)
    assert given_back(there, txn) == [500]
    assert there.merchant.log(txn)["refunded"] == "5.00"
