"""Which page a payer sees: of their own attempt, of whoever holds the link, of the link."""

from __future__ import annotations

from itertools import product

import pytest

from payseal import checkout
from payseal.checkout import VisitState
from payseal.core.errors import Missing
from payseal.core.ids import LinkId
from payseal.core.keypair import KeyPair, Purpose
from payseal.core.keyring import Keyring, NotOurs, Seal
from payseal.core.store import Insert, Update
from payseal.issuers import Operation, OperationKind
from payseal.links import Link, LinkStatus, Place, place_id
from payseal.transactions import Attempt, AttemptKey, Transaction, TransactionStatus
from tests.shop import START

V, S, L = VisitState, TransactionStatus, LinkStatus
OWN = {  # what the payer's own attempt came to, on an open link that nobody else holds
    None: V.OPEN,
    S.STARTED: V.PROCESSING,
    S.CHALLENGED: V.CHALLENGE,
    S.UNKNOWN: V.CHECKING,
    S.AUTHORIZED: V.PAID,
    S.CAPTURED: V.PAID,
    S.DECLINED: V.DECLINED,
    S.REVERSED: V.FAILED,
    S.VOIDED: V.FAILED,
    S.FAILED: V.FAILED,
}
# What became of money comes before all else; what came to nothing does not.
MONEY = [S.STARTED, S.CHALLENGED, S.UNKNOWN, S.AUTHORIZED, S.CAPTURED]
NOTHING = [None, S.DECLINED, S.REVERSED, S.VOIDED, S.FAILED]
HELD = {  # who has the only place of a link: what everybody else sees
    S.STARTED: V.PROCESSING,
    S.CHALLENGED: V.PROCESSING,
    S.UNKNOWN: V.CHECKING,
    S.AUTHORIZED: V.PAID,
    S.CAPTURED: V.PAID,
}
OF_LINK = {
    L.OPEN: None,
    L.AUTHORIZED: V.PAID,
    L.PAID: V.PAID,
    L.EXPIRED: V.EXPIRED,
    L.CANCELLED: V.CANCELLED,
}


async def make(counter, status=L.OPEN, max_payments=1) -> Link:
    link = await counter.link(max_payments=max_payments)
    change = {
        L.AUTHORIZED: link.authorize,
        L.PAID: link.pay,
        L.CANCELLED: link.cancel,
        L.EXPIRED: lambda: link.expire(link.expires_at),
    }.get(status)
    if change is not None:
        await counter.store.commit(Update(change()))
    return await counter.again(link)


async def put(counter, link: Link, status: TransactionStatus, place: int | None = None) -> str:
    """A transaction in that status, and its place; gives the key of its attempt."""
    key = counter.attempt(link)
    txn_id = key.transaction(counter.at)
    operation = Operation(
        id="opn" + txn_id[3:],
        kind=OperationKind.PURCHASE,
        reference="REFERENCE123",
        merchant="merchant",
        amount=link.amount,
        asked_at=START,
        call_until=START,
    )
    txn = Transaction(
        id=txn_id,
        status=status,
        link=link.id,
        place=place,
        realm="shop",
        amount=link.amount,
        issuer="bank",
        operation=operation,
        payer="ada",
        brand="visa",
        last4="4242",
        fingerprint="fingerprint",
    )
    await counter.store.commit(Insert(txn), Insert(Attempt(id=key.attempt, transaction=txn_id)))
    if place is not None:
        id = place_id(link.id, place)
        held = Place(
            id=id, link=link.id, number=place, transaction=txn.id, paid=status is S.CAPTURED
        )
        await counter.store.commit(Insert(held))
    return key.text


@pytest.mark.parametrize("max_payments", [1, 2, None])
@pytest.mark.parametrize("own", OWN)
async def test_on_an_open_link_a_payer_sees_their_own_attempt(counter, own, max_payments):
    link = await make(counter, max_payments=max_payments)
    key = None if own is None else await put(counter, link, own)
    visit = await counter.visit(link, key)
    assert visit.state is OWN[own]
    assert (visit.transaction is None) == (own is None)


@pytest.mark.parametrize(("status", "max_payments"), list(product(L, [1, 2, None])))
@pytest.mark.parametrize("own", MONEY)
async def test_what_became_of_their_money_comes_first(counter, own, status, max_payments):
    link = await make(counter, status, max_payments)
    key = await put(counter, link, own)
    if max_payments == 1:
        await put(counter, link, S.STARTED, place=0)
    assert (await counter.visit(link, key)).state is OWN[own]
    counter.wait(hours=25)
    assert (await counter.visit(link, key)).state is OWN[own]


@pytest.mark.parametrize("status", [L.OPEN, L.EXPIRED, L.CANCELLED])
@pytest.mark.parametrize(("holder", "own"), list(product(HELD, NOTHING)))
async def test_while_somebody_pays_a_single_use_link_all_others_see_that(
    counter, holder, own, status
):
    link = await make(counter, status)
    await put(counter, link, holder, place=0)
    key = None if own is None else await put(counter, link, own)
    assert (await counter.visit(link, key)).state is HELD[holder]
    counter.wait(hours=25)
    assert (await counter.visit(link, key)).state is HELD[holder], "also when its time is over"


@pytest.mark.parametrize("max_payments", [1, 2, None])
@pytest.mark.parametrize(("status", "own"), list(product(L, NOTHING)))
async def test_with_nothing_under_way_the_link_comes_before_what_came_to_nothing(
    counter, status, own, max_payments
):
    link = await make(counter, status, max_payments)
    key = None if own is None else await put(counter, link, own)
    assert (await counter.visit(link, key)).state is (OF_LINK[status] or OWN[own])
    counter.wait(hours=24)
    over = V.EXPIRED if status is L.OPEN else OF_LINK[status]
    assert (await counter.visit(link, key)).state is over


@pytest.mark.parametrize(
    ("places", "held", "state"),
    [
        (2, [S.STARTED], V.OPEN),
        (2, [S.CAPTURED], V.OPEN),
        (2, [S.STARTED, S.CAPTURED], V.SOLD_OUT),
        (2, [S.UNKNOWN, S.UNKNOWN], V.SOLD_OUT),
        (None, [S.STARTED, S.UNKNOWN], V.OPEN),
    ],
)
async def test_a_link_for_several_goes_on_until_all_its_places_are_taken(
    counter, places, held, state
):
    link = await make(counter, max_payments=places)
    for number, status in enumerate(held):
        await put(counter, link, status, place=None if places is None else number)
    assert (await counter.visit(link)).state is state
    declined = await put(counter, link, S.DECLINED)
    assert (await counter.visit(link, declined)).state is V.DECLINED


async def test_a_stranger_never_sees_anothers_attempt(counter):
    link, other = await make(counter, max_payments=None), await make(counter, max_payments=None)
    key = await put(counter, link, S.CAPTURED)
    assert (await counter.visit(link, key)).transaction is not None
    theirs = (await counter.visit(link)).attempt
    for stranger in (None, "", theirs, key[:-1], key[:-1] + "0", key.upper(), "0" * 26, "é"):
        visit = await counter.visit(link, stranger)
        assert (visit.state, visit.transaction) == (V.OPEN, None)
    visit = await counter.visit(other, key)
    assert (visit.state, visit.transaction) == (V.OPEN, None), "nor at another link"


async def test_each_visit_brings_a_fresh_form(counter):
    link = await make(counter)
    keys = {(await counter.visit(link)).attempt for _ in range(10)}
    assert len(keys) == 10
    assert all(AttemptKey.read(link.id, key, at=counter.at) for key in keys)
    assert (await counter.visit(link)).merchant == "shop"


async def test_looking_writes_nothing(counter):
    link = await make(counter)
    before = counter.dump()
    for _ in range(3):
        await counter.visit(link, counter.attempt(link).text)
    assert counter.dump() == before


async def test_a_link_that_is_not_ours_or_not_there_is_missing(counter):
    link = await make(counter)
    key = KeyPair(Purpose.LINK, b"x" * 96, publish_at=START, sign_from=START)
    foreign = Seal(Keyring((key,)), "https://pay.example")
    nobody = LinkId("lnk_" + "0" * 40)
    tokens = {
        foreign.token(link.id, link.expires_at, at=START): NotOurs,
        counter.token(link)[:-1]: NotOurs,
        "": NotOurs,
        counter.seal.token(nobody, link.expires_at, at=START): Missing,
    }
    for token, refusal in tokens.items():
        with pytest.raises(refusal) as refused:
            await checkout.visit(counter.till, counter.seal, token, None, at=counter.at)
        assert isinstance(refused.value, Missing)


@pytest.mark.parametrize("own", [S.DECLINED, S.VOIDED, S.FAILED])
@pytest.mark.parametrize("paid", [True, False])
async def test_nobody_is_shown_a_receipt_for_what_somebody_else_has_paid(counter, own, paid):
    link = await make(counter, L.PAID if paid else L.OPEN)
    key = await put(counter, link, own)
    await put(counter, link, S.CAPTURED, place=0)
    visit = await counter.visit(link, key)
    assert (visit.state, visit.transaction) == (V.PAID, None)
