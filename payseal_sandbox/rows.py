"""What the book holds, as values."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec


class BookingKind(StrEnum):
    """What was booked."""

    PURCHASE = "purchase"
    AUTHORIZATION = "authorization"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    CHARGEBACK = "chargeback"


# An authorization keeps money free for its capture, and a void lets go of it: none is paid.
PAID: Final = (
    BookingKind.PURCHASE,
    BookingKind.CAPTURE,
    BookingKind.REFUND,
    BookingKind.CHARGEBACK,
)


class Status(StrEnum):
    """Of a booking: approved ones may become reversed, nothing else moves."""

    APPROVED = "approved"
    DECLINED = "declined"
    REVERSED = "reversed"


class Outcome(StrEnum):
    """Of a reversal, at the moment it came."""

    REVERSED = "reversed"
    NOTHING_TO_REVERSE = "nothingToReverse"
    REMEMBERED = "remembered"


class Booking(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One judged operation; amounts in minor units, times in RFC 3339."""

    sequence: int
    kind: BookingKind
    reference: str
    merchant: str
    terminal: str
    original: str | None  # what is captured, voided or refunded; its merchant is the same
    amount: int  # of a partial approval: what was approved
    asked: int  # what the request wanted
    currency: str
    brand: str
    last_four: str
    fingerprint: str
    status: Status
    response_code: str
    approval_code: str | None
    booked_at: str
    reversed_at: str | None
    eci: str | None = None  # of a charge that says how its holder was asked
    ds_transaction: str | None = None
    lost_at: str | None = None  # of a chargeback: the merchant will not have it again


class Reversed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One reversal that was answered 00."""

    sequence: int
    reference: str
    merchant: str
    amount: int
    currency: str
    outcome: Outcome
    received_at: str

    @property
    def asked(self) -> int:
        """What the original wants, or will want when it comes."""
        return self.amount


class Callback(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is told to the listener, again and again from `due` on, until it has heard it."""

    sequence: int
    name: str
    body: str
    tries: int
    due: str


class Listener(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Who is told of chargebacks: an address, and the secret of our signature; none if empty."""

    url: Annotated[str, msgspec.Meta(pattern="^(https?://[!-~]+)?$", max_length=2048)] = ""
    secret: Annotated[str, msgspec.Meta(pattern="^(whsec_[A-Za-z0-9+/]{32,}={0,2})?$")] = ""

    def __repr__(self) -> str:
        return f"Listener({self.url!r}, …)"


class Abilities(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What this host can do; chapter 6 says what it answers when it cannot."""

    look_up: bool = True
    reversal_memory: bool = True
    partial_approvals: bool = True
    advices: bool = True
