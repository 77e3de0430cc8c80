"""Entry: money that moved, in lines that add up to nothing."""

from __future__ import annotations

from datetime import datetime

import msgspec

from payseal.core.ids import derive, made_at, partition_of
from payseal.core.money import Money
from payseal.core.record import Record

# `clearing:ISSUER` and `fees:ISSUER`: what the issuer owes us, and what it keeps of that. The
# merchant is owed what is payable, less what went back to payers and what is disputed.
CLEARING, FEES, PAYABLE = "clearing", "fees", "payable"
REFUNDS, DISPUTES = "refunds", "disputes"


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
    settled: str = ""  # the day of the issuer's file that has it

    @property
    def of(self) -> str:
        """The transaction that moved the money."""
        return self.transaction

    @property
    def issuer(self) -> str:
        """Whose money it is."""
        return self._clearing.account.partition(":")[2]

    @property
    def amount(self) -> Money:
        """What the issuer owes us by it, before its fee; below zero, what we owe the issuer."""
        return self._clearing.amount

    @property
    def fee(self) -> Money:
        """What the issuer keeps of it."""
        kept = f"{FEES}:{self.issuer}"
        fees = [-line.amount for line in self.lines if line.account == kept]
        return fees[0] if fees else Money(0, self.amount.currency)

    @property
    def _clearing(self) -> Line:
        return next(line for line in self.lines if line.account.startswith(f"{CLEARING}:"))

    def settle(self, day: str) -> Entry:
        """The issuer's file of that day has it."""
        return self._become(settled=day)

    def count(self) -> Entry:
        """The balances have it now: committed with them, so that none has it twice."""
        assert not self.counted, f"{self.id} is counted already"
        return self._become(counted=True)


def entry_id(operation: str) -> str:
    """Where the entry of an operation is kept, if money moved by it."""
    return derive(Entry.prefix, partition_of(operation), made_at(operation), operation)


def book(transaction: str, operation: str, *lines: Line, at: datetime, settled: str = "") -> Entry:
    """The one entry of an operation: its id is derived, so a second one finds it taken.

    It lies where the operation does in time: with the transaction, or with the refund.
    """
    currencies = {line.amount.currency for line in lines}
    for currency in currencies:
        total = sum(line.amount.minor for line in lines if line.amount.currency is currency)
        assert total == 0, f"the entry of {operation} is off by {total} {currency.value}"
    return Entry(
        id=entry_id(operation),
        transaction=transaction,
        operation=operation,
        at=at,
        lines=lines,
        settled=settled,
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


def charge_back(
    transaction: str, dispute: str, issuer: str, amount: Money, day: str, *, at: datetime
) -> Entry:
    """A dispute: the issuer owes us less, as its file of that day says."""
    lines = Line(DISPUTES, amount), Line(f"{CLEARING}:{issuer}", -amount)
    return book(transaction, dispute, *lines, at=at, settled=day)


def won_operation(dispute: str) -> str:
    """By what the entry is known that gives a dispute again."""
    return f"{dispute}.won"


def give_again(
    transaction: str, dispute: str, issuer: str, amount: Money, day: str, *, at: datetime
) -> Entry:
    """A dispute that was won: the other way round."""
    lines = Line(f"{CLEARING}:{issuer}", amount), Line(DISPUTES, -amount)
    return book(transaction, won_operation(dispute), *lines, at=at, settled=day)
