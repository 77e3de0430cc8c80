"""What Stripe's answers mean: its errors, its sessions, its payment intents and refunds."""

from __future__ import annotations

from typing import Final

import aiohttp
import stripe
from stripe import PaymentIntent, Refund
from stripe.checkout import Session

from payseal.issuers.answer import (
    Approved,
    Declined,
    Found,
    NotFound,
    NotSent,
    Pending,
    Unknown,
)
from payseal.issuers.operation import Operation, OperationKind

Standing = Approved | Declined | NotSent | Pending | Unknown
Failure = Declined | NotSent | Unknown
# Raised before the first byte of a request: there was no connection to put it on.
_NOT_CONNECTED: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
# By decline code or code (https://docs.stripe.com/declines/codes); any other is a plain no.
_REASONS: Final = {
    "insufficient_funds": "insufficient_funds",
    "expired_card": "expired_card",
    "incorrect_number": "invalid_number",
    "invalid_number": "invalid_number",
    "incorrect_cvc": "wrong_security_code",
    "invalid_cvc": "wrong_security_code",
    "authentication_required": "authentication_needed",
    "card_velocity_exceeded": "limit_exceeded",
    "withdrawal_count_limit_exceeded": "limit_exceeded",
    "lost_card": "do_not_retry",
    "stolen_card": "do_not_retry",
    "pickup_card": "do_not_retry",
    "fraudulent": "do_not_retry",
    "charge_already_refunded": "above_original",
    "payment_intent_unexpected_state": "no_original",
}


def failure(error: Exception) -> Failure:
    """What an error says of the request that it was raised for; in doubt that it is unknown.

    Stripe judges what it answers with 400, 401, 402, 403 or 404, and then does nothing. A 409, a
    429 or a 5xx may be about an earlier sending under the same key.
    """
    match error:
        case stripe.CardError():
            return _refused(error, "declined")
        case stripe.InvalidRequestError() | stripe.AuthenticationError() | stripe.PermissionError():
            return _refused(error, "not_accepted")
        case stripe.APIConnectionError() if isinstance(error.__cause__, _NOT_CONNECTED):
            return NotSent("no_connection")
        case stripe.StripeError() if error.http_status:
            return Unknown(f"answered_{error.http_status}")
        case _:
            return Unknown("no_answer")


def standing(operation: Operation, session: Session) -> Standing:
    """How a payer's session stands, and the payment intent that came of it (expanded)."""
    if not _repeats(operation, session.client_reference_id, session.amount_total, session.currency):
        return Unknown("answer_differs")
    intent = session.payment_intent
    match session.status:
        case "open":
            return Pending()
        case "expired":
            return Declined("expired", _why(intent))
        case "complete" if isinstance(intent, PaymentIntent):
            return _paid(operation, intent)
        case _:
            return Unknown("answer_unreadable")


def captured(operation: Operation, intent: PaymentIntent) -> Found:
    """Whether a capture has been done, and whether by this operation."""
    match intent.status:
        case "requires_capture" | "processing":
            return NotFound()
        case "succeeded" if name_on(intent, "capture") == operation.reference:
            ours = (operation.amount.minor, operation.amount.currency.value.lower())
            differs = (intent.amount_received, intent.currency) != ours
            return Unknown("answer_differs") if differs else Approved(intent.id)
        case status:
            return Declined(status, "no_original")


def voided(intent: PaymentIntent) -> Found:
    """Whether it is held no more."""
    match intent.status:
        case "canceled":
            return Approved(intent.id)
        case "requires_capture" | "processing":
            return NotFound()
        case status:
            return Declined(status, "no_original")


def refunded(operation: Operation, refund: Refund) -> Approved | Declined | Unknown:
    """What became of a refund that is there."""
    reference = name_on(refund, "operation")
    if not _repeats(operation, reference, refund.amount, refund.currency):
        return Unknown("answer_differs")
    match refund.status:
        case "succeeded":
            return Approved(refund.id)
        case "failed" | "canceled" as status:
            return Declined(status, "declined")
        case status:
            return Unknown(f"refund_{status}")


def name_on(thing: PaymentIntent | Refund, name: str) -> str | None:
    """What we wrote on it in metadata."""
    found: str | None = getattr(thing.metadata, name, None)
    return found


def _paid(operation: Operation, intent: PaymentIntent) -> Standing:
    held = operation.kind is OperationKind.AUTHORIZE
    if not _repeats(operation, operation.reference, intent.amount, intent.currency):
        return Unknown("answer_differs")
    match intent.status:
        case "succeeded":
            return Approved(intent.id)
        case "requires_capture" if held:
            return Approved(intent.id)
        case "processing":
            return Pending()
        case "canceled":
            return Declined("canceled", "reversed")
        case status:
            return Unknown(f"intent_{status}")


def _repeats(
    operation: Operation, reference: str | None, minor: int | None, currency: str | None
) -> bool:
    ours = (operation.reference, operation.amount.minor, operation.amount.currency.value.lower())
    return (reference, minor, currency) == ours


def _why(intent: object) -> str:
    """Why nothing was paid: the last card was declined, or the payer did not stay."""
    error = intent.last_payment_error if isinstance(intent, PaymentIntent) else None
    if error is None:
        return "challenge_abandoned"
    code = getattr(error, "decline_code", None) or getattr(error, "code", None)
    return _REASONS.get(code or "", "declined")


def _refused(error: stripe.StripeError, usual: str) -> Declined:
    details = error.error
    code = error.code or str(error.http_status)
    decline = getattr(details, "decline_code", None)
    return Declined(decline or code, _REASONS.get(decline or code, usual))
