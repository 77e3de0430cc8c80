"""A shop on each store, with the real sandbox bank behind its connector, and one clock for both."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from payseal import ledger, transactions
from payseal.core.event import Event
from payseal.core.ids import Mint
from payseal.core.money import Currency
from payseal.core.offer import Offer
from payseal.core.roll import Roll
from payseal.core.setback import Setback
from payseal.core.store import Checkpoint
from payseal.core.tariff import Tariff
from payseal.issuers import Abilities
from payseal.issuers.iso8583 import Address, Iso8583
from payseal.storage import MemoryStore, SqliteStore
from payseal.storage.postgres import PostgresStore, migrate
from payseal.transactions import Difference, Dispute, Outcome, differences
from payseal_sandbox import Bank
from tests.servers.postgres import PostgresServer
from tests.shop import RECORDS, START, Shop
from tests.storage.dynamo import fresh_table

EUR, JPY, KWD = Currency.EUR, Currency.JPY, Currency.KWD
KINDS = (*RECORDS, ledger.Balance, ledger.Mover, Difference, Dispute)
TARIFF = Tariff(140, 25)


class Books(Shop):
    """The shop's clock runs by itself, and can be put forward; the bank's is the same."""

    ahead = timedelta(0)

    def __init__(self, store, desk: str, issuer: Iso8583) -> None:
        super().__init__()
        self.store, self.desk, self.issuers = store, desk, {"bank": issuer}
        self.issuer, self.mint = issuer, Mint(os.urandom)
        self.account = self.mint.account()

    @property
    def at(self) -> datetime:
        return clock()

    @at.setter
    def at(self, at: datetime) -> None:
        Books.ahead += at - clock()

    async def file(self, *faults: str, day: str = "", after_s: float = 6) -> bytes:
        """The bank's, of today; after six seconds all that was booked has to be in it."""
        self.wait(after_s)
        query = [("fault", fault) for fault in faults] + [("day", day)] * bool(day)
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{self.desk}/settlement.csv", params=query)
        assert answer.status_code == 200, answer.text
        return answer.content

    async def post(self, path: str, **wanted: object) -> dict:
        async with httpx.AsyncClient() as http:
            answer = await http.post(self.desk + path, json=wanted)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def count(self) -> None:
        """The balances, and who moved money on which day."""
        reader = ledger.counting(self.store, "worker", now=self.now)
        for _ in range(50):
            if not await reader.read() and all(e.counted for e in await self.all(ledger.Entry)):
                return
            self.wait(1)
        raise AssertionError("not counted")

    async def reconcile(self, file: bytes) -> Outcome:
        await self.count()
        statement = ledger.read(file)
        return await transactions.reconcile(self.store, "bank", statement, at=self.at)

    async def log(self, record) -> list[str]:
        """What was told of it, in order."""
        of_it = [event for event in await self.all(Event) if event.resource == record.id]
        return [event.type for event in sorted(of_it, key=lambda event: event.seq)]

    async def look_again(self, lost: Difference) -> None:
        """The duty of the worker."""
        await differences.look_again(self.store, lost.id, at=self.at)


def clock() -> datetime:
    return START + timedelta(seconds=time.monotonic() - _began) + Books.ahead


_began = time.monotonic()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "postgres", "dynamodb"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator:
    async with STORES[request.param](request, tmp_path) as store:
        yield store


@pytest.fixture
async def books(store, tmp_path: Path) -> AsyncIterator[Books]:
    Books.ahead = timedelta(seconds=_began - time.monotonic())
    async with (
        Bank(tmp_path / "bank.db", clock=clock) as bank,
        connector(bank.ports.iso8583) as issuer,
    ):
        yield Books(store, f"http://127.0.0.1:{bank.ports.operator}", issuer)


def connector(port: int) -> Iso8583:
    return Iso8583(
        "bank",
        "A bank",
        [Offer("bank", "card", (EUR, JPY, KWD), TARIFF)],
        [Address("127.0.0.1", port)],
        acquirer="123456",
        terminal="PAYSEAL1",
        merchant_category="5999",
        location=f"{'Tea and Cakes':<25}{'Lisbon':<13}PT",
        abilities=Abilities(look_up=True, transit_max=timedelta(seconds=60)),
        entropy=os.urandom,
        now=clock,
    )


@asynccontextmanager
async def _memory(_request, _folder):
    yield MemoryStore((*KINDS, Checkpoint, Roll, Setback))


@asynccontextmanager
async def _sqlite(_request, folder):
    async with SqliteStore(folder / "store.db", KINDS, exclusive=True) as store:
        yield store


@asynccontextmanager
async def _postgres(request, _folder):
    server = request.getfixturevalue("postgres_server")
    database = server.database()
    url = server.url(database)
    await migrate(url, KINDS, "payments")
    async with PostgresStore(url, KINDS, name="payments", entropy=os.urandom) as store:
        yield store
    server.drop(database)


@asynccontextmanager
async def _dynamodb(_request, _folder):
    async with fresh_table(KINDS) as store:
        yield store


STORES = {"memory": _memory, "sqlite": _sqlite, "postgres": _postgres, "dynamodb": _dynamodb}
