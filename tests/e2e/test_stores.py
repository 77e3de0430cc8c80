"""The main job on each pair of stores, and stores that stop or refuse under load."""

import asyncio
import random
import threading
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from standardwebhooks import Webhook

from tests.e2e.fleet import dynamo, fleet, on_servers, on_sqlite
from tests.e2e.people import DECLINED, MUTE, WITHIN_S, Page, agree, crowd, form, order, pay, said
from tests.e2e.processes import until
from tests.servers import dynamodb
from tests.servers.dynamodb_proxy import THROTTLED, proxy
from tests.servers.postgres import PostgresServer

STORES = {"SQLite and SQLite": on_sqlite, "PostgreSQL and DynamoDB": on_servers}
CLIENTS, LOAD_S = 12, 8


@pytest.fixture(scope="module", params=STORES)
def there(request, tmp_path_factory):
    with STORES[request.param](tmp_path_factory.mktemp("stores")) as fleet:
        yield fleet


@contextmanager
def shop():
    """Who hears webhooks: its address, and what came, as headers and body."""
    heard = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", heard
    server.shutdown()
    server.server_close()


def test_a_link_is_made_declined_paid_told_of_and_booked(there):
    with shop() as (address, heard):
        hook = said(
            there.merchant.http.post("/api/webhooks", json={"url": address, "events": ["*"]})
        )
        payment = there.merchant.payment()
        assert pay(there.at(1, payment["url"]), DECLINED).heading == "The payment was declined"
        assert "Thank you." in pay(there.at(2, payment["url"])).text
        assert "This link has been paid" in look(there.at(1, payment["url"])).text
        assert there.merchant.show(payment)["status"] == "paid"
        paid, declined = there.merchant.transactions(payment=payment["id"])
        assert (paid["status"], declined["status"]) == ("captured", "declined")
        told = ["transaction.started", "transaction.captured"]
        assert [event["type"] for event in there.merchant.log(paid)["events"]] == told
        agree(there.merchant.transactions(), there.bank.book())

        wanted = {"link.created", "link.paid", "transaction.declined", "transaction.captured"}
        wants = Webhook(hook["secret"])
        until(lambda: wanted <= {wants.verify(body, headers)["type"] for headers, body in heard})
        there.merchant.http.delete(f"/api/webhooks/{hook['id']}").raise_for_status()


def look(url):
    return Page(httpx.get(url, timeout=WITHIN_S))


async def test_many_payers_at_several_processes_make_as_many_charges_as_the_link_has_places(there):
    payment = there.merchant.payment(maxPayments=5)
    async with crowd(30) as payers:
        urls = [there.at(number, payment["url"]) for number in range(30)]
        pages = await asyncio.gather(*(p.get(u) for p, u in zip(payers, urls, strict=True)))
        await asyncio.gather(
            *(
                payer.post(url, data=form(Page(page).attempt))
                for payer, url, page in zip(payers, urls, pages, strict=True)
            )
        )
    until(lambda: there.merchant.show(payment)["status"] == "paid")
    captured = there.merchant.transactions(payment=payment["id"], status="captured")
    assert len(captured) == 5
    agree(there.merchant.transactions(), there.bank.book())


def test_an_answer_that_is_lost_is_found_out_by_a_worker(there):
    payment = there.merchant.payment(realm="lost")
    pay(payment["url"], MUTE)
    (txn,) = [t for t in there.all_certain() if t["payment"] == payment["id"]]
    assert txn["status"] == "captured"
    agree(there.merchant.transactions(), there.bank.book())


def test_one_key_posted_at_all_processes_makes_one_link(there):
    key = {"Idempotency-Key": f"stores-{random.randbytes(8).hex()}"}
    answers = []

    def post(number):
        url = there.at(number, there.webs[0].url)
        auth = (there.merchant.key, there.merchant.secret)
        with httpx.Client(base_url=url, auth=auth, timeout=WITHIN_S) as http:
            while (
                answer := http.post("/api/payment", json=order(), headers=key)
            ).status_code == 409:
                pass
            answers.append(answer.content)

    posts = [threading.Thread(target=post, args=(number,)) for number in range(8)]
    for each in posts:
        each.start()
    for each in posts:
        each.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1


class Load:
    """Clients who make links and pay them, and remember what they were told."""

    def __init__(self, fleet):
        self._fleet = fleet
        self.made, self.paid, self.refused = [], [], 0
        self._over = False

    async def run(self, trouble):
        """Until the trouble is over and a while has passed."""
        clients = [asyncio.create_task(self._client(number)) for number in range(CLIENTS)]
        await asyncio.sleep(LOAD_S / 4)
        await trouble()
        await asyncio.sleep(LOAD_S / 4)
        self._over = True
        await asyncio.gather(*clients)

    async def _client(self, number):
        merchant = self._fleet.merchant
        auth = (merchant.key, merchant.secret)
        base = self._fleet.at(number, self._fleet.webs[0].url)
        async with httpx.AsyncClient(base_url=base, auth=auth, timeout=WITHIN_S) as http:
            while not self._over:
                try:
                    await self._make_and_pay(http, number)
                except httpx.TransportError:
                    self.refused += 1
                except AssertionError:
                    self.refused += 1
                    await asyncio.sleep(0.05)

    async def _make_and_pay(self, http, number):
        payment = said(await http.post("/api/payment", json=order()))
        self.made.append(payment["id"])
        async with httpx.AsyncClient(follow_redirects=True, timeout=WITHIN_S) as payer:
            url = self._fleet.at(number, payment["url"])
            opened = await payer.get(url)
            assert opened.is_success
            shown = Page(await payer.post(url, data=form(Page(opened).attempt)))
            if "Thank you." in shown.text:
                self.paid.append(payment["id"])

    def tell(self, what):
        """Shown by `pytest -s`."""
        print(f"{what}: {len(self.made)} made, {len(self.paid)} paid, {self.refused} refused")

    def check(self):
        """Whatever was acknowledged is there, and the bank's book says the same."""
        everything = self._fleet.merchant.all_transactions()
        captured = {txn["payment"] for txn in everything if txn["status"] == "captured"}
        assert set(self.paid) <= captured
        assert len(captured) == len([t for t in everything if t["status"] == "captured"])
        assert set(self.made) <= self._fleet.merchant.all_payments()
        agree(everything, self._fleet.bank.book())


async def test_postgresql_that_is_stopped_and_started_under_load_loses_nothing(tmp_path):
    with PostgresServer() as server:
        stores = {
            "PAYSEAL_ACCOUNTS": server.url(server.database()),
            "PAYSEAL_PAYMENTS": server.url(server.database()),
        }
        with fleet(tmp_path, stores, webs=2, workers=1) as there:
            load = Load(there)

            async def restarts():
                for immediately in (False, True):
                    await asyncio.to_thread(server.restart, immediately=immediately)
                    await asyncio.sleep(LOAD_S / 4)

            await load.run(restarts)
            await asyncio.to_thread(there.all_certain)
            await asyncio.to_thread(load.check)
            load.tell("PostgreSQL stopped twice, once without a goodbye")


async def test_dynamodb_that_refuses_for_lack_of_room_under_load_loses_nothing(tmp_path):
    with ExitStack() as stack:
        accounts = stack.enter_context(PostgresServer())
        async with proxy(dynamodb.server().endpoint) as (between, endpoint):
            stores = {"PAYSEAL_ACCOUNTS": accounts.url(accounts.database())}
            stores |= dynamo(endpoint, "throttled")
            opening = fleet(tmp_path, stores, webs=2, workers=1)
            there = await asyncio.to_thread(opening.__enter__)
            try:
                load, refused = Load(there), 0

                async def no_room(name, _):
                    nonlocal refused
                    if random.random() < 0.3:
                        refused += 1
                        return THROTTLED
                    return None

                async def throttle():
                    between.rule, before = no_room, between.rule
                    await asyncio.sleep(LOAD_S / 2)
                    between.rule = before

                await load.run(throttle)
                await asyncio.to_thread(there.all_certain)
                await asyncio.to_thread(load.check)
                assert refused > 100
                load.tell(f"DynamoDB refused {refused} calls")
            finally:
                await asyncio.to_thread(opening.__exit__, None, None, None)
