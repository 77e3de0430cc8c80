"""A shop on the memory store, its bank as a script, and a clock that can be set."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import count

from payseal import links, transactions, vault
from payseal.core.card import Card
from payseal.core.event import Event
from payseal.core.history import merged
from payseal.core.ids import Mint, Mode, derive, homes, value_id
from payseal.core.master import MasterKey
from payseal.core.money import Currency
from payseal.core.offer import Offer
from payseal.core.record import R, Record
from payseal.core.store import Stale, deciding
from payseal.issuers import (
    Abilities,
    Answer,
    Approved,
    Asked,
    Clock,
    Concluded,
    Found,
    NotFound,
    Operation,
    OperationKind,
    Pending,
    Proof,
    Reversed,
    Undone,
    Way,
)
from payseal.ledger import Entry
from payseal.links import Link, NewLink, Place
from payseal.risk import Barred, Tries
from payseal.storage import MemoryStore
from payseal.transactions import (
    Attempt,
    AttemptKey,
    Led,
    Payer,
    Reference,
    Refund,
    Reversal,
    Transaction,
    closings,
    refunds,
)

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
EUR, JPY, KWD = Currency.EUR, Currency.JPY, Currency.KWD
OFFERS = (Offer("bank", "card", (EUR, JPY, KWD)),)
RECORDS = (
    *(Link, Place, Attempt, Transaction, Refund, Reversal, Reference, Led),
    *(Entry, Event, Tries, Barred),
)
NUMBER, CODE = "4242424242424242", "987"
TRANSIT_MAX = timedelta(seconds=60)


async def nothing() -> None:
    """What happens meanwhile, unless a test says otherwise: others have their turn."""
    await asyncio.sleep(0)


class Bank:
    """An issuer that says what it is told to say, and remembers what it was asked."""

    name, title, offers = "bank", "A bank", OFFERS

    def __init__(self) -> None:
        self.abilities = Abilities(look_up=True, transit_max=TRANSIT_MAX)
        self.says: Asked = Approved("A1B2C3")
        self.finds: Found = NotFound()
        self.undoes: Undone = Reversed()
        self.purchases: list[Operation] = []
        self.ways: list[Way | None] = []
        self.cards: list[Card | None] = []
        self.proofs: list[Proof | None] = []
        self.hears: Concluded | None = None
        self.concludes: Concluded = Pending()
        self.conclusions: list[tuple[Operation, str, bool]] = []
        self.look_ups: list[Operation] = []
        self.reversals: list[tuple[Operation, bool]] = []
        self.gives_back: Answer = Approved("R1R2R3")
        self.refunds: list[tuple[Operation, bool]] = []
        self.closes: Answer = Approved("C1C2C3")
        self.closings: list[tuple[Operation, bool]] = []
        self.meanwhile: Callable[[], Awaitable[None]] = nothing

    def reference(self, operation_id: str) -> str:
        return operation_id[-12:].upper()

    async def purchase(
        self,
        operation: Operation,
        card: Card | None,
        now: Clock,
        *,
        way: Way | None = None,
        proof: Proof | None = None,
    ) -> Asked:
        self.purchases.append(operation)
        self.ways.append(way)
        self.cards.append(card)
        self.proofs.append(proof)
        await self.meanwhile()
        return self.says

    async def conclude(self, operation: Operation, memo: str, *, over: bool) -> Concluded:
        self.conclusions.append((operation, memo, over))
        await self.meanwhile()
        return self.concludes

    def hear(self, memo: str, told: bytes) -> Concluded | None:
        return self.hears if told == memo.encode() else None

    def reply(self, told: bytes) -> bytes:
        return b"heard"

    async def follow(self, operation: Operation, now: Clock, *, repeat: bool) -> Answer:
        is_refund = operation.kind is OperationKind.REFUND
        (self.refunds if is_refund else self.closings).append((operation, repeat))
        await self.meanwhile()
        return self.gives_back if is_refund else self.closes

    async def look_up(self, operation: Operation) -> Found:
        self.look_ups.append(operation)
        await self.meanwhile()
        return self.finds

    async def reverse(self, operation: Operation, *, repeat: bool) -> Undone:
        self.reversals.append((operation, repeat))
        await self.meanwhile()
        return self.undoes

    @property
    def asked(self) -> tuple[int, int, int]:
        """How many purchases, look-ups and reversals there were."""
        return len(self.purchases), len(self.look_ups), len(self.reversals)

    def can(self, **abilities: bool) -> None:
        """Other abilities than those of most banks."""
        self.abilities = Abilities(look_up=True, transit_max=TRANSIT_MAX, **abilities)

    def cannot_look_up(self) -> None:
        self.abilities = Abilities(look_up=False, transit_max=TRANSIT_MAX)


class Crowded:
    """A store where, once it is full, somebody else is always faster."""

    def __init__(self, inner, free: int = 0) -> None:
        self.get, self.get_many, self._inner = inner.get, inner.get_many, inner
        self._free, self.refused = free, 0

    async def commit(self, *changes) -> None:
        if self._free:
            self._free -= 1
            return await self._inner.commit(*changes)
        self.refused += 1
        raise Stale(changes[0])


class Shop:
    """One merchant in test mode. `at` is the clock; `wait` lets it run."""

    mode = Mode.TEST

    def __init__(self) -> None:
        number = count()
        self.mint = Mint(lambda n: blake2b(str(next(number)).encode(), digest_size=n).digest())
        self.at, self.bank, self.store = START, Bank(), MemoryStore(RECORDS)
        self.vault_store = MemoryStore(vault.RECORDS)
        self.vault = vault.Vault(self.vault_store, MasterKey(b"m" * 32), os.urandom)
        self.account, self.issuers = self.mint.account(), {"bank": self.bank}
        self.shards = 1

    def now(self) -> datetime:
        return self.at

    def wait(self, seconds: float = 0, *, hours: float = 0) -> None:
        self.at += timedelta(seconds=seconds, hours=hours)

    def wish(self, **wished: object) -> NewLink:
        new = {"amount": "12.50", "currency": "EUR", "method": "card", "realm": "shop"}
        return NewLink(**new | {"date": START} | wished)

    async def link(self, **wished: object) -> Link:
        return await links.create(
            self.store,
            self.mint,
            self.account,
            self.mode,
            OFFERS,
            self.wish(**wished),
            shards=self.shards,
            at=self.at,
        )

    async def cancel(self, link: Link) -> Link:
        return await deciding(
            links.cancel, self.store, self.account, self.mode, link.id, at=self.at
        )

    async def expire(self, link: Link) -> None:
        await deciding(links.expire, self.store, link.id, at=self.at)

    def attempt(self, link: Link) -> AttemptKey:
        return AttemptKey(link.id, transactions.new_key(self.mint, at=self.at))

    def card(self, number: str = NUMBER) -> Card:
        typed = {"number": number, "expiry": "12/35", "cvc": CODE, "name": "Ada Byron"}
        return Card.parse(typed, at=self.at)

    async def pay(
        self,
        link: Link,
        attempt: AttemptKey | None = None,
        payer: str = "ada",
        fingerprint: str = "fingerprint",
        card: str | None = NUMBER,
    ) -> Transaction:
        return await transactions.pay(
            self.store,
            self.issuers,
            attempt or self.attempt(link),
            None if card is None else self.card(card),
            Payer(payer, fingerprint, back="https://pay.example/p/token/return"),
            vault=self.vault,
            now=self.now,
        )

    async def conclude(self, txn: Transaction) -> Transaction:
        """Somebody says that its payer is back from a challenge."""
        return await transactions.challenges.conclude(
            self.store, self.issuers, txn.id, vault=self.vault, now=self.now
        )

    async def hear(self, txn: Transaction, told: bytes = b"memo") -> Transaction:
        """The issuer's server tells what became of its challenge."""
        return await transactions.challenges.hear(
            self.store, self.issuers, txn.id, told, vault=self.vault, now=self.now
        )

    async def waiting(self) -> int:
        """How many cards wait."""
        later = self.at + timedelta(days=1)
        return len(await self.vault_store.due(vault.Waiting, before=later))

    async def claim(self, link: Link) -> Transaction:
        """Commit 1, and then the process dies."""
        claim = transactions.claim(
            self.store,
            self.issuers,
            self.attempt(link),
            self.card(),
            Payer("ada", "fingerprint"),
            at=self.at,
        )
        return (await claim).transaction

    async def settle(self, txn: Transaction, answer: Answer) -> Transaction:
        return await deciding(transactions.settle, self.store, txn.id, answer, at=self.at)

    async def start_closing(self, txn: Transaction, kind: str, amount: str | None = None):
        """Commit 1 of a capture or void, and then the process dies."""
        return await deciding(
            closings.start,
            self.store,
            self.issuers,
            txn.id,
            OperationKind(kind),
            amount,
            at=self.at,
        )

    async def close(self, txn: Transaction, kind: str, amount: str | None = None) -> Transaction:
        started = await self.start_closing(txn, kind, amount)
        return (await closings.send(self.store, self.issuers, started, now=self.now))[0]

    async def start_refund(self, txn: Transaction, amount: str | None = None) -> Refund:
        """Commit 1 of a refund, and then the process dies."""
        return await deciding(
            refunds.start,
            self.store,
            self.issuers,
            self.mint,
            txn.id,
            amount,
            "returned",
            at=self.at,
        )

    async def refund(self, txn: Transaction, amount: str | None = None) -> Refund:
        started = await self.start_refund(txn, amount)
        return await refunds.send(self.store, self.issuers, started, now=self.now)

    async def resolve_refund(self, refund: Refund) -> Refund:
        await refunds.resolve(self.store, self.issuers, refund.id, now=self.now)
        return await self.again(refund)

    async def resolve(self, txn: Transaction) -> Transaction:
        await transactions.resolve(self.store, self.issuers, txn.id, vault=self.vault, now=self.now)
        return await self.again(txn)

    async def reverse(self, txn: Transaction) -> Transaction:
        """Let the worker send what reversals of it are due."""
        for reversal in await self.reversals(txn):
            await transactions.reverse(self.store, self.issuers, reversal.id, now=self.now)
        return await self.again(txn)

    async def work(self) -> None:
        """All duties of the worker, once."""
        for link in await self.store.due(Link, before=self.at):
            await self.expire(link)
        for txn in await self.store.due(Transaction, before=self.at):
            await self.resolve(txn)
        for refund in await self.store.due(Refund, before=self.at):
            await self.resolve_refund(refund)
        for reversal in await self.store.due(Reversal, before=self.at):
            await transactions.reverse(self.store, self.issuers, reversal.id, now=self.now)

    async def again(self, record: R) -> R:
        """As it is now."""
        found = await self.store.get(type(record), record.id)
        assert found is not None, f"{record.id} is gone"
        return found

    async def all(self, kind: type[R]) -> list[R]:
        where = homes(self.account, self.mode, self.shards)
        return (await merged(self.store, kind, where)).records

    async def places(self) -> list[tuple[str, bool]]:
        """Which transaction holds each place, and whether it has paid."""
        return [(place.transaction, place.paid) for place in await self.all(Place)]

    async def entries(self, txn: Transaction) -> list[Entry]:
        return [entry for entry in await self.all(Entry) if entry.transaction == txn.id]

    async def reversals(self, txn: Transaction) -> list[Reversal]:
        """In the order in which they were made; some may be of one moment."""
        made = [
            derive(Reversal.prefix, txn.partition, txn.created_at, txn.id, str(number))
            for number in range(1, 10)
        ]
        return [found for found in await self.store.get_many(Reversal, made) if found]

    async def told(self, *records: Record) -> list[str]:
        """The types of the events of these records, in order."""
        ids = {record.id for record in records}
        return [event.type for event in await self.events() if event.resource in ids]

    async def events(self) -> list[Event]:
        (lane,) = await self.store.lanes()
        return (await self.store.feed(lane, "")).events

    async def declines(self, link: Link, payer: str = "ada") -> int:
        tries = await self.store.get(Tries, value_id(Tries.prefix, link.id, payer))
        return 0 if tries is None else len(tries.declined_at)

    def dump(self) -> bytes:
        """Every body and every key in the store."""
        shelves = self.store._shelves.values()
        return b"\n".join(
            row.id.encode() + row.body for shelf in shelves for row in shelf.rows.values()
        )
