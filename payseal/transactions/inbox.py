"""Inbox: the folder that an issuer's settlement files come into, read each once."""

from __future__ import annotations

import asyncio
from itertools import chain, count
from pathlib import Path

import structlog

from payseal.core.store import Store
from payseal.issuers import Clock
from payseal.ledger import InvalidStatement, read
from payseal.transactions.reconciliation import Outcome, reconcile

FILE_MAX = 256 * 1024 * 1024
READ, REFUSED = "read", "refused"  # where a file goes, in the same folder

log = structlog.get_logger("payseal.settlement")


async def take_in(store: Store, issuer: str, folder: Path, *, now: Clock) -> int:
    """Read the files that have come, by their names; how many there were.

    A file is moved in whole, as `mv` does within a disk, under a name that ends in `.csv`. One that
    cannot be read or moved stays where it is, and the others are read.
    """
    files = await asyncio.to_thread(lambda: sorted(folder.glob("*.csv")))
    taken = 0
    for file in files:
        try:
            where = await _take_or_refuse(store, issuer, file, now)
            await asyncio.to_thread(_move, file, where)
        except OSError as error:
            log.warning("settlement file left", file=file.name, why=error.strerror)
        else:
            taken += 1
    return taken


async def _take_or_refuse(store: Store, issuer: str, file: Path, now: Clock) -> str:
    """Where it belongs now."""
    try:
        outcome = await take(store, issuer, file, now=now)
    except InvalidStatement as refusal:
        log.warning("settlement file refused", file=file.name, why=refusal.detail)
        return REFUSED
    found = len(outcome.found)
    log.info("settlement file read", file=file.name, lines=outcome.lines, differences=found)
    return READ


async def take(store: Store, issuer: str, file: Path, *, now: Clock) -> Outcome:
    """Read one file; `InvalidStatement` where nothing of it was taken."""
    data = await asyncio.to_thread(_bytes_of, file)
    return await reconcile(store, issuer, read(data), at=now())


def _bytes_of(file: Path) -> bytes:
    with file.open("rb") as opened:
        data = opened.read(FILE_MAX + 1)
    if len(data) > FILE_MAX:
        raise InvalidStatement(f"It has more than {FILE_MAX:,} bytes.")
    return data


def _move(file: Path, where: str) -> None:
    """Beside those of the same name that came before it."""
    there = file.parent / where
    there.mkdir(exist_ok=True)
    names = chain([file.name], (f"{file.stem}.{number}{file.suffix}" for number in count(2)))
    file.rename(next(place for name in names if not (place := there / name).exists()))
