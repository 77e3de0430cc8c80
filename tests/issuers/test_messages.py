"""What we say, against frames written by hand from the specification."""

import re

import pytest

from payseal.core.money import Currency
from payseal.issuers import OperationKind
from payseal.issuers.iso8583 import messages, wire
from payseal.issuers.iso8583.messages import Terminal
from tests.issuers.payments import NOW, a_card, an_operation, what_follows

TERMINAL = Terminal("123456", "PAYSEAL1", "5999", f"{'Tea and Cakes':<25}{'Lisbon':<13}PT")


def by_hand():
    """A 0200 of 12.50 EUR, piece by piece as sections 1 and 2 of the specification have it."""
    stan = messages.stan_of(operation().reference)
    return "".join(
        [
            "0200",
            # 2 3 4 7 | 11 12 13 14 | 18 22 25 | 32 | 37 | 41 42 43 48 | 49
            "723C448108E18000",
            "16" + "4242424242424242",  # 2
            "000000",  # 3
            "000000001250",  # 4
            "1122170000",  # 7
            stan,  # 11
            "170000",  # 12
            "1122",  # 13
            "3012",  # 14
            "5999",  # 18
            "010",  # 22
            "59",  # 25
            "06" + "123456",  # 32
            "PS26N22ABC01",  # 37
            "PAYSEAL1",  # 41
            "MERCHANT0000001",  # 42
            "Tea and Cakes            " + "Lisbon       " + "PT",  # 43
            "007" + "9203737",  # 48
            "978",  # 49
        ]
    )


def operation(**fields):
    return an_operation(at=NOW, reference="PS26N22ABC01", **fields)


def test_a_purchase_is_the_frame_that_the_specification_describes():
    expected = by_hand().encode()
    assert wire.encode(messages.purchase(TERMINAL, operation(), a_card())) == (
        len(expected).to_bytes(2, "big") + expected
    )
    assert len(expected) == 0xBF  # as in the example of section 11


def test_a_reversal_is_the_example_of_the_specification():
    """Section 11, but for the original's STAN, which is ours to choose."""
    expected = (
        "0420B238000108C0800000000040000000000000000000000012501122170000000005170000112206123456"
        "PS26N22ABC01PAYSEAL1MERCHANT00000019780200"
        + messages.stan_of(operation().reference)
        + "11221700000000012345600000000000"
    )
    reversal = messages.reversal(TERMINAL, operation(), "000005", repeat=False, at=NOW)
    assert wire.encode(reversal) == b"\x00\xa8" + expected.encode()


def test_a_refund_names_its_original_by_38_48_and_90_and_has_a_reference_of_its_own():
    refund = what_follows(
        operation(), "A1B2C3", OperationKind.REFUND, minor=500, reference="PS26N23RFD01", at=NOW
    )
    original = "0200" + messages.stan_of("PS26N22ABC01") + "1122170000" + "00000123456" + "0" * 11
    expected = "".join(
        [
            "0200",
            # 1 3 4 7 | 11 12 13 | 32 | 37 38 | 41 42 48 | 49, and 90
            "B23800010CC18000" + "0000004000000000",
            "200000",  # 3
            "000000000500",  # 4
            "1122170000",  # 7
            messages.stan_of("PS26N23RFD01"),  # 11
            "170000" + "1122",  # 12 13
            "06" + "123456",  # 32
            "PS26N23RFD01",  # 37
            "A1B2C3",  # 38
            "PAYSEAL1",  # 41
            "MERCHANT0000001",  # 42
            "016" + "0312PS26N22ABC01",  # 48
            "978",  # 49
            original,  # 90
        ]
    )
    assert wire.encode(messages.following(TERMINAL, refund))[2:] == expected.encode()


def test_an_inquiry_and_a_sign_on_are_the_examples_of_the_specification():
    inquiry = messages.inquiry(TERMINAL, operation(), "000004", at=NOW)
    assert wire.encode(inquiry) == (
        b"\x00\x4f06000220000108C00000112217000000000406123456PS26N22ABC01PAYSEAL1MERCHANT0000001"
    )
    sign_on = messages.network(TERMINAL, messages.SIGN_ON, "000001", at=NOW)
    assert wire.encode(sign_on) == (
        b"\x00\x3f080082200001000000000400000000000000112217000000000106123456001"
    )


@pytest.mark.parametrize(
    ("minor", "currency", "field4", "field49"),
    [
        (1250, Currency.EUR, "000000001250", "978"),
        (1250, Currency.JPY, "000000001250", "392"),
        (1250, Currency.KWD, "000000001250", "414"),
        (1, Currency.AUD, "000000000001", "036"),
        (10**12 - 1, Currency.EUR, "9" * 12, "978"),
    ],
)
def test_the_amount_is_minor_units_and_a_numeric_currency(minor, currency, field4, field49):
    asked = messages.purchase(TERMINAL, operation(minor=minor, currency=currency), a_card())
    assert (asked["4"], asked["49"]) == (field4, field49)


def test_a_repeat_changes_the_type_and_nothing_else():
    asked = messages.purchase(TERMINAL, operation(), a_card())
    assert messages.repeated(asked) == {**asked, "t": "0201"}


def test_the_reference_is_twelve_characters_of_its_id_alone():
    references = [messages.reference(f"txn_{n}") for n in range(5000)]
    assert references == [messages.reference(f"txn_{n}") for n in range(5000)]
    assert len(set(references)) == 5000
    assert all(re.fullmatch("[A-Z0-9]{12}", reference) for reference in references)


def test_a_short_merchant_is_filled_with_spaces():
    asked = messages.purchase(TERMINAL, operation(merchant="M1"), a_card())
    assert asked["42"] == "M1             "


@pytest.mark.parametrize(
    "terminal",
    [
        ("12345678901234", "PAYSEAL1", "5999", "Shop"),
        ("123456", "PAYSEAL12", "5999", "Shop"),
        ("123456", "PAYSEAL1", "59", "Shop"),
        ("123456", "PAYSEAL1", "5999", "Café"),
    ],
)
def test_a_terminal_that_no_message_can_carry_is_refused_at_the_start(terminal):
    with pytest.raises(wire.Malformed, match="field"):
        Terminal(*terminal)
