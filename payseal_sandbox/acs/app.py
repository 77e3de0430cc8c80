"""The HTTP side of the access control server, on loopback: for 3DS servers, and for browsers."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import jinja2
import msgspec
from aiohttp import web

from payseal_sandbox.acs.challenge import CODE, TRIES_MAX, Challenge
from payseal_sandbox.acs.desk import AcsDesk
from payseal_sandbox.acs.messages import (
    BODY_MAX,
    AReq,
    CReq,
    Malformed,
    StatusRequest,
    decode,
    error,
    pack,
    unpack,
)
from payseal_sandbox.currencies import BY_NUMBER
from payseal_sandbox.operator.guard import named_loopback
from payseal_sandbox.site import Site

DESK: Final = web.AppKey("desk", AcsDesk)
HTTP: Final = web.AppKey("http", aiohttp.ClientSession)
SESSION_MAX: Final = 1024
routes: Final = web.RouteTableDef()
_here: Final = Path(__file__).parent
_pages: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_here), autoescape=True, undefined=jinja2.StrictUndefined
)
_SESSION: Final = re.compile(r"[A-Za-z0-9_=-]*", re.ASCII)


class Acs(Site):
    """Answers the directory's questions, and shows holders the page that asks them."""

    def __init__(self, desk: AcsDesk) -> None:
        app = web.Application(middlewares=[_guard], client_max_size=BODY_MAX)
        app[DESK] = desk
        app.add_routes(routes)
        app.cleanup_ctx.append(_client)
        super().__init__(app)


async def _client(app: web.Application) -> Any:  # noqa: ANN401 - a generator, as aiohttp wants it
    async with aiohttp.ClientSession() as http:
        app[HTTP] = http
        yield


@web.middleware
async def _guard(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401
    if not named_loopback(request.host):
        raise web.HTTPForbidden(text="This page answers to loopback names only.\n")
    response: web.StreamResponse = await handler(request)
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.post("/3ds")
async def messages(request: web.Request) -> web.Response:
    """AReq → ARes, StatusReq → RReq or StatusRes; Erro to what is neither."""
    desk = request.app[DESK]
    try:
        asked = decode(await request.read(), AReq | StatusRequest)
    except Malformed as malformed:
        return _json(error(str(malformed)), 400)
    if isinstance(asked, AReq):
        if missing := asked.missing():
            return _json(error(f"missing required field {', '.join(missing)}"), 400)
        return _json(desk.authenticate(asked, f"http://{request.host}/challenge"))
    found = desk.challenges.find(asked.acs_id, asked.server_id)
    if found is None:
        return _json(error("no such challenge"), 404)
    if found.status == "C":
        return _json({"messageType": "StatusRes", **found.names(), "transStatus": "C"})
    return _json(found.result())


@routes.post("/challenge")
async def ask(request: web.Request) -> web.Response:
    """A browser brings a CReq: the page that asks the holder."""
    form = await request.post()
    session = str(form.get("threeDSSessionData", ""))
    try:
        begun = unpack(str(form.get("creq", "")), CReq)
    except Malformed:
        return _page("refused.html", status=400)
    found = request.app[DESK].challenges.find(begun.acs_id, begun.server_id)
    if found is None or len(session) > SESSION_MAX or not _SESSION.fullmatch(session):
        return _page("refused.html", status=404)
    return _shown(found, session)


@routes.post("/answer")
async def answer(request: web.Request) -> web.Response:
    """The holder confirms with the code, or does not want to."""
    form, desk = await request.post(), request.app[DESK]
    session = str(form.get("session", ""))
    found = desk.challenges.find(str(form.get("acs", "")))
    if found is None or not _SESSION.fullmatch(session):
        return _page("refused.html", status=404)
    before = found.status
    if "cancel" in form:
        found.cancel()
    else:
        found.answer(str(form.get("code", "")).strip(), desk.clock())
    if before == "C" != found.status:
        await desk.tell(request.app[HTTP], found)
    return _shown(found, session)


@routes.get("/style.css")
async def style(_: web.Request) -> web.Response:
    """The pages' own style."""
    return web.Response(text=(_here / "style.css").read_text(), content_type="text/css")


def _shown(challenge: Challenge, session: str) -> web.Response:
    """The question; or, once it is answered, the way back."""
    if challenge.status == "C":
        asked = challenge.asked
        currency = BY_NUMBER.get(asked.currency)
        money = currency.shown(int(asked.amount)) if currency else asked.amount
        return _page(
            "ask.html",
            challenge=challenge,
            session=session,
            money=money,
            code=CODE,
            left=TRIES_MAX - challenge.tries,
        )
    target = urlsplit(challenge.asked.notification_url)
    return _page(
        "back.html",
        leads_to=f" {target.scheme}://{target.netloc}",
        challenge=challenge,
        session=session,
        cres=pack(challenge.notice()),
    )


def _page(
    template: str, *, status: int = 200, leads_to: str = "", **values: object
) -> web.Response:
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'self'; script-src 'nonce-{nonce}';"
        f" form-action 'self'{leads_to}; base-uri 'none'"
    )
    html = _pages.get_template(template).render(nonce=nonce, **values)
    return web.Response(
        status=status,
        text=html,
        content_type="text/html",
        headers={"Content-Security-Policy": policy},
    )


def _json(data: dict[str, str], status: int = 200) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(data), content_type="application/json"
    )
