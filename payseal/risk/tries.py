"""Tries: the cards of one payer that were declined on one link."""

from __future__ import annotations

from datetime import datetime

from payseal.core.ids import value_id
from payseal.core.record import Record
from payseal.core.store import Insert, Store, Update
from payseal.risk.rules import DECLINES_MAX, PAUSE, declines_left


class Tries(Record, frozen=True, kw_only=True):
    """When cards were declined lately; the payer is known by a keyed hash only."""

    prefix, table, fades = "try", "tries", True

    declined_at: tuple[datetime, ...]

    @property
    def due(self) -> datetime:
        """When nothing of it counts any more."""
        return self.declined_at[-1] + PAUSE

    def decline(self, at: datetime) -> Tries:
        """One more; only the last few count."""
        return self._become(declined_at=(*self.declined_at, at)[-DECLINES_MAX:])


async def tries_left(store: Store, link: str, payer: str, *, at: datetime) -> int:
    """How many cards this payer may still try on this link; `Paused` if none."""
    tries = await store.get(Tries, value_id(Tries.prefix, link, payer))
    return declines_left(() if tries is None else tries.declined_at, at=at)


async def count_decline(store: Store, link: str, payer: str, *, at: datetime) -> Insert | Update:
    """The change that remembers a declined card, for the commit that says it was declined."""
    id = value_id(Tries.prefix, link, payer)
    tries = await store.get(Tries, id)
    return Insert(Tries(id=id, declined_at=(at,))) if tries is None else Update(tries.decline(at))
