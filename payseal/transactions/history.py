"""An account's transactions, and what happened to each."""

from __future__ import annotations

from datetime import datetime

from payseal.core.errors import Missing
from payseal.core.event import Event
from payseal.core.history import newest
from payseal.core.ids import AccountId, Mode, homes, is_theirs, partition_of
from payseal.core.store import PAGE_MAX, Page, Store
from payseal.links import Link
from payseal.transactions.status import TransactionStatus
from payseal.transactions.transaction import Transaction


async def get(store: Store, account: AccountId, mode: Mode, txn_id: str) -> Transaction:
    """The account's transaction; `Missing` when it is another account's, or of the other mode."""
    if is_theirs(txn_id, Transaction.prefix, account, mode):
        txn = await store.get(Transaction, txn_id)
        if txn is not None:
            return txn
    raise Missing("You have no transaction with that id.", transaction=txn_id)


async def log(store: Store, txn_id: str) -> list[Event]:
    """Everything that happened to it, in order; whether it is theirs, `get` has said before."""
    page = await store.page(Event, partition_of(txn_id), of=txn_id)
    return sorted(page.records, key=lambda event: event.seq)


async def history(
    store: Store,
    account: AccountId,
    mode: Mode,
    *,
    shards: int = 1,
    payment: str | None = None,
    realm: str | None = None,
    status: TransactionStatus | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = PAGE_MAX,
    after: str | None = None,
) -> Page[Transaction]:
    """The account's transactions, newest first; `payment`: those of one link."""

    def wanted(txn: Transaction) -> bool:
        return realm in (None, txn.realm) and status in (None, txn.status)

    where = homes(account, mode, shards)
    if payment is not None:
        # All that becomes of a link is in its shard.
        theirs = is_theirs(payment, Link.prefix, account, mode)
        where = [partition_of(payment)] if theirs else where[:1]

    return await newest(
        store,
        Transaction,
        where,
        None if realm is None and status is None else wanted,
        of=payment,
        start=start,
        end=end,
        after=after,
        limit=limit,
    )
