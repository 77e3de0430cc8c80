from __future__ import annotations

import copy
import json
import pickle
import traceback
from datetime import UTC, datetime

import msgspec
import pytest

from payseal.core.card import NAME_MAX, Card, InvalidCard, SecurityCode, brand_of

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOOD = {"number": "4242 4242 4242 4242", "expiry": "12/29", "cvc": "987", "name": "Ada Byron"}
BRANDS = [
    ("4242424242424242", "visa"),
    ("4222222222222", "visa"),
    ("4000000000000000006", "visa"),
    ("5555555555554444", "mastercard"),
    ("2221000000000009", "mastercard"),
    ("2720990000000007", "mastercard"),
    ("378282246310005", "amex"),
    ("341111111111111", "amex"),
    ("6011111111111117", "discover"),
    ("6440000000000005", "discover"),
    ("3530111333300000", "jcb"),
    ("3528000000000007", "jcb"),
    ("30569309025904", "diners"),
    ("36227206271667", "diners"),
    ("6200000000000005", "unionpay"),
]
WRONG_NUMBERS = [
    "",
    "4242424242424241",  # the check digit
    "4242424242424224",  # two digits swapped
    "424242424242",
    "42424242424242424242424242",
    "4242x4242x4242x4242",
    "４２４２４２４２４２４２４２４２",  # full-width digits
    "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
    "4242424242424242\n",
    "0000000000000000",  # passes the check, and no brand has it
    "2220000000000000",  # just before Mastercard's range
    "9999999999999995",
]
EXPIRIES = [  # typed, at, what is read (None: refused)
    ("12/29", AT, (2029, 12)),
    ("1/29", AT, (2029, 1)),
    ("01/2029", AT, (2029, 1)),
    (" 01 / 29 ", AT, (2029, 1)),
    ("01-29", AT, (2029, 1)),
    ("0129", AT, (2029, 1)),
    ("122029", AT, (2029, 12)),
    ("12/20", AT, None),
    ("11/26", AT, (2026, 11)),  # this month is still good
    ("11/26", datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), (2026, 11)),
    ("11/26", datetime(2026, 12, 1, tzinfo=UTC), None),
    ("10/26", AT, None),  # the last one is not
    ("12/25", AT, None),
    ("12/46", AT, (2046, 12)),  # twenty years
    ("01/47", AT, None),
    ("12/99", AT, None),
    *((text, AT, None) for text in ["", "13/29", "00/29", "12", "12/9", "12/1929", "29/12/01"]),
    *((text, AT, None) for text in ["١٢/٢٩", "12/29x", "12//29", "12.29", "+1/29"]),
]
CODES = [  # number, typed, accepted
    ("4242424242424242", "123", True),
    ("4242424242424242", " 123 ", True),
    ("4242424242424242", "1234", False),
    ("4242424242424242", "12", False),
    ("4242424242424242", "", False),
    ("4242424242424242", "12a", False),
    ("4242424242424242", "１２３", False),
    ("378282246310005", "1234", True),
    ("378282246310005", "123", False),
    ("4242424242424241", "123", True),  # the number is wrong, the code is not
]


def wrong_fields(at=AT, **typed):
    try:
        Card.parse(GOOD | typed, at=at)
    except InvalidCard as problem:
        return problem.members["fields"]
    return {}


@pytest.mark.parametrize(("number", "brand"), BRANDS)
def test_a_brand_is_told_by_the_first_digits(number, brand):
    cvc = "1234" if brand == "amex" else "123"
    card = Card.parse(GOOD | {"number": number, "cvc": cvc}, at=AT)
    assert (card.brand, card.last4, card.number) == (brand, number[-4:], number)


@pytest.mark.parametrize("number", WRONG_NUMBERS)
def test_a_wrong_number_is_said_beside_its_field(number):
    assert set(wrong_fields(number=number)) == {"number"}


@pytest.mark.parametrize("number", ["4242-4242-4242-4242", " 4242424242424242 ", "42 42" * 4])
def test_spaces_and_dashes_in_a_number_do_not_matter(number):
    assert Card.parse(GOOD | {"number": number}, at=AT).number == "4242424242424242"


def test_each_single_wrong_digit_of_a_number_is_noticed():
    good = "4242424242424242"
    for i, right in enumerate(good):
        for digit in "0123456789":
            typed = good[:i] + digit + good[i + 1 :]
            assert bool(wrong_fields(number=typed)) == (digit != right)


def test_of_an_unknown_length_or_range_no_brand_is_told():
    assert brand_of("42") == "unknown"
    assert brand_of("") == "unknown"
    assert brand_of("37" + "0" * 14) == "unknown"  # Amex has fifteen digits


@pytest.mark.parametrize(("text", "at", "expected"), EXPIRIES)
def test_an_expiry_is_good_to_the_end_of_its_month_and_for_twenty_years(text, at, expected):
    if expected is None:
        assert set(wrong_fields(at, expiry=text)) == {"expiry"}
    else:
        card = Card.parse(GOOD | {"expiry": text}, at=at)
        assert (card.expires_year, card.expires_month) == expected


@pytest.mark.parametrize(("number", "cvc", "accepted"), CODES)
def test_a_security_code_has_the_digits_of_its_brand(number, cvc, accepted):
    assert ("cvc" not in wrong_fields(number=number, cvc=cvc)) == accepted


def test_a_name_is_optional_tidied_and_not_too_long():
    assert Card.parse(GOOD | {"name": "  Ada \t Byron "}, at=AT).name == "Ada Byron"
    assert Card.parse({k: v for k, v in GOOD.items() if k != "name"}, at=AT).name == ""
    assert wrong_fields(name="x" * NAME_MAX) == {}
    assert set(wrong_fields(name="x" * (NAME_MAX + 1))) == {"name"}


def test_everything_wrong_is_said_at_once():
    with pytest.raises(InvalidCard) as refused:
        Card.parse({}, at=AT)
    assert refused.value.code == "invalid_card"
    assert set(refused.value.members["fields"]) == {"number", "expiry", "cvc"}


@pytest.mark.parametrize("wrong", [{"expiry": "10/26"}, {"number": "4242424242424241"}])
def test_nothing_of_a_card_comes_back_in_the_refusal(wrong):
    typed = GOOD | {"name": "Zaphod" * 20, "cvc": "98"} | wrong
    with pytest.raises(InvalidCard) as refused:
        Card.parse(typed, at=AT)
    problem = refused.value
    told = f"{problem} {problem!r} {problem.detail} {problem.members}"
    told += "".join(traceback.format_exception(problem))
    for text in [typed["number"].replace(" ", ""), "4242 4242", "98.", "Zaphod", "10/26"]:
        assert text not in told


SPREAD = {
    "json": json.dumps,
    "msgspec json": msgspec.json.encode,
    "msgspec msgpack": msgspec.msgpack.encode,
    "builtins": msgspec.to_builtins,
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "dict": vars,
    "iterate": list,
}


@pytest.mark.parametrize("way", SPREAD)
@pytest.mark.parametrize("what", ["code", "card"])
def test_neither_code_nor_card_gets_out_of_memory_by(way, what):
    card = Card.parse(GOOD, at=AT)
    with pytest.raises(TypeError) as refused:
        SPREAD[way](card if what == "card" else card.code)
    assert "987" not in str(refused.value)
    assert "4242424242" not in str(refused.value)


def test_a_code_and_a_card_are_not_printed():
    card = Card.parse(GOOD, at=AT)
    for text in [repr(card), str(card), f"{card}", repr([card]), repr(card.code), f"{card.code}"]:
        assert "987" not in text
        assert "424242" not in text
    assert repr(card) == "Card(visa …4242)"
    assert card.code.reveal() == "987"


def test_a_code_in_an_exception_says_nothing():
    card = Card.parse(GOOD, at=AT)
    error = ValueError("could not send", card, card.code)
    assert "987" not in f"{error} {error!r}" + "".join(traceback.format_exception(error))


def test_codes_are_not_compared_by_their_digits():
    assert SecurityCode("123") != SecurityCode("123")


def test_a_fingerprint_needs_its_key():
    card, other = Card.parse(GOOD, at=AT), Card.parse(GOOD | {"number": "4000000000000002"}, at=AT)
    print_ = card.fingerprint(b"k" * 32)
    assert print_ == Card.parse(GOOD | {"expiry": "01/30"}, at=AT).fingerprint(b"k" * 32)
    assert print_ != card.fingerprint(b"j" * 32)
    assert print_ != other.fingerprint(b"k" * 32)
    assert "4242" not in print_
    assert len(print_) == 20
