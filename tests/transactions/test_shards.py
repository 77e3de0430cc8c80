"""An account that is spread: where its things lie, and that they are found."""

from __future__ import annotations

import pytest

from payseal import links, transactions
from payseal.core.ids import home, homes, partition_of
from payseal.risk import Tries
from payseal.transactions import Reference
from tests.transactions.conftest import REACHED_BY


@pytest.mark.parametrize("name", ["started", *REACHED_BY])
async def test_all_that_becomes_of_a_link_lies_in_its_shard(shop, reach, name):
    shop.shards = 16
    txn = await reach(name, max_payments=3)
    shelves = shop.store._shelves.items()
    places = {kind: {partition_of(id) for id in shelf.rows} for kind, shelf in shelves}
    # These are found by a value: each is in a partition of its own.
    for kind in (Reference, Tries):
        places.pop(kind)
    assert set.union(*places.values()) == {partition_of(txn.link)}


async def test_links_go_to_all_shards_of_the_account(shop):
    shop.shards = 4
    made = [await shop.link() for _ in range(100)]
    used = [link.partition for link in made]
    assert set(used) == set(homes(shop.account, shop.mode, 4))
    assert min(used.count(place) for place in set(used)) > 10


async def test_a_link_from_before_the_account_was_spread_is_found_and_paid(shop):
    shop.shards = 1
    before = await shop.link()
    shop.shards = 16
    shop.wait(1)
    txn = await shop.pay(before)
    assert txn.partition == before.partition == home(shop.account, shop.mode)
    page = await transactions.history(
        shop.store, shop.account, shop.mode, shards=16, payment=before.id
    )
    assert page.records == [txn]


async def test_a_process_that_has_not_heard_of_the_raise_finds_every_link_by_its_id(shop):
    shop.shards = 16
    made = [await shop.link() for _ in range(20)]
    for link in made:
        assert await links.get(shop.store, shop.account, shop.mode, link.id) == link
        txn = await shop.pay(link)
        page = await transactions.history(
            shop.store, shop.account, shop.mode, shards=1, payment=link.id
        )
        assert page.records == [txn]
        assert await transactions.get(shop.store, shop.account, shop.mode, txn.id) == txn
        assert len(await transactions.log(shop.store, txn.id)) == 2


async def test_transactions_are_listed_across_the_shards_newest_first(shop):
    shop.shards = 4
    txns = []
    for _ in range(12):
        txns.append(await shop.pay(await shop.link()))
        shop.wait(1)
        shop.shards += 1
    found, after = [], None
    for _ in range(6):
        page = await transactions.history(
            shop.store, shop.account, shop.mode, shards=shop.shards, limit=2, after=after
        )
        found, after = found + page.records, page.after
    assert (found, after) == (txns[::-1], None)
