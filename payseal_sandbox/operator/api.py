"""The operator's JSON."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

import msgspec
from aiohttp import web

from payseal_sandbox.book import ROWS_MAX, Book, Row
from payseal_sandbox.faults import FaultPlan
from payseal_sandbox.operator.desk import DESK, convert
from payseal_sandbox.rows import Abilities, Booking, Reversed

routes: Final = web.RouteTableDef()
T = TypeVar("T")


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a listing."""

    reference: Annotated[str, msgspec.Meta(max_length=12)] = ""
    merchant: Annotated[str, msgspec.Meta(max_length=15)] = ""
    after: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=ROWS_MAX)] = ROWS_MAX


@routes.get("/healthz")
async def health(_: web.Request) -> web.Response:
    """The bank is there."""
    return _json({"status": "ok"})


@routes.get("/book")
async def book(request: web.Request) -> web.Response:
    """Bookings, in the order of booking."""
    return await _listing(request, Booking)


@routes.get("/reversals")
async def reversals(request: web.Request) -> web.Response:
    """Reversals, in the order in which they came."""
    return await _listing(request, Reversed)


@routes.get("/abilities")
async def abilities(request: web.Request) -> web.Response:
    """What the host can do."""
    return _json(await request.app[DESK].reader.run(Book.abilities))


@routes.put("/abilities")
async def set_abilities(request: web.Request) -> web.Response:
    """Switch what the host can do."""
    wanted = _decode(await request.read(), Abilities)
    await request.app[DESK].writer.run(lambda book: book.set_abilities(wanted))
    return _json(wanted)


@routes.get("/faults")
async def faults(request: web.Request) -> web.Response:
    """The faults that are still to come."""
    return _json(request.app[DESK].faults.plan)


@routes.put("/faults")
async def set_faults(request: web.Request) -> web.Response:
    """Replace all faults."""
    plan = _decode(await request.read(), FaultPlan)
    request.app[DESK].faults.set(plan)
    return _json(plan)


async def _listing(request: web.Request, kind: type[Row]) -> web.Response:
    wanted = convert(dict(request.query), Wanted)
    rows = await request.app[DESK].reader.run(
        lambda book: book.page(
            kind,
            reference=wanted.reference,
            merchant=wanted.merchant,
            after=wanted.after,
            limit=wanted.limit,
        )
    )
    full = len(rows) == wanted.limit
    return _json({"rows": rows, "next": rows[-1].sequence if full else None})


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error


def _json(data: Any) -> web.Response:  # noqa: ANN401 - whatever msgspec can encode
    return web.Response(body=msgspec.json.encode(data), content_type="application/json")
