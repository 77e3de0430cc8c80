"""Writer: the one connection that writes. What is asked meanwhile is one transaction, one fsync."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

import apsw

from payseal.core.store import Busy, StoreError
from payseal.storage.table import Step

BUSY_MS = 5000  # for another process that writes
GROUP_MAX = 64
WAITING_MAX = 4096
GATHER_S = 0.01


class _Job(NamedTuple):
    steps: Sequence[Step]
    # Of the place of the step that lost, or None.
    heard: asyncio.Future[int | None]


class Writer:
    """Takes the steps of one caller at a time, and tells each what came of it.

    Statements run on the loop: they take microseconds, and a thread would wait longer than that
    for the interpreter, again and again. What waits for the disk, or for another process, runs in
    a thread: COMMIT, and BEGIN where it has to.
    """

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._waiting: deque[_Job] = deque()
        self._asked, self._enough = asyncio.Event(), asyncio.Event()
        self._wanted = 1  # so many jobs are enough for a commit
        self._ending = False
        self._thread = ThreadPoolExecutor(1, "payseal-writer")
        self._task = asyncio.create_task(self._run(), name="payseal-writer")

    async def write(self, steps: Sequence[Step]) -> int | None:
        """All of them or none: None when done, else the place of the one that lost.

        A caller that is cancelled meanwhile does not hear which; it is still all or none.
        """
        if len(self._waiting) >= WAITING_MAX:
            raise Busy("Too much is waiting to be written.", retryAfter=1)
        heard: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Job(steps, heard))
        self._asked.set()
        if len(self._waiting) >= self._wanted:
            self._enough.set()
        return await heard

    async def stop(self) -> None:
        """Finish what is asked for."""
        self._ending = True
        self._asked.set()
        self._enough.set()
        await self._task
        self._thread.shutdown()

    async def _run(self) -> None:
        while self._waiting or not self._ending:
            await self._asked.wait()
            await self._gather()
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), GROUP_MAX))]
            if group:
                self._wanted = len(group)
                await self._commit(group)
            if not self._waiting and not self._ending:
                self._asked.clear()

    async def _gather(self) -> None:
        """Those who were told together come back together, and each commit costs whole pages.

        So as many as last time are waited for, but not for long; and nobody waits who is alone.
        """
        await asyncio.sleep(0)
        if len(self._waiting) < self._wanted and not self._ending:
            self._enough.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_S):
                    await self._enough.wait()

    async def _commit(self, group: Sequence[_Job]) -> None:
        try:
            await self._begin()
            outcomes = self._apply_all(group)
            await self._in_thread("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it was, its callers hear of it
            with suppress(apsw.Error):  # SQLite may have rolled back by itself
                self._db.execute("ROLLBACK")
            for job in group:
                if not job.heard.done():
                    job.heard.set_exception(_refusal(error))
            return
        for job, outcome in zip(group, outcomes, strict=True):
            if not job.heard.done():  # else its caller was cancelled
                job.heard.set_result(outcome)

    async def _begin(self) -> None:
        self._db.set_busy_timeout(0)
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            self._db.set_busy_timeout(BUSY_MS)
            await self._in_thread("BEGIN IMMEDIATE")

    async def _in_thread(self, sql: str) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._db.execute, sql)

    def _apply_all(self, group: Sequence[_Job]) -> list[int | None]:
        """What came of each. One that lost leaves the others of its group be."""
        self._db.execute("SAVEPOINT before_all")
        outcomes = [self._apply(job.steps) for job in group]
        if any(outcomes):  # somebody lost after a first step, which is there now: seldom
            self._db.execute("ROLLBACK TO before_all")
            outcomes = [self._apply_or_undo(job.steps) for job in group]
        return outcomes

    def _apply_or_undo(self, steps: Sequence[Step]) -> int | None:
        self._db.execute("SAVEPOINT before_one")
        lost = self._apply(steps)
        if lost is not None:
            self._db.execute("ROLLBACK TO before_one")
        self._db.execute("RELEASE before_one")
        return lost

    def _apply(self, steps: Sequence[Step]) -> int | None:
        for place, (sql, values, looks) in enumerate(steps):
            found = self._db.execute(sql, values)
            if not (found.get if looks else self._db.changes()):
                return place
        return None


def _refusal(error: Exception) -> Exception:
    """Each caller its own. Busy is said by BEGIN only, so nothing was done."""
    refusal: Exception
    if isinstance(error, apsw.BusyError):
        refusal = Busy("Another process is writing.", retryAfter=1)
    else:
        refusal = StoreError(f"The commit failed: {type(error).__name__}: {error}")
    refusal.__cause__ = error
    return refusal
