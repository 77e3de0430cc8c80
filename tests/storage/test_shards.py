"""The contract of a list that lies in several shards: `merged` on each store."""

from __future__ import annotations

import asyncio
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from payseal.core.history import READS_MAX, merged
from payseal.core.ids import AccountId, Mint, Mode, by_time, homes, in_shard, moment
from payseal.core.store import Page, Store
from tests.storage.things import Adapter, Thing, later, mint, plain, put

ACCOUNT = AccountId("0123456789ab")
PARENTS = [None, plain().id]
SHARDS_MAX = 6

# Few moments and few unique parts, so that much is alike but for its shard.
_made = some.tuples(
    some.integers(0, 3), some.integers(0, 2), some.integers(0, 99), some.sampled_from(PARENTS)
)
_several = some.sets(_made, max_size=12)
_raise = some.tuples(some.integers(0, 2), _several)


def _things(made: set[tuple], shards: int, ms: int = 0) -> list[Thing]:
    """Those of that many shards, from so many milliseconds on; no two with one id."""
    places = homes(ACCOUNT, Mode.LIVE, shards)
    found = {}
    for at, unique, shard, parent in made:
        id = f"thg_{places[shard % shards]}{moment(later(ms + at))}{unique:016}"
        found[id] = Thing(id=id, parent=parent)
    return list(found.values())


def _listed(things: list[Thing], of: str | None) -> list[Thing]:
    wanted = [one for one in things if of in (None, one.parent)]
    return sorted(wanted, key=lambda one: by_time(one.id))


async def _walk(store, shards, first, raises, limit, of, *, newest_first):
    """All pages, while the account is spread further between them, and new things come."""
    every = list(first)
    found, after, ms = [], None, 10
    rest = iter(raises)
    while True:
        page = await merged(
            store,
            Thing,
            homes(ACCOUNT, Mode.LIVE, shards),
            of=of,
            after=after,
            limit=limit,
            newest_first=newest_first,
        )
        assert len(page.records) == limit or page.after is None
        found += page.records
        after = page.after
        if after is None:
            return found, every
        more, made = next(rest, (0, set()))
        shards, ms = min(shards + more, SHARDS_MAX), ms + 10
        new = _things(made, shards, ms)
        await put(store, *new)
        every += new


async def _play(adapter, folder, made, shards, raises, limit, of):
    for name in ("forward", "back"):
        (folder / name).mkdir()
        async with adapter(folder / name) as store:
            first = _things(made, shards)
            await put(store, *first)
            backwards = name == "back"
            found, every = await _walk(
                store, shards, first, raises, limit, of, newest_first=backwards
            )
            # Going back, what is newer than the first page is not met any more.
            assert found == (_listed(first, of)[::-1] if backwards else _listed(every, of))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    made=_several,
    shards=some.integers(1, 4),
    raises=some.lists(_raise, max_size=4),
    limit=some.integers(1, 5),
    of=some.sampled_from(PARENTS),
)
def test_a_list_of_shards_is_the_sorted_list_even_while_it_spreads(
    adapter: Adapter, made, shards, raises, limit, of
):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_play(adapter, Path(folder), made, shards, raises, limit, of))


@pytest.fixture
async def many(store: Store) -> list[Thing]:
    """A hundred in four shards, one a millisecond, in runs that leave shards far behind."""
    places = homes(ACCOUNT, Mode.LIVE, 4)
    things = [
        Thing(id=mint.id("thg", places[n // 9 % 4 if n < 70 else 0], later(n))) for n in range(100)
    ]
    await put(store, *things)
    return things


@pytest.mark.parametrize("limit", [1, 7, 50, 99, 100, 200])
async def test_shards_are_listed_within_a_span(store: Store, many: list[Thing], limit: int):
    for start, end in [(0, 100), (13, 78), (71, 90), (0, 1), (50, 50)]:
        wanted = many[start:end]
        for newest_first in (False, True):
            found, after = [], None
            while True:
                page = await merged(
                    store,
                    Thing,
                    homes(ACCOUNT, Mode.LIVE, 4),
                    start=later(start),
                    end=later(end),
                    after=after,
                    limit=limit,
                    newest_first=newest_first,
                )
                found += page.records
                after = page.after
                if after is None:
                    break
            assert found == (wanted[::-1] if newest_first else wanted)


async def test_a_reader_who_has_not_heard_of_a_raise_misses_the_newest_only(store: Store):
    old, new = _things({(0, 0, 0, None), (1, 0, 1, None)}, 2), _things({(0, 1, 3, None)}, 4, 50)
    await put(store, *old, *new)
    behind = await merged(store, Thing, homes(ACCOUNT, Mode.LIVE, 2), newest_first=True)
    assert behind.records == _listed(old, None)[::-1]
    aware = await merged(store, Thing, homes(ACCOUNT, Mode.LIVE, 4), newest_first=True)
    assert aware.records == new + behind.records


async def test_a_cursor_of_another_shard_bounds_a_page_by_its_moment(store: Store):
    one, two = homes(ACCOUNT, Mode.LIVE, 2)
    things = [Thing(id=mint.id("thg", one, later(n))) for n in range(4)]
    await put(store, *things)
    there = mint.id("thg", two, later(1))
    assert (await store.page(Thing, one, after=there)).records == things[2:]
    assert (await store.page(Thing, one, after=there, newest_first=True)).records == things[1::-1]
    # Alike but for the shard: the lower one counts as the older.
    alike = in_shard(things[2].id, two)
    assert (await store.page(Thing, one, after=alike)).records == things[3:]
    assert (await store.page(Thing, one, after=alike, newest_first=True)).records == things[2::-1]


class Counted:
    """Counts the reads, and how many of them run side by side."""

    def __init__(self, places: list[str], each: int) -> None:
        self.reads = self.records = self.open = self.most = 0
        self._places = {
            place: [Thing(id=mint.id("thg", place, later(n))) for n in range(each)][::-1]
            for place in places
        }

    async def page(self, kind, partition, *, after, limit, **_):
        self.reads += 1
        self.open += 1
        self.most = max(self.most, self.open)
        await asyncio.sleep(0)
        self.open -= 1
        ahead = [
            one for one in self._places[partition] if not after or by_time(one.id) < by_time(after)
        ]
        page = ahead[:limit]
        self.records += len(page)
        return Page(page, page[-1].id if len(ahead) > limit else None)


@pytest.mark.parametrize(("shards", "reads", "records"), [(1, 1, 50), (4, 8, 120), (64, 80, 200)])
async def test_a_page_of_many_shards_reads_little_more_than_a_page(shards, reads, records):
    places = homes(ACCOUNT, Mode.LIVE, shards)
    store = Counted(places, 60)
    page = await merged(store, Thing, places, limit=50, newest_first=True)
    assert len(page.records) == 50
    assert store.reads <= reads
    assert store.records <= records
    assert store.most <= READS_MAX


async def test_shards_that_are_still_empty_cost_a_read_each_and_no_second_one():
    places = homes(ACCOUNT, Mode.LIVE, 16)
    store = Counted(places[:1], 300)
    store._places |= {place: [] for place in places[1:]}
    page = await merged(store, Thing, places, limit=50, newest_first=True)
    assert [before.id > after.id for before, after in pairwise(page.records)] == [True] * 49
    assert store.reads == 16 + 1
    assert store.records == 50


def test_chance_fills_shards_evenly():
    numbers = iter(range(10**6))
    chance = Mint(lambda size: (next(numbers) * 2654435761 % 2**32).to_bytes(size, "big"))
    for shards in (1, 3, 16):
        drawn = [chance.shard(shards) for _ in range(1000 * shards)]
        counts = [drawn.count(shard) for shard in range(shards)]
        assert set(drawn) == set(range(shards))
        assert max(counts) - min(counts) < 200
    assert next(numbers) == 19_000, "one shard needs no chance"
