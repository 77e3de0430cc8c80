"""Led: whoever was led away with a card; one challenge of theirs is open at a link."""

from __future__ import annotations

from datetime import datetime

from payseal.core.ids import value_id
from payseal.core.record import Record
from payseal.core.store import Insert, Store, Update
from payseal.issuers import Challenge
from payseal.transactions.status import TransactionStatus
from payseal.transactions.transaction import Transaction


class Led(Record, frozen=True, kw_only=True):
    """A payer, by where they came from and with which card, and their newest challenge."""

    prefix, table, fades = "led", "led_payers", True

    transaction: str
    until: datetime

    @property
    def due(self) -> datetime:
        """When it says nothing any more."""
        return self.until

    def again(self, transaction: str, until: datetime) -> Led:
        """Their challenge before has ended."""
        return self._become(transaction=transaction, until=until)


async def lead(store: Store, txn: Transaction, challenge: Challenge) -> Insert | Update | None:
    """The change that remembers it, for the commit that leads them away; None if one is open.

    Other cards and other people at the same address are not in the way.
    """
    id = value_id(Led.prefix, txn.link, txn.payer, txn.fingerprint)
    led = await store.get(Led, id)
    if led is None:
        return Insert(Led(id=id, transaction=txn.id, until=challenge.until))
    before = await store.get(Transaction, led.transaction)
    if before is not None and before.status is TransactionStatus.CHALLENGED:
        return None
    return Update(led.again(txn.id, challenge.until))
