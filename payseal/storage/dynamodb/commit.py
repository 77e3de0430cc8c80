"""Commit: changes on their way to the table, unchanged until it is known what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from payseal.core.event import Event
from payseal.core.store import (
    Busy,
    Change,
    Check,
    Delete,
    Insert,
    Lost,
    Stale,
    StoreError,
    Taken,
    Update,
)
from payseal.storage.dynamodb.connection import Connection, busy
from payseal.storage.dynamodb.failure import Failure, failure_of, lost_place
from payseal.storage.dynamodb.item import Item, id_of, item_of, key_of
from payseal.storage.dynamodb.reading import Reading
from payseal.storage.row import version_before

# DynamoDB's own limit for all items of a transaction.
COMMIT_BYTES_MAX = 4 * 1024 * 1024


class Commit:
    """One request, and the stamp that tells later whether it was ours.

    No ClientRequestToken: it is forgotten after ten minutes, and the stamp is not.
    """

    def __init__(self, table: str, changes: Sequence[Change], stamp: bytes) -> None:
        self._table, self._changes, self._stamp = table, changes, stamp
        steps = [_step(table, change, stamp) for change in changes]
        if len(steps) == 1:
            # Alone, it needs no transaction, which would cost twice the write units.
            ((verb, wishes),) = steps
            self._verb, self._wishes = _ALONE[verb], wishes
        else:
            size = sum(_size(wishes) for _, wishes in steps)
            assert size <= COMMIT_BYTES_MAX, f"a commit is too large to be written: {size} bytes"
            self._verb = "transact_write_items"
            self._wishes = {"TransactItems": [{verb: wishes} for verb, wishes in steps]}

    async def run(self, connection: Connection, reading: Reading) -> None:
        """Until it is done or lost; `Busy` when it surely was not done, else `StoreError`."""
        last: BotoCoreError | ClientError | None = None
        unclear = False
        async for _ in connection.backoff.tries():
            try:
                await connection.once(self._verb, **self._wishes)
            except (BotoCoreError, ClientError) as error:
                place = lost_place(error)
                if place is not None:
                    if unclear and await self._was_surely_ours(reading):
                        return
                    raise self._lost(place) from error
                failure = failure_of(error)
                if failure is Failure.NEVER:
                    raise StoreError(f"DynamoDB refused a commit: {error}") from error
                unclear, last = unclear or failure is Failure.UNCLEAR, error
            else:
                return
        if unclear:
            raise StoreError(f"DynamoDB did not say whether it committed: {last}") from last
        raise busy(last)

    async def _was_surely_ours(self, reading: Reading) -> bool:
        try:
            return await self._was_ours(reading)
        except Busy as error:  # it could not be read; what is asked about may be done all the same
            raise StoreError("DynamoDB did not say whether it committed.") from error

    async def _was_ours(self, reading: Reading) -> bool:
        """Whether a try without an answer did it after all; `StoreError` if nothing tells."""
        written = [change for change in self._changes if not isinstance(change, Check)]
        items = await reading.items([change.record.id for change in written])
        there = {id_of(item): item for item in items}
        if any(item.get("x", {}).get("B") == self._stamp for item in items):
            return True
        if any(_tells(change, there.get(change.record.id)) for change in written):
            return False
        raise StoreError("DynamoDB did not say whether it committed, and nothing of it tells.")

    def _lost(self, place: int) -> Lost:
        change = self._changes[place]
        return Taken(change) if isinstance(change, Insert) else Stale(change)


def _tells(change: Change, item: Item | None) -> bool:
    """Whether what is there, without our stamp, shows that the change never happened."""
    if isinstance(change, Insert) and isinstance(change.record, Event):
        return True  # an event never changes, so ours would be there
    if item is None:
        return False
    return isinstance(change, Update | Delete) and int(item["v"]["N"]) <= version_before(change)


_ALONE = {"Put": "put_item", "Delete": "delete_item"}  # a check alone is a read


def _step(table: str, change: Change, stamp: bytes) -> tuple[str, dict[str, Any]]:
    """The change as an action of TransactWriteItems."""
    before = version_before(change)
    wishes: dict[str, Any] = {"TableName": table}
    if before == 0:
        wishes["ConditionExpression"] = "attribute_not_exists(p)"
    else:
        wishes["ConditionExpression"] = "v = :v"
        wishes["ExpressionAttributeValues"] = {":v": {"N": str(before)}}
    if isinstance(change, Insert | Update):
        return "Put", wishes | {"Item": item_of(change.record, stamp)}
    wishes["Key"] = key_of(change.record.id)
    return "Delete" if isinstance(change, Delete) else "ConditionCheck", wishes


def _size(wishes: dict[str, Any]) -> int:
    """In bytes, a little too much: what the transaction's limit counts."""
    item: Item = wishes.get("Item", {})
    return sum(len(name) + len(next(iter(value.values()))) for name, value in item.items())
