from datetime import timedelta
from functools import partial

import pytest

from payseal.core.errors import Missing
from payseal.core.ids import Mode
from payseal.core.record import encode
from payseal.notifications import (
    ENDPOINTS_MAX,
    EVENT_TYPES,
    DisabledReason,
    Endpoint,
    InvalidEndpoint,
    TooManyEndpoints,
    create_endpoint,
    delete_endpoint,
    deliveries,
    endpoints,
    get_endpoint,
)
from payseal.notifications.endpoint import matches
from payseal.outbound import ForbiddenAddress

URL = "https://shop.example/hook"


async def test_a_secret_is_shown_once_and_kept_sealed(world):
    endpoint, secret = await world.endpoint(URL)
    (kept,) = await endpoints(world.accounts, world.account, Mode.LIVE)
    assert kept == endpoint
    assert secret.encode() not in encode(kept)
    assert secret not in repr(kept)
    assert world.master.unseal(kept.secret, context=kept.id).decode() == secret
    (event,) = await world.events(world.accounts, "endpoint.created")
    assert event.data["url"] == URL
    assert "secret" not in event.data


@pytest.mark.parametrize("events", [(), ("link",), ("link.",), ("payment.paid",), ("**",), ("",)])
async def test_only_events_that_we_send_can_be_asked_for(world, events):
    with pytest.raises(InvalidEndpoint) as refused:
        await _create(world, URL, events)
    assert refused.value.members["field"] == "events"
    assert await endpoints(world.accounts, world.account, Mode.LIVE) == []


async def test_there_are_at_most_twenty_events(world):
    with pytest.raises(InvalidEndpoint):
        await _create(world, URL, ["link.paid"] * 21)
    endpoint, _ = await _create(world, URL, ["link.paid"] * 20)
    assert endpoint.events == ("link.paid",)


@pytest.mark.parametrize("url", ["", "http://shop.example/", "https://x.example/" + "x" * 2000])
async def test_an_address_that_is_not_allowed_is_refused(world, url):
    with pytest.raises((InvalidEndpoint, ForbiddenAddress)) as refused:
        await world.endpoint(url)
    assert refused.value.members["field"] == "url"


async def test_an_account_has_at_most_twenty_in_one_mode(world):
    for _ in range(ENDPOINTS_MAX):
        await world.endpoint(URL)
    with pytest.raises(TooManyEndpoints):
        await world.endpoint(URL)
    await world.endpoint(URL, mode=Mode.TEST)
    await world.endpoint(URL, account=world.mint.account())


async def test_another_accounts_or_modes_endpoint_is_missing(world):
    endpoint, _ = await world.endpoint(URL)
    stranger = world.mint.account()
    for account, mode, id in (
        (stranger, Mode.LIVE, endpoint.id),
        (world.account, Mode.TEST, endpoint.id),
        (world.account, Mode.LIVE, "end_nonsense"),
        (world.account, Mode.LIVE, endpoint.id.replace("end_", "lnk_")),
    ):
        with pytest.raises(Missing):
            await get_endpoint(world.accounts, account, mode, id)
        with pytest.raises(Missing):
            await delete_endpoint(world.accounts, account, mode, id, at=world.at)
        with pytest.raises(Missing):
            await deliveries(world.accounts, world.payments, account, mode, id)


async def test_a_deleted_endpoint_is_gone_and_its_end_is_told(world):
    endpoint, _ = await world.endpoint(URL)
    await delete_endpoint(world.accounts, world.account, Mode.LIVE, endpoint.id, at=world.at)
    assert await world.accounts.get(Endpoint, endpoint.id) is None
    assert [e.seq for e in await world.events(world.accounts, "endpoint.deleted")] == [2]


async def test_deliveries_are_listed_page_by_page_newest_first(world):
    endpoint, _ = await world.endpoint(URL)
    made = []
    for _ in range(5):
        made.append(await world.happens())
        world.later(seconds=1)
    await world.fan_out()
    seen, after = [], None
    while True:
        page = await deliveries(
            world.accounts,
            world.payments,
            world.account,
            Mode.LIVE,
            endpoint.id,
            limit=2,
            after=after,
        )
        seen += [delivery.event for delivery in page.records]
        after = page.after
        if after is None:
            break
    assert seen == [event.id for event in reversed(made)]


async def test_deliveries_of_a_spread_account_are_listed_across_its_shards(world):
    endpoint, _ = await world.endpoint(URL)
    other, _ = await world.endpoint(URL)
    made = []
    for number in range(9):
        made.append(await world.happens(shard=number % 4))
        world.later(seconds=1)
    await world.fan_out()
    assert {d.partition for d in await world.told_of(endpoint)} == {e.partition for e in made}
    ask = partial(deliveries, world.accounts, world.payments, world.account, Mode.LIVE)
    seen, after = [], None
    for shards in (4, 4, 5, 8, 8):
        page = await ask(endpoint.id, shards=shards, limit=2, after=after)
        seen, after = seen + page.records, page.after
    assert after is None
    assert [delivery.event for delivery in seen] == [event.id for event in made[::-1]]
    assert len((await ask(other.id, shards=4)).records) == 9


@pytest.mark.parametrize(
    ("patterns", "type", "wanted"),
    [
        (("*",), "link.paid", True),
        (("*",), "endpoint.disabled", False),
        (("*",), "delivery.failed", False),
        (("link.*",), "link.paid", True),
        (("link.*",), "transaction.captured", False),
        (("link.*",), "linked.paid", False),
        (("transaction.captured",), "transaction.captured", True),
        (("transaction.captured",), "transaction.declined", False),
        (("link.paid", "transaction.*"), "transaction.voided", True),
    ],
)
def test_a_pattern_names_its_events_and_no_others(patterns, type, wanted):
    assert matches(patterns, type) is wanted


def test_every_documented_event_goes_out():
    assert all(matches(["*"], type) for type in EVENT_TYPES)


async def test_an_endpoint_wants_nothing_from_before_its_time_or_after_its_end(world):
    before = world.event()
    world.later(seconds=1)
    endpoint, _ = await world.endpoint(URL)
    assert not endpoint.wants(before)
    assert endpoint.wants(world.event())
    world.later(seconds=1)
    assert not endpoint.disable(DisabledReason.GONE).wants(world.event())


async def test_rest_ends_at_its_moment(world):
    endpoint, _ = await world.endpoint(URL)
    resting = endpoint.rest(world.at + timedelta(seconds=60))
    assert resting.rests(world.at)
    assert not resting.rests(world.at + timedelta(seconds=60))


async def _create(world, url, events):
    return await create_endpoint(
        world.accounts,
        world.mint,
        world.master,
        world.entropy,
        world.account,
        Mode.LIVE,
        url,
        events,
        lambda _: None,
        at=world.at,
    )
