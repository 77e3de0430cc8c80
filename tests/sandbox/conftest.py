"""A real bank on free ports, a line to it, and its operator's desk."""

from datetime import UTC, datetime

import pytest

from payseal_sandbox import Bank
from tests.sandbox.acquirer import calling
from tests.sandbox.desk import sitting_at

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


@pytest.fixture
def book(tmp_path):
    return tmp_path / "bank.db"


@pytest.fixture
async def bank(book):
    async with Bank(book, clock=lambda: NOW) as bank:
        yield bank


@pytest.fixture
async def line(bank):
    async with calling(bank.ports) as line:
        yield line


@pytest.fixture
async def desk(bank):
    async with sitting_at(bank.ports) as desk:
        yield desk
