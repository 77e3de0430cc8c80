"""Routing: the next issuer of a link is asked where the one before did definitely nothing."""

from __future__ import annotations

from datetime import datetime
from typing import TypeGuard

from payseal.core.event import happened
from payseal.core.offer import tariff_of
from payseal.core.store import Check, Insert, Store, Update
from payseal.issuers import Asked, Declined, Issuers, NotSent, Retry, retry_of
from payseal.links import Link, LinkStatus
from payseal.transactions.reference import new_operation
from payseal.transactions.status import TransactionStatus
from payseal.transactions.transaction import Transaction
from payseal.transactions.tried import Tried


async def pass_on(
    store: Store, issuers: Issuers, asked: Transaction, answer: Declined | NotSent, *, at: datetime
) -> Transaction | None:
    """The commit before the next call: the same attempt, to be tried at the link's next issuer.

    The answer is one that `goes_on`. None where nobody is left; or the call's time is over, and its
    payer may be gone; or the link was closed, or somebody else has it in hand. Run by `deciding`.
    """
    if at >= asked.operation.call_until:
        return None
    txn, link = await store.get(Transaction, asked.id), await store.get(Link, asked.link)
    assert txn is not None, "an answer belongs to a transaction"
    assert link is not None, "a transaction belongs to a link"
    if txn.status is not TransactionStatus.STARTED or txn.operation != asked.operation:
        return None
    if txn.reversals or link.shown(at) is not LinkStatus.OPEN:
        return None
    asked_before = {txn.issuer, *(tried.issuer for tried in txn.tried)}
    hosted = issuers[txn.issuer].abilities.hosted  # who takes the card: they, or we
    for name in link.issuers:
        if name in asked_before or name not in issuers:
            continue
        if issuers[name].abilities.hosted == hosted:
            break
    else:
        return None
    operation, reference = await new_operation(
        store, issuers[name], txn.operation.kind, txn.id, txn.amount, at=at
    )
    tariff = tariff_of(issuers[name].offers, link.method, link.amount.currency)
    txn = txn.pass_on(_tried(txn, answer), name, tariff, operation)
    passed_on = happened("transaction.passed_on", txn, at)
    await store.commit(Update(txn), Insert(reference), Check(link), Insert(passed_on))
    return txn


def _tried(txn: Transaction, answer: Declined | NotSent) -> Tried:
    asked, code = txn.operation, answer.code if isinstance(answer, Declined) else ""
    return Tried(txn.issuer, asked.reference, asked.asked_at, answer.reason, code)


def goes_on(answer: Asked, scheme: str) -> TypeGuard[Declined | NotSent]:
    """Whether another issuer may be asked: nothing was sent, or it was a soft decline.

    That is one which the card's scheme allows to try again, and of which nothing is held. What is
    unknown never goes on.
    """
    match answer:
        case NotSent():
            return True
        case Declined(held=False):
            return retry_of(scheme, answer.code) is Retry.LATER
        case _:
            return False
