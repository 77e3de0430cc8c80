"""Paying a link: claim it, call the issuer, settle."""

from __future__ import annotations

from datetime import datetime

import msgspec

from payseal.core.card import Card
from payseal.core.errors import Missing, Unavailable
from payseal.core.event import happened
from payseal.core.ids import LinkId
from payseal.core.offer import tariff_of
from payseal.core.store import Busy, Change, Check, Insert, Store, deciding
from payseal.issuers import (
    Asked,
    Browser,
    Challenge,
    Clock,
    Issuer,
    Issuers,
    Operation,
    OperationKind,
    Way,
)
from payseal.links import Capture, Link, Place, free_place
from payseal.risk import check_card
from payseal.transactions.attempt import Attempt, AttemptKey, find
from payseal.transactions.looks import first_look
from payseal.transactions.reference import new_operation
from payseal.transactions.routing import goes_on, pass_on
from payseal.transactions.settlement import settle
from payseal.transactions.transaction import Transaction
from payseal.vault import Vault


class NoIssuer(Unavailable):
    """The link's issuer is not connected to this server."""

    code, title = "issuer_not_connected", "The payment cannot be taken at the moment."


class Payer(msgspec.Struct, frozen=True):
    """Who pays: a keyed hash of where they came from, and what they typed beside the card."""

    id: str
    fingerprint: str  # keyed hash of the card number
    email: str = ""
    back: str = ""  # before the transaction's id: where a challenge leads their browser back to
    browser: Browser = Browser()


class Claim(msgspec.Struct, frozen=True):
    """The attempt's transaction; `fresh` if this very claim made it, so that this one calls."""

    transaction: Transaction
    fresh: bool


async def pay(
    store: Store,
    issuers: Issuers,
    key: AttemptKey,
    card: Card | None,
    payer: Payer,
    *,
    vault: Vault | None = None,
    now: Clock,
) -> Transaction:
    """Try to pay the link; the same key again is the same transaction, and calls nobody.

    One of the link's issuers is asked after the other, as long as the answer `goes_on`. No card:
    the payer gives it to the issuer itself. In the `vault` it waits for a challenge.
    """
    claimed = await deciding(claim, store, issuers, key, card, payer, at=now())
    txn = claimed.transaction
    if not claimed.fresh:
        return txn
    while True:
        answer = await _ask(issuers[txn.issuer], txn, card, payer, vault, now)
        try:
            passed_on = None
            if goes_on(answer, txn.brand):
                passed_on = await deciding(pass_on, store, issuers, txn, answer, at=now())
            if passed_on is None:
                return await deciding(settle, store, txn.id, answer, of=txn.operation.id, at=now())
        except Busy:  # "nothing was done" would be a lie: the resolver books it
            return txn
        txn = passed_on


async def _ask(
    issuer: Issuer,
    txn: Transaction,
    card: Card | None,
    payer: Payer,
    vault: Vault | None,
    now: Clock,
) -> Asked:
    if not issuer.abilities.challenges:
        return await issuer.purchase(txn.operation, card, now)
    back = f"{payer.back}/{txn.id}"
    way = Way(transaction=txn.id, back=back, merchant=txn.realm, browser=payer.browser)
    answer = await issuer.purchase(txn.operation, card, now, way=way)
    if isinstance(answer, Challenge) and card is not None and vault is not None:
        await vault.keep(txn.id, card, at=now())
    return answer


async def claim(
    store: Store,
    issuers: Issuers,
    key: AttemptKey,
    card: Card | None,
    payer: Payer,
    *,
    at: datetime,
) -> Claim:
    """Commit 1: that we are about to ask, and the place on the link that this takes.

    Raises `LinkExpired`, `LinkCancelled`, `AlreadyPaid`, `SoldOut`, `NoIssuer`, `CardBarred`.
    """
    found = await find(store, key)
    if found is not None:
        return Claim(found, fresh=False)
    link, issuer = await _open_link(store, issuers, key.link, at)
    await check_card(store, link.id, payer.fingerprint)
    txn_id = key.transaction(at)
    place = await free_place(store, link, txn_id)
    kind = OperationKind.AUTHORIZE if link.capture is Capture.MANUAL else OperationKind.PURCHASE
    operation, reference = await new_operation(store, issuer, kind, txn_id, link.amount, at=at)
    txn = _attempted(txn_id, link, place, issuer, operation, card, payer)
    changes: list[Change] = [Insert(Attempt(id=key.attempt, transaction=txn.id))]
    changes += [Insert(txn), Insert(reference), Check(link)]
    if place is not None:
        changes.append(Insert(place))
    await store.commit(*changes, Insert(happened("transaction.started", txn, at)))
    return Claim(txn, fresh=True)


def _attempted(
    txn_id: str,
    link: Link,
    place: Place | None,
    issuer: Issuer,
    operation: Operation,
    card: Card | None,
    payer: Payer,
) -> Transaction:
    return Transaction(
        id=txn_id,
        link=link.id,
        place=None if place is None else place.number,
        realm=link.realm,
        amount=link.amount,
        issuer=issuer.name,
        operation=operation,
        tariff=tariff_of(issuer.offers, link.method, link.amount.currency),
        payer=payer.id,
        brand="" if card is None else card.brand,
        last4="" if card is None else card.last4,
        fingerprint=payer.fingerprint,
        name="" if card is None else card.name,
        email=payer.email,
        look_at=first_look(operation),
        at_end=link.at_end,
    )


async def _open_link(
    store: Store, issuers: Issuers, link_id: LinkId, at: datetime
) -> tuple[Link, Issuer]:
    """The link, if a new attempt may start, and who is to be asked for the money."""
    link = await store.get(Link, link_id)
    if link is None:
        raise Missing("There is no such link.")
    link.check_open(at)
    for name in link.issuers:
        if name in issuers:
            return link, issuers[name]
    raise NoIssuer("Please try again later.", issuer=link.issuer)
