import asyncio

import msgspec

from payseal.core.ids import Mode, home, value_id
from payseal.core.setback import Setback
from payseal.core.store import Checkpoint, Delete
from payseal.notifications import Delivery

URL = "https://shop.example/hook"


async def test_each_event_is_delivered_once_to_each_endpoint_that_wants_it(world):
    all_of_it, _ = await world.endpoint(URL)
    of_links, _ = await world.endpoint(URL, "link.*")
    of_one, _ = await world.endpoint(URL, "transaction.captured")
    paid = await world.happens("link.paid")
    captured = await world.happens("transaction.captured", shard=7)
    await world.happens("delivery.failed")
    assert await world.fan_out() == 3
    assert {d.event for d in await world.told_of(all_of_it)} == {paid.id, captured.id}
    assert [d.event for d in await world.told_of(of_links)] == [paid.id]
    assert [d.event for d in await world.told_of(of_one)] == [captured.id]
    assert await world.fan_out() == 0


async def test_accounts_and_modes_are_apart(world):
    live, _ = await world.endpoint(URL)
    test, _ = await world.endpoint(URL, mode=Mode.TEST)
    stranger, _ = await world.endpoint(URL, account=world.mint.account())
    event = await world.happens(mode=Mode.TEST)
    await world.fan_out()
    assert [d.event for d in await world.told_of(test)] == [event.id]
    assert await world.told_of(live) == await world.told_of(stranger) == []


async def test_more_deliveries_than_fit_a_commit_are_made_in_several(world):
    ends = [(await world.endpoint(URL))[0] for _ in range(20)]
    events = {(await world.happens()).id for _ in range(150)}
    assert await world.fan_out() == 150
    for end in ends:
        assert {d.event for d in await world.told_of(end)} == events


async def test_story_22_a_commit_that_fails_loses_no_event(world):
    end, _ = await world.endpoint(URL)
    event = await world.happens()
    assert await world.reader(Faulty(world.payments)).read() == 0
    assert await world.told_of(end) == []
    assert await world.fan_out() == 1
    assert [d.event for d in await world.told_of(end)] == [event.id]


async def test_a_feed_that_tells_everything_again_doubles_nothing(world):
    end, _ = await world.endpoint(URL)
    for _ in range(60):
        await world.happens()
    await world.fan_out()
    before = await world.told_of(end)
    (lane,) = await world.payments.lanes()
    checkpoint = await world.payments.get(Checkpoint, value_id("chk", "notifications", lane.id))
    await world.payments.commit(Delete(checkpoint))
    new = await world.happens()
    assert await world.fan_out() == 61
    after = await world.told_of(end)
    assert [d for d in after if d.event != new.id] == before
    assert len(after) == 61


async def test_workers_that_read_at_one_moment_make_one_delivery(world):
    end, _ = await world.endpoint(URL)
    for _ in range(120):
        await world.happens()
    stores = [Slow(world.payments) for _ in range(4)]
    readers = [world.reader(store, f"worker {n}") for n, store in enumerate(stores)]
    counts = await asyncio.gather(*(reader.read() for reader in readers))
    await world.fan_out()
    assert len(await world.told_of(end)) == 120
    assert sum(counts) <= 120


async def test_an_account_whose_endpoints_cannot_be_read_holds_up_no_other(world):
    end, _ = await world.endpoint(URL)
    broken = world.mint.account()
    world.accounts = Unreadable(world.accounts, home(broken))
    for _ in range(3):
        await world.happens(account=broken)
        await world.happens()
    assert await world.fan_out() == 6
    assert len(await world.told_of(end)) == 3
    world.later(minutes=1)
    late = await world.payments.due(Setback, before=world.at)
    assert [(setback.error, setback.tries) for setback in late] == [("DecodeError", 1)] * 3


class Around:
    """A store of which one promise is kept badly."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)


class Faulty(Around):
    async def commit(self, *changes):
        if any(isinstance(change.record, Delivery) for change in changes):
            raise OSError("the disk is full")
        await self._inner.commit(*changes)


class Slow(Around):
    async def commit(self, *changes):
        await asyncio.sleep(0)
        await self._inner.commit(*changes)


class Unreadable(Around):
    def __init__(self, inner, place):
        super().__init__(inner)
        self._place = place

    async def page(self, kind, place, **which):
        if place == self._place:
            raise msgspec.DecodeError("what another release wrote")
        return await self._inner.page(kind, place, **which)


def test_a_delivery_says_nothing_of_what_happened():
    assert not set(Delivery.__struct_fields__) & {"data", "body", "type"}
