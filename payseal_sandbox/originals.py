"""What may still be done with an original: how much of it is left, and for whom."""

from __future__ import annotations

from payseal_sandbox.book import Book
from payseal_sandbox.codes import Code
from payseal_sandbox.messages import FollowOn
from payseal_sandbox.rows import Booking, BookingKind, Status


def find(book: Book, request: FollowOn) -> Booking | None:
    """The booking that a request names as its original, if it is of the kind that it says."""
    found = book.find(Booking, request.original)
    return found if found and found.kind is request.original_kind else None


def judge(book: Book, request: FollowOn, original: Booking | None) -> Code:
    """What the bank says to a refund of this original."""
    if request.amount == 0:
        return Code.INVALID_AMOUNT
    if original is None or original.status is not Status.APPROVED:
        return Code.NOT_FOUND
    if original.approval_code != request.approval_code:
        return Code.NOT_FOUND
    if original.currency != request.currency:
        return Code.WRONG_AMOUNT
    left = original.amount - book.used(original)
    return Code.OK if request.amount <= left else Code.WRONG_AMOUNT


def reversible(book: Book, booking: Booking) -> bool:
    """Whether a reversal may have this booking: nothing else was done with it."""
    if booking.kind is not BookingKind.PURCHASE:
        return False
    return booking.status is not Status.APPROVED or not book.used(booking)
