import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from standardwebhooks import Webhook

from payseal.core.event import Event
from payseal.core.ids import Mode
from payseal.core.store import Checkpoint, Insert
from payseal.notifications import (
    SCHEDULE,
    DeliveryStatus,
    DisabledReason,
    Endpoint,
    delete_endpoint,
    deliver,
)
from payseal.notifications.delivery import Delivery, new_delivery
from payseal.notifications.line import HOLD
from payseal.storage.sqlite import SqliteStore

INSTANT = timedelta(milliseconds=1)  # what the stores' `due` is exact to


async def test_an_event_arrives_signed_and_whole(world, merchant):
    endpoint, secret = await world.endpoint(f"{merchant.url}/hook")
    event = await world.happens(data={"id": "lnk_1", "amount": "12.50"})
    await world.fan_out()
    assert await world.deliver() == 1
    (got,) = merchant.received
    sent_at = datetime.fromtimestamp(int(got.headers["webhook-timestamp"]), tz=UTC)
    assert sent_at == world.at
    assert got.headers["content-type"] == "application/json"
    assert got.headers["webhook-signature"] == Webhook(secret).sign(
        got.id, sent_at, got.body.decode()
    )
    body = msgspec.json.decode(got.body)
    assert body["type"] == "link.paid"
    assert datetime.fromisoformat(body["timestamp"]) == event.at
    assert body["data"] == {"id": "lnk_1", "amount": "12.50"}
    assert set(body) == {"type", "timestamp", "data"}
    delivery = await world.only(endpoint)
    assert (delivery.status, delivery.tries, delivery.last_status) == ("delivered", 1, 204)
    assert len(await world.events(world.payments, "delivery.delivered")) == 1
    world.later(days=9)
    assert await world.deliver() == 0


async def test_a_retry_has_the_same_id_and_a_fresh_time(world, merchant):
    endpoint, secret = await world.endpoint(f"{merchant.url}/hook")
    merchant.statuses["/hook"] = [500, 200]
    await world.happens()
    await world.fan_out()
    await world.deliver()
    assert await world.deliver() == 0
    world.at = (await world.only(endpoint)).due + INSTANT
    await world.deliver()
    first, second = merchant.received
    assert first.id == second.id
    assert first.body == second.body
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    at = datetime.fromtimestamp(int(second.headers["webhook-timestamp"]), tz=UTC)
    assert second.headers["webhook-signature"] == Webhook(secret).sign(
        second.id, at, second.body.decode()
    )


async def test_all_ten_tries_come_by_the_schedule_and_then_the_endpoint_is_disabled(
    world, merchant
):
    endpoint, _ = await world.endpoint(f"{merchant.url}/hook")
    merchant.statuses["/hook"] = [500]
    await world.happens()
    await world.fan_out()
    times = []
    while (delivery := await world.only(endpoint)).due is not None:
        world.at = delivery.due - INSTANT
        assert await world.deliver() == 0
        world.at = delivery.due + INSTANT
        assert await world.deliver() == 1
        times.append(world.at)
    gaps = [after - before for before, after in pairwise(times)]
    assert len(gaps) == 9
    for gap, nominal in zip(gaps, SCHEDULE, strict=True):
        assert nominal <= gap <= nominal * 1.1 + 2 * INSTANT
    assert len({got.id for got in merchant.received}) == 1
    assert (delivery.status, delivery.tries) == (DeliveryStatus.FAILED, 10)
    disabled = await world.accounts.get(Endpoint, endpoint.id)
    assert (disabled.enabled, disabled.disabled_reason) == (False, DisabledReason.FAILING)
    (told,) = await world.events(world.accounts, "endpoint.disabled")
    assert told.data["disabledReason"] == "failing"
    await world.happens()
    await world.fan_out()
    assert await world.only(endpoint) == delivery


async def test_410_disables_at_once_and_what_waits_is_cancelled_without_a_call(world, merchant):
    endpoint, _ = await world.endpoint(f"{merchant.url}/hook")
    merchant.statuses["/hook"] = [410]
    for _ in range(3):
        await world.happens()
    await world.fan_out()
    await world.deliver()
    assert len(merchant.received) == 1
    kept = await world.accounts.get(Endpoint, endpoint.id)
    assert kept.disabled_reason is DisabledReason.GONE
    statuses = sorted(d.status for d in await world.told_of(endpoint))
    assert statuses == ["cancelled", "cancelled", "failed"]


async def test_a_deleted_endpoint_is_not_called(world, merchant):
    endpoint, _ = await world.endpoint(f"{merchant.url}/hook")
    await world.happens()
    await world.fan_out()
    await delete_endpoint(world.accounts, world.account, Mode.LIVE, endpoint.id, at=world.at)
    await world.deliver()
    delivery = await world.only(endpoint)
    assert (delivery.status, delivery.last_error) == ("cancelled", "endpoint_deleted")
    assert merchant.received == []


async def test_a_redirect_is_a_failure_and_not_followed(world, merchant):
    endpoint, _ = await world.endpoint(f"{merchant.url}/hook")
    merchant.statuses["/hook"], merchant.headers = [307], {"Location": f"{merchant.url}/other"}
    await world.happens()
    await world.fan_out()
    await world.deliver()
    delivery = await world.only(endpoint)
    assert (delivery.status, delivery.last_error) == ("pending", "redirected")
    assert merchant.at("/other") == []


@pytest.mark.parametrize(("header", "rest_s"), [({}, 60), ({"Retry-After": "600"}, 600)])
async def test_an_endpoint_that_asks_for_rest_gets_it_from_all_its_messages(
    world, merchant, header, rest_s
):
    endpoint, _ = await world.endpoint(f"{merchant.url}/hook")
    merchant.statuses["/hook"], merchant.headers = [429, 200], header
    for _ in range(3):
        await world.happens()
    await world.fan_out()
    assert await world.deliver() == 1
    began = world.at
    await world.happens()
    await world.fan_out()
    for elapsed_s in (1, HOLD.seconds - 1, rest_s - 1):
        world.at = began + timedelta(seconds=elapsed_s)
        await world.deliver()
    assert len(merchant.received) == 1
    assert sum(d.tries for d in await world.told_of(endpoint)) == 1
    for elapsed_s in (rest_s, rest_s + HOLD.seconds):
        world.at = began + timedelta(seconds=elapsed_s)
        await world.deliver()
    assert {d.status for d in await world.told_of(endpoint)} == {"delivered"}


async def test_story_3_an_event_row_that_exists_is_not_an_event_that_was_sent(world, merchant):
    endpoint, _ = await world.endpoint(f"{merchant.url}/hook")
    event = await world.happens()
    # The process died after the row was written and before anything was sent.
    await world.payments.commit(Insert(new_delivery(endpoint, event, at=world.at)))
    assert await world.fan_out() == 1
    await world.deliver()
    assert len(merchant.received) == 1
    assert (await world.only(endpoint)).status is DeliveryStatus.DELIVERED


async def test_a_crash_between_claim_and_outcome_sends_it_again_with_the_same_id(world, merchant):
    endpoint, _ = await world.endpoint(f"{merchant.url}/hook")
    merchant.silent.add("/hook")
    await world.happens()
    await world.fan_out()
    run = asyncio.create_task(world.deliver())
    await merchant.until("/hook")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    merchant.silent.clear()
    assert await world.deliver() == 0, "it is held for a while"
    world.at += HOLD
    assert await world.deliver() == 1
    first, second = merchant.received
    assert first.id == second.id
    assert (await world.only(endpoint)).status is DeliveryStatus.DELIVERED


async def test_story_21_a_restart_forgets_no_retry(world, merchant, tmp_path):
    endpoint, _ = await world.endpoint(f"{merchant.url}/hook")
    merchant.statuses["/hook"] = [500, 200]
    event = world.event()
    async with _store(tmp_path) as payments:
        await payments.commit(Insert(event))
        world.payments = payments
        await world.fan_out()
        await world.deliver()
    async with _store(tmp_path) as payments:
        world.payments = payments
        delivery = await world.only(endpoint)
        assert (delivery.tries, delivery.status) == (1, DeliveryStatus.PENDING)
        world.at = delivery.due + INSTANT
        assert await world.fan_out() == 0
        assert await deliver(
            payments,
            world.accounts,
            world.master,
            world.outbound.post,
            world.spread,
            now=world.now,
        )
        assert (await world.only(endpoint)).status is DeliveryStatus.DELIVERED
    assert len({got.id for got in merchant.received}) == 1


def _store(folder):
    return SqliteStore(folder / "payments.db", [Event, Delivery, Checkpoint])
