"""The first look at a request: its headers, its path, and how long its body takes."""

from __future__ import annotations

import asyncio

from litestar.types import (
    ASGIApp,
    HTTPReceiveMessage,
    Receive,
    Scope,
    Send,
    WebSocketReceiveMessage,
)

from payseal.web.problem import HttpProblem, NoSuchPath

BODY_WITHIN_S = 20.0  # from the first byte that is asked for to the last
HEADERS_MAX = 32 * 1024  # bytes of all names and values
HEADER_LINES_MAX = 100
PATH_MAX = 2000  # the token of a link has at most 1024 of them
SEGMENT_MAX = 255  # bytes; no file has a longer name
CLOSING = "closing"  # in a scope's state: the header of an answer that ends the connection
ALIASES = ("", ".", "..")  # segments by which one thing would have many addresses


class HeadersTooLarge(HttpProblem):
    """More than 32 KiB of headers, or more than 100 lines of them."""

    status, code, title = 431, "headers_too_large", "The headers are too large."


class BodyTooSlow(HttpProblem):
    """The body did not come within 20 seconds; the connection is closed."""

    status, code, title = 408, "body_too_slow", "The body did not come in time."


class Gate:
    """Middleware before all that reads, counts or routes a request."""

    def __init__(self, app: ASGIApp, *, body_within_s: float = BODY_WITHIN_S) -> None:
        self._app, self._body_within_s = app, body_within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; `HeadersTooLarge`, `NoSuchPath`, and `BodyTooSlow` to who reads."""
        _check_headers(scope)
        if not _is_plain(scope["path"]):
            raise NoSuchPath("Give the path without empty, dot or overlong segments.")
        await self._app(scope, _Body(scope, receive, self._body_within_s).receive, send)


class _Body:
    """What a request sends after its headers, all of it before one moment."""

    def __init__(self, scope: Scope, receive: Receive, within_s: float) -> None:
        self._scope, self._receive, self._within_s = scope, receive, within_s
        self._until: float | None = None
        self._done = False

    async def receive(self) -> HTTPReceiveMessage | WebSocketReceiveMessage:
        """The next part. After the last one only the end of the connection is waited for."""
        if self._done:
            return await self._receive()
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + self._within_s
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            self._scope["state"][CLOSING] = [(b"connection", b"close")]
            raise BodyTooSlow(f"Send it within {self._within_s:.0f} seconds.") from None
        self._done = not (message["type"] == "http.request" and message.get("more_body", False))
        return message


def _check_headers(scope: Scope) -> None:
    lines = list(scope["headers"])
    size = sum(len(name) + len(value) for name, value in lines)
    if size > HEADERS_MAX or len(lines) > HEADER_LINES_MAX:
        raise HeadersTooLarge(
            f"At most {HEADER_LINES_MAX} lines and {HEADERS_MAX} bytes of headers."
        )


def _is_plain(path: str) -> bool:
    """Whether the path is the one way to write it, and could be of something that is there."""
    if "\0" in path or len(path) > PATH_MAX:
        return False
    segments = path.removesuffix("/").split("/")[1:]
    if any(segment in ALIASES for segment in segments):
        return False
    longest = max((len(segment.encode(errors="replace")) for segment in segments), default=0)
    return longest <= SEGMENT_MAX or segments[0] == "p"
