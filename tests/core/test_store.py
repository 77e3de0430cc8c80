from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from payseal.core.errors import Kind
from payseal.core.ids import AccountId, Mint, home
from payseal.core.record import Record
from payseal.core.store import (
    PAGE_MAX,
    RETRIES_MAX,
    SCAN_MAX,
    Busy,
    Checkpoint,
    Insert,
    Page,
    Stale,
    StoreError,
    Taken,
    Update,
    deciding,
    filtered,
)
from payseal.storage import MemoryStore
from tests.chance import counted
from tests.virtual import elapsed, in_virtual_time

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOME = home(AccountId("0" * 12))


class Tally(Record, frozen=True, kw_only=True):
    prefix, table = "tal", "tallies"

    count: int = 0

    def add(self) -> Tally:
        return self._become(count=self.count + 1)


def tallies(count):
    mint = Mint(counted())
    return [Tally(id=mint.id("tal", HOME, AT), count=n) for n in range(count)]


def losing(times, lost):
    tries = []

    async def decide(word, *, at):
        tries.append(elapsed())
        if len(tries) <= times:
            raise lost
        return f"{word} after {len(tries)}"

    return decide, tries


@pytest.mark.parametrize("lost", [Taken, Stale])
@pytest.mark.parametrize("times", [0, 1, RETRIES_MAX - 1])
def test_a_decision_that_lost_is_made_again(lost, times):
    decide, tries = losing(times, lost(Insert(tallies(1)[0])))
    assert in_virtual_time(deciding(decide, "done", at=AT)) == f"done after {times + 1}"
    assert len(tries) == times + 1


def test_a_decision_that_always_loses_ends_busy():
    decide, tries = losing(10**6, Stale(Update(tallies(1)[0].add())))
    with pytest.raises(Busy) as refused:
        in_virtual_time(deciding(decide, "done", at=AT))
    assert len(tries) == RETRIES_MAX
    assert (refused.value.kind, refused.value.code) == (Kind.UNAVAILABLE, "busy")
    assert refused.value.members == {"retryAfter": 1}
    pauses = [after - before for before, after in pairwise(tries)]
    assert 0.001 <= pauses[0] <= 0.002
    assert max(pauses) <= 0.25
    assert tries[-1] < 2


@pytest.mark.parametrize("failure", [StoreError("the disk is full"), ValueError(), Busy("later")])
def test_only_a_lost_race_is_run_again(failure):
    decide, tries = losing(10**6, failure)
    with pytest.raises(type(failure)):
        in_virtual_time(deciding(decide, "done", at=AT))
    assert len(tries) == 1


def test_two_who_lost_the_same_race_do_not_come_back_at_once():
    async def second_try(tally):
        decide, tries = losing(1, Stale(Update(tally)))
        await deciding(decide, "done", at=AT)
        return tries[1]

    moments = {in_virtual_time(second_try(tally)) for tally in tallies(20)}
    assert len(moments) == 20


def test_nobody_who_counts_at_the_same_time_is_forgotten():
    store = MemoryStore((Tally,))
    (tally,) = tallies(1)

    async def count():
        await store.commit(Update((await store.get(Tally, tally.id)).add()))

    async def many():
        await store.commit(Insert(tally))
        await asyncio.gather(*(deciding(count) for _ in range(10)))
        return await store.get(Tally, tally.id)

    assert in_virtual_time(many()).count == 10


def reading(records, size=PAGE_MAX):
    """A list that is read page by page, and how often it was."""
    calls = []

    async def read(after):
        calls.append(after)
        ids = [record.id for record in records]
        start = 0 if after is None else ids.index(after) + 1
        found = records[start : start + size]
        return Page(found, found[-1].id if start + size < len(records) else None)

    return read, calls


@pytest.mark.parametrize("size", [1, 2, 3, 200])
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("every", [1, 2, 3])
async def test_page_by_page_all_that_is_wanted_is_found_once(size, limit, every):
    records = tallies(12)
    read, _ = reading(records, size)
    found, after = [], None
    for _ in range(100):
        page = await filtered(read, lambda r: r.count % every == 0, after=after, limit=limit)
        assert len(page.records) <= limit
        found += page.records
        after = page.after
        if after is None:
            break
    assert found == [record for record in records if record.count % every == 0]


@pytest.mark.parametrize("limit", [3, 4])
async def test_a_list_that_ends_with_the_limit_has_nothing_after_it(limit):
    read, _ = reading(tallies(3))
    page = await filtered(read, lambda _: True, after=None, limit=limit)
    assert (len(page.records), page.after) == (3, None)


async def test_a_search_looks_at_so_many_and_says_where_it_stopped():
    records = tallies(SCAN_MAX + 300)
    read, calls = reading(records)
    page = await filtered(read, lambda r: r.count == SCAN_MAX + 100, after=None, limit=10)
    assert page == Page([], records[SCAN_MAX - 1].id)
    assert len(calls) == SCAN_MAX // PAGE_MAX
    page = await filtered(read, lambda r: r.count == SCAN_MAX + 100, after=page.after, limit=10)
    assert page == Page([records[SCAN_MAX + 100]], None)


async def test_an_empty_list_is_an_empty_page():
    read, _ = reading([])
    assert await filtered(read, lambda _: True, after=None, limit=10) == Page([], None)


def test_a_checkpoint_says_how_far():
    start = Checkpoint(id=tallies(1)[0].id.replace("tal", "chk"))
    further = start.read_to("17", AT)
    assert (start.cursor, further.cursor, further.version) == ("", "17", 2)
