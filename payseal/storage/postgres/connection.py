"""Connections: a few to one server, made when needed, dropped when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple

import asyncpg

from payseal.core.store import StoreError
from payseal.storage.unfit import Unfit

CONNECT_S = 3.0
# What one statement may take; the server gives up first.
STATEMENT_MS, STATEMENT_S = 10_000, 12.0
LOCK_MS = 250
_PAUSE_S = 0.05

# Every statement of ours is found by an index, whatever the planner thinks of a table that was
# empty when it first looked.
_SETTINGS = {
    "application_name": "payseal",
    "default_transaction_isolation": "read committed",
    "statement_timeout": str(STATEMENT_MS),
    "lock_timeout": str(LOCK_MS),
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
}
_FACTS = """
SELECT backend_start, current_setting('server_version_num')::int AS version,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes
FROM pg_stat_activity WHERE pid = pg_backend_pid()
"""
VERSION_MIN = 140_000
_DURABLE = {
    "synchronous_commit": ("on", "remote_apply"),
    "fsync": ("on",),
    "full_page_writes": ("on",),
}
_BANISH = """
SELECT pg_terminate_backend(pid, $3) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2
"""
_BANISH_MS = 5000

# The connection is of no use any more, or there is none to be had; another one may do.
_PASSING = ("08", "57P", "53300", "25006")
Failure = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # it has just heard that its server process ends
    OSError,
    TimeoutError,
    EOFError,
    UnicodeError,  # of a host that is no name
)


class NotDurable(Unfit):
    """The server may forget what it has acknowledged."""


class Unreachable(Exception):
    """No connection was to be had in time; so nothing was asked of the server."""


class Ghost(NamedTuple):
    """A server process whose connection is lost, and which may still be at work."""

    pid: int
    started: datetime


def is_passing(error: BaseException) -> bool:
    """Whether another connection may do better. If a commit failed so, it may have been done."""
    return (sqlstate(error) or "08").startswith(_PASSING)


def sqlstate(error: BaseException) -> str | None:
    """What the server says it is; None: it said nothing."""
    return error.sqlstate if isinstance(error, asyncpg.PostgresError) else None


class Connections:
    """At most so many; who asks for more waits. The one that was used last is lent first."""

    def __init__(self, url: str, most: int) -> None:
        self._url, self._most = url, most
        self._turns = asyncio.Semaphore(most)
        self._idle: list[asyncpg.Connection] = []
        self._ghosts: dict[asyncpg.Connection, Ghost] = {}

    @asynccontextmanager
    async def lent(self, until: float) -> AsyncIterator[asyncpg.Connection]:
        """One of them, for statements outside a transaction; `Unreachable` at that loop time."""
        try:
            async with asyncio.timeout_at(until):
                await self._turns.acquire()
        except TimeoutError:
            raise Unreachable("all connections are in use") from None
        try:
            connection = await self._reached(until)
            try:
                async with asyncio.timeout(STATEMENT_S):
                    yield connection
            except BaseException as error:
                # What the server has answered leaves the connection as it was.
                if not isinstance(error, asyncpg.PostgresError) or is_passing(error):
                    connection.terminate()
                raise
            finally:
                if connection.is_closed():
                    self._ghosts.pop(connection, None)
                else:
                    self._idle.append(connection)
        finally:
            self._turns.release()

    def ghost(self, connection: asyncpg.Connection) -> Ghost:
        """The server process behind it."""
        return self._ghosts[connection]

    async def close(self) -> None:
        """Once they are all given back; none is lent any more."""
        for _ in range(self._most):
            await self._turns.acquire()
        while self._idle:
            connection = self._idle.pop()
            self._ghosts.pop(connection)
            try:
                await connection.close(timeout=CONNECT_S)
            except Failure:
                connection.terminate()

    async def _reached(self, until: float) -> asyncpg.Connection:
        """An idle one or a new one; while there is none to be had, one may become idle."""
        loop = asyncio.get_running_loop()
        while True:
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    return connection
                self._ghosts.pop(connection)
            try:
                connection, ghost = await connect(self._url)
            except Failure as error:
                if not is_passing(error) or loop.time() + _PAUSE_S > until:
                    raise Unreachable(f"{type(error).__name__}: {error}") from error
                await asyncio.sleep(_PAUSE_S)
            else:
                self._ghosts[connection] = ghost
                return connection


async def connect(url: str) -> tuple[asyncpg.Connection, Ghost]:
    """A new connection; `NotDurable` to a server that may forget what it acknowledged."""
    async with asyncio.timeout(CONNECT_S):
        connection = await asyncpg.connect(url, server_settings=_SETTINGS)
        try:
            facts = await connection.fetchrow(_FACTS)
            _check(facts)
        except BaseException:
            connection.terminate()
            raise
    return connection, Ghost(connection.get_server_pid(), facts["backend_start"])


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection for the block; `StoreError` where there is none, or the server refuses."""
    try:
        connection, _ = await connect(url)
        try:
            yield connection
        finally:
            connection.terminate()
    except Failure as error:
        reason = str(error) or f"no answer within {CONNECT_S:g} seconds"
        raise StoreError(f"The database cannot be used: {reason}") from error


async def banish(connection: asyncpg.Connection, ghost: Ghost) -> None:
    """See that it is gone, and what it was at is done or will never be; `TimeoutError` if not."""
    if await connection.fetchval(_BANISH, *ghost, _BANISH_MS) is False:
        raise TimeoutError(f"the server process {ghost.pid} does not end")


def _check(facts: asyncpg.Record) -> None:
    if facts["version"] < VERSION_MIN:
        raise NotDurable(f"PostgreSQL {VERSION_MIN // 10_000} or newer is needed.")
    for name, fit in _DURABLE.items():
        if facts[name] not in fit:
            raise NotDurable(
                f"PostgreSQL's {name} is {facts[name]}, so that it may forget what it has"
                f" acknowledged: set it to {fit[0]}."
            )
