from __future__ import annotations

from datetime import timedelta

import pytest

from payseal import links
from payseal.core.errors import Missing, NotAllowed
from payseal.core.ids import AccountId, Mode, home
from payseal.core.store import Update, deciding
from payseal.links import Link, LinkCancelled, LinkExpired, LinkStatus
from tests.shop import OFFERS, START

OTHER = AccountId("z" * 12)
HOUR = timedelta(hours=1)


async def in_status(shop, link: Link, status: LinkStatus) -> Link:
    match status:
        case LinkStatus.PAID:
            await shop.store.commit(Update(link.pay()))
        case LinkStatus.AUTHORIZED:
            await shop.store.commit(Update(link.authorize()))
        case LinkStatus.CANCELLED:
            await shop.cancel(link)
        case LinkStatus.EXPIRED:
            await shop.store.commit(Update(link.expire(link.expires_at)))
        case LinkStatus.OPEN:
            pass
    return await shop.again(link)


async def listed(shop, **filters) -> list[Link]:
    page = await links.history(
        shop.store, shop.account, shop.mode, shards=shop.shards, **filters, at=shop.at
    )
    return page.records


async def test_a_link_is_found_by_its_account_in_its_mode_only(shop):
    link = await shop.link()
    assert await links.get(shop.store, shop.account, Mode.TEST, link.id) == link
    for account, mode in [(OTHER, Mode.TEST), (shop.account, Mode.LIVE), (OTHER, Mode.LIVE)]:
        with pytest.raises(Missing):
            await links.get(shop.store, account, mode, link.id)
        with pytest.raises(Missing):
            await links.cancel(shop.store, account, mode, link.id, at=shop.at)
    assert await shop.again(link) == link


@pytest.mark.parametrize("text", ["", "lnk_", "txn_" + "0" * 40, "lnk_" + "0" * 40, "é" * 44])
async def test_what_is_no_link_of_theirs_is_missing(shop, text):
    with pytest.raises(Missing) as refused:
        await links.get(shop.store, AccountId("0" * 12), Mode.LIVE, text)
    assert refused.value.code == "not_found"


async def test_a_cancelled_link_is_told_of_and_cannot_be_cancelled_again(shop):
    link = await shop.link()
    cancelled = await shop.cancel(link)
    assert (cancelled.status, cancelled.version) == (LinkStatus.CANCELLED, 2)
    assert await shop.again(link) == cancelled
    assert await shop.told(link) == ["link.created", "link.cancelled"]
    with pytest.raises(LinkCancelled):
        await shop.cancel(link)
    assert await shop.told(link) == ["link.created", "link.cancelled"]


async def test_an_expired_link_cannot_be_cancelled_even_before_the_worker_was_there(shop):
    link = await shop.link(expires_in=60)
    shop.wait(60)
    with pytest.raises(LinkExpired):
        await shop.cancel(link)


async def test_a_paid_link_cannot_be_cancelled(shop):
    link = await in_status(shop, await shop.link(), LinkStatus.PAID)
    with pytest.raises(NotAllowed) as refused:
        await shop.cancel(link)
    assert refused.value.code == "link_paid"


@pytest.mark.parametrize("status", LinkStatus)
@pytest.mark.parametrize(("waited", "over"), [(59.999999, False), (60, True), (3600, True)])
async def test_the_worker_expires_an_open_link_at_its_moment_and_never_before(
    shop, status, waited, over
):
    link = await in_status(shop, await shop.link(expires_in=60), status)
    told = await shop.told(link)
    shop.at = START + timedelta(seconds=waited)
    await shop.expire(link)
    if over and status is LinkStatus.OPEN:
        assert (await shop.again(link)).status is LinkStatus.EXPIRED
        assert await shop.told(link) == [*told, "link.expired"]
    else:
        assert await shop.again(link) == link
        assert await shop.told(link) == told


async def test_the_duty_finds_what_is_due(shop):
    soon, late = await shop.link(expires_in=60), await shop.link(expires_in=3600)
    shop.wait(61)
    await shop.work()
    assert (await shop.again(soon)).status is LinkStatus.EXPIRED
    assert (await shop.again(late)).status is LinkStatus.OPEN
    await shop.work()
    assert await shop.told(soon) == ["link.created", "link.expired"]


async def test_expiring_a_link_that_is_not_there_does_nothing(shop):
    await deciding(links.expire, shop.store, "lnk_" + "0" * 40, at=shop.at)
    assert shop.dump() == b""


async def test_paid_wins_over_expired(shop):
    link = await in_status(shop, await shop.link(expires_in=60), LinkStatus.EXPIRED)
    paid = await in_status(shop, link, LinkStatus.PAID)
    shop.wait(61)
    await shop.expire(paid)
    assert await shop.again(link) == paid


async def test_the_history_is_newest_first(shop):
    made = []
    for _ in range(5):
        made.append(await shop.link())
        shop.wait(1)
    assert await listed(shop) == made[::-1]


async def test_the_history_is_read_page_by_page(shop):
    made = []
    for _ in range(7):
        made.append(await shop.link())
        shop.wait(1)
    found, after = [], None
    for size in (3, 3, 1):
        page = await links.history(
            shop.store,
            shop.account,
            shop.mode,
            shards=shop.shards,
            limit=3,
            after=after,
            at=shop.at,
        )
        assert len(page.records) == size
        found += page.records
        after = page.after
    assert (found, after) == (made[::-1], None)


async def test_the_history_holds_what_is_of_the_account_and_mode_only(shop):
    link = await shop.link()
    live = await links.create(
        shop.store, shop.mint, shop.account, Mode.LIVE, OFFERS, shop.wish(), at=shop.at
    )
    await links.create(shop.store, shop.mint, OTHER, Mode.TEST, OFFERS, shop.wish(), at=shop.at)
    assert await listed(shop) == [link]
    page = await links.history(shop.store, shop.account, Mode.LIVE, at=shop.at)
    assert page.records == [live]
    assert live.partition == home(shop.account)


@pytest.mark.parametrize("status", LinkStatus)
async def test_the_history_is_filtered_by_the_status_that_is_shown(shop, status):
    made = {s: await in_status(shop, await shop.link(), s) for s in LinkStatus}
    assert await listed(shop, status=status) == [made[status]]
    shop.wait(hours=25)
    expected = {
        LinkStatus.OPEN: [],
        LinkStatus.EXPIRED: [made[LinkStatus.EXPIRED], made[LinkStatus.OPEN]],
    }.get(status, [made[status]])
    shown = await listed(shop, status=status)
    assert sorted(link.id for link in shown) == sorted(link.id for link in expected)


async def test_the_history_is_filtered_by_realm_and_time(shop):
    made = []
    for realm in ("books", "wine", "books"):
        made.append(await shop.link(realm=realm))
        shop.wait(hours=1)
    one, two, three = made
    assert await listed(shop, realm="books") == [three, one]
    assert await listed(shop, realm="cars") == []
    assert await listed(shop, start=START + HOUR) == [three, two]
    assert await listed(shop, end=START + HOUR) == [one]
    assert await listed(shop, realm="books", start=START + HOUR, end=START + 3 * HOUR) == [three]
