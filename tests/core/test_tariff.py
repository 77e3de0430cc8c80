"""What an issuer keeps: whole minor units, in every currency."""

from __future__ import annotations

import pytest

from payseal.core.money import Currency, Money
from payseal.core.offer import Offer, tariff_of
from payseal.core.tariff import FREE, Tariff

EUR, JPY, KWD = Currency.EUR, Currency.JPY, Currency.KWD


@pytest.mark.parametrize(
    ("amount", "fee"),
    [
        (Money(1250, EUR), 43),  # 17.5 and 25
        (Money(1249, EUR), 42),  # 17.486
        (Money(1200, JPY), 42),
        (Money(10_500, KWD), 172),
        (Money(30, EUR), 25),
        (Money(20, EUR), 20),  # no more than there is
        (Money(0, EUR), 0),
        (Money(10**12 - 1, EUR), 14_000_000_025),
    ],
)
def test_a_fee_is_a_share_rounded_half_up_and_a_fixed_part_and_never_more_than_all(amount, fee):
    assert Tariff(140, 25).fee(amount) == Money(fee, amount.currency)


def test_each_method_has_its_tariff_and_what_is_not_offered_is_free():
    card, transfer = Tariff(140, 25), Tariff(0, 10)
    offers = [Offer("bank", "card", (EUR,), card), Offer("bank", "transfer", (EUR,), transfer)]
    assert tariff_of(offers, "transfer", EUR) == transfer
    assert tariff_of(offers, "card", EUR) == card
    assert tariff_of(offers, "card", JPY) == FREE
