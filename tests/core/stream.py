"""A feed of many lanes on the memory store: they split, merge and go on command."""

from __future__ import annotations

import asyncio
import zlib

from payseal.core.event import Event
from payseal.core.ids import derive
from payseal.core.record import Record
from payseal.core.store import Batch, Checkpoint, Lane, Update
from payseal.core.store import Insert as New
from payseal.storage import MemoryStore

TOP = 1 << 32


class Journal(Record, frozen=True, kw_only=True):
    """What a consumer was told of one resource, in the order in which it was told."""

    prefix, table = "jrn", "journals"

    told: tuple[int, ...] = ()

    def tell(self, *seqs: int) -> Journal:
        return self._become(told=self.told + seqs)


def journal_id(resource: str) -> str:
    return resource.replace("thg", "jrn")


async def journal(store, events) -> list:
    """Write down what was told, believing every word: who is told twice writes it twice."""
    told: dict[str, list[int]] = {}
    for event in events:
        told.setdefault(event.resource, []).append(event.seq)
    changes = []
    for resource, seqs in told.items():
        found = await store.get(Journal, journal_id(resource))
        new = Journal(id=journal_id(resource), told=tuple(seqs))
        changes.append(New(new) if found is None else Update(found.tell(*seqs)))
    return changes


class Stream:
    """Each lane has a range of hashes of resources; one that is closed has its children's before.

    `repeats` events before the cursor are told again. An end is told behind the last event, or,
    `early`, together with it.
    """

    def __init__(self, lanes=1, repeats=0):
        self.early = False
        self.disk = MemoryStore([Journal])
        self.repeats, self.number = repeats, lanes
        self.open, self.events, self.closed, self.commits = {}, {}, set(), 0
        self.vanished = set()
        for n in range(lanes):
            self._add(Lane(f"lane {n}"), TOP * n // lanes, TOP * (n + 1) // lanes)

    def _add(self, lane, low, high):
        self.open[lane] = (low, high)
        self.events[lane] = []

    def _child(self, parents, low, high):
        self.number += 1
        lane = Lane(f"lane {self.number}", tuple(parent.id for parent in parents))
        self._add(lane, low, high)
        return lane

    def _close(self, lane):
        self.closed.add(lane)
        return self.open.pop(lane)

    def split(self, lane):
        low, high = self._close(lane)
        middle = (low + high) // 2
        return self._child([lane], low, middle), self._child([lane], middle, high)

    def merge(self, one, other):
        (low, middle), (begin, high) = self._close(one), self._close(other)
        assert middle == begin, "only neighbours become one"
        return self._child([one, other], low, high)

    def trim(self, lane):
        assert lane in self.closed, "it is written to"
        self.closed.discard(lane)
        del self.events[lane]

    def vanish(self, lane):
        """It is listed no more; who asks for it is told what it held."""
        assert lane in self.closed, "it is written to"
        self.vanished.add(lane.id)

    def vanish_unseen(self, lane):
        """Nobody can ask for it, so its parent, which went before, tells what it held."""
        (parent,) = (one for one in self.events if one.id in lane.parents)
        assert parent.id in self.vanished
        self.events[parent] += self.events[lane]
        self.trim(lane)

    def lane_of(self, resource):
        at = zlib.crc32(resource.encode())
        (lane,) = (lane for lane, (low, high) in self.open.items() if low <= at < high)
        return lane

    async def lanes(self):
        return [lane for lane in self.events if lane.id not in self.vanished]

    async def feed(self, lane, cursor, limit=200):
        (lane,) = (one for one in self.events if one.id == lane.id)
        await asyncio.sleep(0)
        start = max(0, int(cursor or 0) - (self.repeats if cursor else 0))
        events = self.events[lane][start : start + limit]
        if start + len(events) <= int(cursor or 0):
            events = []
        end = start + len(events) if events else int(cursor or 0)
        over = lane in self.closed and end == len(self.events[lane])
        return Batch(
            events, str(end) if events else cursor, ended=over and (self.early or not events)
        )

    async def commit(self, *changes):
        self.commits += 1
        await self.disk.commit(*changes)
        for change in changes:
            if isinstance(change.record, Event):
                self.events[self.lane_of(change.record.resource)].append(change.record)

    async def get(self, kind, id):
        await asyncio.sleep(0)
        return await self.disk.get(kind, id)

    async def get_many(self, kind, ids):
        await asyncio.sleep(0)
        return await self.disk.get_many(kind, ids)

    async def due(self, kind, *, before, limit=200):
        return await self.disk.due(kind, before=before, limit=limit)

    async def checkpoints(self, reader):
        """By the lane's id, those that there are."""
        found = {}
        for lane in self.events:
            checkpoint = await self.disk.get(Checkpoint, reader.id_of(lane.id))
            if checkpoint is not None:
                found[lane.id] = checkpoint
        return found


def happened_to(resource: str, seq: int, at) -> Event:
    """The event of that move of it."""
    id = derive(Event.prefix, resource[4:18], at, resource, str(seq))
    return Event(id=id, resource=resource, seq=seq, type="thing.moved", told={"n": seq})
