"""What an issuer says: values, never exceptions. One of them is "I do not know"."""

from __future__ import annotations

from datetime import datetime

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


class Challenge(msgspec.Struct, frozen=True, tag="challenge", omit_defaults=True):
    """Nothing is booked: the payer has to go to `url` first, and until that time nobody asks.

    With `fields` their browser posts them there as a form, without it follows a link. `memo` is
    what the connector needs to go on; it is stored, so nothing of a card is in it.
    """

    url: str
    until: datetime
    memo: str
    fields: dict[str, str] = {}


class Pending(msgspec.Struct, frozen=True, tag="pending"):
    """The payer is not back yet, or has not done there what they have to."""


class Proof(msgspec.Struct, frozen=True):
    """That the card's holder was asked (EMV 3-D Secure): passed on as it came, and never stored.

    `eci` has two digits (Visa 05, 06, 07; Mastercard 02, 01, 00), `cavv` is base64 or empty.
    """

    eci: str
    cavv: str
    ds_transaction: str


class Authenticated(msgspec.Struct, frozen=True, tag="authenticated"):
    """The payer did what was asked: now the money can be asked for, with this proof."""

    proof: Proof


class NotFound(msgspec.Struct, frozen=True, tag="not_found"):
    """The issuer's book has no such operation: so far. A late request may still land."""


class Unable(msgspec.Struct, frozen=True, tag="unable"):
    """The host cannot look operations up: what is unknown there is reversed."""


class Reversed(msgspec.Struct, frozen=True, tag="reversed"):
    """Acknowledged: the operation has no effect, now or later."""


Answer = Approved | Declined | NotSent | Unknown
Asked = Answer | Challenge
Concluded = Answer | Pending | Authenticated
Found = Approved | Declined | NotFound | NotSent | Unknown | Unable
Undone = Reversed | NotFound | NotSent | Unknown
