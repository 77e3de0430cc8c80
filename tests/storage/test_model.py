"""Random commits, on each store and on a plain dictionary: they must agree."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from payseal.core.store import Change, Check, Delete, Insert, Lost, Stale, Store, Taken, Update
from tests.storage.things import AT, ELSEWHERE, HOME, Adapter, Thing, all_events, later, mint, told

PARENTS = [None, mint.id("pln", HOME, AT), mint.id("pln", HOME, AT)]
IDS = [mint.id("thg", home, later(n % 3)) for n in range(5) for home in (HOME, ELSEWHERE)]

_change = some.tuples(
    some.sampled_from([Insert, Insert, Update, Update, Update, Delete, Check]),
    some.integers(0, 9),  # bias of a version that is not the one there; mostly none
    some.sampled_from(PARENTS),
    some.sampled_from([None, AT, later(1), later(2)]),
)
_commit = some.dictionaries(some.sampled_from(IDS), _change, min_size=1, max_size=4)


class Model:
    """What the port promises, in a dictionary."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}
        self.events: list[str] = []

    def version(self, id: str) -> int:
        return self.things[id].version if id in self.things else 0

    def commit(self, changes: list[Change]) -> Lost | None:
        for change in changes:
            id, version = change.record.id, change.record.version
            there = self.version(id)
            if isinstance(change, Insert) and there:
                return Taken(change)
            if isinstance(change, Update) and there != version - 1:
                return Stale(change)
            if isinstance(change, Delete | Check) and there != version:
                return Stale(change)
        for change in changes:
            if isinstance(change, Insert | Update):
                self.things[change.record.id] = change.record
            if isinstance(change, Delete):
                del self.things[change.record.id]
        return None

    def listed(self, home: str, of: str | None) -> list[Thing]:
        every = (self.things[id] for id in sorted(self.things))
        return [one for one in every if one.partition == home and of in (None, one.parent)]


def _changes(model: Model, wished: dict[str, tuple]) -> list[Change]:
    changes: list[Change] = []
    for id, (verb, bias, parent, when) in wished.items():
        there = model.version(id) + (bias - 7 if bias > 7 else 0)
        wanted = {Insert: 1, Update: max(there + 1, 2), Delete: max(there, 1), Check: max(there, 0)}
        changes.append(verb(Thing(id=id, version=wanted[verb], parent=parent, when=when)))
    return changes


async def _compare(store: Store, model: Model) -> None:
    assert await store.get_many(Thing, IDS) == [model.things.get(id) for id in IDS]
    for home in (HOME, ELSEWHERE):
        for of in PARENTS:
            wanted = model.listed(home, of)
            page = await store.page(Thing, home, of=of, limit=2)
            assert page.records == wanted[:2]
            assert (page.after is None) == (len(wanted) <= 2)
            back = await store.page(Thing, home, of=of, newest_first=True)
            assert back.records == wanted[::-1]
    come = [one for one in model.things.values() if one.when and one.when <= later(1)]
    due = await store.due(Thing, before=later(1))
    assert [one.when for one in due] == sorted(one.when for one in come)
    assert {one.id for one in due} == {one.id for one in come}
    assert [event.id for event in await all_events(store, limit=3)] == model.events


async def _play(adapter: Adapter, folder: Path, commits: list[dict[str, tuple]]) -> None:
    model = Model()
    async with adapter(folder) as store:
        for n, wished in enumerate(commits):
            changes = _changes(model, wished)
            # An event of no record here: its own id is new each time.
            event = told(Thing(id=IDS[0], version=n + 1))
            expected = model.commit(changes)
            if expected is None:
                await store.commit(*changes, event)
                model.events.append(event.record.id)
            else:
                with pytest.raises(type(expected)) as raised:
                    await store.commit(*changes, event)
                assert raised.value.change is expected.change
        await _compare(store, model)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(commits=some.lists(_commit, max_size=12))
def test_any_commits_leave_what_a_dictionary_would_hold(adapter: Adapter, commits):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_play(adapter, Path(folder), commits))
