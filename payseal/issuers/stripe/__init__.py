"""The connector to Stripe: its hosted page takes the card, which we never see."""

from __future__ import annotations

from payseal.issuers.stripe.connector import Stripe

__all__ = ["Stripe"]
