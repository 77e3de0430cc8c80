"""Stripe for tests: localstripe as a process, and before it what localstripe does not have.

localstripe (PyPI) keeps the payment intents, charges and refunds, and sends the webhooks. Before it
stands a small server of ours that adds, as Stripe's API reference describes them: checkout sessions
with a page that can be paid by a test token, idempotency keys, known API keys, who may be captured,
cancelled or refunded and how much, and the metadata of a capture. It loses answers on demand.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
import time
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

SECRET_KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dcPayseal"
GOOD, POOR = "pm_card_visa", "pm_card_chargeCustomerFail"
CURRENCIES = ("eur", "usd", "jpy")
START_WITHIN_S = 20
MINUTE = 60
# It would listen on every address and write all that it has to a file in /tmp.
LOCALSTRIPE = """
import sys
from aiohttp import web
from localstripe.resources import Store
from localstripe.server import app
Store.dump_to_disk = lambda self: None
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


class Refused(Exception):
    """An error object of Stripe's."""

    def __init__(self, status, message, **more):
        self.status = status
        self.body = {"error": {"type": "invalid_request_error", "message": message} | more}


class Stripe:
    """The server before localstripe. `url` is the API; payers open the `url` of a session."""

    def __init__(self, behind, http):
        self._behind, self._http = behind, http
        self.sessions, self.kept, self.captures, self.asked = {}, {}, {}, []
        self.loses_answer, self.answers = False, []

    def routes(self):
        sessions = "/v1/checkout/sessions"
        return [
            web.post(sessions, self.create),
            web.get(sessions, self.list),
            web.get(sessions + "/{id}", self.retrieve),
            web.post(sessions + "/{id}/expire", self.expire),
            web.get("/v1/payment_intents/{id}", self.intent),
            web.post("/v1/payment_intents/{id}/{verb:capture|cancel}", self.close),
            web.post("/v1/refunds", self.refund),
            web.get("/v1/refunds", self.refunds),
            web.get("/c/pay/{id}", self.page),
            web.post("/c/pay/{id}", self.pay),
        ]

    @web.middleware
    async def answering(self, request, handler):
        """The key, idempotency, errors as JSON; and what goes wrong on demand."""
        if not request.path.startswith("/v1/"):
            return await handler(request)
        self.asked.append((request.method, request.path))
        body = await request.read()
        if self.answers:
            status, answer = self.answers.pop(0)
        else:
            status, answer = await self._once(request, handler, body)
        if self.loses_answer:
            self.loses_answer = False
            return await self._lost(request)
        return web.json_response(answer, status=status, headers={"Request-Id": "req_1"})

    async def _lost(self, request):
        """No byte of a POST's answer, and half of a GET's: that is asked again if it has none."""
        half = web.StreamResponse(headers={"Content-Length": "1000"})
        if request.method == "GET":
            await half.prepare(request)
            await half.write(b"{")
        request.transport.close()
        return half

    async def _once(self, request, handler, body):
        if request.headers.get("Authorization") != f"Bearer {SECRET_KEY}":
            return 401, Refused(401, "Invalid API Key provided").body
        name = request.headers.get("Idempotency-Key")
        if name is None:
            return await self._answer(request, handler)
        if name in self.kept and self.kept[name][0] != (request.path, body):
            message = "Keys for idempotent requests can only be used with the same parameters"
            return 400, Refused(400, message, type="idempotency_error").body
        if name not in self.kept:
            self.kept[name] = (request.path, body), (409, Refused(409, "In use.").body)
            self.kept[name] = (request.path, body), await self._answer(request, handler)
        return self.kept[name][1]

    async def _answer(self, request, handler):
        try:
            return 200, await handler(request)
        except Refused as refused:
            return refused.status, refused.body

    async def create(self, request):
        """POST /v1/checkout/sessions."""
        form = dict(await request.post())
        price = "line_items[0][price_data]"
        currency, now = form[f"{price}[currency]"], int(time.time())
        if currency not in CURRENCIES:
            raise Refused(400, f"Invalid currency: {currency}")
        if not now + 30 * MINUTE <= int(form["expires_at"]) <= now + 24 * 60 * MINUTE:
            raise Refused(400, "The `expires_at` timestamp is not valid.")
        assert (form["mode"], form["line_items[0][quantity]"]) == ("payment", "1")
        assert form["allowed_payment_method_types[0]"] == "card"
        id = f"cs_test_{len(self.sessions):06}"
        self.sessions[id] = {
            "id": id,
            "object": "checkout.session",
            "url": f"{request.url.origin()}/c/pay/{id}",
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "created": now,
            "expires_at": int(form["expires_at"]),
            "amount_total": int(form[f"{price}[unit_amount]"]),
            "currency": currency,
            "client_reference_id": form["client_reference_id"],
            "metadata": _under(form, "metadata"),
            "success_url": form["success_url"],
            "cancel_url": form["cancel_url"],
            "livemode": False,
            "_name": form[f"{price}[product_data][name]"],
            "_intent": _under(form, "payment_intent_data"),
            "_names": _under(form, "payment_intent_data[metadata]"),
        }
        return await self._shown(id, [])

    async def list(self, request):
        query = request.query
        first, last = int(query["created[gte]"]), int(query["created[lte]"])
        ids = [id for id, s in self.sessions.items() if first <= s["created"] <= last][::-1]
        if "starting_after" in query:
            ids = ids[ids.index(query["starting_after"]) + 1 :]
        limit, expand = int(query["limit"]), _listed(query, "expand")
        data = [await self._shown(id, [e.removeprefix("data.") for e in expand]) for id in ids]
        url = "/v1/checkout/sessions"
        return {"object": "list", "url": url, "data": data[:limit], "has_more": len(ids) > limit}

    async def retrieve(self, request):
        return await self._shown(request.match_info["id"], _listed(request.query, "expand"))

    async def expire(self, request):
        session = self._session(request.match_info["id"])
        if session["status"] != "open":
            raise Refused(400, "Only Checkout Sessions with a status in [open] can be expired.")
        session["status"] = "expired"
        return await self._shown(session["id"], _listed(dict(await request.post()), "expand"))

    def _session(self, id):
        if id not in self.sessions:
            raise Refused(404, f"No such checkout.session: {id}", code="resource_missing")
        session = self.sessions[id]
        if session["status"] == "open" and session["expires_at"] <= time.time():
            session["status"] = "expired"
        return session

    async def _shown(self, id, expand):
        shown = {k: v for k, v in self._session(id).items() if not k.startswith("_")}
        if "payment_intent" in expand and shown["payment_intent"]:
            shown["payment_intent"] = await self._intent(shown["payment_intent"])
        return shown | {"url": shown["url"] if shown["status"] == "open" else None}

    async def page(self, request):
        """Stripe's hosted page, as far as a test needs it."""
        session = self._session(request.match_info["id"])
        if session["status"] != "open":
            return web.Response(text="This Checkout Session has expired or is paid.", status=410)
        form = f'<form method="post"><input name="token" value="{GOOD}"><button>Pay</button></form>'
        back = f'<a href="{session["cancel_url"]}">Back</a>'
        return web.Response(text=form + back, content_type="text/html")

    async def pay(self, request):
        """The payer has typed a card: a test token says which. A declined one may try again."""
        session = self._session(request.match_info["id"])
        if session["status"] != "open":
            return web.Response(text="This Checkout Session has expired or is paid.", status=410)
        status, intent = await self._ask(
            "POST",
            "/v1/payment_intents",
            {
                "amount": session["amount_total"],
                "currency": session["currency"],
                "payment_method": (await request.post())["token"],
                "capture_method": session["_intent"]["capture_method"],
                "confirm": "true",
                **{f"metadata[{k}]": v for k, v in session["_names"].items()},
            },
        )
        if status == 402:
            return web.Response(text="Your card was declined.", status=402)
        paid = "unpaid" if intent["status"] == "requires_capture" else "paid"
        session |= {"status": "complete", "payment_intent": intent["id"], "payment_status": paid}
        raise web.HTTPSeeOther(session["success_url"])

    async def intent(self, request):
        return await self._intent(request.match_info["id"])

    async def _intent(self, id):
        status, intent = await self._ask("GET", f"/v1/payment_intents/{id}")
        if status != 200:
            raise Refused(404, f"No such payment_intent: {id}", code="resource_missing")
        received = intent["amount"] if intent["status"] == "succeeded" else 0
        return intent | {"amount_received": self.captures.get(id, received)}

    async def close(self, request):
        """Capture or cancel what is held; localstripe would capture what was cancelled."""
        id, verb = request.match_info["id"], request.match_info["verb"]
        form, intent = dict(await request.post()), await self._intent(id)
        if intent["status"] != "requires_capture":
            message = f"This PaymentIntent could not be {verb}d: {intent['status']}"
            raise Refused(400, message, code="payment_intent_unexpected_state")
        amount = int(form.get("amount_to_capture", intent["amount"]))
        if amount > intent["amount"]:
            raise Refused(400, "More than was authorized.", code="amount_too_large")
        given = {"amount_to_capture": amount} if verb == "capture" else {}
        status, _ = await self._ask("POST", f"/v1/payment_intents/{id}/{verb}", given)
        assert status == 200
        if verb == "capture":
            self.captures[id] = amount
        if names := {k: v for k, v in form.items() if k.startswith("metadata[")}:
            await self._ask("POST", f"/v1/payment_intents/{id}", names)
        return await self._intent(id)

    async def refund(self, request):
        form = dict(await request.post())
        intent = await self._intent(form["payment_intent"])
        if intent["status"] != "succeeded":
            raise Refused(400, "This PaymentIntent does not have a successful charge to refund.")
        given = await self._given_back(intent["id"])
        left = intent["amount_received"] - sum(refund["amount"] for refund in given)
        if left == 0:
            raise Refused(400, "It has already been refunded.", code="charge_already_refunded")
        if int(form["amount"]) > left:
            raise Refused(400, "Refund amount is greater than unrefunded amount on charge")
        _, made = await self._ask("POST", "/v1/refunds", form)
        return made

    async def refunds(self, request):
        data = await self._given_back(request.query["payment_intent"])
        return {"object": "list", "url": "/v1/refunds", "data": data, "has_more": False}

    async def _given_back(self, intent):
        """Without those that localstripe makes of what was not captured."""
        _, found = await self._ask("GET", "/v1/refunds", {"payment_intent": intent, "limit": 100})
        return [refund for refund in found["data"] if refund["metadata"]]

    async def _ask(self, method, path, given=None):
        """localstripe itself."""
        sent = {"params": given} if method == "GET" else {"data": urlencode(given or {})}
        headers = {"Authorization": f"Bearer {SECRET_KEY}"}
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        url = self._behind + path
        async with self._http.request(method, url, headers=headers, **sent) as answer:
            return answer.status, await answer.json()

    async def tell(self, url, secret):
        """Where localstripe sends its webhooks, and what it signs them with."""
        hook = {"url": url, "secret": secret}
        async with self._http.post(f"{self._behind}/_config/webhooks/payseal", json=hook) as answer:
            assert answer.status == 200


@asynccontextmanager
async def running():
    """Both, each on a free port of this machine."""
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LOCALSTRIPE, str(port)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as http:
            await _listens(port, process)
            server = Stripe(f"http://127.0.0.1:{port}", http)
            app = web.Application(middlewares=[server.answering])
            app.add_routes(server.routes())
            runner = web.AppRunner(app)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            server.url = "http://{}:{}".format(*runner.addresses[0][:2])
            yield server
            await runner.cleanup()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def serve():
    """As a process: it says where it is, and ends both when it is told to."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with running() as server:
        print(json.dumps({"url": server.url}), flush=True)
        await ended.wait()


async def _listens(port, process):
    async with asyncio.timeout(START_WITHIN_S):
        while True:
            assert process.returncode is None, "localstripe has ended"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


def _under(form, name):
    """`metadata[operation]=…` and so on, as a dictionary; not what lies deeper."""
    inner = {k: k[len(name) + 1 : -1] for k in form if k.startswith(f"{name}[")}
    return {short: form[k] for k, short in inner.items() if "[" not in short}


def _listed(given, name):
    return [v for k, v in given.items() if k.startswith(f"{name}[")]


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


if __name__ == "__main__":
    asyncio.run(serve())
