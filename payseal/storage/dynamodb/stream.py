"""Stream: the four calls that its shards are read with, and what they may say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from payseal.storage.dynamodb.connection import STREAM, Answer, Connection, Refused
from payseal.storage.dynamodb.item import Item
from payseal.storage.row import milliseconds

SHARDS_MAX = 10_000


class Trimmed(Exception):
    """What comes next was removed: it is older than 24 hours."""


class Expired(Exception):
    """The iterator is older than 15 minutes."""


class Gone(Exception):
    """The shard is not there any more."""


class Shard(NamedTuple):
    """A part of the stream, and the one that it came out of."""

    id: str
    parent: str | None = None


class Entry(NamedTuple):
    """A change of one item; `inserted` is the item if it is new."""

    sequence: str
    ms: int
    inserted: Item | None = None


class Stretch(NamedTuple):
    """Some entries, maybe none, and where to go on; None: the shard is closed, and this its end."""

    entries: list[Entry]
    next: str | None


class Stream(Protocol):
    """What a reader needs of it."""

    async def shards(self) -> list[Shard]:
        """All that are there now."""
        ...

    async def iterator(self, shard: str, after: str) -> str:
        """Behind that sequence number, or at the oldest entry; `Trimmed` or `Gone`."""
        ...

    async def read(self, iterator: str) -> Stretch:
        """The next entries; `Expired`, `Trimmed` or `Gone`."""
        ...


class TableStream:
    """The stream of a table."""

    def __init__(self, connection: Connection, table: str) -> None:
        self._connection, self._table = connection, table
        self._arn = ""

    async def shards(self) -> list[Shard]:
        """All that are there now, of the stream that is the table's now."""
        there = await self._connection.ask("describe_table", TableName=self._table)
        self._arn = there["Table"]["LatestStreamArn"]
        found: list[Shard] = []
        start: dict[str, str] = {}
        while True:
            answer = await self._ask("describe_stream", StreamArn=self._arn, **start)
            about = answer["StreamDescription"]
            found += [Shard(each["ShardId"], each.get("ParentShardId")) for each in about["Shards"]]
            last = about.get("LastEvaluatedShardId")
            if last is None:
                return found
            assert len(found) <= SHARDS_MAX, f"the stream has more than {SHARDS_MAX} shards"
            start = {"ExclusiveStartShardId": last}

    async def iterator(self, shard: str, after: str) -> str:
        """Behind that sequence number, or at the oldest entry."""
        if not self._arn:
            await self.shards()
        where: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
        if after:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after}
        answer = await self._ask("get_shard_iterator", StreamArn=self._arn, ShardId=shard, **where)
        return str(answer["ShardIterator"])

    async def read(self, iterator: str) -> Stretch:
        """The next entries: 1 MB or 1,000 at most."""
        answer = await self._ask("get_records", ShardIterator=iterator)
        entries = [_entry(record) for record in answer["Records"]]
        return Stretch(entries, answer.get("NextShardIterator"))

    async def _ask(self, verb: str, **wishes: object) -> Answer:
        try:
            return await self._connection.ask(verb, STREAM, **wishes)
        except Refused as refused:
            said = _SAID.get(refused.code)
            raise refused if said is None else said() from refused


_SAID: dict[str, Callable[[], Exception]] = {
    "ExpiredIteratorException": Expired,
    "ResourceNotFoundException": Gone,
    "TrimmedDataAccessException": Trimmed,
}


def _entry(record: dict[str, Any]) -> Entry:
    about = record["dynamodb"]
    inserted = about.get("NewImage") if record["eventName"] == "INSERT" else None
    ms = milliseconds(about["ApproximateCreationDateTime"])
    return Entry(about["SequenceNumber"], ms, inserted)
