"""The port to card issuers, banks and providers: one file per connector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import msgspec

from payseal.core.card import Card
from payseal.core.credential import Credential
from payseal.core.ids import AccountId, Mode
from payseal.core.offer import Offer
from payseal.issuers.answer import (
    Answer,
    Approved,
    Asked,
    Authenticated,
    Challenge,
    Concluded,
    Declined,
    Found,
    NotFound,
    NotSent,
    Pending,
    Proof,
    Reversed,
    Unable,
    Undone,
    Unknown,
)
from payseal.issuers.browser import Browser
from payseal.issuers.operation import (
    CALL_WITHIN,
    RESOLVE_MARGIN,
    Operation,
    OperationKind,
    Original,
)
from payseal.issuers.retry import Retry, retry_of

__all__ = [
    "CALL_WITHIN",
    "RESOLVE_MARGIN",
    "Abilities",
    "Answer",
    "Approved",
    "Asked",
    "Authenticated",
    "Browser",
    "Challenge",
    "Concluded",
    "Declined",
    "Found",
    "Hearing",
    "Hooked",
    "Issuer",
    "Issuers",
    "NotFound",
    "NotSent",
    "Operation",
    "OperationKind",
    "Original",
    "Pending",
    "Proof",
    "Retry",
    "Reversed",
    "Unable",
    "Undone",
    "Unknown",
    "Way",
    "retry_of",
]


class Abilities(msgspec.Struct, frozen=True):
    """What the issuer's host can do; it decides how an answer that did not come is made up for.

    What it cannot is never relied on: without `look_up` the unknown is reversed, without `repeats`
    it stays unknown.
    """

    look_up: bool
    # A request still under way lands within this time, or never.
    transit_max: timedelta
    # A capture, void or refund that is sent twice under one reference is done once.
    repeats: bool = True
    # An acknowledged reversal holds for an original that comes later; else it is sent once more.
    reversal_memory: bool = True
    # It may approve a part; else an answer that says so is none, and the book is asked.
    partial_approvals: bool = True
    # It takes advices (0220, 0420); else captures and reversals are requests (0200, 0400).
    advices: bool = True
    # A purchase may be answered with a challenge: it is told the payer's way back.
    challenges: bool = False
    # The payer types their card on a page of the issuer's: we have no form, and see no card.
    hosted: bool = False
    # What each merchant has to give, in each mode, before it calls for them.
    credentials: tuple[Credential, ...] = ()


class Way(msgspec.Struct, frozen=True):
    """A payer's way back from a challenge, and whose it is: for the issuer to name it."""

    transaction: str
    back: str  # where their browser is led, by GET or POST, whatever it carries
    merchant: str = ""  # whom they pay, as they know them
    browser: Browser = Browser()


class Issuer(Protocol):
    """A connector. It keeps nothing: what it needs is in the operation. No call of it raises."""

    name: str
    title: str
    offers: tuple[Offer, ...]
    abilities: Abilities

    def reference(self, operation_id: str) -> str:
        """What the issuer will know the operation by: derived from its id alone."""
        ...

    async def purchase(
        self,
        operation: Operation,
        card: Card | None,
        now: Clock,
        *,
        way: Way | None = None,
        proof: Proof | None = None,
    ) -> Asked:
        """Ask for the money, or to hold it (`AUTHORIZE`).

        `NotSent` once `now()` is past `call_until`; done by then. Who is `hosted` is given no
        card, and who has no `challenges` no way. With a `proof` the challenge is behind: the
        operation is a new one, and the card has no security code any more.
        """
        ...

    async def conclude(self, operation: Operation, memo: str, *, over: bool) -> Concluded:
        """What became of a challenge, from the issuer itself; asked as often as anyone returns.

        `over`: its time has passed. Then see that nothing can come of it any more, and only then
        say that nothing did (`Declined`); until that is certain `Unknown`.
        """
        ...

    async def follow(self, operation: Operation, now: Clock, *, repeat: bool) -> Answer:
        """Capture, void or refund `operation.amount` of the original; in time as a purchase.

        `repeat`: it was asked before under this reference, and may have been done.
        """
        ...

    async def look_up(self, operation: Operation) -> Found:
        """What the issuer's book says of the operation."""
        ...

    async def reverse(self, operation: Operation, *, repeat: bool) -> Undone:
        """See that the operation has no effect. `repeat`: it was asked before."""
        ...


@runtime_checkable
class Hearing(Protocol):
    """A connector whose issuer tells by itself, server to server, what became of a challenge."""

    def hear(self, memo: str, told: bytes) -> Concluded | None:
        """What it told; None if that is not about the challenge that `memo` is of."""
        ...

    def reply(self, told: bytes) -> bytes | None:
        """What its server is answered; None if it told nothing that can be read."""
        ...


@runtime_checkable
class Hooked(Protocol):
    """A connector whose issuer calls us too, by webhooks: each of them is a hint, not the truth."""

    async def heard(
        self, account: AccountId, mode: Mode, body: bytes, headers: Mapping[str, str]
    ) -> str | None:
        """The transaction that it is about, "" for none of ours; None if it is not the issuer's.

        The names of headers are in small letters.
        """
        ...


Clock = Callable[[], datetime]
Issuers = Mapping[str, "Issuer"]
