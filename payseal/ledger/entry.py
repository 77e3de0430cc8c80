"""Entry: money that moved, in lines that add up to nothing."""

from __future__ import annotations

from datetime import datetime

import msgspec

from payseal.core.ids import derive, made_at, partition_of
from payseal.core.money import Money
from payseal.core.record import Record

# `clearing:ISSUER` and `fees:ISSUER`: what the issuer owes us, and what it keeps of that. The
# merchant is owed what is payable, less what went back to payers and what is disputed.
CLEARING, FEES, PAYABLE, REFUNDS = "clearing", "fees", "payable", "refunds"


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One side: the ledger account, and what it gains (debit) or gives (credit, below zero)."""

    account: str
    amount: Money


class Entry(Record, frozen=True, kw_only=True):
    """A balanced booking of one operation. What it books never changes; its lines are for ever."""

    prefix, table = "ent", "entries"

    transaction: str
    operation: str
    at: datetime
    lines: tuple[Line, ...]
    counted: bool = False  # once the balances have it

    @property
    def of(self) -> str:
        """The transaction that moved the money."""
        return self.transaction

    def count(self) -> Entry:
        """The balances have it now: committed with them, so that none has it twice."""
        assert not self.counted, f"{self.id} is counted already"
        return self._become(counted=True)


def book(transaction: str, operation: str, *lines: Line, at: datetime) -> Entry:
    """The one entry of an operation: its id is derived, so a second one finds it taken.

    It lies where the operation does in time: with the transaction, or with the refund.
    """
    currencies = {line.amount.currency for line in lines}
    for currency in currencies:
        total = sum(line.amount.minor for line in lines if line.amount.currency is currency)
        assert total == 0, f"the entry of {operation} is off by {total} {currency.value}"
    return Entry(
        id=derive(Entry.prefix, partition_of(transaction), made_at(operation), operation),
        transaction=transaction,
        operation=operation,
        at=at,
        lines=lines,
    )


def capture(
    transaction: str, operation: str, issuer: str, amount: Money, fee: Money, *, at: datetime
) -> Entry:
    """The issuer owes us `amount`, of which it keeps its fee; the rest we owe to the merchant."""
    lines = [Line(f"{CLEARING}:{issuer}", amount), Line(PAYABLE, fee - amount)]
    if fee.minor:
        lines.append(Line(f"{FEES}:{issuer}", -fee))
    return book(transaction, operation, *lines, at=at)


def give_back(
    transaction: str, operation: str, issuer: str, amount: Money, *, at: datetime
) -> Entry:
    """A refund: the issuer owes us less, and we the merchant by what is in `refunds`."""
    return book(
        transaction,
        operation,
        Line(REFUNDS, amount),
        Line(f"{CLEARING}:{issuer}", -amount),
        at=at,
    )
