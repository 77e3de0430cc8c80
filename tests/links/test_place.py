from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from payseal.core.store import Check, Delete, Insert, Stale, Taken, Update, deciding
from payseal.links import Place, SoldOut, free_place, is_sold_out, place_id, unpaid_place
from tests.shop import Shop
from tests.virtual import in_virtual_time


async def take(shop, link, transaction):
    async def claim():
        place = await free_place(shop.store, link, transaction)
        assert place is not None
        await shop.store.commit(Insert(place))
        return place

    return await deciding(claim)


async def pay(shop, link, place):
    """As settlement does: paid, and the link with it when no other is left."""

    async def mark():
        now = await shop.again(place)
        unpaid = await unpaid_place(shop.store, link, beside=now)
        last = Update((await shop.again(link)).pay()) if unpaid is None else Check(unpaid)
        await shop.store.commit(Update(now.pay()), last)

    await deciding(mark)


@pytest.mark.parametrize("places", [1, 2, 10, 26, 60])
async def test_each_payer_gets_a_place_of_their_own_until_all_are_taken(shop, places):
    link = await shop.link(max_payments=places)
    taken = [await take(shop, link, f"payer {n}") for n in range(places)]
    assert {place.number for place in taken} == set(range(places))
    assert await is_sold_out(shop.store, link)
    with pytest.raises(SoldOut) as refused:
        await free_place(shop.store, link, "one too many")
    assert (refused.value.code, refused.value.members) == ("link_sold_out", {"link": link.id})


async def test_a_place_given_back_is_free_again(shop):
    link = await shop.link(max_payments=3)
    taken = [await take(shop, link, f"payer {n}") for n in range(3)]
    await shop.store.commit(Delete(taken[1]))
    assert not await is_sold_out(shop.store, link)
    again = await take(shop, link, "another")
    assert (again.number, again.id) == (taken[1].number, taken[1].id)


async def test_a_link_without_end_has_no_places(shop):
    link = await shop.link(max_payments=None)
    assert await free_place(shop.store, link, "payer") is None
    assert not await is_sold_out(shop.store, link)


async def test_the_same_place_is_taken_once(shop):
    link = await shop.link()
    one = await free_place(shop.store, link, "one")
    other = await free_place(shop.store, link, "other")
    await shop.store.commit(Insert(one))
    with pytest.raises(Taken):
        await shop.store.commit(Insert(other))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("places", "payers"), [(1, 50), (10, 60), (30, 30)])
def test_of_many_payers_at_once_exactly_as_many_get_a_place_as_there_are(seed, places, payers):
    async def rush():
        shop = Shop()
        link = await shop.link(max_payments=places)
        outcomes = await asyncio.gather(
            *(take(shop, link, f"payer {n}") for n in range(payers)), return_exceptions=True
        )
        assert len(await shop.places()) == places
        return Counter(type(outcome) for outcome in outcomes)

    expected = Counter({Place: places, SoldOut: payers - places})
    assert in_virtual_time(rush(), seed) == +expected


async def test_beside_a_place_the_unpaid_one_is_told_as_it_is(shop):
    link = await shop.link(max_payments=3)
    first = await take(shop, link, "first")
    free = await unpaid_place(shop.store, link, beside=first)
    assert (free.version, free.number != first.number) == (0, True)
    second = await take(shop, link, "second")
    third = await take(shop, link, "third")
    await shop.store.commit(Update(second.pay()))
    assert await unpaid_place(shop.store, link, beside=first) == third
    await shop.store.commit(Update(third.pay()))
    assert await unpaid_place(shop.store, link, beside=first) is None


async def test_a_free_place_that_is_taken_meanwhile_is_noticed(shop):
    link = await shop.link(max_payments=2)
    first = await take(shop, link, "first")
    free = await unpaid_place(shop.store, link, beside=first)
    await take(shop, link, "second")
    with pytest.raises(Stale):
        await shop.store.commit(Update(first.pay()), Check(free))


async def test_of_two_last_payers_one_looks_again_and_finds_the_link_paid(shop):
    link = await shop.link(max_payments=2)
    one, other = await take(shop, link, "one"), await take(shop, link, "other")
    seen_by_one = await unpaid_place(shop.store, link, beside=one)
    seen_by_other = await unpaid_place(shop.store, link, beside=other)
    assert (seen_by_one, seen_by_other) == (other, one)
    await shop.store.commit(Update(one.pay()), Check(seen_by_one))
    with pytest.raises(Stale):
        await shop.store.commit(Update(other.pay()), Check(seen_by_other))
    await pay(shop, link, other)
    assert (await shop.again(link)).status == "paid"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("places", [1, 2, 3, 10])
def test_however_the_last_payers_meet_the_link_is_paid_once(seed, places):
    async def rush():
        shop = Shop()
        link = await shop.link(max_payments=places)
        taken = [await take(shop, link, f"payer {n}") for n in range(places)]
        await asyncio.gather(*(pay(shop, link, place) for place in taken))
        return (await shop.again(link)).version, {paid for _, paid in await shop.places()}

    assert in_virtual_time(rush(), seed) == (2, {True})


def test_a_place_says_its_link_and_has_one_id():
    link = "lnk_" + "0" * 40
    place = Place(id=place_id(link, 3), link=link, number=3, transaction="t")
    assert place.of == link
    assert place.id == place_id(link, 3) != place_id(link, 4)
    assert (place.pay().paid, place.pay().version) == (True, 2)
