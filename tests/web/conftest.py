"""The whole edge on memory stores, and one merchant; only the issuer's port is a stand-in."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from payseal import accounts, web
from payseal.accounts import NewUser, Passwords
from payseal.checkout import Till
from payseal.core.event import Event
from payseal.core.ids import Mint, Mode
from payseal.core.keypair import KeyPair, Purpose
from payseal.core.keyring import Keyring
from payseal.core.master import MasterKey
from payseal.core.money import Currency
from payseal.core.offer import Offer
from payseal.core.store import Checkpoint
from payseal.issuers import Abilities, Approved, Declined
from payseal.ledger import Balance, Entry, Mover
from payseal.links import Form, Link, Place, Submitted
from payseal.notifications import Delivery, Endpoint
from payseal.outbound import AddressRule
from payseal.risk import Barred, Tries
from payseal.storage import MemoryStore
from payseal.transactions import (
    Attempt,
    Difference,
    Dispute,
    Reference,
    Refund,
    Reversal,
    Transaction,
)
from payseal.web import Once, Parts, Rates

PASSWORD = "blue kettle on the moon"
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
PAYMENT = {
    "amount": "12.50",
    "date": "2026-11-22T10:00:00Z",
    "paymentMethod": "card",
    "currency": "EUR",
    "realm": "shop.example",
}
ACCOUNTS = (*accounts.RECORDS, Endpoint, Form, Event, Checkpoint, Once)
PAYMENTS = (
    Link,
    Place,
    Submitted,
    Transaction,
    Attempt,
    Refund,
    Reversal,
    Reference,
    Entry,
    Balance,
    Mover,
    Difference,
    Dispute,
    Tries,
    Barred,
    Delivery,
    Event,
    Checkpoint,
    Once,
)


class Chance:
    """Bytes that look random and are the same in each run."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, n: int) -> bytes:
        self.count += 1
        return hashlib.shake_256(str(self.count).encode()).digest(n)


class Bank:
    """An issuer that approves every card but one."""

    name, title = "bank", "A bank"
    offers = (Offer("bank", "card", (Currency.EUR, Currency.JPY, Currency.USD)),)
    abilities = Abilities(look_up=True, transit_max=timedelta(minutes=1))
    gives_back = Approved("R12345")

    def reference(self, operation_id):
        return operation_id[-12:]

    async def purchase(self, operation, card, now):
        return Declined("05", "declined") if card.last4 == "0002" else Approved("A12345")

    async def follow(self, operation, now, *, repeat):
        return self.gives_back


class World:
    """The parts, a clock that can be set, and what is in the stores."""

    def __init__(self, rates: Rates, base_url: str) -> None:
        self.at = START
        self.accounts, self.payments = MemoryStore(ACCOUNTS), MemoryStore(PAYMENTS)
        self.entropy = Chance()
        self.mint, self.bank = Mint(self.entropy), Bank()
        issuers = {"bank": self.bank}
        year_ago = START - timedelta(days=365)
        self.keyring = Keyring(
            KeyPair(purpose, self.entropy(96), publish_at=year_ago, sign_from=year_ago)
            for purpose in Purpose
        )
        self.parts = Parts(
            accounts=self.accounts,
            payments=self.payments,
            issuers=issuers,
            mint=self.mint,
            entropy=self.entropy,
            master=MasterKey(bytes(range(32))),
            keys=lambda: self.keyring,
            passwords=Passwords(self.entropy, memory_kib=8, passes=1),
            now=lambda: self.at,
            till=Till(self.payments, issuers, self.mint, b"p" * 32),
            check_address=AddressRule(loopback=True).check,
            base_url=base_url,
            rates=rates,
        )
        self.app = web.create_app(self.parts)

    def dump(self) -> dict[str, object]:
        """Every row of both stores."""
        return {
            f"{name} {kind.table} {id}": (row.version, row.body)
            for name, store in (("accounts", self.accounts), ("payments", self.payments))
            for kind, shelf in store._shelves.items()
            for id, row in shelf.rows.items()
        }

    def client(self, **options) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://test", **options)

    async def merchant(self, name: str = "shop") -> Merchant:
        new = NewUser(username=name, email=f"{name}@shop.example", password=PASSWORD, date=self.at)
        user = await accounts.sign_up(
            self.accounts, self.mint, self.parts.passwords, new, at=self.at
        )
        await accounts.set_methods(
            self.accounts,
            self.bank.offers,
            user.account,
            [Offer("bank", "card", (Currency.EUR, Currency.JPY))],
            at=self.at,
        )
        found = Merchant()
        found.name, found.account = name, user.account
        for mode in Mode:
            key, secret = await accounts.create_key(
                self.accounts, self.mint, self.entropy, user.account, "key", mode, at=self.at
            )
            setattr(found, mode.value, (key.key, secret))
        tokens = await accounts.sign_in(
            self.accounts,
            self.mint,
            self.keyring,
            self.parts.master,
            self.parts.passwords,
            name,
            PASSWORD,
            at=self.at,
        )
        found.session = {"Authorization": f"Bearer {tokens.access_token}"}
        found.refresh_token = tokens.refresh_token
        return found


class Merchant:
    """One account: its keys of both modes (name, secret), and a session's header."""

    name: str
    account: str
    test: tuple[str, str]
    live: tuple[str, str]
    session: dict[str, str]
    refresh_token: str


@pytest.fixture
def rates() -> Rates:
    return Rates()


@pytest.fixture
def base_url() -> str:
    return "http://test"


@pytest.fixture
def world(rates, base_url) -> World:
    return World(rates, base_url)


@pytest.fixture
async def shop(world) -> Merchant:
    return await world.merchant()


@pytest.fixture
async def api(world, shop):
    """A client with the test key of the shop."""
    async with world.client(auth=shop.test) as client:
        yield client


@pytest.fixture
async def browser(world, shop):
    """A client with the session of the shop."""
    async with world.client(headers=shop.session) as client:
        yield client


@pytest.fixture
async def stranger(world):
    """A client that nobody knows."""
    async with world.client() as client:
        yield client
