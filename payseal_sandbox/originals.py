"""What may still be done with an original: how much of it is left, and for whom."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from payseal_sandbox.book import Book
from payseal_sandbox.codes import Code
from payseal_sandbox.messages import REVERSIBLE, FollowOn
from payseal_sandbox.rows import Booking, BookingKind, Status

CAPTURED_WITHIN: Final = timedelta(days=7)


def find(book: Book, request: FollowOn) -> Booking | None:
    """The booking that a request names as its original, if it is of the kind that it says."""
    found = book.find(Booking, request.original)
    return found if found and found.kind in request.original_kinds else None


def judge(book: Book, request: FollowOn, original: Booking | None, at: datetime) -> Code:
    """What the bank says to a capture, void or refund of this original."""
    if request.amount == 0:
        return Code.INVALID_AMOUNT
    if original is None or original.status is not Status.APPROVED:
        return Code.NOT_FOUND
    if original.approval_code != request.approval_code:
        return Code.NOT_FOUND
    if request.kind is BookingKind.CAPTURE and _expired(original, at):
        return Code.EXPIRED_CARD
    if original.currency != request.currency or not _left(book, request, original):
        return Code.WRONG_AMOUNT
    return Code.OK


def reversible(book: Book, booking: Booking) -> bool:
    """Whether a reversal may have this booking: it is a charge, and nothing was done with it."""
    if booking.kind not in REVERSIBLE:
        return False
    return booking.status is not Status.APPROVED or not book.used(booking)


def _expired(authorization: Booking, at: datetime) -> bool:
    return at > datetime.fromisoformat(authorization.booked_at) + CAPTURED_WITHIN


def _left(book: Book, request: FollowOn, original: Booking) -> bool:
    """Whether as much is left as the request wants; a capture releases the rest."""
    used = book.used(original)
    match request.kind:
        case BookingKind.REFUND:
            return used + request.amount <= original.amount
        case BookingKind.CAPTURE:
            return not used and request.amount <= original.amount
        case _:
            return not used and request.amount == original.amount
