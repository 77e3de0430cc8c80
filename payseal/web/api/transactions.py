"""/api/transactions: the attempts to pay, and what happened to each."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import structs

from payseal import accounts, transactions
from payseal.core.event import Event
from payseal.core.ids import Mode, mode_of
from payseal.core.money import Money
from payseal.issuers import Retry
from payseal.transactions import Refund, Transaction, TransactionStatus, Tried, refunds
from payseal.web.api.lists import Listing, SpanWanted, listing
from payseal.web.api.payments import Realm
from payseal.web.api.refunds import RefundView, refund_view
from payseal.web.auth import Caller
from payseal.web.body import Moment


class CardView(msgspec.Struct, frozen=True, rename="camel"):
    """All that is kept of a card."""

    brand: str
    last4: str


class TryView(msgspec.Struct, frozen=True, rename="camel"):
    """An issuer that was asked; `reason` says why the next one was, or why nothing came of it."""

    issuer: str
    reference: str
    at: Moment
    reason: str | None
    code: str | None


class TransactionView(msgspec.Struct, frozen=True, rename="camel"):
    """An attempt to pay; `reason` is given where it, or its capture or void, came to nothing.

    Where the issuer declined, `code` is its own code, and `retry` says whether the card's scheme
    allows another try: never, later, with corrected details, or authenticated. `tries` are the
    issuers that were asked in this attempt: the last of them is its `issuer`.

    While it is authorized, `closing` is the capture or void that is under way, and `endsAt` is
    when we capture or void it ourselves. `fee` is what the issuer keeps of what was captured.
    """

    id: str
    payment: str
    status: TransactionStatus
    mode: Mode
    amount: str
    captured: str
    fee: str
    refunded: str
    disputed: str
    over_recovered: str
    currency: str
    realm: str
    issuer: str
    reference: str
    card: CardView
    name: str | None
    email: str | None
    reason: str | None
    code: str | None
    retry: Retry | None
    tries: list[TryView]
    closing: str | None
    ends_at: Moment | None
    created_at: Moment


class EventView(msgspec.Struct, frozen=True, rename="camel"):
    """Something that happened to it, and what was so then."""

    type: str
    at: Moment
    data: dict[str, Any]  # JSON, as the feature made it at the commit


class TransactionLog(TransactionView, frozen=True, rename="camel"):
    """An attempt to pay with its first 200 refunds, and all that happened to it, in order."""

    refunds: list[RefundView]
    events: list[EventView]


PaymentId = Annotated[str, msgspec.Meta(min_length=1, description="Those of this payment only")]


class TransactionsWanted(SpanWanted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which transactions; `payment`: those of one payment."""

    payment: PaymentId | None = None
    realm: Realm | None = None
    status: TransactionStatus | None = None


def transaction_view(txn: Transaction) -> TransactionView:
    """The attempt, with nothing of its card but the brand and the last four digits."""
    return TransactionView(
        id=txn.id,
        payment=txn.link,
        status=txn.status,
        mode=mode_of(txn.id),
        amount=str(txn.amount),
        captured=str(txn.captured),
        fee=str(txn.fee),
        refunded=str(Money(txn.refunded, txn.amount.currency)),
        disputed=str(Money(txn.disputed, txn.amount.currency)),
        over_recovered=str(txn.over_recovered),
        currency=txn.amount.currency.value,
        realm=txn.realm,
        issuer=txn.issuer,
        reference=txn.operation.reference,
        card=CardView(txn.brand, txn.last4),
        name=txn.name or None,
        email=txn.email or None,
        reason=txn.reason or None,
        code=txn.code or None,
        retry=txn.retry,
        tries=_tries(txn),
        closing=txn.closing.kind.value if txn.closing and txn.look_at else None,
        ends_at=txn.ends_at,
        created_at=txn.created_at,
    )


def _tries(txn: Transaction) -> list[TryView]:
    last = Tried(txn.issuer, txn.operation.reference, txn.operation.asked_at, txn.reason, txn.code)
    return [
        TryView(tried.issuer, tried.reference, tried.at, tried.reason or None, tried.code or None)
        for tried in (*txn.tried, last)
    ]


def log_view(txn: Transaction, events: list[Event], given_back: list[Refund]) -> TransactionLog:
    """The attempt with its log."""
    return TransactionLog(
        **structs.asdict(transaction_view(txn)),
        refunds=[refund_view(refund) for refund in given_back],
        events=[EventView(event.type, event.at, event.data) for event in events],
    )


@get("/api/transactions")
async def list_transactions(
    wanted: NamedDependency[TransactionsWanted], caller: NamedDependency[Caller]
) -> Listing[TransactionView]:
    """List transactions, the newest first."""
    start, end = wanted.span()
    shards = await accounts.shards_of(caller.accounts, caller.account)
    page = await transactions.history(
        caller.payments,
        caller.account,
        caller.mode,
        shards=shards,
        payment=wanted.payment,
        realm=wanted.realm,
        status=wanted.status,
        start=start,
        end=end,
        limit=wanted.limit,
        after=wanted.after,
    )
    return listing(page, transaction_view)


@get("/api/transactions/{transaction_id:str}")
async def get_transaction(
    transaction_id: FromPath[str], caller: NamedDependency[Caller]
) -> TransactionLog:
    """Show a transaction, and everything that happened to it."""
    store = caller.payments
    txn = await transactions.get(store, caller.account, caller.mode, transaction_id)
    given_back = await refunds.of_transaction(store, txn.id)
    return log_view(txn, await transactions.log(store, txn.id), given_back.records)
