import asyncio
from datetime import timedelta
from functools import partial

import msgspec

from payseal.core.store import PAGE_MAX
from payseal.notifications import DeliveryStatus, Endpoint
from payseal.notifications.line import HOLD, LINE_MAX, LOOK_AGAIN_S, Sender, hold
from payseal.outbound import NoResponse, Response

BACKLOG = 4 * LINE_MAX


async def test_story_21_a_failing_endpoint_or_a_poison_event_blocks_no_other(world, merchant):
    dead, _ = await world.endpoint("http://localhost:1/dead")
    sick, _ = await world.endpoint(f"{merchant.url}/sick")
    well, _ = await world.endpoint(f"{merchant.url}/well")
    merchant.statuses["/sick"] = [500, 200]
    for _ in range(5):
        await world.happens()
    await world.fan_out()
    await world.deliver()
    assert {d.status for d in await world.told_of(well)} == {"delivered"}
    assert sorted(d.status for d in await world.told_of(sick)) == ["delivered"] * 4 + ["pending"]
    assert {d.last_error for d in await world.told_of(dead)} == {"not_connected", ""}


async def test_an_endpoint_is_not_disabled_for_one_poison_event(world, merchant):
    endpoint, _ = await world.endpoint(f"{merchant.url}/hook")
    poison = await world.happens()
    await world.fan_out()

    async def send(url, body, headers):
        return Response(500 if headers["webhook-id"] == poisoned.message_id else 200)

    poisoned = await world.only(endpoint)
    world.later(seconds=1)
    await world.happens()
    await world.fan_out()
    for _ in range(10):
        await world.deliver(send)
        world.later(hours=30)
    assert sorted(d.status for d in await world.told_of(endpoint)) == ["delivered", "failed"]
    assert (await world.accounts.get(Endpoint, endpoint.id)).enabled
    assert poisoned.event == poison.id


async def test_an_endpoint_that_takes_messages_of_another_shard_is_not_disabled(world):
    endpoint, _ = await world.endpoint("http://localhost/hook")
    world.shards = 4
    poison = await world.happens(shard=1)
    world.later(seconds=1)
    await world.happens(shard=3)
    await world.fan_out()
    ids = {delivery.event: delivery.message_id for delivery in await world.told_of(endpoint)}

    async def send(url, body, headers):
        return Response(500 if headers["webhook-id"] == ids[poison.id] else 200)

    for _ in range(10):
        await world.deliver(send)
        world.later(hours=30)
    assert [d.status for d in await world.told_of(endpoint)] == ["failed", "delivered"]
    assert (await world.accounts.get(Endpoint, endpoint.id)).enabled


async def test_a_slow_endpoint_does_not_delay_anothers_delivery(world, merchant):
    await world.endpoint(f"{merchant.url}/slow")
    quick, _ = await world.endpoint(f"{merchant.url}/quick", "transaction.*")
    merchant.silent.add("/slow")
    for _ in range(3):
        await world.happens("link.paid")
    await world.fan_out()
    run = asyncio.create_task(world.deliver())
    await merchant.until("/slow")
    # This one happens while the first is still waiting for its answer.
    await world.happens("transaction.captured")
    await world.fan_out()
    await merchant.until("/quick")
    assert len(merchant.at("/slow")) == 1
    merchant.closing.set()
    await run
    assert (await world.only(quick)).status is DeliveryStatus.DELIVERED


async def test_an_endpoint_that_never_answers_ends_its_turn_by_the_time_out(world, merchant):
    endpoint, _ = await world.endpoint(f"{merchant.url}/slow")
    merchant.silent.add("/slow")
    for _ in range(3):
        await world.happens()
    await world.fan_out()
    assert await world.deliver(partial(world.outbound.post, timeout_s=0.2)) == 1
    errors = sorted(d.last_error for d in await world.told_of(endpoint))
    assert errors == ["", "", "timed_out"]
    merchant.silent.clear()
    world.at += HOLD
    await world.deliver()
    assert {d.status for d in await world.told_of(endpoint)} == {"delivered"}


async def test_a_backlog_of_one_endpoint_hides_no_other(world):
    await world.endpoint("http://localhost/dead", "link.*")
    await world.endpoint("http://localhost/quick", "transaction.*")
    for _ in range(BACKLOG):
        await world.happens("link.paid")
    await world.fan_out()
    world.later(seconds=1)
    await world.happens("transaction.captured")
    await world.fan_out()
    arrived = asyncio.Event()

    async def send(url, body, headers):
        if url.endswith("/quick"):
            arrived.set()
            return Response(200)
        await asyncio.sleep(60)
        return NoResponse("timed_out")

    run = asyncio.create_task(world.deliver(send))
    await asyncio.wait_for(arrived.wait(), BACKLOG / PAGE_MAX * LOOK_AGAIN_S - 1)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


async def test_workers_that_deliver_at_one_moment_send_it_once(world):
    await world.endpoint("http://localhost/hook")
    for _ in range(30):
        await world.happens()
    await world.fan_out()
    sent = []

    async def send(url, body, headers):
        sent.append(headers["webhook-id"])
        await asyncio.sleep(0)
        return Response(200)

    await asyncio.gather(*(world.deliver(send) for _ in range(4)))
    assert len(sent) == len(set(sent)) == 30


async def test_one_endpoint_gets_one_message_at_a_time_in_the_order_of_due(world):
    await world.endpoint("http://localhost/hook")
    for _ in range(5):
        await world.happens()
        await world.fan_out()
        world.later(seconds=1)
    seen, now_open = [], 0

    async def send(url, body, headers):
        nonlocal now_open
        now_open += 1
        assert now_open == 1
        await asyncio.sleep(0)
        now_open -= 1
        seen.append(msgspec.json.decode(body)["timestamp"])
        return Response(200)

    await world.deliver(send)
    assert seen == sorted(seen)
    assert len(seen) == 5


async def test_what_is_not_reached_within_its_hold_is_left_for_later(world):
    endpoint, _ = await world.endpoint("http://localhost/hook")
    for _ in range(6):
        await world.happens()
    await world.fan_out()
    began = world.at

    async def send(url, body, headers):
        world.later(seconds=14)
        return Response(200)

    assert await world.deliver(send) == 3
    assert world.at - began == timedelta(seconds=3 * 14)
    world.at = began + HOLD
    assert await world.deliver(send) == 3
    assert {d.tries for d in await world.told_of(endpoint)} == {1}


async def test_a_claim_that_lost_is_no_claim(world):
    endpoint, _ = await world.endpoint("http://localhost/hook")
    await world.happens()
    await world.fan_out()
    delivery = await world.only(endpoint)
    sender = Sender(
        world.payments, world.accounts, world.master, world.outbound.post, world.spread, world.now
    )
    first, second = await asyncio.gather(hold(sender, delivery.id), hold(sender, delivery.id))
    assert [first, second].count(None) == 1
    assert await hold(sender, delivery.id) is None


async def test_a_line_that_breaks_stops_no_other(world):
    broken, _ = await world.endpoint("http://localhost/broken")
    well, _ = await world.endpoint("http://localhost/well")
    await world.happens()
    await world.fan_out()

    async def send(url, body, headers):
        if url.endswith("/broken"):
            raise RuntimeError("a bug")
        return Response(200)

    await world.deliver(send)
    assert (await world.only(well)).status is DeliveryStatus.DELIVERED
    world.at += HOLD
    await world.deliver(lambda *args: _answer(200))
    assert (await world.only(broken)).status is DeliveryStatus.DELIVERED


async def _answer(status):
    return Response(status)
