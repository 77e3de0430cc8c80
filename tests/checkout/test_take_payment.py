from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from payseal.checkout import VisitState
from payseal.core.card import InvalidCard
from payseal.core.errors import Problem
from payseal.core.ids import moment
from payseal.core.store import Busy, forget
from payseal.issuers import Approved, Declined, NotSent, Retry, Unknown
from payseal.links import LinkCancelled, LinkExpired, SoldOut
from payseal.risk import Barred, CardBarred, Paused, Tries
from payseal.transactions import InvalidAttempt, Transaction, TransactionStatus
from tests.counter import Counter
from tests.shop import CODE, NUMBER, START
from tests.virtual import elapsed, in_virtual_time

V, S = VisitState, TransactionStatus
NO = Declined("05", "declined")
SAYS = [
    (Approved("A1B2C3"), V.PAID),
    (NO, V.DECLINED),
    (NotSent("no_connection"), V.FAILED),
    (Unknown("timeout"), V.CHECKING),
]


@pytest.mark.parametrize(("says", "state"), SAYS)
async def test_a_payer_sees_what_the_bank_said(counter, says, state):
    counter.bank.says = says
    link = await counter.link()
    key = (await counter.visit(link)).attempt
    posted = await counter.post(link, key, email=" ada@x.example ")
    assert posted.state is state
    assert posted.transaction is not None
    assert posted.transaction.email == "ada@x.example"
    assert (await counter.visit(link, key)).state is state
    assert (await counter.post(link, key)).transaction == posted.transaction
    assert counter.bank.asked == (1, 0, 0)


async def test_after_a_no_the_fresh_form_tries_again(counter):
    link = await counter.link()
    counter.bank.says = NO
    declined = await counter.post(link)
    counter.bank.says = Approved("A1B2C3")
    assert (await counter.post(link, declined.attempt)).state is V.PAID
    assert len(await counter.all(Transaction)) == 2


@pytest.mark.parametrize(
    "made", [-timedelta(milliseconds=1), timedelta(seconds=3661), -timedelta(days=30)]
)
async def test_a_form_from_before_the_link_or_from_the_future_is_refused(counter, made):
    link = await counter.link()
    counter.wait(hours=1)
    with pytest.raises(InvalidAttempt):
        await counter.post(link, moment(START + made) + "0" * 16)
    assert counter.bank.asked == (0, 0, 0)


@pytest.mark.parametrize("key", ["", "0", "0" * 26, "é" * 26, "u" * 26, "0" * 27, "' OR 1=1 --"])
async def test_a_form_without_a_key_of_ours_is_refused(counter, key):
    link = await counter.link()
    before = counter.dump()
    with pytest.raises(InvalidAttempt):
        await counter.post(link, key)
    assert (counter.dump(), counter.bank.asked) == (before, (0, 0, 0))


@pytest.mark.parametrize(
    ("typed", "fields"),
    [
        ({"number": "4242424242424241"}, {"number"}),
        ({"expiry": "01/20"}, {"expiry"}),
        ({"cvc": "98"}, {"cvc"}),
        *(({"email": text}, {"email"}) for text in ["x", "@x", "a@", "a b@x", "a@x@y"]),
        ({"email": "a@" + "x" * 250}, {"email"}),
        ({"number": "", "email": "x"}, {"number", "email"}),
    ],
)
async def test_what_was_typed_wrong_is_said_beside_its_field_and_nothing_is_written(
    counter, typed, fields
):
    link = await counter.link()
    before = counter.dump()
    with pytest.raises(InvalidCard) as refused:
        await counter.post(link, **typed)
    assert set(refused.value.members["fields"]) == fields
    assert (counter.dump(), counter.bank.asked) == (before, (0, 0, 0))


@pytest.mark.parametrize(("how", "refusal"), [("cancelled", LinkCancelled), ("over", LinkExpired)])
async def test_a_form_of_a_link_that_is_closed_since_is_refused(counter, how, refusal):
    link = await counter.link()
    key = (await counter.visit(link)).attempt
    if how == "cancelled":
        await counter.cancel(link)
    else:
        counter.wait(hours=24)
    with pytest.raises(refusal):
        await counter.post(link, key)
    assert counter.bank.asked == (0, 0, 0)


async def decline_five(counter, link):
    counter.bank.says = NO
    for _ in range(5):
        assert (await counter.post(link)).state is V.DECLINED


async def test_five_declines_of_one_payer_are_followed_by_a_pause(counter):
    link = await counter.link(max_payments=None)
    await decline_five(counter, link)
    counter.wait(60)
    with pytest.raises(Paused) as refused:
        await counter.post(link)
    assert refused.value.members == {"retryAfter": 840}
    assert counter.bank.asked == (5, 0, 0)
    counter.wait(839)
    with pytest.raises(Paused):
        await counter.post(link)
    counter.wait(1)
    counter.bank.says = Approved("A1B2C3")
    assert (await counter.post(link)).state is V.PAID


@pytest.mark.parametrize("field", ["name", "email"])
@pytest.mark.parametrize("text", ["{}", "{} 123", "my card is {}!", "{}@shop.example"])
async def test_a_card_number_in_another_field_is_refused_and_not_kept(counter, field, text):
    link = await counter.link()
    groups = [NUMBER[i : i + 4] for i in range(0, 16, 4)]
    wide = NUMBER.translate({ord(d): ord(d) + 0xFEE0 for d in "0123456789"})
    for number in (NUMBER, wide, *(by.join(groups) for by in (" ", ".", "/", "_", "\u200b"))):
        with pytest.raises(InvalidCard) as refused:
            await counter.post(link, **{field: text.format(number)})
        assert set(refused.value.members["fields"]) == {field}
    assert counter.bank.asked == (0, 0, 0)
    assert NUMBER not in str(counter.dump())


def test_cards_tried_side_by_side_are_counted_before_many_more_are():
    async def attack():
        counter = Counter()
        counter.bank.says, counter.bank.meanwhile = NO, lambda: asyncio.sleep(1)
        link = await counter.link(max_payments=None)
        posts = (counter.post(link) for _ in range(40))
        outcomes = await asyncio.gather(*posts, return_exceptions=True)
        assert sum(isinstance(outcome, Paused) for outcome in outcomes) == 35
        return counter.bank.asked

    assert in_virtual_time(attack()) == (5, 0, 0)


def test_who_finds_no_turn_is_told_to_try_again_and_nothing_is_asked():
    async def queue():
        counter = Counter()
        counter.bank.meanwhile = lambda: asyncio.sleep(25)
        link = await counter.link(max_payments=None)
        posts = [asyncio.create_task(counter.post(link)) for _ in range(5)]
        await asyncio.sleep(0.1)
        with pytest.raises(Busy):
            await counter.post(link)
        assert (await counter.post(link, address="192.0.2.2")).state is V.PROCESSING
        await asyncio.gather(*posts)
        await asyncio.sleep(30)  # the calls go on without their payers
        return counter.bank.asked

    assert in_virtual_time(queue()) == (6, 0, 0)


async def test_another_payer_and_another_link_are_not_paused(counter):
    link, other = await counter.link(), await counter.link()
    await decline_five(counter, link)
    counter.bank.says = Approved("A1B2C3")
    assert (await counter.post(other)).state is V.PAID
    assert (await counter.post(link, address="192.0.2.2")).state is V.PAID


async def test_who_is_paused_still_sees_what_became_of_an_attempt(counter):
    link = await counter.link(max_payments=None)
    counter.bank.says = Approved("A1B2C3")
    key = (await counter.visit(link)).attempt
    await counter.post(link, key)
    await decline_five(counter, link)
    assert (await counter.post(link, key)).state is V.PAID


async def test_only_a_no_counts_as_a_decline(counter):
    link = await counter.link(max_payments=None)
    for says in (Approved("A1B2C3"), NotSent("no_connection"), Unknown("timeout")):
        counter.bank.says = says
        for _ in range(4):
            await counter.post(link)
    assert counter.bank.asked == (12, 0, 0)


@pytest.mark.parametrize(("says", "state"), SAYS)
def test_a_payer_has_a_page_within_eight_seconds_and_the_call_goes_on(says, state):
    async def slowly():
        counter = Counter()
        counter.bank.says = says
        counter.bank.meanwhile = lambda: asyncio.sleep(20)
        link = await counter.link()
        key = (await counter.visit(link)).attempt
        posted = await counter.post(link, key)
        assert (posted.state, 7 < elapsed() <= 8) == (V.PROCESSING, True)
        assert (await counter.post(link, key)).state is V.PROCESSING
        assert elapsed() <= 8, "who posts again waits for nothing"
        await asyncio.sleep(13)
        assert counter.bank.asked == (1, 0, 0)
        return (await counter.visit(link, key)).state

    assert in_virtual_time(slowly()) is state


def test_a_payer_who_leaves_does_not_stop_the_call():
    async def leave():
        counter = Counter()
        counter.bank.meanwhile = lambda: asyncio.sleep(20)
        link = await counter.link()
        posting = asyncio.create_task(counter.post(link))
        await asyncio.sleep(1)
        posting.cancel()
        await asyncio.sleep(30)
        (txn,) = await counter.all(Transaction)
        return txn.status

    assert in_virtual_time(leave()) is S.CAPTURED


def test_a_till_that_closes_waits_a_moment_and_leaves_the_rest_to_the_resolver():
    async def close():
        counter = Counter()
        link = await counter.link(max_payments=None)
        calls = []
        for seconds in (2, 20):
            counter.bank.meanwhile = lambda seconds=seconds: asyncio.sleep(seconds)
            calls.append(asyncio.create_task(counter.post(link)))
            await asyncio.sleep(0.1)
        began = elapsed()
        await counter.till.close()
        assert elapsed() - began <= 5
        await asyncio.gather(*calls, return_exceptions=True)
        statuses = [txn.status for txn in await counter.all(Transaction)]
        assert sorted(statuses) == [S.CAPTURED, S.STARTED]
        counter.wait(45)
        counter.bank.meanwhile, counter.bank.finds = lambda: asyncio.sleep(0), Approved("A1B2C3")
        await counter.work()
        return {txn.status for txn in await counter.all(Transaction)}

    assert in_virtual_time(close()) == {S.CAPTURED}


def test_a_call_that_breaks_when_its_payer_has_left_is_logged_without_the_card():
    async def break_off():
        counter = Counter()

        async def bug():
            await asyncio.sleep(20)
            raise ValueError(NUMBER, CODE)

        counter.bank.meanwhile = bug
        link = await counter.link()
        assert (await counter.post(link)).state is V.PROCESSING
        await asyncio.sleep(20)
        (txn,) = await counter.all(Transaction)
        return txn.status

    with capture_logs() as logs:
        assert in_virtual_time(break_off()) is S.STARTED
    told = json.dumps(logs, default=str)
    assert "call broke off" in told
    assert NUMBER not in told
    assert CODE not in told


@pytest.mark.parametrize(("says", "state"), SAYS)
async def test_nothing_of_a_card_or_an_address_is_in_any_record(counter, says, state):
    counter.bank.says = says
    link = await counter.link()
    await counter.post(link, address="198.51.100.77")
    kept = counter.dump()
    for secret in (NUMBER, NUMBER[:6], "4242 4242", CODE, "12/35", "198.51.100.77"):
        assert f'"{secret}"'.encode() not in kept, secret
    assert NUMBER.encode() not in kept
    assert b"198.51" not in kept


async def test_a_refusal_leaves_no_place_behind(counter):
    link = await counter.link(max_payments=2)
    for says in (NO, NotSent("no_connection"), NO):
        counter.bank.says = says
        await counter.post(link)
    assert await counter.places() == []
    counter.bank.says = Unknown("timeout")
    await counter.post(link)
    await counter.post(link)
    with pytest.raises(SoldOut):
        await counter.post(link)
    assert (await counter.visit(link)).state is V.SOLD_OUT


async def test_a_problem_within_the_time_is_told_to_the_payer(counter):
    link = await counter.link()
    counter.issuers.clear()
    with pytest.raises(Problem) as refused:
        await counter.post(link)
    assert refused.value.code == "issuer_not_connected"


STOLEN = Declined("43", "do_not_retry")


async def test_a_card_that_its_scheme_forbids_to_retry_is_taken_no_more_on_that_link(counter):
    link = await counter.link(max_payments=None)
    counter.bank.says = STOLEN
    key = (await counter.visit(link)).attempt
    declined = await counter.post(link, key)
    assert (declined.transaction.code, declined.transaction.retry) == ("43", Retry.NEVER)
    before = counter.dump()
    with pytest.raises(CardBarred) as refused:
        await counter.post(link, address="192.0.2.99")  # whoever tries it
    assert set(refused.value.members["fields"]) == {"number"}
    assert (counter.dump(), counter.bank.asked) == (before, (1, 0, 0))
    assert NUMBER.encode() not in counter.dump()
    counter.bank.says = Approved("A1B2C3")
    assert (await counter.post(link, number="5555555555554444")).state is V.PAID
    assert (await counter.post(await counter.link())).state is V.PAID, "another link, another bank"
    assert (await counter.post(link, key)).transaction == declined.transaction, "the same form"


@pytest.mark.parametrize("says", [NO, Declined("51", "insufficient_funds"), Declined("gone", "x")])
async def test_any_other_declined_card_may_be_tried_again(counter, says):
    link = await counter.link()
    counter.bank.says = says
    assert (await counter.post(link)).state is V.DECLINED
    counter.bank.says = Approved("A1B2C3")
    assert (await counter.post(link)).state is V.PAID


async def test_what_was_refused_for_good_is_forgotten_once_no_link_can_be_left(counter):
    counter.bank.says = STOLEN
    await counter.post(await counter.link())
    counter.wait(hours=24 * 92)
    assert await forget(counter.store, Tries, Barred, at=counter.at) == 2, (
        "and the count of its declines"
    )
    assert await counter.store.due(Barred, before=counter.at) == []


def test_a_card_that_is_refused_twice_at_once_is_barred_once():
    async def twice():
        counter = Counter()
        link = await counter.link(max_payments=None)
        counter.bank.says = STOLEN
        keys = [(await counter.visit(link)).attempt for _ in range(2)]
        seen = await asyncio.gather(*(counter.post(link, key) for key in keys))
        assert [visit.state for visit in seen] == [V.DECLINED] * 2

    for seed in range(10):
        in_virtual_time(twice(), seed)
