"""The settlement file: what the bank will pay out or take back, a row for each that stands."""

from __future__ import annotations

import csv
import io
from functools import partial
from typing import Final

from aiohttp import web

from payseal_sandbox.book import ROWS_MAX, Book
from payseal_sandbox.operator.desk import DESK
from payseal_sandbox.rows import Booking

routes: Final = web.RouteTableDef()
COLUMNS: Final = (
    "reference",
    "merchant",
    "amount",
    "currency",
    "approval_code",
    "booked_at",
    "brand",
    "last_four",
    "kind",
)


@routes.get("/settlement.csv")
async def settlement(request: web.Request) -> web.StreamResponse:
    """All approved and unreversed bookings, as CSV of RFC 4180."""
    response = web.StreamResponse(
        headers={"Content-Type": "text/csv; charset=utf-8; header=present"}
    )
    await response.prepare(request)
    await response.write(_csv([COLUMNS]))
    after = 0
    while rows := await request.app[DESK].reader.run(
        partial(Book.settled, after=after, limit=ROWS_MAX)
    ):
        await response.write(_csv([_row(booking) for booking in rows]))
        after = rows[-1].sequence
    await response.write_eof()
    return response


def _row(booking: Booking) -> tuple[str, ...]:
    values = {name: str(getattr(booking, name)) for name in COLUMNS}
    return tuple((values | {"merchant": booking.merchant.rstrip()}).values())


def _csv(rows: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
