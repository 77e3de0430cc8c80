from __future__ import annotations

from datetime import timedelta

import pytest

from payseal import risk
from payseal.core.errors import Kind
from payseal.core.ids import value_id
from payseal.core.store import Stale, forget
from payseal.risk import DECLINES_MAX, PAUSE, Barred, Paused, Tries, declines_left
from tests.shop import START

SECOND = timedelta(seconds=1)
LINK = "lnk_" + "0" * 40
RULE = [  # seconds before now at which cards were declined, seconds left to wait (None: go on)
    ((), None),
    ((0, 0, 0, 0), None),
    ((0, 0, 0, 0, 0), 900),
    ((899, 10, 5, 2, 1), 1),
    ((899.5, 10, 5, 2, 1), 1),  # rounded up: after that second it is over
    ((898.6, 10, 5, 2, 1), 2),
    ((900, 10, 5, 2, 1), None),
    ((901, 800, 700, 600, 500), None),
    ((800, 700, 600, 500, 400), 100),
    ((800, 700, 600, 500, 400, 300, 200), 300),  # the fifth last counts
    ((1, 899, 2, 5, 10), 1),  # in whatever order they were heard of
]


async def decline(shop, payer="ada", link=LINK):
    await shop.store.commit(await risk.count_decline(shop.store, link, payer, at=shop.at))


async def may_try(shop, payer="ada", link=LINK) -> bool:
    try:
        await risk.tries_left(shop.store, link, payer, at=shop.at)
    except Paused:
        return False
    return True


@pytest.mark.parametrize(("ago", "wait"), RULE)
def test_five_declines_within_the_pause_are_enough(ago, wait):
    declined_at = [START - seconds * SECOND for seconds in ago]
    if wait is None:
        declines_left(declined_at, at=START)
        return
    with pytest.raises(Paused) as refused:
        declines_left(declined_at, at=START)
    assert (refused.value.kind, refused.value.code) == (Kind.TOO_MANY, "paused")
    assert refused.value.members == {"retryAfter": wait}
    declines_left(declined_at, at=START + wait * SECOND)


async def test_a_payer_pauses_after_five_declines_and_goes_on_afterwards(shop):
    for _ in range(DECLINES_MAX):
        assert await may_try(shop)
        await decline(shop)
        shop.wait(10)
    assert not await may_try(shop)
    shop.at = START + PAUSE - SECOND
    assert not await may_try(shop)
    shop.at = START + PAUSE
    assert await may_try(shop)
    await decline(shop)
    assert not await may_try(shop), "the last five count again"


async def test_another_payer_and_another_link_are_not_paused(shop):
    for _ in range(DECLINES_MAX):
        await decline(shop)
    assert not await may_try(shop)
    assert await may_try(shop, payer="bob")
    assert await may_try(shop, link="lnk_" + "1" * 40)


async def test_only_the_last_few_declines_are_kept(shop):
    for _ in range(3 * DECLINES_MAX):
        await decline(shop)
        shop.wait(1)
    tries = await shop.store.get(Tries, value_id("try", LINK, "ada"))
    assert len(tries.declined_at) == DECLINES_MAX
    assert tries.declined_at[-1] == shop.at - SECOND


async def test_two_declines_at_once_are_both_counted(shop):
    await decline(shop)
    one = await risk.count_decline(shop.store, LINK, "ada", at=shop.at)
    other = await risk.count_decline(shop.store, LINK, "ada", at=shop.at)
    await shop.store.commit(one)
    with pytest.raises(Stale):
        await shop.store.commit(other)


async def test_what_counts_no_more_is_forgotten_and_not_before(shop):
    await decline(shop)
    shop.wait(60)
    await decline(shop, payer="bob")
    shop.at = START + PAUSE - SECOND
    assert await forget(shop.store, Tries, Barred, at=shop.at) == 0
    shop.at = START + PAUSE
    assert await forget(shop.store, Tries, Barred, at=shop.at) == 1
    assert await shop.store.get(Tries, value_id("try", LINK, "ada")) is None
    assert await shop.store.get(Tries, value_id("try", LINK, "bob")) is not None


async def test_a_payer_is_kept_by_a_hash_only(shop):
    await decline(shop, payer="192.0.2.7")
    assert b"192.0.2.7" not in shop.dump()
