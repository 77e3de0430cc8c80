"""Messages: what a merchant's webhooks are sent, as the document says it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from payseal.core.ids import Mode
from payseal.ledger import DifferenceKind
from payseal.links import LinkStatus
from payseal.notifications import EVENT_TYPES
from payseal.transactions import DifferenceStatus, DisputeStatus, RefundStatus, TransactionStatus
from payseal.web.api.transactions import CardView
from payseal.web.body import Moment

PATTERNS = ["*", "link.*", "transaction.*", "refund.*", "difference.*", "dispute.*", *EVENT_TYPES]
_EXAMPLE = {"timestamp": "2026-11-22T12:00:00Z"}
_PAYMENT = {"id": "lnk_…", "mode": "test", "realm": "shop.example"}
_MONEY = {"amount": "12.50", "currency": "EUR"}
_HEADERS = {
    "webhook-id": "The same on every try: take each id once.",
    "webhook-timestamp": "Seconds since 1970, of this try. Refuse what is minutes old.",
    "webhook-signature": "v1, a comma, and the base64 of HMAC-SHA256 over `id.timestamp.body`; its"
    " key is the base64 after whsec_ in the webhook's secret.",
}


def _types(topic: str) -> msgspec.Meta:
    types = [type for type in EVENT_TYPES if type.startswith(f"{topic}.")]
    return msgspec.Meta(extra_json_schema={"enum": types})


class LinkFacts(msgspec.Struct, frozen=True, rename="camel"):
    """The payment as it was then; `form` where one has made it."""

    id: str
    mode: Mode
    status: LinkStatus
    amount: str
    currency: str
    realm: str
    form: str | msgspec.UnsetType = msgspec.UNSET


class TransactionFacts(msgspec.Struct, frozen=True, rename="camel"):
    """The attempt to pay as it was then; `reason` is given where it came to nothing."""

    id: str
    mode: Mode
    payment: str
    realm: str
    status: TransactionStatus
    amount: str
    captured: str
    fee: str
    currency: str
    card: CardView
    reason: str | None


class RefundFacts(msgspec.Struct, frozen=True, rename="camel"):
    """The refund as it was then; `why` is given where it came to nothing, or is not known yet."""

    id: str
    mode: Mode
    transaction: str
    payment: str
    realm: str
    status: RefundStatus
    amount: str
    currency: str
    reason: str | None
    why: str | None


class DifferenceFacts(msgspec.Struct, frozen=True, rename="camel"):
    """The difference as it was then; null where one side has nothing."""

    id: str
    mode: Mode
    kind: DifferenceKind
    status: DifferenceStatus
    issuer: str
    reference: str
    transaction: str | None
    ours: str | None
    theirs: str | None
    currency: str
    day: str
    note: str | None


class DisputeFacts(msgspec.Struct, frozen=True, rename="camel"):
    """The dispute as it was then."""

    id: str
    mode: Mode
    transaction: str
    payment: str
    realm: str
    status: DisputeStatus
    amount: str
    currency: str
    over_recovered: str
    evidence: list[str]


class LinkMessage(msgspec.Struct, frozen=True):
    """Something happened to a payment."""

    type: Annotated[str, _types("link")]
    timestamp: Moment
    data: LinkFacts


class TransactionMessage(msgspec.Struct, frozen=True):
    """Something happened to an attempt to pay."""

    type: Annotated[str, _types("transaction")]
    timestamp: Moment
    data: TransactionFacts


class RefundMessage(msgspec.Struct, frozen=True):
    """Something happened to a refund."""

    type: Annotated[str, _types("refund")]
    timestamp: Moment
    data: RefundFacts


class DifferenceMessage(msgspec.Struct, frozen=True):
    """An issuer's settlement file and the ledger differ, or do so no more."""

    type: Annotated[str, _types("difference")]
    timestamp: Moment
    data: DifferenceFacts


class DisputeMessage(msgspec.Struct, frozen=True):
    """A payer's bank took back a payment, or gave it again."""

    type: Annotated[str, _types("dispute")]
    timestamp: Moment
    data: DisputeFacts


MESSAGES: dict[type[msgspec.Struct], dict[str, object]] = {
    LinkMessage: _EXAMPLE | {"type": "link.paid", "data": _PAYMENT | _MONEY | {"status": "paid"}},
    TransactionMessage: _EXAMPLE
    | {
        "type": "transaction.captured",
        "data": _PAYMENT
        | _MONEY
        | {
            "id": "txn_…",
            "payment": "lnk_…",
            "status": "captured",
            "captured": "12.50",
            "fee": "0.43",
        }
        | {"card": {"brand": "visa", "last4": "4242"}, "reason": None},
    },
    RefundMessage: _EXAMPLE
    | {
        "type": "refund.succeeded",
        "data": _PAYMENT
        | _MONEY
        | {"id": "rfd_…", "transaction": "txn_…", "payment": "lnk_…", "status": "succeeded"}
        | {"reason": "returned", "why": None},
    },
    DisputeMessage: _EXAMPLE
    | {
        "type": "dispute.opened",
        "data": _PAYMENT
        | _MONEY
        | {"id": "dsp_…", "transaction": "txn_…", "payment": "lnk_…", "status": "open"}
        | {"overRecovered": "0.00", "evidence": []},
    },
    DifferenceMessage: _EXAMPLE
    | {
        "type": "difference.found",
        "data": {"id": "dif_…", "mode": "live", "kind": "rounding", "status": "open"}
        | {"issuer": "sandbox", "reference": "PS26N22ABC02", "transaction": "txn_…"}
        | {"ours": "12.50", "theirs": "12.49", "currency": "EUR", "day": "2026-11-22"}
        | {"note": None},
    },
}


def webhooks(named: dict[Any, Any]) -> dict[str, Any]:
    """The member `webhooks` of the document; `named` are the schemas of `MESSAGES`."""
    return {
        kind.__name__: {"post": _operation(kind, example, named[kind])}
        for kind, example in MESSAGES.items()
    }


def _operation(kind: type[msgspec.Struct], example: object, schema: object) -> dict[str, Any]:
    content = {"application/json": {"schema": schema, "example": example}}
    return {
        "operationId": f"take_{kind.__name__}",
        "summary": (kind.__doc__ or "").removesuffix("."),
        "description": "Sent to your address by Standard Webhooks 1.0.0, at least once, not"
        " always in order, and again for three days until the answer is a 2xx; a 410 ends it.",
        "tags": ["messages"],
        "security": [],
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": about,
                "schema": {"type": "string"},
            }
            for name, about in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": content},
        "responses": {"2XX": {"description": "Taken."}},
    }
