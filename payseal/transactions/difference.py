"""Difference: what an issuer's settlement file and our ledger do not agree on, until they do."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from payseal.core.ids import Partition, derive, mode_of
from payseal.core.money import Money
from payseal.core.record import Record
from payseal.core.state import Moves
from payseal.ledger import DifferenceKind

LOOK_AGAIN = timedelta(minutes=1)  # at what may still be under way; then each hour
LOOK_LATER = timedelta(hours=1)
LOOK_FOR = timedelta(days=2)


class DifferenceStatus(StrEnum):
    """Whether somebody has to do something about it."""

    OPEN = "open"
    RESOLVED = "resolved"


MOVES = Moves({DifferenceStatus.OPEN: (DifferenceStatus.RESOLVED,), DifferenceStatus.RESOLVED: ()})


class Difference(Record, frozen=True, kw_only=True):
    """One, of an operation; where we know none, of the reference that the issuer gave."""

    prefix, table, moves = "dif", "differences", MOVES

    status: DifferenceStatus = DifferenceStatus.OPEN
    kind: DifferenceKind
    issuer: str
    reference: str
    transaction: str = ""
    operation: str = ""
    ours: Money | None = None
    theirs: Money | None = None
    day: str  # of the file that it was found in
    found_at: datetime
    note: str = ""  # why it is resolved
    look_at: datetime | None = None  # while it may be that our answer comes yet

    @property
    def due(self) -> datetime | None:
        """When our ledger is to be looked at again."""
        return self.look_at

    @property
    def currency(self) -> str:
        """Of what differs."""
        money = self.ours or self.theirs
        assert money is not None, "one side has something"
        return str(money.currency.value)

    def facts(self) -> dict[str, object]:
        """What its events tell."""
        return {
            "id": self.id,
            "mode": mode_of(self.id).value,
            "kind": self.kind.value,
            "status": self.status.value,
            "issuer": self.issuer,
            "reference": self.reference,
            "transaction": self.transaction or None,
            "ours": None if self.ours is None else str(self.ours),
            "theirs": None if self.theirs is None else str(self.theirs),
            "currency": self.currency,
            "day": self.day,
            "note": self.note or None,
        }

    def resolve(self, note: str) -> Difference:
        """The books agree, or somebody has seen to it."""
        return self._become(DifferenceStatus.RESOLVED, note=note, look_at=None)

    def look_later(self, at: datetime) -> Difference:
        """Our ledger has still nothing."""
        late = at >= self.found_at + LOOK_FOR
        return self._become(look_at=None if late else at + LOOK_LATER)


def difference_id(
    partition: Partition, moment: datetime, issuer: str, named: str, kind: DifferenceKind
) -> str:
    """The one there can be of that kind; `named` is the operation, or else the reference."""
    return derive(Difference.prefix, partition, moment, issuer, named, kind)
