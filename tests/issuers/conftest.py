"""The sandbox bank in this process, its operator's desk, and a connector to it."""

import pytest

from payseal_sandbox import Bank
from tests.issuers.payments import a_connector, now
from tests.sandbox.desk import sitting_at


@pytest.fixture
async def bank(tmp_path):
    async with Bank(tmp_path / "bank.db", clock=now) as bank:
        yield bank


@pytest.fixture
async def desk(bank):
    async with sitting_at(bank.ports) as desk:
        yield desk


@pytest.fixture
async def issuer(bank):
    async with a_connector(bank.ports.iso8583) as issuer:
        yield issuer
