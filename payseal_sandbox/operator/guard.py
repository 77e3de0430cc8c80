"""Who may talk to the operator: this machine's programs and its own page, nobody through them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import hdrs, web
from yarl import URL

_LOOPBACK_NAMES: Final = {"localhost", "127.0.0.1", "::1"}
_READING: Final = {hdrs.METH_GET, hdrs.METH_HEAD}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Refuse rebound host names and posts from other origins; send the headers of a safe page."""
    if not named_loopback(request.host):
        raise web.HTTPForbidden(text="This page answers to loopback names only.\n")
    if request.method not in _READING and not _same_origin(request):
        raise web.HTTPForbidden(text="Only this page may change anything here.\n")
    try:
        response = await handler(request)
    except web.HTTPException as answer:
        answer.headers.update(_HEADERS)
        raise
    if not response.prepared:
        response.headers.update(_HEADERS)
    return response


def named_loopback(host: str) -> bool:
    """Whether a browser that asks for this host means this machine, and nobody made it."""
    try:
        return URL(f"http://{host}").host in _LOOPBACK_NAMES
    except ValueError:
        return False


def _same_origin(request: web.Request) -> bool:
    """Programs send no Origin; browsers do on every post, and say null when they hide it."""
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is None or origin == f"http://{request.host}"
