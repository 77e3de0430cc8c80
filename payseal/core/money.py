"""Money: whole minor units of one currency, and the only reader of amounts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from iso4217 import Currency

from payseal.core.errors import Invalid

__all__ = ["MINOR_MAX", "Currency", "InvalidAmount", "Money", "UnknownCurrency", "currency_of"]

# ISO 8583 field 4 has twelve digits, so no payment is larger than this.
MINOR_MAX = 10**12 - 1
_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,4}))?", re.ASCII)
# Funds, metals and test codes have no minor unit, and nobody pays in them.
_CURRENCIES = {c.value: c for c in Currency if c.exponent is not None}
_EXPONENTS = {c: int(c.exponent or 0) for c in _CURRENCIES.values()}


class InvalidAmount(Invalid):
    """The text is no amount of that currency."""

    code, title = "invalid_amount", "The amount is not valid."


class UnknownCurrency(Invalid):
    """The text is no ISO 4217 code of money that people pay with."""

    code, title = "unknown_currency", "The currency is not known."


def currency_of(code: str) -> Currency:
    """The currency of an ISO 4217 code in capital letters; `UnknownCurrency` otherwise."""
    found = _CURRENCIES.get(code)
    if found is None:
        told = "Give an ISO 4217 code in capital letters, such as EUR."
        raise UnknownCurrency(told, field="currency")
    return found


def exponent_of(currency: Currency) -> int:
    """How many digits stand behind the point: JPY 0, EUR 2, KWD 3 (ISO 4217)."""
    assert currency in _EXPONENTS, f"{currency} has no minor unit"
    return _EXPONENTS[currency]


class Money(msgspec.Struct, frozen=True, array_like=True):
    """An amount in whole minor units: `Money(1250, Currency.EUR)` is 12.50 euros."""

    minor: int
    currency: Currency

    @classmethod
    def parse(cls, text: str, currency: Currency) -> Money:
        """Read `12.50`: ASCII digits, at most as many decimals as the currency has, above zero."""
        match = _AMOUNT.fullmatch(text)
        if match is None:
            raise InvalidAmount(
                "Give digits only, such as 12.50, above zero, at most 12 of them before the point.",
                field="amount",
            )
        whole, decimals = match[1], match[2] or ""
        exponent = exponent_of(currency)
        if len(decimals) > exponent:
            raise InvalidAmount(
                f"{currency.value} has {exponent} decimals, not {len(decimals)}.", field="amount"
            )
        minor = int(whole + decimals.ljust(exponent, "0"))
        if not 0 < minor <= MINOR_MAX:
            raise InvalidAmount(
                f"The amount must be above zero and at most {cls(MINOR_MAX, currency)}.",
                field="amount",
            )
        return cls(minor, currency)

    def __str__(self) -> str:
        """`12.50`, with all the decimals of the currency; what `parse` reads."""
        exponent = exponent_of(self.currency)
        sign, digits = "-" if self.minor < 0 else "", str(abs(self.minor)).rjust(exponent + 1, "0")
        return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else sign + digits

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def split(self, weights: Sequence[int]) -> tuple[Money, ...]:
        """Parts in proportion to `weights` that add up to the whole; the first get the rest."""
        total = sum(weights)
        assert total > 0, "a split needs a weight above zero"
        assert min(weights) >= 0, "a part is never less than nothing"
        parts = [self.minor * weight // total for weight in weights]
        some = [i for i, weight in enumerate(weights) if weight]  # no weight, no money
        for i in some[: self.minor - sum(parts)]:
            parts[i] += 1
        return tuple(Money(part, self.currency) for part in parts)

    def _same(self, other: Money) -> int:
        assert other.currency is self.currency, f"{self.currency} and {other.currency} do not mix"
        return other.minor
