"""Transaction: one attempt to pay a link."""

from __future__ import annotations

from datetime import datetime

from payseal.core.errors import NotAllowed
from payseal.core.ids import made_at, mode_of
from payseal.core.money import Money
from payseal.core.record import Record
from payseal.core.tariff import FREE, Tariff
from payseal.issuers import Challenge, Operation, OperationKind, Original, Retry, retry_of
from payseal.links import AtEnd
from payseal.transactions.looks import (
    END_AGAIN,
    HELD_FOR,
    WARN_BEFORE,
    first_look,
    next_look,
    pause,
)
from payseal.transactions.refusals import CaptureTooLarge, NotRefundable, RefundTooLarge
from payseal.transactions.status import MOVES, TransactionStatus
from payseal.transactions.tried import Tried

_S = TransactionStatus


class Transaction(Record, frozen=True, kw_only=True):
    """One attempt. `operation` is the call to the issuer, kept from before it is made."""

    prefix, table, moves = "txn", "transactions", MOVES

    status: TransactionStatus = TransactionStatus.STARTED
    link: str
    place: int | None  # which place of the link it holds; None: the link has no end
    realm: str
    amount: Money
    issuer: str
    operation: Operation
    tariff: Tariff = FREE  # of the issuer, as it was when it was asked
    payer: str  # keyed hash of where the payer came from
    brand: str
    last4: str
    fingerprint: str
    name: str = ""
    email: str = ""
    reason: str = ""
    code: str = ""  # the issuer's own, where it declined
    tried: tuple[Tried, ...] = ()  # issuers before this one, in the same attempt
    approval_code: str = ""
    challenge: Challenge | None = None  # while the payer is led away
    looks: int = 0
    look_at: datetime | None = None  # while the issuer's book is to be asked
    reversals: int = 0
    closing: Operation | None = None  # the capture or void of what was authorized, once asked for
    at_end: AtEnd = AtEnd.VOID
    ends_at: datetime | None = None  # while it is authorized: when it is captured or voided by us
    warned: bool = False
    refunded: int = 0  # minor units, as is what refunds under way have reserved
    refunding: int = 0
    disputed: int = 0

    @property
    def of(self) -> str:
        """The link that it pays."""
        return self.link

    @property
    def due(self) -> datetime | None:
        """When the resolver should ask what became of it, or its authorization ends."""
        if self.look_at is not None or self.ends_at is None:
            return self.look_at
        return self.ends_at if self.warned else self.ends_at - WARN_BEFORE

    @property
    def created_at(self) -> datetime:
        """When it was claimed."""
        return made_at(self.id)

    @property
    def captured(self) -> Money:
        """What of it is ours: all of it, or what was captured of an authorization."""
        if self.status is not _S.CAPTURED:
            return Money(0, self.amount.currency)
        return self.amount if self.closing is None else self.closing.amount

    @property
    def fee(self) -> Money:
        """What the issuer keeps of what was captured."""
        return self.tariff.fee(self.captured)

    @property
    def refundable(self) -> Money:
        """What a refund may still start with."""
        return Money(max(_left(self), 0), self.amount.currency)

    @property
    def over_recovered(self) -> Money:
        """What payers have by refunds and disputes together beyond what was captured."""
        return Money(max(-_left(self), 0), self.amount.currency)

    @property
    def original(self) -> Original:
        """What moved or holds its money, as what follows it names that."""
        moved = self.closing if self.status is _S.CAPTURED else None
        return (moved or self.operation).named(self.approval_code)

    @property
    def is_final(self) -> bool:
        """Whether nothing more can become of it."""
        return MOVES.is_final(self.status)

    @property
    def retry(self) -> Retry | None:
        """Whether the card that was declined may be tried again, where its scheme says so."""
        return retry_of(self.brand, self.code)

    def facts(self) -> dict[str, object]:
        """What its events tell; of the card the brand and the last four digits."""
        return {
            "id": self.id,
            "mode": mode_of(self.id).value,
            "payment": self.link,
            "realm": self.realm,
            "status": self.status.value,
            "amount": str(self.amount),
            "captured": str(self.captured),
            "fee": str(self.fee),
            "currency": self.amount.currency.value,
            "card": {"brand": self.brand, "last4": self.last4},
            "reason": self.reason or None,
        }

    def capture(self, approval_code: str) -> Transaction:
        """The money is ours."""
        return self._approve(_S.CAPTURED, approval_code, None)

    def authorize(self, approval_code: str, at: datetime) -> Transaction:
        """The issuer holds the money for us."""
        return self._approve(_S.AUTHORIZED, approval_code, at + HELD_FOR)

    def _approve(self, to: TransactionStatus, code: str, ends_at: datetime | None) -> Transaction:
        return self._become(
            to, approval_code=code, reason="", challenge=None, look_at=None, ends_at=ends_at
        )

    def warn(self) -> Transaction:
        """Its end is near, and was said."""
        return self._become(warned=True)

    def close(self, closing: Operation) -> Transaction:
        """We are about to ask for its capture or void; one at a time."""
        if self.status is not _S.AUTHORIZED:
            raise NotAllowed(
                "Only an authorized payment is captured or voided.", status=self.status.value
            )
        if self.look_at is not None:
            raise NotAllowed("Its capture or void is under way.", status=self.status.value)
        if closing.kind is OperationKind.CAPTURE and not closing.amount <= self.amount:
            raise CaptureTooLarge(f"At most {self.amount}.", field="amount")
        return self._become(closing=closing, looks=0, look_at=first_look(closing))

    def stay_open(self, reason: str, at: datetime, *, refused: bool) -> Transaction:
        """The capture or void was definitely not done; `refused`: the issuer said no.

        What ends by itself does so later, and by a void where a capture was refused.
        """
        assert self.ends_at is not None, "it is authorized"
        return self._become(
            closing=None,
            look_at=None,
            reason=reason,
            at_end=AtEnd.VOID if refused and self.warned else self.at_end,
            ends_at=max(self.ends_at, at + END_AGAIN),
        )

    def end_later(self, at: datetime) -> Transaction:
        """The issuer is not connected."""
        return self._become(ends_at=at + END_AGAIN)

    def close_again(self, at: datetime) -> Transaction:
        """The same capture or void under the same reference: the issuer's book has it not."""
        assert self.closing is not None, "one was asked for"
        closing = self.closing.again(at)
        return self._become(closing=closing, look_at=first_look(closing))

    def close_later(self, at: datetime) -> Transaction:
        """The issuer could not be asked about it, or does not know."""
        assert self.closing is not None, "one was asked for"
        return self._become(looks=self.looks + 1, look_at=next_look(self.closing, self.looks, at))

    def void(self) -> Transaction:
        """The issuer holds nothing any more."""
        return self._become(_S.VOIDED, reason="voided", look_at=None, ends_at=None)

    def pass_on(
        self, tried: Tried, issuer: str, tariff: Tariff, operation: Operation
    ) -> Transaction:
        """Definitely nothing was done; the next issuer is about to be asked."""
        return self._become(
            tried=(*self.tried, tried),
            issuer=issuer,
            tariff=tariff,
            operation=operation,
            look_at=first_look(operation),
        )

    def lead_away(self, challenge: Challenge) -> Transaction:
        """The payer has to go elsewhere first; nothing is booked meanwhile."""
        return self._become(_S.CHALLENGED, challenge=challenge, look_at=challenge.until)

    def go_on(self, operation: Operation) -> Transaction:
        """The payer was there: we are about to ask for the money, by an operation of its own."""
        return self._become(
            _S.STARTED, operation=operation, challenge=None, looks=0, look_at=first_look(operation)
        )

    def wait_longer(self, at: datetime) -> Transaction:
        """Their time has passed, and yet it is not certain that nothing comes of it."""
        assert self.status is _S.CHALLENGED, "nobody was led away"
        return self._become(looks=self.looks + 1, look_at=at + pause(self.looks))

    def decline(self, reason: str, code: str = "", *, held: bool = False) -> Transaction:
        """The issuer said no, or the payer did not do what it asked for.

        `held`: one more reversal undoes what it holds all the same.
        """
        return self._become(
            _S.DECLINED,
            reason=reason,
            code=code,
            challenge=None,
            look_at=None,
            reversals=self.reversals + held,
        )

    def fail(self, reason: str) -> Transaction:
        """Nothing was ever sent."""
        return self._become(_S.FAILED, reason=reason, look_at=None)

    def lose_sight(self, reason: str) -> Transaction:
        """Something was sent, and no full answer came."""
        return self._become(_S.UNKNOWN, reason=reason)

    def hold(self, until: datetime) -> Transaction:
        """Nobody else asks about it before that time."""
        assert self.look_at is not None, "nothing is to be looked up"
        return self._become(look_at=until)

    def look_later(self, at: datetime) -> Transaction:
        """The issuer's book could not be asked; whoever made the call is not heard of any more."""
        assert self.look_at is not None, "nothing is to be looked up"
        look_at = at + pause(self.looks)
        return self._become(self._unknown, looks=self.looks + 1, look_at=look_at)

    def await_reversal(self) -> Transaction:
        """From now on a reversal decides; still unknown until it is acknowledged."""
        assert self.look_at is not None, "nothing is to be looked up"
        return self._become(self._unknown, look_at=None, reversals=self.reversals + 1)

    @property
    def _unknown(self) -> TransactionStatus | None:
        """The move to `unknown`, where it is still to be made."""
        return None if self.status is _S.UNKNOWN else _S.UNKNOWN

    def compensate(self) -> Transaction:
        """It has ended, and yet the issuer charged: one more reversal, the status stays."""
        return self._become(reversals=self.reversals + 1)

    def reserve(self, amount: Money) -> Transaction:
        """A refund begins; `NotRefundable` or `RefundTooLarge`."""
        if self.status is not _S.CAPTURED:
            raise NotRefundable("Only a captured payment is refunded.", status=self.status.value)
        if not Money(0, amount.currency) < amount <= self.refundable:
            left = str(self.refundable)
            raise RefundTooLarge(f"At most {left} is left of it.", field="amount", refundable=left)
        return self._become(refunding=self.refunding + amount.minor)

    def dispute(self, amount: Money) -> Transaction:
        """The issuer has taken it back, whatever was given back before; below zero: given again."""
        return self._become(disputed=self.disputed + amount.minor)

    def release(self, amount: Money) -> Transaction:
        """A refund came to nothing."""
        return self._become(refunding=self.refunding - amount.minor)

    def give_back(self, amount: Money) -> Transaction:
        """A refund was done."""
        return self._become(
            refunding=self.refunding - amount.minor, refunded=self.refunded + amount.minor
        )

    def reverse(self) -> Transaction:
        """The issuer's book holds nothing of it."""
        return self._become(_S.REVERSED, reason="reversed")


def _left(txn: Transaction) -> int:
    return txn.captured.minor - txn.refunded - txn.refunding - txn.disputed
