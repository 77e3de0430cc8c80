"""Calling: where a handler of the API is called, and what it gives becomes the answer."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from payseal.web.auth import Guest
from payseal.web.body import read_of
from payseal.web.kept import Answer
from payseal.web.parts import Parts

GIVEN = ("caller", "data", "guest", "parts", "wanted")  # all others are parts of the path
# Litestar wants a source of its own for each of them when it starts, and never comes to it.
SOURCES = {name: Provide(lambda: None, sync_to_thread=False) for name in GIVEN if name != "data"}
_JSON = (b"content-type", b"application/json")


class Calling:
    """The last middleware: who asks and what was read go in, JSON comes out.

    All of that is known and checked when a request comes here; to let Litestar find it out again
    takes longer than all that a handler does.
    """

    def __init__(self, _app: ASGIApp, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        handler = scope["route_handler"]
        assert isinstance(handler, HTTPRouteHandler), "the API speaks HTTP"
        made = await handler.fn(**self._given(scope, handler))
        if isinstance(made, Response):
            request: Request[Any, Any, Any] = Request(scope, receive, send)
            await made.to_asgi_response(None, request)(scope, receive, send)
            return
        kind, body = ((), b"") if made is None else ((_JSON,), _encoder.encode(made))
        await Answer(handler.status_code, kind, body).give(send)

    def _given(self, scope: Scope, handler: HTTPRouteHandler) -> dict[str, object]:
        read, given = read_of(scope), dict[str, object](scope["path_params"])
        for name in names_of(handler):
            match name:
                case "data":
                    given[name] = read.data
                case "wanted":
                    given[name] = read.wanted
                case "caller" | "guest":
                    given[name] = scope["state"][Guest.KEY]
                case "parts":
                    given[name] = self._parts
        return given


@cache
def names_of(handler: HTTPRouteHandler) -> tuple[str, ...]:
    """Of the handler's parameters those that are given."""
    return tuple(name for name in handler.parsed_fn_signature.parameters if name in GIVEN)


_encoder = msgspec.json.Encoder()
