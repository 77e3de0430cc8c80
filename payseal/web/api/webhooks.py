"""/api/webhooks: who is told what happens, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import structs

from payseal import accounts, notifications
from payseal.core.ids import Mode, made_at, mode_of
from payseal.core.store import deciding
from payseal.notifications import Delivery, DeliveryStatus, Endpoint, EndpointStatus
from payseal.web.api.lists import Listing, PartWanted, listing
from payseal.web.auth import Caller
from payseal.web.body import Moment
from payseal.web.messages import PATTERNS
from payseal.web.once import Effect
from payseal.web.parts import Parts
from payseal.web.strict import shaped


class NewWebhook(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """An https address, and the events that it wants: those named, of a kind, or all (`*`)."""

    url: Annotated[str, shaped("https://shop.example/payseal", format="uri", maxLength=2000)]
    events: Annotated[
        list[Annotated[str, shaped(enum=PATTERNS)]],
        shaped(["*"], minItems=1, maxItems=notifications.EVENTS_MAX),
    ]


class WebhookView(msgspec.Struct, frozen=True, rename="camel"):
    """An endpoint, without its secret."""

    id: str
    url: str
    events: list[str]
    mode: Mode
    status: EndpointStatus
    disabled_reason: str | None
    created_at: Moment


class WebhookAndSecret(WebhookView, frozen=True, rename="camel"):
    """A new endpoint: the secret that its messages are signed with is shown this once.

    It is null where the first answer to this request was lost: then delete the webhook, and
    create another with a new Idempotency-Key.
    """

    secret: str | None


class DeliveryView(msgspec.Struct, frozen=True, rename="camel"):
    """An event on its way to an endpoint."""

    id: str
    event: str
    message_id: str
    status: DeliveryStatus
    tries: int
    tried_at: Moment | None
    next_try_at: Moment | None
    last_status: int | None
    last_error: str | None
    created_at: Moment


def webhook_view(endpoint: Endpoint) -> WebhookView:
    """The endpoint."""
    return WebhookView(
        id=endpoint.id,
        url=endpoint.url,
        events=list(endpoint.events),
        mode=mode_of(endpoint.id),
        status=endpoint.status,
        disabled_reason=endpoint.disabled_reason,
        created_at=endpoint.created_at,
    )


def with_secret(endpoint: Endpoint, secret: str | None) -> WebhookAndSecret:
    """The endpoint with its secret."""
    return WebhookAndSecret(**structs.asdict(webhook_view(endpoint)), secret=secret)


def without_secret(endpoint: Endpoint, _parts: Parts, _at: datetime) -> WebhookAndSecret:
    """The endpoint whose secret is not shown again."""
    return with_secret(endpoint, None)


def delivery_view(delivery: Delivery) -> DeliveryView:
    """How far it has come."""
    return DeliveryView(
        id=delivery.id,
        event=delivery.event,
        message_id=delivery.message_id,
        status=delivery.status,
        tries=delivery.tries,
        tried_at=delivery.tried_at,
        next_try_at=delivery.due,
        last_status=delivery.last_status,
        last_error=delivery.last_error or None,
        created_at=made_at(delivery.id),
    )


@post("/api/webhooks", status_code=201, opt={"once": Effect("accounts", Endpoint, without_secret)})
async def create_webhook(
    data: JSONBody[NewWebhook], caller: NamedDependency[Caller]
) -> WebhookAndSecret:
    """Be told what happens."""
    endpoint, secret = await deciding(
        notifications.create_endpoint,
        caller.accounts,
        caller.parts.mint,
        caller.parts.master,
        caller.parts.entropy,
        caller.account,
        caller.mode,
        data.url,
        data.events,
        caller.parts.check_address,
        at=caller.at,
    )
    return with_secret(endpoint, secret)


@get("/api/webhooks")
async def list_webhooks(caller: NamedDependency[Caller]) -> Listing[WebhookView]:
    """List the webhooks, the oldest first."""
    found = await notifications.endpoints(caller.accounts, caller.account, caller.mode)
    return Listing([webhook_view(endpoint) for endpoint in found])


@delete("/api/webhooks/{webhook_id:str}", status_code=204)
async def delete_webhook(webhook_id: FromPath[str], caller: NamedDependency[Caller]) -> None:
    """Delete a webhook: it is told nothing more."""
    await deciding(
        notifications.delete_endpoint,
        caller.accounts,
        caller.account,
        caller.mode,
        webhook_id,
        at=caller.at,
    )


@get("/api/webhooks/{webhook_id:str}/deliveries")
async def list_deliveries(
    webhook_id: FromPath[str],
    wanted: NamedDependency[PartWanted],
    caller: NamedDependency[Caller],
) -> Listing[DeliveryView]:
    """List what was sent to a webhook and what is waiting, the newest event first."""
    shards = await accounts.shards_of(caller.accounts, caller.account)
    page = await notifications.deliveries(
        caller.accounts,
        caller.payments,
        caller.account,
        caller.mode,
        webhook_id,
        shards=shards,
        limit=wanted.limit,
        after=wanted.after,
    )
    return listing(page, delivery_view)
