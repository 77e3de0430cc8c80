"""The rows of the table: what each drives, and how its figure is made."""

from __future__ import annotations

import pstats
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.load import Sample, closed
from bench.table import Row, at_least, at_most
from bench.world import CONNECTIONS, world

WARM_UP_S = 1.5


async def create(seconds: float) -> list[Row]:
    """A closed loop of creates, each durable before it is answered."""
    async with world() as here:
        await here.drive(closed(here.create, WARM_UP_S))
        plain = await here.drive(closed(here.create, seconds))
    name = f"create, SQLite ({CONNECTIONS} connections)"
    return [
        at_least(name, plain.rate, "/s", 4000, _how(plain)),
        at_most("  CPU per create,", plain.cpu_us, "µs", 250),
        *latency(plain),
        *memory(plain),
    ]


async def create_once(seconds: float) -> list[Row]:
    """The same with an Idempotency-Key on each: its record and the kept answer are written too."""
    async with world() as here:
        await here.drive(closed(here.create_once, WARM_UP_S))
        once = await here.drive(closed(here.create_once, seconds))
    return [
        Row("create with an Idempotency-Key", once.rate, "/s", note=_how(once)),
        Row("  CPU per create", once.cpu_us, "µs"),
    ]


async def profile(kind: str, seconds: float) -> list[Row]:
    """Where the time of the server's loop goes, by cProfile: it slows all down, calls most."""
    with TemporaryDirectory() as folder:
        stats = Path(folder) / "server.prof"
        command = (sys.executable, "-m", "cProfile", "-o", str(stats), "-m", "payseal", "serve")
        async with world(command=command) as here:
            await here.drive(closed(getattr(here, kind), seconds))
        for order in ("tottime", "cumtime"):
            pstats.Stats(str(stats)).strip_dirs().sort_stats(order).print_stats(50)
    return []


def latency(sample: Sample, *kinds: str) -> list[Row]:
    return [Row(f"  p{p}", sample.percentile_ms(p, *kinds), "ms") for p in (50, 99)]


def memory(sample: Sample) -> list[Row]:
    return [Row("  memory growth of the server", sample.server.rss / 2**20, "MiB")]


def _how(sample: Sample) -> str:
    busy = sample.generator_cpu_s / sample.seconds
    server = sample.server.cpu_s / sample.seconds
    cores = f"server {server:.0%}, generator {busy:.0%} of a core"
    return f"{sample.done:,} in {sample.seconds:.1f} s; {cores}"
