"""Refunds over HTTP: by the merchant alone, once for each key, and never too much."""

from __future__ import annotations

import pytest

from payseal.issuers import Declined, Unknown
from tests.web.test_history import GOOD, PAYMENT, pay

__all__ = ["pay"]  # a fixture


@pytest.fixture
async def paid(api, pay) -> str:
    """A captured transaction's path."""
    payment = (await api.post("/api/payment", json=PAYMENT)).json()
    return f"/api/transactions/{await pay(payment, GOOD)}"


async def test_a_payment_is_given_back_in_parts_and_each_is_shown(api, paid):
    first = await api.post(f"{paid}/refunds", json={"amount": "5.00", "reason": "a broken cup"})
    assert first.status_code == 201
    shown = first.json()
    assert (shown["status"], shown["amount"], shown["currency"]) == ("succeeded", "5.00", "EUR")
    assert (shown["reason"], shown["why"], shown["mode"]) == ("a broken cup", None, "test")
    rest = (await api.post(f"{paid}/refunds", json={})).json()
    assert rest["amount"] == "7.50"

    assert (await api.get(f"/api/refunds/{shown['id']}")).json() == shown
    listed = (await api.get(f"{paid}/refunds")).json()
    assert {refund["id"] for refund in listed["data"]} == {shown["id"], rest["id"]}
    txn = (await api.get(paid)).json()
    assert (txn["refunded"], txn["amount"]) == ("12.50", "12.50")
    assert {refund["id"] for refund in txn["refunds"]} == {shown["id"], rest["id"]}


async def test_more_than_is_left_is_refused_with_what_is_left(api, paid):
    await api.post(f"{paid}/refunds", json={"amount": "12.00"})
    refused = await api.post(f"{paid}/refunds", json={"amount": "0.51"})
    told = refused.json()
    assert (refused.status_code, told["code"], told["refundable"]) == (
        409,
        "refund_too_large",
        "0.50",
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"amount": "12.505"}, "invalid_amount"),
        ({"amount": "0"}, "invalid_amount"),
        ({"amount": 5}, "invalid_field"),
        ({"reason": "x" * 201}, "invalid_refund"),
        ({"sum": "5.00"}, "unknown_field"),
    ],
)
async def test_a_wrong_wish_names_its_field_and_starts_nothing(api, paid, body, code):
    refused = await api.post(f"{paid}/refunds", json=body)
    assert (refused.status_code, refused.json()["code"]) == (400, code)
    assert (await api.get(f"{paid}/refunds")).json()["data"] == []


async def test_a_declined_payment_has_nothing_to_give_back(api, pay):
    payment = (await api.post("/api/payment", json=PAYMENT)).json()
    txn = await pay(payment, "4000 0000 0000 0002")
    refused = await api.post(f"/api/transactions/{txn}/refunds", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_refundable")


async def test_the_same_key_refunds_once_and_answers_the_same(world, api, paid):
    key = {"Idempotency-Key": "refund-of-order-1042"}
    first = await api.post(f"{paid}/refunds", json={"amount": "5.00"}, headers=key)
    again = await api.post(f"{paid}/refunds", json={"amount": "5.00"}, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await api.get(f"{paid}/refunds")).json()["data"]) == 1


async def test_nobody_sees_or_makes_the_refunds_of_another(world, api, paid, stranger):
    refund = (await api.post(f"{paid}/refunds", json={"amount": "1.00"})).json()
    other = await world.merchant("other")
    auth = {"auth": other.test}
    for answer in (
        await stranger.post(f"{paid}/refunds", json={}, **auth),
        await stranger.get(f"{paid}/refunds", **auth),
        await stranger.get(f"/api/refunds/{refund['id']}", **auth),
        await stranger.get("/api/refunds/nonsense", **auth),
    ):
        assert answer.status_code == 404
    assert (await stranger.post(f"{paid}/refunds", json={})).status_code == 401


@pytest.mark.parametrize(
    ("answer", "status", "why"),
    [
        (Declined("64", "above_original"), "declined", "above_original"),
        (Unknown("no_answer"), "unknown", "no_answer"),
    ],
)
async def test_what_the_bank_said_is_told(world, api, paid, answer, status, why):
    world.bank.gives_back = answer
    shown = (await api.post(f"{paid}/refunds", json={})).json()
    assert (shown["status"], shown["why"]) == (status, why)
