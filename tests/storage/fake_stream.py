"""A stream that splits, closes, trims, expires, repeats and pauses on command."""

from __future__ import annotations

from payseal.core.event import Event
from payseal.core.record import Record
from payseal.storage.dynamodb.item import item_of
from payseal.storage.dynamodb.stream import Entry, Expired, Gone, Shard, Stretch, Trimmed


class FakeStream:
    """Shards of entries; an iterator is the shard, the place, and its age."""

    def __init__(self) -> None:
        self._entries: dict[str, list[Entry]] = {}
        self._parents: dict[str, str | None] = {}
        self._closed: set[str] = set()
        self._trimmed: dict[str, int] = {}
        self._count = self._age = 0
        self.at_once = 3  # entries of one answer
        self.empty_before = 0  # answers without an entry, before each one with
        self.repeats = False  # each answer begins with the entry before it
        self.looked = 0
        self.moment = 1_700_000_000_000

    # What a test does.

    def open(self, shard: str, parent: str | None = None) -> None:
        self._entries[shard], self._parents[shard], self._trimmed[shard] = [], parent, 0

    def split(self, shard: str, *children: str) -> None:
        self.close(shard)
        for child in children:
            self.open(child, shard)

    def close(self, shard: str) -> None:
        self._closed.add(shard)

    def put(self, shard: str, *records: Record) -> None:
        """New items, one a second."""
        for record in records:
            self._put(shard, item_of(record, b"12345678"))

    def stir(self, shard: str) -> None:
        """An item that is there already changes."""
        self._put(shard, None)

    def trim(self, shard: str, count: int) -> None:
        self._trimmed[shard] += count

    def remove(self, shard: str) -> None:
        del self._entries[shard], self._parents[shard]

    def expire(self) -> None:
        self._age += 1

    # What the reader does.

    async def shards(self) -> list[Shard]:
        self.looked += 1
        return [Shard(*each) for each in self._parents.items()]

    async def iterator(self, shard: str, after: str) -> str:
        entries = self._there(shard)
        if not after:
            return self._iterator(shard, self._trimmed[shard])
        place = [entry.sequence for entry in entries].index(after)
        if place < self._trimmed[shard]:
            raise Trimmed
        return self._iterator(shard, place + 1)

    async def read(self, iterator: str) -> Stretch:
        shard, place, age, empty = iterator.split("/")
        entries, first = self._there(shard), int(place)
        if int(age) < self._age:
            raise Expired
        if first < self._trimmed[shard]:
            raise Trimmed
        if int(empty) < self.empty_before:
            return Stretch([], f"{shard}/{place}/{age}/{int(empty) + 1}")
        last = min(first + self.at_once, len(entries))
        again = 1 if self.repeats and self._trimmed[shard] < first < last else 0
        done = shard in self._closed and last == len(entries)
        return Stretch(entries[first - again : last], None if done else self._iterator(shard, last))

    def _there(self, shard: str) -> list[Entry]:
        if shard not in self._entries:
            raise Gone
        return self._entries[shard]

    def _iterator(self, shard: str, place: int) -> str:
        return f"{shard}/{place}/{self._age}/0"

    def _put(self, shard: str, inserted: dict | None) -> None:
        assert shard not in self._closed
        self._count += 1
        self.moment += 1000
        self._entries[shard].append(Entry(f"{self._count:021}", self.moment, inserted))


def moves(events: list[Event]) -> list[tuple[str, int]]:
    return [(event.resource, event.seq) for event in events]
