"""Requests, read from their fields into values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from payseal_sandbox import private
from payseal_sandbox.authentications import Authentication
from payseal_sandbox.cards import Card
from payseal_sandbox.codes import Code
from payseal_sandbox.currencies import BY_NUMBER
from payseal_sandbox.rows import BookingKind
from payseal_sandbox.wire import Fields, fits


class Topic(StrEnum):
    """What a request is about; a fault can be on some of them."""

    PURCHASE = "purchase"
    AUTHORIZATION = "authorization"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    REVERSAL = "reversal"
    INQUIRY = "inquiry"


class Refused(Exception):
    """A request that is not judged: its answer is this code, and the book does not change."""

    def __init__(self, code: Code, field: str = "") -> None:
        super().__init__(code, field)
        self.code, self.field = code, field


@dataclass(frozen=True, slots=True)
class Operation:
    """Fields 37 and 42: how both sides name an operation, for ever."""

    reference: str
    merchant: str


@dataclass(frozen=True, slots=True)
class Charge:
    """A purchase or an authorization; the form of its security code was checked, and it is gone."""

    operation: Operation
    kind: BookingKind
    terminal: str
    amount: int
    currency: str
    card: Card
    authentication: Authentication | None

    @property
    def topic(self) -> Topic:
        """Of the same name as what it is booked as."""
        return Topic(self.kind.value)


@dataclass(frozen=True, slots=True)
class FollowOn:
    """A capture, void or refund: has its own reference, and names its original in three ways."""

    operation: Operation
    kind: BookingKind
    terminal: str
    amount: int
    currency: str
    original: Operation
    original_kinds: tuple[BookingKind, ...]  # which of these it is: its type leaves that open
    approval_code: str
    advice: bool

    @property
    def topic(self) -> Topic:
        """Of the same name as what it is booked as."""
        return Topic(self.kind.value)


@dataclass(frozen=True, slots=True)
class Reversal:
    """Undo all of a charge."""

    operation: Operation
    amount: int
    currency: str
    advice: bool
    topic: ClassVar = Topic.REVERSAL


@dataclass(frozen=True, slots=True)
class Inquiry:
    """0600: ask what became of an operation."""

    operation: Operation
    topic: ClassVar = Topic.INQUIRY


@dataclass(frozen=True, slots=True)
class Network:
    """0800: sign on, sign off, echo."""

    code: str


Decided = Charge | FollowOn | Reversal | Inquiry
Request = Decided | Network

_NAMES: Final = ("7", "11", "32", "37", "41", "42")
_MONEY: Final = ("3", "4", "12", "13", "49")
_CHARGE: Final = (*_NAMES, *_MONEY, "2", "14", "18", "22", "25", "43")
_FOLLOW_ON: Final = (*_NAMES, *_MONEY, "38", "48", "90")
_NEEDED: Final = {
    "0100": _CHARGE,
    "0200": _CHARGE,
    "0220": _FOLLOW_ON,
    "0400": _FOLLOW_ON,
    "0420": (*_NAMES, *_MONEY, "90"),
    "0600": _NAMES,
    "0800": ("7", "11", "32", "70"),
}
_REPEATS: Final = {f"{type_}1": f"{type_}0" for type_ in ("010", "020", "022", "040", "042")}
_CAPTURE_ADVICE, _REVERSAL_ADVICE = "022", "042"
_CHARGED: Final = "000000"
_REFUND: Final = "200000"
_KINDS: Final = {
    "0100": BookingKind.AUTHORIZATION,
    "0200": BookingKind.PURCHASE,
    "0220": BookingKind.CAPTURE,
    "0400": BookingKind.VOID,
}
# By the type in field 90: a capture is an advice or, where the host takes none, a request.
_ORIGINAL_KINDS: Final = {
    "0100": (BookingKind.AUTHORIZATION,),
    "0200": (BookingKind.PURCHASE, BookingKind.CAPTURE),
    "0220": (BookingKind.CAPTURE,),
}
REVERSIBLE: Final = (BookingKind.PURCHASE, BookingKind.AUTHORIZATION)
# What may be the original of what; field 90 tells which it is.
_ORIGINALS: Final = {
    BookingKind.CAPTURE: (BookingKind.AUTHORIZATION,),
    BookingKind.VOID: (BookingKind.AUTHORIZATION,),
    BookingKind.REFUND: (BookingKind.PURCHASE, BookingKind.CAPTURE),
}
_ORIGINAL: Final = "03"
_ECI, _CAVV, _DS = "42", "43", "66"
_AUTHENTICATION_FORMS: Final = {
    _ECI: re.compile("0[0-9]", re.ASCII),
    _CAVV: re.compile("([A-Za-z0-9+/]{27}=)?", re.ASCII),
    _DS: re.compile("[0-9a-f-]{36}", re.ASCII),
}
_SECURITY_CODE: Final = "92"
_SECURITY_CODE_FORM: Final = re.compile("[0-9]{3,4}", re.ASCII)


def kind(fields: Fields) -> str:
    """The type of a request; a repeat (0201, 0421) means what the first one means."""
    return _REPEATS.get(fields["t"], fields["t"])


def read(fields: Fields) -> Request:
    """The request that these fields make. Raises Refused."""
    type_ = _meaning(fields)
    if type_ not in _NEEDED:
        raise Refused(Code.NOT_SUPPORTED)
    refund = type_ == "0200" and fields.get("3") == _REFUND
    for number in _FOLLOW_ON if refund else _NEEDED[type_]:
        if not fits(number, fields.get(number, "")):
            raise Refused(Code.FORMAT_ERROR, number)
    if type_ == "0800":
        return Network(fields["70"])
    operation = _operation(fields)
    if type_ == "0600":
        return Inquiry(operation)
    if fields["3"] != _CHARGED and not refund:
        raise Refused(Code.INVALID_TRANSACTION)
    if type_ == "0420":
        return _reversal(fields, operation)
    made = BookingKind.REFUND if refund else _KINDS[type_]
    if made in _ORIGINALS:
        return _follow_on(fields, operation, made)
    return _charge(fields, operation, made)


def _meaning(fields: Fields) -> str:
    """The type of a request as an advice, where it asks for what an advice tells."""
    type_ = kind(fields)
    if type_ == "0200" and fields.get("3") == _CHARGED and "2" not in fields and "90" in fields:
        return "0220"
    if type_ == "0400" and not {"38", "48"} & set(fields):
        return "0420"
    return type_


def _operation(fields: Fields) -> Operation:
    for number in ("41", "42"):
        if not fields[number].strip():
            raise Refused(Code.FORMAT_ERROR, number)
    return Operation(reference=fields["37"], merchant=fields["42"])


def _charge(fields: Fields, operation: Operation, kind: BookingKind) -> Charge:
    _check_security_code(fields)
    return Charge(
        operation=operation,
        kind=kind,
        terminal=fields["41"],
        amount=int(fields["4"]),
        currency=_currency(fields),
        card=_card(fields),
        authentication=_authentication(fields),
    )


def _follow_on(fields: Fields, operation: Operation, kind: BookingKind) -> FollowOn:
    reference = _private(fields).get(_ORIGINAL, "")
    if not fits("37", reference):
        raise Refused(Code.FORMAT_ERROR, "48")
    named = _ORIGINAL_KINDS.get(fields["90"][:4], ())
    original_kinds = tuple(each for each in named if each in _ORIGINALS[kind])
    if not original_kinds:
        raise Refused(Code.FORMAT_ERROR, "90")
    return FollowOn(
        operation=operation,
        kind=kind,
        terminal=fields["41"],
        amount=int(fields["4"]),
        currency=_currency(fields),
        original=Operation(reference, operation.merchant),
        original_kinds=original_kinds,
        approval_code=fields["38"],
        advice=fields["t"].startswith(_CAPTURE_ADVICE),
    )


def _reversal(fields: Fields, operation: Operation) -> Reversal:
    if _KINDS.get(fields["90"][:4]) not in REVERSIBLE:
        raise Refused(Code.FORMAT_ERROR, "90")
    advice = fields["t"].startswith(_REVERSAL_ADVICE)
    return Reversal(operation, int(fields["4"]), _currency(fields), advice)


def _currency(fields: Fields) -> str:
    if fields["49"] not in BY_NUMBER:
        raise Refused(Code.FORMAT_ERROR, "49")
    return BY_NUMBER[fields["49"]].code


def _card(fields: Fields) -> Card:
    year, month = int(fields["14"][:2]), int(fields["14"][2:])
    if not 1 <= month <= 12:
        raise Refused(Code.FORMAT_ERROR, "14")
    return Card(fields["2"], expires_year=2000 + year, expires_month=month)


def _private(fields: Fields) -> dict[str, str]:
    try:
        return private.read(fields.get("48", ""))
    except ValueError as error:
        raise Refused(Code.FORMAT_ERROR, "48") from error


def _authentication(fields: Fields) -> Authentication | None:
    """All of it, or none: only the CAVV is missing where nobody was asked."""
    told = _private(fields)
    if not set(told) & set(_AUTHENTICATION_FORMS):
        return None
    for number, form in _AUTHENTICATION_FORMS.items():
        if not form.fullmatch(told.get(number, "")):
            raise Refused(Code.FORMAT_ERROR, "48")
    return Authentication(told[_ECI], told.get(_CAVV, ""), told[_DS])


def _check_security_code(fields: Fields) -> None:
    """It has 3 or 4 digits, if it is there."""
    security_code = _private(fields).get(_SECURITY_CODE)
    if security_code is not None and not _SECURITY_CODE_FORM.fullmatch(security_code):
        raise Refused(Code.FORMAT_ERROR, "48")
