"""What ends an authorization: a capture or a void, asked for, settled, resolved, or by itself."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from payseal.core.errors import NotAllowed
from payseal.core.event import happened
from payseal.core.money import Money
from payseal.core.store import Busy, Change, Insert, Store, Update, committed, deciding
from payseal.issuers import (
    Answer,
    Approved,
    Clock,
    Declined,
    Issuers,
    NotSent,
    Operation,
    OperationKind,
    Unknown,
)
from payseal.ledger import capture
from payseal.links import AtEnd, Link, LinkStatus
from payseal.transactions.following import found_out
from payseal.transactions.looks import HOLD
from payseal.transactions.reference import new_operation
from payseal.transactions.service import NoIssuer
from payseal.transactions.settlement import free_place_of, pay_place
from payseal.transactions.status import TransactionStatus
from payseal.transactions.transaction import Transaction


async def start(
    store: Store,
    issuers: Issuers,
    txn_id: str,
    kind: OperationKind,
    amount: str | None = None,
    *,
    at: datetime,
) -> Transaction:
    """Commit 1: that we are about to ask for its capture, of all or of `amount`, or for its void.

    Raises `NotAllowed`, `InvalidAmount`, `CaptureTooLarge`, `NoIssuer`.
    """
    txn = await store.get(Transaction, txn_id)
    assert txn is not None, "what is closed was seen"
    money = txn.amount if amount is None else Money.parse(amount, txn.amount.currency)
    issuer = issuers.get(txn.issuer)
    if issuer is None:
        raise NoIssuer("Please try again later.", issuer=txn.issuer)
    operation, reference = await new_operation(
        store, issuer, kind, txn.id, money, original=txn.original, at=at
    )
    txn = txn.close(operation)
    await store.commit(Update(txn), Insert(reference))
    return txn


async def send(
    store: Store, issuers: Issuers, txn: Transaction, *, now: Clock
) -> tuple[Transaction, Answer]:
    """Ask for what was just started, and book the answer; both."""
    assert txn.closing is not None, "it was started"
    answer = await issuers[txn.issuer].follow(txn.closing, now, repeat=False)
    try:
        return await deciding(settle, store, txn, answer, at=now()), answer
    except Busy:  # others change the same link: the resolver books it
        return txn, Unknown("busy")


async def settle(store: Store, asked: Transaction, answer: Answer, *, at: datetime) -> Transaction:
    """Commit 2: what the answer makes of it. Run by `deciding`."""
    txn = await store.get(Transaction, asked.id)
    assert txn is not None, "an answer belongs to a transaction"
    closing = txn.closing
    assert asked.closing is not None, "it was asked for"
    if (
        txn.status is not TransactionStatus.AUTHORIZED
        or closing is None
        or closing.id != asked.closing.id
    ):
        return txn  # somebody was faster
    changes: list[Change]
    match answer:
        case Approved() if closing.kind is OperationKind.CAPTURE:
            txn = txn.capture(answer.approval_code)
            entry = capture(txn.id, closing.id, txn.issuer, txn.captured, txn.fee, at=at)
            changes = [*await pay_place(store, txn, at), Insert(entry)]
            changes.append(Insert(happened("transaction.captured", txn, at)))
        case Approved():
            txn = txn.void()
            changes = [*await free_place_of(store, txn), *await _set_free(store, txn, at)]
            changes.append(Insert(happened("transaction.voided", txn, at)))
        case Declined():
            txn = txn.stay_open(answer.reason, at, refused=True)
            changes = [Insert(happened(f"transaction.{closing.kind.value}_declined", txn, at))]
        case NotSent() if txn == asked:  # nobody has asked in between
            txn, changes = txn.stay_open(answer.reason, at, refused=False), []
        case NotSent() | Unknown():  # it may have arrived: the resolver goes on
            return txn
        case _:
            assert_never(answer)
    await store.commit(Update(txn), *changes)
    return txn


async def resolve(store: Store, issuers: Issuers, txn: Transaction, *, now: Clock) -> None:
    """Find out what became of a capture or void, or end an authorization whose time has come."""
    if txn.look_at is None:
        await _end(store, issuers, txn, now)
        return
    held = txn.hold(now() + HOLD)
    if not await committed(store, Update(held)):
        return
    assert held.closing is not None, "it is asked about"

    async def again() -> Operation | None:
        nonlocal held
        held = held.close_again(now())
        return held.closing if await committed(store, Update(held)) else None

    answer = await found_out(issuers.get(held.issuer), held.closing, again, now)
    if isinstance(answer, Approved | Declined):
        await deciding(settle, store, held, answer, at=now())
    else:
        await committed(store, Update(held.close_later(now())))


async def _end(store: Store, issuers: Issuers, txn: Transaction, now: Clock) -> None:
    """Say that it ends, and a day later end it as its link says."""
    if not txn.warned:
        warned = txn.warn()
        ending = happened("transaction.ending", warned, now())
        await committed(store, Update(warned), Insert(ending))
        return
    kind = OperationKind.CAPTURE if txn.at_end is AtEnd.CAPTURE else OperationKind.VOID
    try:
        started = await deciding(start, store, issuers, txn.id, kind, at=now())
    except NoIssuer:
        await committed(store, Update(txn.end_later(now())))
        return
    except NotAllowed:  # the merchant was faster
        return
    await send(store, issuers, started, now=now)


async def _set_free(store: Store, txn: Transaction, at: datetime) -> list[Change]:
    """Its link is again as it was before."""
    link = await store.get(Link, txn.link)
    assert link is not None, "a transaction belongs to a link"
    if link.status is not LinkStatus.AUTHORIZED:
        return []
    link = link.set_free(at)
    told = "reopened" if link.status is LinkStatus.OPEN else link.status.value
    return [Update(link), Insert(happened(f"link.{told}", link, at))]
