"""The payer's pages: look at a link, pay it, watch the outcome."""

from __future__ import annotations

from typing import Any

from litestar import MediaType, Response, Router, get, post
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, SkipValidation
from litestar.response import Redirect
from litestar.static_files import create_static_files_router
from litestar.status_codes import HTTP_303_SEE_OTHER

from payseal import checkout
from payseal.checkout import Visit, VisitState
from payseal.core.card import InvalidCard
from payseal.core.ids import made_at
from payseal.web.limit import address_of
from payseal.web.pages.cookie import NAME, attempt_cookie, attempt_of
from payseal.web.pages.form import BODY_MAX, AnyRequest, check_same_site, read_form
from payseal.web.pages.refusals import ATTEMPT, refusals
from payseal.web.pages.show import HEADERS, STATIC, TEMPLATES, Pages
from payseal.web.parts import Parts

# Ours, so not to be validated on each request as if a stranger had sent them.
ThePages = NamedDependency[SkipValidation[Pages]]
# `failed` has a page but no word of its own: nothing was charged either way.
STATUS_WORDS = {VisitState.FAILED: "declined"}
ASSETS_AGE_S = 365 * 24 * 60 * 60  # their addresses change with their content


def pages_router(parts: Parts) -> Router:
    """Everything that a payer's browser asks for; to be mounted as it is."""
    pages = Pages(parts)
    html = Router(
        path="/",
        route_handlers=[start, no_link, show_link, pay_link],
        exception_handlers=refusals(pages),
    )
    assets = create_static_files_router(
        path="/assets",
        directories=[STATIC],
        name="assets",
        cache_control=CacheControlHeader(max_age=ASSETS_AGE_S, public=True, immutable=True),
    )
    return Router(
        path="/",
        route_handlers=[html, show_status, assets],
        dependencies={"pages": Provide(lambda: pages, sync_to_thread=False)},
        include_in_schema=False,
    )


@get("/")
async def start(pages: ThePages) -> Response[str]:
    """What this server is."""
    return pages.start()


@get("/p")
async def no_link() -> Response[str]:
    """A link of which nothing is left."""
    raise NotFoundException


@get("/p/{token:str}")
async def show_link(
    request: AnyRequest,
    token: FromPath[str],
    pages: ThePages,
) -> Response[str]:
    """The page of the link's state; of the payer's own attempt, if their cookie names one."""
    parts = pages.parts
    attempt, again = _attempt(request, parts, token), "again" in request.query_params
    visit = await _visit(parts, token, attempt, again=again)
    response = pages.visit(visit, f"/p/{token}")
    if attempt is None and visit.state is VisitState.OPEN:
        # Before the form is sent: who reloads while the bank is asked finds that very attempt.
        response.headers["Set-Cookie"] = _cookie(parts, token, visit.attempt)
    return response


@get("/p/{token:str}/status", media_type=MediaType.JSON)
async def show_status(
    request: AnyRequest, token: FromPath[str], pages: ThePages
) -> Response[dict[str, str]]:
    """The state in a word, for the page that watches."""
    parts = pages.parts
    visit = await _visit(parts, token, _attempt(request, parts, token))
    status = STATUS_WORDS.get(visit.state, visit.state.value)
    return Response({"status": status}, headers=HEADERS)


@post("/p/{token:str}", request_max_body_size=BODY_MAX)
async def pay_link(
    request: AnyRequest,
    token: FromPath[str],
    pages: ThePages,
) -> Response[Any]:
    """Try to pay, then lead on to the page that tells what became of it."""
    parts = pages.parts
    check_same_site(request, parts.base_url)
    here, typed = f"/p/{token}", await read_form(request)
    request.scope["state"][ATTEMPT] = typed["attempt"]
    address = address_of(request.scope)
    try:
        txn = await checkout.take_payment(
            parts.till, parts.seal, token, typed, address, now=parts.now
        )
    except InvalidCard as invalid:
        return await _form_again(pages, token, typed, invalid)
    except tuple(TEMPLATES) as problem:
        return pages.refusal(await _visit(parts, token, None), here, problem)
    headers = {**HEADERS, "Location": here}
    if txn is not None:  # else one that was made before is still to be seen
        headers["Set-Cookie"] = _cookie(parts, token, typed["attempt"])
    return Response(b"", status_code=HTTP_303_SEE_OTHER, headers=headers)


async def _form_again(
    pages: Pages, token: str, typed: dict[str, str], invalid: InvalidCard
) -> Response[Any]:
    """The form with its errors, if there still is something to pay."""
    here = f"/p/{token}"
    visit = await _visit(pages.parts, token, typed["attempt"])
    if visit.state is not VisitState.OPEN:
        return Redirect(here, status_code=HTTP_303_SEE_OTHER, headers=HEADERS)
    fields = invalid.members["fields"]
    assert isinstance(fields, dict), "an invalid card says what is wrong with which field"
    return pages.form_again(visit, here, fields, typed)


async def _visit(parts: Parts, token: str, attempt: str | None, *, again: bool = False) -> Visit:
    return await checkout.visit(parts.till, parts.seal, token, attempt, again=again, at=parts.now())


def _attempt(request: AnyRequest, parts: Parts, token: str) -> str | None:
    return attempt_of(parts.master, token, request.cookies.get(NAME))


def _cookie(parts: Parts, token: str, attempt: str) -> str:
    sealed = parts.seal.open(token, at=parts.now())
    life = sealed.expires_at - made_at(sealed.link_id)
    secure = parts.base_url.startswith("https://")
    return attempt_cookie(parts.master, token, attempt, life, secure=secure)
