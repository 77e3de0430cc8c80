"""The contract: what every connector does, against the other side that it is for."""

import logging

import pytest
from structlog.testing import capture_logs

from payseal.core.ids import Mint, Mode, home
from payseal.issuers import (
    Approved,
    Authenticated,
    Challenge,
    Declined,
    NotFound,
    NotSent,
    OperationKind,
    Pending,
    Reversed,
    Unable,
    Unknown,
    Way,
)
from tests.issuers.contract import COUNTERPARTS
from tests.issuers.payments import a_card, an_operation, now, what_follows
from tests.issuers.three_ds_side import CHALLENGED
from tests.web.conftest import Chance

AUTHORIZE, CAPTURE = OperationKind.AUTHORIZE, OperationKind.CAPTURE
REFUND, VOID = OperationKind.REFUND, OperationKind.VOID
ALL, PART = 1250, 500
BACK = "https://pay.example/p/token/return/txn"
CHANCE = Chance()
MINT = Mint(CHANCE)
ACCOUNT = MINT.account()
LEADING = [name for name, known in COUNTERPARTS.items() if known.challenges]


@pytest.fixture(params=COUNTERPARTS)
async def side(request, tmp_path):
    async with COUNTERPARTS[request.param].start(tmp_path) as side:
        assert side.issuer.abilities.challenges is COUNTERPARTS[request.param].challenges
        yield side


def named(side):
    """A new operation's id, and what the issuer will know it by."""
    id = MINT.id("opn", home(ACCOUNT, Mode.TEST), now())
    return {"id": id, "reference": side.issuer.reference(id)}


def asked(side, **fields):
    return an_operation(currency=fields.pop("currency", side.takes), **named(side), **fields)


def then(side, original, answer, kind, minor=None, **fields):
    return what_follows(original, answer.approval_code, kind, minor, **named(side), **fields)


async def paid(side, **fields):
    operation = asked(side, **fields)
    answer = await side.pay(operation)
    assert isinstance(answer, Approved)
    return operation, answer


async def purchase(side, operation):
    """The call alone, for whatever it is answered with."""
    abilities = side.issuer.abilities
    card = None if abilities.hosted else a_card()
    way = {"way": Way("txn", BACK)} if abilities.challenges else {}
    return await side.issuer.purchase(operation, card, now, **way)


async def test_an_approval_is_in_the_book_and_found_there(side):
    operation, answer = await paid(side)
    assert await side.booked(operation) == ALL
    assert await side.issuer.look_up(operation) == answer


async def test_a_decline_is_definite_has_a_reason_and_charges_nothing(side):
    operation = asked(side)
    answer = await side.pay(operation, good=False)
    assert isinstance(answer, Declined)
    assert answer.reason.replace("_", "").isalpha()
    assert await side.booked(operation) == 0
    assert isinstance(await side.issuer.look_up(operation), Declined | NotFound)


async def test_its_reference_follows_from_the_operation_alone(side):
    first, second = named(side), named(side)
    assert side.issuer.reference(first["id"]) == first["reference"] != second["reference"]


async def test_an_answer_that_is_lost_is_unknown_and_then_made_certain(side):
    operation = asked(side, within_s=0.6)
    await side.lose_answer()
    assert isinstance(await purchase(side, operation), Unknown)
    found = await side.issuer.look_up(operation)
    if isinstance(found, Approved):
        assert await side.booked(operation) == ALL
        return
    assert isinstance(found, NotFound | Unable)
    assert await side.issuer.reverse(operation, repeat=False) == Reversed()
    assert await side.booked(operation) == 0


async def test_a_lost_refund_is_found_or_sent_again_and_given_once(side):
    bought, answer = await paid(side)
    refund = then(side, bought, answer, REFUND, PART, within_s=0.6)
    await side.lose_answer()
    assert isinstance(await side.issuer.follow(refund, now, repeat=False), Unknown)
    assert isinstance(await side.issuer.look_up(refund), Approved)
    again = await side.issuer.follow(refund.again(now()), now, repeat=True)
    assert isinstance(again, Approved)
    assert await side.booked(refund) == PART


async def test_where_nobody_listens_nothing_is_sent(side):
    async with side.away() as issuer:
        operation = asked(side)
        there, side.issuer = side.issuer, issuer
        said = [await purchase(side, operation), await issuer.look_up(operation)]
        said.append(await issuer.reverse(operation, repeat=False))
        side.issuer = there
    assert [type(each) for each in said] == [NotSent] * 3
    assert await side.booked(operation) == 0


async def test_past_its_time_nothing_is_sent(side):
    operation = asked(side, within_s=-0.001)
    assert isinstance(await purchase(side, operation), NotSent)
    bought, answer = await paid(side)
    refund = then(side, bought, answer, REFUND, PART, within_s=-0.001)
    assert isinstance(await side.issuer.follow(refund, now, repeat=False), NotSent)
    assert (await side.booked(operation), await side.booked(refund)) == (0, 0)


async def test_what_it_never_saw_is_not_found(side):
    assert isinstance(await side.issuer.look_up(asked(side)), NotFound | Unable)


async def test_one_key_twice_is_one_charge(side):
    operation, answer = await paid(side)
    again = await purchase(side, operation)
    assert again == answer or isinstance(again, Challenge), "the same, or the page that was paid"
    assert await side.booked(operation) == ALL
    assert await side.issuer.look_up(operation) == answer
    refund = then(side, operation, answer, REFUND, PART)
    first = await side.issuer.follow(refund, now, repeat=False)
    assert await side.issuer.follow(refund, now, repeat=True) == first
    assert await side.booked(refund) == PART


async def test_what_is_held_is_captured_once_in_part(side):
    held, answer = await paid(side, kind=AUTHORIZE)
    capture = then(side, held, answer, CAPTURE, PART)
    captured = await side.issuer.follow(capture, now, repeat=False)
    assert isinstance(captured, Approved)
    assert await side.booked(capture) == PART
    assert await side.issuer.look_up(capture) == captured
    more = then(side, held, answer, CAPTURE, PART)
    assert isinstance(await side.issuer.follow(more, now, repeat=False), Declined)
    refund = then(side, capture, captured, REFUND, PART)
    assert isinstance(await side.issuer.follow(refund, now, repeat=False), Approved)
    assert await side.booked(refund) == PART


async def test_a_payment_is_refunded_in_parts_and_never_above_it(side):
    bought, answer = await paid(side)
    first = then(side, bought, answer, REFUND, PART)
    given = await side.issuer.follow(first, now, repeat=False)
    assert isinstance(given, Approved)
    assert await side.issuer.look_up(first) == given
    above = then(side, bought, answer, REFUND, ALL - PART + 1)
    assert isinstance(await side.issuer.follow(above, now, repeat=False), Declined)
    assert await side.booked(above) == 0
    rest = then(side, bought, answer, REFUND, ALL - PART)
    assert isinstance(await side.issuer.follow(rest, now, repeat=False), Approved)
    assert [await side.booked(each) for each in (first, rest)] == [PART, ALL - PART]


async def test_what_is_voided_is_held_and_captured_no_more(side):
    held, answer = await paid(side, kind=AUTHORIZE)
    void = then(side, held, answer, VOID)
    assert isinstance(await side.issuer.follow(void, now, repeat=False), Approved)
    assert isinstance(await side.issuer.look_up(void), Approved)
    capture = then(side, held, answer, CAPTURE)
    assert isinstance(await side.issuer.follow(capture, now, repeat=False), Declined)
    assert (await side.booked(held), await side.booked(capture)) == (0, 0)


@pytest.mark.parametrize("kind", [OperationKind.PURCHASE, AUTHORIZE])
async def test_a_reversal_undoes_it_once_and_for_all(side, kind):
    operation, _ = await paid(side, kind=kind)
    for repeat in (False, True):
        assert await side.issuer.reverse(operation, repeat=repeat) == Reversed()
    assert await side.booked(operation) == 0
    assert isinstance(await side.issuer.look_up(operation), Declined)


async def test_a_currency_that_it_does_not_offer_is_never_charged(side):
    assert not any(side.refuses in offer.currencies for offer in side.issuer.offers)
    operation = asked(side, currency=side.refuses)
    assert isinstance(await purchase(side, operation), Declined | NotSent)
    assert await side.booked(operation) == 0


async def test_its_wire_log_shows_no_number_no_code_and_no_secret(side, caplog):
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs:
        bought, answer = await paid(side)
        refused = await side.pay(asked(side), good=False)
        await side.issuer.follow(then(side, bought, answer, REFUND), now, repeat=False)
        await side.lose_answer()
        lost = await purchase(side, asked(side, within_s=0.6))
        async with side.away() as issuer:
            away = await issuer.look_up(bought)
    lines = [f"{line.getMessage()} {line.args}" for line in caplog.records]
    texts = repr([logs, lines, answer, refused, lost, away, side.issuer, vars(side.issuer)])
    assert all(word in texts for word in side.heard), "the wire is logged at all"
    assert not [secret for secret in side.secrets if secret in texts]


@pytest.mark.parametrize("side", LEADING, indirect=True)
async def test_a_challenge_is_nothing_booked_until_its_payer_was_there(side):
    operation = asked(side)
    challenge = await side.lead(operation)
    assert isinstance(challenge, Challenge)
    assert challenge.url.startswith(("https://", "http://127.0.0.1:"))
    assert challenge.until > now()
    assert await side.issuer.conclude(operation, challenge.memo, over=False) == Pending()
    assert await side.booked(operation) == 0
    await side.confirm(challenge)
    answers = [await side.issuer.conclude(operation, challenge.memo, over=o) for o in (False, True)]
    assert answers[0] == answers[1]
    if isinstance(answers[0], Authenticated):  # the money is asked for now, with what they proved
        assert await side.booked(operation) == 0
        operation, proof = asked(side), answers[0].proof
        card = a_card(CHALLENGED)
        answers = [await side.issuer.purchase(operation, card, now, proof=proof)]
    assert isinstance(answers[0], Approved)
    assert answers[0] == await side.issuer.look_up(operation)
    assert await side.booked(operation) == ALL


@pytest.mark.parametrize("side", LEADING, indirect=True)
async def test_an_abandoned_challenge_ends_and_can_be_paid_no_more(side):
    operation = asked(side)
    challenge = await side.lead(operation)
    ended = await side.issuer.conclude(operation, challenge.memo, over=True)
    assert isinstance(ended, Declined)
    await side.confirm(challenge)
    later = await side.issuer.conclude(operation, challenge.memo, over=False)
    assert later == ended or isinstance(later, Authenticated), "a proof moves no money by itself"
    assert await side.booked(operation) == 0


@pytest.mark.parametrize("side", LEADING, indirect=True)
async def test_a_challenge_whose_end_cannot_be_seen_to_stays_open(side):
    operation = asked(side)
    challenge = await side.lead(operation)
    await side.lose_answer()
    heard = await side.issuer.conclude(operation, challenge.memo, over=True)
    # Where nothing is paid by it, nothing can come of it.
    could_be_paid = side.issuer.abilities.hosted
    assert isinstance(heard, Unknown | NotSent if could_be_paid else Declined)
