"""A merchant that listens, two stores, and a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from payseal.core.event import Event
from payseal.core.ids import (
    AccountId,
    Mint,
    Mode,
    account_of,
    by_time,
    derive,
    home,
    homes,
    mode_of,
)
from payseal.core.master import MasterKey
from payseal.core.store import Checkpoint, Insert
from payseal.notifications import Delivery, Endpoint, create_endpoint, deliver, fan_out
from payseal.outbound import AddressRule, Outbound
from payseal.storage.memory import MemoryStore

SPREAD = 8  # shards that a test may use
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Chance:
    """Entropy that repeats itself from test to test."""

    def __init__(self):
        self.asked = 0

    def __call__(self, count):
        self.asked += 1
        return sha256(b"%d" % self.asked).digest()[:count]


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self):
        return self.headers["webhook-id"]


@dataclass
class Merchant:
    """Answers each path with what the test says: a status, headers, or never."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    statuses: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    headers: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self, request):
        got = Received(request.path, dict(request.headers.items()), await request.read())
        got.headers = {name.lower(): value for name, value in got.headers.items()}
        self.received.append(got)
        async with self.news:
            self.news.notify_all()
        if request.path in self.silent:
            await self.closing.wait()
        statuses = self.statuses[request.path]
        # The last one is kept on answering.
        status = statuses.pop(0) if len(statuses) > 1 else (statuses or [204])[0]
        return web.Response(status=status, headers=self.headers)

    def at(self, path):
        return [got for got in self.received if got.path == path]

    async def until(self, path, count=1):
        async with asyncio.timeout(5), self.news:
            await self.news.wait_for(lambda: len(self.at(path)) >= count)


@pytest.fixture
async def merchant():
    merchant = Merchant()
    app = web.Application()
    app.router.add_post("/{path:.*}", merchant.hear)
    server = TestServer(app)
    await server.start_server()
    merchant.url = str(server.make_url("")).rstrip("/")
    yield merchant
    merchant.closing.set()
    await server.close()


@dataclass
class World:
    """Everything that sending needs, and the time."""

    payments: MemoryStore
    accounts: MemoryStore
    master: MasterKey
    mint: Mint
    entropy: Chance
    account: AccountId
    outbound: Outbound | None = None
    at: datetime = NOON
    told: int = 0
    shards: int = 1

    def now(self):
        return self.at

    def later(self, **units):
        self.at += timedelta(**units)

    async def endpoint(self, url, *events, mode=Mode.LIVE, account=None):
        return await create_endpoint(
            self.accounts,
            self.mint,
            self.master,
            self.entropy,
            account or self.account,
            mode,
            url,
            events or ("*",),
            AddressRule(loopback=True).check,
            at=self.at,
        )

    def event(self, type="link.paid", mode=Mode.LIVE, shard=0, account=None, data=None):
        self.told += 1
        partition = home(account or self.account, mode, shard)
        link = self.mint.id("lnk", partition, self.at)
        return Event(
            id=derive("evt", partition, self.at, link, str(self.told)),
            resource=link,
            seq=1,
            type=type,
            told=data or {"status": "paid"},
        )

    async def happens(self, type="link.paid", **where):
        event = self.event(type, **where)
        await self.payments.commit(Insert(event))
        return event

    async def fan_out(self):
        return await self.reader().read()

    def reader(self, store=None, worker="worker"):
        return fan_out(store or self.payments, self.accounts, worker, now=self.now)

    async def deliver(self, send=None):
        send = send or self.outbound.post
        return await deliver(
            self.payments, self.accounts, self.master, send, self.spread, now=self.now
        )

    async def spread(self, account):
        return self.shards

    async def told_of(self, endpoint):
        account, mode = account_of(endpoint.id), mode_of(endpoint.id)
        found = []
        for place in homes(account, mode, SPREAD):
            found += (await self.payments.page(Delivery, place, of=endpoint.id)).records
        return sorted(found, key=lambda delivery: by_time(delivery.id))

    async def only(self, endpoint):
        (delivery,) = await self.told_of(endpoint)
        return delivery

    async def events(self, store, type):
        (lane,) = await store.lanes()
        return [e for e in (await store.feed(lane, "")).events if e.type == type]


@pytest.fixture
async def world():
    chance = Chance()
    mint = Mint(chance)
    async with Outbound(AddressRule(loopback=True)) as outbound:
        yield World(
            payments=MemoryStore([Event, Delivery, Checkpoint]),
            accounts=MemoryStore([Event, Endpoint]),
            master=MasterKey(bytes(32)),
            mint=mint,
            entropy=chance,
            account=mint.account(),
            outbound=outbound,
        )
