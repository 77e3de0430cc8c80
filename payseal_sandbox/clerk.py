"""The rules of the book: what a request changes in it, and what is answered."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from payseal_sandbox import cards, originals
from payseal_sandbox.book import Book
from payseal_sandbox.cards import Trace
from payseal_sandbox.codes import Code
from payseal_sandbox.currencies import NUMBER_OF
from payseal_sandbox.messages import Charge, Decided, FollowOn, Inquiry, Operation, Reversal
from payseal_sandbox.rows import Booking, BookingKind, Outcome, Reversed, Status


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is answered: a code, and the booking that it is about."""

    code: Code
    booking: Booking | None = None


Decision = Callable[[Book], Verdict]
_APPROVED = (Code.OK, Code.PARTLY)


def decide(request: Decided, key: bytes, at: datetime, *, declines: bool = False) -> Decision:
    """The decision that a request asks for, to be run by the writer.

    `declines`: a charge, whatever its card.
    """
    match request:
        case Charge():
            return lambda book: charge(book, request, key, at, declines=declines)
        case FollowOn():
            return lambda book: follow_on(book, request, key, at)
        case Reversal():
            return lambda book: reverse(book, request, at)
        case Inquiry():
            return lambda book: look_up(book, request)


def charge(
    book: Book, request: Charge, key: bytes, at: datetime, *, declines: bool = False
) -> Verdict:
    """Judge and book a purchase or authorization; one that is in the book is answered from it."""
    trace = request.card.trace(key)
    if known := book.find(Booking, request.operation):
        return _again(known, request, trace.fingerprint)
    code = Code.DECLINED if declines else cards.judge(request.card, request.amount, at)
    if code is Code.PARTLY and not (book.abilities().partial_approvals and request.amount > 1):
        code = Code.INSUFFICIENT_FUNDS
    money = f"{request.amount} {NUMBER_OF[request.currency]}"
    code = cards.ask_for_proof(code, request.card, request.authentication, key, money)
    return _book(book, request, code, trace, key, at)


def follow_on(book: Book, request: FollowOn, key: bytes, at: datetime) -> Verdict:
    """Judge and book what is done with an original; one that is in the book is answered from it."""
    if request.advice and not book.abilities().advices:
        return Verdict(Code.NOT_SUPPORTED)
    if known := book.find(Booking, request.operation):
        return _again(known, request, request.original.reference)
    original = originals.find(book, request)
    code = originals.judge(book, request, original, at)
    trace = Trace(original.brand, original.last_four, original.fingerprint) if original else Trace()
    verdict = _book(book, request, code, trace, key, at)
    if original and request.kind is BookingKind.VOID and verdict.code is Code.OK:
        book.reverse(original, stamp(at))
    return verdict


def reverse(book: Book, request: Reversal, at: datetime) -> Verdict:
    """Undo all of an operation, or remember that it must never happen."""
    if request.advice and not book.abilities().advices:
        return Verdict(Code.NOT_SUPPORTED)
    earlier = book.find(Reversed, request.operation)
    original = book.find(Booking, request.operation)
    if original and not earlier and not originals.reversible(book, original):
        return Verdict(Code.INVALID_TRANSACTION)
    known = earlier or original
    if known and (known.asked, known.currency) != (request.amount, request.currency):
        return Verdict(Code.WRONG_AMOUNT)
    if earlier:
        return Verdict(Code.OK)
    if original is None:
        if not book.abilities().reversal_memory:
            return Verdict(Code.NOT_FOUND)
        outcome = Outcome.REMEMBERED
    elif original.status is Status.APPROVED:
        book.reverse(original, stamp(at))
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


def _again(known: Booking, request: Charge | FollowOn, about: str) -> Verdict:
    """The answer to a reference that is in the book; `about` is a fingerprint or an original."""
    content = (known.kind, known.original or known.fingerprint, known.asked, known.currency)
    if content != (request.kind, about, request.amount, request.currency):
        return Verdict(Code.DUPLICATE)
    if known.status is Status.REVERSED:
        return Verdict(Code.ALREADY_REVERSED)
    return Verdict(Code(known.response_code), known)


def _book(
    book: Book, request: Charge | FollowOn, code: Code, trace: Trace, key: bytes, at: datetime
) -> Verdict:
    """Write it down as it was judged, unless its reversal came first."""
    if book.find(Reversed, request.operation):
        code = Code.ALREADY_REVERSED
    approved = code in _APPROVED
    shown = request.authentication if isinstance(request, Charge) else None
    new = Booking(
        sequence=0,
        kind=request.kind,
        reference=request.operation.reference,
        merchant=request.operation.merchant,
        terminal=request.terminal,
        original=request.original.reference if isinstance(request, FollowOn) else None,
        amount=cards.part(request.amount) if code is Code.PARTLY else request.amount,
        asked=request.amount,
        currency=request.currency,
        brand=trace.brand,
        last_four=trace.last_four,
        fingerprint=trace.fingerprint,
        status=Status.APPROVED if approved else Status.DECLINED,
        response_code=code,
        approval_code=_approval_code(request.operation, key) if approved else None,
        booked_at=stamp(at),
        reversed_at=None,
        eci=shown.eci if shown else None,
        ds_transaction=shown.ds_transaction if shown else None,
    )
    book.insert(new)
    return Verdict(code, new)


def _reversed(request: Reversal, outcome: Outcome, at: datetime) -> Reversed:
    return Reversed(
        sequence=0,
        reference=request.operation.reference,
        merchant=request.operation.merchant,
        amount=request.amount,
        currency=request.currency,
        outcome=outcome,
        received_at=stamp(at),
    )


def _approval_code(operation: Operation, key: bytes) -> str:
    """Six characters that only this bank could have made for this operation."""
    name = f"approval {operation.reference} {operation.merchant}"
    return hmac.digest(key, name.encode(), hashlib.sha256).hex()[:6].upper()


def stamp(at: datetime) -> str:
    """RFC 3339, in UTC, to the millisecond."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
