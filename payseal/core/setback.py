"""Setback: an event that a consumer could make nothing of; it is tried again, later and later."""

from __future__ import annotations

from datetime import datetime, timedelta

from payseal.core.event import Event
from payseal.core.ids import derive
from payseal.core.record import Record

# After so long it is tried again; hourly for ever at last.
PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=1))


class Setback(Record, frozen=True, kw_only=True):
    """Names the event. Of the error only its class: its text may tell what nobody should read."""

    prefix, table = "set", "setbacks"

    consumer: str
    event: str
    error: str
    retry_at: datetime
    tries: int = 1

    @property
    def due(self) -> datetime:
        """When it is tried again."""
        return self.retry_at

    def again(self, error: Exception, at: datetime) -> Setback:
        """It failed once more."""
        pause = PAUSES[min(self.tries, len(PAUSES) - 1)]
        return self._become(tries=self.tries + 1, retry_at=at + pause, error=type(error).__name__)


def setback(consumer: str, event: Event, error: Exception, *, at: datetime) -> Setback:
    """The one setback of that consumer with that event."""
    return Setback(
        id=derive(Setback.prefix, event.partition, event.at, consumer, event.id),
        consumer=consumer,
        event=event.id,
        error=type(error).__name__,
        retry_at=at + PAUSES[0],
    )
