"""Workers that share the lanes of a feed."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from structlog.testing import capture_logs

from payseal.core import roll
from payseal.core.event import Event
from payseal.core.feed import LEASE, LOOK_EVERY, OUTPUT_MAX, REMEMBER, REST, Reader
from payseal.core.ids import AccountId, Mint, home
from payseal.core.record import encode
from payseal.core.setback import Setback
from payseal.core.store import Checkpoint, Insert, Lane, forget
from payseal.storage import MemoryStore
from payseal.storage.row import BODY_MAX
from tests.chance import counted
from tests.core.stream import Journal, Stream, happened_to, journal, journal_id
from tests.virtual import elapsed, in_virtual_time

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOME = home(AccountId("0" * 12))
mint = Mint(counted())


class World:
    """A stream, a clock, and what happened."""

    def __init__(self, lanes=1, repeats=0):
        self.stream, self.at = Stream(lanes, repeats), NOON
        self.happened: dict[str, int] = {}

    def now(self):
        return self.at

    def later(self, time):
        self.at += time

    def reader(self, name="ada", make=None, now=None, store=None):
        store = store or self.stream

        async def write(events):
            return await journal(store, events)

        return Reader(store, "journal", name, make or write, now=now or self.now)

    def things(self, count):
        new = [mint.id("thg", HOME, NOON) for _ in range(count)]
        self.happened |= dict.fromkeys(new, 0)
        return new

    async def happens(self, *resources):
        for resource in resources:
            self.happened[resource] += 1
            event = happened_to(resource, self.happened[resource], NOON)
            await self.stream.commit(Insert(event))

    async def told(self, resource):
        found = await self.stream.disk.get(Journal, journal_id(resource))
        return [] if found is None else list(found.told)

    async def assert_told(self):
        for resource, count in self.happened.items():
            assert await self.told(resource) == list(range(1, count + 1))

    async def rolled(self):
        return {*(await roll.roll_of(self.stream.disk, "journal")).parents}

    async def holders(self):
        found = await self.stream.checkpoints(self.reader())
        return Counter(checkpoint.holder for checkpoint in found.values() if not checkpoint.ended)


@pytest.fixture
def world():
    return World()


@pytest.fixture(autouse=True)
def logged():
    """What was logged, and nothing of it on the screen."""
    with capture_logs() as lines:
        yield lines


async def test_a_reader_reads_all_lanes_once_and_in_order():
    world = World(lanes=4)
    things = world.things(30)
    await world.happens(*things * 5)
    ada = world.reader()
    assert await ada.read() == 150
    assert await ada.read() == 0
    await world.happens(*things)
    assert await ada.read() == 30
    await world.assert_told()


async def test_a_child_is_read_after_its_parents_end():
    world = World(lanes=1)
    things = world.things(20)
    await world.happens(*things)
    (root,) = world.stream.open
    left, right = world.stream.split(root)
    await world.happens(*things)
    world.stream.merge(left, right)
    await world.happens(*things)
    ada = world.reader()
    counts = [await ada.read() for _ in range(6)]
    assert counts == [20, 0, 20, 0, 20, 0] or sum(counts) == 60
    await world.assert_told()


async def test_a_child_waits_for_a_parent_that_another_worker_reads():
    world = World(lanes=2)
    things = world.things(20)
    one, other = world.stream.open
    ada, bob = world.reader("ada"), world.reader("bob")
    await ada.read()
    await world.happens(*things)
    child = world.stream.merge(one, other)
    await world.happens(*things)
    world.later(LOOK_EVERY)
    await bob.read()
    assert child.id not in await world.stream.checkpoints(ada), "its parents are not read yet"
    for _ in range(4):
        await ada.read()
        await bob.read()
        world.later(LOOK_EVERY)
    await world.assert_told()


async def test_a_parent_that_is_listed_no_more_counts_as_done():
    world = World(lanes=1)
    things = world.things(5)
    (root,) = world.stream.open
    world.stream.split(root)
    world.stream.trim(root)
    await world.happens(*things)
    assert await world.reader().read() == 5


AWAY = timedelta(days=3)


async def read_all(world, *readers):
    """Until nothing is left; so many events."""
    read = 0
    for _ in range(12):
        for reader in readers:
            read += await reader.read()
        world.later(LOOK_EVERY)
    return read


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("early", [False, True])
async def test_a_lane_that_vanished_while_nobody_read_is_read_before_its_children(workers, early):
    world = World(lanes=2)
    world.stream.early = early
    things = world.things(30)
    before = world.reader("before")
    await world.happens(*things)
    assert await before.read() == 30
    await before.let_go()
    old = [*world.stream.open]
    await world.happens(*things)
    for lane in old:
        world.stream.split(lane)
        world.stream.vanish(lane)
    await world.happens(*things)
    world.later(AWAY)
    readers = [world.reader(f"{n}") for n in range(workers)]
    assert await read_all(world, *readers) == 60
    await world.assert_told()
    found = await world.stream.checkpoints(before)
    assert all(found[lane.id].ended for lane in old)
    assert await world.rolled() == {lane.id for lane in world.stream.open}


async def test_what_came_and_went_unseen_is_read_before_what_came_after(world):
    things = world.things(30)
    await world.happens(*things)
    assert await world.reader("before").read() == 30
    (first,) = world.stream.open
    unseen, _ = world.stream.split(first)
    world.stream.vanish(first)
    await world.happens(*things)
    world.stream.split(unseen)
    world.stream.vanish_unseen(unseen)
    await world.happens(*things)
    world.later(AWAY)
    assert await read_all(world, world.reader("ada"), world.reader("bob")) == 60
    await world.assert_told()


async def test_a_lane_that_was_seen_and_not_begun_may_vanish_too(world):
    """Its parent was read for so long."""
    things = world.things(30)
    (first,) = world.stream.open
    await world.happens(*things)
    left, _ = world.stream.split(first)
    await world.happens(*things)
    ada = world.reader("ada", store=Broken(world.stream, first.id))
    assert await ada.read() == 0
    world.stream.split(left)
    world.stream.vanish(first)
    world.stream.vanish(left)
    await world.happens(*things)
    world.later(AWAY)
    assert await read_all(world, world.reader("bob"), world.reader("eve")) == 90
    await world.assert_told()
    assert await world.rolled() == {lane.id for lane in world.stream.open}


async def test_whoever_ends_a_lane_and_dies_leaves_its_children_on_the_roll(world):
    things = world.things(30)
    (first,) = world.stream.open
    ada = world.reader("ada")
    await ada.read()
    await world.happens(*things)
    left, _ = world.stream.split(first)
    await world.happens(*things)
    while first.id in await world.rolled():
        await ada._read_or_rest(first.id)
    world.stream.split(left)
    world.stream.vanish(left)
    world.stream.trim(first)
    world.later(AWAY)
    assert await read_all(world, world.reader("bob")) == 30
    await world.assert_told()


def test_a_roll_that_is_full_is_loud_and_keeps_what_it_has(logged):
    lanes = [Lane(f"lane {n}") for n in range(roll.LANES_MAX + 1)]
    full = roll.Roll().turn(lanes[: roll.LANES_MAX])
    assert not logged
    assert full.turn(full.lanes([lanes[-1]]).values()) is full
    assert [(line["event"], line["log_level"]) for line in logged] == [("roll is full", "error")]
    long = Lane("x" * 65, ("y" * 65,))  # no name of a shard is longer
    assert len(encode(full.turn([long]))) * roll.LANES_MAX < BODY_MAX


async def test_a_store_of_one_lane_pays_one_small_record():
    store = MemoryStore([Journal])
    reader = Reader(
        store, "journal", "ada", lambda events: journal(store, events), now=lambda: NOON
    )
    for _ in range(50):
        reader._look_at = NOON
        await reader.read()
    found = await roll.roll_of(store, "journal")
    assert found.version == 1
    assert len(encode(found)) < 50


async def test_a_lane_that_ended_is_remembered_while_it_is_listed_and_then_forgotten():
    world = World(lanes=1)
    things = world.things(5)
    ada = world.reader()
    await world.happens(*things)
    (root,) = world.stream.open
    world.stream.split(root)
    for _ in range(30):
        await ada.read()
        world.later(REMEMBER / 10)
        assert await forget(world.stream, Checkpoint, at=world.at) == 0
    assert (await world.stream.checkpoints(ada))[root.id].ended
    world.stream.trim(root)
    world.later(REMEMBER)
    await ada.read()
    assert await forget(world.stream, Checkpoint, at=world.at) == 1
    assert await world.stream.disk.get(Checkpoint, ada.id_of(root.id)) is None
    await world.assert_told()


@pytest.mark.parametrize("lanes", [1, 3, 8, 9])
@pytest.mark.parametrize("workers", [1, 2, 5])
async def test_each_worker_comes_to_a_fair_share(lanes, workers):
    world = World(lanes)
    readers = [world.reader(f"worker {n}") for n in range(workers)]
    for _ in range(lanes + 2):
        for reader in readers:
            await reader.read()
        world.later(LOOK_EVERY)
    shares = await world.holders()
    assert sum(shares.values()) == lanes
    assert max(shares.values()) <= -(-lanes // min(lanes, workers)), shares
    for _ in range(5):
        for reader in readers:
            await reader.read()
        world.later(LOOK_EVERY)
    assert await world.holders() == shares, "and then they leave each other alone"


async def test_a_worker_that_died_loses_its_lanes_when_its_leases_end():
    world = World(lanes=1)
    things = world.things(20)
    ada, bob = world.reader("ada"), world.reader("bob")
    await ada.read()
    await world.happens(*things)
    world.later(LEASE - timedelta(milliseconds=1))
    assert await bob.read() == 0
    world.later(LOOK_EVERY)
    assert await bob.read() == 20
    await world.assert_told()
    assert await ada.read() == 0, "it was not dead, and lets go"
    await world.assert_told()


async def test_whoever_stops_cleanly_is_waited_for_by_nobody():
    world = World(lanes=4)
    things = world.things(20)
    ada = world.reader("ada")
    await ada.read()
    await ada.let_go()
    await world.happens(*things)
    bob = world.reader("bob")
    assert await bob.read() == 20
    await ada.let_go()
    assert await world.holders() == {"bob": 4}
    world.later(LEASE)
    eve = world.reader("eve")
    await eve.read()
    await bob.let_go()
    assert await world.holders() == {"eve": 4}, "only what is its own"


@pytest.mark.parametrize("cut", range(1, 40))
def test_wherever_a_worker_is_stopped_it_gives_all_back(cut):
    async def stop():
        world = World(lanes=2)
        await world.happens(*world.things(8))
        ada = world.reader(store=Slow(world.stream, Random(cut), 0))
        reading = asyncio.ensure_future(ada.read())
        await asyncio.sleep(cut * 0.005)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await ada.let_go()
        assert set(await world.holders()) <= {""}
        await world.reader("bob").read()
        await world.assert_told()

    in_virtual_time(stop(), cut)


async def test_whoever_comes_back_under_its_name_takes_up_what_it_held(world):
    things = world.things(3)
    assert await world.reader("alone").read() == 0
    await world.happens(*things)
    assert await world.reader("alone").read() == 3
    await world.assert_told()


async def test_a_clock_that_moves_on_between_two_looks_holds_up_no_lane(world):
    def ticking():
        world.later(timedelta(microseconds=1))
        return world.at

    await world.happens(*world.things(3))
    assert await world.reader(now=ticking).read() == 3


async def test_a_lane_without_events_costs_a_commit_for_half_a_lease_and_no_more():
    world = World(lanes=3)
    ada = world.reader()
    await ada.read()
    before, looks = world.stream.commits, 3000
    for _ in range(looks):
        world.later(timedelta(seconds=0.2))
        await ada.read()
    halves = looks * timedelta(seconds=0.2) / (LEASE / 2)
    assert 3 * halves * 0.9 <= world.stream.commits - before <= 3 * halves
    assert await world.reader("bob").read() == 0
    assert (await world.holders())["ada"] >= 2, "it never lost its leases"


async def test_a_lease_that_a_wrong_clock_wrote_is_believed_no_longer_than_a_lease_lasts(world):
    things = world.things(3)
    ahead = world.reader("ahead", now=lambda: NOON + timedelta(days=3650))
    await ahead.read()
    await world.happens(*things)
    assert await world.reader("bob").read() == 3


async def test_more_output_than_fits_a_commit_is_made_in_several(world):
    things = world.things(OUTPUT_MAX + 1)
    await world.happens(*things * 3)
    assert await world.reader().read() == 3 * (OUTPUT_MAX + 1)
    await world.assert_told()


async def test_what_goes_wrong_in_one_lane_stops_no_other():
    world = World(lanes=4)
    things = world.things(40)
    await world.happens(*things)
    broken = world.stream.lane_of(things[0])
    ada = world.reader(store=Broken(world.stream, broken))
    read = await ada.read()
    assert read == 40 - len(world.stream.events[broken])
    ada._store.broken = None
    assert await ada.read() == 0, "it rests"
    world.later(REST)
    assert await ada.read() == 40 - read
    await world.assert_told()


class Poison:
    """Makes a journal, unless an event is of those that it cannot read."""

    def __init__(self, stream):
        self.stream, self.bad, self.down = stream, set(), False

    async def __call__(self, events):
        if self.down or any(event.resource in self.bad for event in events):
            raise ValueError("what is this?")
        return await journal(self.stream, events)


async def test_story_21_a_poison_event_is_set_aside_and_the_others_go_on(world, logged):
    things = world.things(300)
    make = Poison(world.stream)
    make.bad = set(things[10:260])  # more than a batch of them, one after another
    await world.happens(*things)
    ada = world.reader(make=make)
    assert await ada.read() == 300
    assert await world.stream.due(Setback, before=world.at) == []
    world.later(timedelta(minutes=1))
    late = await world.stream.due(Setback, before=world.at)
    assert len(late) == 200
    assert {await world.stream.disk.get(Event, aside.event) is not None for aside in late} == {True}
    for thing in things[:10] + things[260:]:
        assert await world.told(thing) == [1]
    loud = [line["id"] for line in logged if line["log_level"] == "error"]
    assert len(set(loud)) == 250, "each by its id"


async def test_what_was_set_aside_is_tried_again_later_and_later_until_it_is_read(world):
    good, bad = world.things(2)
    make = Poison(world.stream)
    make.bad = {bad}
    await world.happens(bad, good)
    ada = world.reader(make=make)
    assert await ada.read() == 2
    waits = []
    for _ in range(5):
        (aside,) = await world.stream.due(Setback, before=NOON + timedelta(days=9))
        waits.append(aside.due - world.at)
        await ada.retry(aside.id)  # not yet
        assert await world.stream.disk.get(Setback, aside.id) == aside
        world.at = aside.due
        await ada.retry(aside.id)
    assert [wait / timedelta(minutes=1) for wait in waits] == [1, 5, 30, 60, 60]
    make.bad = set()
    world.later(timedelta(hours=1))
    await world.reader("bob", make=make).retry(aside.id)
    assert await world.stream.disk.get(Setback, aside.id) is None
    await world.assert_told()


async def test_two_workers_that_retry_at_once_make_one_effect(world):
    good, bad = world.things(2)
    make = Poison(world.stream)
    make.bad = {bad}
    await world.happens(bad, good)
    readers = [world.reader(name, make=make) for name in ("ada", "bob", "eve")]
    await readers[0].read()
    make.bad = set()
    world.later(timedelta(minutes=1))
    (aside,) = await world.stream.due(Setback, before=world.at)
    await asyncio.gather(*(reader.retry(aside.id) for reader in readers))
    await world.assert_told()


@pytest.mark.parametrize("before", [0, 5])
async def test_while_nothing_works_nothing_is_set_aside(world, before):
    things = world.things(60)
    make = Poison(world.stream)
    ada = world.reader(make=make)
    await world.happens(*things[:before])
    await ada.read()
    make.down = True
    await world.happens(*things)
    for _ in range(10):
        assert await ada.read() == 0
        world.later(REST)
    assert await world.stream.due(Setback, before=world.at + timedelta(days=9)) == []
    make.down = False
    assert await ada.read() == 60
    await world.assert_told()


class Around:
    """A store of which one promise is kept differently."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)


class Broken(Around):
    broken: object = None

    def __init__(self, inner, lane):
        super().__init__(inner)
        self.broken = lane

    async def feed(self, lane, cursor, limit=200):
        if self.broken in (lane, lane.id):
            raise OSError("the shard does not answer")
        return await self._inner.feed(lane, cursor, limit)


class Slow(Around):
    """The store as a process meets it: each call takes a moment, in which the process may die."""

    def __init__(self, inner, random, stall):
        super().__init__(inner)
        self.random, self.stall = random, stall

    async def moment(self):
        stalled = self.random.random() < self.stall
        longest = 2 * LEASE.total_seconds()
        await asyncio.sleep(self.random.uniform(0, longest) if stalled else 0.01)

    def __getattr__(self, name):
        async def call(*args, **kwargs):
            await self.moment()
            result = await getattr(self._inner, name)(*args, **kwargs)
            await self.moment()
            return result

        return call


class Fleet:
    """Workers that die, stop, stall and come again, and a stream that splits, merges and ends."""

    def __init__(self, random, workers, repeats=0):
        self.random, self.count = random, workers
        self.world = World(random.choice([1, 1, 2, 5]), repeats)
        self.world.now = self.now
        self.stream = self.world.stream
        self.stream.early = random.random() < 0.5
        self.stall = random.choice([0, 0, 0.01])
        self.skew = random.choice([0, 2, 90])
        self.names = iter(range(10**9))
        self.working = {}

    def now(self):
        return NOON + timedelta(seconds=elapsed())

    def start(self, make=None):
        skew = timedelta(seconds=self.random.uniform(-self.skew, self.skew))
        reader = self.world.reader(
            f"worker {next(self.names)}",
            store=Slow(self.stream, self.random, self.stall),
            now=lambda: self.now() + skew,
            make=make,
        )
        self.working[asyncio.ensure_future(self.work(reader))] = reader

    async def work(self, reader):
        while True:
            await reader.read()
            await asyncio.sleep(1)

    async def stop(self, *, cleanly):
        task = self.random.choice([*self.working])
        reader = self.working.pop(task)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if cleanly:
            await reader.let_go()

    async def reshape(self):
        lanes = sorted(self.stream.open, key=self.stream.open.get)
        match self.random.choice(["split", "merge", "trim", "vanish"]):
            case "split" if len(lanes) < 12:
                self.stream.split(self.random.choice(lanes))
            case "merge" if len(lanes) > 1:
                n = self.random.randrange(len(lanes) - 1)
                self.stream.merge(lanes[n], lanes[n + 1])
            case "vanish":
                seen = await self.world.rolled()
                for lane in [*self.stream.closed]:
                    if lane.id in seen:
                        self.stream.vanish(lane)
            case "trim":
                found = await self.stream.checkpoints(self.world.reader())
                for lane in [*self.stream.closed]:
                    if lane.id in found and found[lane.id].ended:
                        self.stream.trim(lane)

    async def live(self, make=None):
        things = self.world.things(12)
        for _ in range(self.count):
            self.start(make)
        for _ in range(60):
            await self.world.happens(*self.random.choices(things, k=self.random.choice([0, 5, 60])))
            await asyncio.sleep(self.random.uniform(0, self.random.choice([0.1, 1, 10])))
            if self.random.random() < 0.2:
                await self.reshape()
            if self.random.random() < 0.15:
                await self.stop(cleanly=self.random.random() < 0.3)
                self.start(make)
        self.skew = self.stall = 0  # from here on all is well
        for _ in range(self.count):
            await self.stop(cleanly=True)
            self.start(make)
        await asyncio.sleep(90)
        for _ in range(self.count):
            await self.stop(cleanly=True)


@pytest.mark.parametrize("workers", [2, 5])
@pytest.mark.parametrize("seed", range(60))
def test_whoever_dies_each_event_has_one_effect_in_the_order_of_its_resource(seed, workers):
    async def day():
        fleet = Fleet(Random(seed), workers)
        await fleet.live()
        await fleet.world.assert_told()

    in_virtual_time(day(), seed)


@pytest.mark.parametrize("seed", range(30))
def test_a_feed_that_repeats_itself_makes_no_second_effect(seed):
    async def day():
        fleet = Fleet(Random(seed), 3, repeats=7)

        async def make(events):
            return [Insert(Journal(id=event.id.replace("evt", "jrn"))) for event in events]

        await fleet.live(make)
        for thing, count in fleet.world.happened.items():
            for seq in range(1, count + 1):
                event = happened_to(thing, seq, NOON)
                made = await fleet.stream.disk.get(Journal, event.id.replace("evt", "jrn"))
                assert made is not None, "nothing is lost, and no lane is stuck"

    in_virtual_time(day(), seed)


@pytest.mark.parametrize("workers", [2, 5])
async def test_workers_on_a_store_of_one_lane_take_turns(workers):
    store, at, told = MemoryStore([Journal]), NOON, []

    async def make(events):
        told.extend(event.seq for event in events)
        return await journal(store, events)

    readers = [Reader(store, "journal", f"{n}", make, now=lambda: at) for n in range(workers)]
    thing = mint.id("thg", HOME, NOON)
    for seq, reader in enumerate(readers * 3, start=1):
        await store.commit(Insert(happened_to(thing, seq, NOON)))
        await asyncio.gather(*(reader.read() for reader in readers))
        await reader.let_go()
        at += LOOK_EVERY
    await asyncio.gather(*(reader.read() for reader in readers))
    assert (await store.get(Journal, journal_id(thing))).told == tuple(range(1, 3 * workers + 1))
