"""What a bank tells of chargebacks: taken when it is signed, and only then."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from payseal.core.signature import signed_headers
from payseal.transactions import Transaction
from tests.web.test_history import GOOD, PAYMENT, pay

__all__ = ["pay"]  # a fixture
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Bank:
    """Tells of the one payment that there is."""

    def __init__(self, world, stranger, line):
        self.world, self.stranger, self.line = world, stranger, line

    async def tell(self, type="opened", issuer="bank", secret=SECRET, late=0, **other):
        body = json.dumps({"type": f"chargeback.{type}", "line": self.line | other}).encode()
        at = self.world.at - timedelta(seconds=late)
        headers = signed_headers(secret, "msg_1", body, at=at)
        answer = await self.stranger.post(f"/hooks/{issuer}", content=body, headers=headers)
        return answer.status_code, answer.json().get("code") if answer.content else None


@pytest.fixture
async def bank(world, api, shop, stranger, pay) -> Bank:
    id = await pay((await api.post("/api/payment", json=PAYMENT)).json(), GOOD)
    world.parts.callback_secrets = {"bank": SECRET, "other": ""}
    txn = await world.payments.get(Transaction, id)
    line = {
        "kind": "chargeback",
        "reference": "CB0000000001",
        "merchant": shop.account.upper(),
        "amount": 1250,
        "currency": "EUR",
        "fee": 0,
        "original": txn.operation.reference,
        "booked_at": "2026-11-22T12:00:00.000Z",
    }
    return Bank(world, stranger, line)


async def listed(api) -> list[dict]:
    return (await api.get("/api/disputes")).json()["data"]


async def test_a_dispute_is_opened_told_of_and_accepted(world, api, bank):
    assert await bank.tell() == (204, None)
    assert await bank.tell() == (204, None)
    (dispute,) = await listed(api)
    assert (dispute["status"], dispute["amount"]) == ("open", "12.50")
    path = f"/api/disputes/{dispute['id']}/accept"
    for _ in range(2):
        accepted = await api.post(path)
        assert (accepted.status_code, accepted.json()["status"]) == (200, "accepted")
    txn = (await api.get(f"/api/transactions/{dispute['transaction']}")).json()
    assert txn["disputed"] == "12.50"


async def test_a_dispute_that_is_lost_cannot_be_accepted(api, bank):
    assert await bank.tell("lost") == (204, None)
    (dispute,) = await listed(api)
    assert dispute["status"] == "lost"
    refused = await api.post(f"/api/disputes/{dispute['id']}/accept")
    assert (refused.status_code, refused.json()["status"]) == (409, 409)


async def test_another_account_cannot_accept_it(world, shop, api, bank):
    await bank.tell()
    (dispute,) = await listed(api)
    theirs = (await world.merchant("other")).test
    async with world.client(auth=shop.live) as live, world.client(auth=theirs) as other:
        for who in (live, other):
            answer = await who.post(f"/api/disputes/{dispute['id']}/accept")
            assert answer.status_code == 404
    assert await listed(api) == [dispute]


@pytest.mark.parametrize(
    ("told", "status", "code"),
    [
        ({"secret": "whsec_" + "A" * 32}, 400, "webhook_not_signed"),
        ({"late": 301}, 400, "webhook_not_signed"),
        ({"late": -301}, 400, "webhook_not_signed"),
        ({"issuer": "other"}, 404, "not_found"),
        ({"issuer": "nobody"}, 404, "not_found"),
        ({"type": "burnt"}, 400, "invalid_callback"),
        ({"kind": "purchase"}, 400, "invalid_callback"),
        ({"amount": 0.5}, 400, "invalid_callback"),
        ({"original": "PS0000000000"}, 503, "charge_not_known"),
        ({"currency": "JPY"}, 503, "charge_not_known"),
        ({"merchant": "NOBODY"}, 400, "invalid_settlement_file"),
        ({"merchant": "0" * 12}, 503, "charge_not_known"),
    ],
)
async def test_what_is_not_the_banks_or_makes_no_sense_changes_nothing(
    world, bank, told, status, code
):
    before = world.dump()
    assert await bank.tell(**told) == (status, code)
    assert world.dump() == before


async def test_a_bank_without_a_secret_is_not_heard(world, bank):
    world.parts.callback_secrets = {}
    assert await bank.tell() == (404, "not_found")


async def test_a_large_body_is_not_read(world, stranger, bank):
    answer = await stranger.post("/hooks/bank", content=b"x" * 70_000)
    assert answer.status_code == 413
