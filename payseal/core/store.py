"""The storage port, and the one helper that runs a losing decision again.

A caller reads, decides in memory, and commits all changes of one decision at once. No commit is
ever open while anything else is waited for.
"""

from __future__ import annotations

import asyncio
import itertools
import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import Generic, ParamSpec, Protocol, TypeVar
from weakref import WeakKeyDictionary

import msgspec

from payseal.core.errors import Invalid, Unavailable
from payseal.core.event import Event
from payseal.core.ids import Partition
from payseal.core.record import R, Record, encode

CHANGES_MAX = 50
PAGE_MAX = 200
SCAN_MAX = 1000
RETRIES_MAX = 12
RETRY_FIRST_S, RETRY_LAST_S = 0.002, 0.25

P = ParamSpec("P")
T = TypeVar("T")


class Insert(msgspec.Struct, frozen=True):
    """A new record, version 1; `Taken` if its id is there already."""

    record: Record


class Update(msgspec.Struct, frozen=True):
    """The record's next version; `Stale` unless the version before is what is there."""

    record: Record


class Delete(msgspec.Struct, frozen=True):
    """The record goes; `Stale` unless this very version is what is there."""

    record: Record


class Check(msgspec.Struct, frozen=True):
    """Nothing changes; `Stale` unless this very version is there. Version 0: nothing is there."""

    record: Record


Change = Insert | Update | Delete | Check


class Lost(Exception):
    """A commit was refused as a whole, because of `change`; nothing was written."""

    def __init__(self, change: Change) -> None:
        super().__init__(f"{type(change).__name__} {change.record.id} v{change.record.version}")
        self.change = change


class Taken(Lost):
    """An `Insert` found its id in use."""


class Stale(Lost):
    """The record is not at the version that the decision was made on."""


class StoreError(Exception):
    """The store itself failed: a full disk, an I/O error. What it holds is known by reading it."""


class InvalidAfter(Invalid):
    """`after` was not taken from a page of this list."""

    code, title = "invalid_after", "This is not the end of a page."


class Page(msgspec.Struct, Generic[R], frozen=True):
    """A part of a list; `after` goes into the next call, and is None at the end."""

    records: list[R]
    after: str | None


class Lane(msgspec.Struct, frozen=True):
    """One ordered part of the feed; its parents are read to their end before it."""

    id: str
    parents: tuple[str, ...] = ()


class Batch(msgspec.Struct, frozen=True):
    """Committed events in the order of the lane, and the cursor behind them.

    Empty, it says that nothing is there yet; `ended`, that nothing will ever be there.
    """

    events: list[Event]
    cursor: str
    ended: bool = False


class Store(Protocol):
    """Where records are kept. The contract suite in `tests/storage` holds each promise."""

    async def get(self, kind: type[R], id: str) -> R | None:
        """As last committed: decide on this, and only on this."""
        ...

    async def get_many(self, kind: type[R], ids: Sequence[str]) -> list[R | None]:
        """As `get`, in the order of the ids, `SCAN_MAX` at most; None where nothing is."""
        ...

    async def page(
        self,
        kind: type[R],
        partition: Partition,
        *,
        of: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        after: str | None = None,
        limit: int = PAGE_MAX,
        newest_first: bool = False,
    ) -> Page[R]:
        """By id, so by time: from `start` on, before `end`; `of` a record: its children.

        Children may lag behind the last commit; without `of` nothing does. `after` is the one of
        the page before, of this partition or of another shard of the same list (see
        `core/history.py`); `InvalidAfter` if it cannot be. Times count in whole milliseconds, as
        ids do.
        """
        ...

    async def due(self, kind: type[R], *, before: datetime, limit: int = PAGE_MAX) -> list[R]:
        """Those due at `before` or earlier, the longest waiting first.

        May lag: decide after `get`. Those of a kind that `fades` may be missing: they go anyway.
        """
        ...

    async def commit(self, *changes: Change) -> None:
        """All or nothing, and durable; `Taken` or `Stale` names the change that lost.

        `Busy`: nothing was done. `StoreError`: it may have been done or not.
        """
        ...

    async def lanes(self) -> list[Lane]:
        """The lanes of the feed there are now."""
        ...

    async def feed(self, lane: Lane, cursor: str, limit: int = PAGE_MAX) -> Batch:
        """The events behind the cursor; the first cursor is the empty string."""
        ...


class Checkpoint(Record, frozen=True):
    """How far a consumer has read a lane, and who reads it: the lease is the record itself.

    Committed together with what was made of the lane. Whoever takes it over has changed it, so
    that a holder who was taken for dead finds its next commit `Stale`.
    """

    prefix, table, fades = "chk", "checkpoints", True

    cursor: str = ""
    holder: str = ""
    held_until: datetime | None = None
    forget_at: datetime | None = None  # set once the lane has been read to its end

    @property
    def due(self) -> datetime | None:
        """When it may go: an open lane's never does."""
        return self.forget_at

    @property
    def ended(self) -> bool:
        """Whether nothing will ever come behind the cursor."""
        return self.forget_at is not None

    def is_held(self, at: datetime) -> bool:
        """Whether somebody has it, then."""
        return bool(self.holder) and self.held_until is not None and at < self.held_until

    def hold(self, holder: str, until: datetime) -> Checkpoint:
        """Whoever had it before has lost it."""
        return self._become(holder=holder, held_until=until)

    def read_to(self, cursor: str, until: datetime) -> Checkpoint:
        """Further on, and held for longer."""
        return self._become(cursor=cursor, held_until=until)

    def let_go(self) -> Checkpoint:
        """Anybody may have it."""
        return self._become(holder="", held_until=None)

    def end(self, forget_at: datetime) -> Checkpoint:
        """All is read; remembered until then, as others wait for it."""
        return self._become(holder="", held_until=None, forget_at=forget_at)


class Busy(Unavailable):
    """So many others changed the same thing that our turn never came."""


async def deciding(decide: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a decision again from its read when it lost a race; `Busy` after `RETRIES_MAX`.

    Only for decisions that call nothing outside between their read and their commit.
    """
    for attempt in range(RETRIES_MAX):
        try:
            return await decide(*args, **kwargs)
        except Lost as lost:
            await asyncio.sleep(_pause_s(lost, attempt))
    raise Busy("Many others are changing this at the moment.", retryAfter=1)


async def committed(store: Store, *changes: Change) -> bool:
    """Commit what was decided without a way back; False if somebody was faster."""
    try:
        await store.commit(*changes)
    except Lost:
        return False
    return True


async def forget(store: Store, *kinds: type[Record], at: datetime) -> int:
    """Delete those of these kinds whose time has passed, but for what was changed meanwhile.

    Says how many; where there are more than a page of a kind, the next call goes on.
    """
    gone = 0
    for kind in kinds:
        for record in await store.due(kind, before=at):
            gone += await committed(store, Delete(record))
    return gone


async def filtered(
    read: Callable[[str | None], Awaitable[Page[R]]],
    wanted: Callable[[R], bool],
    *,
    after: str | None,
    limit: int,
) -> Page[R]:
    """Those of a list that are wanted: it stops at `limit`, or once `SCAN_MAX` were looked at.

    So a page may be short; while there is more to look at, its `after` is set.
    """
    found: list[R] = []
    looked_at = 0
    while True:
        page = await read(after)
        for record in page.records:
            if wanted(record):
                found.append(record)
            if len(found) == limit:
                more = page.after is not None or record is not page.records[-1]
                return Page(found, record.id if more else None)
        after, looked_at = page.after, looked_at + len(page.records)
        if after is None or looked_at >= SCAN_MAX:
            return Page(found, after)


def _pause_s(lost: Lost, attempt: int) -> float:
    # Two who lost the same race in one loop have different turns, and in two processes mostly
    # different changes, so their pauses differ; and nothing here is left to chance, so that a
    # simulation repeats itself.
    turn = next(_turns.setdefault(asyncio.get_running_loop(), itertools.count()))
    spread = zlib.crc32(encode(lost.change.record), turn) / 0xFFFF_FFFF
    longest: float = min(RETRY_FIRST_S * 2**attempt, RETRY_LAST_S)
    return longest * (0.5 + spread / 2)


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, Iterator[int]] = WeakKeyDictionary()
