"""Calling: where a handler is called, and what it gives becomes the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from payseal.web.answer import Answer

Source = Callable[[Scope, Receive], object]

_JSON = (b"content-type", b"application/json")
_encoder = msgspec.json.Encoder()


class Calling:
    """The last middleware: what a handler asks for by name goes in, an answer or JSON comes out.

    All of it is known and checked when a request comes here; to let Litestar find it out again
    takes longer than all that a handler does.
    """

    def __init__(self, _app: ASGIApp, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._known: dict[HTTPRouteHandler, list[tuple[str, Source]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        handler = scope["route_handler"]
        assert isinstance(handler, HTTPRouteHandler), "we speak HTTP"
        given = dict[str, object](scope["path_params"])
        for name, source in self._known.get(handler) or self._wanted(handler):
            given[name] = source(scope, receive)
        made = await handler.fn(**given)
        if not isinstance(made, Answer):
            kind, body = ((), b"") if made is None else ((_JSON,), _encoder.encode(made))
            made = Answer(handler.status_code, kind, body)
        await made.give(send)

    def _wanted(self, handler: HTTPRouteHandler) -> list[tuple[str, Source]]:
        """Of the handler's parameters those that are no parts of the path, and where each is."""
        names = [name for name in handler.parsed_fn_signature.parameters if name in self._sources]
        wanted = self._known[handler] = [(name, self._sources[name]) for name in names]
        return wanted


def stand_ins(names: Iterable[str]) -> dict[str, Provide]:
    """What Litestar wants at its start as a source of each parameter, and never comes to."""
    return {name: Provide(lambda: None, sync_to_thread=False) for name in names if name != "data"}
