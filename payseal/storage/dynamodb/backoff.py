"""Backoff: how often a call is made again, and how long is waited before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

TRIES_MAX = 10
PAUSE_FIRST_S, PAUSE_LAST_S = 0.02, 1.0
GIVE_UP_S = 8.0  # no further try is begun after it: a payer waits


class Backoff:
    """Pauses that double, each cut by chance, so that those who were refused together part."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy

    async def tries(self) -> AsyncIterator[int]:
        """One turn for each try, with the pause before it; the end means giving up."""
        loop = asyncio.get_running_loop()
        end = loop.time() + GIVE_UP_S
        for attempt in range(TRIES_MAX):
            if attempt:
                await asyncio.sleep(self._pause_s(attempt))
            if loop.time() > end:
                return
            yield attempt

    def _pause_s(self, attempt: int) -> float:
        longest: float = min(PAUSE_FIRST_S * 2 ** (attempt - 1), PAUSE_LAST_S)
        return longest * int.from_bytes(self._entropy(2), "big") / 0xFFFF
