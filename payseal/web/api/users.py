"""/api/users: sign up, look at one's account, choose how one's payers may pay."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody

from payseal import accounts
from payseal.accounts import NewUser, User
from payseal.core.money import currency_of
from payseal.core.offer import Offer
from payseal.core.store import deciding
from payseal.web.auth import Caller, Guest
from payseal.web.body import Moment, utc
from payseal.web.once import Effect
from payseal.web.parts import Parts
from payseal.web.strict import shaped

METHODS_MAX, CURRENCIES_MAX, NAME_MAX = 20, 200, 64
Name = Annotated[str, msgspec.Meta(max_length=NAME_MAX)]


class SignUp(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Who signs up; `date` is the sign-up's, by their own count."""

    username: Annotated[str, shaped("shop", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{2,39}$")]
    email: Annotated[str, shaped("owner@shop.example", format="email", maxLength=254)]
    password: Annotated[str, shaped("three plain words here", minLength=12, maxLength=128)]
    date: Moment | None = None


class MethodView(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A way to pay: an issuer, one of its methods, and which of its currencies."""

    issuer: Annotated[Name, msgspec.Meta(examples=["sandbox"])]
    method: Annotated[Name, msgspec.Meta(examples=["card"])]
    currencies: Annotated[
        list[Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", examples=["EUR"])]],
        msgspec.Meta(min_length=1, max_length=CURRENCIES_MAX),
    ]


class Methods(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """All ways to pay: the list replaces the one before."""

    payment_methods: Annotated[list[MethodView], msgspec.Meta(max_length=METHODS_MAX)]


class Links(msgspec.Struct, frozen=True):
    """Where the resource is."""

    self: str


class UserView(msgspec.Struct, frozen=True, rename="camel"):
    """A user, as shown to themselves."""

    id: str
    username: str
    email: str
    date: Moment
    created_at: Moment
    payment_methods: list[MethodView]
    links: Links


def user_view(user: User, parts: Parts, _at: datetime) -> UserView:
    """The account, without anything of its password."""
    return UserView(
        id=user.id,
        username=user.username,
        email=user.email,
        date=user.date,
        created_at=user.created_at,
        payment_methods=[
            MethodView(offer.issuer, offer.method, [c.value for c in offer.currencies])
            for offer in user.methods
        ],
        links=Links(self=f"{parts.base_url}/api/users/me"),
    )


@post("/api/users", status_code=200, opt={"once": Effect("accounts", User, user_view)})
async def create_user(data: JSONBody[SignUp], guest: NamedDependency[Guest]) -> UserView:
    """Create an account."""
    new = NewUser(
        username=data.username,
        email=data.email,
        password=data.password,
        date=None if data.date is None else utc(data.date, "date"),
    )
    user = await deciding(
        accounts.sign_up, guest.accounts, guest.parts.mint, guest.parts.passwords, new, at=guest.at
    )
    return user_view(user, guest.parts, guest.at)


@get("/api/users/me")
async def get_user(caller: NamedDependency[Caller]) -> UserView:
    """Show the account that one is signed in to."""
    return user_view(
        await accounts.user_of(caller.accounts, caller.account), caller.parts, caller.at
    )


@put("/api/users")
async def set_methods(data: JSONBody[Methods], caller: NamedDependency[Caller]) -> UserView:
    """Replace the payment methods; the first that takes a payment's currency gets it."""
    offered = [offer for issuer in caller.parts.issuers.values() for offer in issuer.offers]
    wished = [
        Offer(m.issuer, m.method, tuple(currency_of(code) for code in m.currencies))
        for m in data.payment_methods
    ]
    user = await deciding(
        accounts.set_methods, caller.accounts, offered, caller.account, wished, at=caller.at
    )
    return user_view(user, caller.parts, caller.at)
