"""A link that is paid at Stripe: there and back through the whole edge, against localstripe."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import aiohttp
import httpx
import pytest
from aiohttp import web as loopback
from stripe import WebhookSignature

from payseal import accounts, transactions
from payseal.core.ids import Mode, account_of
from payseal.issuers.stripe import Stripe
from tests.issuers.stripe_side import GIVEN, OFFERS, WEBHOOK_SECRET
from tests.servers import stripe as server
from tests.web.conftest import PAYMENT
from tests.web.pages.shop import Page

HERE = "http://test"


class Till:
    """A merchant with Stripe, and a payer's browser."""

    def __init__(self, world, stripe, api, payer, away):
        self.world, self.stripe, self.api = world, stripe, api
        self.payer, self.away = payer, away

    async def link(self, **wished):
        answer = await self.api.post("/api/payment", json=PAYMENT | wished)
        assert answer.status_code == 201, answer.text
        self.payment = answer.json()
        self.path = self.payment["url"].removeprefix(HERE)
        return self

    async def leave(self):
        """The payer sends the form, which has no field of a card, and is led to Stripe."""
        page = Page((await self.payer.get(self.path)).text)
        assert not page.all("input", name="number")
        form = {"attempt": page.field("attempt")["value"], "email": ""}
        answer = await self.payer.post(self.path, data=form)
        assert answer.status_code == 303, answer.text
        shown = (await self.payer.get(self.path)).text
        assert "You pay at Stripe" in shown
        (self.there,) = re.findall(rf'href="({re.escape(self.stripe.url)}[^"]+)"', shown)
        return self

    async def pay(self, token=server.GOOD):
        """At Stripe; where its page leads the payer back to, if it does."""
        async with self.away.post(
            self.there, data={"token": token}, allow_redirects=False
        ) as answer:
            return answer.headers.get("Location", "").removeprefix(HERE), answer.status

    async def come_back(self, back):
        answer = await self.payer.get(back)
        assert (answer.status_code, answer.headers["location"]) == (303, self.path)
        return Page((await self.payer.get(self.path)).text).text

    async def transaction(self):
        found = await self.api.get("/api/transactions", params={"payment": self.payment["id"]})
        return found.json()["data"][0]

    async def status(self):
        return (await self.payer.get(f"{self.path}/status")).json()["status"]

    async def work(self):
        """The worker's turn on this transaction."""
        id = (await self.transaction())["id"]
        parts = self.world.parts
        await transactions.resolve(parts.payments, parts.issuers, id, now=parts.now)


@pytest.fixture
async def till(world, shop):
    world.at = datetime.now(UTC)

    async def credentials(account, mode):
        master = world.parts.master
        return await accounts.credentials(world.accounts, master, account, mode, "stripe")

    async with (
        server.running() as stripe,
        Stripe(OFFERS, credentials, world.parts.now, api=stripe.url) as issuer,
        world.client(auth=shop.test) as api,
        world.client() as payer,
        aiohttp.ClientSession() as away,
    ):
        world.parts.issuers["stripe"] = issuer
        tokens = await accounts.sign_in(
            *(world.accounts, world.mint, world.keyring, world.parts.master),
            *(world.parts.passwords, shop.name, "blue kettle on the moon"),
            at=world.at,
        )
        signed_in = {"Authorization": f"Bearer {tokens.access_token}"}
        async with world.client(headers=signed_in) as session:
            given = await session.put("/api/issuers/stripe?mode=test", json={"credentials": GIVEN})
            assert given.status_code == 200, given.text
            method = {"issuer": "stripe", "method": "card", "currencies": ["EUR"]}
            chosen = await session.put("/api/users", json={"paymentMethods": [method]})
            assert chosen.status_code == 200, chosen.text
            found = Till(world, stripe, api, payer, away)
            found.hook = given.json()["webhook"].removeprefix(HERE)
            yield found


async def test_a_payer_is_led_to_stripe_pays_there_and_comes_back(till):
    await (await till.link()).leave()
    assert await till.status() == "challenge"
    back, _ = await till.pay()
    assert "Thank you" in await till.come_back(back)
    txn = await till.transaction()
    assert (txn["status"], txn["captured"]) == ("captured", "12.50")
    shown = await till.api.get(f"/api/payment/{till.payment['id']}")
    assert shown.json()["status"] == "paid"
    (session,) = till.stripe.sessions.values()
    assert (session["amount_total"], session["metadata"]["transaction"]) == (1250, txn["id"])
    assert session["_name"] == "shop.example"


async def test_who_comes_back_unpaid_can_go_there_again_and_is_not_believed(till):
    await (await till.link()).leave()
    (session,) = till.stripe.sessions.values()
    back = session["cancel_url"].removeprefix(HERE)
    assert "You pay at Stripe" in await till.come_back(back)
    assert await till.pay(server.POOR) == ("", 402)
    assert "You pay at Stripe" in await till.come_back(back)
    back, _ = await till.pay()
    assert "Thank you" in await till.come_back(back)


async def test_an_abandoned_session_frees_its_place_only_when_it_can_be_paid_no_more(till):
    await (await till.link(expiresIn=7200)).leave()
    till.world.at += timedelta(minutes=33)
    till.stripe.answers = [(500, {"error": {"message": "oh"}})]
    await till.work()
    assert await till.status() == "challenge", "nobody knows whether they will pay"
    till.world.at += timedelta(minutes=1)
    await till.work()
    assert (await till.transaction())["status"] == "declined"
    assert await till.pay() == ("", 410)
    await till.payer.get(f"{till.path}?again")
    till.payer.cookies.clear()
    await till.leave()
    back, _ = await till.pay()
    assert "Thank you" in await till.come_back(back)


async def test_who_pays_and_never_comes_back_has_paid(till):
    await (await till.link()).leave()
    await till.pay()
    till.world.at += timedelta(minutes=33)
    await till.work()
    assert (await till.transaction())["status"] == "captured"


async def test_a_lost_session_is_undone_and_its_place_is_free(till):
    await till.link(expiresIn=7200)
    page = Page((await till.payer.get(till.path)).text)
    till.stripe.loses_answer = True
    form = {"attempt": page.field("attempt")["value"], "email": ""}
    await till.payer.post(till.path, data=form)
    assert (await till.transaction())["status"] == "unknown"
    till.world.at += timedelta(minutes=1)
    await till.work()
    parts, txn = till.world.parts, await till.transaction()
    till.world.at += timedelta(seconds=1)
    for reversal in await parts.payments.due(transactions.Reversal, before=till.world.at):
        await transactions.reverse(parts.payments, parts.issuers, reversal.id, now=parts.now)
    assert (await till.transaction())["status"] == "reversed"
    (session,) = till.stripe.sessions.values()
    assert (session["status"], session["metadata"]["transaction"]) == ("expired", txn["id"])


async def test_a_held_payment_is_captured_in_part_or_voided_through_the_api(till):
    for verb, body, status in (
        ("capture", {"amount": "5.00"}, "captured"),
        ("void", {}, "voided"),
    ):
        till.payer.cookies.clear()
        await (await till.link(capture="manual")).leave()
        back, _ = await till.pay()
        await till.come_back(back)
        txn = await till.transaction()
        assert txn["status"] == "authorized"
        answer = await till.api.post(f"/api/transactions/{txn['id']}/{verb}", json=body)
        assert answer.status_code == 200, answer.text
        assert (await till.transaction())["status"] == status
    taken = [await till.stripe._intent(s["payment_intent"]) for s in till.stripe.sessions.values()]
    states = [(intent["status"], intent["amount_received"]) for intent in taken]
    assert states == [("succeeded", 500), ("canceled", 0)]


async def test_it_is_given_back_in_parts_through_the_api(till):
    await (await till.link()).leave()
    back, _ = await till.pay()
    await till.come_back(back)
    txn = await till.transaction()
    for amount, status in (("5.00", "succeeded"), ("7.50", "succeeded")):
        body = {"amount": amount, "reason": "returned"}
        answer = await till.api.post(f"/api/transactions/{txn['id']}/refunds", json=body)
        assert (answer.status_code, answer.json()["status"]) == (201, status), answer.text
    (session,) = till.stripe.sessions.values()
    given = await till.stripe._given_back(session["payment_intent"])
    assert sorted(refund["amount"] for refund in given) == [500, 750]


@pytest.fixture
async def heard(till):
    """The answers to what localstripe sends to us by HTTP: the edge has no port in these tests."""
    answers = asyncio.Queue()

    async def pass_on(request):
        signature = {"Stripe-Signature": request.headers["Stripe-Signature"]}
        body = await request.read()
        answer = await till.payer.post(till.hook, content=body, headers=signature)
        answers.put_nowait(answer.status_code)
        return loopback.Response(status=answer.status_code)

    app = loopback.Application()
    app.router.add_post("/", pass_on)
    runner = loopback.AppRunner(app)
    await runner.setup()
    await loopback.TCPSite(runner, "127.0.0.1", 0).start()
    await till.stripe.tell(f"http://127.0.0.1:{runner.addresses[0][1]}", WEBHOOK_SECRET)
    yield answers
    await runner.cleanup()


async def test_a_webhook_of_localstripe_makes_us_ask(till, heard):
    await (await till.link()).leave()
    await till.pay()
    assert await asyncio.wait_for(heard.get(), 10) == 204
    assert (await till.transaction())["status"] == "captured", "and nobody has come back"


async def test_a_webhook_that_lies_changes_nothing(till):
    await (await till.link()).leave()
    txn = (await till.transaction())["id"]
    about = {"object": {"metadata": {"transaction": txn}, "payment_status": "paid"}}
    body = httpx.Request("POST", "http://x", json={"data": about}).content
    sign = server_signature(body, WEBHOOK_SECRET)
    assert (await till.payer.post(till.hook, content=body, headers=sign)).status_code == 204
    assert (await till.transaction())["status"] == "challenged", (
        "Stripe was asked, and knows of none"
    )
    other = server_signature(body, "whsec_of_somebody_else_1")
    for headers in ({}, other):
        refused = await till.payer.post(till.hook, content=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (400, "webhook_not_signed")
    asked = len(till.stripe.asked)
    for path in ("/hooks/stripe/x/test", till.hook.replace("/test", "/play"), "/hooks/bank/a/test"):
        assert (await till.payer.post(path, content=body, headers=sign)).status_code == 404
    theirs = "/hooks/stripe/" + "0" * 12 + "/test"
    assert (await till.payer.post(theirs, content=body, headers=sign)).status_code == 400
    assert len(till.stripe.asked) == asked


def server_signature(body, secret):
    return {"Stripe-Signature": WebhookSignature.generate_signature_header(body.decode(), secret)}


async def test_who_is_disconnected_is_not_paid(till, world):
    await till.link()
    account = account_of(till.payment["id"])
    await accounts.disconnect(world.accounts, account, Mode.TEST, "stripe", at=world.at)
    page = Page((await till.payer.get(till.path)).text)
    form = {"attempt": page.field("attempt")["value"], "email": ""}
    await till.payer.post(till.path, data=form)
    txn = await till.transaction()
    assert (txn["status"], till.stripe.asked) == ("failed", [])
