"""Tariff: what an issuer keeps of a payment that it pays out."""

from __future__ import annotations

import msgspec

from payseal.core.money import Money

WHOLE = 10_000  # basis points


class Tariff(msgspec.Struct, frozen=True, array_like=True):
    """A share in basis points, rounded half up to the minor unit, and minor units beside it."""

    basis_points: int = 0
    fixed: int = 0

    def fee(self, amount: Money) -> Money:
        """What is kept of a captured amount: never more than all of it."""
        share = (amount.minor * self.basis_points + WHOLE // 2) // WHOLE
        return Money(min(share + self.fixed, amount.minor), amount.currency)


FREE = Tariff()
