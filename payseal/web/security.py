"""Headers of every response. Pages set a Content-Security-Policy of their own, with a nonce."""

from __future__ import annotations

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from payseal.web.answer import raw
from payseal.web.limit import headers_of

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: that turns Origin into null on form posts.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# What a response that says nothing else gets: an answer of the API is not a page.
USUALLY = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
}
HSTS = "max-age=31536000; includeSubDomains"


class SecurityHeaders:
    """Middleware around everything."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._always = raw(ALWAYS | ({"Strict-Transport-Security": HSTS} if https else {}))
        self._usually = raw(USUALLY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add to its answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                usually = [header for header in self._usually if header[0] not in there]
                message["headers"] = [
                    *message["headers"],
                    *self._always,
                    *usually,
                    *headers_of(scope),
                ]
            await send(message)

        await self._app(scope, receive, with_headers)
