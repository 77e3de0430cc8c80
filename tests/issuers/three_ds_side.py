"""The sandbox bank with its access control server: ISO 8583 with 3-D Secure, the other side."""

import re
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urljoin

import aiohttp

from payseal.issuers import Way
from payseal.issuers.three_ds import Asking, Server
from payseal.outbound import AddressRule, Outbound
from payseal_sandbox import Bank
from payseal_sandbox.acs.challenge import CODE as HOLDERS
from tests.issuers.iso8583_side import CLOSED_PORT, POOR, SandboxSide
from tests.issuers.payments import GOOD, a_card, a_connector, now
from tests.sandbox.desk import sitting_at
from tests.web.conftest import Chance

BACK = "https://pay.example/p/token/return/txn"
CHALLENGED = "4000000000003220"
WITHIN = timedelta(minutes=10)
ABLE = {"challenges": True}


class ThreeDsSide(SandboxSide):
    """Cards that the ACS does not know are charged at once; one has a challenge."""

    def __init__(self, issuer, desk, server, browser):
        super().__init__(issuer, desk)
        self._server, self._browser = server, browser

    async def pay(self, operation, *, good=True):
        card = a_card(GOOD if good else POOR)
        return await self.issuer.purchase(operation, card, now, way=Way("txn", BACK))

    async def lead(self, operation):
        card = a_card(CHALLENGED)
        return await self.issuer.purchase(operation, card, now, way=Way("txn", BACK))

    async def confirm(self, challenge):
        async with self._browser.post(challenge.url, data=challenge.fields) as page:
            asked = await page.text()
        (acs,) = re.findall(r'name="acs" value="([^"]+)"', asked)
        answer = {"code": HOLDERS, "acs": acs, "session": ""}
        async with self._browser.post(urljoin(challenge.url, "/answer"), data=answer) as page:
            assert page.status == 200

    @asynccontextmanager
    async def away(self):
        async with a_connector(CLOSED_PORT, line_within=0.1, able=ABLE) as inner:
            yield Asking(inner, self._server, WITHIN)


@asynccontextmanager
async def start(folder):
    async with (
        Bank(folder / "bank.db", clock=now) as bank,
        sitting_at(bank.ports) as desk,
        a_connector(bank.ports.iso8583, able=ABLE) as inner,
        Outbound(AddressRule(loopback=True)) as outbound,
        aiohttp.ClientSession() as browser,
    ):
        # Results are told to where nobody listens, so they have to be asked for.
        nowhere = f"http://127.0.0.1:{CLOSED_PORT}/3ds"
        acs = f"http://127.0.0.1:{bank.ports.acs}"
        server = Server(acs, nowhere, outbound.post, Chance())
        yield ThreeDsSide(Asking(inner, server, WITHIN), desk, server, browser)
