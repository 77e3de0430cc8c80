"""Reading: items as last committed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from payseal.core.store import Busy
from payseal.storage.dynamodb.connection import Answer, Connection
from payseal.storage.dynamodb.item import Item, key_of

BATCH_MAX = 100  # keys of one BatchGetItem: DynamoDB's own limit


class Reading:
    """Consistent reads of the table by key."""

    def __init__(self, connection: Connection, table: str) -> None:
        self._connection, self._table = connection, table

    async def item(self, id: str) -> Item | None:
        """One, or None."""
        answer = await self._connection.ask(
            "get_item", TableName=self._table, Key=key_of(id), ConsistentRead=True
        )
        found: Item | None = answer.get("Item")
        return found

    async def items(self, ids: Sequence[str]) -> list[Item]:
        """Those that are there, in no order."""
        keys = [key_of(id) for id in dict.fromkeys(ids)]
        batches = [keys[first : first + BATCH_MAX] for first in range(0, len(keys), BATCH_MAX)]
        found = await asyncio.gather(*(self._batch(batch) for batch in batches))
        return [item for items in found for item in items]

    async def _batch(self, keys: list[Item]) -> list[Item]:
        found: list[Item] = []
        wanted: dict[str, Any] = {self._table: {"Keys": keys, "ConsistentRead": True}}
        # An answer has 16 MB at most, and as much as there was room for: the rest is asked again.
        # Its pauses begin anew whenever something came.
        while wanted:
            answer = await self._some(wanted)
            found += answer["Responses"].get(self._table, [])
            wanted = answer.get("UnprocessedKeys", {})
        return found

    async def _some(self, wanted: dict[str, Any]) -> Answer:
        """An answer with something new in it, or the last of them."""
        async for _ in self._connection.backoff.tries():
            answer = await self._connection.ask("batch_get_item", RequestItems=wanted)
            if answer["Responses"].get(self._table) or not answer.get("UnprocessedKeys"):
                return answer
        raise Busy("The database has no room at the moment.", retryAfter=1)
