"""What an issuer takes: one method, the currencies of it, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from payseal.core.money import Currency
from payseal.core.tariff import FREE, Tariff


class Offer(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Offer("sandbox", "card", (Currency.EUR,))`: that issuer takes cards in euros."""

    issuer: str
    method: str
    currencies: tuple[Currency, ...]
    tariff: Tariff = FREE

    def takes(self, method: str, currency: Currency) -> bool:
        """Whether it can be paid so."""
        return method == self.method and currency in self.currencies


def taken(offers: Iterable[Offer], currency: Currency) -> bool:
    """Whether any of the offers takes the currency."""
    return any(currency in offer.currencies for offer in offers)


def tariff_of(offers: Iterable[Offer], method: str, currency: Currency) -> Tariff:
    """By what it is charged; nothing is where nothing of the kind is offered any more."""
    return next((offer.tariff for offer in offers if offer.takes(method, currency)), FREE)
