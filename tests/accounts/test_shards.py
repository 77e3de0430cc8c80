from __future__ import annotations

import asyncio

import pytest

from payseal.accounts import InvalidShards, User, set_methods, shards_of, spread, user_of
from payseal.core.errors import Missing
from payseal.core.event import Event
from payseal.core.ids import SHARDS_MAX, AccountId, home
from payseal.core.record import encode
from payseal.core.store import deciding


async def test_an_account_has_one_shard_and_says_nothing_of_it(user, store):
    assert await shards_of(store, user.account) == 1
    assert b"shards" not in encode(user)


async def test_an_account_is_spread_further_and_that_is_told(user, store, events, at):
    await spread(store, user.account, 4, at=at)
    again = await spread(store, user.account, SHARDS_MAX, at=at)

    assert await user_of(store, user.account) == again
    assert await shards_of(store, user.account) == SHARDS_MAX
    page = await store.page(Event, home(user.account))
    told = [event.data["shards"] for event in page.records if event.type == "user.spread"]
    assert sorted(told) == [4, SHARDS_MAX]


async def test_the_same_number_again_changes_nothing(user, store, at):
    first = await spread(store, user.account, 4, at=at)

    assert await spread(store, user.account, 4, at=at) == first
    assert await user_of(store, user.account) == first


@pytest.mark.parametrize("shards", [-1, 0, 1, 3, SHARDS_MAX + 1])
async def test_shards_are_never_fewer_and_have_an_end(user, store, at, shards):
    before = await spread(store, user.account, 4, at=at)

    with pytest.raises(InvalidShards) as refused:
        await spread(store, user.account, shards, at=at)

    assert refused.value.members == {"shards": 4}
    assert await user_of(store, user.account) == before


async def test_two_who_raise_it_at_one_moment_leave_the_larger_number(user, store, at):
    async def to(shards: int) -> User | InvalidShards:
        try:
            return await deciding(spread, store, user.account, shards, at=at)
        except InvalidShards as refused:
            return refused

    await asyncio.gather(to(8), to(2))
    assert await shards_of(store, user.account) == 8


async def test_what_else_changes_an_account_leaves_its_shards(user, store, at):
    await spread(store, user.account, 4, at=at)
    await set_methods(store, (), user.account, [], at=at)

    assert await shards_of(store, user.account) == 4


async def test_nobody_is_spread(store, at):
    for account in ("0" * 12, "", "nonsense"):
        with pytest.raises(Missing):
            await spread(store, AccountId(account), 2, at=at)
