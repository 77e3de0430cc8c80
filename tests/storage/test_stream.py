"""The feed over a stream that does everything on command, and over DynamoDB Local's own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as some

from payseal.core.event import Event, happened
from payseal.core.feed import LOOK_EVERY, Reader
from payseal.core.ids import Mint, home
from payseal.core.roll import roll_of
from payseal.core.store import Batch, Insert, Lane, Store, Update
from payseal.storage import MemoryStore
from payseal.storage.dynamodb import DynamoStore
from payseal.storage.dynamodb.cursor import END, At, Gap, parse
from payseal.storage.dynamodb.lane import FORWARD_MS, GAP_MARGIN_MS, READS_MAX, SPOTS_MAX, Lanes
from payseal.storage.dynamodb.rereading import SCAN_ITEMS, SCANS_MAX, Found, in_order
from payseal.storage.dynamodb.stream import Gone, TableStream
from tests.servers.dynamodb import server
from tests.servers.dynamodb_proxy import proxy
from tests.storage.dynamo import fresh_table, new_table, store_of
from tests.storage.fake_stream import FakeStream, moves
from tests.storage.things import AT, Thing, later, plain, put, thing, told

NOW = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)


class NoTable:
    """Nothing is ever read again."""

    async def further(self, gap: Gap, limit: int) -> Found:
        raise AssertionError("no gap was expected")


class FakeTable:
    """Gives what it holds in pieces; the cursor is how much it gave."""

    def __init__(self, *pieces: list[Event]) -> None:
        self._pieces = pieces
        self.asked: list[Gap] = []

    async def further(self, gap: Gap, limit: int) -> Found:
        self.asked.append(gap)
        place = len(gap.last)
        done = place + 1 == len(self._pieces)
        return Found(self._pieces[place], None if done else gap._replace(last="x" * (place + 1)))


@pytest.fixture
def stream() -> FakeStream:
    made = FakeStream()
    made.open("a")
    return made


def reader(stream: FakeStream, table=None, gaps: list | None = None) -> Lanes:
    def heard(lane: str, since: datetime) -> None:
        assert gaps is not None, "no gap was expected"
        gaps.append((lane, since))

    return Lanes(stream, table or NoTable(), lambda: NOW, heard)


def events(count: int) -> list[Event]:
    return [told(thing()).record for _ in range(count)]


async def to_end(
    lanes: Lanes, lane: str, cursor: str = "", limit: int = 2
) -> tuple[list[Event], Batch]:
    """All that is there, and the batch that was empty."""
    found = []
    while True:
        batch = await lanes.feed(lane, cursor, limit)
        if (not batch.events and batch.cursor == cursor) or batch.ended:
            return found + batch.events, batch
        found += batch.events
        cursor = batch.cursor


async def as_a_consumer(lanes: Lanes, cursors: dict[str, str]) -> list[Event]:
    """One round: each lane to its end, after its parents."""
    there = {lane.id: lane for lane in await lanes.lanes()}
    found, done = [], set()
    for id in TopologicalSorter({lane.id: lane.parents for lane in there.values()}).static_order():
        if id not in there:
            done.add(id)
        elif done.issuperset(there[id].parents):
            more, batch = await to_end(lanes, id, cursors.get(id, ""))
            found += more
            cursors[id] = batch.cursor
            if batch.ended:
                done.add(id)
    return found


async def test_only_new_events_are_told_of(stream: FakeStream):
    made = events(5)
    stream.put("a", thing(), made[0], plain())
    stream.stir("a")
    stream.put("a", *made[1:])
    found, batch = await to_end(reader(stream), "a")
    assert found == made
    assert not batch.ended


async def test_a_cursor_resumes_in_another_process(stream: FakeStream):
    made = events(7)
    stream.put("a", *made)
    first = await reader(stream).feed("a", "", 3)
    second = await reader(stream).feed("a", first.cursor, 200)
    assert [*first.events, *second.events][:6] == made[:6]
    found, _ = await to_end(reader(stream), "a", second.cursor)
    assert [*first.events, *second.events, *found] == made


async def test_two_readers_of_one_lane_do_not_disturb_one_another(stream: FakeStream):
    made = events(20)
    stream.put("a", *made)
    lanes = reader(stream)
    cursors, found = {"one": "", "two": ""}, {"one": [], "two": []}
    for turn in range(60):
        who = "one" if turn % 3 else "two"
        batch = await lanes.feed("a", cursors[who], 1 + turn % 4)
        cursors[who] = batch.cursor
        found[who] += batch.events
    assert found == {"one": made, "two": made}


async def test_who_forgets_a_cursor_reads_the_same_again_with_any_limit(stream: FakeStream):
    stream.put("a", *(made := events(9)))
    lanes = reader(stream)
    stream.at_once = 9
    for limit in (9, 4, 2, 1, 9):
        assert (await lanes.feed("a", "", limit)).events == made[:limit]


async def test_a_closed_shard_ends_once_it_was_read_and_its_children_follow(stream: FakeStream):
    made = events(12)
    stream.put("a", *made[:4])
    lanes, cursors = reader(stream), {}
    assert await as_a_consumer(lanes, cursors) == made[:4]
    stream.split("a", "b", "c")
    stream.put("b", *made[4:6])
    stream.put("c", *made[6:8])
    assert await as_a_consumer(lanes, cursors) == []  # that a is closed is found out
    assert cursors["a"] == END
    assert await as_a_consumer(lanes, cursors) == made[4:8]
    stream.split("b", "d")
    stream.put("d", *made[8:])
    assert await as_a_consumer(lanes, cursors) == []
    assert await as_a_consumer(lanes, cursors) == made[8:]
    assert await as_a_consumer(lanes, cursors) == []
    assert [lane.parents for lane in await lanes.lanes()] == [(), ("a",), ("a",), ("b",)]
    again = await lanes.feed("a", END, 2)
    assert (again.events, again.ended) == ([], True)


async def test_shards_are_looked_for_again_when_one_ends_and_not_all_the_time(stream: FakeStream):
    lanes = reader(stream)
    for _ in range(5):
        await lanes.lanes()
        await lanes.feed("a", "", 2)
    assert stream.looked == 1
    stream.split("a", "b")
    for _ in range(5):
        assert (await lanes.feed("a", "", 2)).ended
        await lanes.lanes()
    assert stream.looked == 2


async def test_a_parent_that_was_trimmed_counts_as_done(stream: FakeStream):
    stream.split("a", "b")
    stream.put("b", *(made := events(3)))
    stream.remove("a")
    lanes = reader(stream)
    assert await lanes.lanes() == [Lane("b", ("a",))]
    assert await as_a_consumer(lanes, {}) == made


async def test_an_expired_iterator_is_renewed_behind_the_last_entry(stream: FakeStream):
    made = events(9)
    stream.put("a", *made[:5])
    lanes = reader(stream)
    found, batch = await to_end(lanes, "a")
    stream.expire()
    stream.put("a", *made[5:])
    more, _ = await to_end(lanes, "a", batch.cursor)
    assert found + more == made
    fresh = reader(stream)
    await fresh.feed("a", "", 1)  # an iterator at the horizon
    stream.expire()
    assert (await to_end(fresh, "a"))[0] == made


async def test_what_the_stream_repeats_is_repeated_and_nothing_is_missing(stream: FakeStream):
    stream.repeats = True
    stream.put("a", *(made := events(10)))
    found, _ = await to_end(reader(stream), "a")
    assert list(dict.fromkeys(moves(found))) == moves(made)
    assert len(found) > len(made)


@pytest.mark.parametrize("empty", [1, 2, 5])
async def test_answers_without_entries_are_no_end(stream: FakeStream, empty: int):
    stream.empty_before = empty
    stream.put("a", *(made := events(10)))
    lanes, cursor, found = reader(stream), "", []
    for _ in range(40):
        batch = await lanes.feed("a", cursor, 200)
        found += batch.events
        cursor = batch.cursor
    assert found == made


async def test_one_batch_reads_only_so_much_and_the_next_goes_on_from_there(stream: FakeStream):
    for _ in range(3 * READS_MAX * 2):
        stream.stir("a")
    stream.put("a", *(made := events(1)))
    lanes = reader(stream)
    batches = [await lanes.feed("a", "", 2) for _ in range(3)]
    assert [batch.events for batch in batches] == [[], [], made]
    assert batches[0].cursor != "", "who is away now knows since when"


async def test_where_only_other_records_change_the_cursor_moves_before_it_is_trimmed(
    stream: FakeStream,
):
    stream.put("a", *events(1))
    lanes = reader(stream)
    _, batch = await to_end(lanes, "a")
    stream.stir("a")
    assert (await lanes.feed("a", batch.cursor, 2)).cursor == batch.cursor
    stream.moment += FORWARD_MS
    stream.stir("a")
    moved = await lanes.feed("a", batch.cursor, 2)
    assert moved.events == []
    assert moved.cursor != batch.cursor
    stream.trim("a", 2)
    stream.put("a", *(made := events(2)))
    assert (await reader(stream).feed("a", moved.cursor, 2)).events == made


async def test_a_horizon_that_moves_while_it_is_read_is_no_gap(stream: FakeStream):
    stream.put("a", *(made := events(4)))
    lanes = reader(stream)
    stream.empty_before = 3
    assert (await lanes.feed("a", "", 2)).events == []  # an iterator, and nothing read yet
    stream.trim("a", 2)
    stream.empty_before = 0
    assert (await to_end(lanes, "a"))[0] == made[2:]


async def test_no_more_is_remembered_than_a_limit(stream: FakeStream):
    stream.put("a", *(made := events(SPOTS_MAX + 50)))
    lanes = reader(stream)
    assert (await to_end(lanes, "a", limit=1))[0] == made
    assert len(lanes._spots) == SPOTS_MAX


# A gap.


async def test_after_a_gap_an_alarm_is_raised_and_the_table_is_read_before_the_stream(
    stream: FakeStream,
):
    made, lost, left = events(2), events(4), events(3)
    stream.put("a", *made)
    _, batch = await to_end(reader(stream), "a")
    since = stream.moment
    stream.put("a", *lost, *left)
    stream.trim("a", 6)
    gaps: list = []
    table = FakeTable(lost[:2], [], lost[2:])
    with structlog.testing.capture_logs() as logs:
        found, last = await to_end(reader(stream, table, gaps), "a", batch.cursor)
    assert found == lost + left
    assert not last.ended
    moment = datetime.fromtimestamp(since / 1000, UTC)
    assert gaps == [("a", moment)]
    assert [(log["event"], log["log_level"], log["lane"]) for log in logs] == [
        ("feed_gap", "error", "a")
    ]
    assert table.asked[0] == Gap(
        since - GAP_MARGIN_MS, int(NOW.timestamp() * 1000), gone=False, last=""
    )


async def test_reading_again_goes_on_after_a_restart_without_a_second_alarm(stream: FakeStream):
    made, lost, left = events(1), events(4), events(2)
    stream.put("a", *made)
    _, batch = await to_end(reader(stream), "a")
    stream.put("a", *lost, *left)
    stream.trim("a", 5)
    table, gaps = FakeTable(lost[:1], lost[1:3], lost[3:]), []
    found, cursor = [], batch.cursor
    for _ in range(8):
        batch = await reader(stream, table, gaps).feed("a", cursor, 200)  # a new process each time
        found += batch.events
        cursor = batch.cursor
    assert found == lost + left
    assert len(gaps) == 1
    assert [len(gap.last) for gap in table.asked] == [0, 1, 2]


async def test_who_does_not_keep_a_cursor_without_events_still_gets_over_the_gap(
    stream: FakeStream,
):
    stream.put("a", *events(1))
    _, batch = await to_end(reader(stream), "a")
    stream.put("a", *events(1), *(left := events(2)))
    stream.trim("a", 2)
    lanes = reader(stream, FakeTable([], [], []), gaps := [])
    found = [await lanes.feed("a", batch.cursor, 200) for _ in range(4)]
    assert [batch.events for batch in found] == [[], [], [], left]
    assert len(gaps) == 1


async def test_a_lane_that_is_gone_before_it_was_read_to_its_end_is_a_gap_and_then_ends(
    stream: FakeStream,
):
    stream.put("a", *events(1))
    _, batch = await to_end(reader(stream), "a")
    stream.put("a", *(lost := events(3)))
    stream.split("a", "b")
    stream.remove("a")
    gaps: list = []
    lanes = reader(stream, FakeTable(lost[:2], lost[2:]), gaps)
    found, last = await to_end(lanes, "a", batch.cursor)
    assert found == lost
    assert last.ended
    assert len(gaps) == 1


async def test_a_lane_that_is_gone_before_anything_was_read_of_it_is_a_gap_since_it_was_opened(
    stream: FakeStream,
):
    for name, opened in (("shardId-00000001700000000000-5f3c", 1_700_000_000_000), ("any", 0)):
        table, gaps = FakeTable(lost := events(3)), []
        found, last = await to_end(reader(stream, table, gaps), name, limit=9)
        assert found == lost
        assert last.ended
        assert gaps == [(name, datetime.fromtimestamp(opened / 1000, UTC))]
        assert table.asked[0].since_ms == max(0, opened - GAP_MARGIN_MS)


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("hours", [24, 25, 40])
async def test_who_found_a_lane_empty_and_was_away_misses_nothing(
    stream: FakeStream, hours: int, listed: bool
):
    _, batch = await to_end(reader(stream), "a")
    assert batch.cursor != "", "it says when"
    stream.put("a", *(made := events(4)))
    if listed:
        stream.trim("a", 2 if hours > 24 else 0)
    else:
        stream.remove("a")
    table, gaps = FakeTable(made[:2] if listed else made), []
    back = Lanes(stream, table, lambda: NOW + timedelta(hours=hours), lambda *gap: gaps.append(gap))
    found, _ = await to_end(back, "a", batch.cursor, 9)
    assert found == made
    lost = hours > 24 or not listed
    assert gaps == [("a", NOW - timedelta(hours=24))] * lost
    assert len(table.asked) == lost


async def test_a_quiet_lane_is_said_to_be_quiet_once_an_hour(stream: FakeStream):
    at, cursor, cursors = NOW, "", set()
    lanes = Lanes(stream, NoTable(), lambda: at, lambda *_: None)
    for _ in range(6 * 48):
        cursor = (await lanes.feed("a", cursor, 9)).cursor
        cursors.add(cursor)
        at += timedelta(minutes=10)
    assert 36 <= len(cursors) <= 48
    stream.put("a", *(made := events(2)))
    assert (await lanes.feed("a", cursor, 9)).events == made


class Streamed(MemoryStore):
    """Keeps records in memory, and tells of what a stream holds."""

    def __init__(self, lanes: Lanes) -> None:
        super().__init__([])
        self.told = lanes

    async def lanes(self) -> list[Lane]:
        return await self.told.lanes()

    async def feed(self, lane: Lane, cursor: str, limit: int = 200) -> Batch:
        return await self.told.feed(lane.id, cursor, limit)


@pytest.mark.parametrize("begun", [0, 3])
async def test_a_consumer_that_was_away_until_all_its_lanes_were_gone_misses_nothing(
    stream: FakeStream, begun: int
):
    at, read = NOW, []

    async def make(events: Sequence[Event]) -> list:
        read.extend(events)
        return []

    def consumer() -> Reader:
        return Reader(store, "away", "ada", make, now=lambda: at)

    stream.put("a", *(before := events(begun)))
    store = Streamed(reader(stream))
    await consumer().read()
    assert read == before
    stream.put("a", *(lost := events(4)))
    stream.split("a", "b")
    stream.put("b", *(unseen := events(3)))
    stream.split("b", "c", "d")
    stream.put("c", *(left := events(5)))
    stream.remove("a")
    stream.remove("b")
    at += timedelta(days=3)
    gaps: list = []
    store.told = reader(stream, FakeTable(lost, [], unseen), gaps)
    back = consumer()
    for _ in range(6):
        await back.read()
        at += LOOK_EVERY
    assert read == before + lost + unseen + left
    assert [lane for lane, _ in gaps] == ["a"]
    assert [*(await roll_of(store, "away")).parents] == ["c", "d"]


async def test_a_lane_trimmed_whole_and_read_again_ends_with_one_alarm(stream: FakeStream):
    stream.put("a", *events(2))
    _, batch = await to_end(reader(stream), "a")
    stream.put("a", *(lost := events(2)))
    stream.close("a")
    stream.trim("a", 4)
    gaps: list = []
    found, last = await to_end(reader(stream, FakeTable(lost), gaps), "a", batch.cursor)
    assert found == lost
    assert last.ended
    assert len(gaps) == 1


def test_a_cursor_is_what_it_was():
    for cursor in (At(), At("0123", 5), At("", 7), Gap(1, 2, True, "evt_x"), Gap(1, 2, False)):
        assert parse(str(cursor)) == cursor
    assert str(At()) == ""


@given(some.permutations(range(12)))
def test_each_records_events_are_put_in_order_and_none_is_lost(order: list[int]):
    things = [thing() for _ in range(3)]
    every = [
        happened("x", things[n % 3]._become() if n > 5 else things[n % 3], AT) for n in range(12)
    ]
    given = [every[n] for n in order]
    sorted_ = in_order(given)
    assert [event.resource for event in sorted_] == [event.resource for event in given]
    assert sorted(event.id for event in sorted_) == sorted(event.id for event in given)
    for one in things:
        seqs = [event.seq for event in sorted_ if event.resource == one.id]
        assert seqs == sorted(seqs)


# DynamoDB Local's own stream and table.


@pytest.fixture
async def store() -> AsyncIterator[DynamoStore]:
    async with fresh_table() as store:
        yield store


async def _reread(store: DynamoStore, gap: Gap, limit: int = 200) -> list[Event]:
    further = store._lanes._table.further
    found: list[Event] = []
    place: Gap | None = gap
    while place is not None:
        events, place = await further(place, limit)
        assert len(events) <= limit
        found += events
    return found


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


async def test_the_table_gives_the_events_of_a_time_again(store: DynamoStore):
    mint = Mint(os.urandom)
    homes = [home(mint.account()) for _ in range(5)]
    made = []
    for n in range(60):
        one = thing(later(n), homes[n % 5])
        made.append(happened("thing.made", one, later(n * 1000)))
        await store.commit(Insert(one), Insert(made[-1]))
    gap = Gap(_ms(later(10_000)), _ms(later(49_000)), gone=False)
    for limit in (200, 7, 1):
        found = await _reread(store, gap, limit)
        assert sorted(found, key=lambda event: event.at) == made[10:50]


async def test_the_table_gives_each_records_events_in_order_however_they_are_cut(
    store: DynamoStore,
):
    """Also those of one moment, and of two clocks that differ a little."""
    things = [thing() for _ in range(3)]
    skewed = (0, 700, 400, 400, 300, 5000, 4800, 5000)
    for seq, ms in enumerate(skewed, 1):
        now = [happened("x", Thing(id=one.id, version=seq), later(ms)) for one in things]
        await store.commit(*map(Insert, now))
    gap = Gap(_ms(AT), _ms(later(9000)), gone=False)
    for limit in (200, 24, 20, 16):
        found = moves(await _reread(store, gap, limit))
        assert len(found) == 24
        for one in things:
            assert [seq for id, seq in found if id == one.id] == list(range(1, 9)), limit


async def test_a_table_is_read_again_in_steps_also_where_it_has_no_events():
    table, gap = await new_table(), Gap(0, _ms(NOW), gone=False)
    async with proxy(server().endpoint) as (between, way), store_of(table, endpoint=way) as store:
        for _ in range(SCAN_ITEMS // 50 + 1):
            await store.commit(*(Insert(thing()) for _ in range(50)))
        await store.commit(told(last := thing(partition="z" * 14)))
        assert moves(await _reread(store, gap)) == [(last.id, 1)]
    assert ["ExclusiveStartKey" in scan for scan in between.named("Scan")] == [False, True]
    assert SCAN_ITEMS * SCANS_MAX < 100_000


async def test_a_real_gap_is_read_again_and_the_real_stream_goes_on(store: DynamoStore):
    await store.commit(Insert(one := thing()), told(one))
    (lane,) = await store.lanes()
    gone = Lane("shardId-00000000000000000000-deadbeef")
    batch = await store.feed(gone, str(At("000000000000000000001", _ms(AT - timedelta(hours=1)))))
    assert batch.events == [told(one).record]
    assert (await store.feed(gone, batch.cursor)).ended
    assert (await store.feed(lane, "")).events == [told(one).record]


async def test_a_shard_that_never_was_is_gone(store: DynamoStore):
    stream = TableStream(store._connection, store._table)
    with pytest.raises(Gone):
        await stream.iterator("shardId-00000000000000000000-deadbeef", "")
    assert (await store.feed(Lane("shardId-00000000000000000000-deadbeef"), "")).ended


async def test_the_feed_of_one_process_tells_what_another_committed(store: DynamoStore):
    async with DynamoStore(
        store._table, [Thing], region="eu-central-1", endpoint=store._connection._address.endpoint,
        entropy=os.urandom, now=lambda: NOW, credentials=("a", "b"),
    ) as other:  # fmt: skip
        (lane,) = await store.lanes()
        cursor = ""
        for n in range(3):
            await other.commit(Insert(one := thing(number=n)), told(one))
            await other.commit(Update(one.add()), told(one.add()))
            batch = await store.feed(lane, cursor)
            assert moves(batch.events) == [(one.id, 1), (one.id, 2)]
            assert batch.events == [told(one).record, told(one.add()).record]
            cursor = batch.cursor


async def _watch(store: Store, count: int) -> list[Event]:
    (lane,) = await store.lanes()
    found, cursor = [], ""
    while len(found) < count:
        batch = await store.feed(lane, cursor, 10)
        found += batch.events
        cursor = batch.cursor
        await asyncio.sleep(0)
    return found


async def test_two_readers_beside_writers_see_the_same(store: DynamoStore):
    things = [thing() for _ in range(60)]
    await put(store, *things[:5])
    writing = (store.commit(Update(one.add()), told(one.add())) for one in things[:5])
    new = (store.commit(Insert(one), told(one)) for one in things[5:])
    first, second, *_ = await asyncio.gather(_watch(store, 60), _watch(store, 60), *writing, *new)
    assert first == second
    assert {event.resource for event in first} == {one.id for one in things}


async def test_an_item_that_is_written_over_is_no_new_event(store: DynamoStore):
    """A restore or a repair may do so; we never do."""
    await store.commit(Insert(one := thing()), told(one))
    item = await store._reading.item(told(one).record.id)
    again = item | {"x": {"B": b"repaired"}}
    await store._connection.once("put_item", TableName=store._table, Item=again)
    (lane,) = await store.lanes()
    assert moves((await store.feed(lane, "")).events) == [(one.id, 1)]
