"""Reversal: the durable order to undo an operation, until the issuer acknowledges it."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from payseal.core.ids import derive, made_at, partition_of
from payseal.core.record import Record
from payseal.core.state import Moves
from payseal.issuers import Operation
from payseal.transactions.looks import pause
from payseal.transactions.transaction import Transaction


class ReversalStatus(StrEnum):
    """Whether the issuer has acknowledged it."""

    PENDING = "pending"
    DONE = "done"


MOVES = Moves({ReversalStatus.PENDING: (ReversalStatus.DONE,), ReversalStatus.DONE: ()})


class Reversal(Record, frozen=True, kw_only=True):
    """Undo `operation`. `charged`: its approval was seen, so "no such original" is not believed."""

    prefix, table, moves = "rev", "reversals", MOVES

    status: ReversalStatus = ReversalStatus.PENDING
    transaction: str
    issuer: str
    operation: Operation
    send_at: datetime
    tries: int = 0  # each counted before it is made
    charged: bool = False
    not_found_at: datetime | None = None

    @property
    def of(self) -> str:
        """The transaction that it undoes."""
        return self.transaction

    @property
    def due(self) -> datetime | None:
        """When it should be sent (again)."""
        return self.send_at if self.status is ReversalStatus.PENDING else None

    def facts(self) -> dict[str, object]:
        """What its events tell."""
        return {
            "id": self.id,
            "transaction": self.transaction,
            "status": self.status.value,
            "amount": str(self.operation.amount),
            "currency": self.operation.amount.currency.value,
        }

    def finish(self) -> Reversal:
        """Acknowledged."""
        return self._become(ReversalStatus.DONE)

    def hold(self, until: datetime) -> Reversal:
        """A try begins, and nobody else makes one before that time."""
        return self._become(tries=self.tries + 1, send_at=until)

    def send_later(self, at: datetime) -> Reversal:
        """No answer came: again after a pause."""
        assert self.status is ReversalStatus.PENDING, "it is done"
        assert self.tries > 0, "a try is counted before it is made"
        return self._become(send_at=at + pause(self.tries - 1))

    def is_certain(self, transit_max: timedelta, at: datetime) -> bool:
        """Whether "no such original", said now, is final: said before, and nothing can land now."""
        return (
            not self.charged
            and self.not_found_at is not None
            and at >= self.not_found_at + transit_max
        )

    def miss(self, transit_max: timedelta, at: datetime) -> Reversal:
        """No such original: not yet, perhaps. Again once nothing can be on its way any more."""
        assert self.status is ReversalStatus.PENDING, "it is done"
        if self.charged:
            return self.send_later(at)
        first = self.not_found_at or max(at, self.operation.call_until)
        send_at = max(first + transit_max, at)
        return self._become(not_found_at=first, send_at=send_at)

    def expect_charge(self, at: datetime) -> Reversal:
        """Its approval turned up: send it at once, and until it is really done."""
        return self._become(charged=True, send_at=at)

    def start_over(self, at: datetime) -> Reversal:
        """It may have landed after "no such original" was said: that counts no more."""
        return self._become(not_found_at=None, send_at=at)


def reversal_of(txn: Transaction, *, charged: bool, at: datetime) -> Reversal:
    """The order that belongs to `txn.reversals`, just counted up."""
    return Reversal(
        id=reversal_id(txn),
        transaction=txn.id,
        issuer=txn.issuer,
        operation=txn.operation,
        send_at=at,
        charged=charged,
    )


def reversal_id(txn: Transaction) -> str:
    """Where the latest reversal of the transaction is kept."""
    return derive(
        Reversal.prefix, partition_of(txn.id), made_at(txn.id), txn.id, str(txn.reversals)
    )
