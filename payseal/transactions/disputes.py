"""What can be done with disputes: open, win, lose, accept, get, list."""

from __future__ import annotations

from datetime import datetime

from payseal.core.errors import Missing
from payseal.core.event import happened
from payseal.core.history import newest
from payseal.core.ids import AccountId, Mode, homes, is_theirs
from payseal.core.store import PAGE_MAX, Change, Insert, Page, Store, Update
from payseal.ledger import Movement, charge_back, give_again
from payseal.transactions.dispute import Dispute, DisputeStatus, dispute_id
from payseal.transactions.naming import Named, operation_of
from payseal.transactions.reference import Reference, reference_id
from payseal.transactions.refund import Refund, RefundStatus
from payseal.transactions.transaction import Transaction

_S = DisputeStatus
_COUNTED = (RefundStatus.STARTED, RefundStatus.UNKNOWN, RefundStatus.SUCCEEDED)


async def opened(
    store: Store, group: Named, line: Movement, day: str, at: datetime
) -> tuple[Dispute | None, list[Change]]:
    """The dispute that a chargeback of a known charge makes, and its changes; none of another.

    `day`: of the settlement file that has it; empty, where none has yet.
    """
    charge = await operation_of(store, group.original)
    txn = await store.get(Transaction, charge.transaction) if charge is not None else None
    if txn is None or txn.amount.currency is not line.gross.currency:
        return None, []
    disputed = txn.dispute(line.gross)
    over = disputed.over_recovered
    dispute = Dispute(
        id=dispute_id(group.partition, line.booked_at, group.issuer, group.reference),
        status=_S.CONTESTED if over.minor else _S.OPEN,
        transaction=txn.id,
        payment=txn.link,
        realm=txn.realm,
        issuer=group.issuer,
        reference=group.reference,
        amount=line.gross,
        over_recovered=over,
        evidence=await _given_back(store, txn) if over.minor else (),
    )
    name = reference_id(group.issuer, line.merchant, group.reference)
    told = "dispute.contested" if over.minor else "dispute.opened"
    return dispute, [
        Update(disputed),
        Insert(dispute),
        Insert(Reference(id=name, operation=dispute.id)),
        Insert(charge_back(txn.id, dispute.id, group.issuer, line.gross, day, at=at)),
        Insert(happened(told, dispute, at)),
    ]


async def won(store: Store, id: str, day: str, at: datetime) -> list[Change]:
    """What the issuer gives again goes back where it was; once."""
    dispute = await _known(store, id)
    if dispute.status is _S.WON:
        return []
    txn = await store.get(Transaction, dispute.transaction)
    assert txn is not None, "a dispute belongs to a transaction"
    dispute = dispute.win()
    entry = give_again(txn.id, dispute.id, dispute.issuer, dispute.amount, day, at=at)
    return [
        Update(txn.dispute(-dispute.amount)),
        Update(dispute),
        Insert(entry),
        Insert(happened("dispute.won", dispute, at)),
    ]


async def lose(store: Store, id: str, *, at: datetime) -> None:
    """The issuer has decided for the payer; what was ended before stays. Run by `deciding`."""
    dispute = await _known(store, id)
    if dispute.is_undecided:
        dispute = dispute.lose()
        await store.commit(Update(dispute), Insert(happened("dispute.lost", dispute, at)))


async def accept(store: Store, account: AccountId, mode: Mode, id: str, *, at: datetime) -> Dispute:
    """The merchant gives in, once. `NotAllowed` for one that is decided. Run by `deciding`."""
    dispute = await get(store, account, mode, id)
    if dispute.status is not _S.ACCEPTED:
        dispute = dispute.accept()
        await store.commit(Update(dispute), Insert(happened("dispute.accepted", dispute, at)))
    return dispute


async def get(store: Store, account: AccountId, mode: Mode, id: str) -> Dispute:
    """The account's dispute; `Missing` when it is another account's, or of the other mode."""
    if is_theirs(id, Dispute.prefix, account, mode):
        dispute = await store.get(Dispute, id)
        if dispute is not None:
            return dispute
    raise Missing("You have no dispute with that id.", dispute=id)


async def history(
    store: Store,
    account: AccountId,
    mode: Mode,
    *,
    shards: int = 1,
    status: DisputeStatus | None = None,
    limit: int = PAGE_MAX,
    after: str | None = None,
) -> Page[Dispute]:
    """The account's disputes, the latest first."""
    wanted = None if status is None else lambda each: each.status is status
    where = homes(account, mode, shards)
    return await newest(store, Dispute, where, wanted, after=after, limit=limit)


async def _known(store: Store, id: str) -> Dispute:
    dispute = await store.get(Dispute, id)
    assert dispute is not None, "a dispute that is named is there"
    return dispute


async def _given_back(store: Store, txn: Transaction) -> tuple[str, ...]:
    """The first of its refunds that are done or under way."""
    page = await store.page(Refund, txn.partition, of=txn.id)
    return tuple(refund.id for refund in page.records if refund.status in _COUNTED)
