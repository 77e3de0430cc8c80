"""The payer's pages: look at a link, pay it, watch the outcome."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from litestar import Router, get, post, route
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.static_files import create_static_files_router
from litestar.status_codes import HTTP_303_SEE_OTHER

from payseal import checkout
from payseal.checkout import Visit, VisitState
from payseal.core.card import InvalidCard
from payseal.web.answer import Answer, raw
from payseal.web.call import Calling, Source, stand_ins
from payseal.web.limit import address_of
from payseal.web.pages.asked import Asked, begun, cookie_for
from payseal.web.pages.form import CARD_LENGTHS, check_same_site, read_form
from payseal.web.pages.forms import show_form, show_logo, submit_form
from payseal.web.pages.look import look_at
from payseal.web.pages.refusals import ATTEMPT, PAGE
from payseal.web.pages.show import HEADERS, STATIC, TEMPLATES, Pages
from payseal.web.parts import Parts

# `failed` has a page but no word of its own: nothing was charged either way.
STATUS_WORDS = {VisitState.FAILED: "declined"}
ASSETS_AGE_S = 365 * 24 * 60 * 60  # their addresses change with their content
_JSON = (b"content-type", b"application/json")
_PAGE = {PAGE: True}


def pages_router(parts: Parts) -> Router:
    """Everything that a payer's browser asks for; to be mounted as it is."""
    pages = Pages(parts)
    sources: dict[str, Source] = {"pages": lambda _, __: pages, "asked": Asked}
    called = Router(
        path="/",
        route_handlers=[
            *(start, no_link, show_link, pay_link, come_back, show_status),
            *(show_form, submit_form, show_logo),
        ],
        middleware=[lambda app: Calling(app, sources)],
        dependencies=stand_ins(sources),
    )
    assets = create_static_files_router(
        path="/assets",
        directories=[STATIC],
        name="assets",
        cache_control=CacheControlHeader(max_age=ASSETS_AGE_S, public=True, immutable=True),
    )
    return Router(path="/", route_handlers=[called, assets], include_in_schema=False)


@get("/", opt=_PAGE)
async def start(pages: NamedDependency[Pages]) -> Answer:
    """What this server is."""
    return pages.start()


@get("/p", opt=_PAGE)
async def no_link() -> Answer:
    """A link of which nothing is left."""
    raise NotFoundException


@get("/p/{token:str}", opt=_PAGE)
async def show_link(
    asked: NamedDependency[Asked], token: FromPath[str], pages: NamedDependency[Pages]
) -> Answer:
    """The page of the link's state; of the payer's own attempt, if their cookie names one."""
    parts, attempt = pages.parts, asked.attempt(pages.parts, token)
    visit = await _visit(parts, token, attempt, again=asked.again)
    look = await look_at(parts, visit.link)
    headers = begun(parts, token, visit, attempt)
    return pages.visit(visit, f"/p/{token}", look, headers=headers)


@get("/p/{token:str}/status")
async def show_status(
    asked: NamedDependency[Asked], token: FromPath[str], pages: NamedDependency[Pages]
) -> Answer:
    """The state in a word, for the page that watches."""
    visit = await _visit(pages.parts, token, asked.attempt(pages.parts, token))
    status = STATUS_WORDS.get(visit.state, visit.state.value)
    return Answer(200, (_JSON, *HEADERS), msgspec.json.encode({"status": status}))


@post("/p/{token:str}", opt=_PAGE)
async def pay_link(
    asked: NamedDependency[Asked], token: FromPath[str], pages: NamedDependency[Pages]
) -> Answer:
    """Try to pay, then lead on to the page that tells what became of it."""
    parts, scope = pages.parts, asked.scope
    check_same_site(scope, parts.base_url)
    here, typed = f"/p/{token}", await read_form(scope, asked.receive, CARD_LENGTHS)
    scope["state"][ATTEMPT] = typed["attempt"]
    try:
        txn = await checkout.take_payment(
            parts.till,
            parts.seal,
            token,
            typed,
            address_of(scope),
            browser=asked.browser(typed["screen"]),
            now=parts.now,
        )
    except InvalidCard as invalid:
        return await _form_again(pages, token, typed, invalid)
    except tuple(TEMPLATES) as problem:
        visit = await _visit(parts, token, None)
        return pages.refusal(visit, here, problem, await look_at(parts, visit.link))
    if txn is None:  # one that was made before is still to be seen
        return _led_to(here)
    return _led_to(here, {"Set-Cookie": cookie_for(parts, token, typed["attempt"])})


@route("/p/{token:str}/return/{txn:str}", http_method=["GET", "POST"], opt=_PAGE)
async def come_back(
    token: FromPath[str], txn: FromPath[str], pages: NamedDependency[Pages]
) -> Answer:
    """Back from a challenge, led or posted by another site: without a cookie, and not believed.

    What came along is not read: the issuer is asked, and the page tells what it says.
    """
    parts = pages.parts
    await checkout.come_back(parts.till, parts.seal, token, txn, now=parts.now)
    return _led_to(f"/p/{token}")


async def _form_again(
    pages: Pages, token: str, typed: dict[str, str], invalid: InvalidCard
) -> Answer:
    """The form with its errors, if there still is something to pay."""
    here = f"/p/{token}"
    visit = await _visit(pages.parts, token, typed["attempt"])
    if visit.state is not VisitState.OPEN:
        return _led_to(here)
    fields = invalid.members["fields"]
    assert isinstance(fields, dict), "an invalid card says what is wrong with which field"
    return pages.form_again(visit, here, fields, typed, await look_at(pages.parts, visit.link))


def _led_to(here: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(HTTP_303_SEE_OTHER, (*HEADERS, *raw({"Location": here, **(headers or {})})), b"")


async def _visit(parts: Parts, token: str, attempt: str | None, *, again: bool = False) -> Visit:
    return await checkout.visit(parts.till, parts.seal, token, attempt, again=again, at=parts.now())
