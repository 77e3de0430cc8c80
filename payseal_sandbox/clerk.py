"""The rules of the book: what a request changes in it, and what is answered."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from payseal_sandbox import cards
from payseal_sandbox.book import Book
from payseal_sandbox.codes import Code
from payseal_sandbox.messages import Inquiry, Operation, Purchase, Reversal
from payseal_sandbox.rows import Booking, Outcome, Reversed, Status


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is answered: a code, and the booking that it is about."""

    code: Code
    booking: Booking | None = None


Decision = Callable[[Book], Verdict]


def decide(request: Purchase | Reversal | Inquiry, key: bytes, at: datetime) -> Decision:
    """The decision that a request asks for, to be run by the writer."""
    match request:
        case Purchase():
            return lambda book: purchase(book, request, key, at)
        case Reversal():
            return lambda book: reverse(book, request, at)
        case Inquiry():
            return lambda book: look_up(book, request)


def purchase(book: Book, request: Purchase, key: bytes, at: datetime) -> Verdict:
    """Judge and book a purchase; one that is in the book is answered from it."""
    new = _judged(request, key, at, refused=book.find(Reversed, request.operation) is not None)
    known = book.find(Booking, request.operation)
    if known is None:
        book.insert(new)
        return Verdict(Code(new.response_code), new)
    if _content(known) != _content(new):
        return Verdict(Code.DUPLICATE)
    if known.status is Status.REVERSED:
        return Verdict(Code.ALREADY_REVERSED)
    return Verdict(Code(known.response_code), known)


def reverse(book: Book, request: Reversal, at: datetime) -> Verdict:
    """Undo all of an operation, or remember that it must never happen."""
    earlier = book.find(Reversed, request.operation)
    original = book.find(Booking, request.operation)
    known = earlier or original
    if known and (known.amount, known.currency) != (request.amount, request.currency):
        return Verdict(Code.WRONG_AMOUNT)
    if earlier:
        return Verdict(Code.OK)
    if original is None:
        if not book.abilities().reversal_memory:
            return Verdict(Code.NOT_FOUND)
        outcome = Outcome.REMEMBERED
    elif original.status is Status.APPROVED:
        book.reverse(original, _stamp(at))
        outcome = Outcome.REVERSED
    else:
        outcome = Outcome.NOTHING_TO_REVERSE
    book.insert(_reversed(request, outcome, at))
    return Verdict(Code.OK)


def look_up(book: Book, request: Inquiry) -> Verdict:
    """What the book says of an operation."""
    if not book.abilities().look_up:
        return Verdict(Code.NOT_SUPPORTED)
    found = book.find(Booking, request.operation)
    return Verdict(Code.OK, found) if found else Verdict(Code.NOT_FOUND)


def _judged(request: Purchase, key: bytes, at: datetime, *, refused: bool) -> Booking:
    """The booking that a purchase would be, were it the first of its reference."""
    code = cards.judge(request.card, request.amount, at)
    if refused:
        code = Code.ALREADY_REVERSED
    return Booking(
        sequence=0,
        reference=request.operation.reference,
        merchant=request.operation.merchant,
        terminal=request.terminal,
        amount=request.amount,
        currency=request.currency,
        brand=request.card.brand,
        last_four=request.card.last_four,
        fingerprint=request.card.fingerprint(key),
        status=Status.APPROVED if code is Code.OK else Status.DECLINED,
        response_code=code,
        approval_code=_approval_code(request.operation, key) if code is Code.OK else None,
        booked_at=_stamp(at),
        reversed_at=None,
    )


def _reversed(request: Reversal, outcome: Outcome, at: datetime) -> Reversed:
    return Reversed(
        sequence=0,
        reference=request.operation.reference,
        merchant=request.operation.merchant,
        amount=request.amount,
        currency=request.currency,
        outcome=outcome,
        received_at=_stamp(at),
    )


def _content(booking: Booking) -> tuple[str, int, str]:
    """What a repeat has in common with its original."""
    return booking.fingerprint, booking.amount, booking.currency


def _approval_code(operation: Operation, key: bytes) -> str:
    """Six characters that only this bank could have made for this operation."""
    name = f"approval {operation.reference} {operation.merchant}"
    return hmac.digest(key, name.encode(), hashlib.sha256).hex()[:6].upper()


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
