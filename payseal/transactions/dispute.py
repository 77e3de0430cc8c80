"""Dispute: a payer's bank takes back what was paid; it lasts until it is given again."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from payseal.core.ids import Partition, derive, made_at, mode_of
from payseal.core.money import Money
from payseal.core.record import Record
from payseal.core.state import Moves


class DisputeStatus(StrEnum):
    """What became of it; `contested`: the payer has had a refund too, which is our evidence.

    `accepted`: the merchant has given in; `lost`: the issuer has decided.
    """

    OPEN = "open"
    CONTESTED = "contested"
    ACCEPTED = "accepted"
    LOST = "lost"
    WON = "won"


_S = DisputeStatus
MOVES = Moves(
    {
        _S.OPEN: (_S.ACCEPTED, _S.LOST, _S.WON),
        _S.CONTESTED: (_S.ACCEPTED, _S.LOST, _S.WON),
        # An issuer that gives the money again all the same has the last word.
        _S.ACCEPTED: (_S.WON,),
        _S.LOST: (_S.WON,),
        _S.WON: (),
    }
)


class Dispute(Record, frozen=True, kw_only=True):
    """One chargeback, under the issuer's reference; booked whatever was given back before."""

    prefix, table, moves = "dsp", "disputes", MOVES

    status: DisputeStatus
    transaction: str
    payment: str
    realm: str
    issuer: str
    reference: str
    amount: Money
    over_recovered: Money  # what the payer has by it and by refunds beyond what was captured
    evidence: tuple[str, ...] = ()  # the refunds that were done or under way

    @property
    def of(self) -> str:
        """The transaction that it takes back."""
        return self.transaction

    @property
    def created_at(self) -> datetime:
        """When the issuer booked it."""
        return made_at(self.id)

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
            "overRecovered": str(self.over_recovered),
            "evidence": list(self.evidence),
        }

    @property
    def is_undecided(self) -> bool:
        """Whether it may be lost or given in to yet."""
        return self.status in (_S.OPEN, _S.CONTESTED)

    def win(self) -> Dispute:
        """The issuer has given it again."""
        return self._become(_S.WON)

    def lose(self) -> Dispute:
        """The issuer has decided for the payer."""
        return self._become(_S.LOST)

    def accept(self) -> Dispute:
        """The merchant will not contest it."""
        return self._become(_S.ACCEPTED)


def dispute_id(partition: Partition, at: datetime, issuer: str, reference: str) -> str:
    """The one there can be of a chargeback."""
    return derive(Dispute.prefix, partition, at, issuer, reference)
