"""Chargebacks: what an issuer takes back from a merchant, and gives again to one who wins."""

from __future__ import annotations

from datetime import datetime

import msgspec

from payseal_sandbox.book import Book
from payseal_sandbox.callbacks import tell
from payseal_sandbox.clerk import stamp
from payseal_sandbox.codes import Code
from payseal_sandbox.messages import Operation
from payseal_sandbox.rows import Booking, BookingKind, Status
from payseal_sandbox.statement import booked, derived, undone


def charge_back(
    book: Book, operation: Operation, amount: int | None, at: datetime
) -> Booking | str:
    """Take back all of a charge or a part, once, whatever was done with it; or why not."""
    charge = book.find(Booking, operation)
    if charge is None or charge.status is not Status.APPROVED:
        return "No such charge stands."
    if charge.kind not in (BookingKind.PURCHASE, BookingKind.CAPTURE):
        return "Only a purchase or a capture is charged back."
    taken = charge.amount if amount is None else amount
    if taken > charge.amount:
        return f"At most {charge.amount}."
    name = Operation(derived("CB", charge.reference), charge.merchant)
    if book.find(Booking, name):
        return "It was charged back before."
    new = msgspec.structs.replace(
        charge,
        kind=BookingKind.CHARGEBACK,
        reference=name.reference,
        original=charge.reference,
        amount=taken,
        asked=taken,
        response_code=Code.OK,
        approval_code=None,
        booked_at=stamp(at),
    )
    book.insert(new)
    tell(book, "chargeback.opened", booked(new), at)
    return new


def give_again(book: Book, operation: Operation, at: datetime) -> Booking | str:
    """The merchant has won: the chargeback is reversed; or why it cannot be."""
    found = book.find(Booking, operation)
    if found is None or found.kind is not BookingKind.CHARGEBACK:
        return "There is no such chargeback."
    if found.status is not Status.APPROVED:
        return "It was given again before."
    if found.lost_at:
        return "It was lost for good."
    book.reverse(found, stamp(at))
    tell(book, "chargeback.won", undone(booked(found), stamp(at)), at)
    return msgspec.structs.replace(found, status=Status.REVERSED, reversed_at=stamp(at))


def lose(book: Book, operation: Operation, at: datetime) -> Booking | str:
    """The merchant has lost: the chargeback is final, and moves nothing more; or why not."""
    found = book.find(Booking, operation)
    if found is None or found.kind is not BookingKind.CHARGEBACK:
        return "There is no such chargeback."
    if found.status is not Status.APPROVED or found.lost_at:
        return "It was decided before."
    book.lose(found, stamp(at))
    tell(book, "chargeback.lost", booked(found), at)
    return msgspec.structs.replace(found, lost_at=stamp(at))
