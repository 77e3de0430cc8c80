"""Wishes: what links and forms are both asked for, and how it is judged."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from urllib.parse import urlsplit

from payseal.core.errors import Invalid
from payseal.core.money import Currency
from payseal.core.offer import Offer
from payseal.links.link import ISSUERS_MAX, URL_MAX


class UnknownMethod(Invalid):
    """The account has no such payment method."""

    code, title = "unknown_method", "The payment method is not known."


class CurrencyNotEnabled(Invalid):
    """The account's payment method is not enabled for that currency."""

    code, title = "currency_not_enabled", "The currency is not enabled for this payment method."


def choose(offers: Sequence[Offer], method: str, currency: Currency) -> list[str]:
    """The first few of the account's issuers that take it, in its order."""
    of_method = [offer for offer in offers if offer.method == method]
    if not of_method:
        known = sorted({offer.method for offer in offers})
        raise UnknownMethod(
            "Choose one of your payment methods, or add it with PUT /api/users.",
            field="paymentMethod",
            enabled=known,
        )
    chosen = [offer.issuer for offer in of_method if offer.takes(method, currency)]
    if chosen:
        return chosen[:ISSUERS_MAX]
    enabled = sorted({c.value for offer in of_method for c in offer.currencies})
    raise CurrencyNotEnabled(
        f"Your payment method {method} is not enabled for {currency.value}.",
        field="currency",
        enabled=enabled,
    )


def shows_something(text: str) -> bool:
    """Whether payers see anything of it: not spaces and control characters alone."""
    return any(unicodedata.category(character)[0] not in "CZ" for character in text)


def is_web_address(url: str) -> bool:
    """Whether a browser may be led there: http or https, a host, no user, not too long."""
    try:
        parts = urlsplit(url)
        good = (
            parts.scheme in ("https", "http") and bool(parts.hostname) and "@" not in parts.netloc
        )
    except ValueError:
        return False
    return good and len(url) <= URL_MAX and not any(c.isspace() for c in url)
