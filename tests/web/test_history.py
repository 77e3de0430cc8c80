"""The transactions of an account: what its payers tried, and what happened."""

from __future__ import annotations

from datetime import timedelta

import pytest

from payseal import accounts, checkout, transactions

PAYMENT = {
    "amount": "12.50",
    "date": "2026-11-22T10:00:00Z",
    "paymentMethod": "card",
    "currency": "EUR",
    "realm": "shop.example",
}
GOOD, BAD = "4242 4242 4242 4242", "4000 0000 0000 0002"


@pytest.fixture
def pay(world):
    async def pay(payment, number):
        key = transactions.new_key(world.mint, at=world.at)
        typed = {
            "number": number,
            "expiry": "12/29",
            "cvc": "123",
            "name": "Ada Lovelace",
            "email": "ada@example.com",
            "attempt": key,
        }
        token = payment["url"].rpartition("/")[2]
        txn = await checkout.take_payment(
            world.parts.till, world.parts.seal, token, typed, "192.0.2.7", now=lambda: world.at
        )
        return txn.id

    return pay


@pytest.fixture
async def tried(world, api, pay):
    """A declined and a captured attempt at one payment, and one at another; newest first."""
    one = (await api.post("/api/payment", json=PAYMENT)).json()
    two = (await api.post("/api/payment", json=PAYMENT | {"realm": "other.example"})).json()
    ids = []
    for payment, number in ((one, BAD), (one, GOOD), (two, GOOD)):
        world.at += timedelta(minutes=1)
        ids.insert(0, await pay(payment, number))
    return ids, one


async def test_a_transaction_is_shown_with_its_log_and_nothing_of_its_card(api, tried):
    (_, captured, _), payment = tried
    answer = await api.get(f"/api/transactions/{captured}")
    shown = answer.json()
    assert shown["payment"] == payment["id"]
    assert (shown["status"], shown["mode"], shown["reason"]) == ("captured", "test", None)
    assert (shown["amount"], shown["currency"]) == ("12.50", "EUR")
    assert shown["card"] == {"brand": "visa", "last4": "4242"}
    assert shown["email"] == "ada@example.com"
    assert [event["type"] for event in shown["events"]] == [
        "transaction.started",
        "transaction.captured",
    ]
    assert "42424242" not in answer.text
    assert (await api.get(f"/api/payment/{payment['id']}")).json()["status"] == "paid"


async def test_a_declined_transaction_tells_the_code_and_whether_a_retry_is_allowed(api, tried):
    (_, captured, declined), _ = tried
    shown = (await api.get(f"/api/transactions/{declined}")).json()
    assert (shown["status"], shown["code"], shown["retry"]) == ("declined", "05", "later")
    shown = (await api.get(f"/api/transactions/{captured}")).json()
    assert (shown["code"], shown["retry"]) == (None, None)


async def test_transactions_are_listed_newest_first_and_by_what_is_asked(api, tried):
    (third, second, first), payment = tried

    async def listed(**query):
        page = (await api.get("/api/transactions", params=query)).json()
        return [txn["id"] for txn in page["data"]], page["after"]

    assert await listed() == ([third, second, first], None)
    part, after = await listed(limit=2)
    assert (part, await listed(limit=2, after=after)) == ([third, second], ([first], None))
    assert await listed(payment=payment["id"]) == ([second, first], None)
    assert await listed(realm="other.example") == ([third], None)
    assert await listed(status="declined") == ([first], None)
    span = {"from": "2026-11-22T12:02:00Z", "to": "2026-11-22T12:03:00Z"}
    assert await listed(**span) == ([second], None)


async def test_transactions_of_a_spread_account_are_listed_in_order(world, shop, api, tried, pay):
    (third, second, first), payment = tried
    await accounts.spread(world.accounts, shop.account, 8, at=world.at)
    made = [first, second, third]
    for _ in range(12):
        world.at += timedelta(minutes=1)
        new = (await api.post("/api/payment", json=PAYMENT)).json()
        made.append(await pay(new, GOOD))
    listed, after = [], None
    for _ in range(5):
        query = {"limit": 3} | ({"after": after} if after else {})
        page = (await api.get("/api/transactions", params=query)).json()
        listed, after = listed + page["data"], page["after"]
    assert ([txn["id"] for txn in listed], after) == (made[::-1], None)
    last = (await api.get("/api/transactions", params={"payment": new["id"]})).json()["data"]
    assert [txn["id"] for txn in last] == made[-1:]
    old = (await api.get("/api/transactions", params={"payment": payment["id"]})).json()["data"]
    assert [txn["id"] for txn in old] == [second, first]


async def test_another_account_and_the_other_mode_see_nothing_of_it(world, shop, tried):
    (third, _, _), payment = tried
    other = await world.merchant("other")
    for auth in (shop.live, other.test):
        async with world.client(auth=auth) as client:
            assert (await client.get("/api/transactions")).json()["data"] == []
            query = {"payment": payment["id"]}
            assert (await client.get("/api/transactions", params=query)).json()["data"] == []
            assert (await client.get(f"/api/transactions/{third}")).status_code == 404
