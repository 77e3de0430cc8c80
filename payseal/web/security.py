"""Headers of every response. Pages set a Content-Security-Policy of their own, with a nonce."""

from __future__ import annotations

from collections.abc import Iterable

from payseal.web.answer import raw

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
    """What an answer carries beside its own headers."""

    def __init__(self, *, https: bool) -> None:
        self._always = raw(ALWAYS | ({"Strict-Transport-Security": HSTS} if https else {}))
        self._usually = raw(USUALLY)

    def beside(self, own: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Those that go with these."""
        there = {name.lower() for name, _ in own}
        return [*self._always, *[header for header in self._usually if header[0] not in there]]
