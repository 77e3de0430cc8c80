"""Capture and void over HTTP."""

from __future__ import annotations

import pytest

from payseal.issuers import Declined, NotSent, Unknown
from tests.web.test_history import GOOD, PAYMENT, pay

__all__ = ["pay"]  # a fixture


@pytest.fixture
async def held(api, pay) -> str:
    """An authorized transaction's path."""
    asked = PAYMENT | {"capture": "manual"}
    payment = (await api.post("/api/payment", json=asked)).json()
    assert (payment["capture"], payment["authorizationEnd"]) == ("manual", "void")
    return f"/api/transactions/{await pay(payment, GOOD)}"


async def test_a_held_payment_is_shown_with_its_end_and_captured_in_part(api, held):
    shown = (await api.get(held)).json()
    assert (shown["status"], shown["captured"], shown["closing"]) == ("authorized", "0.00", None)
    assert shown["endsAt"] == "2026-11-28T12:00:00Z"
    payment = f"/api/payment/{shown['payment']}"
    assert (await api.get(payment)).json()["status"] == "authorized"

    done = await api.post(f"{held}/capture", json={"amount": "5.00"})
    assert (done.status_code, done.json()["status"], done.json()["captured"]) == (
        200,
        "captured",
        "5.00",
    )
    assert (await api.get(payment)).json()["status"] == "paid"
    again = await api.post(f"{held}/capture", json={})
    assert (again.status_code, again.json()["code"]) == (409, "not_allowed_now")
    refund = (await api.post(f"{held}/refunds", json={})).json()
    assert refund["amount"] == "5.00"


async def test_a_void_sets_the_link_free(api, held):
    done = (await api.post(f"{held}/void")).json()
    assert done["status"] == "voided"
    assert (await api.get(f"/api/payment/{done['payment']}")).json()["status"] == "open"


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (Declined("64", "above_original"), 409, "closing_declined"),
        (NotSent("no_connection"), 503, "issuer_not_reached"),
    ],
)
async def test_what_was_not_done_is_told_and_may_be_asked_again_with_the_same_key(
    world, api, held, answer, status, code
):
    key = {"Idempotency-Key": "capture-of-order-1042"}
    good, world.bank.gives_back = world.bank.gives_back, answer
    refused = await api.post(f"{held}/capture", json={}, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    world.bank.gives_back = good
    done = await api.post(f"{held}/capture", json={}, headers=key)
    assert done.json()["status"] == "captured"


async def test_one_without_an_answer_is_shown_as_under_way(world, api, held):
    world.bank.gives_back = Unknown("no_answer")
    shown = (await api.post(f"{held}/capture", json={})).json()
    assert (shown["status"], shown["closing"]) == ("authorized", "capture")
    refused = await api.post(f"{held}/void")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_allowed_now")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"amount": "12.51"}, 409, "capture_too_large"),
        ({"amount": "0"}, 400, "invalid_amount"),
        ({"sum": "5.00"}, 400, "unknown_field"),
    ],
)
async def test_a_wrong_amount_is_refused(api, held, body, status, code):
    refused = await api.post(f"{held}/capture", json=body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_nobody_closes_what_is_anothers_or_was_captured_at_once(
    world, api, held, pay, stranger
):
    other = await world.merchant("other")
    for what in ("capture", "void"):
        body = {"json": {}} if what == "capture" else {}
        answer = await stranger.post(f"{held}/{what}", auth=other.test, **body)
        assert answer.status_code == 404
    payment = (await api.post("/api/payment", json=PAYMENT)).json()
    txn = await pay(payment, GOOD)
    refused = await api.post(f"/api/transactions/{txn}/void")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_allowed_now")


async def test_the_mode_of_capture_is_one_that_there_is(api):
    refused = await api.post("/api/payment", json=PAYMENT | {"capture": "later"})
    assert (refused.status_code, refused.json()["field"]) == (400, "capture")
