"""Callbacks: what an issuer's server tells us by itself, known by ids that nobody can guess."""

from __future__ import annotations

from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import Receive, Scope

from payseal import checkout
from payseal.web.answer import Answer
from payseal.web.body import read_body
from payseal.web.call import Calling, Source, stand_ins
from payseal.web.parts import Parts

TOLD_MAX = 16 * 1024
_JSON = (b"content-type", b"application/json")


class Told:
    """What came, and the parts of the edge to take it with."""

    def __init__(self, parts: Parts, scope: Scope, receive: Receive) -> None:
        self.parts, self._scope, self._receive = parts, scope, receive

    async def body(self) -> bytes:
        """All of it; `BodyTooLarge`."""
        return await read_body(self._scope, self._receive, TOLD_MAX)


def callbacks_router(parts: Parts) -> Router:
    """Not of the API: these calls are the issuers' own."""
    sources: dict[str, Source] = {"told": lambda scope, receive: Told(parts, scope, receive)}
    return Router(
        path="/",
        route_handlers=[take_result],
        middleware=[lambda app: Calling(app, sources)],
        dependencies=stand_ins(sources),
        include_in_schema=False,
    )


@post("/3ds/{txn:str}", status_code=200)
async def take_result(told: NamedDependency[Told], txn: FromPath[str]) -> Answer:
    """An RReq, which is the truth, and our RRes (EMV 3-D Secure)."""
    parts = told.parts
    reply = await checkout.hear(parts.till, txn, await told.body(), now=parts.now)
    return Answer(200, (_JSON,), reply)
