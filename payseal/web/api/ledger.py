"""/api/balance and /api/ledger: what is owed, and the entries that say why."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency

from payseal import accounts, ledger
from payseal.core.ids import Mode, mode_of
from payseal.ledger import Entry, Line, Total
from payseal.web.api.lists import Listing, SpanWanted, listing
from payseal.web.auth import Caller
from payseal.web.body import Moment


class TotalView(msgspec.Struct, frozen=True, rename="camel"):
    """One ledger account in one currency; `balance` is its debits without its credits."""

    account: str
    currency: str
    balance: str
    debits: str
    credits: str


class BalanceView(msgspec.Struct, frozen=True, rename="camel"):
    """All balances: `clearing:ISSUER`, above zero, is owed to us; of it `fees:ISSUER` are kept.

    `payable`, below zero, is owed by us, less what went back to payers: `refunds` and `disputes`.
    """

    mode: Mode
    balances: list[TotalView]


class LineView(msgspec.Struct, frozen=True, rename="camel"):
    """One side of an entry: a debit above zero, a credit below."""

    account: str
    amount: str
    currency: str


class EntryView(msgspec.Struct, frozen=True, rename="camel"):
    """Money that moved: the lines add up to nothing in each currency."""

    id: str
    transaction: str
    operation: str
    mode: Mode
    at: Moment
    lines: list[LineView]


TransactionId = Annotated[str, msgspec.Meta(min_length=1, description="Those of this one only")]


class EntriesWanted(SpanWanted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries; `transaction`: those of one transaction and its refunds."""

    transaction: TransactionId | None = None


def total_view(total: Total) -> TotalView:
    """The balance, with what it is made of."""
    return TotalView(
        account=total.account,
        currency=total.debits.currency.value,
        balance=str(total.balance),
        debits=str(total.debits),
        credits=str(total.credits),
    )


def line_view(line: Line) -> LineView:
    """The line, its amount with a sign."""
    return LineView(line.account, str(line.amount), line.amount.currency.value)


def entry_view(entry: Entry) -> EntryView:
    """The entry as it was booked."""
    return EntryView(
        id=entry.id,
        transaction=entry.transaction,
        operation=entry.operation,
        mode=mode_of(entry.id),
        at=entry.at,
        lines=[line_view(line) for line in entry.lines],
    )


@get("/api/balance")
async def get_balance(caller: NamedDependency[Caller]) -> BalanceView:
    """Show the balances of the ledger; what was booked a moment ago may not be counted yet."""
    shards = await accounts.shards_of(caller.accounts, caller.account)
    totals = await ledger.balances(caller.payments, caller.account, caller.mode, shards=shards)
    return BalanceView(caller.mode, [total_view(total) for total in totals])


@get("/api/ledger")
async def list_entries(
    wanted: NamedDependency[EntriesWanted], caller: NamedDependency[Caller]
) -> Listing[EntryView]:
    """List the ledger's entries, the latest begun operation first."""
    start, end = wanted.span()
    shards = await accounts.shards_of(caller.accounts, caller.account)
    page = await ledger.entries(
        caller.payments,
        caller.account,
        caller.mode,
        shards=shards,
        transaction=wanted.transaction,
        start=start,
        end=end,
        limit=wanted.limit,
        after=wanted.after,
    )
    return listing(page, entry_view)
