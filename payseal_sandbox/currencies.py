"""Currencies by their ISO 4217 number, from a library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import iso4217


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency that amounts are counted in: `exponent` digits stand after the point."""

    code: str
    exponent: int

    def shown(self, amount: int) -> str:
        """An amount of minor units as people read it: 1250 EUR is 12.50 EUR."""
        if self.exponent == 0:
            return f"{amount} {self.code}"
        whole, rest = divmod(amount, 10**self.exponent)
        return f"{whole}.{rest:0{self.exponent}} {self.code}"


# Those without an exponent, such as gold, count nothing that a card could pay.
BY_NUMBER: Final = {
    f"{currency.number:03}": Currency(currency.code, currency.exponent)
    for currency in iso4217.Currency
    if currency.exponent is not None
}
BY_CODE: Final = {currency.code: currency for currency in BY_NUMBER.values()}
NUMBER_OF: Final = {currency.code: number for number, currency in BY_NUMBER.items()}
