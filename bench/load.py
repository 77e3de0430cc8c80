"""Load: a closed loop that asks as fast as it is answered, an open one that keeps to a schedule.

In the open loop latency counts from the moment at which a request was due, not from when a
connection was free for it: who is kept waiting by the generator waits for the server (no
coordinated omission).
"""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import NamedTuple

from bench.client import Connection
from bench.process import Usage, usage

GOOD = (200, 201, 303)
REFUSED = (429, 503)
LATE_S = 0.010  # so much after its moment a request went out only: no connection was free
GIVE_UP_S = 3.0  # so late, the schedule is lost
DRIVE_MAX_S = 900.0  # a server that does not answer at all

Operation = Callable[[Connection], Awaitable[int]]


class Job(NamedTuple):
    """One operation; `due` is in seconds from the start, None: as soon as possible."""

    operation: Operation
    kind: str = ""
    due: float | None = None


@dataclass
class Sample:
    """What was measured. Latencies are in seconds, by kind of operation, of good answers only."""

    seconds: float = 0.0
    latencies: dict[str, array[float]] = field(default_factory=dict)
    planned: int = 0
    refused: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    late: int = 0
    lost: int = 0  # of the schedule: given up
    server: Usage = field(default_factory=Usage)
    rss: int = 0  # of the server, at the end
    generator_cpu_s: float = 0.0
    bank_cpu_s: float = 0.0

    @property
    def done(self) -> int:
        return sum(map(len, self.latencies.values()))

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.done / self.seconds

    @property
    def cpu_us(self) -> float:
        """Of the server process, for one operation."""
        return self.server.cpu_s / max(1, self.done) * 1e6

    @property
    def is_clean(self) -> bool:
        return not (self.refused or self.failed or self.lost)

    @property
    def used(self) -> str:
        """How much of a core each had; generator and bank share one, so they may be the limit."""
        shares = {"server": self.server.cpu_s, "generator": self.generator_cpu_s}
        if self.bank_cpu_s:
            shares["bank"] = self.bank_cpu_s
        return ", ".join(f"{name} {cpu_s / self.seconds:.0%}" for name, cpu_s in shares.items())

    def percentile_ms(self, percent: float, *kinds: str) -> float:
        """Of those kinds of operations, or of all."""
        every = sorted(t for k, ts in self.latencies.items() if not kinds or k in kinds for t in ts)
        if not every:
            return float("inf")
        return every[min(len(every) - 1, int(len(every) * percent / 100))] * 1000


def each(operation: Operation, times: int) -> Iterator[Job]:
    """So often, as fast as it is answered."""
    return repeat(Job(operation), times)


def closed(operation: Operation, seconds: float) -> Iterator[Job]:
    """The same again and again, as fast as it is answered."""
    end = time.monotonic() + seconds
    for job in repeat(Job(operation)):
        if time.monotonic() >= end:
            return
        yield job


def mixed(
    operations: Mapping[str, tuple[float, Operation]], seconds: float, seed: int
) -> Iterator[Job]:
    """Some of each, by their weights, as fast as they are answered."""
    chance, end = random.Random(seed), time.monotonic() + seconds
    kinds, weights = list(operations), [weight for weight, _ in operations.values()]
    while time.monotonic() < end:
        (kind,) = chance.choices(kinds, weights)
        yield Job(operations[kind][1], kind)


def poisson(
    operations: Mapping[str, tuple[float, Operation]], seconds: float, seed: int
) -> list[Job]:
    """A schedule: of each kind so many a second, each independent of the others."""
    chance, jobs = random.Random(seed), list[Job]()
    for kind, (rate, operation) in operations.items():
        due = chance.expovariate(rate)
        while due < seconds:
            jobs.append(Job(operation, kind, due))
            due += chance.expovariate(rate)
    return sorted(jobs, key=lambda job: job.due or 0)


async def drive(jobs: Iterable[Job], port: int, connections: int, pid: int) -> Sample:
    """Do the jobs over so many connections; `pid` is the server's."""
    sample, waiting = Sample(), iter(jobs)
    before, cpu = usage(pid), time.process_time()
    start = time.monotonic()

    async def work() -> None:
        connection = Connection(port)
        for job in waiting:
            sample.planned += 1
            await _do(job, connection, sample, start)
        connection.close()

    async with asyncio.timeout(DRIVE_MAX_S):
        await asyncio.gather(*(work() for _ in range(connections)))
    sample.seconds = time.monotonic() - start
    after = usage(pid)
    sample.server, sample.rss = after - before, after.rss
    sample.generator_cpu_s = time.process_time() - cpu
    return sample


async def _do(job: Job, connection: Connection, sample: Sample, start: float) -> None:
    due = time.monotonic() if job.due is None else start + job.due
    if (early := due - time.monotonic()) > 0:
        await asyncio.sleep(early + 0.001)  # the loop's timers count in milliseconds
    lateness = time.monotonic() - due
    if lateness > GIVE_UP_S:
        sample.lost += 1
        return
    sample.late += lateness > LATE_S
    try:
        status = await job.operation(connection)
    except ConnectionError as error:
        name = f"no answer: {error}"
        sample.failed[name] = sample.failed.get(name, 0) + 1
        return
    if status in GOOD:
        latencies = sample.latencies.setdefault(job.kind, array("d"))
        latencies.append(time.monotonic() - due)
    elif status in REFUSED:
        sample.refused += 1
    else:
        sample.failed[str(status)] = sample.failed.get(str(status), 0) + 1
