"""A thousand days, each from its seed. To replay one: pytest -k "agree and 123"."""

import asyncio

import pytest

from .oracle import check
from .world import ACCOUNT, day

SEEDS = 1000


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_our_records_and_the_banks_book_agree(seed):
    world = day(seed)
    asyncio.run(check(world.disk, world.banks, ACCOUNT, world.shards))
