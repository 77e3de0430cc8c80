"""The contract of `page` and `due`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from payseal.core.ids import value_id
from payseal.core.store import Delete, InvalidAfter, Page, Store, Update
from tests.storage.things import AT, ELSEWHERE, HOME, Thing, later, mint, plain, put, thing

EARLY, LATE = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


async def _walk(store: Store, limit: int, **how: object) -> list[Thing]:
    """All pages of a list."""
    found: list[Thing] = []
    after: str | None = None
    while True:
        page: Page[Thing] = await store.page(Thing, HOME, after=after, limit=limit, **how)
        assert len(page.records) == limit or page.after is None
        assert page.after is None or page.after == page.records[-1].id
        found += page.records
        after = page.after
        if after is None:
            return found


@pytest.fixture
async def ten(store: Store) -> list[Thing]:
    """One a millisecond, inserted out of order; every other one a child."""
    parent = plain().id
    things = [thing(later(n), number=n, parent=parent if n % 2 else None) for n in range(10)]
    await put(store, *things[5:], *things[:5])
    await put(store, thing(later(3), ELSEWHERE, parent=parent), plain())
    return things


@pytest.mark.parametrize("limit", [1, 3, 5, 9, 10, 11, 200])
async def test_pages_go_by_id_and_end_at_the_end(store: Store, ten: list[Thing], limit: int):
    assert await _walk(store, limit) == ten
    assert await _walk(store, limit, newest_first=True) == ten[::-1]


WINDOWS = [
    (None, None, range(10)),
    (AT, later(10), range(10)),
    (later(3), None, range(3, 10)),
    (None, later(3), range(3)),
    (later(3), later(7), range(3, 7)),
    (later(3), later(3), range(0)),
    (later(7), later(3), range(0)),
    (later(9), None, range(9, 10)),
    (later(10), None, range(0)),
    (None, AT, range(0)),
    (EARLY, LATE, range(10)),
    (EARLY, EARLY, range(0)),
    (later(3) + timedelta(microseconds=999), later(4) + timedelta(microseconds=1), range(3, 4)),
]


@pytest.mark.parametrize(("start", "end", "which"), WINDOWS)
async def test_a_page_starts_at_start_and_ends_before_end(
    store: Store, ten: list[Thing], start: datetime | None, end: datetime | None, which: range
):
    wanted = ten[which.start : which.stop]
    assert await _walk(store, 2, start=start, end=end) == wanted
    assert await _walk(store, 2, start=start, end=end, newest_first=True) == wanted[::-1]
    children = [one for one in wanted if one.parent]
    assert await _walk(store, 2, start=start, end=end, of=ten[1].parent) == children


async def test_the_children_of_one_record_are_listed_alone(store: Store, ten: list[Thing]):
    parent = ten[1].parent
    assert await _walk(store, 2, of=parent) == ten[1::2]
    assert await _walk(store, 2, of=parent, newest_first=True) == ten[1::2][::-1]
    for none in (plain().id, "", "nonsense", "pln_" + "u" * 40):
        assert await _walk(store, 2, of=none) == []


async def test_lists_follow_updates_and_deletes(store: Store, ten: list[Thing]):
    parent, other = ten[1].parent, plain().id
    await store.commit(Update(moved := ten[1].move(parent=other, when=None)), Delete(ten[3]))
    assert await _walk(store, 3) == [ten[0], moved, ten[2], *ten[4:]]
    assert await _walk(store, 3, of=parent) == ten[5::2]
    assert await _walk(store, 3, of=other) == [moved]


async def test_after_need_not_be_there_any_more(store: Store, ten: list[Thing]):
    await store.commit(Delete(ten[4]))
    assert (await store.page(Thing, HOME, after=ten[4].id)).records == ten[5:]
    backwards = await store.page(Thing, HOME, after=ten[4].id, newest_first=True)
    assert backwards.records == ten[3::-1]


async def test_an_after_of_another_account_opens_nothing(store: Store, ten: list[Thing]):
    before, beyond = mint.id("thg", "0" * 14, AT), mint.id("thg", ELSEWHERE, later(9))
    assert (await store.page(Thing, HOME, after=before)).records == ten
    assert (await store.page(Thing, HOME, after=beyond)).records == []
    assert (await store.page(Thing, HOME, after=before, newest_first=True)).records == []
    assert (await store.page(Thing, HOME, after=beyond, newest_first=True)).records == ten[::-1]


@pytest.mark.parametrize(
    "after", ["", "x", "thg_", "pln_" + "0" * 40, "thg_" + "U" * 40, "\0" * 44]
)
async def test_an_after_that_no_page_gave_is_refused(store: Store, after: str):
    with pytest.raises(InvalidAfter) as raised:
        await store.page(Thing, HOME, after=after)
    assert raised.value.members == {"field": "after"}


async def test_unique_values_have_partitions_of_their_own(store: Store):
    one = Thing(id=value_id("thg", "someone@example.org"))
    await put(store, one, Thing(id=value_id("thg", "other@example.org")))
    assert (await store.page(Thing, one.partition)).records == [one]


async def test_the_longest_waiting_are_due_first(store: Store):
    things = [thing(when=later(n)) for n in range(6)]
    await put(store, *things[3:], thing(), *things[:3])
    assert await store.due(Thing, before=later(3)) == things[:4]
    assert await store.due(Thing, before=later(3), limit=2) == things[:2]
    assert await store.due(Thing, before=later(-1)) == []


async def test_nothing_is_due_before_its_moment(store: Store):
    await put(store, one := thing(when=later(1) - timedelta(microseconds=1)))
    assert await store.due(Thing, before=later(1) - timedelta(microseconds=2)) == []
    assert await store.due(Thing, before=later(1)) == [one]


async def test_what_is_due_follows_updates_and_deletes(store: Store):
    things = [thing(when=AT) for _ in range(4)]
    await put(store, *things)
    await store.commit(
        Update(things[0].move(parent=None, when=None)),
        Update(late := things[1].move(parent=None, when=later(5))),
        Delete(things[2]),
    )
    assert await store.due(Thing, before=AT) == [things[3]]
    assert await store.due(Thing, before=later(5)) == [things[3], late]
