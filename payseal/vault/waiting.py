"""Waiting: a card's number, expiry and name, sealed by a key that goes with it."""

from __future__ import annotations

from datetime import datetime, timedelta

from payseal.core.ids import derive, made_at, partition_of
from payseal.core.record import Record

LIFE = timedelta(hours=1)
KEY_BYTES = 32


class Waiting(Record, frozen=True, kw_only=True):
    """`key` is one half of what opens `sealed`; the other one is in no store.

    A copy of this store alone opens nothing, nor does the master key once the record is gone.
    """

    prefix, table, fades = "wtg", "waiting_cards", True

    key: bytes
    sealed: bytes
    until: datetime

    @property
    def due(self) -> datetime:
        """When it is deleted, whoever has not taken it by then."""
        return self.until


def waiting_id(owner: str) -> str:
    """Where the card of that transaction waits."""
    return derive(Waiting.prefix, partition_of(owner), made_at(owner), owner)
