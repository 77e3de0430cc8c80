from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from payseal.issuers import Approved, Declined, NotFound, NotSent, Reversed, Unknown
from payseal.transactions import Transaction
from tests.shop import Shop


@pytest.fixture(params=[1, 16], ids=["one shard", "16 shards"])
def shop(request: pytest.FixtureRequest) -> Shop:
    shop = Shop()
    shop.shards = request.param
    return shop


REACHED_BY = {
    "captured": Approved("A1B2C3"),
    "declined": Declined("51", "insufficient_funds"),
    "failed": NotSent("no_connection"),
    "unknown": Unknown("timeout"),
    "awaiting reversal": Unknown("timeout"),
    "reversed": Unknown("timeout"),
}


@pytest.fixture
def reach(shop: Shop) -> Callable[[str], Awaitable[Transaction]]:
    """A transaction of a new link, brought to where the name says."""

    async def to(name: str, **wished: object) -> Transaction:
        link = await shop.link(**wished)
        if name == "started":
            return await shop.claim(link)
        shop.bank.says = REACHED_BY[name]
        txn = await shop.pay(link)
        if name in ("awaiting reversal", "reversed"):
            shop.bank.finds, shop.bank.undoes = NotFound(), Reversed()
            shop.wait(45)
            txn = await shop.resolve(txn)
        if name == "reversed":
            txn = await shop.reverse(txn)
        return txn

    return to
