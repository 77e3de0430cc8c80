"""Submission: a form as a payer filled it in, read against what it asks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date

import msgspec

from payseal.core.card import NOT_HERE, holds_number
from payseal.core.errors import Invalid
from payseal.core.money import MINOR_MAX, InvalidAmount, Money
from payseal.links.form import Field, FieldKind, Form, Price

ANSWER_MAX = 200  # characters
CURRENCY, AMOUNT, PRESET, QUANTITY = "currency", "amount", "preset", "quantity"
YES, NO = "yes", "no"
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,6}", re.ASCII)
# One comma with a digit or two behind it is a point; `1,000` may be either, and is refused.
_COMMA = re.compile(r"([0-9]+),([0-9]{1,2})", re.ASCII)
_NEEDED = "Please fill this in."


class InvalidSubmission(Invalid):
    """The member `fields` says what is wrong with which field."""

    code, title = "invalid_submission", "The form is not filled in right."


class Submission(msgspec.Struct, frozen=True):
    """What is to be paid for, how many of it, and the answers by the names of their fields."""

    price: Money  # of one
    quantity: int
    answers: dict[str, str]

    @property
    def amount(self) -> Money:
        """Of all of it."""
        return Money(self.price.minor * self.quantity, self.price.currency)


def field_key(index: int) -> str:
    """What the page calls the form's own field."""
    return f"field-{index}"


def read(form: Form, typed: Mapping[str, str]) -> Submission:
    """What a payer typed: `currency, amount, preset, quantity, field-0 …`; `InvalidSubmission`."""
    wrong: dict[str, str] = {}
    price = form.price_in(typed.get(CURRENCY, ""))
    if price is None:
        raise InvalidSubmission("Please open the form again.", fields={CURRENCY: "Choose one."})
    one = _chosen(price, typed, wrong)
    quantity = _quantity(form, typed, wrong)
    answers = {}
    for index, field in enumerate(form.fields):
        key = field_key(index)
        answer = _answer(field, typed.get(key, "").strip(), key, wrong)
        if answer:
            answers[field.name] = answer
    submission = Submission(one, quantity, answers)
    if not wrong and submission.amount.minor > MINOR_MAX:
        wrong[QUANTITY] = "That is more than can be paid at once."
    if wrong:
        raise InvalidSubmission("Please correct the form.", fields=wrong)
    return submission


def _chosen(price: Price, typed: Mapping[str, str], wrong: dict[str, str]) -> Money:
    """The price of one: fixed, or an amount of the payer's own, or else one of those offered."""
    if price.is_fixed:
        return price.minimum
    text = _plain(typed.get(AMOUNT, "")) or typed.get(PRESET, "")
    if not text:
        wrong[AMOUNT] = _NEEDED
        return price.minimum
    try:
        amount = Money.parse(text, price.currency)
    except InvalidAmount as invalid:
        wrong[AMOUNT] = invalid.detail
        return price.minimum
    if not price.minimum <= amount <= price.maximum:
        wrong[AMOUNT] = f"Please give {price.minimum} to {price.maximum}."
    return amount


def _plain(text: str) -> str:
    """As `Money.parse` reads it: people type the digits and the point of their own script."""
    digits = [str(unicodedata.decimal(c, c)) for c in unicodedata.normalize("NFKC", text)]
    joined = "".join(digits).strip().replace("\N{ARABIC DECIMAL SEPARATOR}", ".")
    comma = _COMMA.fullmatch(joined)
    return f"{comma[1]}.{comma[2]}" if comma else joined


def _quantity(form: Form, typed: Mapping[str, str], wrong: dict[str, str]) -> int:
    if form.quantity_max == 1:
        return 1
    text = _plain(typed.get(QUANTITY, ""))
    count = int(text) if _COUNT.fullmatch(text) else 0
    if not 1 <= count <= form.quantity_max:
        wrong[QUANTITY] = f"Please give 1 to {form.quantity_max}."
    return count


def _answer(field: Field, text: str, key: str, wrong: dict[str, str]) -> str:
    """As it is kept; what is wrong with it under its key."""
    if field.kind is FieldKind.CHECKBOX:
        if field.required and not text:
            wrong[key] = "Please tick this box."
        return YES if text else NO
    if not text:
        if field.required:
            wrong[key] = _NEEDED
        return ""
    if field.kind is FieldKind.NUMBER:
        text = _plain(text)
    if why := _wrong_with(field, text):
        wrong[key] = why
    return text


def _wrong_with(field: Field, text: str) -> str:
    if len(text) > ANSWER_MAX:
        return f"Please give at most {ANSWER_MAX} characters."
    if holds_number(text):
        return NOT_HERE  # nothing of a card is kept anywhere
    match field.kind:
        case FieldKind.NUMBER if _NUMBER.fullmatch(text) is None:
            return "Please give a number."
        case FieldKind.DATE if not _is_day(text):
            return "Please give a day, such as 2026-11-22."
        case FieldKind.SELECT if text not in field.options:
            return "Please choose one of these."
    return ""


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
