"""How hot DynamoDB's partitions get, and what spreading an account does: `-m bench.partitions`.

The peak second of a day of ten million links, as Zipf has it over a million accounts, is lived
through on the memory store by the real services: what they commit is counted in write units by
the key that it goes to, in the table and in both its indexes.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import zlib
from bisect import bisect
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import NamedTuple

from payseal import ledger, links, notifications, transactions
from payseal.core.card import Card
from payseal.core.ids import Mint, Mode, account_of, partition_of
from payseal.core.master import MasterKey
from payseal.core.money import Currency
from payseal.core.offer import Offer
from payseal.core.record import encode
from payseal.core.store import Check, Checkpoint, Delete, Insert, Update, deciding
from payseal.issuers import Abilities, Approved
from payseal.ledger import Balance, Entry, Mover
from payseal.links import Link, NewLink, Place
from payseal.notifications import Delivery, Endpoint
from payseal.outbound import Response
from payseal.risk import Barred, Tries
from payseal.storage import MemoryStore
from payseal.transactions import Attempt, AttemptKey, Payer, Reference, Reversal, Transaction

LINKS_A_DAY, ACCOUNTS = 10_000_000, 1_000_000
CREATES = PAYMENTS = 1157  # in the peak second: ten times the day's average
EXPIRIES = 116  # as if nobody had paid the day before
PARTITION_MAX = 1000  # write units a second: DynamoDB's own limit for one key
SHARD_LINKS = 5  # a second, created and paid: what one shard is given at the peak
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
RECORDS = (
    Link,
    Place,
    Attempt,
    Transaction,
    Reversal,
    Reference,
    Entry,
    Balance,
    Mover,
    Tries,
    Barred,
    Delivery,
)
OFFERS = (Offer("sandbox", "card", (Currency.EUR,)),)
BUCKETS, STAMP_BYTES, STEP = 64, 8, 1024


class Item(NamedTuple):
    """A record in the table: its bytes, and its keys in the indexes, which are sparse."""

    size: int
    children: str | None
    due: tuple[str, str] | None

    @property
    def units(self):
        return -(-self.size // STEP)


def item_of(record, body):
    """As `storage/dynamodb` lays it down: names of one letter, both indexes of keys only."""
    place = partition_of(record.id)
    children = None if record.of is None else f"{place}{record.of}"
    due = None
    if record.due is not None and not record.fades:
        bucket = f"{record.prefix}{zlib.crc32(record.id.encode()) % BUCKETS:02}"
        due = (bucket, record.due.isoformat())
    size = len("p") + len(place) + len("s") + len(record.id) - len(place) - 1
    size += len("v") + 2 + len("b") + len(body) + len("x") + STAMP_BYTES
    size += 0 if children is None else len("o") + len(children)
    size += 0 if due is None else len("d") + len(due[0]) + len("w") + 8
    return Item(size, children, due)


class Counting:
    """The memory store, and for each second and key the write units that its commits cost."""

    def __init__(self):
        self._store = MemoryStore(RECORDS)
        self._items = {}
        self.second = None
        self.units = defaultdict(Counter)  # by second, then by (where, key)

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def commit(self, *changes):
        await self._store.commit(*changes)
        # A transaction prepares and commits: twice the units, of checks and indexes as well. A
        # change alone needs none.
        factor = 1 if len(changes) == 1 else 2
        for change in changes:
            for key, units in self._cost(change):
                self.units[self.second][key] += factor * units

    def _cost(self, change):
        record = change.record
        before = self._items.get(record.id)
        after = before if isinstance(change, Check) else None
        if isinstance(change, Insert | Update):
            after = item_of(record, encode(record))
        if isinstance(change, Insert | Update | Delete):
            self._items[record.id] = after
        where = "value" if isinstance(record, Reference | Tries | Barred | Mover) else "account"
        where = "checkpoint" if isinstance(record, Checkpoint) else where
        # The larger of both is paid for; of a check what is there; of nothing the least.
        units = max(before.units if before else 1, after.units if after else 1)
        yield (where, partition_of(record.id)), units
        for index in ("children", "due"):
            old, new = (getattr(item, index) if item else None for item in (before, after))
            if old != new:
                for key in filter(None, (old, new)):  # one goes, one comes
                    yield (index, key if index == "children" else key[0]), 1


class Bank:
    """Takes every card."""

    name, title, offers = "sandbox", "A bank", OFFERS
    abilities = Abilities(look_up=True, transit_max=timedelta(minutes=1))

    def reference(self, operation_id):
        return operation_id[-12:].upper()

    async def purchase(self, _operation, _card, _now):
        return Approved("A1B2C3")


class Crowd:
    """A million accounts, the first the busiest: the k-th has 1/k of its links."""

    def __init__(self, random):
        self._random = random
        self._upto = list(accumulate(1 / rank for rank in range(1, ACCOUNTS + 1)))

    def draw(self):
        return bisect(self._upto, self._random.random() * self._upto[-1]) + 1

    def rate(self, rank):
        """Links of that account in the peak second, on average."""
        return CREATES / rank / self._upto[-1]


class Peak:
    """Some seconds of the peak, with so many shards for each account."""

    def __init__(self, seed, shards):
        self.random = Random(seed)
        self.crowd, self.shards = Crowd(self.random), shards
        self.mint = Mint(self.random.randbytes)
        self.payments, self.accounts = Counting(), MemoryStore([Endpoint])
        self.at, self.ids, self.ranks = NOON, {}, {}
        self.issuers, self.master = {"sandbox": Bank()}, MasterKey(bytes(32))

        worker = {"worker": "bench", "now": self.now}
        self.fan_out = notifications.fan_out(self.payments, self.accounts, **worker)
        self.counting = ledger.counting(self.payments, **worker)

    def now(self):
        return self.at

    async def account(self, rank):
        """Its id, with a webhook that is told everything."""
        if rank not in self.ids:
            account = self.ids[rank] = self.mint.account()
            self.ranks[account] = rank
            await notifications.create_endpoint(
                self.accounts,
                self.mint,
                self.master,
                self.random.randbytes,
                account,
                Mode.LIVE,
                "https://shop.example/payseal/events",
                ["*"],
                lambda _: None,
                at=NOON - 2 * DAY,
            )
        return self.ids[rank]

    async def shards_of(self, account):
        return self.shards(self.ranks[account])

    async def create(self, rank, at):
        new = NewLink(
            amount="49.90",
            currency="EUR",
            method="card",
            realm="shop.example",
            date=at,
            description="Order 2026-104233",
            success_url="https://shop.example/orders/2026-104233/thanks",
            metadata={"order": "2026-104233"},
        )
        account, shards = await self.account(rank), self.shards(rank)
        return await links.create(
            self.payments, self.mint, account, Mode.LIVE, OFFERS, new, shards=shards, at=at
        )

    async def pay(self, link):
        key = AttemptKey(link.id, transactions.new_key(self.mint, at=self.at))
        typed = {"number": "4242424242424242", "expiry": "12/35", "cvc": "123"}
        card = Card.parse(typed | {"name": "Ada Lovelace"}, at=self.at)
        payer = Payer("0123456789abcdef0123", "0123456789abcdef0123", "ada@example.com")
        await transactions.pay(self.payments, self.issuers, key, card, payer, now=self.now)

    async def tell(self):
        """Count, fan out, and deliver until nothing is left."""
        await self.counting.read()
        while await self.fan_out.read():
            await notifications.deliver(
                self.payments, self.accounts, self.master, _send, self.shards_of, now=self.now
            )

    async def live(self, seconds):
        """What was made in one second is paid in the next."""
        old = [await self.create(self.crowd.draw(), NOON - DAY) for _ in range(EXPIRIES * seconds)]
        made = [await self.create(self.crowd.draw(), self.at) for _ in range(CREATES)]
        await self.tell()
        for second in range(seconds):
            self.at += SECOND
            self.payments.second = second
            for link in old[second::seconds]:
                await deciding(links.expire, self.payments, link.id, at=self.at)
            for link in made[:PAYMENTS]:
                await self.pay(link)
            made = [await self.create(self.crowd.draw(), self.at) for _ in range(CREATES)]
            await self.tell()
        self.payments.units.pop(None)

    async def one(self):
        """What one link costs the shard that it is in: made, paid, told."""
        self.payments.second = 0
        await self.pay(await self.create(1, self.at))
        await self.tell()
        return sum(n for (where, _), n in self.payments.units[0].items() if where == "account")


async def _send(*_):
    return Response(200)


def rule(rate):
    """How many shards an account of so many links a second needs."""
    return max(1, math.ceil(rate / SHARD_LINKS))


class Heat(NamedTuple):
    """The worst second of each key, and of each account's hottest partition."""

    worst: dict[tuple[str, str], int]
    by_rank: dict[int, int]

    @classmethod
    def of(cls, peak):
        worst, by_rank = Counter(), Counter()
        for second in peak.payments.units.values():
            worst |= second
        for (where, key), units in worst.items():
            if where == "account":
                by_rank |= Counter({peak.ranks[account_of(f"   _{key}")]: units})
        return cls(worst, by_rank)

    def hottest(self, where):
        return max(units for (place, _), units in self.worst.items() if place == where)

    @property
    def over(self):
        return sum(units > PARTITION_MAX for units in self.worst.values())


def show_load(before, after, crowd, units):
    rates = {rank: crowd.rate(rank) for rank in range(1, 1001)}
    spread = {rank: rule(rate) for rank, rate in rates.items() if rule(rate) > 1}
    print(f"one link, made, paid and told: {units} write units in its shard")
    print(f"rule: a shard for each {SHARD_LINKS} links a second at the peak\n")
    print("account  links/s  shards   before    after   (write units of its hottest partition)")
    for rank in (1, 2, 3, 4, 5, 8, 12, 16, 24, 32):
        heats = f"{before.by_rank.get(rank, 0):9,}{after.by_rank.get(rank, 0):9,}"
        print(f"{rank:7}{rates[rank]:9.1f}{rule(rates[rank]):8}{heats}")
    print("\nhottest key of                          before    after")
    for where, name in (
        ("account", "the table: an account's shard"),
        ("children", "index children: a parent's, by shard"),
        ("due", f"index due: {BUCKETS} buckets a kind"),
        ("value", "the table: a reference, a payer's tries"),
        ("checkpoint", "the table: a checkpoint, all in one lane"),
    ):
        print(f"{name:38}{before.hottest(where):9,}{after.hottest(where):9,}")
    print(f"{f'keys over {PARTITION_MAX:,} a second':38}{before.over:9,}{after.over:9,}")
    print(f"{'accounts with more than one shard':38}{0:9}{len(spread):9}")
    print(f"{'their shards':38}{len(spread):9}{sum(spread.values()):9}")


async def main(seconds, seed):
    heats = []
    for shards in (lambda _: 1, None):
        peak = Peak(seed, shards)
        peak.shards = shards or (lambda rank, crowd=peak.crowd: rule(crowd.rate(rank)))
        await peak.live(seconds)
        heats.append(Heat.of(peak))
    print(
        f"{LINKS_A_DAY:,} links a day of {ACCOUNTS:,} accounts (Zipf); at the peak {CREATES:,}"
        f" made, {PAYMENTS:,} paid and {EXPIRIES} expired a second; the worst of {seconds} seconds"
    )
    show_load(*heats, peak.crowd, await Peak(seed, lambda _: 1).one())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(main(**vars(parser.parse_args())))
