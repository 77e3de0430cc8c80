"""The resolver: finds out what became of a call whose answer never came, or undoes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from payseal.core.event import happened
from payseal.core.store import Change, Insert, Store, Update, committed, deciding
from payseal.issuers import (
    Approved,
    Clock,
    Declined,
    Found,
    Issuers,
    NotFound,
    NotSent,
    Reversed,
    Unable,
    Undone,
    Unknown,
)
from payseal.transactions import challenges, closings
from payseal.transactions.looks import HOLD
from payseal.transactions.reversal import Reversal, ReversalStatus, reversal_of
from payseal.transactions.settlement import free_place_of, settle
from payseal.transactions.status import TransactionStatus
from payseal.transactions.transaction import Transaction
from payseal.vault import Vault


async def resolve(
    store: Store, issuers: Issuers, txn_id: str, *, vault: Vault | None = None, now: Clock
) -> None:
    """Ask the issuer's book about a transaction, once its moment has come; never before it.

    Of several workers one asks: it holds the transaction meanwhile. Where nobody is asked, nothing
    is held: whoever commits first decides.
    """
    txn = await store.get(Transaction, txn_id)
    if txn is None or txn.due is None or now() < txn.due:
        return
    if txn.status is TransactionStatus.AUTHORIZED:
        await closings.resolve(store, issuers, txn, now=now)
        return
    if txn.status is TransactionStatus.CHALLENGED:
        await challenges.resolve(store, issuers, txn, vault=vault, now=now)
        return
    issuer = issuers.get(txn.issuer)
    found: Found = NotSent("issuer not connected")
    if issuer is not None and not issuer.abilities.look_up:
        found = Unable()
    elif issuer is not None:
        txn = txn.hold(now() + HOLD)
        if not await committed(store, Update(txn)):
            return
        found = await issuer.look_up(txn.operation)
    match found:
        case Approved() | Declined():
            await deciding(settle, store, txn.id, found, of=txn.operation.id, at=now())
        case NotFound() | Unable():
            await deciding(order_reversal, store, txn, at=now())
        case NotSent() | Unknown():
            await deciding(_look_later, store, txn, at=now())
        case _:
            assert_never(found)


async def order_reversal(store: Store, asked: Transaction, *, at: datetime) -> None:
    """Nothing was found, which is not a no: from now on a reversal decides."""
    txn = await store.get(Transaction, asked.id)
    if txn is None or txn.due != asked.due:  # another worker has it now, or it is settled
        return
    before, txn = txn, txn.await_reversal()
    reversal = reversal_of(txn, charged=False, at=at)
    started = happened("reversal.started", reversal, at)
    await store.commit(*_unknown(before, txn, at), Insert(reversal), Insert(started))


async def _look_later(store: Store, asked: Transaction, *, at: datetime) -> None:
    txn = await store.get(Transaction, asked.id)
    if txn is not None and txn.due == asked.due:
        await store.commit(*_unknown(txn, txn.look_later(at), at))


def _unknown(before: Transaction, after: Transaction, at: datetime) -> list[Change]:
    """The update, and its event if this is when the transaction became unknown."""
    changes: list[Change] = [Update(after)]
    if before.status is not after.status:
        changes.append(Insert(happened("transaction.unknown", after, at)))
    return changes


async def reverse(store: Store, issuers: Issuers, reversal_id: str, *, now: Clock) -> None:
    """Send a reversal whose moment has come, and book what the issuer says to it.

    Of several workers one sends it: it holds the reversal meanwhile. That counts the try before it
    is made, so that after a crash what may have been sent before is sent as a repeat.
    """
    reversal = await store.get(Reversal, reversal_id)
    if reversal is None or reversal.due is None or now() < reversal.due:
        return
    reversal = reversal.hold(now() + HOLD)
    if not await committed(store, Update(reversal)):
        return
    issuer = issuers.get(reversal.issuer)
    undone: Undone = NotSent("issuer not connected")
    transit_max = timedelta(0)
    if issuer is not None:
        undone = await issuer.reverse(reversal.operation, repeat=reversal.tries > 1)
        transit_max = issuer.abilities.transit_max
        if isinstance(undone, Reversed) and not (
            issuer.abilities.reversal_memory or reversal.charged
        ):
            undone = NotFound()  # it holds for what has come, and not for what may come yet
    await deciding(_hear, store, reversal, undone, transit_max, at=now())


async def _hear(
    store: Store, asked: Reversal, undone: Undone, transit_max: timedelta, *, at: datetime
) -> None:
    reversal = await store.get(Reversal, asked.id)
    assert reversal is not None, "a reversal is never deleted"
    if reversal.status is ReversalStatus.DONE:
        return
    # "No such original" was said of the reversal as we knew it when we asked.
    certain = reversal == asked and reversal.is_certain(transit_max, at)
    if isinstance(undone, Reversed) or (isinstance(undone, NotFound) and certain):
        await _finish(store, reversal, at)
    elif isinstance(undone, NotFound):
        await store.commit(Update(reversal.miss(transit_max, at)))
    else:
        await store.commit(Update(reversal.send_later(at)))


async def _finish(store: Store, reversal: Reversal, at: datetime) -> None:
    reversal = reversal.finish()
    changes: list[Change] = [
        Update(reversal),
        Insert(happened("reversal.done", reversal, at)),
    ]
    txn = await store.get(Transaction, reversal.transaction)
    assert txn is not None, "a reversal belongs to a transaction"
    if txn.status is TransactionStatus.UNKNOWN:
        txn = txn.reverse()
        changes += [Update(txn), Insert(happened("transaction.reversed", txn, at))]
        changes += await free_place_of(store, txn)
    await store.commit(*changes)
