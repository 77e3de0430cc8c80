"""The adapters that the contract runs on: a further one is one line of ADAPTERS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from payseal.core.store import Store
from payseal.storage import MemoryStore, SqliteStore
from tests.storage.things import KINDS, Adapter


@asynccontextmanager
async def memory(_: Path) -> AsyncIterator[Store]:
    yield MemoryStore(KINDS)


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Store]:
    async with SqliteStore(folder / "store.db", KINDS, exclusive=True) as store:
        yield store


ADAPTERS = {
    "memory": memory,
    "sqlite": sqlite,
}


@pytest.fixture(params=ADAPTERS)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    return ADAPTERS[request.param]


@pytest.fixture
async def store(adapter: Adapter, tmp_path: Path) -> AsyncIterator[Store]:
    async with adapter(tmp_path) as store:
        yield store
