"""The settlement file of a day, and the chargebacks that come in it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date
from functools import partial
from typing import Annotated, Final, TypeVar

import msgspec
from aiohttp import web

from payseal_sandbox import chargebacks
from payseal_sandbox.book import ROWS_MAX, Book
from payseal_sandbox.clerk import stamp
from payseal_sandbox.messages import Operation
from payseal_sandbox.operator.desk import DESK, convert
from payseal_sandbox.rows import Booking, Listener
from payseal_sandbox.statement import Movement, NothingToStrike, Wish, booked, spoilt, undone

routes: Final = web.RouteTableDef()
VERSION: Final = "1"
COLUMNS: Final = Movement.__struct_fields__
T = TypeVar("T")
_Row = tuple[str | int, ...]


class Charged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which charge is taken back, and how much of it: all, if no amount is given."""

    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=12)]
    merchant: Annotated[str, msgspec.Meta(min_length=1, max_length=15)]
    amount: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Decided(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which chargeback is given again, or is final."""

    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=12)]
    merchant: Annotated[str, msgspec.Meta(min_length=1, max_length=15)]


@routes.get("/settlement.csv")
async def settlement(request: web.Request) -> web.Response:
    """What moved on `day` (today's, as far as it has come), with each `fault` that is wished."""
    desk = request.app[DESK]
    until = desk.clock().astimezone(UTC)
    unknown = set(request.query) - {"day", "fault"}
    if unknown:
        raise web.HTTPBadRequest(text=f"There is no {', '.join(sorted(unknown))}.\n")
    day = _day(request.query.get("day", until.date().isoformat()))
    wishes = [_wish(text) for text in request.query.getall("fault", []) if text]
    try:
        lines = spoilt(await _moved(request, day), wishes)
    except NothingToStrike as error:
        raise web.HTTPConflict(text=f"{error}\n") from error
    text = _csv([("header", VERSION, "sandbox", day, stamp(until)), COLUMNS, *_body(lines)])
    return web.Response(body=text, content_type="text/csv", charset="utf-8")


@routes.post("/chargebacks")
async def charge_back(request: web.Request) -> web.Response:
    """Take a charge back from the merchant."""
    wanted = await _read(request, Charged)
    operation = Operation(wanted.reference, wanted.merchant.ljust(15))
    return await _booked(request, partial(chargebacks.charge_back, amount=wanted.amount), operation)


@routes.post("/chargebacks/won")
async def won(request: web.Request) -> web.Response:
    """Give a chargeback again to the merchant."""
    wanted = await _read(request, Decided)
    operation = Operation(wanted.reference, wanted.merchant.ljust(15))
    return await _booked(request, chargebacks.give_again, operation)


@routes.post("/chargebacks/lost")
async def lost(request: web.Request) -> web.Response:
    """Make a chargeback final."""
    wanted = await _read(request, Decided)
    operation = Operation(wanted.reference, wanted.merchant.ljust(15))
    return await _booked(request, chargebacks.lose, operation)


@routes.get("/listener")
async def listener(request: web.Request) -> web.Response:
    """Who is told of chargebacks; the secret is not shown."""
    found = await request.app[DESK].reader.run(Book.listener)
    return web.json_response({"url": found.url})


@routes.put("/listener")
async def set_listener(request: web.Request) -> web.Response:
    """Tell this one from now on; nobody, if the address is empty."""
    wanted = await _read(request, Listener)
    if bool(wanted.url) is not bool(wanted.secret):
        raise web.HTTPBadRequest(text="Give url and secret, or neither.\n")
    await request.app[DESK].writer.run(lambda book: book.set_listener(wanted))
    return web.json_response({"url": wanted.url})


async def _booked(
    request: web.Request, decide: Callable[..., Booking | str], operation: Operation
) -> web.Response:
    desk = request.app[DESK]
    at = desk.clock()
    booking = await desk.writer.run(lambda book: decide(book, operation, at=at))
    if isinstance(booking, str):
        raise web.HTTPConflict(text=f"{booking}\n")
    return web.Response(body=msgspec.json.encode(booking), content_type="application/json")


async def _read(request: web.Request, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error


async def _moved(request: web.Request, day: str) -> list[Movement]:
    """What was booked that day, then what was undone that day."""
    found = list[Movement]()
    for reversed_ in (False, True):
        after = 0
        while rows := await request.app[DESK].reader.run(
            partial(Book.moved, day=day, undone=reversed_, after=after, limit=ROWS_MAX)
        ):
            for row in rows:
                line = booked(row)
                found.append(undone(line, row.reversed_at or "") if reversed_ else line)
            after = rows[-1].sequence
    return found


def _body(lines: list[Movement]) -> Iterable[_Row]:
    """A line each, the sums of each currency, and how many lines there were."""
    yield from (msgspec.structs.astuple(line) for line in lines)
    for currency in sorted({line.currency for line in lines}):
        some = [line for line in lines if line.currency == currency]
        sums = sum(line.amount for line in some), sum(line.fee for line in some)
        yield ("total", currency, len(some), *sums)
    yield "trailer", len(lines)


def _day(text: str) -> str:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise web.HTTPBadRequest(text="Give the day as 2026-11-22.\n")


def _wish(text: str) -> Wish:
    fault, _, reference = text.partition("@")
    return convert({"fault": fault, "reference": reference}, Wish)


def _csv(rows: Iterable[_Row]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
