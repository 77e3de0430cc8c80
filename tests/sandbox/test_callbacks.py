"""The bank tells of each chargeback by itself, signed, and until it is heard."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from payseal_sandbox import Bank
from tests.sandbox.acquirer import calling, purchase
from tests.sandbox.desk import sitting_at

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Listener:
    """Hears what the bank tells; `says` are the statuses it answers with first."""

    def __init__(self, *says):
        self.says, self.heard = list(says), []

    async def hear(self, request):
        body = await request.text()
        self.heard.append(
            (request.headers["webhook-id"], Webhook(SECRET).verify(body, request.headers))
        )
        return web.Response(status=self.says.pop(0) if self.says else 204)

    async def start(self):
        app = web.Application()
        app.router.add_post("/hooks/bank", self.hear)
        self.runner = web.AppRunner(app, shutdown_timeout=1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}/hooks/bank"

    async def hears(self, count):
        async with asyncio.timeout(10):
            while len(self.heard) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return self.heard


def now():
    return datetime.now(UTC)


@pytest.fixture
async def listener(request):
    listener = Listener(*getattr(request, "param", ()))
    await listener.start()
    yield listener
    await listener.runner.cleanup()


async def bought(bank, desk):
    """A purchase that is charged back; the row of its chargeback."""
    message = purchase()
    async with calling(bank.ports) as line:
        assert (await line.ask(message))["39"] == "00"
    name = {"reference": message["37"], "merchant": message["42"]}
    return await post(desk, "/chargebacks", name)


async def post(desk, path, body):
    async with desk.http.post(path, json=body) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_a_chargeback_its_win_and_its_loss_are_told_as_the_file_has_them(book, listener):
    async with Bank(book, clock=now) as bank, sitting_at(bank.ports) as desk:
        assert await desk.put("/listener", {"url": listener.url, "secret": SECRET}) == {
            "url": listener.url
        }
        first = await bought(bank, desk)
        await post(desk, "/chargebacks/won", {k: first[k] for k in ("reference", "merchant")})
        second = await bought(bank, desk)
        await post(desk, "/chargebacks/lost", {k: second[k] for k in ("reference", "merchant")})
        heard = dict(await listener.hears(4))
        file = await desk.moved()
    assert sorted(told["type"] for told in heard.values()) == [
        "chargeback.lost",
        "chargeback.opened",
        "chargeback.opened",
        "chargeback.won",
    ]
    assert len(heard) == 4, "each has a name of its own"
    for told in heard.values():
        assert ",".join(map(str, told["line"].values())) in file


@pytest.mark.parametrize("listener", [(500, 503)], indirect=True)
async def test_what_was_not_heard_is_told_again_under_its_name(book, listener):
    async with Bank(book, clock=now) as bank, sitting_at(bank.ports) as desk:
        await desk.put("/listener", {"url": listener.url, "secret": SECRET})
        await bought(bank, desk)
        heard = await listener.hears(3)
        assert heard[0] == heard[1] == heard[2]
        await asyncio.sleep(0.5)
        assert len(listener.heard) == 3, "and not again, once it was heard"


async def test_what_was_not_heard_when_the_bank_ended_is_told_when_it_starts(book, listener):
    async with Bank(book, clock=now) as bank, sitting_at(bank.ports) as desk:
        await desk.put("/listener", {"url": "http://127.0.0.1:1/", "secret": SECRET})
        row = await bought(bank, desk)
        await asyncio.sleep(0.5)
    async with Bank(book, clock=now) as bank, sitting_at(bank.ports) as desk:
        assert await desk.get("/listener") == {"url": "http://127.0.0.1:1/"}
        await desk.put("/listener", {"url": listener.url, "secret": SECRET})
        ((_, told),) = await listener.hears(1)
    assert told["line"]["reference"] == row["reference"]


async def test_nobody_is_told_where_there_is_no_listener(book, listener):
    async with Bank(book, clock=now) as bank, sitting_at(bank.ports) as desk:
        await bought(bank, desk)
        await desk.put("/listener", {"url": listener.url, "secret": SECRET})
        await desk.put("/listener", {"url": "", "secret": ""})
        await bought(bank, desk)
        await asyncio.sleep(0.5)
    assert listener.heard == []


@pytest.mark.parametrize(
    "wish",
    [
        {"url": "http://127.0.0.1/"},
        {"secret": SECRET},
        {"url": "ftp://127.0.0.1/", "secret": SECRET},
        {"url": "http://127.0.0.1/", "secret": "secret"},
        {"url": "http://127.0.0.1/", "secret": SECRET, "more": 1},
    ],
)
async def test_a_listener_that_makes_no_sense_is_refused(desk, wish):
    async with desk.http.put("/listener", json=wish) as response:
        assert response.status == 400
    assert await desk.get("/listener") == {"url": ""}


@pytest.mark.parametrize("how", ["won", "lost"])
async def test_what_is_decided_stays_decided(desk, bank, how):
    row = await bought(bank, desk)
    name = {key: row[key] for key in ("reference", "merchant")}
    await post(desk, f"/chargebacks/{how}", name)
    for again in ("won", "lost"):
        async with desk.http.post(f"/chargebacks/{again}", json=name) as response:
            assert response.status == 409
    body = json.dumps(name | {"reference": "CBNEVER"})
    async with desk.http.post("/chargebacks/lost", data=body) as response:
        assert response.status == 409
