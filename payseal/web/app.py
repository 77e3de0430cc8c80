"""The application: the routers, who each is for, and the middleware around them."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Litestar, Router
from litestar.handlers import HTTPRouteHandler

from payseal.web.access import Access
from payseal.web.api import (
    closings,
    differences,
    disputes,
    forms,
    health,
    issuers,
    keys,
    ledger,
    payments,
    refunds,
    sessions,
    submissions,
    transactions,
    users,
    webhooks,
    well_known,
)
from payseal.web.auth import Authenticate, Guest, Who
from payseal.web.body import BODY_MAX, Reader, read_of
from payseal.web.call import Calling, Source, stand_ins
from payseal.web.docs import docs_router
from payseal.web.gate import Gate
from payseal.web.hooks import hooks_router
from payseal.web.limit import LimitAddress, LimitCaller, Limiter
from payseal.web.once import OncePerKey
from payseal.web.openapi import Route
from payseal.web.pages import page_of, pages_router
from payseal.web.parts import Parts
from payseal.web.problem import Page, Refusals
from payseal.web.security import SecurityHeaders

ROUTES: dict[Who, Sequence[HTTPRouteHandler]] = {
    Who.ANYBODY: (
        users.create_user,
        sessions.sign_in,
        sessions.refresh,
        sessions.sign_out,
        issuers.list_issuers,
        health.healthz,
        health.readyz,
        well_known.jwks,
    ),
    Who.USER: (
        users.get_user,
        users.set_methods,
        issuers.connect_issuer,
        issuers.get_connection,
        issuers.disconnect_issuer,
        keys.create_key,
        keys.list_keys,
        keys.revoke_key,
    ),
    Who.MERCHANT: (
        payments.create_payment,
        payments.get_payment,
        payments.list_payments,
        payments.cancel_payment,
        forms.create_form,
        forms.list_forms,
        forms.get_form,
        forms.change_form,
        forms.switch_form_off,
        forms.switch_form_on,
        submissions.list_submissions,
        submissions.export_submissions,
        transactions.list_transactions,
        transactions.get_transaction,
        closings.capture_transaction,
        closings.void_transaction,
        refunds.create_refund,
        refunds.list_refunds,
        refunds.get_refund,
        ledger.get_balance,
        ledger.list_entries,
        differences.list_differences,
        differences.get_difference,
        differences.resolve_difference,
        disputes.list_disputes,
        disputes.get_dispute,
        disputes.accept_dispute,
        webhooks.create_webhook,
        webhooks.list_webhooks,
        webhooks.delete_webhook,
        webhooks.list_deliveries,
    ),
}


def create_app(parts: Parts) -> Litestar:
    """The whole edge, for uvicorn."""
    limiter, page = Limiter(parts), page_of(parts)
    described = [Route(handler, who) for who, handlers in ROUTES.items() for handler in handlers]
    app = Litestar(
        route_handlers=[
            _router(parts, limiter, page),
            docs_router(described, parts.base_url),
            pages_router(parts),
            hooks_router(parts),
        ],
        openapi_config=None,  # ours says more: see `openapi`
        logging_config=None,
        request_max_body_size=BODY_MAX,
    )
    inner = LimitAddress(app.asgi_router, limiter, parts.rates)
    told = Refusals(Gate(inner), parts.base_url, page)
    security = SecurityHeaders(https=parts.base_url.startswith("https:"))
    app.asgi_handler = Access(told, parts, security)
    return app


def _router(parts: Parts, limiter: Limiter, page: Page) -> Router:
    """The API: who asks, how often, what was sent, and whether it was sent before."""
    who = {handler.fn: who for who, handlers in ROUTES.items() for handler in handlers}
    sources: dict[str, Source] = {
        "caller": lambda scope, _: scope["state"][Guest.KEY],
        "guest": lambda scope, _: scope["state"][Guest.KEY],
        "data": lambda scope, _: read_of(scope).data,
        "wanted": lambda scope, _: read_of(scope).wanted,
        "parts": lambda _, __: parts,
    }
    return Router(
        path="/",
        route_handlers=[handler for handlers in ROUTES.values() for handler in handlers],
        middleware=[
            # Functions, as Litestar copies a router deeply, and parts are not to be copied.
            lambda app: Authenticate(app, parts, who),
            lambda app: LimitCaller(app, limiter, parts.rates),
            Reader,
            lambda app: OncePerKey(app, parts),
            lambda app: Refusals(app, parts.base_url, page),
            lambda app: Calling(app, sources),
        ],
        dependencies=stand_ins(sources),
    )
