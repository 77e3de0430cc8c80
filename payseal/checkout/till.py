"""Till: what taking a payment needs, and the calls that go on when their payer has left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

import structlog

from payseal.core.errors import Problem, crash_facts
from payseal.core.ids import Mint
from payseal.core.store import Busy, Store
from payseal.issuers import Issuers
from payseal.risk import DECLINES_MAX
from payseal.transactions import Transaction

STOP_WITHIN_S = 5
TURN_WITHIN_S = 5

log = structlog.get_logger("payseal.checkout")


class Till:
    """One for a process. Chance, keys, store and issuers come from outside."""

    def __init__(self, store: Store, issuers: Issuers, mint: Mint, payer_key: bytes) -> None:
        self.store, self.issuers, self.mint, self.payer_key = store, issuers, mint, payer_key
        self._calls: set[asyncio.Task[Transaction]] = set()
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Semaphore]
        self._turns = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, link: str, payer: str) -> AsyncIterator[None]:
        """One of the few calls that a payer may have open on a link; `Busy` if none gets free.

        So declines are counted before many more cards could be tried side by side.
        """
        turns = self._turns.setdefault((link, payer), asyncio.Semaphore(DECLINES_MAX))
        try:
            await asyncio.wait_for(turns.acquire(), TURN_WITHIN_S)
        except TimeoutError:
            raise Busy("Many payments of this link are under way.", retryAfter=5) from None
        try:
            yield
        finally:
            turns.release()

    async def take(
        self, call: Coroutine[Any, Any, Transaction], within_s: float
    ) -> Transaction | None:
        """The call's outcome; None when it takes longer: then it goes on by itself."""
        task = asyncio.create_task(call)
        self._calls.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait({task}, timeout=within_s)
        return task.result() if done else None

    def _ended(self, task: asyncio.Task[Transaction]) -> None:
        self._calls.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Problem):
            log.error("payment broke off", **crash_facts(error))  # the resolver goes on

    async def close(self) -> None:
        """Give open calls a moment; what is open after it is resolved after the next start."""
        if self._calls:
            _, late = await asyncio.wait(self._calls, timeout=STOP_WITHIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
