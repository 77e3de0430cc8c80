"""What an issuer takes: one method, and the currencies of it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from payseal.core.money import Currency


class Offer(msgspec.Struct, frozen=True):
    """`Offer("sandbox", "card", (Currency.EUR,))`: that issuer takes cards in euros."""

    issuer: str
    method: str
    currencies: tuple[Currency, ...]

    def takes(self, method: str, currency: Currency) -> bool:
        """Whether it can be paid so."""
        return method == self.method and currency in self.currencies


def taken(offers: Iterable[Offer], currency: Currency) -> bool:
    """Whether any of the offers takes the currency."""
    return any(currency in offer.currencies for offer in offers)
