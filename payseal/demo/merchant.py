"""The demo's merchant, and the shop that hears its webhooks."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from payseal import accounts, links, notifications
from payseal.accounts import NewUser
from payseal.core.errors import Missing
from payseal.core.ids import AccountId, Mode
from payseal.core.store import deciding
from payseal.links import Link, NewLink
from payseal.notifications import sign
from payseal.web import Parts

LINK_LIFE_S = 7 * 24 * 3600
REALM = "Demo Shop"


class Merchant(msgspec.Struct):
    """What the demo remembers in a file of its own: a store keeps no secret in clear."""

    account: AccountId
    username: str
    password: str
    key: str
    secret: str
    shop_port: int = 0
    webhook_secret: str = ""


class Heard(msgspec.Struct):
    """A webhook, as far as the terminal shows it."""

    class Data(msgspec.Struct):
        """Of a link or a transaction; the latter says which link in `payment`."""

        id: str
        amount: str
        currency: str
        payment: str = ""

    type: str
    data: Data

    def __str__(self) -> str:
        link = f"  of {_short(self.data.payment)}" if self.data.payment else ""
        money = f"{self.data.amount} {self.data.currency}"
        return f"{self.type:<22}  {money:>12}  {_short(self.data.id)}{link}"


class Damaged(OSError):
    """A file of the demo's cannot be read."""


async def merchant_of(parts: Parts, data: Path) -> Merchant:
    """The demo's merchant; made at the first start, with a test key and all currencies."""
    file = data / "merchant.json"
    found = await _found(parts, file)
    if found is not None:
        return found
    # Remembered when all is made: a start that is cut short leaves a name behind, and is made anew.
    name, password = f"demo-{secrets.token_hex(3)}", secrets.token_urlsafe(15)
    new = NewUser(username=name, email=f"{name}@shop.example", password=password)
    user = await deciding(
        accounts.sign_up, parts.accounts, parts.mint, parts.passwords, new, at=parts.now()
    )
    offers = [offer for issuer in parts.issuers.values() for offer in issuer.offers]
    await deciding(
        accounts.set_methods, parts.accounts, offers, user.account, offers, at=parts.now()
    )
    key, secret = await deciding(
        accounts.create_key,
        parts.accounts,
        parts.mint,
        parts.entropy,
        user.account,
        "Demo",
        Mode.TEST,
        at=parts.now(),
    )
    merchant = Merchant(user.account, user.username, password, key.key, secret)
    _keep(merchant, file)
    return merchant


async def _found(parts: Parts, file: Path) -> Merchant | None:
    """The one that is remembered; none at the first start, or if the stores are new."""
    try:
        merchant = msgspec.json.decode(file.read_bytes(), type=Merchant)
        await accounts.user_of(parts.accounts, merchant.account)
    except (FileNotFoundError, Missing):
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Damaged(
            f"{file} is damaged. Put a copy of it back, or remove it: then the demo starts with"
            " another merchant, and the stores keep all that there was."
        ) from None
    return merchant


async def link_of(parts: Parts, merchant: Merchant) -> Link:
    """A link that is ready to be paid."""
    user = await accounts.user_of(parts.accounts, merchant.account)
    new = NewLink(
        amount="12.50",
        currency="EUR",
        method="card",
        realm=REALM,
        date=parts.now(),
        description="A cup of coffee",
        expires_in=LINK_LIFE_S,
    )
    return await links.create(
        parts.payments,
        parts.mint,
        merchant.account,
        Mode.TEST,
        user.methods,
        new,
        at=parts.now(),
    )


@asynccontextmanager
async def shop(
    parts: Parts, merchant: Merchant, data: Path, hear: Callable[[Heard], None]
) -> AsyncIterator[None]:
    """The merchant's own server: it checks each webhook's signature, and tells `hear` of it."""

    async def webhook(request: web.Request) -> web.Response:
        body = await request.read()
        signed = sign(
            merchant.webhook_secret,
            request.headers.get("webhook-id", ""),
            int(request.headers.get("webhook-timestamp", "0")),
            body,
        )
        if not secrets.compare_digest(signed, request.headers.get("webhook-signature", "")):
            return web.Response(status=401)
        hear(msgspec.json.decode(body, type=Heard))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/webhooks", webhook)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await _listen(runner, parts, merchant, data)
        yield
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, parts: Parts, merchant: Merchant, data: Path) -> None:
    """On the port that its endpoint names; on a new port with a new endpoint if that is taken."""
    if merchant.shop_port:
        try:
            await web.TCPSite(runner, "127.0.0.1", merchant.shop_port).start()
        except OSError:
            merchant.shop_port = 0
    if not merchant.shop_port:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        merchant.shop_port = runner.addresses[0][1]
        for old in await notifications.endpoints(parts.accounts, merchant.account, Mode.TEST):
            await notifications.delete_endpoint(
                parts.accounts, merchant.account, Mode.TEST, old.id, at=parts.now()
            )
        _, merchant.webhook_secret = await notifications.create_endpoint(
            parts.accounts,
            parts.mint,
            parts.master,
            parts.entropy,
            merchant.account,
            Mode.TEST,
            f"http://127.0.0.1:{merchant.shop_port}/webhooks",
            ["*"],
            parts.check_address,
            at=parts.now(),
        )
        _keep(merchant, data / "merchant.json")


def _short(id: str) -> str:
    """Enough of an id to find it by: its kind and its end."""
    return f"{id[:4]}…{id[-6:]}"


def _keep(merchant: Merchant, file: Path) -> None:
    """Readable by its owner only, and never half written."""
    new = file.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
        opened.write(msgspec.json.encode(merchant))
    new.replace(file)
