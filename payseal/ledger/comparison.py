"""Comparison: what an issuer's lines of one reference and our entry say of each other."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from payseal.core.money import Money
from payseal.ledger.entry import Entry
from payseal.ledger.statement import Movement, MovementKind


class DifferenceKind(StrEnum):
    """In what way the issuer's book and ours differ."""

    LOST_REPLY = "lost_reply"  # the issuer moved money, and we booked nothing
    DOUBLE_POST = "double_post"  # it has twice what we have once
    SHORT_AMOUNT = "short_amount"  # another amount or currency
    ROUNDING = "rounding"  # an amount that is off by one minor unit
    CHARGEBACK = "chargeback"  # taken back, of what we do not know
    LATE_REVERSAL = "late_reversal"  # it took back what we have
    FEE_DRIFT = "fee_drift"  # another fee
    MISSING_LINE = "missing_line"  # we have it, and the issuer does not


class Mismatch(msgspec.Struct, frozen=True):
    """One way in which they differ, and the amounts that do; None: nothing is there."""

    kind: DifferenceKind
    ours: Money | None
    theirs: Money | None


def compared(entry: Entry | None, lines: Sequence[Movement], day: str) -> list[Mismatch]:
    """All ways in which the lines of one reference, in the file of that day, are not our entry."""
    booked = [line for line in lines if line.kind is not MovementKind.REVERSAL]
    taken_back = [line for line in lines if line.kind is MovementKind.REVERSAL]
    if entry is None:
        return _unknown_to_us(booked, taken_back)
    found = []
    if len(booked) > 1 or (booked and entry.settled not in ("", day)):
        found.append(Mismatch(DifferenceKind.DOUBLE_POST, entry.amount, booked[-1].amount))
    if taken_back:
        found.append(Mismatch(DifferenceKind.LATE_REVERSAL, entry.amount, taken_back[0].amount))
    return [*found, *_unlike(entry, booked[0])] if booked else found


def _unknown_to_us(booked: Sequence[Movement], taken_back: Sequence[Movement]) -> list[Mismatch]:
    """What is booked and taken back on one day has moved nothing."""
    if len(booked) > len(taken_back):
        is_chargeback = booked[0].kind is MovementKind.CHARGEBACK
        kind = DifferenceKind.CHARGEBACK if is_chargeback else DifferenceKind.LOST_REPLY
        return [Mismatch(kind, None, booked[0].amount)]
    if len(taken_back) > len(booked):
        return [Mismatch(DifferenceKind.LATE_REVERSAL, None, taken_back[0].amount)]
    return []


def _unlike(entry: Entry, line: Movement) -> list[Mismatch]:
    found, ours, theirs = [], entry.amount, line.amount
    if ours != theirs:
        near = ours.currency is theirs.currency and abs((ours - theirs).minor) == 1
        kind = DifferenceKind.ROUNDING if near else DifferenceKind.SHORT_AMOUNT
        found.append(Mismatch(kind, ours, theirs))
    if entry.fee != line.fee:
        found.append(Mismatch(DifferenceKind.FEE_DRIFT, entry.fee, line.fee))
    return found
