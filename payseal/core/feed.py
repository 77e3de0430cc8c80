"""Reader: one worker's share of a store's feed, for one consumer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from payseal.core.event import Event
from payseal.core.ids import value_id
from payseal.core.roll import readable, roll_of, struck
from payseal.core.setback import Setback, setback
from payseal.core.store import (
    CHANGES_MAX,
    PAGE_MAX,
    RETRIES_MAX,
    SCAN_MAX,
    Change,
    Checkpoint,
    Delete,
    Insert,
    Lane,
    Lost,
    Store,
    Update,
    committed,
    deciding,
)

# A worker that dies leaves its lanes unread for so long. The clocks of workers should differ by
# less than half of it; if they do not, lanes go to and fro or are read late, and nothing worse.
LEASE = timedelta(seconds=20)
LOOK_EVERY = timedelta(seconds=5)  # for new lanes, and for those that others have left
REST = timedelta(seconds=5)  # of a lane, after something went wrong in it
REMEMBER = timedelta(days=7)  # that a lane has ended, once it is listed no more
OUTPUT_MAX = CHANGES_MAX - 2  # in one commit, beside the checkpoint and the roll
READ_MAX = 10_000  # events of a lane in one call
LANES_AT_ONCE_MAX = 8

Make = Callable[[Sequence[Event]], Awaitable[Sequence[Change]]]

log = structlog.get_logger("payseal.feed")


class Reader:
    """Reads the lanes that it holds, and commits what `make` makes of them with its checkpoints.

    Exactly once in effect, and in order per resource, whoever dies: `make` turns events into
    changes of the same store, at most `OUTPUT_MAX` for one event, and calls nothing outside. It
    may be asked about an event again: what it inserts has derived ids, and an Insert of what is
    there is left out. If it updates anything, it has to tell by what is there whether the event is
    new to it (`Event.seq`, a mark): who loses a race then is asked again, and nothing is left out.

    `worker` is the name of this reader among those of the consumer: of two with one name each
    would take the other's commits for those of a stranger, again and again.
    """

    def __init__(
        self, store: Store, consumer: str, worker: str, make: Make, *, now: Callable[[], datetime]
    ) -> None:
        self._store, self._consumer, self._worker = store, consumer, worker
        self._make, self._now = make, now
        self._lanes: dict[str, Lane] = {}
        self._held: dict[str, Checkpoint] = {}  # by the lane's id, as we last committed them
        self._rests: dict[str, datetime] = {}
        self._look_at = datetime.min.replace(tzinfo=UTC)
        self._proof: Sequence[Event] = ()  # of these something was made

    async def read(self) -> int:
        """Read what is new in our lanes; how many events. One call at a time."""
        if self._now() >= self._look_at:
            await self._look()
        turn = asyncio.Semaphore(LANES_AT_ONCE_MAX)

        async def one(lane_id: str) -> int:
            async with turn:
                return await self._read_or_rest(lane_id)

        return sum(await asyncio.gather(*map(one, [*self._held])))

    async def let_go(self) -> None:
        """Give all lanes back, at the end: others need not wait for the leases' ends."""
        self._held = {}
        for found in (await self._checkpoints()).values():  # what a commit cut short did as well
            if found.holder == self._worker:
                await committed(self._store, Update(found.let_go()))

    async def retry(self, setback_id: str) -> None:
        """Try again what was set aside, once its moment has come."""
        at, aside = self._now(), await self._store.get(Setback, setback_id)
        if aside is None or aside.consumer != self._consumer or at < aside.due:
            return
        event = await self._store.get(Event, aside.event)
        try:
            made = await self._make([event]) if event is not None else ()
        except Exception as error:
            log.exception("event set aside again", id=aside.event, consumer=self._consumer)
            await committed(self._store, Update(aside.again(error, at)))
        else:
            await self._put(made, Delete(aside))

    def id_of(self, lane_id: str) -> str:
        """Where the checkpoint of that lane is."""
        return value_id(Checkpoint.prefix, self._consumer, lane_id)

    async def _look(self) -> None:
        """See which lanes there are and who holds them, and take our share."""
        at = self._now()
        listed, found = await deciding(self._see)
        ended = _ended(found)
        for checkpoint in (found[id] for id in ended):
            if checkpoint.due is not None and checkpoint.due - at < REMEMBER / 2:  # and yet listed
                await committed(self._store, Update(checkpoint.end(at + REMEMBER)))
        open_lanes = readable(self._lanes.values(), listed, begun={*found}, ended=ended)
        self._held = {
            lane.id: found[lane.id]
            for lane in open_lanes
            if lane.id in found and found[lane.id].holder == self._worker
        }
        await self._take_share(open_lanes, found, at)
        self._rests = {id: end for id, end in self._rests.items() if id in self._held}
        self._look_at = at + LOOK_EVERY

    async def _see(self) -> tuple[set[str], dict[str, Checkpoint]]:
        """Put all that is listed and not ended on the roll; what is listed, and what is read."""
        listed = await self._store.lanes()
        # Read before the checkpoints: if it did not change since, they know of each end.
        roll = await roll_of(self._store, self._consumer)
        self._lanes = roll.lanes(listed)
        found = await self._checkpoints()
        ended = _ended(found)
        turned = roll.turn(lane for lane in self._lanes.values() if lane.id not in ended)
        if turned is not roll:
            await self._store.commit(turned.put())
        return {lane.id for lane in listed}, found

    async def _checkpoints(self) -> dict[str, Checkpoint]:
        """Those that there are, by the lane's id."""
        lanes, found = [*self._lanes], dict[str, Checkpoint]()
        for start in range(0, len(lanes), SCAN_MAX):
            some = lanes[start : start + SCAN_MAX]
            records = await self._store.get_many(Checkpoint, [self.id_of(id) for id in some])
            found |= {id: c for id, c in zip(some, records, strict=True) if c is not None}
        return found

    async def _take_share(
        self, lanes: Sequence[Lane], found: dict[str, Checkpoint], at: datetime
    ) -> None:
        """Free lanes up to our share; if there is none, one of whoever has more than a share."""
        # What is held for longer than a lease lasts was written by a clock that is wrong.
        holders = {
            id: c.holder
            for id, c in found.items()
            if c.is_held(at) and not c.is_held(at + 2 * LEASE)
        }
        others = Counter(
            holders[lane.id] for lane in lanes if holders.get(lane.id, self._worker) != self._worker
        )
        share = -(-len(lanes) // (len(others) + 1))
        wanted = [lane.id for lane in lanes if lane.id not in holders and lane.id not in self._held]
        if not wanted and others:
            busiest, count = others.most_common(1)[0]
            surplus = [lane.id for lane in lanes if holders.get(lane.id) == busiest]
            wanted = surplus[:1] if count > share else []
        for lane_id in wanted[: max(0, share - len(self._held))]:
            await self._take(lane_id, found.get(lane_id), at)

    async def _take(self, lane_id: str, before: Checkpoint | None, at: datetime) -> None:
        new = before or Checkpoint(id=self.id_of(lane_id), version=0)
        taken = new.hold(self._worker, at + LEASE)
        if await committed(self._store, Insert(taken) if before is None else Update(taken)):
            self._held[lane_id] = taken

    async def _read_or_rest(self, lane_id: str) -> int:
        """Nothing that goes wrong in one lane stops another."""
        rests_until = self._rests.get(lane_id)
        if rests_until is not None and self._now() < rests_until:
            return 0
        self._rests.pop(lane_id, None)
        try:
            return await self._read_lane(self._lanes[lane_id])
        except Exception:
            log.exception("lane rests", lane=lane_id, consumer=self._consumer)
            self._rests[lane_id] = self._now() + REST
            self._forget(lane_id)  # the commit may have been done or not
            return 0

    async def _read_lane(self, lane: Lane) -> int:
        """How many events were read: to the lane's present end, unless another has it now."""
        read, limit = 0, PAGE_MAX
        while read < READ_MAX:
            checkpoint = self._held[lane.id]
            batch = await self._store.feed(lane, checkpoint.cursor, limit)
            made = await self._made(batch.events) if batch.events else ()
            if len(made) > OUTPUT_MAX:
                assert limit > 1, "one event makes more than a commit has room for"
                limit //= 2
                continue
            at = self._now()
            if not batch.events and not batch.ended and checkpoint.is_held(at + LEASE / 2):
                return read
            moved, off = checkpoint.read_to(batch.cursor, at + LEASE), list[Change]()
            if batch.ended:
                moved = checkpoint.end(at + REMEMBER)
                off = [await struck(self._store, self._consumer, lane)]
            if not await self._put(made, Update(moved), *off):
                self._forget(lane.id)
                return read
            self._held[lane.id], read = moved, read + len(batch.events)
            if batch.ended:
                self._forget(lane.id)
            if not batch.events or batch.ended:
                return read
        return read

    def _forget(self, lane_id: str) -> None:
        """Look at the store before anything else is done with the lane."""
        self._held.pop(lane_id, None)
        self._look_at = self._now()

    async def _made(self, events: Sequence[Event]) -> Sequence[Change]:
        try:
            made = await self._make(events)
        except Exception as error:  # noqa: BLE001  an outage, or one of the events
            return await self._made_singly(events, error)
        if made:
            self._proof = events
        return made

    async def _made_singly(self, events: Sequence[Event], error: Exception) -> Sequence[Change]:
        """What can be made; an event that cannot be read is set aside, unless nothing works."""
        if self._proof:
            await self._make(self._proof)  # raises in an outage: then everything waits
        good: list[Event] = []
        failed: list[tuple[Event, Exception]] = []
        for event in events:
            try:
                of_one = await self._make([event])
            except Exception as reason:  # noqa: BLE001  it is logged once it is decided
                failed.append((event, reason))
            else:
                good.append(event)
                self._proof = [event] if of_one else self._proof
        if failed and not self._proof:
            raise error
        made = [*await self._make(good)] if good else []  # together: they may be of one record
        for event, broken in failed:
            log.error("event set aside", id=event.id, consumer=self._consumer, exc_info=broken)
            made.append(Insert(setback(self._consumer, event, broken, at=self._now())))
        return made

    async def _put(self, made: Sequence[Change], *moved: Change) -> bool:
        """Commit all; whether we did. If not, all is to be decided again on what is there now."""
        for _ in range(RETRIES_MAX):
            try:
                await self._store.commit(*made, *moved)
            except Lost as lost:
                if lost.change in moved or not all(isinstance(each, Insert) for each in made):
                    return False
                # The feed told of an event a second time: what it made then is there.
                there = await asyncio.gather(*map(self._is_there, made))
                made = [change for change, old in zip(made, there, strict=True) if not old]
            else:
                return True
        return False

    async def _is_there(self, change: Change) -> bool:
        record = change.record
        return (
            isinstance(change, Insert)
            and await self._store.get(type(record), record.id) is not None
        )


def _ended(found: dict[str, Checkpoint]) -> set[str]:
    return {id for id, checkpoint in found.items() if checkpoint.ended}
