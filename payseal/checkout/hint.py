"""A hint that something became of a payment: the issuer is asked, and what it says is booked."""

from __future__ import annotations

from payseal.checkout.till import Till
from payseal.checkout.visit import ANSWER_WITHIN_S
from payseal.core.ids import AccountId, Mode, is_theirs
from payseal.issuers import Clock
from payseal.transactions import Transaction, challenges


async def follow_hint(
    till: Till, account: AccountId, mode: Mode, txn_id: str, *, now: Clock
) -> None:
    """Ask about a payer who was led away; about anything else the worker asks in its time."""
    theirs = is_theirs(txn_id, Transaction.prefix, account, mode)
    txn = await till.store.get(Transaction, txn_id) if theirs else None
    if txn is not None:
        asking = challenges.conclude(till.store, till.issuers, txn.id, vault=till.vault, now=now)
        await till.take(asking, ANSWER_WITHIN_S)
