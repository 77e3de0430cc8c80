"""Refund: money that goes back to a payer, all of a payment or a part."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from payseal.core.ids import made_at, mode_of
from payseal.core.money import Money
from payseal.core.record import Record
from payseal.core.state import Moves
from payseal.issuers import Operation
from payseal.transactions.looks import first_look, next_look
from payseal.transactions.transaction import Transaction

REASON_MAX = 200


class RefundStatus(StrEnum):
    """What became of it."""

    STARTED = "started"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    FAILED = "failed"


_S = RefundStatus
MOVES = Moves(
    {
        _S.STARTED: (_S.UNKNOWN, _S.SUCCEEDED, _S.DECLINED, _S.FAILED),
        _S.UNKNOWN: (_S.SUCCEEDED, _S.DECLINED),
        _S.SUCCEEDED: (),
        _S.DECLINED: (),
        _S.FAILED: (),
    }
)


class Refund(Record, frozen=True, kw_only=True):
    """One refund; its amount is reserved on the transaction from before the issuer is called."""

    prefix, table, moves = "rfd", "refunds", MOVES

    status: RefundStatus = RefundStatus.STARTED
    transaction: str
    payment: str
    realm: str
    amount: Money
    issuer: str
    operation: Operation
    reason: str = ""  # the merchant's own
    why: str = ""  # of a refund that came to nothing, or is not known
    approval_code: str = ""
    looks: int = 0
    look_at: datetime | None = None  # while it is to be asked for, or sent again

    @property
    def of(self) -> str:
        """The transaction that it gives back."""
        return self.transaction

    @property
    def due(self) -> datetime | None:
        """When the resolver should find out what became of it."""
        return self.look_at

    @property
    def created_at(self) -> datetime:
        """When it was started."""
        return made_at(self.id)

    @property
    def is_final(self) -> bool:
        """Whether nothing more can become of it."""
        return MOVES.is_final(self.status)

    def facts(self) -> dict[str, object]:
        """What its events tell."""
        return {
            "id": self.id,
            "mode": mode_of(self.id).value,
            "transaction": self.transaction,
            "payment": self.payment,
            "realm": self.realm,
            "status": self.status.value,
            "amount": str(self.amount),
            "currency": self.amount.currency.value,
            "reason": self.reason or None,
            "why": self.why or None,
        }

    def succeed(self, approval_code: str) -> Refund:
        """The issuer has given it back."""
        return self._become(_S.SUCCEEDED, approval_code=approval_code, why="", look_at=None)

    def decline(self, why: str) -> Refund:
        """The issuer said no."""
        return self._become(_S.DECLINED, why=why, look_at=None)

    def fail(self, why: str) -> Refund:
        """Nothing was ever sent."""
        return self._become(_S.FAILED, why=why, look_at=None)

    def lose_sight(self, why: str) -> Refund:
        """Something was sent, and no full answer came."""
        return self._become(self._unknown, why=why)

    def hold(self, until: datetime) -> Refund:
        """Whoever called is not heard of any more; nobody else asks for it before that time."""
        return self._become(self._unknown, look_at=until)

    def send_again(self, at: datetime) -> Refund:
        """Under the same reference, by a new time: the issuer's book does not have it."""
        operation = self.operation.again(at)
        return self._become(operation=operation, look_at=first_look(operation))

    def look_later(self, at: datetime) -> Refund:
        """The issuer could not be asked, or does not know."""
        look_at = next_look(self.operation, self.looks, at)
        return self._become(looks=self.looks + 1, look_at=look_at)

    @property
    def _unknown(self) -> RefundStatus | None:
        """The move to `unknown`, where it is still to be made."""
        return None if self.status is _S.UNKNOWN else _S.UNKNOWN


def refund_of(txn: Transaction, id: str, operation: Operation, reason: str) -> Refund:
    """A refund of the transaction, by that operation."""
    return Refund(
        id=id,
        transaction=txn.id,
        payment=txn.link,
        realm=txn.realm,
        amount=operation.amount,
        issuer=txn.issuer,
        operation=operation,
        reason=reason,
        look_at=first_look(operation),
    )
