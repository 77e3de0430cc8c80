"""localstripe, with the sessions before it, as the Stripe connector's other side."""

from contextlib import asynccontextmanager

import aiohttp

from payseal.core.money import Currency
from payseal.core.offer import Offer
from payseal.issuers import Challenge, Way
from payseal.issuers.stripe import Stripe
from tests.issuers.payments import now
from tests.servers import stripe as server

OFFERS = [Offer("stripe", "card", (Currency.EUR, Currency.JPY))]
WEBHOOK_SECRET = "whsec_test1234567890abcdef"
GIVEN = {"secretKey": server.SECRET_KEY, "webhookSecret": WEBHOOK_SECRET}
BACK = "https://pay.example/p/token/return/txn"


async def credentials(account, mode):
    return GIVEN


def a_connector(api, credentials=credentials):
    return Stripe(OFFERS, credentials, now, api=api)


class StripeSide:
    """What Stripe has, and a payer with a browser."""

    takes, refuses = Currency.EUR, Currency.USD
    secrets = (*GIVEN.values(), server.SECRET_KEY[-12:])
    heard = ("stripe.answered", "stripe.refused")

    def __init__(self, issuer, stripe, browser):
        self.issuer, self.stripe, self._browser = issuer, stripe, browser

    async def lead(self, operation):
        return await self.issuer.purchase(operation, None, now, way=Way("txn", BACK))

    async def pay(self, operation, *, good=True):
        asked = await self.lead(operation)
        if not isinstance(asked, Challenge):
            return asked
        await self.confirm(asked, server.GOOD if good else server.POOR)
        return await self.issuer.conclude(operation, asked.memo, over=not good)

    async def confirm(self, challenge, token=server.GOOD):
        form = {"token": token}
        async with self._browser.post(challenge.url, data=form, allow_redirects=False) as page:
            return page.status

    async def booked(self, operation):
        if operation.original is None:
            return await self._paid(operation)
        intent = operation.original.approval_code
        if operation.kind == "refund":
            given = await self.stripe._given_back(intent)
            named = [r for r in given if r["metadata"].get("operation") == operation.reference]
            return sum(refund["amount"] for refund in named)
        found = await self.stripe._intent(intent)
        ours = found["metadata"].get("capture") == operation.reference
        return found["amount_received"] if ours else 0

    async def _paid(self, operation):
        total = 0
        for session in self.stripe.sessions.values():
            if session["client_reference_id"] != operation.reference:
                continue
            if session["status"] == "complete":
                intent = await self.stripe._intent(session["payment_intent"])
                given = await self.stripe._given_back(intent["id"])
                undone = sum(r["amount"] for r in given if "reverses" in r["metadata"])
                total += 0 if intent["status"] == "canceled" else intent["amount"] - undone
        return total

    async def lose_answer(self):
        self.stripe.loses_answer = True

    def away(self):
        return a_connector("http://127.0.0.1:9")


@asynccontextmanager
async def start(_folder):
    async with (
        server.running() as stripe,
        a_connector(stripe.url) as issuer,
        aiohttp.ClientSession() as browser,
    ):
        yield StripeSide(issuer, stripe, browser)
