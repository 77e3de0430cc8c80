"""The rows of the table: what each drives, and how its figure is made."""

from __future__ import annotations

import asyncio
import pstats
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import raw
from bench.client import Connection, request
from bench.conventional import conventional
from bench.load import Sample, closed, drive, each, mixed
from bench.process import SERVER_CORE, Failed, Process
from bench.servers import postgres
from bench.table import Row, at_least, at_most
from bench.world import CONNECTIONS, World, free_port, world

WARM_UP_S = 1.5
STORED_MIN = 10_000  # links, so that half-empty pages count for little
ROWS_WITHIN_S = 4.0  # so many rows as are written meanwhile, for the bare drivers
SEED = 1  # of every schedule and mixture
# Of a hundred things that happen in a day; a payment opens the page and sends the form.
DAY = {
    "create": 30,
    "view": 40,
    "pay": 20,
    "decline": 5,
    "list_payments": 3,
    "list_transactions": 2,
}


async def generator(seconds: float) -> list[Row]:
    """The generator against a server that does nothing; and the disk."""
    port, asked = free_port(), request("POST", "/", body=bytes(120))

    async def ask(connection: Connection) -> int:
        return (await connection.ask(asked)).status

    with TemporaryDirectory(prefix="payseal-bench-") as folder:
        command = (sys.executable, "-m", "bench.trivial", str(port))
        server = Process(command, Path(folder) / "trivial.log", core=SERVER_CORE)
        try:
            server.until(lambda: "ready" in server.said)
            sample = await drive(closed(ask, seconds), port, CONNECTIONS, server.pid)
        finally:
            server.stop()
        sync_us = raw.sync_us(Path(folder))
    cost_us = sample.generator_cpu_s / sample.done * 1e6
    return [
        at_least("generator, against a server that does nothing", sample.rate, "/s", 10_000),
        Row("  its own CPU per request", cost_us, "µs"),
        Row("disk: one durable write of 4 KiB", sync_us, "µs"),
    ]


async def create(seconds: float) -> list[Row]:
    """A closed loop of creates, each durable before it is answered."""
    async with world() as here:
        return _create(await _creates(here, seconds))


async def create_once(seconds: float) -> list[Row]:
    """The same with an Idempotency-Key on each: its record and the kept answer are written too."""
    async with world() as here:
        await here.drive(closed(here.create_once, WARM_UP_S))
        once = await here.drive(closed(here.create_once, seconds))
    return [
        Row("create with an Idempotency-Key", once.rate, "/s", note=_how(once)),
        Row("  CPU per create", once.cpu_us, "µs"),
        *_latency(once),
    ]


async def beside(seconds: float) -> list[Row]:
    """Create, what it stores, the bare driver at the same rows, and the conventional stack."""
    async with world() as here:
        sample = await _creates(here, seconds)
        await here.prepare(links=STORED_MIN)
        await asyncio.to_thread(here.stop)
        stored, pairs = raw.stored(here.store), raw.pairs(here.store)
        limit = raw.write_sqlite(here.store, pairs)
    with postgres() as server:
        other = await conventional(server, seconds)
    pages = ", ".join(f"{name} {size:.0f}" for name, size in stored.pages.items())
    times = sample.rate / other.rate
    return [
        *_create(sample),
        at_most("stored per link: its body", stored.link_body, "bytes", 256),
        at_most("stored per link: all together", stored.total, "bytes", 640, pages),
        Row("  body of its event", stored.event_body, "bytes"),
        Row("limit: bare apsw, same rows, groups of 32", limit, "/s"),
        Row("  create reaches of it", sample.rate / limit, ""),
        Row("conventional stack (FastAPI … PostgreSQL)", other.rate, "/s", note=_how(other)),
        Row("  CPU per create", other.cpu_us, "µs"),
        *_latency(other),
        at_least("create, times the conventional stack", times, "", 6),
        Row("  CPU, times less", other.cpu_us / sample.cpu_us, ""),
    ]


async def pay(seconds: float) -> list[Row]:
    """The form alone, its page opened before; and the payer's whole way, page and form."""
    async with world() as here:
        # So many forms as can be sent in that time: the first ones tell how fast it is.
        await here.prepare(forms=1000)
        first = await here.drive(each(here.send_form, 1000))
        await here.prepare(forms=int(first.rate * seconds))
        form = await here.drive(each(here.send_form, len(here.forms)))
        await here.prepare(links=int(form.rate * seconds / 2))
        whole = await here.drive(each(here.pay, len(here.links)))
        here.check_paid(first.done + form.done + whole.done)
    return [
        at_least("pay, SQLite: the form", form.rate, "/s", 1200, _how(form)),
        Row("  CPU per payment", form.cpu_us, "µs"),
        Row("  p50", form.percentile_ms(50), "ms"),
        at_most("  p99", form.percentile_ms(99), "ms", 100),
        *_memory(form),
        Row("pay, the whole way: page and form", whole.rate, "/s", note=_how(whole)),
        Row("  CPU per page and form", whole.cpu_us, "µs"),
        *_latency(whole),
    ]


async def day(seconds: float) -> list[Row]:
    """The mixed day, closed loop."""
    async with world() as here:
        await here.prepare(links=500)
        operations = {kind: (share, getattr(here, kind)) for kind, share in DAY.items()}
        await here.drive(mixed(operations, WARM_UP_S, SEED))
        sample = await here.drive(mixed(operations, seconds, SEED))
    mix = ", ".join(f"{share} {kind}" for kind, share in DAY.items())
    return [
        Row("mixed day", sample.rate, "/s", note=mix),
        Row("  CPU per operation", sample.cpu_us, "µs", note=_how(sample)),
        *(
            Row(f"  p99 {kind}", sample.percentile_ms(99, kind), "ms")
            for kind in sorted(sample.latencies)
        ),
        *_memory(sample),
    ]


async def on_postgres(seconds: float) -> list[Row]:
    """pgbench and asyncpg at the same rows, and Payseal with its payments there."""
    async with world() as here:
        await here.drive(closed(here.create, min(seconds, ROWS_WITHIN_S)))
        await asyncio.to_thread(here.stop)
        pairs = raw.pairs(here.store)
    with postgres() as server:
        limit = raw.pgbench(server, pairs[0], seconds)
        bare = await raw.write_postgres(server, pairs, seconds)
        server.sql("DROP TABLE links, events")
        rows = [
            Row("limit: pgbench, same rows, 64 clients", limit, "/s"),
            Row("limit: bare asyncpg, same rows, 64 connections", bare, "/s"),
        ]
        try:
            async with world(payments=server.url()) as here:
                sample = await _creates(here, seconds)
        except Failed as failed:
            return [*rows, Row("create, PostgreSQL", None, "/s", ">= 2,000", False, str(failed))]
    return [
        *rows,
        at_least("create, PostgreSQL", sample.rate, "/s", 2000, _how(sample)),
        at_least("  of what pgbench reaches", sample.rate / limit, "", 0.4),
        Row("  CPU per create", sample.cpu_us, "µs"),
        *_latency(sample),
    ]


async def profile(kind: str, seconds: float) -> list[Row]:
    """Where the time of the server's loop goes, by cProfile: it slows all down, calls most."""
    with TemporaryDirectory() as folder:
        stats = Path(folder) / "server.prof"
        command = (sys.executable, "-m", "cProfile", "-o", str(stats), "-m", "payseal", "serve")
        async with world(command=command) as here:
            if kind == "send_form":
                await here.prepare(forms=int(400 * seconds))
                await here.drive(each(here.send_form, len(here.forms)))
            else:
                await here.prepare(links=int(400 * seconds) if kind == "pay" else 100)
                await here.drive(closed(getattr(here, kind), seconds))
        for order in ("tottime", "cumtime"):
            pstats.Stats(str(stats)).strip_dirs().sort_stats(order).print_stats(60)
    return []


async def _creates(here: World, seconds: float) -> Sample:
    await here.drive(closed(here.create, WARM_UP_S))
    return await here.drive(closed(here.create, seconds))


def _create(sample: Sample) -> list[Row]:
    name = f"create, SQLite ({CONNECTIONS} connections)"
    return [
        at_least(name, sample.rate, "/s", 4000, _how(sample)),
        at_most("  CPU per create", sample.cpu_us, "µs", 250),
        *_latency(sample),
        *_memory(sample),
    ]


def _latency(sample: Sample) -> list[Row]:
    return [Row(f"  p{p}", sample.percentile_ms(p), "ms") for p in (50, 99)]


def _memory(sample: Sample) -> list[Row]:
    grown = sample.server.rss / 2**20
    return [Row("  memory of the server", sample.rss / 2**20, "MiB", note=f"grown by {grown:.1f}")]


def _how(sample: Sample) -> str:
    return f"{sample.done:,} in {sample.seconds:.1f} s; of a core: {sample.used}"
