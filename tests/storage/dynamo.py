"""A table of its own for each test, on the one DynamoDB Local of the process."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from payseal.core.record import Record
from payseal.storage.dynamodb import DynamoStore, migrate
from tests.servers.dynamodb import CREDENTIALS, REGION, server
from tests.storage.things import KINDS

_numbers = itertools.count(1)


def now() -> datetime:
    return datetime.now(UTC)


async def new_table() -> str:
    """The name of a table that was just made."""
    table = f"payseal-{next(_numbers)}"
    await migrate(table, **where())
    return table


def where(endpoint: str | None = None) -> dict:
    return {
        "region": REGION,
        "endpoint": endpoint or server().endpoint,
        "credentials": CREDENTIALS,
        "entropy": os.urandom,
    }


def store_of(
    table: str, kinds: Sequence[type[Record]] = KINDS, *, endpoint: str | None = None
) -> DynamoStore:
    return DynamoStore(table, kinds, now=now, **where(endpoint))


@asynccontextmanager
async def fresh_table(
    kinds: Sequence[type[Record]] = KINDS,
) -> AsyncIterator[DynamoStore]:
    async with store_of(await new_table(), kinds) as store:
        yield store
