"""The background loop: a tuple of duties, each one service call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from payseal import accounts, ledger, links, notifications, transactions
from payseal.core.master import MasterKey
from payseal.core.record import R
from payseal.core.setback import Setback
from payseal.core.store import Busy, Checkpoint, Store, deciding, forget
from payseal.issuers import Clock, Issuers
from payseal.links import Link
from payseal.notifications import Send
from payseal.risk import Barred, Tries
from payseal.transactions import (
    Difference,
    Led,
    Refund,
    Reversal,
    Transaction,
    differences,
    refunds,
)
from payseal.vault import Vault
from payseal.web import Once

AT_ONCE_MAX = 32
REST_AFTER_FAILURE_S = 5
REST_TIMES = 20  # as long as a look that found nothing took
END_WITHIN_S = 2

log = structlog.get_logger("payseal.worker")


class Duty(msgspec.Struct, frozen=True):
    """What is done again and again, with `every_s` between; the call says how much there was.

    `end` gives back what the duty holds, so that other workers need not wait for it.
    """

    name: str
    every_s: float
    call: Callable[[], Awaitable[int]]
    end: Callable[[], Awaitable[None]] | None = None


def duties_of(
    accounts_store: Store,
    payments: Store,
    issuers: Issuers,
    master: MasterKey,
    send: Send,
    worker: str,
    *,
    vault: Vault | None = None,
    now: Clock,
) -> tuple[Duty, ...]:
    """All duties of a worker; no other has its name."""
    fan_out = notifications.fan_out(payments, accounts_store, worker, now=now)
    counting = ledger.counting(payments, worker, now=now)
    resolve = partial(transactions.resolve, payments, issuers, vault=vault, now=now)
    reverse = partial(transactions.reverse, payments, issuers, now=now)
    refund = partial(refunds.resolve, payments, issuers, now=now)

    async def retry(setback: str) -> None:
        await fan_out.retry(setback)
        await counting.retry(setback)

    def expire(link: str) -> Awaitable[None]:
        return deciding(links.expire, payments, link, at=now())

    def deliver() -> Awaitable[int]:
        shards = partial(accounts.shards_of, accounts_store)
        return notifications.deliver(payments, accounts_store, master, send, shards, now=now)

    return (
        Duty("expire", 1, lambda: each_due(payments, Link, expire, now=now)),
        Duty("resolve", 0.5, lambda: each_due(payments, Transaction, resolve, now=now)),
        Duty("reverse", 0.5, lambda: each_due(payments, Reversal, reverse, now=now)),
        Duty("refund", 0.5, lambda: each_due(payments, Refund, refund, now=now)),
        Duty("fan out", 0.2, fan_out.read, fan_out.let_go),
        Duty("count", 0.5, counting.read, counting.let_go),
        Duty("retry", 30, lambda: each_due(payments, Setback, retry, now=now)),
        Duty("deliver", 0.2, deliver),
        Duty("forget", 60, lambda: _forget(accounts_store, payments, vault, at=now())),
    )


def settling(payments: Store, issuer: str, folder: str, *, now: Clock) -> tuple[Duty, ...]:
    """What keeps our ledger and the issuer's settlement files together."""

    def look(difference: str) -> Awaitable[None]:
        return deciding(differences.look_again, payments, difference, at=now())

    again = Duty("look again", 5, lambda: each_due(payments, Difference, look, now=now))
    if not folder:
        return (again,)
    take_in = partial(transactions.take_in, payments, issuer, Path(folder), now=now)
    return again, Duty("settlement", 5, take_in)


async def _forget(
    accounts_store: Store, payments: Store, vault: Vault | None, *, at: datetime
) -> int:
    """What is of no use any more, in all stores."""
    return (
        await forget(payments, Tries, Barred, Led, Once, Checkpoint, at=at)
        + await forget(accounts_store, accounts.Session, accounts.Guesses, Once, at=at)
        + (0 if vault is None else await vault.forget(at=at))
    )


async def work(duties: Sequence[Duty]) -> None:
    """Do all duties, each at its own pace, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for duty in duties:
            group.create_task(_keep(duty), name=duty.name)


async def _keep(duty: Duty) -> None:
    try:
        await _repeat(duty)
    finally:
        if duty.end is not None:
            await _end(duty.name, duty.end)


async def _end(name: str, end: Callable[[], Awaitable[None]]) -> None:
    try:
        async with asyncio.timeout(END_WITHIN_S):
            await end()
    except Exception:  # what it holds comes free by itself, later
        log.exception("duty not ended", duty=name)


async def _repeat(duty: Duty) -> None:
    time = asyncio.get_running_loop().time
    while True:
        pause, began = duty.every_s, time()
        try:
            count = await duty.call()
        except Exception:  # a duty outlives whatever goes wrong in it
            log.exception("duty failed", duty=duty.name)
            pause = max(pause, REST_AFTER_FAILURE_S)
        else:
            if count:
                log.info("duty done", duty=duty.name, count=count)
            else:
                # Where a look costs much (DynamoDB asks 64 buckets), it is not all that is done.
                pause = max(pause, REST_TIMES * (time() - began))
        await asyncio.sleep(pause)


async def each_due(
    store: Store, kind: type[R], call: Callable[[str], Awaitable[Any]], *, now: Clock
) -> int:
    """Call it for each record that is due, some side by side; one that fails stops no other."""
    due = await store.due(kind, before=now())
    turn = asyncio.Semaphore(AT_ONCE_MAX)

    async def one(id: str) -> None:
        async with turn:
            try:
                await call(id)
            except Busy:
                log.info("busy: later", record=id)
            except Exception:  # the others have their turn all the same
                log.exception("due record failed", record=id)

    await asyncio.gather(*(one(record.id) for record in due))
    return len(due)
