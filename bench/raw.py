"""The limit: the very rows that Payseal wrote, written once more by a bare driver."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import asyncpg

from bench.process import OTHER_CORE, SERVER_CORE, Failed, pin
from payseal.core.ids import unpack
from tests.servers.postgres import PostgresServer, binaries

GROUP = 32
CLIENTS = 64
TABLES = ("links", "events")

# What the adapter keeps of a record in PostgreSQL: its tables and its indexes.
SCHEMA = """
CREATE TABLE links (due bigint, stamp bigint NOT NULL, version int NOT NULL,
    id text COLLATE "C" PRIMARY KEY, parent text COLLATE "C", body jsonb NOT NULL);
CREATE INDEX ON links (due) WHERE due IS NOT NULL;
CREATE TABLE events (due bigint, stamp bigint NOT NULL, version int NOT NULL,
    id text COLLATE "C" PRIMARY KEY, parent text COLLATE "C", body jsonb NOT NULL,
    epoch int NOT NULL, xid xid8 NOT NULL, seq int NOT NULL);
CREATE INDEX ON events (parent, id) WHERE parent IS NOT NULL;
CREATE UNIQUE INDEX ON events (epoch, xid, seq);
"""
LINK = "INSERT INTO links VALUES ({due}, 1, 1, {id}, NULL, {body})"
EVENT = "INSERT INTO events VALUES (NULL, 1, 1, {id}, {parent}, {body}, 1, pg_current_xact_id(), 1)"
# Forty characters behind the prefix: they begin with the time, and the rest is chance.
NEW_ID = (
    "'{}_' || to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint)"
    " || left(replace(gen_random_uuid()::text, '-', ''), 29)"
)


class Pair(NamedTuple):
    """A link's row and its event's, by column; all but the number."""

    link: dict[str, Any]
    event: dict[str, Any]


class Stored(NamedTuple):
    """Bytes for one link: its body and its event's on the average, and all pages by their use."""

    links: int
    link_body: float
    event_body: float
    pages: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.pages.values())


def pairs(file: Path) -> list[Pair]:
    """What a server left there that did nothing but create links."""
    with closing(_open(file)) as db:
        links, events = (_rows(db, table) for table in TABLES)
    return [Pair(*both) for both in zip(links, events, strict=True)]


def stored(file: Path) -> Stored:
    """By SQLite's own count of the pages of each table and index (dbstat)."""
    with closing(_open(file)) as db:
        count: Any = db.execute("SELECT count(*) FROM links").get
        pages: Any = db.execute(
            "SELECT s.name, sum(s.pgsize) FROM dbstat s JOIN sqlite_schema m ON m.name = s.name"
            " WHERE m.tbl_name IN ('links', 'events') GROUP BY s.name ORDER BY 2 DESC"
        ).fetchall()
        link, event = (db.execute(f"SELECT avg(length(body)) FROM {t}").get for t in TABLES)
    return Stored(count, link, event, {name: size / count for name, size in pages})


def write_sqlite(file: Path, wanted: list[Pair]) -> float:
    """Pairs a second by apsw, in groups, each durable; into a new file of the same tables."""
    with closing(_open(file)) as db:
        schema: Any = db.execute(
            "SELECT sql FROM sqlite_schema WHERE tbl_name IN ('links', 'events') AND sql NOT NULL"
        ).fetchall()
    inserts = [_insert(table, row) for table, row in zip(TABLES, wanted[0], strict=True)]
    with closing(apsw.Connection(str(file.with_name("raw.db")))) as db:
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "full")
        for (sql,) in schema:
            db.execute(sql)
        start = time.monotonic()
        for first in range(0, len(wanted), GROUP):
            with db:
                for pair in wanted[first : first + GROUP]:
                    db.execute(inserts[0], tuple(pair.link.values()))
                    db.execute(inserts[1], tuple(pair.event.values()))
        return len(wanted) / (time.monotonic() - start)


def pgbench(server: PostgresServer, pair: Pair, seconds: float) -> float:
    """Pairs a second by pgbench: prepared statements, one thread on the server's core."""
    server.sql(f"DROP TABLE IF EXISTS links, events; {SCHEMA}")
    link, event = NEW_ID.format("lnk"), NEW_ID.format("evt")
    due, body = pair.link["due"], _literal(pair.link["body"])
    script = server.folder / "pair.sql"
    script.write_text(
        "BEGIN;\n"
        f"{LINK.format(due=due, id=link, body=body)};\n"
        f"{EVENT.format(id=event, parent=link, body=_literal(pair.event['body']))};\n"
        "COMMIT;\n"
    )
    command = (
        *("taskset", "-c", str(min(SERVER_CORE)), str(binaries() / "pgbench")),
        *("-n", "-M", "prepared", "-j", "1", "-c", str(CLIENTS)),
        *("-T", str(max(1, round(seconds))), "-f", str(script), server.url()),
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if found is None or done.returncode:
        raise Failed(f"pgbench: {done.stderr.strip()[-300:]}")
    return float(found[1])


async def write_postgres(server: PostgresServer, wanted: list[Pair], seconds: float) -> float:
    """Pairs a second by asyncpg, each a transaction of its own; on the server's core."""
    server.sql(f"DROP TABLE IF EXISTS links, events; {SCHEMA}")
    todo, done = iter(wanted), 0
    link, event = (
        text.format(due="$3", id="$1", parent="$3", body="$2::text::jsonb")
        for text in (LINK, EVENT)
    )

    async def write() -> None:
        nonlocal done
        db = await asyncpg.connect(server.url())
        inserts = await db.prepare(link), await db.prepare(event)
        while time.monotonic() < end and (pair := next(todo, None)):
            id, event_id = unpack("lnk", pair.link["id"]), unpack("evt", pair.event["id"])
            async with db.transaction():
                await inserts[0].fetch(id, pair.link["body"].decode(), pair.link["due"])
                await inserts[1].fetch(event_id, pair.event["body"].decode(), id)
            done += 1
        await db.close()

    pin(SERVER_CORE)
    try:
        start = time.monotonic()
        end = start + seconds
        await asyncio.gather(*(write() for _ in range(CLIENTS)))
        return done / (time.monotonic() - start)
    finally:
        pin(OTHER_CORE)


def sync_us(folder: Path, times: int = 200) -> float:
    """What the disk takes for one durable write of a page."""
    with (folder / "sync").open("wb", buffering=0) as file:
        start = time.monotonic()
        for _ in range(times):
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
        return (time.monotonic() - start) / times * 1e6


def _open(file: Path) -> apsw.Connection:
    return apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)


def columns(db: apsw.Connection, table: str) -> list[str]:
    """All but the number, which is the order of arrival."""
    found: Any = db.execute("SELECT name FROM pragma_table_info(?) WHERE name <> 'n'", (table,))
    return [name for (name,) in found]


def _rows(db: apsw.Connection, table: str) -> list[dict[str, Any]]:
    """In the order in which they were written."""
    names = columns(db, table)
    rows = db.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY n")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _insert(table: str, row: dict[str, Any]) -> str:
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"


def _literal(body: bytes) -> str:
    """As SQL, without a colon: to pgbench it is the start of a variable."""
    text = body.decode().replace("\\", "\\\\").replace("'", "\\'").replace(":", "\\x3a")
    return f"E'{text}'"
