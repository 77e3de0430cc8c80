"""The outermost middleware: what every answer carries, and a line in the log of each request."""

from __future__ import annotations

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Method, Receive, Scope, Send

from payseal.web.auth import Caller, Guest
from payseal.web.gate import CLOSING
from payseal.web.limit import headers_of
from payseal.web.parts import Parts
from payseal.web.problem import ASKED
from payseal.web.security import SecurityHeaders

PATH_MAX = 200
SEGMENT_MAX = 64  # longer than any id; a token of a link is longer
REDACTED = "[redacted]"

log = structlog.get_logger("payseal.web")


def redacted(path: str) -> str:
    """The path without the token of a link, which would let its reader in."""
    shown: list[str] = []
    before = ""  # the last segment that says something: `/p/./x` and `/p//x` are `/p/x` to some
    for segment in path.split("/"):
        is_token = len(segment) > SEGMENT_MAX or (before == "p" and segment not in ("", "."))
        shown.append(REDACTED if is_token else segment)
        before = before if segment in ("", ".") else segment
    return "/".join(shown)[:PATH_MAX]


class Access:
    """Middleware around everything: one line a request. No query, no address, no secret."""

    def __init__(self, app: ASGIApp, parts: Parts, security: SecurityHeaders) -> None:
        self._app, self._parts, self._security = app, parts, security

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Watch one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        path, method, began = scope["path"], scope["method"], self._parts.now()
        request_id = scope["state"]["request_id"] = self._parts.mint.unique()
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status, own = message["status"], message["headers"]
                message["headers"] = [
                    *own,
                    *self._security.beside(own),
                    *headers_of(scope),
                    *scope["state"].get(CLOSING, ()),
                    (b"x-request-id", request_id.encode()),
                ]
            elif message["type"] == "http.response.body" and method == "HEAD":
                message["body"] = b""
            await send(message)

        scope = _routed(scope, method)
        try:
            await self._app(scope, receive, watched)
        finally:
            guest = scope["state"].get(Guest.KEY)
            log.info(
                "request",
                id=request_id,
                method=method,
                path=redacted(path),
                status=status,
                ms=round((self._parts.now() - began).total_seconds() * 1000, 1),
                account=guest.account if isinstance(guest, Caller) else None,
            )


def _routed(scope: HTTPScope, method: str) -> HTTPScope:
    """The scope as it is routed, a copy: the server frames its answer by the method in its own.

    HEAD is answered as GET, without the body (RFC 9110, 9.3.2). OPTIONS asks what may be done:
    the router says so when it refuses a method that is nowhere allowed.
    """
    stand_ins: dict[str, Method] = {"HEAD": "GET", "OPTIONS": "TRACE"}
    routed = scope.copy()
    routed["method"] = stand_ins.get(method, scope["method"])
    routed["state"][ASKED] = method
    return routed
