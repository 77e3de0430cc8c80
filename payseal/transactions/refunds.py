"""What can be done with refunds: start, send, settle, resolve, get, list."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from payseal.core.errors import Invalid, Missing
from payseal.core.event import happened
from payseal.core.ids import AccountId, Mint, Mode, is_theirs, partition_of
from payseal.core.money import Money
from payseal.core.store import (
    PAGE_MAX,
    Busy,
    Change,
    Insert,
    Page,
    Store,
    Update,
    committed,
    deciding,
)
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
from payseal.ledger import give_back
from payseal.transactions.following import found_out
from payseal.transactions.looks import HOLD
from payseal.transactions.reference import new_operation
from payseal.transactions.refund import REASON_MAX, Refund, RefundStatus, refund_of
from payseal.transactions.service import NoIssuer
from payseal.transactions.transaction import Transaction


class InvalidRefund(Invalid):
    """The reason is too long."""

    code, title = "invalid_refund", "The refund cannot be started like this."


async def start(
    store: Store,
    issuers: Issuers,
    mint: Mint,
    txn_id: str,
    amount: str | None,
    reason: str,
    *,
    at: datetime,
) -> Refund:
    """Commit 1: that we are about to ask, and what this reserves; None: all that is left.

    Raises `InvalidRefund`, `InvalidAmount`, `NotRefundable`, `RefundTooLarge`, `NoIssuer`.
    """
    if len(reason) > REASON_MAX:
        raise InvalidRefund(f"The reason has at most {REASON_MAX} characters.", field="reason")
    txn = await store.get(Transaction, txn_id)
    assert txn is not None, "a refund is of a transaction that was seen"
    money = txn.refundable if amount is None else Money.parse(amount, txn.amount.currency)
    reserved, issuer = txn.reserve(money), issuers.get(txn.issuer)
    if issuer is None:
        raise NoIssuer("Please try again later.", issuer=txn.issuer)
    id = mint.id(Refund.prefix, partition_of(txn.id), at)
    operation, reference = await new_operation(
        store, issuer, OperationKind.REFUND, id, money, original=txn.original, at=at
    )
    refund = refund_of(txn, id, operation, reason)
    started = happened("refund.started", refund, at)
    await store.commit(Update(reserved), Insert(refund), Insert(reference), Insert(started))
    return refund


async def send(store: Store, issuers: Issuers, refund: Refund, *, now: Clock) -> Refund:
    """Ask for a refund that was just started, and book the answer."""
    answer = await issuers[refund.issuer].follow(refund.operation, now, repeat=False)
    try:
        return await deciding(settle, store, refund.id, answer, at=now())
    except Busy:  # many others refund the same payment: the resolver books it
        return refund


async def settle(store: Store, refund_id: str, answer: Answer, *, at: datetime) -> Refund:
    """Commit 2: what the answer makes of it. Run by `deciding`."""
    refund = await store.get(Refund, refund_id)
    assert refund is not None, "an answer belongs to a refund"
    if refund.is_final:
        return refund  # somebody was faster
    txn = await store.get(Transaction, refund.transaction)
    assert txn is not None, "a refund belongs to a transaction"
    changes: list[Change] = []
    match answer:
        case Approved():
            refund, txn = refund.succeed(answer.approval_code), txn.give_back(refund.amount)
            entry = give_back(txn.id, refund.operation.id, refund.issuer, refund.amount, at=at)
            changes = [Update(txn), Insert(entry)]
        case Declined():
            refund, txn = refund.decline(answer.reason), txn.release(refund.amount)
            changes = [Update(txn)]
        case NotSent() if refund.status is RefundStatus.STARTED:
            refund, txn = refund.fail(answer.reason), txn.release(refund.amount)
            changes = [Update(txn)]
        case Unknown() if refund.status is RefundStatus.STARTED:
            refund = refund.lose_sight(answer.reason)
        case NotSent() | Unknown():  # an earlier sending may have arrived: the resolver goes on
            return refund
        case _:
            assert_never(answer)
    told = happened(f"refund.{refund.status.value}", refund, at)
    await store.commit(Update(refund), *changes, Insert(told))
    return refund


async def resolve(store: Store, issuers: Issuers, refund_id: str, *, now: Clock) -> None:
    """Find out what became of a refund whose moment has come; it is never reversed.

    What the issuer's book does not have is sent again under the same reference. Of several workers
    one asks: it holds the refund meanwhile.
    """
    refund = await store.get(Refund, refund_id)
    if refund is None or refund.due is None or now() < refund.due:
        return
    held = refund.hold(now() + HOLD)
    told = [] if refund.status is held.status else [Insert(happened("refund.unknown", held, now()))]
    if not await committed(store, Update(held), *told):
        return

    async def again() -> Operation | None:
        nonlocal held
        held = held.send_again(now())
        return held.operation if await committed(store, Update(held)) else None

    answer = await found_out(issuers.get(held.issuer), held.operation, again, now)
    if isinstance(answer, Approved | Declined):
        await deciding(settle, store, held.id, answer, at=now())
    else:
        await committed(store, Update(held.look_later(now())))


async def get(store: Store, account: AccountId, mode: Mode, refund_id: str) -> Refund:
    """The account's refund; `Missing` when it is another account's, or of the other mode."""
    if is_theirs(refund_id, Refund.prefix, account, mode):
        refund = await store.get(Refund, refund_id)
        if refund is not None:
            return refund
    raise Missing("You have no refund with that id.", refund=refund_id)


async def of_transaction(
    store: Store, txn_id: str, *, limit: int = PAGE_MAX, after: str | None = None
) -> Page[Refund]:
    """Its refunds, the oldest first; whether it is theirs, `transactions.get` has said before."""
    return await store.page(Refund, partition_of(txn_id), of=txn_id, limit=limit, after=after)
