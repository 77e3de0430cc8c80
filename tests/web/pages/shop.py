"""A shop with real links, a bank that says what its cards say, and a reader of pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from html.parser import HTMLParser
from itertools import count

from payseal import checkout, links, main, transactions
from payseal.accounts import Passwords
from payseal.checkout import Till
from payseal.core.card import Card
from payseal.core.ids import Mint, Mode
from payseal.core.keypair import KeyPair, Purpose
from payseal.core.keyring import Keyring
from payseal.core.master import MasterKey
from payseal.core.money import Currency
from payseal.core.offer import Offer
from payseal.issuers import (
    Abilities,
    Answer,
    Approved,
    Asked,
    Challenge,
    Clock,
    Concluded,
    Declined,
    Found,
    NotFound,
    NotSent,
    Operation,
    OperationKind,
    Pending,
    Reversed,
    Undone,
    Unknown,
    Way,
)
from payseal.links import Link, NewLink
from payseal.storage import MemoryStore
from payseal.transactions import AttemptKey, Payer, closings, refunds
from payseal.web.app import create_app
from payseal.web.pages.cookie import attempt_cookie
from payseal.web.parts import Parts

START = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
APPROVED = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 9995"
STOLEN = "4000 0000 0000 9979"
NOT_SENT = "5555 5555 5555 4444"
UNKNOWN = "4000 0000 0000 5126"
CHALLENGED = "4000 0000 0000 3220"
ACS = "https://acs.example:8443/challenge"
CRASH = "3782 822463 10005"
_ANSWERS: dict[str, Asked] = {
    APPROVED: Approved("A12345"),
    DECLINED: Declined("51", "insufficient_funds"),
    STOLEN: Declined("43", "do_not_retry"),
    NOT_SENT: NotSent("no_connection"),
    UNKNOWN: Unknown("no_answer"),
    CHALLENGED: Challenge(ACS, START + timedelta(minutes=10), "memo", {"creq": "e30"}),
}
_EUR = Offer("bank", "card", (Currency.EUR, Currency.JPY))


class Bank:
    """Says to each card what the table says; card `CRASH` meets a bug of ours."""

    name, title, offers = "bank", "A bank", (_EUR,)
    abilities = Abilities(look_up=True, transit_max=timedelta(minutes=1), challenges=True)

    def __init__(self) -> None:
        self.asked = self.concluded = 0
        self.ways: list[Way] = []
        self.concludes: Concluded = Pending()
        self.says: Asked | None = None

    def reference(self, operation_id: str) -> str:
        return operation_id[-12:]

    async def purchase(
        self, operation: Operation, card: Card | None, now: Clock, *, way: Way
    ) -> Asked:
        self.asked += 1
        self.ways.append(way)
        if self.says is not None:
            assert card is None
            return self.says
        return {re.sub(" ", "", number): said for number, said in _ANSWERS.items()}[card.number]

    async def conclude(self, operation: Operation, memo: str, *, over: bool) -> Concluded:
        self.concluded += 1
        return self.concludes

    async def follow(self, operation: Operation, now: Clock, *, repeat: bool) -> Answer:
        return Approved("F12345")

    async def look_up(self, operation: Operation) -> Found:
        return NotFound()

    async def reverse(self, operation: Operation, *, repeat: bool) -> Undone:
        return Reversed()


def _entropy():
    number = count()
    return lambda size: blake2b(str(next(number)).encode(), digest_size=size).digest()


class Shop:
    """Everything behind the pages. `at` is its clock: set it to let time pass."""

    def __init__(self, base_url: str = "http://testserver.local") -> None:
        self.at, entropy = START, _entropy()
        self.bank, self.mint, self.master = Bank(), Mint(entropy), MasterKey(b"m" * 32)
        self.account = self.mint.account()
        keys = [
            KeyPair(purpose, (purpose.value.encode() * 96)[:96], publish_at=START, sign_from=START)
            for purpose in Purpose
        ]
        keyring = Keyring(keys)
        store = MemoryStore(main.ACCOUNT_RECORDS + main.PAYMENT_RECORDS)
        self.parts = Parts(
            accounts=store,
            payments=store,
            issuers={"bank": self.bank},
            mint=self.mint,
            entropy=entropy,
            master=self.master,
            keys=lambda: keyring,
            passwords=Passwords(entropy, memory_kib=8, passes=1),
            now=lambda: self.at,
            till=Till(store, {"bank": self.bank}, self.mint, b"p" * 32),
            check_address=lambda url: None,
            base_url=base_url,
        )
        self.app = create_app(self.parts)

    async def link(self, mode: Mode = Mode.TEST, **wished: object) -> Link:
        """A link for 12.50 euros, unless something else is wished."""
        new = {"amount": "12.50", "currency": "EUR", "method": "card", "realm": "Acme Books"}
        new |= {"date": self.at, **wished}
        return await links.create(
            self.parts.payments, self.mint, self.account, mode, (_EUR,), NewLink(**new), at=self.at
        )

    def path(self, link: Link) -> str:
        return "/p/" + self.parts.seal.token(link.id, link.expires_at, at=self.at)

    async def pay(self, link: Link, number: str) -> str:
        """An attempt with that card; its key."""
        key = transactions.new_key(self.mint, at=self.at)
        token = self.path(link).removeprefix("/p/")
        await checkout.take_payment(
            self.parts.till, self.parts.seal, token, typed(key, number), "payer", now=self.parts.now
        )
        return key

    async def close(self, link: Link, key: str, kind: OperationKind, amount: str | None = None):
        """Let the merchant capture, void or refund what that attempt paid."""
        store, issuers = self.parts.payments, self.parts.issuers
        txn = await transactions.find(store, AttemptKey.read(link.id, key, at=self.at))
        if kind is OperationKind.REFUND:
            new = await refunds.start(store, issuers, self.mint, txn.id, amount, "", at=self.at)
            await refunds.send(store, issuers, new, now=self.parts.now)
        else:
            started = await closings.start(store, issuers, txn.id, kind, amount, at=self.at)
            await closings.send(store, issuers, started, now=self.parts.now)

    def cookie(self, link: Link, key: str) -> str:
        """The header of a browser that made that attempt."""
        token = self.path(link).removeprefix("/p/")
        cookie = attempt_cookie(self.master, token, key, timedelta(hours=1), secure=False)
        return cookie.partition(";")[0]

    async def claim(self, link: Link) -> str:
        """An attempt that is under way for ever; its key."""
        key = transactions.new_key(self.mint, at=self.at)
        typed = {"number": APPROVED, "expiry": "12/29", "cvc": "123"}
        await transactions.claim(
            self.parts.payments,
            self.parts.issuers,
            AttemptKey.read(link.id, key, at=self.at),
            Card.parse(typed, at=self.at),
            Payer(id="somebody", fingerprint="f"),
            at=self.at,
        )
        return key


class Page(HTMLParser):
    """What a browser reads of a page; fails on tags that do not match or ids used twice."""

    VOID = frozenset({"meta", "link", "input", "img", "br", "path", "rect", "circle"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self._texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"not closed: {self._open}"
        ids = [a["id"] for _, a in self.tags if "id" in a]
        assert len(ids) == len(set(ids)), ids

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice: {tag} {attrs}"
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in {"script", "style", "title"}:
            self._texts.append(data)

    @property
    def text(self) -> str:
        """Its words, with single spaces."""
        return " ".join(" ".join(self._texts).split())

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        """The attributes of each such tag."""
        return [a for t, a in self.tags if t == tag and attributes.items() <= a.items()]

    def field(self, name: str) -> dict[str, str | None]:
        """The attributes of the one input of that name."""
        (found,) = self.all("input", name=name)
        return found


def typed(attempt: str, number: str = APPROVED, **fields: str) -> dict[str, str]:
    """A form filled in."""
    form = {"number": number, "expiry": "12 / 29", "cvc": "123", "attempt": attempt}
    return form | {"name": "Ada Lovelace", "email": "ada@example.com"} | fields
