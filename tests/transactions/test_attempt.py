from __future__ import annotations

from datetime import timedelta

import pytest

from payseal.core.ids import is_id, mode_of, moment, partition_of
from payseal.transactions import AttemptKey, InvalidAttempt, history, new_key
from tests.shop import START

MILLISECOND, MINUTE = timedelta(milliseconds=1), timedelta(minutes=1)
RANDOM = "0123456789abcdef"
TIMES = [  # when the form was made, whether its key may be used now (an hour after the link)
    (timedelta(0), True),
    (30 * MINUTE, True),
    (60 * MINUTE, True),
    (61 * MINUTE, True),  # the clocks of two servers
    (61 * MINUTE + MILLISECOND, False),
    (90 * MINUTE, False),
    (-MILLISECOND, False),
    (-timedelta(days=365), False),
]
MALFORMED = ["", "x", RANDOM, "z" * 26, "0" * 26, "0" * 25, "u" * 26, "é" * 26, "0" * 10_000]


@pytest.mark.parametrize(("made", "good"), TIMES)
async def test_a_key_is_of_the_links_life_and_not_of_the_future(shop, made, good):
    link = await shop.link()
    shop.wait(hours=1)
    key = moment(START + made) + RANDOM
    if good:
        assert AttemptKey.read(link.id, key, at=shop.at) == AttemptKey(link.id, key)
    else:
        with pytest.raises(InvalidAttempt):
            AttemptKey.read(link.id, key, at=shop.at)


async def test_what_is_no_key_is_refused(shop):
    link = await shop.link()
    good = new_key(shop.mint, at=shop.at)
    assert AttemptKey.read(link.id, good, at=shop.at).text == good
    bad = [*MALFORMED, good + "0", good[:-1], good.upper(), good[:-1] + "\n", good[:-1] + "u"]
    for key in bad:
        with pytest.raises(InvalidAttempt) as refused:
            AttemptKey.read(link.id, key, at=shop.at)
        assert refused.value.code == "invalid_attempt"
        assert refused.value.members == {"field": "attempt"}


async def test_a_key_names_one_attempt_of_one_link(shop):
    link, other = await shop.link(), await shop.link()
    key = new_key(shop.mint, at=shop.at)
    attempt = AttemptKey(link.id, key).attempt
    assert is_id(attempt, "att")
    assert partition_of(attempt) == link.partition
    assert attempt == AttemptKey.read(link.id, key, at=shop.at).attempt
    assert attempt != AttemptKey(other.id, key).attempt
    assert attempt != AttemptKey(link.id, new_key(shop.mint, at=shop.at)).attempt


async def test_a_transaction_is_as_old_as_its_claim_and_not_as_its_form(shop):
    link = await shop.link(max_payments=2)
    early = shop.attempt(link)
    shop.wait(3600)
    late = await shop.pay(link, shop.attempt(link))
    shop.wait(1)
    txn = await shop.pay(link, early)
    assert txn.created_at == shop.at
    whose = {"account": link.account, "mode": mode_of(link.id), "shards": shop.shards}
    listed = await history(shop.store, **whose, start=shop.at)
    assert listed.records == [txn]
    listed = await history(shop.store, **whose)
    assert [record.id for record in listed.records] == [txn.id, late.id], "the newest first"
