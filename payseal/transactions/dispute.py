"""Dispute: a payer's bank takes back what was paid; it lasts until it is given again."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from payseal.core.ids import Partition, derive, made_at, mode_of
from payseal.core.money import Money
from payseal.core.record import Record
from payseal.core.state import Moves


class DisputeStatus(StrEnum):
    """What became of it; `contested`: the payer has had a refund too, which is our evidence."""

    OPEN = "open"
    CONTESTED = "contested"
    WON = "won"


_S = DisputeStatus
MOVES = Moves({_S.OPEN: (_S.WON,), _S.CONTESTED: (_S.WON,), _S.WON: ()})


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

    def win(self) -> Dispute:
        """The issuer has given it again."""
        return self._become(_S.WON)


def dispute_id(partition: Partition, at: datetime, issuer: str, reference: str) -> str:
    """The one there can be of a chargeback."""
    return derive(Dispute.prefix, partition, at, issuer, reference)
