from __future__ import annotations

from datetime import timedelta

import pytest

from payseal import transactions
from payseal.core.errors import Missing
from payseal.core.ids import AccountId, Mode
from payseal.issuers import Approved, Declined
from payseal.transactions import TransactionStatus
from tests.shop import START

OTHER = AccountId("z" * 12)
HOUR = timedelta(hours=1)


@pytest.fixture
async def three(shop):
    """One captured in the realm of books, then two of wine, of one link: declined, captured."""
    books = await shop.link(realm="books")
    wine = await shop.link(realm="wine", max_payments=None)
    txns = []
    for link, says in [
        (books, Approved("A")),
        (wine, Declined("05", "declined")),
        (wine, Approved("B")),
    ]:
        shop.bank.says = says
        txns.append(await shop.pay(link))
        shop.wait(hours=1)
    return txns


async def listed(shop, **filters):
    page = await transactions.history(
        shop.store, shop.account, shop.mode, shards=shop.shards, **filters
    )
    return page.records


async def test_a_transaction_is_found_by_its_account_in_its_mode_only(shop, three):
    txn = three[0]
    assert await transactions.get(shop.store, shop.account, Mode.TEST, txn.id) == txn
    for account, mode in [(OTHER, Mode.TEST), (shop.account, Mode.LIVE), (OTHER, Mode.LIVE)]:
        with pytest.raises(Missing):
            await transactions.get(shop.store, account, mode, txn.id)
    for text in ["", txn.link, txn.id[:-1], txn.id + "0", "txn_" + "0" * 40]:
        with pytest.raises(Missing):
            await transactions.get(shop.store, shop.account, Mode.TEST, text)


async def test_the_history_is_newest_first_and_read_page_by_page(shop, three):
    assert await listed(shop) == three[::-1]
    first = await transactions.history(
        shop.store, shop.account, shop.mode, shards=shop.shards, limit=2
    )
    assert first.records == three[:0:-1]
    rest = await transactions.history(
        shop.store, shop.account, shop.mode, shards=shop.shards, limit=2, after=first.after
    )
    assert (rest.records, rest.after) == (three[:1], None)


async def test_the_history_is_filtered(shop, three):
    one, two, last = three
    assert await listed(shop, realm="wine") == [last, two]
    assert await listed(shop, payment=one.link) == [one]
    assert await listed(shop, payment=last.link) == [last, two]
    assert await listed(shop, payment="lnk_" + "0" * 40) == []
    assert await listed(shop, status=TransactionStatus.CAPTURED) == [last, one]
    assert await listed(shop, status=TransactionStatus.CAPTURED, realm="wine") == [last]
    assert await listed(shop, status=TransactionStatus.UNKNOWN) == []
    assert await listed(shop, start=START + HOUR) == [last, two]
    assert await listed(shop, end=START + HOUR) == [one]
    assert await listed(shop, payment=last.link, end=START + 2 * HOUR) == [two]


async def test_another_accounts_link_lists_nothing(shop, three):
    for account, mode in [(OTHER, Mode.TEST), (shop.account, Mode.LIVE)]:
        page = await transactions.history(shop.store, account, mode, payment=three[0].link)
        assert (page.records, page.after) == ([], None)


async def test_the_log_tells_everything_in_order_and_of_this_one_only(shop, reach):
    txn = await reach("reversed")
    await reach("captured")
    log = await transactions.log(shop.store, txn.id)
    assert [event.type for event in log] == [
        "transaction.started",
        "transaction.unknown",
        "transaction.reversed",
    ]
    assert [event.seq for event in log] == sorted(event.seq for event in log)
    assert {event.resource for event in log} == {txn.id}
    assert [event.data["status"] for event in log] == ["started", "unknown", "reversed"]
    assert await transactions.log(shop.store, "txn_" + "0" * 40) == []
