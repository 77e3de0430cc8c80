"""Settlement: what an issuer's answer makes of a transaction. Commit 2 of paying."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from payseal.core.event import happened
from payseal.core.store import Change, Check, Delete, Insert, Stale, Store, Update
from payseal.issuers import (
    Approved,
    Asked,
    Challenge,
    Declined,
    NotSent,
    OperationKind,
    Retry,
    Unknown,
)
from payseal.ledger import capture
from payseal.links import Link, Place, place_id, unpaid_place
from payseal.risk import bar_card, count_decline
from payseal.transactions.led import lead
from payseal.transactions.reversal import Reversal, ReversalStatus, reversal_id, reversal_of
from payseal.transactions.status import TransactionStatus
from payseal.transactions.transaction import Transaction

_S = TransactionStatus
_APPROVED = (_S.CAPTURED, _S.AUTHORIZED, _S.VOIDED)  # what was voided had been authorized


async def settle(
    store: Store, txn_id: str, answer: Asked, *, of: str | None = None, at: datetime
) -> Transaction:
    """Book the answer. Who lost a race decides again on what is there now: run by `deciding`.

    `of`: the operation that it is about. When another one has followed (at the next issuer, after
    a challenge), that one's answer counts.
    """
    txn = await store.get(Transaction, txn_id)
    assert txn is not None, "an answer belongs to a transaction"
    if of not in (None, txn.operation.id):
        return txn
    match answer:
        case Approved():
            return await _approve(store, txn, answer, at)
        case Declined():
            return await _decline(store, txn, answer, at)
        case NotSent():
            return await _fail(store, txn, answer, at)
        case Unknown():
            return await _lose_sight(store, txn, answer, at)
        case Challenge():
            return await _lead_away(store, txn, answer, at)
        case _:
            assert_never(answer)


async def _approve(store: Store, txn: Transaction, answer: Approved, at: datetime) -> Transaction:
    if txn.status in _APPROVED:
        return txn  # somebody was faster with the same answer
    if txn.reversals or txn.is_final:
        return await _compensate(store, txn, at, charged=True)
    if txn.operation.kind is OperationKind.AUTHORIZE:
        return await _authorize(store, txn, answer, at)
    txn = txn.capture(answer.approval_code)
    entry = capture(txn.id, txn.operation.id, txn.issuer, txn.captured, txn.fee, at=at)
    await store.commit(
        Update(txn),
        *await pay_place(store, txn, at),
        Insert(entry),
        Insert(happened("transaction.captured", txn, at)),
    )
    return txn


async def _authorize(store: Store, txn: Transaction, answer: Approved, at: datetime) -> Transaction:
    """The issuer holds it; the place stays taken, and the link shows it if it has one only."""
    txn = txn.authorize(answer.approval_code, at)
    changes: list[Change] = [Update(txn)]
    link = await store.get(Link, txn.link)
    assert link is not None, "a transaction belongs to a link"
    if link.max_payments == 1:
        link = link.authorize()
        changes += [Update(link), Insert(happened("link.authorized", link, at))]
    await store.commit(*changes, Insert(happened("transaction.authorized", txn, at)))
    return txn


async def _compensate(
    store: Store, txn: Transaction, at: datetime, *, charged: bool
) -> Transaction:
    """What came too late to be kept: see that the issuer gives the money back."""
    reversal = await store.get(Reversal, reversal_id(txn)) if txn.reversals else None
    if reversal is not None and reversal.status is ReversalStatus.PENDING:
        again = reversal.expect_charge(at) if charged else reversal.start_over(at)
        await store.commit(Update(again))
        return txn
    txn = txn.compensate()
    reversal = reversal_of(txn, charged=charged, at=at)
    await store.commit(
        Update(txn), Insert(reversal), Insert(happened("reversal.started", reversal, at))
    )
    return txn


async def _decline(store: Store, txn: Transaction, answer: Declined, at: datetime) -> Transaction:
    if txn.status in _APPROVED:
        return txn  # somebody was faster with another answer
    if txn.reversals or txn.is_final:
        if not answer.held or txn.reason == answer.reason:
            return txn
        return await _compensate(store, txn, at, charged=True)
    txn = txn.decline(answer.reason, answer.code, held=answer.held)
    changes: list[Change] = [Update(txn), *await free_place_of(store, txn)]
    if txn.retry is Retry.NEVER:
        changes += await bar_card(store, txn.link, txn.fingerprint, at=at)
    if answer.held:
        reversal = reversal_of(txn, charged=True, at=at)
        changes += [Insert(reversal), Insert(happened("reversal.started", reversal, at))]
    await store.commit(
        *changes,
        await count_decline(store, txn.link, txn.payer, at=at),
        Insert(happened("transaction.declined", txn, at)),
    )
    return txn


async def _fail(store: Store, txn: Transaction, answer: NotSent, at: datetime) -> Transaction:
    if txn.status is not _S.STARTED:
        return txn
    if refused := next((tried for tried in reversed(txn.tried) if tried.code), None):
        return await _decline(store, txn, Declined(refused.code, refused.reason), at)
    txn = txn.fail(answer.reason)
    await store.commit(
        Update(txn),
        *await free_place_of(store, txn),
        Insert(happened("transaction.failed", txn, at)),
    )
    return txn


async def _lose_sight(store: Store, txn: Transaction, answer: Unknown, at: datetime) -> Transaction:
    if txn.reversals:
        # It was undone before we knew that it had left: a process that was stopped in between.
        return await _compensate(store, txn, at, charged=False)
    if txn.status is not _S.STARTED:
        return txn
    txn = txn.lose_sight(answer.reason)
    await store.commit(Update(txn), Insert(happened("transaction.unknown", txn, at)))
    return txn


async def _lead_away(
    store: Store, txn: Transaction, challenge: Challenge, at: datetime
) -> Transaction:
    """Until the payer is back, or their time has passed, it keeps its place."""
    if txn.status is not _S.STARTED or txn.reversals:
        return txn
    changes: list[Change] = []
    if txn.fingerprint:  # where we see no card, they are told apart by their cookie only
        led = await lead(store, txn, challenge)
        if led is None:
            return await _decline(store, txn, Declined("", "challenge_open"), at)
        changes.append(led)
    txn = txn.lead_away(challenge)
    changes.append(Insert(happened("transaction.challenged", txn, at)))
    await store.commit(Update(txn), *changes)
    return txn


async def free_place_of(store: Store, txn: Transaction) -> list[Change]:
    """Give back the place that the transaction holds."""
    return [Delete(place) for place in await _held(store, txn)]


async def pay_place(store: Store, txn: Transaction, at: datetime) -> list[Change]:
    """Mark the place as paid, and the link with the last one."""
    changes: list[Change] = []
    for place in await _held(store, txn):
        link = await store.get(Link, txn.link)
        assert link is not None, "a place belongs to a link"
        changes.append(Update(place.pay()))
        unpaid = await unpaid_place(store, link, beside=place)
        if unpaid is not None:
            changes.append(Check(unpaid))
        else:
            link = link.pay()
            changes += [Update(link), Insert(happened("link.paid", link, at))]
    return changes


async def _held(store: Store, txn: Transaction) -> list[Place]:
    """The place that an open transaction holds; `Stale` if the transaction has moved since."""
    if txn.place is None:
        return []
    place = await store.get(Place, place_id(txn.link, txn.place))
    if place is None or place.transaction != txn.id:
        raise Stale(Update(txn))  # two reads are no snapshot: somebody committed between them
    return [place]
