from __future__ import annotations

import pytest

from tests.shop import Shop


@pytest.fixture(params=[1, 16], ids=["one shard", "16 shards"])
def shop(request: pytest.FixtureRequest) -> Shop:
    shop = Shop()
    shop.shards = request.param
    return shop
