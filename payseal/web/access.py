"""The outermost middleware: an id and a line in the log for each request, HEAD, and crashes."""

from __future__ import annotations

import re

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from payseal.web.auth import Caller, Guest
from payseal.web.parts import Parts
from payseal.web.problem import ASKED

PATH_MAX = 200
_TOKEN = re.compile(r"^(/p/)[^/]+")

log = structlog.get_logger("payseal.web")


def redacted(path: str) -> str:
    """The path without the token of a link, which would let its reader in."""
    return _TOKEN.sub(r"\1[redacted]", path)[:PATH_MAX]


class Access:
    """Middleware around everything: one line a request. No query, no address, no secret."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app, self._parts = app, parts

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
                status = message["status"]
                headers = [_with_head(name, value) for name, value in message["headers"]]
                message["headers"] = [*headers, (b"x-request-id", request_id.encode())]
            elif message["type"] == "http.response.body" and method == "HEAD":
                message["body"] = b""
            await send(message)

        # HEAD is answered as GET, without the body (RFC 9110, 9.3.2). OPTIONS asks what may be
        # done: the router says so when it refuses a method that is nowhere allowed.
        if method == "HEAD":
            scope["method"] = "GET"
        elif method == "OPTIONS":
            scope["method"] = "TRACE"
        scope["state"][ASKED] = method
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


def _with_head(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """The header, where it is `Allow` with the HEAD that goes with every GET."""
    methods = value.split(b", ")
    if name.lower() == b"allow" and b"GET" in methods and b"HEAD" not in methods:
        return name, b", ".join(sorted([*methods, b"HEAD"]))
    return name, value
