"""A shop, and a browser at its door."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.web.pages.shop import Shop


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
async def browser(shop: Shop) -> AsyncIterator[AsyncTestClient[Litestar]]:
    async with AsyncTestClient(shop.app, base_url=shop.parts.base_url) as client:
        client.follow_redirects = False
        yield client
