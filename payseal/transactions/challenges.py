"""Challenges: what became of a payer who had to go elsewhere first."""

from __future__ import annotations

from typing import assert_never

from payseal.core.store import Store, Update, committed, deciding
from payseal.issuers import (
    Approved,
    Clock,
    Concluded,
    Declined,
    Issuers,
    NotSent,
    Pending,
    Unknown,
)
from payseal.transactions.looks import HOLD
from payseal.transactions.settlement import settle
from payseal.transactions.status import TransactionStatus
from payseal.transactions.transaction import Transaction


async def conclude(store: Store, issuers: Issuers, txn_id: str, *, now: Clock) -> Transaction:
    """Ask the issuer how it stands, whenever somebody says that the payer is back; and book it.

    Whoever says so is not believed: they only make us ask. Many may say so, at the same time or
    after its end. What the issuer does not know yet changes nothing.
    """
    txn = await store.get(Transaction, txn_id)
    assert txn is not None, "whoever was led away has a transaction"
    issuer = issuers.get(txn.issuer)
    if txn.status is not TransactionStatus.CHALLENGED or issuer is None:
        return txn
    assert txn.challenge is not None, "it was led away by one"
    concluded = await issuer.conclude(txn.operation, txn.challenge.memo, over=False)
    return await _book(store, txn, concluded, now)


async def resolve(store: Store, issuers: Issuers, txn: Transaction, *, now: Clock) -> None:
    """Its time has passed: it ends, once nothing can come of it any more.

    Of several workers one asks: it holds the transaction meanwhile.
    """
    assert txn.challenge is not None, "it was led away by one"
    held = txn.hold(now() + HOLD)
    if not await committed(store, Update(held)):
        return
    issuer = issuers.get(held.issuer)
    concluded: Concluded = NotSent("issuer not connected")
    if issuer is not None:
        concluded = await issuer.conclude(held.operation, txn.challenge.memo, over=True)
    after = await _book(store, held, concluded, now)
    if after == held:
        await committed(store, Update(held.wait_longer(now())))


async def _book(store: Store, txn: Transaction, concluded: Concluded, now: Clock) -> Transaction:
    match concluded:
        case Approved() | Declined():
            return await deciding(settle, store, txn.id, concluded, at=now())
        case Pending() | NotSent() | Unknown():
            return txn
        case _:
            assert_never(concluded)
