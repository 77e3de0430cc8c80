"""An event loop whose clock is virtual and whose order of tasks comes from a seed."""

import asyncio
from random import Random


class SeededLoop(asyncio.BaseEventLoop):
    """Nothing waits: when all tasks sleep, the clock jumps to the first that wakes."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random, self._elapsed, self._selector = random, 0.0, self

    def time(self) -> float:
        return self._elapsed

    def select(self, timeout):
        assert timeout is not None, "every task waits for something that never comes"
        self._elapsed += timeout
        return []

    def _run_once(self):
        self._random.shuffle(self._ready)
        super()._run_once()

    def _process_events(self, events):
        assert not events, "a simulation has no sockets"

    def _write_to_self(self):
        pass
