"""The sandbox bank as the ISO 8583 connector's other side."""

from contextlib import asynccontextmanager

from payseal.core.money import Currency
from payseal_sandbox import Bank
from tests.issuers.payments import CODE, GOOD, a_card, a_connector, now
from tests.sandbox.desk import sitting_at

POOR = "4000000000009995"
CLOSED_PORT = 9  # nobody listens to discard any more (RFC 863)


class SandboxSide:
    """The bank in this process, and its operator's desk."""

    takes, refuses = Currency.EUR, Currency.USD
    secrets, heard = (GOOD, POOR, f"9203{CODE}"), ("message.sent", "message.received")

    def __init__(self, issuer, desk):
        self.issuer, self._desk = issuer, desk

    async def pay(self, operation, *, good=True):
        return await self.issuer.purchase(operation, a_card(GOOD if good else POOR), now)

    async def booked(self, operation):
        named = {"37": operation.reference, "42": operation.merchant}
        rows = await self._desk.bookings(named)
        return sum(row["amount"] for row in rows if row["status"] == "approved")

    async def lose_answer(self):
        await self._desk.set_fault(kind="lost", next=1)

    def away(self):
        return a_connector(CLOSED_PORT, line_within=0.1)


@asynccontextmanager
async def start(folder):
    async with (
        Bank(folder / "bank.db", clock=now) as bank,
        sitting_at(bank.ports) as desk,
        a_connector(bank.ports.iso8583) as issuer,
    ):
        yield SandboxSide(issuer, desk)
