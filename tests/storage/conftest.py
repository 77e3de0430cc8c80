"""The adapters that the contract runs on: a further one is one line of ADAPTERS."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from payseal.core.store import Store
from payseal.storage import MemoryStore, SqliteStore
from payseal.storage.postgres import PostgresStore, migrate
from tests.servers.postgres import PostgresServer
from tests.storage.dynamo import fresh_table
from tests.storage.things import KINDS, Adapter

Request = pytest.FixtureRequest
_numbers = itertools.count(1)


def memory(_: Request) -> Adapter:
    @asynccontextmanager
    async def adapter(_: Path) -> AsyncIterator[Store]:
        yield MemoryStore(KINDS)

    return adapter


def sqlite(_: Request) -> Adapter:
    @asynccontextmanager
    async def adapter(folder: Path) -> AsyncIterator[Store]:
        async with SqliteStore(folder / "store.db", KINDS, exclusive=True) as store:
            yield store

    return adapter


def postgres(request: Request) -> Adapter:
    server: PostgresServer = request.getfixturevalue("postgres_server")

    @asynccontextmanager
    async def adapter(_: Path) -> AsyncIterator[Store]:
        url, name = server.url(), f"contract_{next(_numbers)}"
        await migrate(url, KINDS, name)
        async with PostgresStore(url, KINDS, name=name, entropy=os.urandom) as store:
            yield store

    return adapter


def dynamodb(_: Request) -> Adapter:
    @asynccontextmanager
    async def adapter(_: Path) -> AsyncIterator[Store]:
        async with fresh_table() as store:
            yield store

    return adapter


ADAPTERS: dict[str, Callable[[Request], Adapter]] = {
    "memory": memory,
    "sqlite": sqlite,
    "postgres": postgres,
    "dynamodb": dynamodb,
}


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
async def postgres_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """A database of the test's own, where the store `things` is laid out."""
    database = postgres_server.database()
    url = postgres_server.url(database)
    await migrate(url, KINDS, "things")
    yield url
    postgres_server.drop(database)


@pytest.fixture(params=ADAPTERS)
def adapter(request: Request) -> Adapter:
    return ADAPTERS[request.param](request)


@pytest.fixture
async def store(adapter: Adapter, tmp_path: Path) -> AsyncIterator[Store]:
    async with adapter(tmp_path) as store:
        yield store
