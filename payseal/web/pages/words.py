"""What is said to payers, where it depends on a value; the rest stands in the templates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from payseal.core.ids import made_at
from payseal.issuers import Retry
from payseal.transactions import Transaction, TransactionStatus

BRANDS: Final = {
    "amex": "American Express",
    "diners": "Diners Club",
    "discover": "Discover",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}
LABELS: Final = {
    "number": "Card number",
    "expiry": "Expires",
    "cvc": "Security code",
    "name": "Name on card",
    "email": "E-mail",
}
# Only what helps the holder of a card, and tells a finder of one little.
_WHY: Final = {
    "insufficient_funds": "There is not enough money on this card.",
    "expired_card": "This card has expired.",
    "limit_exceeded": "The payment is above this card’s limit.",
    "invalid_number": "The bank does not know these card details. Please check them.",
    "wrong_security_code": "The bank does not know these card details. Please check them.",
    "partial_approval": (
        "This card would pay a part of it only, so nothing was taken. Where your bank shows a part "
        "as reserved, it will release it."
    ),
    "challenge_abandoned": "The payment was not confirmed in time.",
    "authentication_failed": "The payment was not confirmed with your bank.",
    "challenge_open": "This card is being confirmed already: finish that, or wait ten minutes.",
    "authentication_needed": "The bank asks for a confirmation that it cannot get here.",
}
_WHY_DECLINED: Final = "The bank said no, and does not say why."
_WHY_NOT_SENT: Final = "The bank could not be reached."
_WHY_UNDONE: Final = (
    "The bank’s answer did not come in time, so the payment was undone. Where your bank shows the "
    "amount as reserved, it will release it."
)


_WHY_VOIDED: Final = (
    "The merchant has given this payment up. Where your bank shows the amount as reserved, it will "
    "release it."
)


class Message(msgspec.Struct, frozen=True):
    """A page without a link: its heading, and what to do now."""

    title: str
    lines: tuple[str, ...]


NOT_FOUND: Final = Message(
    "There is no such page",
    (
        "The link may have been cut or changed on its way to you.",
        "Open it whole, just as it was sent, or ask the merchant for it again.",
    ),
)
REFUSED: Final = Message(
    "We could not read this form",
    ("No payment was made.", "Open the payment page and fill in the form there."),
)
OUTSIDE: Final = Message(
    "This form was sent by another site",
    (
        "No payment was made.",
        "Card details are only safe on our own page. Open the payment page and pay there.",
    ),
)
BUSY: Final = Message(
    "Please try again in a moment",
    ("The payment could not be taken just now, and nothing was charged.",),
)
BROKEN: Final = Message(
    "Something went wrong on our side",
    (
        "Do not pay again yet.",
        "The payment page shows how your payment stands. Open it before anything else.",
    ),
)


class Moment(msgspec.Struct, frozen=True):
    """A time for people and for programs."""

    text: str
    iso: str


class Tried(msgspec.Struct, frozen=True):
    """What a payer is told about an attempt of their own."""

    card: str
    at: Moment
    reference: str
    why: str
    again: bool  # whether this card may be tried once more


def moment(at: datetime) -> Moment:
    """`22 November 2026, 14:05 UTC`."""
    at = at.astimezone(UTC)
    return Moment(f"{at.day} {at:%B %Y, %H:%M} UTC", f"{at:%Y-%m-%dT%H:%M:%SZ}")


def tried(txn: Transaction) -> Tried:
    """Of the card the brand and the last four digits only."""
    card = f"{BRANDS.get(txn.brand, 'Card')} ending {txn.last4}" if txn.last4 else ""
    again = txn.retry is not Retry.NEVER
    return Tried(card, moment(made_at(txn.id)), txn.id, _why(txn), again)


def pause(seconds: int) -> str:
    """`5 minutes`: never less than is left to wait."""
    minutes = max(1, -(-seconds // 60))
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _why(txn: Transaction) -> str:
    match txn.status:
        case TransactionStatus.DECLINED:
            return _WHY.get(txn.reason, _WHY_DECLINED)
        case TransactionStatus.FAILED:
            return _WHY_NOT_SENT
        case TransactionStatus.REVERSED:
            return _WHY_UNDONE
        case TransactionStatus.VOIDED:
            return _WHY_VOIDED
    return ""
