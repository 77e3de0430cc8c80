"""Group: callers who commit together, as the arguments of the function that does it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from payseal.core.store import Change, Delete, Insert, Update
from payseal.storage.postgres.function import ABSENT, CHECK, DELETE, INSERT, UPDATE
from payseal.storage.row import row_of, version_before

# PostgreSQL remembers 64 sub-transactions of a process: one for each caller, and one for the locks.
GROUP_MAX = 63


class Step(NamedTuple):
    """A change. Steps sort by their keys, which no two steps of a caller share."""

    table: int
    id: str
    verb: int
    before: int
    parent: str | None
    due: int | None
    body: str | None
    place: int


class Job(NamedTuple):
    """A caller's steps in the order of their keys, and the mark that its rows will bear."""

    steps: Sequence[Step]
    stamp: int
    deadline: float  # by the loop's clock: it waits no longer for its turn
    # Of what came of it: None, it is done; or the change that lost; or an error.
    heard: asyncio.Future[Outcome]


class LostAt(NamedTuple):
    """The change at that place lost; or its row was never free."""

    place: int
    was_waited_for: bool


Outcome = None | LostAt | Exception


def step_of(table: int, place: int, change: Change) -> Step:
    """The change as the function takes it; places count from 0."""
    before = version_before(change)
    if isinstance(change, Insert | Update):
        row = row_of(change.record)
        verb = INSERT if isinstance(change, Insert) else UPDATE
        return Step(table, row.id, verb, before, row.of, row.due, row.body.decode(), place)
    verb = DELETE if isinstance(change, Delete) else CHECK if before else ABSENT
    return Step(table, change.record.id, verb, before, None, None, None, place)


def arguments(jobs: Sequence[Job]) -> tuple[object, ...]:
    """The arguments of the function for these callers, whose first keys are in order."""
    steps = [step for job in jobs for step in job.steps]
    tables, ids, verbs, befores, parents, dues, bodies, places = zip(*steps, strict=True)
    locks = _locks(steps) if len(jobs) > 1 else {}
    return (
        [job.stamp for job in jobs],
        [len(job.steps) for job in jobs],
        tables,
        ids,
        verbs,
        befores,
        parents,
        dues,
        bodies,
        [place + 1 for place in places],
        [table for table, _ in locks],
        [id for _, id in locks],
        list(locks.values()),
    )


def _locks(steps: Sequence[Step]) -> dict[tuple[int, str], bool]:
    """The rows that must be there, in the order of keys; true for those that will be written."""
    locks: dict[tuple[int, str], bool] = {}
    for step in steps:
        if step.verb in (UPDATE, DELETE, CHECK):
            key = (step.table, step.id)
            locks[key] = locks.get(key, False) or step.verb != CHECK
    return dict(sorted(locks.items()))
