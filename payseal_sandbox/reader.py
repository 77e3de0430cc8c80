"""The book as the operator reads it: on a thread of its own, so that purchases never wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from payseal_sandbox.book import Book

T = TypeVar("T")


class Reader:
    """Runs queries one after another on a read-only connection."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")

    async def run(self, query: Callable[[Book], T]) -> T:
        """What `query` returned."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, query, self._book)

    async def stop(self) -> None:
        """Finish what is running, and close the connection."""
        await asyncio.to_thread(self._thread.shutdown)
        self._book.close()
