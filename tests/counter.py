"""A shop with its counter: sealed links, a till, and payers who open and post pages."""

from __future__ import annotations

from payseal import checkout
from payseal.checkout import Till, Visit
from payseal.core.keypair import KeyPair, Purpose
from payseal.core.keyring import Keyring, Seal
from payseal.links import Link
from tests.shop import CODE, NUMBER, START, Shop


class Counter(Shop):
    """What payers do at the links of a shop."""

    def __init__(self) -> None:
        super().__init__()
        key = KeyPair(Purpose.LINK, b"k" * 96, publish_at=START, sign_from=START)
        self.seal = Seal(Keyring((key,)), "https://pay.example")
        self.till = Till(self.store, self.issuers, self.mint, b"p" * 32)

    def token(self, link: Link) -> str:
        return self.seal.token(link.id, link.expires_at, at=self.at)

    async def visit(self, link: Link, key: str | None = None) -> Visit:
        """Open the link; `key`: with the cookie of that attempt."""
        return await checkout.visit(self.till, self.seal, self.token(link), key, at=self.at)

    async def post(
        self, link: Link, key: str | None = None, address: str = "192.0.2.1", **typed: str
    ) -> Visit:
        """Send the form; without a key, that of a page just opened."""
        form = {"number": NUMBER, "expiry": "12/35", "cvc": CODE, "name": "Ada Byron"}
        if key is None:
            key = (await self.visit(link)).attempt
        form |= {"attempt": key} | typed
        token = self.token(link)
        await checkout.take_payment(self.till, self.seal, token, form, address, now=self.now)
        return await self.visit(link, key)
