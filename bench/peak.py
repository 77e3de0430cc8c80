"""The seed's peak: ten million links a day, ten times that at the busiest moment, all paid."""

from __future__ import annotations

from dataclasses import dataclass

from bench.load import Sample, poisson
from bench.process import Failed
from bench.table import Row
from bench.world import World, world

PEAK = 10_000_000 / 86_400 * 10  # 1,157 creates a second, and as many payments
STEPS = 20  # fractions are tried in twentieths
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
        # A probe is short, and one stall in it fails it: a step more is tried for the whole time.
        steps = min(STEPS, await _search(here) + 1)
        tried = await _try(here, steps, seconds)
        while not tried.holds and steps > 1:
            steps -= 1
            tried = await _try(here, steps, seconds)
    return _rows(tried, seconds)


async def _search(here: World) -> int:
    """By short probes, between the least and all of it."""
    low, high = 1, STEPS
    while low < high:
        middle = (low + high + 1) // 2
        if (await _try(here, middle, PROBE_S)).holds:
            low = middle
        else:
            high = middle - 1
    return low


async def _try(here: World, steps: int, seconds: float) -> Tried:
    fraction = steps / STEPS
    rate = PEAK * fraction
    operations = {"create": (rate, here.create), "pay": (rate, here.send_form)}
    jobs = poisson(operations, seconds, SEED)
    await here.prepare(forms=sum(job.kind == "pay" for job in jobs))
    before = here.booked()
    tried = Tried(fraction, await here.press(jobs, CONNECTIONS))
    # What a probe before this one had under way may have been booked meanwhile, too.
    if tried.holds and here.booked() < before + len(tried.sample.latencies["pay"]):
        raise Failed("the bank has not booked all that was answered as paid")
    return tried


def _rows(tried: Tried, seconds: float) -> list[Row]:
    sample, ok = tried.sample, tried.holds and tried.fraction >= GOAL
    each = sample.done / 2 / sample.seconds
    note = (
        f"{each:,.0f} creates and {each:,.0f} payments a second for {seconds:.0f} s;"
        f" refused {sample.refused}, given up {sample.lost}, sent late {sample.late}"
    )
    name = "the seed's peak (1,157 + 1,157 a second), open loop"
    return [
        Row(name, tried.fraction if tried.holds else 0.0, "of it", f">= {GOAL}", ok, note),
        Row(
            "  p99 create",
            sample.percentile_ms(99, "create"),
            "ms",
            note=f"of a core: {sample.used}",
        ),
        Row("  p99 payment", sample.percentile_ms(99, "pay"), "ms"),
    ]
