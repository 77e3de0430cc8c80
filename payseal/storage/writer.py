"""Writer: the one thread that writes. What queued meanwhile is one transaction and one fsync."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple

import apsw

from payseal.core.store import Busy, StoreError
from payseal.storage.table import Step

GROUP_MAX = 64
WAITING_MAX = 4096


class _Job(NamedTuple):
    steps: Sequence[Step]
    # Of the place of the step that lost, or None.
    heard: asyncio.Future[int | None]


class _Failed(NamedTuple):
    error: Exception


class Writer:
    """Takes the steps of one caller at a time, and tells each what came of it."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[list[_Job]] = SimpleQueue()
        self._gathered: list[_Job] = []
        self._waiting = 0
        self._thread = Thread(target=self._run, name="payseal-writer", daemon=True)
        self._thread.start()

    async def write(self, steps: Sequence[Step]) -> int | None:
        """All of them or none: None when done, else the place of the one that lost.

        A caller that is cancelled meanwhile does not hear which; it is still all or none.
        """
        if self._waiting >= WAITING_MAX:
            raise Busy("Too much is waiting to be written.", retryAfter=1)
        self._waiting += 1
        heard: asyncio.Future[int | None] = self._loop.create_future()
        if not self._gathered:
            # Those who were told together come back together: they go on as one group.
            self._loop.call_soon(self._hand_over)
        self._gathered.append(_Job(steps, heard))
        return await heard

    async def stop(self) -> None:
        """Finish what is queued."""
        self._hand_over()
        self._queue.put([])
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        for first in range(0, len(self._gathered), GROUP_MAX):
            self._queue.put(self._gathered[first : first + GROUP_MAX])
        self._gathered = []

    def _run(self) -> None:
        while jobs := self._next_group():
            outcomes = self._commit(jobs)
            try:
                # One wake-up for all of them.
                self._loop.call_soon_threadsafe(self._tell, jobs, outcomes)
            except RuntimeError:
                return  # the loop is closed: nobody listens any more

    def _next_group(self) -> list[_Job]:
        """At least one caller, waited for, and who else is there already; none at the end."""
        jobs = self._queue.get()
        while jobs and len(jobs) < GROUP_MAX and not self._queue.empty():
            more = self._queue.get()
            if not more:
                self._queue.put(more)  # the end, and it comes again
                break
            jobs += more
        return jobs

    def _commit(self, jobs: Sequence[_Job]) -> Sequence[int | _Failed | None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            outcomes = [self._apply(job.steps) for job in jobs]
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it was, its callers hear of it
            with suppress(apsw.Error):  # SQLite may have rolled back by itself
                self._db.execute("ROLLBACK")
            return [_Failed(error)] * len(jobs)
        return outcomes

    def _apply(self, steps: Sequence[Step]) -> int | None:
        """Within a savepoint, so that a caller that lost leaves the others of its group be."""
        self._db.execute("SAVEPOINT caller")
        for place, (sql, values) in enumerate(steps):
            if not self._db.execute(sql, values).fetchall():
                self._db.execute("ROLLBACK TO caller")
                self._db.execute("RELEASE caller")
                return place
        self._db.execute("RELEASE caller")
        return None

    def _tell(self, jobs: Sequence[_Job], outcomes: Sequence[int | _Failed | None]) -> None:
        self._waiting -= len(jobs)
        for job, outcome in zip(jobs, outcomes, strict=True):
            if job.heard.done():
                continue  # its caller was cancelled
            if isinstance(outcome, _Failed):
                job.heard.set_exception(_refusal(outcome.error))
            else:
                job.heard.set_result(outcome)


def _refusal(error: Exception) -> Exception:
    """Each caller its own. Busy is said by BEGIN only, so nothing was done."""
    refusal: Exception
    if isinstance(error, apsw.BusyError):
        refusal = Busy("Another process is writing.", retryAfter=1)
    else:
        refusal = StoreError(f"The commit failed: {type(error).__name__}: {error}")
    refusal.__cause__ = error
    return refusal
