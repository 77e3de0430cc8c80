"""The composition root: reads settings, picks adapters, wires roles; it alone knows every part."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from payseal import accounts, stores, vault, worker
from payseal.checkout import Till
from payseal.connectors import connected
from payseal.core.ids import ACCOUNT_CHARS, AccountId, Mint, Pool
from payseal.core.keyring import Keyring, Purpose
from payseal.core.master import MASTER_BYTES, MasterKey
from payseal.core.store import Store, deciding
from payseal.issuers import Issuers
from payseal.ledger import Balance, Entry, Mover
from payseal.links import Form, Link, Place, Submitted
from payseal.notifications import Delivery, Endpoint
from payseal.outbound import AddressRule, Outbound
from payseal.risk import Barred, Tries
from payseal.server import listening, server_of, until_stopped
from payseal.settings import Settings, WrongSetting
from payseal.storage import RememberedStore
from payseal.stores import Outside, is_shared, opened
from payseal.transactions import (
    Attempt,
    Difference,
    Dispute,
    Led,
    Reference,
    Refund,
    Reversal,
    Transaction,
)
from payseal.vault import Vault
from payseal.web import Once, Parts, Rates, create_app
from payseal.worker import Duty

ACCOUNT_RECORDS = (*accounts.RECORDS, Endpoint, Form, Once)
PAYMENT_RECORDS = (
    *(Link, Place, Submitted, Attempt, Transaction, Refund, Reversal, Reference, Led),
    *(Difference, Dispute, Entry, Balance, Mover, Tries, Barred, Delivery, Once),
)
RELOAD_KEYS_S = 10
GARBAGE = 20_000  # objects that are made before the young ones are looked through
MASTER_FILE_MAX = 256  # what is longer is another file

log = structlog.get_logger("payseal")


class Role(msgspec.Struct, frozen=True):
    """What a process does: answer HTTP, do the worker's duties, or both."""

    serves: bool
    works: bool


ROLES = {
    "all": Role(serves=True, works=True),
    "web": Role(serves=True, works=False),
    "worker": Role(serves=False, works=True),
}


class System(msgspec.Struct, frozen=True):
    """A process, put together: the edge's parts, and the worker's duties."""

    parts: Parts
    duties: tuple[Duty, ...]


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


OUTSIDE = Outside(secrets.token_bytes, now)


async def serve(
    system: System, settings: Settings, role: Role, *, ready: Callable[[str], None]
) -> None:
    """Run until SIGINT or SIGTERM; `ready` is told where requests are answered, once they are."""
    sockets = listening(settings) if role.serves else []
    url = f"http://{settings.host}:{sockets[0].getsockname()[1]}" if sockets else ""

    def tell() -> None:
        # What is there now stays: to look through it again and again for garbage takes time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE)
        log.info("ready", url=url, base_url=settings.base_url)
        ready(url)

    async with asyncio.TaskGroup() as group:
        duties = group.create_task(worker.work(system.duties)) if role.works else None
        if role.serves:
            await server_of(create_app(system.parts), settings, tell).serve(sockets)
        else:
            await until_stopped(tell)
        if duties is not None:
            duties.cancel()


@asynccontextmanager
async def running(settings: Settings, *, exclusive: bool) -> AsyncIterator[System]:
    """All parts, opened; and closed in the opposite order. `exclusive`: as the one server."""
    master = master_key(settings)
    mint = Mint(Pool(secrets.token_bytes))
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        accounts_store = await enter(accounts_of(settings, exclusive))
        payments = await enter(payments_of(settings, exclusive))
        await accounts.ensure_keys(accounts_store, mint, master, secrets.token_bytes, at=now())
        keys = Keys(await accounts.load_keyring(accounts_store, master, at=now()))
        rule = AddressRule(loopback=settings.loopback_webhooks)
        outbound = await enter(Outbound(rule))
        issuers = await enter(connected(settings, accounts_store, master, secrets.token_bytes, now))
        waiting = await enter(_vault(settings, master, issuers))
        till = Till(payments, issuers, mint, master.key("payer"), waiting)
        stack.push_async_callback(till.close)
        parts = Parts(
            accounts=RememberedStore(accounts_store, (accounts.ApiKey, accounts.User)),
            payments=payments,
            issuers=issuers,
            mint=mint,
            entropy=secrets.token_bytes,
            master=master,
            keys=keys,
            passwords=accounts.Passwords(secrets.token_bytes),
            now=now,
            till=till,
            check_address=rule.check,
            base_url=settings.base_url,
            callback_secrets={settings.iso8583_name: settings.iso8583_callback_secret},
            rates=Rates(settings.rate_address, settings.rate_caller, settings.rate_door),
        )
        # Alone on its file, it takes up at once what it held when it was stopped.
        name = "alone" if exclusive and not is_shared(settings.payments) else mint.unique()
        duties = worker.duties_of(
            accounts_store, payments, issuers, master, outbound.post, name, vault=waiting, now=now
        )
        reload = asyncio.create_task(_reload(keys, accounts_store, master))
        stack.callback(reload.cancel)
        yield System(parts, duties + _settling(settings, payments))


def _settling(settings: Settings, payments: Store) -> tuple[Duty, ...]:
    folder = settings.settlement_folder
    return worker.settling(payments, settings.iso8583_name, folder, now=now)


class Keys:
    """The keyring of this minute."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    def __call__(self) -> Keyring:
        """As last loaded."""
        return self.keyring


def master_key(settings: Settings) -> MasterKey:
    """From the environment, or from its file; `WrongSetting` if there is none."""
    text = settings.master_key
    if not text and settings.master_key_file:
        file = Path(settings.master_key_file)
        try:
            with file.open("rb") as opened:
                text = opened.read(MASTER_FILE_MAX).decode("ascii", "replace").strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise WrongSetting(
                f"PAYSEAL_MASTER_KEY_FILE is {str(file)!r}, which cannot be read: {reason}."
            ) from None
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != MASTER_BYTES:
        name = "MASTER_KEY_FILE" if settings.master_key_file else "MASTER_KEY"
        state = "holds no master key" if text else "is missing"
        raise WrongSetting(
            f"PAYSEAL_{name} {state}: give 64 hexadecimal digits, such as"
            " `openssl rand -hex 32` prints, or in PAYSEAL_MASTER_KEY_FILE a file of them."
        )
    return MasterKey(secret)


def make_master_key(file: Path) -> None:
    """A new master key in a file that only its owner can read; one that is there stays."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w") as opened:
        opened.write(secrets.token_hex(MASTER_BYTES))


def accounts_of(settings: Settings, exclusive: bool) -> AbstractAsyncContextManager[Store]:
    """Users, keys, endpoints."""
    return opened("accounts", settings.accounts, ACCOUNT_RECORDS, OUTSIDE, exclusive=exclusive)


def payments_of(settings: Settings, exclusive: bool) -> AbstractAsyncContextManager[Store]:
    """Links, transactions, the ledger."""
    return opened("payments", settings.payments, PAYMENT_RECORDS, OUTSIDE, exclusive=exclusive)


@asynccontextmanager
async def _vault(
    settings: Settings, master: MasterKey, issuers: Issuers
) -> AsyncIterator[Vault | None]:
    """Where cards wait for a challenge; none where no issuer has any that we see a card of."""
    seen = [issuer.abilities for issuer in issuers.values() if not issuer.abilities.hosted]
    if not any(abilities.challenges for abilities in seen):
        yield None
        return
    url = stores.vault_of(settings)
    opening = opened("vault", url, vault.RECORDS, OUTSIDE, exclusive=False, forgets=True)
    async with opening as store:
        yield Vault(store, master, secrets.token_bytes)


async def _reload(keys: Keys, store: Store, master: MasterKey) -> None:
    """A key that another process made is published and used in time."""
    while True:
        await asyncio.sleep(RELOAD_KEYS_S)
        try:
            loaded = await accounts.load_keyring(store, master, at=now())
            if loaded != keys.keyring:  # else what was made of it goes on as well
                keys.keyring = loaded
        except Exception:  # the keys that we have go on
            log.exception("keys not reloaded")


async def serve_alone(settings: Settings, role: Role, ready: Callable[[str], None]) -> None:
    """A process with that role."""
    async with running(settings, exclusive=True) as system:
        await serve(system, settings, role, ready=ready)


async def resolve(settings: Settings) -> None:
    """One round of asking and undoing, by a process of its own."""
    async with running(settings, exclusive=False) as system:
        for duty in system.duties:
            if duty.name in ("resolve", "reverse", "refund"):
                await duty.call()


async def migrate(settings: Settings) -> list[str]:
    """Make what the stores need, or bring it up to date; what was done, in sentences."""
    url = stores.vault_of(settings) if settings.iso8583_three_ds else ""
    return [
        *await stores.migrate("accounts", settings.accounts, ACCOUNT_RECORDS, OUTSIDE),
        *await stores.migrate("payments", settings.payments, PAYMENT_RECORDS, OUTSIDE),
        *(await stores.migrate("vault", url, vault.RECORDS, OUTSIDE) if url else ()),
    ]


async def spread(settings: Settings, whose: str, shards: int) -> accounts.User:
    """Let new links of that user name, e-mail address, account or partition use so many shards."""
    async with accounts_of(settings, exclusive=False) as store:
        account = (await user_named(store, whose)).account
        return await deciding(accounts.spread, store, account, shards, at=now())


async def user_named(store: Store, whose: str) -> accounts.User:
    """By user name, e-mail address, account, or partition; `Missing`."""
    user = await accounts.user_named(store, whose)
    return user or await accounts.user_of(store, AccountId(whose[:ACCOUNT_CHARS]))


async def rotate_keys(settings: Settings) -> list[tuple[str, datetime]]:
    """A new key for each purpose: their names, and from when they sign."""
    master, mint = master_key(settings), Mint(secrets.token_bytes)
    async with accounts_of(settings, exclusive=False) as store:
        made = [
            await deciding(accounts.rotate, store, mint, master, secrets.token_bytes, p, at=now())
            for p in Purpose
        ]
        return [(key.kid, key.sign_from) for key in made]
