"""/api/issuers: the integrations there are, and what they take."""

from __future__ import annotations

import msgspec
from litestar import get
from litestar.di import NamedDependency

from payseal.issuers import Issuer
from payseal.web.api.lists import Listing
from payseal.web.parts import Parts


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
