"""Time that nobody waits for: a loop whose clock jumps, and whose order of tasks has a seed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any, TypeVar

from tests.simulation.loop import SeededLoop

T = TypeVar("T")


def in_virtual_time(coroutine: Coroutine[Any, Any, T], seed: int = 0) -> T:
    """What it comes to, however many seconds it sleeps."""
    loop = SeededLoop(Random(seed))
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def elapsed() -> float:
    """Seconds since the loop began."""
    return asyncio.get_running_loop().time()
