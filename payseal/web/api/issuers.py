"""/api/issuers: the integrations there are, what they take, and one's credentials for them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from payseal import accounts
from payseal.accounts import Connection
from payseal.core.errors import Missing
from payseal.core.ids import Mode
from payseal.core.store import deciding
from payseal.issuers import Hooked, Issuer
from payseal.web.api.lists import Listing
from payseal.web.auth import MODED, Caller
from payseal.web.body import Moment
from payseal.web.hooks import hook_of
from payseal.web.parts import Parts

CREDENTIALS_MAX, CREDENTIAL_MAX = 10, 500
_CREDENTIALS = {"secretKey": "sk_test_…"}


class OfferView(msgspec.Struct, frozen=True, rename="camel"):
    """A method, and the currencies that it can be paid in."""

    method: str
    currencies: list[str]


class IssuerView(msgspec.Struct, frozen=True, rename="camel"):
    """An integration with a card issuer, bank or provider."""

    name: str
    title: str
    methods: list[OfferView]


def issuer_view(issuer: Issuer) -> IssuerView:
    """What may stand in a user's payment methods."""
    offers = [OfferView(o.method, sorted(c.value for c in o.currencies)) for o in issuer.offers]
    return IssuerView(issuer.name, issuer.title, offers)


@get("/api/issuers")
async def list_issuers(parts: NamedDependency[Parts]) -> Listing[IssuerView]:
    """List the supported issuers, their methods and currencies."""
    return Listing([issuer_view(issuer) for issuer in parts.issuers.values()])


class NewConnection(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The credentials that the issuer has given to the merchant, by their names."""

    credentials: Annotated[
        dict[str, Annotated[str, msgspec.Meta(max_length=CREDENTIAL_MAX)]],
        msgspec.Meta(max_length=CREDENTIALS_MAX, examples=[_CREDENTIALS]),
    ]

    def __repr__(self) -> str:
        return "NewConnection(…)"


class ConnectionView(msgspec.Struct, frozen=True, rename="camel"):
    """Whether one is connected, and by what; none of it is shown again."""

    issuer: str
    mode: Mode
    connected: bool
    credentials: list[str]
    connected_at: Moment | None
    webhook: str | None  # where the issuer is to send its webhooks, if it has any


def connection_view(issuer: Issuer, caller: Caller, found: Connection | None) -> ConnectionView:
    """Names of credentials only."""
    hooked = isinstance(issuer, Hooked)
    return ConnectionView(
        issuer=issuer.name,
        mode=caller.mode,
        connected=found is not None,
        credentials=[] if found is None else list(found.given),
        connected_at=None if found is None else found.connected_at,
        webhook=hook_of(caller.parts, issuer.name, caller.account, caller.mode) if hooked else None,
    )


@put("/api/issuers/{issuer:str}", opt=MODED)
async def connect_issuer(
    issuer: FromPath[str], data: JSONBody[NewConnection], caller: NamedDependency[Caller]
) -> ConnectionView:
    """Connect one's account at an issuer, or change its credentials. They are kept sealed."""
    asked = _issuer(caller.parts, issuer)
    made = await deciding(
        accounts.connect,
        caller.accounts,
        caller.parts.master,
        asked.abilities.credentials,
        caller.account,
        caller.mode,
        asked.name,
        data.credentials,
        at=caller.at,
    )
    return connection_view(asked, caller, made)


@get("/api/issuers/{issuer:str}", opt=MODED)
async def get_connection(issuer: FromPath[str], caller: NamedDependency[Caller]) -> ConnectionView:
    """Show whether one is connected."""
    asked = _issuer(caller.parts, issuer)
    found = await accounts.connection(caller.accounts, caller.account, caller.mode, asked.name)
    return connection_view(asked, caller, found)


@delete("/api/issuers/{issuer:str}", status_code=204, opt=MODED)
async def disconnect_issuer(issuer: FromPath[str], caller: NamedDependency[Caller]) -> None:
    """Disconnect: the credentials are forgotten."""
    asked = _issuer(caller.parts, issuer)
    await deciding(
        accounts.disconnect,
        caller.accounts,
        caller.account,
        caller.mode,
        asked.name,
        at=caller.at,
    )


def _issuer(parts: Parts, name: str) -> Issuer:
    issuer = parts.issuers.get(name)
    if issuer is None:
        raise Missing("There is no such issuer: see /api/issuers.")
    return issuer
