"""Naming: which of our operations the lines of a settlement file are about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from payseal.core.ids import (
    ACCOUNT_CHARS,
    AccountId,
    Mode,
    Partition,
    home,
    is_base32,
    is_id,
    made_at,
    mode_of,
    partition_of,
)
from payseal.core.store import Store
from payseal.ledger import Entry, InvalidStatement, Movement, entry_id
from payseal.transactions.dispute import Dispute
from payseal.transactions.reference import Reference, reference_id
from payseal.transactions.refund import Refund
from payseal.transactions.transaction import Transaction


class Named(msgspec.Struct, frozen=True):
    """The lines of one reference; `operation` and `original` are empty where we know none."""

    issuer: str
    lines: Sequence[Movement]
    operation: str
    original: str  # the operation that they follow
    partition: Partition

    @property
    def reference(self) -> str:
        """What the issuer calls it."""
        return self.lines[0].reference

    @property
    def known(self) -> str:
        """What it is told apart by."""
        return self.operation or self.reference

    @property
    def moment(self) -> datetime:
        """When it was begun; where we do not know it, when it was booked."""
        return made_at(self.operation) if self.operation else self.lines[0].booked_at

    def known_as(self, operation: str, lines: Sequence[Movement] | None = None) -> Named:
        """These lines, or some of them, as those of that operation."""
        kept = self.lines if lines is None else lines
        return Named(self.issuer, kept, operation, self.original, self.partition)


async def named(store: Store, issuer: str, groups: Sequence[Sequence[Movement]]) -> list[Named]:
    """Each with its operation; `InvalidStatement` where a merchant is none of ours."""
    first = [lines[0] for lines in groups]
    names = [(line.merchant, name) for line in first for name in (line.reference, line.original)]
    ids = [reference_id(issuer, merchant, name) for merchant, name in names]
    found = [each.operation if each else "" for each in await store.get_many(Reference, ids)]
    both = list(zip(found[::2], found[1::2], strict=True))
    mode = next((mode_of(known) for pair in both for known in pair if known), Mode.LIVE)
    return [
        Named(issuer, lines, own, original, _home(line, own or original, mode))
        for line, lines, (own, original) in zip(first, groups, both, strict=True)
    ]


def _home(line: Movement, known: str, mode: Mode) -> Partition:
    """Where it belongs; what nobody knows goes where the file's other lines are."""
    if known:
        return partition_of(known)
    account = line.merchant.lower()
    if len(account) != ACCOUNT_CHARS or not is_base32(account):
        raise InvalidStatement(f"The merchant {line.merchant} is none of ours.")
    return home(AccountId(account), mode)


async def operation_of(store: Store, known: str) -> Entry | None:
    """What was booked by an operation."""
    return await store.get(Entry, entry_id(known)) if known else None


async def wire_name(store: Store, entry: Entry) -> str:
    """What the issuer calls the operation of an entry."""
    dispute = entry.operation.partition(".")[0]  # that it opens or gives again
    if is_id(dispute, Dispute.prefix):
        found = await store.get(Dispute, dispute)
        return found.reference if found else ""
    txn = await store.get(Transaction, entry.transaction)
    assert txn is not None, "an entry belongs to a transaction"
    operations = [txn.operation, *([txn.closing] if txn.closing else [])]
    after = None
    while not any(operation.id == entry.operation for operation in operations):
        page = await store.page(Refund, txn.partition, of=txn.id, after=after)
        operations, after = [refund.operation for refund in page.records], page.after
        if after is None:
            break
    return next((each.reference for each in operations if each.id == entry.operation), "")
