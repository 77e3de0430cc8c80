"""The seed's peak: ten million links a day, ten times that at the busiest moment, all paid."""

from __future__ import annotations

from dataclasses import dataclass

from bench.load import Sample, poisson
from bench.table import Row
from bench.world import World, world

PEAK = 10_000_000 / 86_400 * 10  # 1,157 creates a second, and as many payments
STEP = 0.05
P99_MAX_MS = 250.0
CONNECTIONS = 256
PROBE_S = 5.0
SEED = 7
GOAL = 0.6


@dataclass(frozen=True)
class Tried:
    """A fraction of the peak, and how it went."""

    fraction: float
    sample: Sample

    @property
    def p99_ms(self) -> float:
        """Of creates or of payments, the slower."""
        return max(self.sample.percentile_ms(99, kind) for kind in ("create", "pay"))

    @property
    def holds(self) -> bool:
        """Nothing refused, nothing failed, nothing given up, and in time."""
        return self.sample.is_clean and self.p99_ms < P99_MAX_MS


async def peak(seconds: float) -> list[Row]:
    """The largest fraction of it that is sustained; forms are sent whose page was opened before."""
    async with world() as here:
        fraction = await _search(here)
        tried = await _try(here, fraction, seconds)
        while not tried.holds and tried.fraction > STEP:
            tried = await _try(here, tried.fraction - STEP, seconds)
        here.check_paid()
    return _rows(tried, seconds)


async def _search(here: World) -> float:
    """By short probes, between nothing and all of it."""
    low, high = 0, round(1 / STEP)
    while low < high:
        middle = (low + high + 1) // 2
        if (await _try(here, middle * STEP, PROBE_S)).holds:
            low = middle
        else:
            high = middle - 1
    return max(low, 1) * STEP


async def _try(here: World, fraction: float, seconds: float) -> Tried:
    rate = PEAK * fraction
    operations = {"create": (rate, here.create), "pay": (rate, here.send_form)}
    jobs = poisson(operations, seconds, SEED)
    await here.prepare(forms=sum(job.kind == "pay" for job in jobs))
    return Tried(fraction, await here.drive(jobs, CONNECTIONS))


def _rows(tried: Tried, seconds: float) -> list[Row]:
    sample, ok = tried.sample, tried.holds and tried.fraction >= GOAL
    each = sample.done / 2 / sample.seconds
    note = (
        f"{each:,.0f} creates and {each:,.0f} payments a second for {seconds:.0f} s;"
        f" refused {sample.refused}, given up {sample.lost}, sent late {sample.late}"
    )
    name = "the seed's peak (1,157 + 1,157 a second), open loop"
    return [
        Row(name, tried.fraction, "of it", f">= {GOAL}", ok, note),
        Row(
            "  p99 create",
            sample.percentile_ms(99, "create"),
            "ms",
            note=f"of a core: {sample.used}",
        ),
        Row("  p99 payment", sample.percentile_ms(99, "pay"), "ms"),
    ]
