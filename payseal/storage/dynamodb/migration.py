"""Migration: the table made, or brought up to date; and looked over before it is used."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from payseal.core.store import Busy, StoreError
from payseal.storage.dynamodb.connection import Address, Connection, Refused
from payseal.storage.dynamodb.table import (
    TTL,
    VIEWS,
    NoTable,
    NotAsNeeded,
    attributes,
    definition,
    fades,
    index,
    lacks,
    misfits,
    missing_indexes,
)

LOOK_EVERY_S, LOOKS_MAX = 0.5, 3600  # half an hour: a new index is filled from what is there
_MISSING = "ResourceNotFoundException"
_UNKNOWN = "UnknownOperationException"


async def migrate(
    table: str,
    *,
    region: str,
    endpoint: str | None = None,
    entropy: Callable[[int], bytes],
    credentials: tuple[str, str] | None = None,
) -> list[str]:
    """Make the table, or bring it up to date; what was done, and what could not be, in sentences.

    `NotAsNeeded` for a table that no change would make ours.
    """
    connection = Connection(Address(region, endpoint, credentials), entropy)
    await connection.open()
    try:
        steps = _Steps(connection, table)
        said = await steps.shape() + await steps.fade()
        return said + await steps.protect() + await steps.recover()
    except Busy as busy:
        raise _out_of_reach(busy) from busy
    finally:
        await connection.close()


async def look_over(connection: Connection, table: str) -> None:
    """`NoTable` or `NotAsNeeded`, with what to do about it."""
    try:
        there = await _describe(connection, table)
        if there is None:
            raise NoTable(f"There is no table {table} here. `payseal migrate` makes it.")
        found = lacks(there, await _ttl(connection, table))
    except Busy as busy:
        raise _out_of_reach(busy) from busy
    if found:
        raise NotAsNeeded(
            f"The table {table} is not as needed: {'; '.join(found)}."
            " `payseal migrate` brings it up to date where that is possible."
        )


class _Steps:
    """Each looks first, and changes only what is not as it should be."""

    def __init__(self, connection: Connection, table: str) -> None:
        self._connection, self._table = connection, table

    async def shape(self) -> list[str]:
        """Key, billing, stream, indexes."""
        there = await _describe(self._connection, self._table)
        if there is None:
            await self._create()
            await self._settled()
            return [f"Made the table {self._table}."]
        wrong = misfits(there)
        if wrong:
            raise NotAsNeeded(
                f"The table {self._table} is not one of Payseal's: {'; '.join(wrong)}."
                " Give another name, and it will be made."
            )
        await self._settled()
        return [await self._update(done, **change) for done, change in _changes(there)]

    async def fade(self) -> list[str]:
        """TTL."""
        ttl = await _ttl(self._connection, self._table)
        if fades(ttl):
            return []
        if ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING"):
            raise NotAsNeeded(
                f"The table {self._table} has its TTL on {ttl['AttributeName']}, not on {TTL}."
            )
        wish = {"Enabled": True, "AttributeName": TTL}
        await self._connection.ask(
            "update_time_to_live", TableName=self._table, TimeToLiveSpecification=wish
        )
        return [f"Set the TTL on {TTL}."]

    async def protect(self) -> list[str]:
        """From deletion; after the shape, as DynamoDB Local forgets it at each change of that."""
        there = await _describe(self._connection, self._table)
        if there is None or there.get("DeletionProtectionEnabled"):
            return []
        return [await self._update("Protected it from deletion.", DeletionProtectionEnabled=True)]

    async def recover(self) -> list[str]:
        """Point-in-time recovery, which DynamoDB Local does not know."""
        try:
            answer = await self._connection.ask(
                "describe_continuous_backups", TableName=self._table
            )
            backups = answer["ContinuousBackupsDescription"]
            recovery = backups.get("PointInTimeRecoveryDescription", {})
            if recovery.get("PointInTimeRecoveryStatus") == "ENABLED":
                return []
            await self._connection.ask(
                "update_continuous_backups",
                TableName=self._table,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            )
        except Refused as refused:
            if refused.code != _UNKNOWN:
                raise
            return ["There is no point-in-time recovery: this server does not know it."]
        return ["Turned on point-in-time recovery."]

    async def _create(self) -> None:
        try:
            await self._connection.ask("create_table", **definition(self._table))
        except Refused as refused:
            if refused.code != "ResourceInUseException":  # it is made already: by another, or by us
                raise

    async def _update(self, done: str, **change: object) -> str:
        await self._connection.ask("update_table", TableName=self._table, **change)
        await self._settled()
        return done

    async def _settled(self) -> None:
        """The table and its indexes are active: one thing is changed at a time."""
        for look in itertools.count():
            there = await _describe(self._connection, self._table)
            if there is not None:
                indexes = there.get("GlobalSecondaryIndexes", [])
                states = {there["TableStatus"], *(each["IndexStatus"] for each in indexes)}
                if states == {"ACTIVE"}:
                    return
            if look >= LOOKS_MAX:
                raise StoreError(f"The table {self._table} does not become active.")
            await asyncio.sleep(LOOK_EVERY_S)


def _changes(there: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """A sentence, and the UpdateTable that it tells of."""
    changes: list[tuple[str, dict[str, Any]]] = []
    if there.get("BillingModeSummary", {}).get("BillingMode") != "PAY_PER_REQUEST":
        changes.append(("Set billing on demand.", {"BillingMode": "PAY_PER_REQUEST"}))
    if not there.get("StreamSpecification", {}).get("StreamEnabled"):
        stream = {"StreamEnabled": True, "StreamViewType": VIEWS[0]}
        changes.append(("Turned on the stream.", {"StreamSpecification": stream}))
    for name in missing_indexes(there):
        wish = {
            "AttributeDefinitions": attributes(name),
            "GlobalSecondaryIndexUpdates": [{"Create": index(name)}],
        }
        changes.append((f"Made the index {name}.", wish))
    return changes


def _out_of_reach(busy: Busy) -> StoreError:
    """At the start nobody waits, who could be told to come again later."""
    return StoreError(f"DynamoDB does not answer: {busy.__cause__ or busy}")


async def _describe(connection: Connection, table: str) -> dict[str, Any] | None:
    try:
        answer = await connection.ask("describe_table", TableName=table)
    except Refused as refused:
        if refused.code == _MISSING:
            return None
        raise
    there: dict[str, Any] = answer["Table"]
    return there


async def _ttl(connection: Connection, table: str) -> dict[str, Any]:
    answer = await connection.ask("describe_time_to_live", TableName=table)
    ttl: dict[str, Any] = answer["TimeToLiveDescription"]
    return ttl
