"""A payer who has to go elsewhere first, and what becomes of their payment meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from payseal.core.record import decode, encode
from payseal.issuers import Approved, Challenge, Declined, NotSent, Pending, Unknown, Way
from payseal.links import LinkStatus
from payseal.risk import Tries
from payseal.transactions import Transaction, TransactionStatus
from payseal.transactions.looks import HOLD, PAUSES
from tests.shop import START, nothing

S = TransactionStatus
UNTIL = START + timedelta(minutes=10)
CHALLENGE = Challenge("https://acs.example/challenge", UNTIL, "memo", {"creq": "e30"})
ABANDONED = Declined("", "challenge_abandoned")
NOT_KNOWN = [Pending(), Unknown("timeout"), NotSent("no_connection")]
AT_ONCE = {Approved("A1B2C3"): S.CAPTURED, Declined("N", "authentication_failed"): S.DECLINED}


@pytest.fixture
def challenged(shop):
    async def lead_away(**wished: object) -> Transaction:
        shop.bank.can(challenges=True)
        shop.bank.says = CHALLENGE
        return await shop.pay(await shop.link(**wished))

    return lead_away


async def test_a_payer_is_led_away_and_nothing_is_booked(shop, challenged):
    txn = await challenged()
    assert (txn.status, txn.challenge, txn.due) == (S.CHALLENGED, CHALLENGE, UNTIL)
    assert shop.bank.ways == [Way(txn.id, f"https://pay.example/p/token/return/{txn.id}")]
    assert await shop.told(txn) == ["transaction.started", "transaction.challenged"]
    assert await shop.entries(txn) == []
    assert await shop.places() == [(txn.id, False)]


async def test_who_leads_nobody_away_is_told_no_way(shop):
    txn = await shop.pay(await shop.link())
    assert (shop.bank.ways, txn.challenge) == ([None], None)
    assert b"challenge" not in encode(txn)


async def test_a_challenge_is_kept_and_a_transaction_without_one_is_read_as_before(challenged):
    txn = await challenged()
    assert decode(Transaction, txn.id, txn.version, encode(txn)) == txn
    ended = txn.decline("no")
    assert b"acs.example" not in encode(ended)
    assert decode(Transaction, txn.id, ended.version, encode(ended)) == ended


@pytest.mark.parametrize("answer", AT_ONCE)
async def test_what_the_issuer_says_when_the_payer_is_back_is_booked_once(shop, challenged, answer):
    txn = await challenged()
    shop.bank.concludes = answer
    first, second = await asyncio.gather(shop.conclude(txn), shop.conclude(txn))
    assert first.status is second.status is AT_ONCE[answer]
    assert (first.challenge, first.due) == (None, None)
    assert shop.bank.conclusions[0] == (txn.operation, "memo", False)
    assert len(await shop.entries(txn)) == (first.status is S.CAPTURED)
    assert bool(await shop.places()) == (first.status is S.CAPTURED)
    assert (await shop.told(txn))[2:] == [f"transaction.{first.status.value}"]


async def test_what_is_held_after_a_challenge_is_authorized(shop, challenged):
    txn = await challenged(capture="manual")
    shop.bank.concludes = Approved("A1B2C3")
    assert (await shop.conclude(txn)).status is S.AUTHORIZED


@pytest.mark.parametrize("answer", NOT_KNOWN)
async def test_what_the_issuer_does_not_know_yet_changes_nothing(shop, challenged, answer):
    txn = await challenged()
    shop.bank.concludes, before = answer, shop.dump()
    for _ in range(3):
        assert await shop.conclude(txn) == txn
    assert shop.dump() == before


async def test_whoever_comes_back_after_the_end_asks_nobody(shop, challenged):
    txn = await challenged()
    shop.bank.concludes = Approved("A1B2C3")
    paid = await shop.conclude(txn)
    shop.bank.concludes = Declined("N", "authentication_failed")
    assert await shop.conclude(txn) == paid
    assert len(shop.bank.conclusions) == 1


async def test_nobody_asks_on_their_own_before_the_time_has_passed(shop, challenged):
    txn = await challenged()
    shop.wait(599)
    await shop.work()
    assert (await shop.again(txn), shop.bank.conclusions) == (txn, [])


async def test_an_abandoned_challenge_ends_after_its_time_and_frees_its_place(shop, challenged):
    txn = await challenged()
    shop.bank.concludes = ABANDONED
    shop.wait(600)
    await shop.work()
    ended = await shop.again(txn)
    assert (ended.status, ended.reason, ended.due) == (S.DECLINED, "challenge_abandoned", None)
    assert shop.bank.conclusions == [(txn.operation, "memo", True)]
    assert await shop.places() == []
    shop.bank.says = Approved("A1B2C3")
    again = await shop.pay(await shop.again(await shop.link()))
    assert again.status is S.CAPTURED


@pytest.mark.parametrize("answer", NOT_KNOWN)
async def test_it_does_not_end_while_something_may_come_of_it(shop, challenged, answer):
    txn = await challenged()
    shop.bank.concludes = answer
    shop.wait(600)
    for number, pause in enumerate(PAUSES, start=1):
        await shop.work()
        waiting = await shop.again(txn)
        assert (waiting.status, waiting.looks) == (S.CHALLENGED, number)
        assert (waiting.due, await shop.places()) == (shop.at + pause, [(txn.id, False)])
        shop.at += pause
    shop.bank.concludes = Approved("A1B2C3")
    await shop.work()
    assert (await shop.again(txn)).status is S.CAPTURED


async def test_of_two_workers_one_asks_and_after_a_crash_another(shop, challenged):
    txn = await challenged()

    async def crash():
        raise asyncio.CancelledError

    shop.wait(600)
    shop.bank.concludes, shop.bank.meanwhile = ABANDONED, crash
    with pytest.raises(asyncio.CancelledError):
        await shop.resolve(txn)
    shop.bank.meanwhile = nothing
    assert (await shop.resolve(txn)).status is S.CHALLENGED
    shop.at += HOLD
    await asyncio.gather(shop.resolve(txn), shop.resolve(txn))
    assert (await shop.again(txn)).status is S.DECLINED
    assert len(shop.bank.conclusions) == 2


async def test_a_payer_who_is_back_in_the_last_moment_wins_over_its_end(shop, challenged):
    txn = await challenged()

    async def back():
        shop.bank.meanwhile, shop.bank.concludes = nothing, Approved("A1B2C3")
        await shop.conclude(txn)
        shop.bank.concludes = ABANDONED

    shop.wait(600)
    shop.bank.meanwhile = back
    await shop.resolve(txn)
    assert (await shop.again(txn)).status is S.CAPTURED
    assert await shop.reversals(txn) == []


async def test_money_that_moved_after_all_is_given_back(shop, challenged):
    txn = await challenged()
    shop.bank.concludes = ABANDONED
    shop.wait(600)
    await shop.resolve(txn)
    await shop.settle(txn, Approved("A1B2C3"))
    assert len(await shop.reversals(txn)) == 1
    assert (await shop.again(txn)).status is S.DECLINED


async def test_a_challenge_that_comes_when_the_resolver_has_decided_leads_nobody_away(shop):
    shop.bank.can(challenges=True)
    link = await shop.link()

    async def slowly():
        shop.bank.meanwhile = nothing
        shop.wait(60)
        await shop.work()

    shop.bank.says, shop.bank.meanwhile = CHALLENGE, slowly
    txn = await shop.pay(link)
    assert txn.status in (S.UNKNOWN, S.REVERSED)
    assert txn.challenge is None


async def test_in_a_crash_before_it_was_written_down_nobody_was_led_away(shop, challenged):
    shop.bank.can(challenges=True)
    txn = await shop.claim(await shop.link())
    shop.wait(45)
    assert (await shop.resolve(txn)).status is S.UNKNOWN
    assert (await shop.reverse(txn)).status is S.REVERSED


async def test_an_abandoned_challenge_counts_as_a_declined_card(shop, challenged):
    link = await shop.link()
    shop.bank.can(challenges=True)
    shop.bank.says, shop.bank.concludes = CHALLENGE, ABANDONED
    txn = await shop.pay(link)
    shop.wait(600)
    await shop.resolve(txn)
    assert (await shop.declines(link), len(await shop.all(Tries))) == (1, 0)


async def test_a_link_that_expires_meanwhile_is_paid_by_who_comes_back(shop, challenged):
    txn = await challenged(expires_in=60)
    shop.wait(120)
    await shop.work()
    shop.bank.concludes = Approved("A1B2C3")
    assert (await shop.conclude(txn)).status is S.CAPTURED
    links = await shop.all(type(await shop.link()))
    assert links[0].status is LinkStatus.PAID


async def test_the_card_may_be_given_to_the_issuer_itself(shop):
    shop.bank.can(challenges=True, hosted=True)
    shop.bank.says = Challenge("https://provider.example/pay/1", UNTIL, "session 1")
    link, attempt = await shop.link(), None
    txn = await shop.pay(link, attempt, card=None)
    assert (txn.brand, txn.last4, txn.status) == ("", "", S.CHALLENGED)
    shop.bank.concludes = Approved("A1B2C3")
    assert (await shop.conclude(txn)).status is S.CAPTURED
