"""A payer who has to go elsewhere first, and what becomes of their payment meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from payseal import transactions
from payseal.core.errors import Missing
from payseal.core.record import decode, encode
from payseal.core.store import forget
from payseal.issuers import (
    Approved,
    Authenticated,
    Challenge,
    Declined,
    NotSent,
    Pending,
    Proof,
    Unknown,
    Way,
)
from payseal.links import LinkStatus
from payseal.risk import Tries
from payseal.transactions import Led, Transaction, TransactionStatus
from payseal.transactions.looks import HOLD, PAUSES
from tests.shop import NUMBER, START, nothing

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
    assert shop.bank.ways == [Way(txn.id, f"https://pay.example/p/token/return/{txn.id}", "shop")]
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


PROOF = Proof("05", "AAABBZEEBgUFBgBlVQQGAAAAAAA=", "a2b1c3d4-0000-4000-8000-000000000001")


async def test_who_confirmed_pays_by_an_operation_of_its_own_without_the_code(shop, challenged):
    txn = await challenged()
    assert await shop.waiting() == 1
    shop.bank.concludes, shop.bank.says = Authenticated(PROOF), Approved("A1B2C3")
    shop.wait(300)
    paid = await shop.conclude(txn)
    assert (paid.status, paid.challenge, paid.approval_code) == (S.CAPTURED, None, "A1B2C3")
    first, second = shop.bank.purchases
    assert (second.kind, second.amount) == (first.kind, first.amount)
    assert (second.asked_at, second.call_until) == (shop.at, shop.at + timedelta(seconds=30))
    assert len({first.id, second.id}) == len({first.reference, second.reference}) == 2
    assert shop.bank.proofs == [None, PROOF]
    card = shop.bank.cards[1]
    assert (card.number, card.code.reveal()) == (NUMBER, "")
    assert [entry.operation for entry in await shop.entries(paid)] == [second.id]
    assert await shop.told(paid) == [
        *("transaction.started", "transaction.challenged"),
        *("transaction.started", "transaction.captured"),
    ]
    assert await shop.waiting() == 0
    assert PROOF.cavv.encode() not in shop.dump()


async def test_a_card_is_never_in_the_store_of_payments(shop, challenged):
    await challenged()
    assert NUMBER.encode() not in shop.dump()


async def test_many_who_say_so_at_once_make_one_charge(shop, challenged):
    txn = await challenged()
    shop.bank.concludes = shop.bank.hears = Authenticated(PROOF)
    shop.bank.says = Approved("A1B2C3")
    await asyncio.gather(*(shop.conclude(txn) for _ in range(5)), *(shop.hear(txn),) * 1)
    await asyncio.gather(*(shop.hear(txn) for _ in range(5)))
    assert len(shop.bank.purchases) == 2
    assert (await shop.again(txn)).status is S.CAPTURED
    assert len(await shop.entries(txn)) == 1


async def test_what_the_issuers_server_says_is_believed_if_it_is_about_this_challenge(
    shop, challenged
):
    txn = await challenged()
    shop.bank.hears, shop.bank.says = Authenticated(PROOF), Approved("A1B2C3")
    for told in (b"", b"other memo"):
        with pytest.raises(Missing):
            await shop.hear(txn, told)
    assert (await shop.again(txn), len(shop.bank.purchases)) == (txn, 1)
    assert (await shop.hear(txn)).status is S.CAPTURED
    assert shop.bank.conclusions == []


async def test_what_is_said_late_changes_nothing(shop, challenged):
    txn = await challenged()
    shop.bank.concludes = ABANDONED
    shop.wait(600)
    ended = await shop.resolve(txn)
    assert await shop.waiting() == 0
    shop.bank.hears = Authenticated(PROOF)
    assert await shop.hear(txn) == ended
    assert len(shop.bank.purchases) == 1


async def test_an_end_that_comes_too_late_does_not_stop_the_payment(shop, challenged):
    """The worker asked, the payer confirmed, and the money is being asked for."""
    txn = await challenged()
    shop.bank.hears, shop.bank.says = Authenticated(PROOF), Approved("A1B2C3")
    release = asyncio.Event()

    async def hear_meanwhile():
        shop.bank.meanwhile = release.wait
        shop.paying = asyncio.create_task(shop.hear(txn))
        for _ in range(100):
            await asyncio.sleep(0)

    shop.bank.concludes, shop.bank.meanwhile = ABANDONED, hear_meanwhile
    shop.wait(600)
    assert (await shop.resolve(txn)).status is S.STARTED
    release.set()
    assert (await shop.paying).status is S.CAPTURED


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Declined("1A", "authentication_needed"), S.DECLINED),
        (NotSent("no_connection"), S.FAILED),
        (Unknown("timeout"), S.UNKNOWN),
    ],
)
async def test_the_second_call_is_settled_as_any_other(shop, challenged, answer, status):
    txn = await challenged()
    shop.bank.concludes, shop.bank.says = Authenticated(PROOF), answer
    after = await shop.conclude(txn)
    assert after.status is status
    if status is S.UNKNOWN:
        shop.bank.finds = Approved("A1B2C3")
        shop.wait(45)
        assert (await shop.resolve(txn)).status is S.CAPTURED
        assert shop.bank.look_ups == [shop.bank.purchases[1]]


async def test_a_crash_between_challenge_and_payment_is_found_out_by_the_resolver(shop, challenged):
    txn = await challenged()

    async def crash():
        if len(shop.bank.purchases) == 2:
            raise asyncio.CancelledError

    shop.bank.concludes, shop.bank.meanwhile = Authenticated(PROOF), crash
    shop.wait(60)
    with pytest.raises(asyncio.CancelledError):
        await shop.conclude(txn)
    shop.bank.meanwhile, shop.bank.finds = nothing, Approved("A1B2C3")
    assert (await shop.again(txn)).status is S.STARTED
    shop.wait(45)
    assert (await shop.resolve(txn)).status is S.CAPTURED
    assert shop.bank.look_ups == [shop.bank.purchases[1]]


async def test_a_card_that_is_gone_pays_nothing_and_says_so(shop, challenged):
    txn = await challenged()
    await shop.vault.drop(txn.id)
    shop.bank.concludes = Authenticated(PROOF)
    after = await shop.conclude(txn)
    assert (after.status, after.reason) == (S.FAILED, "card_gone")
    assert await shop.places() == []


async def test_an_answer_to_the_first_call_does_not_settle_the_second(shop, challenged):
    txn = await challenged()
    shop.bank.concludes = Authenticated(PROOF)
    shop.bank.says = Unknown("timeout")
    await shop.conclude(txn)
    late = Declined("05", "declined")
    await transactions.settle(shop.store, txn.id, late, of=txn.operation.id, at=shop.at)
    assert (await shop.again(txn)).status is S.UNKNOWN


async def test_a_payer_has_one_open_challenge_with_a_card_at_a_link(shop):
    shop.bank.can(challenges=True)
    shop.bank.says, link = CHALLENGE, await shop.link(max_payments=None)
    first = await shop.pay(link)
    second = await shop.pay(link)
    assert first.status is S.CHALLENGED
    assert (second.status, second.reason) == (S.DECLINED, "challenge_open")
    for other in ({"payer": "bob"}, {"fingerprint": "another card"}):
        assert (await shop.pay(link, **other)).status is S.CHALLENGED
    assert (await shop.pay(await shop.link())).status is S.CHALLENGED
    assert (await shop.again(first)).status is S.CHALLENGED


async def test_of_two_at_once_one_is_led_away_and_the_other_frees_its_place(shop):
    shop.bank.can(challenges=True)
    shop.bank.says, link = CHALLENGE, await shop.link(max_payments=5)
    paid = await asyncio.gather(*(shop.pay(link) for _ in range(3)))
    assert sorted(txn.status for txn in paid) == [S.CHALLENGED, S.DECLINED, S.DECLINED]
    assert len(await shop.places()) == 1


async def test_after_its_end_they_may_be_led_away_again(shop):
    shop.bank.can(challenges=True)
    shop.bank.says, link = CHALLENGE, await shop.link(max_payments=None)
    shop.bank.concludes = Declined("N", "authentication_failed")
    await shop.conclude(await shop.pay(link))
    assert (await shop.pay(link)).status is S.CHALLENGED
    later = shop.at + timedelta(days=1)
    assert len(await shop.store.due(Led, before=later)) == 1
    assert await forget(shop.store, Led, at=UNTIL - timedelta(seconds=1)) == 0
    assert await forget(shop.store, Led, at=UNTIL) == 1
    assert await shop.store.due(Led, before=later) == []
