"""Field 39 as a table: what is a yes, what is a no, and what is neither."""

import pytest

from payseal.issuers import (
    Approved,
    Declined,
    NotFound,
    OperationKind,
    Reversed,
    Unable,
    Unknown,
)
from payseal.issuers.iso8583 import messages, verdicts
from payseal.issuers.iso8583.messages import Terminal
from payseal.issuers.iso8583.verdicts import PARTLY
from tests.issuers.payments import a_card, an_operation, what_follows
from tests.issuers.scripted import answer_to

OPERATION = an_operation()
TERMINAL = Terminal("123456", "PAYSEAL1", "5999", "Shop")
PURCHASE = messages.purchase(TERMINAL, OPERATION, a_card())
REVERSAL = messages.reversal(TERMINAL, OPERATION, "000001", repeat=False, at=OPERATION.asked_at)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("25", "no_original"),
        ("54", "authorization_expired"),
        ("64", "above_original"),
        ("13", "invalid_amount"),
    ],
)
def test_what_follows_a_purchase_is_judged_by_its_code(code, reason):
    capture = what_follows(OPERATION, "A1B2C3", OperationKind.CAPTURE)
    request = messages.following(TERMINAL, capture)
    answer = answer_to(request, code)
    assert verdicts.purchased(request, answer, repeated=True) == Declined(code, reason)
    looked_up = answer_to(
        messages.inquiry(TERMINAL, capture, "000001", at=capture.asked_at),
        "00",
        **{f"f{n}": v for n, v in messages.amount(capture).items()},
        f48=f"0102{code}0201D",
    )
    assert verdicts.found(capture, looked_up) == Declined(code, reason)


@pytest.mark.parametrize(
    ("code", "verdict", "when_repeated"),
    [
        ("05", Declined("05", "declined"), ...),
        ("51", Declined("51", "insufficient_funds"), ...),
        ("61", Declined("61", "limit_exceeded"), ...),
        ("14", Declined("14", "invalid_number"), ...),
        ("13", Declined("13", "invalid_amount"), ...),
        ("54", Declined("54", "expired_card"), ...),
        ("04", Declined("04", "do_not_retry"), ...),
        ("43", Declined("43", "do_not_retry"), ...),
        ("65", Declined("65", "authentication_needed"), ...),
        ("1A", Declined("1A", "authentication_needed"), ...),
        ("79", Declined("79", "already_reversed"), ...),
        ("12", Declined("12", "not_accepted"), Unknown("answered_12")),
        ("30", Declined("30", "not_accepted"), Unknown("answered_30")),
        ("40", Declined("40", "not_accepted"), Unknown("answered_40")),
        ("58", Declined("58", "not_accepted"), Unknown("answered_58")),
        ("10", Unknown("answered_10"), ...),  # of all that was asked
        ("68", Unknown("answered_68"), ...),
        ("91", Unknown("answered_91"), ...),
        ("94", Unknown("answered_94"), ...),
        ("96", Unknown("answered_96"), ...),
        ("ZZ", Unknown("answered_ZZ"), ...),
    ],
)
def test_a_purchase_is_judged_by_its_code(code, verdict, when_repeated):
    answer = answer_to(PURCHASE, code)
    again = verdict if when_repeated is ... else when_repeated
    assert verdicts.purchased(PURCHASE, answer, repeated=False) == verdict
    assert verdicts.purchased(PURCHASE, answer, repeated=True) == again


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Approved("A" + PURCHASE["11"][1:])),
        ({"f38": None}, Unknown("answer_unreadable")),
        ({"f39": None}, Unknown("answered_nothing")),
        ({"f4": "000000000001"}, Unknown("answer_differs")),
        ({"f4": None}, Unknown("answer_differs")),
        ({"f49": "840"}, Unknown("answer_differs")),
        ({"f49": None}, Unknown("answer_differs")),
    ],
)
def test_an_approval_has_to_be_whole(changes, verdict):
    answer = answer_to(PURCHASE, **changes)
    assert verdicts.purchased(PURCHASE, answer, repeated=False) == verdict


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"f4": "000000000625"}, PARTLY),
        ({"f4": "000000000625", "f38": None}, PARTLY),
        ({"f4": "000000000000"}, Unknown("answer_differs")),
        ({"f4": "000000001251"}, Unknown("answer_differs")),
        ({"f4": "000000000625", "f49": "840"}, Unknown("answer_differs")),
        ({"f4": None}, Unknown("answer_differs")),
    ],
)
def test_a_part_is_less_than_what_was_asked_and_of_its_currency(changes, verdict):
    answer = answer_to(PURCHASE, "10", **changes)
    assert verdicts.purchased(PURCHASE, answer, repeated=False) == verdict


def test_what_follows_is_never_done_in_part():
    capture = what_follows(OPERATION, "A1B2C3", OperationKind.CAPTURE)
    request = messages.following(TERMINAL, capture)
    answer = answer_to(request, "10", f4="000000000625")
    assert verdicts.purchased(request, answer, repeated=False) == Unknown("answer_differs")


def found(**changes):
    told = {"t": "0610", "4": PURCHASE["4"], "49": PURCHASE["49"], "38": "A1B2C3", "39": "00"}
    told |= {"48": "0102000201A"} | {field[1:]: value for field, value in changes.items()}
    told = {field: value for field, value in told.items() if value is not None}
    return verdicts.found(OPERATION, told)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Approved("A1B2C3")),
        ({"f38": None}, Unknown("answer_unreadable")),
        ({"f48": "0102050201D", "f38": None}, Declined("05", "declined")),
        ({"f48": "0102960201D", "f38": None}, Declined("96", "declined")),
        ({"f48": "0102790201D", "f38": None}, Declined("79", "already_reversed")),
        ({"f48": "0102000201R"}, Declined("00", "reversed")),
        ({"f48": "0102000201D"}, Unknown("answer_unreadable")),
        ({"f48": "0102050201A"}, Unknown("answer_unreadable")),
        ({"f48": "0102000201Q"}, Unknown("answer_unreadable")),
        ({"f48": "0201D"}, Unknown("answer_unreadable")),
        ({"f48": "01020"}, Unknown("answer_unreadable")),
        ({"f48": None}, Unknown("answer_unreadable")),
        ({"f4": "000000000001"}, Unknown("answer_differs")),
        ({"f49": "840"}, Unknown("answer_differs")),
        ({"f48": "0102100201A", "f4": "000000000625"}, PARTLY),
        ({"f48": "0102100201A"}, Unknown("answer_differs")),
        ({"f48": "0102100201R", "f4": "000000000625"}, Declined("10", "reversed")),
        ({"f39": "25"}, NotFound()),
        ({"f39": "40"}, Unable()),
        ({"f39": "96"}, Unknown("answered_96")),
        ({"f39": None}, Unknown("answered_nothing")),
    ],
)
def test_the_books_word_is_held_against_the_operation(changes, verdict):
    assert found(**changes) == verdict


@pytest.mark.parametrize(
    ("code", "changes", "verdict"),
    [
        ("00", {}, Reversed()),
        ("25", {}, NotFound()),
        ("64", {}, Unknown("answered_64")),
        ("58", {}, Unknown("answered_58")),
        ("00", {"f4": "000000000001"}, Unknown("answer_differs")),
        ("00", {"f49": "840"}, Unknown("answer_differs")),
    ],
)
def test_a_reversal_is_done_only_when_acknowledged(code, changes, verdict):
    assert verdicts.undone(REVERSAL, answer_to(REVERSAL, code, **changes)) == verdict
