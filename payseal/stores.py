"""Stores: the adapter that a store's URL names; opened, or given what it needs by `migrate`."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

import apsw
import msgspec

from payseal.core.record import Record
from payseal.core.store import Store, StoreError
from payseal.settings import Settings, WrongSetting, file_of, name_of, without_password
from payseal.storage import SqliteStore, Unfit


class Outside(msgspec.Struct, frozen=True):
    """What a store is given of the outside: chance and the clock."""

    entropy: Callable[[int], bytes]
    now: Callable[[], datetime]


def is_shared(url: str) -> bool:
    """Whether several processes may serve and work with that store."""
    return not url.startswith("sqlite:")


def vault_of(settings: Settings) -> str:
    """The vault's URL: as it is set, else a file beside one of the others; or `WrongSetting`."""
    if settings.vault:
        return settings.vault
    for url in (settings.payments, settings.accounts):
        if not is_shared(url):
            return f"sqlite:///{file_of(url).with_name('vault.db')}"
    raise WrongSetting(f"{name_of('vault')} is missing: give a file, or a database of its own.")


@asynccontextmanager
async def opened(
    name: str,
    url: str,
    kinds: Sequence[type[Record]],
    outside: Outside,
    *,
    exclusive: bool,
    forgets: bool = False,
) -> AsyncIterator[Store]:
    """The store of that setting; `WrongSetting` says why it cannot be used.

    `exclusive`: by the one process that serves and works, where only one may. `forgets`: a file has
    nothing of what was deleted.
    """
    try:
        store = _adapter(name, url, kinds, outside, exclusive, forgets)
        entered = await store.__aenter__()
    except (apsw.Error, OSError, Unfit, StoreError) as error:
        raise _refusal(name, url, error) from None
    try:
        yield entered
    finally:
        await store.__aexit__(None, None, None)


async def migrate(
    name: str, url: str, kinds: Sequence[type[Record]], outside: Outside
) -> list[str]:
    """Make what the store needs, or bring it up to date; what was done, in sentences.

    Again, or by two at once, it does no harm. `WrongSetting` says why it cannot be done.
    """
    try:
        return await _migrate(name, url, kinds, outside)
    except (apsw.Error, OSError, Unfit, StoreError) as error:
        raise _refusal(name, url, error) from None


async def _migrate(
    name: str, url: str, kinds: Sequence[type[Record]], outside: Outside
) -> list[str]:
    if url.startswith("sqlite:"):
        async with SqliteStore(file_of(url), kinds):
            return [f"The file {file_of(url)} is up to date."]
    if url.startswith("dynamodb:"):
        from payseal.storage import dynamodb  # noqa: PLC0415  a store that most have not

        table, region, endpoint = table_of(url)
        done = await dynamodb.migrate(
            table, region=region, endpoint=endpoint, entropy=outside.entropy
        )
        return done or [f"The table {table} is up to date."]
    from payseal.storage import postgres  # noqa: PLC0415  likewise

    version = await postgres.migrate(url, kinds, name)
    return [f"The database has the tables of {name}, schema {version}."]


def _adapter(
    name: str,
    url: str,
    kinds: Sequence[type[Record]],
    outside: Outside,
    exclusive: bool,
    forgets: bool,
) -> AbstractAsyncContextManager[Store]:
    if url.startswith("sqlite:"):
        if file_of(url).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return SqliteStore(file_of(url), kinds, exclusive=exclusive, forgets=forgets)
    if url.startswith("dynamodb:"):
        from payseal.storage.dynamodb import DynamoStore  # noqa: PLC0415  a store that most have not

        table, region, endpoint = table_of(url)
        return DynamoStore(
            table,
            kinds,
            region=region,
            endpoint=endpoint,
            entropy=outside.entropy,
            now=outside.now,
        )
    from payseal.storage.postgres import PostgresStore  # noqa: PLC0415  likewise

    return PostgresStore(url, kinds, name=name, entropy=outside.entropy)


def table_of(url: str) -> tuple[str, str, str | None]:
    """Table, region and endpoint of `dynamodb://TABLE?region=REGION&endpoint=URL`."""
    parts = urlsplit(url)
    told = dict(parse_qsl(parts.query))
    return parts.netloc, told["region"], told.get("endpoint")


def _refusal(name: str, url: str, error: Exception) -> WrongSetting:
    reason = " ".join(str(error).split()).rstrip(".")  # a library's hints have their own lines
    if url.startswith("sqlite:"):
        if isinstance(error, OSError):
            reason = error.strerror or reason
        reason = (
            f"{file_of(url)} cannot be opened: {reason}."
            " Give a file of Payseal's own, in a folder that is there and may be written"
        )
    return WrongSetting(f"{name_of(name)} is {without_password(url)!r}: {reason}.")
