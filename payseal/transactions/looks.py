"""Looks: when an issuer is asked what became of an operation, or to end what it holds."""

from __future__ import annotations

from datetime import datetime, timedelta

from payseal.issuers import RESOLVE_MARGIN, Operation

# After a look-up or a reversal without an answer comes the next one; hourly for ever at last.
PAUSES = (
    *(timedelta(seconds=s) for s in (5, 15, 30, 60)),
    *(timedelta(minutes=m) for m in (2, 5, 15, 30, 60)),
)
# Whoever asks the issuer about a transaction, or undoes it, has it for so long: longer than a
# connector waits for an answer. A crash in between delays the next try by this and no more.
HOLD = timedelta(seconds=30)
# It holds money for a week. A day before that we act, and a day before we say so.
HELD_FOR = timedelta(days=6)
WARN_BEFORE = timedelta(days=1)
END_AGAIN = timedelta(hours=1)  # where the issuer was not there, or said no


def first_look(operation: Operation) -> datetime:
    """Before this an answer may still be on its way, and nobody may ask or undo."""
    return operation.call_until + RESOLVE_MARGIN


def next_look(operation: Operation, looks: int, at: datetime) -> datetime:
    """After so many looks in vain; it may have been sent again since, so not before the first."""
    return max(at + pause(looks), first_look(operation))


def pause(looks: int) -> timedelta:
    """After so many looks, or tries, in vain."""
    return PAUSES[min(looks, len(PAUSES) - 1)]
