"""What the contract stores: a record with everything a store looks at, and one with nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from payseal.core.event import Event, happened
from payseal.core.ids import AccountId, Mint, home
from payseal.core.record import Record
from payseal.core.store import Insert, Store
from tests.chance import counted

Adapter = Callable[[Path], AbstractAsyncContextManager[Store]]

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOME = home(AccountId("0123456789ab"))
ELSEWHERE = home(AccountId("0123456789ac"))


class Thing(Record, frozen=True):
    prefix, table = "thg", "things"

    name: str = ""
    number: int = 0
    parent: str | None = None
    when: datetime | None = None
    words: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def of(self) -> str | None:
        return self.parent

    @property
    def due(self) -> datetime | None:
        return self.when

    def add(self, number: int = 1) -> Thing:
        return self._become(number=self.number + number)

    def move(self, *, parent: str | None, when: datetime | None) -> Thing:
        return self._become(parent=parent, when=when)


class Plain(Record, frozen=True):
    prefix, table = "pln", "plains"


KINDS: Sequence[type[Record]] = (Thing, Plain)
mint = Mint(counted())


def thing(at: datetime = AT, partition: str = HOME, **members: object) -> Thing:
    return Thing(id=mint.id("thg", partition, at), **members)


def plain() -> Plain:
    return Plain(id=mint.id("pln", HOME, AT))


def told(record: Record) -> Insert:
    """The event of that version."""
    return Insert(happened("thing.changed", record, AT))


def later(ms: int) -> datetime:
    return AT + timedelta(milliseconds=ms)


async def put(store: Store, *records: Record) -> None:
    for record in records:
        await store.commit(Insert(record))


async def all_events(store: Store, limit: int = 200) -> list[Event]:
    """The feed from its beginning to its end, in batches."""
    (lane,) = await store.lanes()
    events, cursor = [], ""
    while True:
        batch = await store.feed(lane, cursor, limit)
        if not batch.events:
            return events
        events += batch.events
        cursor = batch.cursor
