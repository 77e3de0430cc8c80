"""Payments and refunds, as far as the ledger knows them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from payseal.core.ids import Mint, Mode, derive, home
from payseal.core.money import Currency, Money
from payseal.core.record import Record
from payseal.core.store import Store
from payseal.ledger import Balance, Entry, Mover
from payseal.storage import MemoryStore, SqliteStore
from payseal.storage.postgres import PostgresStore, migrate
from tests.servers.postgres import PostgresServer
from tests.storage.dynamo import fresh_table

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
mint = Mint(os.urandom)
ACCOUNT = mint.account()
KINDS = (Entry, Balance, Mover)


class Back(Record, frozen=True, kw_only=True):
    """A refund."""

    prefix, table = "rfd", "refunds"

    transaction: str

    @property
    def operation(self) -> str:
        return derive("opn", self.partition, AT, self.id)

    def facts(self) -> dict[str, object]:
        return {"id": self.id, "transaction": self.transaction}


class Payment(Record, frozen=True, kw_only=True):
    """A transaction."""

    prefix, table = "txn", "transactions"

    amount: Money
    at: datetime

    @property
    def operation(self) -> str:
        return derive("opn", self.partition, self.at, self.id)

    def refund(self, number: int, at: datetime) -> Back:
        return Back(id=derive("rfd", self.partition, AT, self.id, str(number)), transaction=self.id)


def free(amount: Money) -> Money:
    """No fee."""
    return Money(0, amount.currency)


def payment(
    minor: int, currency: Currency = Currency.EUR, *, at: datetime = AT, shard: int = 0
) -> Payment:
    id = mint.id("txn", home(ACCOUNT, Mode.LIVE, shard), at)
    return Payment(id=id, amount=Money(minor, currency), at=at)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "postgres", "dynamodb"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with _adapters[request.param](request, tmp_path) as store:
        yield store


@asynccontextmanager
async def _memory(_request: pytest.FixtureRequest, _folder: Path) -> AsyncIterator[Store]:
    yield MemoryStore(KINDS)


@asynccontextmanager
async def _sqlite(_request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Store]:
    async with SqliteStore(folder / "store.db", KINDS, exclusive=True) as store:
        yield store


@asynccontextmanager
async def _postgres(request: pytest.FixtureRequest, _folder: Path) -> AsyncIterator[Store]:
    server: PostgresServer = request.getfixturevalue("postgres_server")
    database = server.database()
    url = server.url(database)
    await migrate(url, KINDS, "payments")
    async with PostgresStore(url, KINDS, name="payments", entropy=os.urandom) as store:
        yield store
    server.drop(database)


@asynccontextmanager
async def _dynamodb(_request: pytest.FixtureRequest, _folder: Path) -> AsyncIterator[Store]:
    async with fresh_table(KINDS) as store:
        yield store


_adapters = {"memory": _memory, "sqlite": _sqlite, "postgres": _postgres, "dynamodb": _dynamodb}
