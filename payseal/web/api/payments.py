"""/api/payment: links to be paid. On the wire a link is a payment."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from payseal import accounts, links
from payseal.core.ids import LinkId, Mode, mode_of
from payseal.core.store import deciding
from payseal.links import AtEnd, Capture, Link, LinkStatus, NewLink
from payseal.web.api.lists import Listing, SpanWanted, listing
from payseal.web.auth import Caller
from payseal.web.body import Moment, utc
from payseal.web.once import Effect
from payseal.web.parts import Parts
from payseal.web.strict import shaped

Realm = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
ORDERED = msgspec.Meta(
    tz=True,
    description="The order's own time, stored and shown; not a due date. RFC 3339, with an offset",
)
METADATA = msgspec.Meta(
    description="What you want to find again: at most 20 names of at most 40 characters, texts of"
    " at most 500",
    examples=[{"order": "1042"}],
    extra_json_schema={"maxProperties": 20},
)
CAPTURE = msgspec.Meta(
    description="`manual`: a payment is only authorized, until you capture or void it"
)
AT_END = msgspec.Meta(description="What we do with it after six days if you did neither")
AMOUNT = r"^[0-9]{1,12}(\.[0-9]{1,4})?$"


class NewPayment(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What is to be paid. `date` is the order's; give `expiresIn` (seconds) or `expiresAt`."""

    amount: Annotated[str, shaped("12.50", pattern=AMOUNT)]
    date: Annotated[datetime, ORDERED]
    payment_method: Annotated[str, shaped("card")]
    currency: Annotated[str, shaped("EUR", pattern="^[A-Z]{3}$")]
    realm: Annotated[str, shaped("shop.example", minLength=1, maxLength=100)]
    description: Annotated[str, shaped(maxLength=500)] = ""
    expires_in: Annotated[int, shaped(minimum=60, maximum=7776000)] | None = None
    expires_at: Moment | None = None
    max_payments: Annotated[int, shaped(minimum=1, maximum=1000)] | None = 1
    capture: Annotated[Capture, CAPTURE] = Capture.AUTOMATIC
    authorization_end: Annotated[AtEnd, AT_END] = AtEnd.VOID
    success_url: Annotated[str, shaped(maxLength=2000)] = ""
    cancel_url: Annotated[str, shaped(maxLength=2000)] = ""
    metadata: Annotated[dict[str, str], METADATA] = {}


class PaymentView(msgspec.Struct, frozen=True, rename="camel"):
    """A payment: `url` is the link that a payer opens.

    Its `issuers` are asked in their order, one after the other, until one of them has the money.
    `form` is that which made it; `answers` are the payer's, by the names of its fields.
    """

    id: str
    url: str
    status: LinkStatus
    mode: Mode
    amount: str
    currency: str
    realm: str
    date: Moment
    payment_method: str
    issuer: str
    issuers: list[str]
    description: str
    max_payments: int | None
    capture: Capture
    authorization_end: AtEnd
    success_url: str
    cancel_url: str
    metadata: dict[str, str]
    form: str | None
    quantity: int
    answers: dict[str, str]
    created_at: Moment
    expires_at: Moment


class PaymentsWanted(SpanWanted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which payments."""

    realm: Realm | None = None
    status: LinkStatus | None = None


def payment_view(link: Link, parts: Parts, at: datetime) -> PaymentView:
    """The link as it is at that moment."""
    return PaymentView(
        id=link.id,
        url=parts.seal.url(LinkId(link.id), link.expires_at, at=at),
        status=link.shown(at),
        mode=mode_of(link.id),
        amount=str(link.amount),
        currency=link.amount.currency.value,
        realm=link.realm,
        date=link.date,
        payment_method=link.method,
        issuer=link.issuer,
        issuers=list(link.issuers),
        description=link.description,
        max_payments=link.max_payments,
        capture=link.capture,
        authorization_end=link.at_end,
        success_url=link.success_url,
        cancel_url=link.cancel_url,
        metadata=link.metadata,
        form=link.form or None,
        quantity=link.quantity,
        answers=link.answers,
        created_at=link.created_at,
        expires_at=link.expires_at,
    )


_EFFECT = {"once": Effect("payments", Link, payment_view)}


@post("/api/payment", status_code=201, opt=_EFFECT)
async def create_payment(
    data: JSONBody[NewPayment], caller: NamedDependency[Caller]
) -> PaymentView:
    """Ask for a payment, and get the link that a payer opens."""
    new = NewLink(
        amount=data.amount,
        currency=data.currency,
        method=data.payment_method,
        realm=data.realm,
        date=utc(data.date, "date"),
        description=data.description,
        expires_in=data.expires_in,
        expires_at=None if data.expires_at is None else utc(data.expires_at, "expiresAt"),
        max_payments=data.max_payments,
        capture=data.capture,
        at_end=data.authorization_end,
        success_url=data.success_url,
        cancel_url=data.cancel_url,
        metadata=data.metadata,
    )
    user = await accounts.user_of(caller.accounts, caller.account)
    link = await deciding(
        links.create,
        caller.payments,
        caller.parts.mint,
        caller.account,
        caller.mode,
        user.methods,
        new,
        shards=user.shards,
        at=caller.at,
    )
    return payment_view(link, caller.parts, caller.at)


@get("/api/payment/{payment_id:str}")
async def get_payment(payment_id: FromPath[str], caller: NamedDependency[Caller]) -> PaymentView:
    """Show a payment."""
    link = await links.get(caller.payments, caller.account, caller.mode, LinkId(payment_id))
    return payment_view(link, caller.parts, caller.at)


@get("/api/payment")
async def list_payments(
    wanted: NamedDependency[PaymentsWanted],
    caller: NamedDependency[Caller],
) -> Listing[PaymentView]:
    """List payments, the newest first."""
    start, end = wanted.span()
    shards = await accounts.shards_of(caller.accounts, caller.account)
    page = await links.history(
        caller.payments,
        caller.account,
        caller.mode,
        shards=shards,
        realm=wanted.realm,
        status=wanted.status,
        start=start,
        end=end,
        limit=wanted.limit,
        after=wanted.after,
        at=caller.at,
    )
    return listing(page, lambda link: payment_view(link, caller.parts, caller.at))


@post("/api/payment/{payment_id:str}/cancel", status_code=200, opt=_EFFECT)
async def cancel_payment(payment_id: FromPath[str], caller: NamedDependency[Caller]) -> PaymentView:
    """Cancel an open payment: nobody can start to pay it any more; who has started can finish."""
    link = await deciding(
        links.cancel,
        caller.payments,
        caller.account,
        caller.mode,
        LinkId(payment_id),
        at=caller.at,
    )
    return payment_view(link, caller.parts, caller.at)
