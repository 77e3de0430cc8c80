"""Barred: a card that its scheme forbids to try again, on the link where it was declined."""

from __future__ import annotations

from datetime import datetime, timedelta

from payseal.core.card import InvalidCard
from payseal.core.ids import value_id
from payseal.core.record import Record
from payseal.core.store import Insert, Store

BARRED_FOR = timedelta(days=91)  # longer than any link lives


class CardBarred(InvalidCard):
    """Its bank has refused this card for good: the scheme allows no further try on this link."""

    code, title = "card_barred", "This card cannot be tried again."


class Barred(Record, frozen=True, kw_only=True):
    """The card is known by a keyed hash only, and that is the record's name."""

    prefix, table, fades = "bar", "barred_cards", True

    until: datetime

    @property
    def due(self) -> datetime:
        """When it counts no more."""
        return self.until


async def check_card(store: Store, link: str, fingerprint: str) -> None:
    """May this card be tried on this link? `CardBarred` if not."""
    if await store.get(Barred, value_id(Barred.prefix, link, fingerprint)) is not None:
        refusal = "This card was refused for good. Please use another card."
        raise CardBarred("Please use another card.", fields={"number": refusal})


async def bar_card(store: Store, link: str, fingerprint: str, *, at: datetime) -> list[Insert]:
    """What bars the card, for the commit that says it was declined; nothing if it is barred."""
    id = value_id(Barred.prefix, link, fingerprint)
    if await store.get(Barred, id) is not None:
        return []
    return [Insert(Barred(id=id, until=at + BARRED_FOR))]
