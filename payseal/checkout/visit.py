"""Visit: a payer at a link, and what they are shown."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from payseal.checkout.till import Till
from payseal.core.card import NOT_HERE, Card, InvalidCard, holds_number
from payseal.core.errors import Missing, Problem
from payseal.core.ids import LinkId, account_of, is_id, is_theirs, mode_of
from payseal.core.keyring import Seal
from payseal.core.store import Store
from payseal.issuers import Browser, Clock, Hearing, Issuer
from payseal.links import Link, LinkStatus, Place, is_sold_out, place_id
from payseal.transactions import (
    AttemptKey,
    InvalidAttempt,
    Payer,
    Transaction,
    TransactionStatus,
    challenges,
    find,
    new_key,
    pay,
)

# A payer has a page within eight seconds, whatever the bank does.
ANSWER_WITHIN_S = 7.5
REPLY_WITHIN_S = 2
EMAIL_MAX = 254
FORMS_MAX = 100  # of one payer after their first: as far as their newest attempt is looked for
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")


class VisitState(StrEnum):
    """Which page a payer sees."""

    OPEN = "open"
    CHALLENGE = "challenge"
    PROCESSING = "processing"
    CHECKING = "checking"
    PAID = "paid"
    DECLINED = "declined"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SOLD_OUT = "sold_out"


_OF_TRANSACTION = {
    TransactionStatus.STARTED: VisitState.PROCESSING,
    TransactionStatus.CHALLENGED: VisitState.CHALLENGE,
    TransactionStatus.UNKNOWN: VisitState.CHECKING,
    TransactionStatus.AUTHORIZED: VisitState.PAID,
    TransactionStatus.CAPTURED: VisitState.PAID,
    TransactionStatus.DECLINED: VisitState.DECLINED,
    TransactionStatus.REVERSED: VisitState.FAILED,
    TransactionStatus.VOIDED: VisitState.FAILED,
    TransactionStatus.FAILED: VisitState.FAILED,
}
_OF_LINK = {
    LinkStatus.AUTHORIZED: VisitState.PAID,
    LinkStatus.PAID: VisitState.PAID,
    LinkStatus.EXPIRED: VisitState.EXPIRED,
    LinkStatus.CANCELLED: VisitState.CANCELLED,
}
# What became of money comes before what became of the link.
_FIRST = (VisitState.PAID, VisitState.CHALLENGE, VisitState.PROCESSING, VisitState.CHECKING)


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A state, and what its page tells. `transaction` is the visitor's own attempt, if any."""

    state: VisitState
    link: Link
    transaction: Transaction | None
    attempt: str  # the key for the form
    host: str  # who takes the card on a page of their own, by name; empty: we do, by our form

    @property
    def merchant(self) -> str:
        """Who asks for the money."""
        return self.link.realm


async def visit(
    till: Till, seal: Seal, token: str, key: str | None, *, again: bool = False, at: datetime
) -> Visit:
    """What to show to whom opens the link. Raises `NotOurs`.

    `key` is that of their first form: the newest attempt since is theirs, and a form that was not
    sent is handed out again, so that a reload cannot pay twice. `again`: they ask for another one.
    """
    link_id = seal.open(token, at=at).link_id
    link = await till.store.get(Link, link_id)
    if link is None:
        raise Missing("There is no such link.")
    own, attempt = await _newest(till, link_id, key, at)
    if again and own is not None and own.is_final:
        own = None
    state = await _state(till.store, link, own, at)
    if state in _FIRST and own is not None and _OF_TRANSACTION[own.status] is not state:
        own = None  # somebody else has paid it, or is about to
    issuer = _asked_first(till, link)
    host = issuer.title if issuer is not None and issuer.abilities.hosted else ""
    return Visit(state=state, link=link, transaction=own, attempt=attempt, host=host)


async def take_payment(
    till: Till,
    seal: Seal,
    token: str,
    typed: Mapping[str, str],
    address: str,
    *,
    browser: Browser | None = None,
    now: Clock,
) -> Transaction | None:
    """Pay with what the payer typed: `number, expiry, cvc, name, email, attempt`.

    The attempt as far as it has come, after `ANSWER_WITHIN_S` at the latest; None if it was not
    made by then. Raises `NotOurs`, `InvalidAttempt`, `InvalidCard`, `Paused`, `Busy`, and what
    `transactions.claim` raises.
    """
    link_id = seal.open(token, at=now()).link_id
    key = AttemptKey.read(link_id, typed.get("attempt", ""), at=now())
    try:
        email, wrong = _email(typed)
        card = None if await _hosted(till, link_id) else _card(typed, wrong, now())
        if wrong:
            raise InvalidCard("Please correct the form.", fields=wrong)
        payer = Payer(
            id=_keyed(till.payer_key, address),
            fingerprint="" if card is None else card.fingerprint(till.payer_key),
            email=email,
            back=f"{seal.address(token)}/return",
            browser=browser or Browser(),
        )
        paid = await till.take(_in_turn(till, key, card, payer, now), ANSWER_WITHIN_S)
    except Problem:
        # A form that was sent before is no new attempt, whatever is wrong with it by now.
        found = await find(till.store, key)
        if found is None:
            raise
        return found
    return paid or await find(till.store, key)


async def come_back(till: Till, seal: Seal, token: str, txn_id: str, *, now: Clock) -> None:
    """A browser says that it is back from a challenge, by whatever way: ask what became of it.

    It may be anybody, and long after the link's end. Raises `NotOurs`, `Missing`, `Busy`.
    """
    link_id = seal.open(token, at=now()).link_id
    theirs = is_theirs(txn_id, Transaction.prefix, account_of(link_id), mode_of(link_id))
    txn = await till.store.get(Transaction, txn_id) if theirs else None
    if txn is None or txn.link != link_id:
        raise Missing("There is no such payment of this link.")
    asking = challenges.conclude(till.store, till.issuers, txn.id, vault=till.vault, now=now)
    await till.take(asking, ANSWER_WITHIN_S)


async def hear(till: Till, txn_id: str, told: bytes, *, now: Clock) -> bytes:
    """An issuer's server says what became of a challenge; the reply. Raises `Missing`, `Busy`.

    It is told that we know before the money was asked for: that may take longer than it waits.
    """
    known = is_id(txn_id, Transaction.prefix)
    txn = await till.store.get(Transaction, txn_id) if known else None
    issuer = None if txn is None else till.issuers.get(txn.issuer)
    reply = issuer.reply(told) if isinstance(issuer, Hearing) else None
    if reply is None:
        raise Missing("There is no such challenge.")
    hearing = challenges.hear(till.store, till.issuers, txn_id, told, vault=till.vault, now=now)
    await till.take(hearing, REPLY_WITHIN_S)
    return reply


async def _in_turn(
    till: Till, key: AttemptKey, card: Card | None, payer: Payer, now: Clock
) -> Transaction:
    async with till.turn(key.link, payer.id, now):
        return await pay(till.store, till.issuers, key, card, payer, vault=till.vault, now=now)


async def _hosted(till: Till, link_id: LinkId) -> bool:
    """Whether the link's issuer takes the card itself. Where none does, no link is read for it."""
    if not any(issuer.abilities.hosted for issuer in till.issuers.values()):
        return False
    link = await till.store.get(Link, link_id)
    issuer = None if link is None else _asked_first(till, link)
    return issuer is not None and issuer.abilities.hosted


def _asked_first(till: Till, link: Link) -> Issuer | None:
    """Of the link's issuers the first that is connected."""
    return next((till.issuers[name] for name in link.issuers if name in till.issuers), None)


def _email(typed: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The address, and what is wrong with it, if anything."""
    wrong: dict[str, str] = {}
    email = typed.get("email", "").strip()
    if email and (len(email) > EMAIL_MAX or not _EMAIL.fullmatch(email)):
        wrong["email"] = "This is not an e-mail address."
    elif holds_number(email):
        wrong["email"] = NOT_HERE
    return email, wrong


def _card(typed: Mapping[str, str], wrong: Mapping[str, str], at: datetime) -> Card:
    """The card; `InvalidCard` says what is wrong with it, beside what is wrong already."""
    try:
        return Card.parse(typed, at=at)
    except InvalidCard as problem:
        fields = problem.members["fields"]
        assert isinstance(fields, dict), "the fields by name"
        raise InvalidCard(problem.detail, fields={**fields, **wrong}) from None


def _keyed(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:20]


async def _newest(
    till: Till, link_id: LinkId, key: str | None, at: datetime
) -> tuple[Transaction | None, str]:
    """The visitor's newest attempt, if any, and the key of the form that comes after it."""
    try:
        attempt = AttemptKey.read(link_id, key or "", at=at)
    except InvalidAttempt:
        return None, new_key(till.mint, at=at)
    own: Transaction | None = None
    for _ in range(FORMS_MAX):
        found = await find(till.store, attempt)
        if found is None:
            return own, attempt.text
        own, attempt = found, attempt.next()
    return own, new_key(till.mint, at=at)


async def _state(store: Store, link: Link, own: Transaction | None, at: datetime) -> VisitState:
    mine = None if own is None else _OF_TRANSACTION[own.status]
    if mine in _FIRST:
        return mine
    under_way = await _under_way(store, link)
    if under_way is not None:
        return under_way
    shown = link.shown(at)
    if shown in _OF_LINK:
        return _OF_LINK[shown]
    if mine is not None:
        return mine
    return VisitState.SOLD_OUT if await is_sold_out(store, link) else VisitState.OPEN


async def _under_way(store: Store, link: Link) -> VisitState | None:
    """Somebody's payment of a link that can be paid once: nobody else may start one meanwhile."""
    if link.max_payments != 1 or link.status is LinkStatus.PAID:
        return None
    place = await store.get(Place, place_id(link.id, 0))
    holder = None if place is None else await store.get(Transaction, place.transaction)
    if holder is None:
        return None
    state = _OF_TRANSACTION[holder.status]
    if state is VisitState.CHALLENGE:  # its own payer is led there, and nobody else
        return VisitState.PROCESSING
    return state if state in _FIRST else None
