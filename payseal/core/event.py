"""Event: what happened, committed together with the change that it tells of."""

from __future__ import annotations

from datetime import datetime

from payseal.core.ids import derive
from payseal.core.record import Record


class Event(Record, frozen=True):
    """One move of one record; `seq`, the version that it led to, orders the record's events."""

    prefix, table = "evt", "events"

    resource: str
    seq: int
    type: str
    at: datetime
    data: dict[str, object]

    @property
    def of(self) -> str:
        """The record that it happened to."""
        return self.resource


def happened(type: str, record: Record, at: datetime) -> Event:
    """The event of the move that led to this version of the record."""
    return Event(
        id=derive(Event.prefix, record.partition, at, record.id, str(record.version)),
        resource=record.id,
        seq=record.version,
        type=type,
        at=at,
        data=record.facts(),
    )
