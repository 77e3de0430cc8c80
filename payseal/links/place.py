"""Place: one of the payments that a link has room for. Who holds it may charge."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from functools import lru_cache

from payseal.core.errors import Conflict
from payseal.core.ids import derive, made_at, partition_of
from payseal.core.record import Record
from payseal.core.store import Store
from payseal.links.link import Link

LOOK_AHEAD = 25


class SoldOut(Conflict):
    """All places are taken: paid, or in the hands of a payer whose payment is under way."""

    code, title = "link_sold_out", "All payments of this link are taken."


class Place(Record, frozen=True, kw_only=True):
    """Place `number` of a link, held by a transaction until it is paid or given back."""

    prefix, table = "plc", "places"

    link: str
    number: int
    transaction: str = ""
    paid: bool = False

    @property
    def of(self) -> str:
        """Its link."""
        return self.link

    def pay(self) -> Place:
        """For good."""
        return self._become(paid=True)


@lru_cache(4096)
def place_id(link: str, number: int) -> str:
    """Where place `number` of that link is kept."""
    return derive(Place.prefix, partition_of(link), made_at(link), link, str(number))


async def free_place(store: Store, link: Link, transaction: str) -> Place | None:
    """A place to hold for the transaction; None for a link without end; `SoldOut`.

    Payers start looking at different places, so that many at once seldom want the same one.
    """
    if link.max_payments is None:
        return None
    start = zlib.crc32(transaction.encode())
    async for number, place in _places(store, link, start):
        if place is None:
            return Place(
                id=place_id(link.id, number), link=link.id, number=number, transaction=transaction
            )
    raise SoldOut("Somebody else is paying it, or has paid it.", link=link.id)


async def unpaid_place(store: Store, link: Link, beside: Place) -> Place | None:
    """Some other place of the link that is not paid, as it is now (version 0: not taken).

    Who marks a place as paid and sees another one unpaid checks that one in the same commit: so
    of two last payers one is refused, looks again, and finds that the link is paid.
    """
    if link.max_payments == 1:
        return None
    async for number, place in _places(store, link, beside.number + 1):
        if number == beside.number:
            continue
        if place is None:
            return Place(id=place_id(link.id, number), version=0, link=link.id, number=number)
        if not place.paid:
            return place
    return None


async def is_sold_out(store: Store, link: Link) -> bool:
    """Whether every place is taken just now."""
    if link.max_payments is None:
        return False
    async for _, place in _places(store, link, 0):
        if place is None:
            return False
    return True


async def _places(store: Store, link: Link, start: int) -> AsyncIterator[tuple[int, Place | None]]:
    """All places once around from `start`, read a few at a time."""
    assert link.max_payments is not None, "a link without end has no places"
    numbers = [(start + i) % link.max_payments for i in range(link.max_payments)]
    for first in range(0, len(numbers), LOOK_AHEAD):
        ahead = numbers[first : first + LOOK_AHEAD]
        places = await store.get_many(Place, [place_id(link.id, number) for number in ahead])
        for number, place in zip(ahead, places, strict=True):
            yield number, place
