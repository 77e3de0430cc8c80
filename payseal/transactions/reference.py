"""Reference: a wire reference in use, and the operation that is called by it."""

from __future__ import annotations

from datetime import datetime

from payseal.core.ids import account_of, derive, made_at, partition_of, value_id
from payseal.core.money import Money
from payseal.core.record import Record
from payseal.core.store import Store
from payseal.issuers import CALL_WITHIN, Issuer, Operation, OperationKind, Original

MINTS_MAX = 100  # of an operation's id, until its wire reference is free


class Reference(Record, frozen=True, kw_only=True):
    """A wire reference in use: an issuer's book knows an operation by nothing else."""

    prefix, table = "ref", "wire_references"

    operation: str


def reference_id(issuer: str, merchant: str, wire: str) -> str:
    """Where it is kept what a wire reference names."""
    return value_id(Reference.prefix, issuer, merchant, wire)


async def new_operation(
    store: Store,
    issuer: Issuer,
    kind: OperationKind,
    owner: str,
    amount: Money,
    *,
    original: Original | None = None,
    at: datetime,
) -> tuple[Operation, Reference]:
    """The call that will be made for `owner`, under a reference that no other operation has."""
    merchant = account_of(owner).upper()
    for number in range(MINTS_MAX):
        id = derive("opn", partition_of(owner), made_at(owner), owner, issuer.name, str(number))
        wire = issuer.reference(id)
        reference = Reference(id=reference_id(issuer.name, merchant, wire), operation=id)
        if await store.get(Reference, reference.id) is None:
            break
    else:
        raise AssertionError(f"{issuer.name} has the same reference for every operation")
    operation = Operation(
        id=id,
        kind=kind,
        reference=wire,
        merchant=merchant,
        amount=amount,
        asked_at=at,
        call_until=at + CALL_WITHIN,
        original=original,
    )
    return operation, reference
