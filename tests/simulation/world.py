"""A day of payers, cancellations, expiries, crashes and lost answers, from one seed.

Everything that is not certain (the clock, the order of tasks, the store's pace, the bank) comes
from the seed, so that a failure is replayed by its number.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random

from payseal import ledger, links, transactions, vault
from payseal.core.card import Card
from payseal.core.errors import Problem
from payseal.core.event import Event
from payseal.core.ids import AccountId, LinkId, Mint, Mode
from payseal.core.master import MasterKey
from payseal.core.money import Money
from payseal.core.store import deciding, forget
from payseal.issuers import OperationKind
from payseal.ledger import Balance, Entry, Mover
from payseal.links import Capture, Link, NewLink, Place
from payseal.risk import Barred, Tries
from payseal.storage.memory import MemoryStore
from payseal.transactions import (
    Attempt,
    AttemptKey,
    Difference,
    Dispute,
    Led,
    Payer,
    Reference,
    Refund,
    Reversal,
    Transaction,
    TransactionStatus,
    callbacks,
    challenges,
    closings,
    differences,
    refunds,
)

from .bank import LossyBank
from .loop import SeededLoop
from .oracle import read

RECORDS = (
    *(Link, Place, Attempt, Transaction, Refund, Reversal, Reference, Led),
    *(Difference, Dispute, Entry, Balance, Mover, Event, Tries, Barred),
)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
ACCOUNT = AccountId("0" * 12)
LINKS, PAYMENTS, HOUR = 4, 20, 3600
CHALLENGED = "4000000000003220"
CARDS = (
    *["4242424242424242"] * 4,
    *["4000000000000002"] * 3,  # which one of the banks may decline, and the other not
    "4000000000000010",  # of which a part is approved
    "4000000000009979",  # which all decline for good
    *[CHALLENGED] * 5,
)


class SlowStore:
    """The store as a process meets it: each call takes a moment, in which the process may die."""

    def __init__(self, world, store):
        self.world, self.store = world, store

    def __getattr__(self, name):
        async def call(*args, **kwargs):
            await self.world.moment()
            result = await getattr(self.store, name)(*args, **kwargs)
            await self.world.moment()
            return result

        return call


class World:
    def __init__(self, seed, loop):
        self.random, self.loop = Random(seed), loop
        self.mint = Mint(self.random.randbytes)
        self.disk = MemoryStore(RECORDS)
        self.store = SlowStore(self, self.disk)
        self.waiting = MemoryStore(vault.RECORDS)
        self.vault = vault.Vault(
            SlowStore(self, self.waiting), MasterKey(b"m" * 32), self.random.randbytes
        )
        self.banks = [LossyBank(name, self.random, self.now) for name in ("sandbox", "second")]
        self.issuers = {bank.name: bank for bank in self.banks}
        self.holders = set()
        for bank in self.banks:
            bank.led = self._led
        self.process, self.links = set(), []
        self.shards = 1 + seed % 3

    def now(self):
        return NOON + timedelta(seconds=self.loop.time())

    async def moment(self):
        await asyncio.sleep(self.random.choice([0, 0, 0.001, 0.05]))

    def run(self, call, *args, **kwargs):
        """A task of the process that a crash ends; a refusal is an answer, anything else a bug."""

        async def guarded():
            with suppress(Problem):
                await call(*args, **kwargs)

        task = asyncio.ensure_future(guarded())
        self.process.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task):
        self.process.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.loop.failure = task.exception()

    async def crash(self):
        dying = list(self.process)
        for task in dying:
            task.cancel()
        await asyncio.gather(*dying, return_exceptions=True)
        self.run(self.work)

    async def work(self):
        """The worker: what is due is expired, resolved, reversed; and what moved is counted."""
        counting = ledger.counting(self.store, self.mint.unique(), now=self.now)
        while True:
            await counting.read()
            expiring = await self.store.due(Link, before=self.now())
            lost = await self.store.due(Transaction, before=self.now())
            given_back = await self.store.due(Refund, before=self.now())
            orders = await self.store.due(Reversal, before=self.now())
            differ = await self.store.due(Difference, before=self.now())
            await self.vault.forget(at=self.now())
            await forget(self.store, Led, at=self.now())
            await asyncio.gather(
                *(deciding(links.expire, self.store, r.id, at=self.now()) for r in expiring),
                *(
                    transactions.resolve(
                        self.store, self.issuers, r.id, vault=self.vault, now=self.now
                    )
                    for r in lost
                ),
                *(
                    refunds.resolve(self.store, self.issuers, r.id, now=self.now)
                    for r in given_back
                ),
                *(
                    transactions.reverse(self.store, self.issuers, r.id, now=self.now)
                    for r in orders
                ),
                *(
                    deciding(differences.look_again, self.store, r.id, at=self.now())
                    for r in differ
                ),
            )
            # Workers often look at the same moment, as clocks are set alike.
            pause = self.random.choice([self.random.uniform(1, 10), 5 - self.loop.time() % 5])
            await asyncio.sleep(pause if self.banks[0].faults else self.random.uniform(1, 600))

    async def make_links(self):
        for _ in range(self.random.choice([1, LINKS])):
            currency, amount = self.random.choice([("EUR", "12.50"), ("JPY", "1200")])
            asked = self.random.choice([self.banks, self.banks[::-1], self.banks[:1]])
            offers = [offer for bank in asked for offer in bank.offers]
            new = NewLink(
                amount=amount,
                currency=currency,
                method="card",
                realm="shop",
                date=NOON,
                expires_in=self.random.choice([60, HOUR // 2, HOUR]),
                max_payments=self.random.choice([1, 2, 2, 3, 10, None]),
                capture=self.random.choice([*Capture]),
            )
            link = await links.create(
                self.disk,
                self.mint,
                ACCOUNT,
                Mode.TEST,
                offers,
                new,
                shards=self.shards,
                at=self.now(),
            )
            self.links.append(link.id)

    async def pay(self):
        link = LinkId(self.random.choice(self.links))
        key = AttemptKey(link, transactions.new_key(self.mint, at=self.now()))
        number = self.random.choice(CARDS)
        card = Card.parse({"number": number, "expiry": "12/35", "cvc": "123"}, at=self.now())
        payer = Payer(f"payer {self.random.randrange(4)}", card.last4, back="https://pay")
        for _ in range(self.random.choice([1, 1, 2])):  # a double click, a reload
            self.run(
                *(transactions.pay, self.store, self.issuers, key, card, payer),
                vault=self.vault,
                now=self.now,
            )

    def _led(self, txn_id):
        """Outside our process there is a payer who may be led away, and come back or not."""
        holder = asyncio.ensure_future(self._confirm(txn_id))
        self.holders.add(holder)
        holder.add_done_callback(self.holders.discard)

    async def _confirm(self, txn_id):
        """Sometimes in the last moment; then their bank tells us, and their browser does."""
        at_the_end = 600 + 3 * self.random.random()  # while it is being asked whether it is over
        late = self.random.choice([None, None, 599, *[at_the_end] * 3, 700])
        await asyncio.sleep(late or self.random.uniform(0, 60))
        txn = await self.disk.get(Transaction, txn_id)
        if txn.status is not TransactionStatus.CHALLENGED:
            return  # they were never shown where to go, or too late
        memo = txn.challenge.memo
        self.issuers[txn.issuer].confirm(memo, self.random.choice("YYYN"))
        for _ in range(self.random.choice([0, 1, 2])):
            self.run(
                *(challenges.hear, self.store, self.issuers, txn_id, memo.encode()),
                vault=self.vault,
                now=self.now,
            )
            await asyncio.sleep(self.random.choice([0, 0.01, 5]))
        for _ in range(self.random.choice([0, 1, 3])):
            self.run(
                *(challenges.conclude, self.store, self.issuers, txn_id),
                vault=self.vault,
                now=self.now,
            )

    async def refund(self):
        """Some amount of some payment, wherever it stands; sometimes twice, or far too much."""
        paid = list((await read(self.disk, Transaction, ACCOUNT, self.shards)).values())
        if not paid:
            return
        txn = self.random.choice(paid)
        part = Money(self.random.randint(1, txn.amount.minor), txn.amount.currency)
        amount = self.random.choice([None, str(part), str(part)])
        for _ in range(self.random.choice([1, 1, 3])):
            self.run(self._give_back, txn.id, amount)

    async def close(self):
        """Capture or void some payment, wherever it stands; sometimes by two clicks at once."""
        held = list((await read(self.disk, Transaction, ACCOUNT, self.shards)).values())
        if not held:
            return
        txn = self.random.choice(held)
        part = Money(self.random.randint(1, txn.amount.minor), txn.amount.currency)
        for _ in range(self.random.choice([1, 1, 2])):
            kind = self.random.choice([OperationKind.CAPTURE, OperationKind.VOID])
            whole = kind is OperationKind.VOID or self.random.random() < 0.5
            self.run(self._close, txn.id, kind, None if whole else str(part))

    async def _close(self, txn_id, kind, amount):
        started = await deciding(
            closings.start, self.store, self.issuers, txn_id, kind, amount, at=self.now()
        )
        await closings.send(self.store, self.issuers, started, now=self.now)

    async def _give_back(self, txn_id, amount):
        started = await deciding(
            refunds.start, self.store, self.issuers, self.mint, txn_id, amount, "", at=self.now()
        )
        await refunds.send(self.store, self.issuers, started, now=self.now)

    async def take_back(self):
        """A payer complains at their bank, refunded or not; then its file of the day is read."""
        paid = (await read(self.disk, Transaction, ACCOUNT, self.shards)).values()
        paid = [txn for txn in paid if txn.status is TransactionStatus.CAPTURED]
        if paid:
            txn = self.random.choice(paid)
            charge = (txn.closing or txn.operation).reference
            self.issuers[txn.issuer].take_back(charge, self.random.choice([1, 2]))
        for bank in self.banks:
            for reference, taken in bank.taken_back.items():
                if not taken.decided and self.random.random() < 0.3:
                    taken.lost = self.random.random() < 0.3
                    taken.given_again_at = None if taken.lost else self.now()
                self.tell(bank, reference)
        for bank in self.banks:
            for _ in range(self.random.choice([1, 1, 2])):
                self.run(self._reconcile, bank)

    def tell(self, bank, reference):
        """The bank tells what it did by itself: now or later, doubled, or not at all."""
        for _ in range(self.random.choice([0, 1, 1, 2])):
            later = self.random.choice([0, 0, 1, 600])
            self.run(self._hear, bank, bank.told(reference), later)

    async def _hear(self, bank, told, later):
        await asyncio.sleep(self.random.uniform(0, later))
        await deciding(callbacks.take, self.store, bank.name, told, at=self.now())

    async def _reconcile(self, bank):
        await transactions.reconcile(self.store, bank.name, bank.statement(), at=self.now())

    async def settle(self):
        """The file of the day, and that of the next: some of what was taken back is given again."""
        for bank in self.banks:
            await self._reconcile(bank)
        await asyncio.sleep(12 * HOUR)
        for bank in self.banks:
            for reference, each in bank.taken_back.items():
                if each.given_again_at is None:  # one that was lost may be given again all the same
                    each.given_again_at = self.random.choice([None, self.now()])
                    self.tell(bank, reference)
            await self._reconcile(bank)

    async def live(self):
        """The safety phase: with faults."""
        await self.make_links()
        self.run(self.work)
        if self.random.random() < 0.5:
            self.run(self.work)  # a second worker on the same store
        rush = self.random.choice([0, 0.1, 1, 60, HOUR])
        crashes = self.random.choice([0, 0, 0.05, 0.2])
        for _ in range(PAYMENTS):
            await self.pay()
            await asyncio.sleep(self.random.uniform(0, rush / PAYMENTS))
            if self.random.random() < 0.3:
                await self.refund()
            if self.random.random() < 0.4:
                await self.close()
            if self.random.random() < 0.1:
                await self.take_back()
            if self.random.random() < 0.05:
                link = LinkId(self.random.choice(self.links))
                self.run(
                    deciding, links.cancel, self.store, ACCOUNT, Mode.TEST, link, at=self.now()
                )
            if self.random.random() < crashes:
                await self.crash()

    async def calm_down(self):
        """The liveness phase: without faults everything must become certain."""
        for bank in self.banks:
            bank.faults = False
        await asyncio.sleep(4 * HOUR)
        await self.settle()
        await asyncio.sleep(HOUR)
        for task in list(self.process):
            task.cancel()
        for holder in list(self.holders):
            holder.cancel()
        await asyncio.gather(*self.process, *self.holders, return_exceptions=True)
        left = await self.waiting.due(vault.Waiting, before=self.now() + timedelta(days=1))
        assert not left, "a card still waits"
        assert not any(bank.wire for bank in self.banks), "no message travels for hours"


def day(seed):
    """Live through the day of that seed, and hand back the world as it is when all is quiet."""
    loop = SeededLoop(Random(~seed & 0xFFFFFFFF))
    loop.failure = None
    world = World(seed, loop)

    async def through():
        await world.live()
        await world.calm_down()

    try:
        loop.run_until_complete(through())
        if loop.failure is not None:
            raise loop.failure
    finally:
        loop.close()
    return world
