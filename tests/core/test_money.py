from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payseal.core.money import (
    MINOR_MAX,
    Currency,
    InvalidAmount,
    Money,
    UnknownCurrency,
    currency_of,
    exponent_of,
)

EUR, JPY, KWD, CLF = Currency.EUR, Currency.JPY, Currency.KWD, Currency.CLF
READ = [  # text, currency, minor units, as it is printed
    ("12.50", EUR, 1250, "12.50"),
    ("12.5", EUR, 1250, "12.50"),
    ("12", EUR, 1200, "12.00"),
    ("0.01", EUR, 1, "0.01"),
    ("007", EUR, 700, "7.00"),
    ("1200", JPY, 1200, "1200"),
    ("1", JPY, 1, "1"),
    ("1.234", KWD, 1234, "1.234"),
    ("1.2", KWD, 1200, "1.200"),
    ("0.001", KWD, 1, "0.001"),
    ("1.2345", CLF, 12345, "1.2345"),
    ("9999999999.99", EUR, MINOR_MAX, "9999999999.99"),
    ("999999999999", JPY, MINOR_MAX, "999999999999"),
    ("999999999.999", KWD, MINOR_MAX, "999999999.999"),
]
REFUSED = [
    *((text, EUR) for text in ["0", "0.00", "-1", "-0.01", "+1", "12.345", "1e3", "NaN"]),
    *((text, EUR) for text in ["Infinity", "1_000", "1,000", "12,50", "12.", ".5", "", " ", "."]),
    *((text, EUR) for text in ["12.50\n", "\n12.50", " 12", "12 ", "1 2", "12.50\x00", "0x10"]),
    *((text, EUR) for text in ["١٢", "1٢", "１２", "12.5٠", "²", "12.50.00", "12€", "EUR 12"]),
    *((text, EUR) for text in ["9" * 20, "9" * 13, "10000000000.00", "1.00000", "9" * 5000]),
    *((text, JPY) for text in ["12.5", "12.0", "12.00", "0", "1000000000000"]),
    *((text, KWD) for text in ["1.2345", "0.000", "1000000000.000"]),
]
CURRENCIES = st.sampled_from([EUR, JPY, KWD, CLF, Currency.USD])


@pytest.mark.parametrize(("text", "currency", "minor", "printed"), READ)
def test_an_amount_is_read_as_whole_minor_units(text, currency, minor, printed):
    money = Money.parse(text, currency)
    assert money == Money(minor, currency)
    assert str(money) == printed


@pytest.mark.parametrize(("text", "currency"), REFUSED)
def test_what_is_no_amount_is_refused_and_the_field_named(text, currency):
    with pytest.raises(InvalidAmount) as refused:
        Money.parse(text, currency)
    assert (refused.value.code, refused.value.members) == ("invalid_amount", {"field": "amount"})
    assert len(refused.value.detail) < 100


@pytest.mark.parametrize(
    "code", ["", "eur", "EURO", "XXX", "XTS", "XAU", "XDR", "ABC", "EUR\n", "€"]
)
def test_only_codes_of_money_that_people_pay_with_are_known(code):
    with pytest.raises(UnknownCurrency) as refused:
        currency_of(code)
    assert (refused.value.code, refused.value.members) == (
        "unknown_currency",
        {"field": "currency"},
    )


@pytest.mark.parametrize(("code", "exponent"), [("JPY", 0), ("EUR", 2), ("KWD", 3), ("CLF", 4)])
def test_a_currency_has_its_own_number_of_decimals(code, exponent):
    assert exponent_of(currency_of(code)) == exponent


def test_yen_are_never_multiplied_by_a_hundred():
    """InvoicePlane/InvoicePlane#1677: two wrong conversions cancelled out in the tests."""
    assert Money.parse("1200", JPY).minor == 1200
    assert str(Money(1200, JPY)) == "1200"


@given(CURRENCIES, st.integers(1, MINOR_MAX))
def test_what_is_printed_is_read_again(currency, minor):
    money = Money(minor, currency)
    assert Money.parse(str(money), currency) == money


@given(CURRENCIES, st.integers(-MINOR_MAX, MINOR_MAX))
def test_money_survives_its_body(currency, minor):
    money = Money(minor, currency)
    body = msgspec.json.encode(money)
    assert msgspec.json.decode(body, type=Money) == money
    assert body == f'[{minor},"{currency.value}"]'.encode()


@given(
    st.integers(-MINOR_MAX, MINOR_MAX),
    st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any),
)
def test_a_split_loses_nothing_and_is_fair(minor, weights):
    parts = Money(minor, EUR).split(weights)
    total = sum(weights)
    assert sum(part.minor for part in parts) == minor
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part.minor * total - minor * weight) <= total, "off by one unit at most"
        assert weight or not part.minor, "no weight, no money"


@pytest.mark.parametrize(
    ("minor", "weights", "parts"),
    [
        (100, (1, 1, 1), (34, 33, 33)),
        (101, (1, 1), (51, 50)),
        (1, (0, 1, 1), (0, 1, 0)),
        (5, (1,), (5,)),
        (0, (1, 2), (0, 0)),
        (-100, (1, 1, 1), (-33, -33, -34)),
        (100, (97, 3), (97, 3)),
    ],
)
def test_the_first_parts_get_the_rest(minor, weights, parts):
    assert tuple(part.minor for part in Money(minor, EUR).split(weights)) == parts


@pytest.mark.parametrize("weights", [(), (0, 0), (2, -1)])
def test_a_split_by_nothing_or_by_less_is_a_bug(weights):
    with pytest.raises(AssertionError):
        Money(100, EUR).split(weights)


def test_money_of_one_currency_adds_up_and_compares():
    one, two = Money(100, EUR), Money(200, EUR)
    assert one + one == two
    assert two - one == one
    assert -one == Money(-100, EUR)
    assert one < two
    assert two >= one
    assert one <= Money(100, EUR)


@pytest.mark.parametrize("mix", ["__add__", "__sub__", "__lt__", "__le__"])
def test_two_currencies_never_mix(mix):
    with pytest.raises(AssertionError, match="do not mix"):
        getattr(Money(100, EUR), mix)(Money(100, JPY))
    assert Money(100, EUR) != Money(100, JPY)
