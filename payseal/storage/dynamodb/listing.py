"""Listing: what is found by partition, by parent, and by the moment it is due."""

from __future__ import annotations

import asyncio
from typing import Any

from payseal.storage.dynamodb.connection import Connection
from payseal.storage.dynamodb.item import BUCKETS, Item, bucket, id_of, sort_key
from payseal.storage.dynamodb.table import CHILDREN, DUE
from payseal.storage.row import Span

BUCKETS_AT_ONCE = 16


class Listing:
    """Queries of the table and its two indexes. Indexes lag, and give keys only."""

    def __init__(self, connection: Connection, table: str) -> None:
        self._connection, self._table = connection, table
        self._room = asyncio.Semaphore(BUCKETS_AT_ONCE)

    async def records(self, partition: str, span: Span, limit: int, newest: bool) -> list[Item]:
        """Whole items of a partition, as last committed."""
        found = await self._span(
            "p", partition, span, limit, ScanIndexForward=not newest, ConsistentRead=True
        )
        return found[:limit]

    async def children(self, family: str, span: Span, limit: int, newest: bool) -> list[str]:
        """Ids of the children of one record."""
        found = await self._span(
            "o", family, span, limit, ScanIndexForward=not newest, IndexName=CHILDREN
        )
        return [id_of(item) for item in found[:limit]]

    async def due(self, prefix: str, before_ms: int, limit: int) -> list[str]:
        """Ids of those due at that moment or before, the longest waiting first."""
        found = await asyncio.gather(
            *(self._bucket(bucket(prefix, n), before_ms, limit) for n in range(BUCKETS))
        )
        items = [item for items in found for item in items]
        items.sort(key=lambda item: (int(item["w"]["N"]), id_of(item)))
        return [id_of(item) for item in items[:limit]]

    async def _bucket(self, bucket: str, before_ms: int, limit: int) -> list[Item]:
        async with self._room:
            return await self._query(
                limit,
                IndexName=DUE,
                KeyConditionExpression="d = :d AND w <= :w",
                ExpressionAttributeValues={":d": {"S": bucket}, ":w": {"N": str(before_ms)}},
            )

    async def _span(
        self, name: str, value: str, span: Span, limit: int, **how: object
    ) -> list[Item]:
        if span.first > span.last:
            return []
        values = {":h": value, ":a": sort_key(span.first), ":z": sort_key(span.last)}
        found = await self._query(
            limit + (span.skip != ""),
            KeyConditionExpression=f"{name} = :h AND s BETWEEN :a AND :z",
            ExpressionAttributeValues={name: {"S": text} for name, text in values.items()},
            **how,
        )
        return [item for item in found if id_of(item) != span.skip]

    async def _query(self, limit: int, **how: object) -> list[Item]:
        """As many as there are, up to the limit: an answer has 1 MB at most."""
        found: list[Item] = []
        start: dict[str, Any] = {}
        while len(found) < limit:
            answer = await self._connection.ask(
                "query", TableName=self._table, Limit=limit - len(found), **how, **start
            )
            found += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                break
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        return found
