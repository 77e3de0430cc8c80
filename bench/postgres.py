"""Commits of a link and its event, through PostgresStore, and the same rows by pgbench.

    python -m bench.postgres [SECONDS]

Each line: commits a second, and CPU time per commit in this process and in the server's.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop

from payseal.core.event import happened
from payseal.core.ids import Mint, home
from payseal.core.money import Currency, Money
from payseal.core.record import encode
from payseal.core.store import Insert
from payseal.links import Link
from payseal.storage.postgres import PostgresStore, migrate
from tests.servers.postgres import PostgresServer

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CALLERS = (1, 64, 128, 256, 512)
mint = Mint(os.urandom)
HOME = home(mint.account())


def new_link() -> Link:
    return Link(
        id=mint.id("lnk", HOME, AT), amount=Money(1250, Currency.EUR), method="card", issuer="bank",
        realm="shop", date=AT, expires_at=AT + timedelta(days=1),
    )  # fmt: skip


def server_cpu_s(pid: int) -> float:
    """Of the server's process and those it has started that still are."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if pid in (int(path.parent.name), int(words[1])):
            ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def ours(server: PostgresServer, callers: int, seconds: float) -> None:
    async with PostgresStore(server.url(), (Link,), name="payments", entropy=os.urandom) as store:

        async def call(until: float) -> int:
            count = 0
            while time.perf_counter() < until:
                link = new_link()
                await store.commit(Insert(link), Insert(happened("link.created", link, AT)))
                count += 1
            return count

        async def run(seconds: float) -> int:
            until = time.perf_counter() + seconds
            return sum(await asyncio.gather(*(call(until) for _ in range(callers))))

        await run(1)
        since, cpu_s, server_s = time.perf_counter(), time.process_time(), server_cpu_s(server.pid)
        count = await run(seconds)
        took_s = time.perf_counter() - since
        cpu_s, server_s = time.process_time() - cpu_s, server_cpu_s(server.pid) - server_s
    show(f"PostgresStore, {callers} callers", count / took_s, cpu_s / count, server_s / count)


def pgbench(server: PostgresServer, clients: int, seconds: float) -> None:
    link = new_link()
    event = happened("link.created", link, AT)
    script = server.folder / "pgbench.sql"
    sql = Path(__file__).with_suffix(".sql").read_text()
    for name, record in (("link", link), ("event", event)):
        sql = sql.replace(f":{name}", f"'{encode(record).decode()}'")
    script.write_text(sql)
    script.chmod(0o644)
    said = server.run(
        "pgbench", "-n", "-M", "prepared", "-c", clients, "-j", 1, "-T", int(seconds), "-f", script,
        server.url(),
    )  # fmt: skip
    done = int(said.split("actually processed: ")[1].split()[0])
    rate = float(said.split("tps = ")[1].split()[0])
    print(f"{f'pgbench, {clients} clients':32}{rate:8.0f} /s  ({done} done)")


def show(what: str, rate: float, cpu_s: float, server_s: float) -> None:
    print(f"{what:32}{rate:8.0f} /s {cpu_s * 1e6:6.0f} µs here {server_s * 1e6:6.0f} µs there")


async def main(seconds: float) -> None:
    with PostgresServer() as server:
        await migrate(server.url(), (Link,), "payments")
        for callers in CALLERS:
            await ours(server, callers, seconds)
        for clients in (16, 32):
            pgbench(server, clients, seconds)


if __name__ == "__main__":
    uvloop.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 5))
