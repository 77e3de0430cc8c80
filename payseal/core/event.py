"""Event: what happened, committed together with the change that it tells of."""

from __future__ import annotations

from datetime import datetime

import msgspec

from payseal.core.ids import derive, made_at
from payseal.core.record import Record


class Event(Record, frozen=True, kw_only=True):
    """One move of one record; `seq`, the version that it led to, orders the record's events."""

    prefix, table = "evt", "events"

    resource: str
    seq: int = 1
    type: str
    told: dict[str, object] = msgspec.field(name="data")  # the facts, without the id

    @property
    def of(self) -> str:
        """The record that it happened to."""
        return self.resource

    @property
    def at(self) -> datetime:
        """When it happened, to the millisecond."""
        return made_at(self.id)

    @property
    def data(self) -> dict[str, object]:
        """What was told of the record at that moment."""
        return {"id": self.resource, **self.told}


def happened(type: str, record: Record, at: datetime) -> Event:
    """The event of the move that led to this version of the record."""
    return Event(
        id=derive(Event.prefix, record.partition, at, record.id, str(record.version)),
        resource=record.id,
        seq=record.version,
        type=type,
        told={name: fact for name, fact in record.facts().items() if name != "id"},
    )
