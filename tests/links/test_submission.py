"""What a payer typed is read as they meant it, or refused with what is wrong with which field."""

from __future__ import annotations

import pytest

from payseal.core.money import Currency, Money
from payseal.links import Field, FieldKind, Form, InvalidSubmission, Price
from payseal.links.submission import read
from tests.shop import EUR, JPY, KWD

KIND = FieldKind
FIXED = Price(Money(1250, EUR), Money(1250, EUR))
FREE = Price(Money(500, EUR), Money(10000, EUR), (Money(500, EUR), Money(1000, EUR)))


def form(*fields: Field, prices: tuple[Price, ...] = (FIXED,), quantity_max: int = 1) -> Form:
    return Form(
        id="frm_" + "0" * 40,
        title="Ticket",
        method="card",
        realm="Acme",
        prices=prices,
        fields=fields,
        quantity_max=quantity_max,
    )


def wrong(of: Form, **typed: str) -> dict[str, str]:
    with pytest.raises(InvalidSubmission) as refused:
        read(of, {"currency": "EUR"} | {name.replace("_", "-"): t for name, t in typed.items()})
    return refused.value.members["fields"]


def test_a_fixed_price_is_not_the_payers_to_choose():
    assert (
        read(form(), {"currency": "EUR", "amount": "0.01", "quantity": "5"}).amount == FIXED.minimum
    )


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("7", 700),
        ("7.5", 750),
        (" 7.50 ", 750),
        ("7,50", 750),
        ("7,5", 750),
        ("٧٫٥٠", 750),
        ("7.50", 750),
        ("७.५०", 750),
        ("5", 500),
        ("100", 10000),
    ],
)
def test_an_amount_is_read_in_the_script_that_it_is_typed_in(typed, minor):
    found = read(form(prices=(FREE,)), {"currency": "EUR", "amount": typed})
    assert found.amount == Money(minor, EUR)


@pytest.mark.parametrize(
    "typed",
    ["", "x", "4.99", "100.01", "-7", "1,000", "7.505", "1e1", "7,5,0", "7.5.0", "0x7", "½"],
)
def test_an_amount_that_is_none_or_too_small_or_too_large_is_refused(typed):
    assert list(wrong(form(prices=(FREE,)), amount=typed)) == ["amount"]


def test_an_amount_of_three_decimals_is_not_guessed():
    dinars = Price(Money(1, KWD), Money(10**9, KWD))
    typed = {"currency": "KWD", "amount": "1,500"}
    with pytest.raises(InvalidSubmission):
        read(form(prices=(dinars,)), typed)
    assert read(form(prices=(dinars,)), typed | {"amount": "1.500"}).amount == Money(1500, KWD)


def test_a_preset_counts_where_nothing_else_is_typed():
    of = form(prices=(FREE,))
    assert read(of, {"currency": "EUR", "preset": "10.00"}).amount == Money(1000, EUR)
    assert read(of, {"currency": "EUR", "preset": "10.00", "amount": "20"}).amount == Money(
        2000, EUR
    )
    assert list(wrong(of, preset="1000000")) == ["amount"]


def test_each_currency_has_its_price_and_no_other_is_taken():
    of = form(prices=(FIXED, Price(Money(1500, JPY), Money(1500, JPY))))
    assert read(of, {"currency": "JPY"}).amount == Money(1500, Currency.JPY)
    assert list(wrong(of, currency="USD")) == ["currency"]


@pytest.mark.parametrize("typed", ["", "0", "-1", "4", "1.5", "x", "1e1", "99999999999"])
def test_a_quantity_is_a_whole_number_up_to_what_there_is(typed):
    of = form(quantity_max=3)
    assert read(of, {"currency": "EUR", "quantity": "3"}).amount == Money(3750, EUR)
    assert list(wrong(of, quantity=typed)) == ["quantity"]


def test_more_than_can_be_paid_at_once_is_refused():
    most = Price(Money(10**11, EUR), Money(10**11, EUR))
    assert list(wrong(form(prices=(most,), quantity_max=1000), quantity="10")) == ["quantity"]


@pytest.mark.parametrize(
    ("field", "typed", "kept"),
    [
        (Field("Name"), " Ada ", "Ada"),
        (Field("Name", required=False), "", None),
        (Field("Age", KIND.NUMBER), "42", "42"),
        (Field("Age", KIND.NUMBER), "-1.5", "-1.5"),
        (Field("Age", KIND.NUMBER), "٤٢", "42"),
        (Field("Day", KIND.DATE), "2026-02-28", "2026-02-28"),
        (Field("Terms", KIND.CHECKBOX), "yes", "yes"),
        (Field("News", KIND.CHECKBOX, required=False), "", "no"),
        (Field("Size", KIND.SELECT, options=("S", "M")), "M", "M"),
        (Field("Name"), "x" * 200, "x" * 200),
    ],
)
def test_an_answer_is_kept_under_the_name_of_its_field(field, typed, kept):
    found = read(form(field), {"currency": "EUR", "field-0": typed})
    assert found.answers == ({} if kept is None else {field.name: kept})


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        (Field("Name"), ""),
        (Field("Name"), "   "),
        (Field("Name"), "x" * 201),
        (Field("Name"), "4242 4242 4242 4242"),
        (Field("Name"), "my card is ４２４２-4242-4242-4242"),
        (Field("Number", KIND.NUMBER), "4242424242424242"),
        (Field("Age", KIND.NUMBER), "forty"),
        (Field("Age", KIND.NUMBER), "NaN"),
        (Field("Day", KIND.DATE), "2026-02-29"),
        (Field("Day", KIND.DATE), "20260228"),
        (Field("Day", KIND.DATE), "28.2.2026"),
        (Field("Terms", KIND.CHECKBOX), ""),
        (Field("Size", KIND.SELECT, options=("S", "M")), "L"),
        (Field("Size", KIND.SELECT, options=("S", "M")), ""),
    ],
)
def test_an_answer_that_is_none_names_its_field(field, typed):
    assert list(wrong(form(field), field_0=typed)) == ["field-0"]


def test_all_that_is_wrong_is_told_at_once():
    of = form(Field("Name"), Field("Age", KIND.NUMBER), prices=(FREE,), quantity_max=3)
    assert list(wrong(of, amount="1", quantity="9", field_1="x")) == [
        "amount",
        "quantity",
        "field-0",
        "field-1",
    ]
