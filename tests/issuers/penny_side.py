"""Penny bank, and the connector to it as docs/connectors.md prints it."""

import re
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

from aiohttp import web

from payseal.core.money import Currency
from payseal.core.offer import Offer
from tests.issuers.payments import CODE, GOOD, a_card, now

DOC = Path(__file__).parents[2] / "docs" / "connectors.md"
POOR = "4000000000009995"
OFFERS = [Offer("penny", "card", (Currency.EUR,))]


def connector():
    """The class of the doc's only piece of Python."""
    (code,) = re.findall(r"^```python\n(.*?)^```", DOC.read_text(), re.MULTILINE | re.DOTALL)
    module = ModuleType("penny")
    exec(compile(code, str(DOC), "exec"), vars(module))
    return module.Penny


class PennyBank:
    """Its book is a dictionary; one key is one booking, and what is undone stays so."""

    def __init__(self):
        self.book, self.loses_answer = {}, False

    async def put(self, request):
        key, asked = request.match_info["key"], await request.json()
        if key not in self.book:
            reason = self._against(asked)
            state = {"state": "declined", "reason": reason} if reason else {"state": "approved"}
            self.book[key] = asked | state | {"code": f"P{len(self.book):05}"}
        return self._answered(key)

    async def get(self, request):
        return self._answered(request.match_info["key"])

    async def delete(self, request):
        key = request.match_info["key"]
        self.book[key] = {"code": ""} | self.book.get(key, {}) | {"state": "undone"}
        return self._answered(key)

    def _against(self, asked):
        if "card" in asked:
            return "insufficient_funds" if asked["card"]["number"] == POOR else ""
        original = self.book[asked["of"]]
        after = [row for row in self.standing() if row.get("of") == asked["of"]]
        if asked["kind"] in ("capture", "void"):
            return "above_original" if after or original["kind"] != "authorize" else ""
        left = original["amount"] - sum(row["amount"] for row in after)
        return "above_original" if asked["amount"] > left else ""

    def standing(self):
        return [row for row in self.book.values() if row["state"] == "approved"]

    def _answered(self, key):
        if self.loses_answer:
            self.loses_answer = False
            raise web.HTTPBadGateway
        known = {k: v for k, v in self.book.get(key, {"state": "unknown"}).items() if k != "card"}
        return web.json_response(known)


class PennySide:
    """The bank in this process."""

    takes, refuses = Currency.EUR, Currency.USD
    secrets, heard = (GOOD, POOR, f"'{CODE}'", f'"{CODE}"'), ("penny.asked",)

    def __init__(self, issuer, bank):
        self.issuer, self.bank = issuer, bank

    async def pay(self, operation, *, good=True):
        return await self.issuer.purchase(operation, a_card(GOOD if good else POOR), now)

    async def confirm(self, challenge):
        raise AssertionError(f"nobody is led to {challenge.url}")

    async def booked(self, operation):
        row = self.bank.book.get(operation.reference)
        voided = [r for r in self.bank.standing() if r["kind"] == "void"]
        if row not in self.bank.standing() or operation.reference in [r["of"] for r in voided]:
            return 0
        return row["amount"]

    async def lose_answer(self):
        self.bank.loses_answer = True

    def away(self):
        return connector()("http://127.0.0.1:9", OFFERS)


@asynccontextmanager
async def start(_folder):
    bank, app = PennyBank(), web.Application()
    for method in ("put", "get", "delete"):
        app.router.add_route(method, "/operations/{key}", getattr(bank, method))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with connector()(f"http://{host}:{port}", OFFERS) as issuer:
        yield PennySide(issuer, bank)
    await runner.cleanup()
