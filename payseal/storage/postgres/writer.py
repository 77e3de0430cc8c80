"""Writer: callers wait in a line, and those who are there go together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from payseal.core.store import Busy, StoreError
from payseal.storage.postgres.committer import Committer
from payseal.storage.postgres.group import GROUP_MAX, Job, LostAt, Outcome, Step

WRITERS = 2  # groups under way at once
WAITING_MAX = 4096
WAIT_S = 5.0  # for one's turn, and for a connection, as long as nothing was sent

_TOO_MUCH = "Too much is waiting to be written."


class Writer:
    """Takes the steps of one caller at a time, and tells each what came of it."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._queue: deque[Job] = deque()
        self._some = asyncio.Event()
        self._is_stopping = False
        self._loop = asyncio.get_running_loop()
        self._tasks = [self._loop.create_task(self._run()) for _ in range(WRITERS)]
        self._turning_away = self._loop.create_task(self._turn_away())

    async def write(self, steps: Sequence[Step], stamp: int) -> LostAt | None:
        """All of them or none: None when done, else the one that lost.

        A caller that is cancelled meanwhile does not hear which; it is still all or none.
        """
        if len(self._queue) >= WAITING_MAX:
            raise Busy(_TOO_MUCH, retryAfter=1)
        heard: asyncio.Future[Outcome] = self._loop.create_future()
        self._queue.append(Job(sorted(steps), stamp, self._loop.time() + WAIT_S, heard))
        self._some.set()
        outcome = await heard
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def stop(self) -> None:
        """Finish what is queued."""
        self._is_stopping = True
        self._some.set()
        await asyncio.gather(*self._tasks)
        self._turning_away.cancel()
        await self._committer.close()

    async def _run(self) -> None:
        while jobs := await self._next_group():
            try:
                outcomes = await self._committer.commit(jobs)
            except Exception as error:  # noqa: BLE001 - whatever it was, its callers hear of it
                outcomes = [_failed(error) for _ in jobs]
            _tell(jobs, outcomes)

    async def _next_group(self) -> list[Job]:
        """At least one caller, waited for, and who else is there; none at the end."""
        while True:
            await self._some.wait()
            jobs = [self._queue.popleft() for _ in range(min(len(self._queue), GROUP_MAX))]
            if jobs or (self._is_stopping and not self._queue):
                # By their first keys: of two groups who insert the same, one waits for the other.
                return sorted(jobs, key=lambda job: job.steps[0][:2])
            if not self._queue:
                self._some.clear()

    async def _turn_away(self) -> None:
        """Those whose turn does not come, whatever holds the others up."""
        while True:
            await asyncio.sleep(WAIT_S / 10)
            while self._queue and self._queue[0].deadline < self._loop.time():
                _tell([self._queue.popleft()], [Busy(_TOO_MUCH, retryAfter=1)])


def _tell(jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> None:
    for job, outcome in zip(jobs, outcomes, strict=True):
        if not job.heard.done():  # else its caller was cancelled
            job.heard.set_result(outcome)


def _failed(error: Exception) -> StoreError:
    failed = StoreError(f"The commit failed: {type(error).__name__}: {error}")
    failed.__cause__ = error
    return failed
