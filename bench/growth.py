"""Growth: what create, pay and history cost with few links stored, and with ten million."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

from bench.generate import generate
from bench.load import Sample, closed, each
from bench.table import Row, at_most
from bench.world import World, world

SIZES = (10_000, 1_000_000, 10_000_000)
FLAT = 1.5
SAME = 1.1  # memory: what is stored stays on the disk
START_MAX_S = 3.0
CONNECTIONS = 16
OPERATIONS = {
    "create": "create",
    "send_form": "pay (the form)",
    "list_payments": "history: GET /api/payment?limit=20",
    "list_transactions": "history: GET /api/transactions?limit=20",
}


class Measured(NamedTuple):
    """With so many links stored."""

    links: int
    made_s: float
    file_gib: float
    start_s: float
    rss_mib: float
    samples: dict[str, Sample]


async def growth(seconds: float, sizes: tuple[int, ...] = SIZES) -> list[Row]:
    """Everything at each size, in a store of its own; the busy account asks."""
    return _rows([await _measure(size, seconds) for size in sizes])


async def _measure(links: int, seconds: float) -> Measured:
    async with world() as here:
        await _write_two(here)
        await asyncio.to_thread(here.stop)
        start = time.monotonic()
        generate(here.store, links)
        made_s, size = time.monotonic() - start, here.store.stat().st_size
        here.start_bank()
        start_s = here.start()
        samples = await _drive(here, seconds)
        last = samples["create"]
    return Measured(links, made_s, size / 2**30, start_s, last.rss / 2**20, samples)


async def _write_two(here: World) -> None:
    """A link that is open and one that is paid, by the server itself: they are copied."""
    await here.drive(each(here.create, 2), 1)
    await here.drive(each(here.pay, 1), 1)
    here.links.clear()
    await asyncio.sleep(2)  # the worker begins to read of them


async def _drive(here: World, seconds: float) -> dict[str, Sample]:
    samples = {}
    for name in OPERATIONS:
        operation = getattr(here, name)
        if name == "send_form":
            await here.prepare(forms=int(300 * seconds))
            before, forms = here.booked(), len(here.forms)
            samples[name] = await here.drive(each(operation, forms), CONNECTIONS)
            here.check_paid(before + forms)
            continue
        await here.drive(closed(operation, 1), CONNECTIONS)
        samples[name] = await here.drive(closed(operation, seconds), CONNECTIONS)
    return samples


def _rows(measured: list[Measured]) -> list[Row]:
    first, rows = measured[0], []
    for name, title in OPERATIONS.items():
        for at in measured:
            sample = at.samples[name]
            p50, p99 = sample.percentile_ms(50), sample.percentile_ms(99)
            note = f"{sample.rate:,.0f} /s, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
            rows.append(Row(f"{title}, {at.links:,} links", sample.cpu_us, "µs CPU", note=note))
        ratio = measured[-1].samples[name].cpu_us / first.samples[name].cpu_us
        rows.append(at_most(f"  times as much at {measured[-1].links:,}", ratio, "", FLAT))
    for at in measured:
        note = f"file {at.file_gib:.2f} GiB, generated in {at.made_s:.0f} s"
        memory = f"memory of the server, {at.links:,} links"
        rows += [
            at_most(f"start, {at.links:,} links", at.start_s, "s", START_MAX_S, note),
            Row(memory, at.rss_mib, "MiB"),
        ]
    ratio = measured[-1].rss_mib / first.rss_mib
    rows.append(at_most("  times as much", ratio, "", SAME))
    return rows
