from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from payseal import accounts
from payseal.core.event import Event
from payseal.core.ids import Mint, home
from payseal.core.master import MasterKey
from payseal.storage import MemoryStore


class Chance:
    """Bytes that look random and are the same in each run."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, n: int) -> bytes:
        self.count += 1
        return hashlib.shake_256(str(self.count).encode()).digest(n)


@pytest.fixture
def at() -> datetime:
    return datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def entropy() -> Chance:
    return Chance()


@pytest.fixture
def mint(entropy) -> Mint:
    return Mint(entropy)


@pytest.fixture
def master() -> MasterKey:
    return MasterKey(bytes(range(32)))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore((*accounts.RECORDS, Event))


@pytest.fixture
def passwords(entropy) -> accounts.Passwords:
    return accounts.Passwords(entropy, memory_kib=8, passes=1)


@pytest.fixture
def password() -> str:
    return "blue kettle on the moon"


@pytest.fixture
def new(password):
    """A wish to sign up, with some of it otherwise."""

    def make(**changes) -> accounts.NewUser:
        wish = {"username": "Nora", "email": "nora@shop.example", "password": password}
        return accounts.NewUser(**wish | changes)

    return make


@pytest.fixture
async def user(store, mint, passwords, new, at):
    return await accounts.sign_up(store, mint, passwords, new(), at=at)


@pytest.fixture
async def keyring(store, mint, master, entropy, at):
    await accounts.ensure_keys(store, mint, master, entropy, at=at)
    return await accounts.load_keyring(store, master, at=at)


@pytest.fixture
def events(store):
    """The types of an account's events, in order."""

    async def read(account, mode=None) -> list[str]:
        partition = home(account) if mode is None else home(account, mode)
        page = await store.page(Event, partition)
        return [event.type for event in page.records]

    return read
