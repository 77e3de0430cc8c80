"""Statement: an issuer's settlement file of a day, read whole or refused whole."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum

import msgspec

from payseal.core.errors import Invalid
from payseal.core.money import MINOR_MAX, Currency, Money, UnknownCurrency, currency_of

VERSION = "1"
COLUMNS = ["kind", "reference", "merchant", "amount", "currency", "fee", "original", "booked_at"]
_NAME = re.compile(r"[0-9A-Za-z]{1,15}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)


class InvalidStatement(Invalid):
    """The file is cut, changed, or none; nothing of it was taken."""

    code, title = "invalid_settlement_file", "This is no settlement file that can be read."


class MovementKind(StrEnum):
    """Which way a line goes."""

    PURCHASE = "purchase"
    CAPTURE = "capture"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    REVERSAL = "reversal"


class Movement(msgspec.Struct, frozen=True):
    """One line, as the issuer wrote it: an amount above zero whichever way it goes."""

    kind: MovementKind
    reference: str
    merchant: str
    gross: Money
    fee: Money
    original: str
    booked_at: datetime

    @property
    def amount(self) -> Money:
        """As an entry has it: above zero, the issuer owes it to us."""
        gives = self.kind in (MovementKind.PURCHASE, MovementKind.CAPTURE)
        return self.gross if gives else -self.gross


class Statement(msgspec.Struct, frozen=True):
    """What an issuer booked on `day` (UTC), as far as `until`."""

    day: date
    until: datetime
    movements: Sequence[Movement]


def read(data: bytes) -> Statement:
    """The file of `docs/settlement.md`; `InvalidStatement` says in which line it goes wrong."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidStatement(f"It is not UTF-8 at byte {error.start}.") from None
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise InvalidStatement(f"It is no CSV: {error}.") from None
    day, until = _header(rows)
    body = [row for row in rows[2:] if row[:1] not in (["total"], ["trailer"])]
    movements = [_movement(number, row) for number, row in enumerate(body, start=3)]
    for number, movement in enumerate(movements, start=3):
        if not (movement.booked_at.date() == day and movement.booked_at <= until):
            raise InvalidStatement(f"Line {number} is of another day than {day}, or after {until}.")
    if rows[2 + len(body) :] != _closing(movements):
        raise InvalidStatement("Its end does not fit its lines: it is cut, or was changed.")
    return Statement(day, until, movements)


def _header(rows: Sequence[list[str]]) -> tuple[date, datetime]:
    match rows[:2]:
        case [["header", version, _, day, until], columns]:
            pass
        case _:
            raise InvalidStatement("It does not begin with a header and the names of its columns.")
    if version != VERSION or columns != COLUMNS:
        raise InvalidStatement(f"It is not of version {VERSION}, or has other columns.")
    try:
        return date.fromisoformat(day), _moment(until)
    except ValueError:
        raise InvalidStatement("Line 1 has no day, or no moment.") from None


def movement_of(facts: Mapping[str, str]) -> Movement:
    """One line, by the names of the columns; `InvalidStatement`."""
    if facts.keys() != {*COLUMNS}:
        raise InvalidStatement("It has other columns.")
    return _movement(1, [facts[name] for name in COLUMNS])


def _movement(number: int, row: list[str]) -> Movement:
    try:
        kind, reference, merchant, gross, code, fee, original, at = row
        currency = currency_of(code)
        movement = Movement(
            kind=MovementKind(kind),
            reference=_text(reference),
            merchant=_text(merchant),
            gross=_money(gross, currency),
            fee=_money(fee, currency),
            original=original and _text(original),
            booked_at=_moment(at),
        )
    except (ValueError, UnknownCurrency):
        raise InvalidStatement(f"Line {number} is no movement of money.") from None
    follows = movement.kind in (MovementKind.CHARGEBACK, MovementKind.REVERSAL)
    if follows and not movement.original:
        raise InvalidStatement(f"Line {number} does not say what it takes back.")
    return movement


def _closing(movements: Sequence[Movement]) -> list[list[str]]:
    """The lines that a whole file ends with."""
    lines, amounts, fees = Counter[str](), Counter[str](), Counter[str]()
    for movement in movements:
        code = movement.gross.currency.value
        lines[code] += 1
        amounts[code] += movement.gross.minor
        fees[code] += movement.fee.minor
    totals = [
        ["total", code, str(lines[code]), str(amounts[code]), str(fees[code])]
        for code in sorted(lines)
    ]
    return [*totals, ["trailer", str(len(movements))]]


def _text(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise ValueError("no name")
    return text


def _money(text: str, currency: Currency) -> Money:
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("no minor units")
    assert int(text) <= MINOR_MAX, "twelve digits"
    return Money(int(text), currency)


def _moment(text: str) -> datetime:
    if _MOMENT.fullmatch(text) is None:
        raise ValueError("no moment")
    return datetime.fromisoformat(text)
