"""Challenges: what became of a payer who had to go elsewhere first."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from payseal.core.errors import Missing
from payseal.core.event import happened
from payseal.core.store import Busy, Insert, Store, Update, committed, deciding
from payseal.issuers import (
    Approved,
    Asked,
    Authenticated,
    Clock,
    Concluded,
    Declined,
    Hearing,
    Issuer,
    Issuers,
    NotSent,
    Pending,
    Proof,
    Unknown,
)
from payseal.transactions.looks import HOLD
from payseal.transactions.reference import new_operation
from payseal.transactions.settlement import settle
from payseal.transactions.status import TransactionStatus
from payseal.transactions.transaction import Transaction
from payseal.vault import Vault


async def conclude(
    store: Store, issuers: Issuers, txn_id: str, *, vault: Vault | None = None, now: Clock
) -> Transaction:
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
    return await _book(store, issuer, vault, txn, concluded, now)


async def hear(
    store: Store,
    issuers: Issuers,
    txn_id: str,
    told: bytes,
    *,
    vault: Vault | None = None,
    now: Clock,
) -> Transaction:
    """Book what the issuer's server says; `Missing` unless it is about this very challenge.

    Said again, or after the challenge's end, it changes nothing.
    """
    txn = await store.get(Transaction, txn_id)
    if txn is not None and txn.status is not TransactionStatus.CHALLENGED:
        return txn
    issuer = None if txn is None else issuers.get(txn.issuer)
    if txn is not None and txn.challenge is not None and isinstance(issuer, Hearing):
        heard = issuer.hear(txn.challenge.memo, told)
        if heard is not None:
            return await _book(store, issuers[txn.issuer], vault, txn, heard, now)
    raise Missing("There is no such challenge.")


async def resolve(
    store: Store, issuers: Issuers, txn: Transaction, *, vault: Vault | None = None, now: Clock
) -> None:
    """Its time has passed: it ends, once nothing can come of it any more.

    Of several workers one asks: it holds the transaction meanwhile.
    """
    assert txn.challenge is not None, "it was led away by one"
    issuer, held = issuers.get(txn.issuer), txn.hold(now() + HOLD)
    if not await committed(store, Update(held)):
        return
    if issuer is not None:
        concluded = await issuer.conclude(held.operation, txn.challenge.memo, over=True)
        held = await _book(store, issuer, vault, held, concluded, now)
    if held.challenge is not None:
        await committed(store, Update(held.wait_longer(now())))


async def _book(
    store: Store,
    issuer: Issuer,
    vault: Vault | None,
    txn: Transaction,
    concluded: Concluded,
    now: Clock,
) -> Transaction:
    match concluded:
        case Approved() | Declined():
            asked = txn.operation.id
            txn = await deciding(settle, store, txn.id, concluded, of=asked, at=now())
            if vault is not None and txn.is_final:
                await vault.drop(txn.id)
            return txn
        case Authenticated():
            return await _go_on(store, issuer, vault, txn, concluded.proof, now)
        case Pending() | NotSent() | Unknown():
            return txn
        case _:
            assert_never(concluded)


async def _go_on(
    store: Store,
    issuer: Issuer,
    vault: Vault | None,
    txn: Transaction,
    proof: Proof,
    now: Clock,
) -> Transaction:
    """Ask for the money: claim, call, settle, as the first time. One of many does it."""
    claimed = await deciding(_claim, store, issuer, txn.id, at=now())
    if claimed is None:
        return await store.get(Transaction, txn.id) or txn
    assert vault is not None, "who asks for a proof lets the card wait"
    card = await vault.take(txn.id, at=now())
    answer: Asked
    if card is None:
        answer = NotSent("card_gone")
    else:
        answer = await issuer.purchase(claimed.operation, card, now, proof=proof)
    try:
        asked = claimed.operation.id
        return await deciding(settle, store, txn.id, answer, of=asked, at=now())
    except Busy:  # the resolver books it
        return claimed


async def _claim(store: Store, issuer: Issuer, txn_id: str, *, at: datetime) -> Transaction | None:
    """That we are about to ask; None if somebody else has concluded it."""
    txn = await store.get(Transaction, txn_id)
    assert txn is not None, "a transaction is never deleted"
    if txn.status is not TransactionStatus.CHALLENGED:
        return None
    operation, reference = await new_operation(
        store, issuer, txn.operation.kind, txn.id, txn.amount, at=at
    )
    txn = txn.go_on(operation)
    started = happened("transaction.started", txn, at)
    await store.commit(Update(txn), Insert(reference), Insert(started))
    return txn
