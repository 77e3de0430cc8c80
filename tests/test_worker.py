"""The background loop."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from payseal.worker import END_WITHIN_S, Duty, work
from tests.virtual import elapsed, in_virtual_time


async def idle() -> int:
    return 0


async def fails() -> None:
    raise OSError("the store does not answer")


async def hangs() -> None:
    await asyncio.Event().wait()


def stopped(*duties: Duty) -> float:
    """How long it takes to stop workers with these duties."""

    async def stop() -> float:
        working = asyncio.create_task(work(duties))
        await asyncio.sleep(10)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        return elapsed() - 10

    with capture_logs():
        return in_virtual_time(stop())


def test_each_duty_gives_back_what_it_holds_when_the_worker_stops():
    ended = []

    async def end() -> None:
        await asyncio.sleep(1)
        ended.append(elapsed())

    assert stopped(Duty("reads", 1, idle, end), Duty("other", 1, idle, end)) == 1
    assert ended == [11, 11]


def test_a_look_that_takes_long_and_finds_nothing_is_made_more_seldom():
    looks = []

    async def look() -> int:
        looks.append(elapsed())
        await asyncio.sleep(0.05)
        return len(looks) == 3

    stopped(Duty("looks", 0.2, look))
    between = [round(after - before, 3) for before, after in pairwise(looks)]
    assert between[:4] == [1.05, 1.05, 0.25, 1.05]


@pytest.mark.parametrize(("end", "within_s"), [(fails, 0), (hangs, END_WITHIN_S)])
def test_what_cannot_be_given_back_holds_up_no_stop(end, within_s):
    assert stopped(Duty("reads", 1, idle, end)) == within_s
