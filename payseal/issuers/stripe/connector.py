"""Stripe: the port's calls, as checkout sessions, payment intents and refunds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self

import msgspec
import stripe
from stripe.checkout import Session
from stripe.params.checkout import SessionCreateParams

from payseal.core.card import Card
from payseal.core.credential import Credential
from payseal.core.ids import AccountId, Mode
from payseal.core.money import Currency, exponent_of
from payseal.core.offer import Offer, taken
from payseal.issuers import Abilities, Clock, Proof, Way
from payseal.issuers.answer import (
    Answer,
    Approved,
    Asked,
    Challenge,
    Concluded,
    Declined,
    Found,
    NotFound,
    NotSent,
    Pending,
    Undone,
    Unknown,
)
from payseal.issuers.operation import Operation, OperationKind
from payseal.issuers.stripe import verdicts
from payseal.issuers.stripe.book import Book
from payseal.issuers.stripe.client import (
    SECRET_KEY,
    WEBHOOK_SECRET,
    Client,
    Credentials,
    asked,
)

API: Final = "https://api.stripe.com"
# So long a payer may stay at Stripe: at least 30 minutes, which Stripe counts from its own clock.
STAY_FOR: Final = timedelta(minutes=32)
CONCLUDE_WITHIN: Final = timedelta(seconds=6)
# Of these Stripe counts other units than ISO 4217 does (docs.stripe.com/currencies).
COUNTED_OTHERWISE: Final = frozenset(("ISK", "MGA", "UGX"))
NAME_MAX: Final = 100  # of a merchant, on the page that the payer sees
TOLERANCE_S: Final = 300  # how old a webhook may be
EXPONENT_MAX: Final = 2  # of three decimals Stripe takes amounts only whose last digit is 0
_KEY: Final = "[A-Za-z0-9_]{10,250}"
CREDENTIALS: Final = (
    Credential(
        SECRET_KEY,
        test=f"(sk|rk)_test_{_KEY}",
        live=f"(sk|rk)_live_{_KEY}",
        hint="Stripe's secret key of this mode, such as sk_test_…, or a restricted one (rk_…)",
    ),
    Credential(
        WEBHOOK_SECRET,
        test=f"whsec_{_KEY}",
        live=f"whsec_{_KEY}",
        hint="the signing secret of the endpoint that you made at Stripe, such as whsec_…",
        required=False,
    ),
)


class _Names(msgspec.Struct, frozen=True):
    transaction: str = ""


class _Object(msgspec.Struct, frozen=True):
    metadata: _Names = _Names()


class _Data(msgspec.Struct, frozen=True):
    object: _Object


class _Event(msgspec.Struct, frozen=True):
    """Of an event only what it is about: a session or a payment intent with our names on it."""

    data: _Data


class Stripe:
    """Each merchant's own account there. `async with` closes its connections at the end."""

    name, title = "stripe", "Stripe"
    abilities = Abilities(
        look_up=True,
        transit_max=timedelta(seconds=60),
        challenges=True,
        hosted=True,
        credentials=CREDENTIALS,
    )

    def __init__(
        self, offers: Sequence[Offer], credentials: Credentials, now: Clock, *, api: str = API
    ) -> None:
        alike = [(o, tuple(c for c in o.currencies if _is_alike(c))) for o in offers]
        self.offers = tuple(Offer(o.issuer, o.method, kept) for o, kept in alike if kept)
        self._client, self._now = Client(api, credentials, now), now

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.close()

    def reference(self, operation_id: str) -> str:
        """The id itself: Stripe keeps it as the session's reference and in metadata."""
        return operation_id

    async def purchase(
        self,
        operation: Operation,
        card: Card | None,
        now: Clock,
        *,
        way: Way | None = None,
        proof: Proof | None = None,
    ) -> Asked:
        """A session for this payer alone, whose page they are led to."""
        assert card is None, "the card is typed at Stripe"
        assert way is not None, "the payer has a way back"
        assert proof is None, "whoever has to prove something does it at Stripe"
        client = await self._client.of(operation.id)
        if isinstance(client, NotSent):
            return client
        if not taken(self.offers, operation.amount.currency):
            return NotSent("currency_not_taken")
        left = operation.call_until - now()
        if left <= timedelta(0):
            return NotSent("too_late")
        call = client.v1.checkout.sessions.create_async(
            _session(operation, way), {"idempotency_key": operation.id}
        )
        made = await asked("session", operation.id, call, left)
        if not isinstance(made, Session):
            return made
        if isinstance(standing := verdicts.standing(operation, made), Unknown) or not made.url:
            return standing if isinstance(standing, Unknown) else Unknown("answer_unreadable")
        return Challenge(made.url, datetime.fromtimestamp(made.expires_at, UTC), made.id)

    async def conclude(self, operation: Operation, memo: str, *, over: bool) -> Concluded:
        """How the session stands; when it is `over` it is expired first, if it is open."""
        client = await self._client.of(operation.id)
        if isinstance(client, NotSent):
            return client
        book = Book(client, operation, CONCLUDE_WITHIN)
        standing = await book.standing(memo)
        if over and standing == Pending():
            standing = await book.expired(memo)
            # What is still open, or under way, may be paid yet.
            return Unknown("still_open") if standing == Pending() else standing
        return standing

    async def follow(self, operation: Operation, now: Clock, *, repeat: bool) -> Answer:
        """Capture, cancel or refund the payment intent, under the operation's id as the key."""
        client = await self._client.of(operation.id)
        if isinstance(client, NotSent):
            return client
        left = operation.call_until - now()
        if left <= timedelta(0):
            return NotSent("too_late")
        book = Book(client, operation, left)
        answer = await book.follow()
        if repeat and isinstance(answer, Declined):
            # Perhaps it is refused because the first was done, and its key forgotten since.
            found = await book.followed()
            return found if isinstance(found, Approved | Declined) else Unknown("refused_again")
        return answer

    async def look_up(self, operation: Operation) -> Found:
        """By its reference; an open session is nothing that is booked."""
        client = await self._client.of(operation.id)
        if isinstance(client, NotSent):
            return client
        book = Book(client, operation, CONCLUDE_WITHIN)
        if operation.original is not None:
            return await book.followed()
        session = await book.session()
        if not isinstance(session, Session):
            return session
        standing = verdicts.standing(operation, session)
        if isinstance(standing, Approved) and await book.is_given_back(standing.approval_code):
            return Declined("refunded", "reversed")
        return NotFound() if isinstance(standing, Pending) else standing

    async def reverse(self, operation: Operation, *, repeat: bool) -> Undone:  # noqa: ARG002
        """Expire its session; if it was paid, cancel what is held or give back what was taken."""
        client = await self._client.of(operation.id)
        if isinstance(client, NotSent):
            return client
        book = Book(client, operation, CONCLUDE_WITHIN)
        session = await book.session()
        if not isinstance(session, Session):
            return session
        standing = verdicts.standing(operation, session)
        if standing == Pending():
            standing = await book.expired(session.id)
        return await book.undone(standing)

    async def heard(
        self, account: AccountId, mode: Mode, body: bytes, headers: Mapping[str, str]
    ) -> str | None:
        """The transaction that a webhook of Stripe's is about; None unless Stripe has signed it."""
        known = await self._client.account(account, mode)
        if isinstance(known, NotSent) or not known.webhook_secret:
            return None
        try:
            stripe.WebhookSignature.verify_header(
                body, headers.get("stripe-signature"), known.webhook_secret, TOLERANCE_S
            )
            return msgspec.json.decode(body, type=_Event).data.object.metadata.transaction
        except (stripe.SignatureVerificationError, ValueError):
            return None


def _session(operation: Operation, way: Way) -> SessionCreateParams:
    """Derived from the operation alone, and the way: the same key always has the same request."""
    names = {"operation": operation.reference, "transaction": way.transaction}
    held = operation.kind is OperationKind.AUTHORIZE
    return {
        "mode": "payment",
        "client_reference_id": operation.reference,
        "allowed_payment_method_types": ["card"],
        "adaptive_pricing": {"enabled": False},  # our amount in our currency, or nothing
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": operation.amount.currency.value.lower(),
                    "unit_amount": operation.amount.minor,
                    "product_data": {"name": way.merchant[:NAME_MAX] or "Payment"},
                },
            }
        ],
        "payment_intent_data": {
            "capture_method": "manual" if held else "automatic",
            "metadata": names,
        },
        "metadata": names,
        "success_url": way.back,
        "cancel_url": way.back,
        "expires_at": int((operation.asked_at + STAY_FOR).timestamp()),
    }


def _is_alike(currency: Currency) -> bool:
    """Whether Stripe counts it in the units of ISO 4217."""
    return currency.value not in COUNTED_OTHERWISE and exponent_of(currency) <= EXPONENT_MAX
