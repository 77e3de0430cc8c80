"""Generate: a SQLite store with millions of links, as the server itself would have left them.

A link that the server wrote is copied, its row and its event's, with other ids in their place. The
rows lie in the order of their time, mixed over all accounts, and every index is as it would be.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from bench.raw import columns
from payseal.core.ids import made_at, pack, unpack

ACCOUNTS = 10_000  # beside the busy one
BUSY_SHARE = 0.1  # of all links: those of the account that asks
WITHIN_MS = 20 * 3600 * 1000  # so none has come to its end yet
BATCH = 20_000
CACHE_KIB = 3_000_000
SEED = 11
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]


class Home(NamedTuple):
    """A partition: as text, and as the bits that an id has before its time."""

    text: str
    head: bytes  # the first 64 bits
    rest: int  # the last 6, where the bits of the time begin

    @classmethod
    def of(cls, partition: str) -> Home:
        bits = int.from_bytes(pack(f"lnk_{partition}{'0' * 26}"), "big") >> 130
        return cls(partition, (bits >> 6).to_bytes(8, "big"), (bits & 63) << 50)


class Id(NamedTuple):
    """An id without its kind."""

    key: bytes
    text: bytes
    ms: int


class Copies:
    """Copies of a row, with an id of their own; and their link's, wherever the row names it."""

    def __init__(self, db: apsw.Connection, table: str, where: str, link: str) -> None:
        names = columns(db, table)
        found: Any = db.execute(f"SELECT {', '.join(names)} FROM {table} WHERE {where}").fetchone()
        row: dict[str, Any] = dict(zip(names, found, strict=True))
        self._row, self._key, self._text = row, pack(link), link.encode()[4:]
        self._made_ms = _milliseconds(link)
        marks = ", ".join("?" * len(row))
        self.insert = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"

    def rows(self, ids: Sequence[Id]) -> Iterator[tuple[Any, ...]]:
        """One for each link of these."""
        return zip(*(self._column(name, ids) for name in self._row), strict=False)

    def _column(self, name: str, ids: Sequence[Id]) -> Iterable[Any]:
        value = self._row[name]
        if name == "id":
            return (id.key for id in ids)
        if name == "due" and value is not None:
            life_ms = value - self._made_ms
            return (id.ms + life_ms for id in ids)
        for old, new in ((self._key, "key"), (self._text, "text")):
            if isinstance(value, bytes) and old in value:
                return (value.replace(old, getattr(id, new)) for id in ids)
        return repeat(value)


def generate(file: Path, links: int) -> None:
    """So many links more, where the server wrote two: one that is open, and one that is paid."""
    with closing(_quick(file)) as db:
        opened, paid = (
            unpack("lnk", db.execute(f"SELECT id FROM links WHERE due IS {is_null}").get)
            for is_null in ("NOT NULL", "NULL")
        )
        copies = [
            Copies(db, "links", f"id = x'{pack(opened).hex()}'", opened),
            Copies(db, "events", _child_of(opened), opened),
        ]
        attempts = Copies(db, "transactions", _child_of(paid), paid)
        busy = Home.of(opened[4:18])
        for ids in _batches(links, busy, _milliseconds(opened)):
            with db:
                for copy in copies:
                    db.executemany(copy.insert, copy.rows(ids))
                own = [id for id in ids if id.key.startswith(busy.head)]
                db.executemany(attempts.insert, attempts.rows(own[::10]))
        # Whoever reads the feed has read it all.
        db.execute(
            "UPDATE checkpoints SET body = CAST(json_set(CAST(body AS TEXT), '$.cursor',"
            " (SELECT CAST(max(n) AS TEXT) FROM events)) AS BLOB)"
        )
        assert db.changes() > 0, "the worker has begun to read the feed"


def _child_of(link: str) -> str:
    return f"parent = x'{(b'lnk' + pack(link)).hex()}'"


def _batches(links: int, busy: Home, until_ms: int) -> Iterator[list[Id]]:
    """Ids of links, the oldest first; the last one is as old as `until_ms`."""
    chance = random.Random(SEED)
    homes = [_home(chance) for _ in range(ACCOUNTS)]
    homes += [busy] * round(ACCOUNTS * BUSY_SHARE / (1 - BUSY_SHARE))
    from_ms, step = until_ms - WITHIN_MS, WITHIN_MS / links
    for first in range(0, links, BATCH):
        count = min(BATCH, links - first)
        chosen = chance.choices(homes, k=count)
        yield [
            _id(home, from_ms + int((first + i) * step), first + i) for i, home in enumerate(chosen)
        ]


def _id(home: Home, ms: int, number: int) -> Id:
    # In place of eighty random bits: what comes before them says where it is in an index.
    key = home.head + (home.rest | ms).to_bytes(7, "big") + number.to_bytes(10, "big")
    return Id(key, f"{home.text}{_text(ms, 10)}{_text(number, 16)}".encode(), ms)


def _text(number: int, chars: int) -> str:
    """The lowest digits, two of them; those before them are the same for a thousand ids."""
    high = number >> 10
    found = _high.get((high, chars))
    if found is None:
        found = _high[high, chars] = "" if chars == 2 else _text(high, chars - 2)
    return found + _PAIRS[number & 1023]


_high: dict[tuple[int, int], str] = {}


def _home(chance: random.Random) -> Home:
    """Of test keys, as the busy one's."""
    return Home.of("".join(chance.choices(_DIGITS, k=12)) + "g0")


def _milliseconds(link: str) -> int:
    return int(made_at(link).timestamp() * 1000)


def _quick(file: Path) -> apsw.Connection:
    """Not durable, and with all of its indexes in memory: only the file at its end counts."""
    db = apsw.Connection(str(file))
    db.pragma("locking_mode", "exclusive")
    db.pragma("journal_mode", "off")
    db.pragma("synchronous", "off")
    db.pragma("cache_size", -CACHE_KIB)
    return db
