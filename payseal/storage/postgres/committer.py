"""Committer: a group's way to the server, and what became of it when no answer came.

A connection that is lost leaves it open whether the commit was done. So the server process behind
it is ended first: then nothing more can come of it. The same commit is issued again, unchanged; and
who loses looks whether a row bears its stamp: then it had been done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from payseal.core.event import Event
from payseal.core.store import Busy, StoreError
from payseal.storage.postgres.connection import (
    Connections,
    Failure,
    Ghost,
    Unreachable,
    banish,
    is_passing,
    sqlstate,
)
from payseal.storage.postgres.function import CHECK, INSERT, UPDATE
from payseal.storage.postgres.group import Job, LostAt, Outcome, arguments
from payseal.storage.postgres.table import Table

SETTLE_S = 30.0  # until it must be known what became of a commit without an answer
_PAUSE_S = 0.05
_LOCKED, _TOO_LONG = "55P03", "57014"  # by a migration; the server gave up (SQLSTATE)


class Committer:
    """Commits groups over connections of its own. `tables` stand at their numbers."""

    def __init__(
        self, connections: Connections, statement: str, tables: Mapping[int, Table[Any]]
    ) -> None:
        self._connections, self._statement, self._tables = connections, statement, tables

    async def commit(self, jobs: Sequence[Job]) -> list[Outcome]:
        """What came of each."""
        return await self._settled(jobs, [], min(job.deadline for job in jobs))

    async def close(self) -> None:
        """Let the connections go."""
        await self._connections.close()

    async def _settled(
        self, jobs: Sequence[Job], ghosts: list[Ghost], deadline: float
    ) -> list[Outcome]:
        """Try until there is an answer; the `ghosts` may have done it already."""
        loop = asyncio.get_running_loop()
        while True:
            is_certain = not ghosts
            try:
                return await self._try(jobs, ghosts, deadline)
            except Unreachable as error:
                return [_refusal(error, ghosts) for _ in jobs]
            except Failure as error:
                if is_certain and ghosts:
                    deadline = loop.time() + SETTLE_S
                if _is_one_callers(error) and len(jobs) > 1:
                    break
                if loop.time() > deadline or not (ghosts or sqlstate(error) == _LOCKED):
                    return [_refusal(error, ghosts) for _ in jobs]
            await asyncio.sleep(_PAUSE_S)
        # Nothing of the group was done. One at a time, each has its own answer.
        return [(await self._settled([job], [*ghosts], deadline))[0] for job in jobs]

    async def _try(
        self, jobs: Sequence[Job], ghosts: list[Ghost], deadline: float
    ) -> list[Outcome]:
        async with self._connections.lent(deadline) as connection:
            for ghost in ghosts:
                await banish(connection, ghost)
            values, may_be_done = arguments(jobs), bool(ghosts)
            try:
                lost, failed = await connection.fetchrow(self._statement, *values)
            except BaseException as error:
                if is_passing(error):
                    ghosts.append(self._connections.ghost(connection))
                raise
            outcomes = [_outcome(*each) for each in zip(lost, failed, strict=True)]
            if not may_be_done:
                return outcomes
            return [
                outcome if outcome is None else await self._looked_up(connection, job, outcome)
                for job, outcome in zip(jobs, outcomes, strict=True)
            ]

    async def _looked_up(
        self, connection: asyncpg.Connection, job: Job, outcome: Outcome
    ) -> Outcome:
        """It lost, but perhaps to itself: `outcome` if it did not."""
        writes = [step for step in job.steps if step.verb in (INSERT, UPDATE)]
        is_known = all(step.verb >= CHECK for step in job.steps)  # it would have written nothing
        for step in writes:
            table = self._tables[step.table]
            row = await connection.fetchrow(table.stamp, step.id)
            if row is not None and row["stamp"] == job.stamp:
                return None
            # An event stays as it is; and a version is only passed by those who saw it.
            if table.kind is Event or (row is not None and row["version"] <= step.before + 1):
                is_known = True
        return outcome if is_known else _unsure(outcome)


def _outcome(lost: int, failed: str | None) -> Outcome:
    if failed is not None:
        return StoreError(f"The commit failed: {failed}")
    return None if lost == 0 else LostAt(abs(lost) - 1, was_waited_for=lost < 0)


def _is_one_callers(error: BaseException) -> bool:
    """Whether the others of the group may do better without the one whose error it is."""
    return not is_passing(error) and sqlstate(error) not in (_LOCKED, _TOO_LONG)


def _refusal(error: BaseException, ghosts: Sequence[Ghost]) -> Exception:
    """Each caller its own: `Busy` if surely nothing was done and later it may be."""
    refusal: Exception
    if ghosts:
        refusal = _unsure(error)
    elif isinstance(error, Unreachable) or sqlstate(error) in (_LOCKED, _TOO_LONG):
        refusal = Busy("The database does not answer at the moment.", retryAfter=1)
    else:
        refusal = StoreError(f"The commit failed: {type(error).__name__}: {error}")
    refusal.__cause__ = error
    return refusal


def _unsure(reason: object) -> StoreError:
    return StoreError(f"The commit may have been done or not: its connection was lost ({reason}).")
