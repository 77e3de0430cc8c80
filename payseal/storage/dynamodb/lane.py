"""Lane: the events of one shard of the stream, and the way over a gap."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

import structlog

from payseal.core.event import Event
from payseal.core.store import Batch, Lane
from payseal.storage.dynamodb.cursor import END, At, Gap, parse
from payseal.storage.dynamodb.item import id_of, record_of
from payseal.storage.dynamodb.rereading import Found
from payseal.storage.dynamodb.stream import Entry, Expired, Gone, Shard, Stream, Trimmed
from payseal.storage.row import milliseconds

LANES_FOR_S = 60.0  # another process may have read a shard to its end
READS_MAX, EMPTY_MAX = 16, 2  # of the stream, for one batch
RENEWALS_MAX = 3
SPOTS_MAX = 256
# What the stream says of a moment is rounded down, and a commit is older than its moment there.
GAP_MARGIN_MS = 5 * 60 * 1000
# Where only other records change, the cursor moves so often, lest it be trimmed.
FORWARD_MS = 60 * 60 * 1000
KEPT_MS = 24 * 60 * 60 * 1000  # so long the stream keeps an entry

_NAME = re.compile(r"shardId-(\d{20})-")  # the milliseconds at which it was opened
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
log = structlog.get_logger()


class Table(Protocol):
    """What can be read again after a gap."""

    async def further(self, gap: Gap, limit: int) -> Found:
        """Some events of the gap, each record's in order."""
        ...


class Spot(NamedTuple):
    """A place in a shard: events read and not yet given, and the iterator behind them."""

    passed: At  # the last entry read
    iterator: str | None
    waiting: tuple[Entry, ...] = ()


class Lanes:
    """Reads lanes from any cursor on. What it keeps is for speed only, and nobody's own.

    `on_gap` hears of each gap: the lane, and since when.
    """

    def __init__(
        self,
        stream: Stream,
        table: Table,
        now: Callable[[], datetime],
        on_gap: Callable[[str, datetime], None],
    ) -> None:
        self._stream, self._table, self._now, self._on_gap = stream, table, now, on_gap
        self._shards: list[Shard] = []
        self._shards_until = 0.0
        self._ended: set[str] = set()
        self._spots: OrderedDict[tuple[str, str], Spot | Gap | At] = OrderedDict()

    async def lanes(self) -> list[Lane]:
        """A shard each; its parent may be there no more."""
        if asyncio.get_running_loop().time() >= self._shards_until:
            await self._look()
        return [Lane(shard.id, (shard.parent,) if shard.parent else ()) for shard in self._shards]

    async def feed(self, lane: str, cursor: str, limit: int) -> Batch:
        """The events behind the cursor, from the stream or, over a gap, from the table."""
        if cursor == END:
            return Batch([], END, ended=True)
        key = (lane, cursor)
        place = self._spots.get(key) or parse(cursor)
        try:
            if isinstance(place, Gap):
                return await self._reread(key, place, limit)
            return await self._read(key, place, limit)
        except (Gone, Trimmed) as said:
            self._spots.pop(key, None)
            gone = lane not in {shard.id for shard in await self._look()}
            if isinstance(said, Gone) and not gone:
                return Batch([], cursor)  # it is there after all: the stream was just replaced
            assert not isinstance(place, Gap), "a gap is read from the table, which is not trimmed"
            at = place.passed if isinstance(place, Spot) else place
            return await self._over_gap(key, at, limit, gone=gone)

    async def _read(self, key: tuple[str, str], place: At | Spot, limit: int) -> Batch:
        lane, cursor = key
        if isinstance(place, At) and self._may_be_trimmed(place):
            raise Trimmed
        spot = place if isinstance(place, Spot) else await self._start(lane, place)
        empty = 0
        for _ in range(READS_MAX):
            if spot.waiting or spot.iterator is None or empty == EMPTY_MAX:
                break
            before, spot = spot, await self._further(lane, spot)
            empty = empty + 1 if spot.passed == before.passed else 0
            self._keep(key, spot)
        if spot.waiting:
            return self._give(lane, spot, limit)
        if spot.iterator is None:
            return self._end(lane)
        at, passed = parse(cursor), spot.passed
        if not passed.sequence:
            passed = At("", milliseconds(self._now()))
        if isinstance(at, At) and passed.ms > at.ms + FORWARD_MS:
            self._keep((lane, str(passed)), spot._replace(passed=passed))
            return Batch([], str(passed))
        return Batch([], cursor)

    def _may_be_trimmed(self, at: At) -> bool:
        """Whether the oldest entry may be another by now: nobody but the clock says so."""
        started = at.ms and not at.sequence
        return bool(started) and milliseconds(self._now()) > at.ms + KEPT_MS

    def _give(self, lane: str, spot: Spot, limit: int) -> Batch:
        given, waiting = spot.waiting[:limit], spot.waiting[limit:]
        cursor = str(At(given[-1].sequence, given[-1].ms))
        self._keep((lane, cursor), spot._replace(waiting=waiting))
        events = [record_of(Event, entry.inserted) for entry in given if entry.inserted]
        return Batch(events, cursor)

    async def _start(self, lane: str, at: At) -> Spot:
        return Spot(at, await self._stream.iterator(lane, at.sequence))

    async def _further(self, lane: str, spot: Spot) -> Spot:
        """One more read, with a new iterator where this one is too old."""
        for _ in range(RENEWALS_MAX):
            assert spot.iterator is not None, "a shard has no entries behind its end"
            try:
                entries, iterator = await self._stream.read(spot.iterator)
            except Expired:
                spot = await self._start(lane, spot.passed)
            except Trimmed:
                if spot.passed.sequence:
                    raise
                spot = await self._start(lane, spot.passed)  # the horizon itself moved
            else:
                passed = At(entries[-1].sequence, entries[-1].ms) if entries else spot.passed
                return Spot(passed, iterator, tuple(filter(_is_event, entries)))
        return spot

    async def _over_gap(self, key: tuple[str, str], at: At, limit: int, *, gone: bool) -> Batch:
        lane, _ = key
        ms = _unread_since(lane, at)
        log.error("feed_gap", lane=lane, since=_moment(ms).isoformat(), gone=gone)
        self._on_gap(lane, _moment(ms))
        since = max(ms - GAP_MARGIN_MS, 0)
        return await self._reread(key, Gap(since, milliseconds(self._now()), gone), limit)

    async def _reread(self, key: tuple[str, str], gap: Gap, limit: int) -> Batch:
        events, further = await self._table.further(gap, limit)
        if further is None and gap.gone:
            return Batch(events, END) if events else self._end(key[0])
        place = further or At("", gap.until_ms)  # then the stream again, at its oldest
        if not events:
            self._keep(key, place)  # who comes back with the old cursor goes on from there
        return Batch(events, str(place))

    def _end(self, lane: str) -> Batch:
        """Its children are there now: whoever asks for lanes next shall see them."""
        if lane not in self._ended:
            self._ended.add(lane)
            self._shards_until = 0.0
        return Batch([], END, ended=True)

    async def _look(self) -> list[Shard]:
        self._shards = await self._stream.shards()
        self._shards_until = asyncio.get_running_loop().time() + LANES_FOR_S
        self._ended &= {shard.id for shard in self._shards}
        return self._shards

    def _keep(self, key: tuple[str, str], place: Spot | Gap | At) -> None:
        self._spots[key] = place
        self._spots.move_to_end(key)
        while len(self._spots) > SPOTS_MAX:
            self._spots.popitem(last=False)


def _is_event(entry: Entry) -> bool:
    return entry.inserted is not None and id_of(entry.inserted).startswith(Event.prefix)


def _unread_since(lane: str, at: At) -> int:
    if at.sequence:
        return at.ms
    if at.ms:  # then we were at the oldest entry there was
        return max(at.ms - KEPT_MS, 0)
    opened = _NAME.match(lane)  # if the names should change: since ever
    return int(opened[1]) if opened else 0


def _moment(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)
