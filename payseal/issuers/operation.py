"""Operation: one call to an issuer, written down before it is made."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from payseal.core.money import Money

# So long a call may take: the sender looks at `call_until` once more just before the first byte.
CALL_WITHIN = timedelta(seconds=30)
# After call_until nothing more is sent; this long an answer may still be on its way.
RESOLVE_MARGIN = timedelta(seconds=15)


class OperationKind(StrEnum):
    """What is asked of the issuer."""

    PURCHASE = "purchase"
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class Original(msgspec.Struct, frozen=True):
    """The operation that another one captures or takes back, as the issuer knows it."""

    kind: OperationKind
    reference: str
    asked_at: datetime
    approval_code: str


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call: its id is its key for its whole life, its reference goes on the wire."""

    id: str
    kind: OperationKind
    reference: str  # what the issuer knows it by; the connector's `reference(id)`
    merchant: str  # whom the issuer pays
    amount: Money
    asked_at: datetime
    call_until: datetime
    original: Original | None = None  # of a capture, a void, a refund

    def named(self, approval_code: str) -> Original:
        """Itself, approved, as what follows it names it."""
        return Original(self.kind, self.reference, self.asked_at, approval_code)

    def again(self, at: datetime) -> Operation:
        """The same call, sent once more: by a new time, under the same reference."""
        return Operation(
            id=self.id,
            kind=self.kind,
            reference=self.reference,
            merchant=self.merchant,
            amount=self.amount,
            asked_at=self.asked_at,
            call_until=at + CALL_WITHIN,
            original=self.original,
        )
