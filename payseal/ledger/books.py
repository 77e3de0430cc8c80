"""Books: an account's balances, and the entries that they are made of."""

from __future__ import annotations

from datetime import datetime

from payseal.core.history import merged
from payseal.core.ids import AccountId, Mode, homes, is_id, partition_of
from payseal.core.store import PAGE_MAX, Page, Store
from payseal.ledger.balance import Balance, Total, totals
from payseal.ledger.entry import Entry


async def balances(store: Store, account: AccountId, mode: Mode, *, shards: int = 1) -> list[Total]:
    """What was counted in all shards, by ledger account and currency."""
    found, after = list[Balance](), None
    while True:
        page = await merged(store, Balance, homes(account, mode, shards), after=after)
        found, after = found + page.records, page.after
        if after is None:
            whole = totals(balance.total for balance in found)
            return [whole[key] for key in sorted(whole, key=lambda key: (key[0], key[1].value))]


async def entries(
    store: Store,
    account: AccountId,
    mode: Mode,
    *,
    shards: int = 1,
    transaction: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = PAGE_MAX,
    after: str | None = None,
) -> Page[Entry]:
    """The account's entries, by when their operations were begun, the newest first."""
    where = homes(account, mode, shards)
    if transaction is not None:
        # All that becomes of a transaction is in its shard; of another's nothing is in ours.
        there = partition_of(transaction) if is_id(transaction, "txn") else None
        where = [there] if there in where else where[:1]
    return await merged(
        store,
        Entry,
        where,
        of=transaction,
        start=start,
        end=end,
        limit=limit,
        after=after,
        newest_first=True,
    )
