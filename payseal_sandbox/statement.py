"""The statement of a day: what moved, a line each, and what may go wrong with it on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from payseal_sandbox.rows import Booking, BookingKind

FEE_BASIS_POINTS: Final = 140
FEE_FIXED: Final = 25
_CHARGES: Final = (BookingKind.PURCHASE, BookingKind.CAPTURE)
_REVERSAL: Final = "reversal"


class Movement(msgspec.Struct, frozen=True):
    """One line: an amount and a fee in minor units, both above zero whichever way they go."""

    kind: str
    reference: str
    merchant: str
    amount: int
    currency: str
    fee: int
    original: str
    booked_at: str


class StatementFault(StrEnum):
    """What is wrong with a line; docs/settlement.md."""

    LOST_REPLY = "lost_reply"
    DOUBLE_POST = "double_post"
    SHORT_AMOUNT = "short_amount"
    ROUNDING = "rounding"
    CHARGEBACK = "chargeback"
    LATE_REVERSAL = "late_reversal"
    FEE_DRIFT = "fee_drift"
    MISSING_LINE = "missing_line"


class NothingToStrike(Exception):
    """No line is left that the fault fits."""


class Wish(msgspec.Struct, frozen=True):
    """A fault, and the reference that it is wished on; none: the first charge not yet struck."""

    fault: StatementFault
    reference: str = ""


def booked(booking: Booking) -> Movement:
    """As it was approved."""
    return Movement(
        kind=booking.kind,
        reference=booking.reference,
        merchant=booking.merchant.rstrip(),
        amount=booking.amount,
        currency=booking.currency,
        fee=_fee(booking.amount) if booking.kind in _CHARGES else 0,
        original=booking.original or "",
        booked_at=booking.booked_at,
    )


def undone(movement: Movement, at: str) -> Movement:
    """What takes it back, its fee too: under the same reference."""
    return msgspec.structs.replace(
        movement, kind=_REVERSAL, original=movement.reference, booked_at=at
    )


def spoilt(movements: Iterable[Movement], wishes: Iterable[Wish]) -> list[Movement]:
    """The statement with these faults, each in lines of its own; `NothingToStrike`."""
    lines: list[tuple[Movement, Sequence[Movement]]] = [(each, (each,)) for each in movements]
    struck: set[int] = set()
    for wish in wishes:
        fitting = (i for i, (line, _) in enumerate(lines) if i not in struck and _fits(wish, line))
        place = next(fitting, None)
        if place is None:
            raise NothingToStrike(f"No line is left for {wish.fault}.")
        struck.add(place)
        line = lines[place][0]
        lines[place] = line, _STRIKES[wish.fault](line)
    return [movement for _, shown in lines for movement in shown]


def derived(prefix: str, reference: str) -> str:
    """Another reference, made of one: the same whenever it is asked for."""
    return prefix + hashlib.sha256(reference.encode()).hexdigest()[:10].upper()


def _fee(amount: int) -> int:
    """1.4 % rounded half up and 25 minor units, at most all of it."""
    return min((amount * FEE_BASIS_POINTS + 5_000) // 10_000 + FEE_FIXED, amount)


def _fits(wish: Wish, line: Movement) -> bool:
    return wish.reference == line.reference if wish.reference else line.kind in _CHARGES


def _less(movement: Movement, by: int) -> Sequence[Movement]:
    return (msgspec.structs.replace(movement, amount=max(movement.amount - by, 0)),)


def _charged_back(movement: Movement) -> Movement:
    return msgspec.structs.replace(
        movement,
        kind=BookingKind.CHARGEBACK,
        reference=derived("CB", movement.reference),
        original=movement.reference,
        fee=0,
    )


def _unheard(movement: Movement) -> Movement:
    reference = derived("LR", movement.reference)
    return msgspec.structs.replace(movement, kind=BookingKind.PURCHASE, reference=reference)


def _drifted(movement: Movement) -> Movement:
    return msgspec.structs.replace(movement, fee=movement.fee + 5)


_STRIKES: Final[dict[StatementFault, Callable[[Movement], Sequence[Movement]]]] = {
    StatementFault.LOST_REPLY: lambda line: (line, _unheard(line)),
    StatementFault.DOUBLE_POST: lambda line: (line, line),
    StatementFault.SHORT_AMOUNT: lambda line: _less(line, max(2, line.amount // 10)),
    StatementFault.ROUNDING: lambda line: _less(line, 1),
    StatementFault.CHARGEBACK: lambda line: (line, _charged_back(line)),
    StatementFault.LATE_REVERSAL: lambda line: (line, undone(line, line.booked_at)),
    StatementFault.FEE_DRIFT: lambda line: (_drifted(line),),
    StatementFault.MISSING_LINE: lambda _: (),
}
