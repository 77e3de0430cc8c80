"""Checkout: a payer's visit to a link."""

from payseal.checkout.hint import follow_hint
from payseal.checkout.till import Till
from payseal.checkout.visit import Visit, VisitState, come_back, hear, take_payment, visit

__all__ = [
    "Till",
    "Visit",
    "VisitState",
    "come_back",
    "follow_hint",
    "hear",
    "take_payment",
    "visit",
]
