"""The one writer of the book: what queues while it writes shares the next commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from payseal_sandbox.book import Book

GROUP_MAX: Final = 512
T = TypeVar("T")

# The results of one group are of many types; each future has its own.
_Waiting = tuple[Callable[[Book], Any], asyncio.Future[Any]]


class Writer:
    """Runs decisions one after another, each on what the one before it wrote."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="book")
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Take decisions from now on."""
        self._work = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Finish what is queued, and close the book."""
        assert self._work, "stopped before it was started"
        self._queue.put_nowait(None)
        await self._work
        self._thread.shutdown()
        self._book.close()

    async def run(self, decide: Callable[[Book], T]) -> T:
        """What `decide` returned, once what it wrote is on the disk.

        Once called, it is written, even if the caller stops waiting.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((decide, future))
        return await future

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        going_on = True
        while going_on:
            queued = [await self._queue.get()]
            while not self._queue.empty() and len(queued) < GROUP_MAX:
                queued.append(self._queue.get_nowait())
            group = [waiting for waiting in queued if waiting]
            going_on = len(group) == len(queued)
            decisions = [decide for decide, _ in group]
            try:
                results = await loop.run_in_executor(self._thread, self._commit, decisions)
            except Exception as error:  # noqa: BLE001 - each caller gets it
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), result in zip(group, results, strict=True):
                if not future.done():
                    future.set_result(result)

    def _commit(self, decisions: list[Callable[[Book], Any]]) -> list[Any]:
        with self._book.commit():
            return [decide(self._book) for decide in decisions]
