"""What an issuer says: values, never exceptions. One of them is "I do not know"."""

from __future__ import annotations

import msgspec


class Approved(msgspec.Struct, frozen=True, tag="approved"):
    """Done as asked: this very amount, currency, merchant and reference."""

    approval_code: str


class Declined(msgspec.Struct, frozen=True, tag="declined"):
    """Definitely not done. `code` is the issuer's (ISO 8583 field 39), `reason` is ours.

    `held`: a part of it was approved, and has to be undone; no payment is taken in part.
    """

    code: str
    reason: str
    held: bool = False


class NotSent(msgspec.Struct, frozen=True, tag="not_sent"):
    """Not one byte left us, so definitely not done."""

    reason: str


class Unknown(msgspec.Struct, frozen=True, tag="unknown"):
    """Something was sent and no full answer that repeats our request came. It is not a no."""

    reason: str


class NotFound(msgspec.Struct, frozen=True, tag="not_found"):
    """The issuer's book has no such operation: so far. A late request may still land."""


class Unable(msgspec.Struct, frozen=True, tag="unable"):
    """The host cannot look operations up: what is unknown there is reversed."""


class Reversed(msgspec.Struct, frozen=True, tag="reversed"):
    """Acknowledged: the operation has no effect, now or later."""


Answer = Approved | Declined | NotSent | Unknown
Found = Approved | Declined | NotFound | NotSent | Unknown | Unable
Undone = Reversed | NotFound | NotSent | Unknown
