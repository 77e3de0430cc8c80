"""The operator's page, and what its forms do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Final

import jinja2
import msgspec
from aiohttp import web

from payseal_sandbox.book import Book
from payseal_sandbox.currencies import BY_CODE
from payseal_sandbox.faults import DELAY_MAX_S, FAULTS_MAX, Fault, FaultPlan, Kind
from payseal_sandbox.messages import Topic
from payseal_sandbox.operator.desk import DESK, OperatorDesk, convert
from payseal_sandbox.rows import Abilities, Booking, Reversed
from payseal_sandbox.statement import StatementFault

SHOWN_MAX: Final = 100
TIMED: Final = (Kind.LATE, Kind.HELD)  # the faults that have seconds
routes: Final = web.RouteTableDef()
_here: Final = Path(__file__).parent
_templates: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_here), autoescape=True, undefined=jinja2.StrictUndefined
)
_TYPES: Final = {field.name: field.type for field in msgspec.structs.fields(Fault)}
_WORDS: Final = {
    "next": "The number of messages is a whole number from 1 to 1000000.",
    "probability": "The probability is a number from 0 to 1, such as 0.25.",
    "seconds": f"The seconds are a number from 0 to {DELAY_MAX_S}, such as 20.",
}
_templates.filters["moment"] = lambda text: f"{text[:10]} {text[11:19]}"
_templates.filters["money"] = lambda row: BY_CODE[row.currency].shown(row.amount)


@routes.get("/")
async def show(request: web.Request) -> web.Response:
    """The book, newest first, and the forms."""
    return await _page(request.app[DESK])


async def _page(desk: OperatorDesk, refusal: str = "") -> web.Response:

    def read(book: Book) -> dict[str, object]:
        return {
            "bookings": book.newest(Booking, SHOWN_MAX),
            "reversals": book.newest(Reversed, SHOWN_MAX),
            "abilities": book.abilities(),
        }

    html = _templates.get_template("page.html").render(
        await desk.reader.run(read),
        plan=desk.faults.plan,
        kinds=list(Kind),
        topics=list(Topic),
        statement_faults=list(StatementFault),
        today=desk.clock().astimezone(UTC).date().isoformat(),
        refusal=refusal,
    )
    return web.Response(status=400 if refusal else 200, text=html, content_type="text/html")


@routes.get("/style.css")
async def style(_: web.Request) -> web.Response:
    """The page's own style."""
    return web.Response(text=(_here / "style.css").read_text(), content_type="text/css")


@routes.post("/abilities")
async def switch(request: web.Request) -> web.Response:
    """A box that is not ticked is not sent: its ability is off."""
    form = await request.post()
    boxes = zip(Abilities.__struct_fields__, Abilities.__struct_encode_fields__, strict=True)
    wanted = Abilities(**{name: box in form for name, box in boxes})
    await request.app[DESK].writer.run(lambda book: book.set_abilities(wanted))
    return _back()


@routes.post("/faults")
async def add_fault(request: web.Request) -> web.Response:
    """One more fault, behind those that are set."""
    form = await request.post()
    filled = {name: value for name, value in form.items() if value != "" and name != "on"}
    if filled.get("kind") not in TIMED:
        filled.pop("seconds", None)
    desk = request.app[DESK]
    faults = desk.faults
    if refusal := _refusal(filled, len(faults.plan.faults)):
        return await _page(desk, refusal)
    fault = convert(filled | {"on": form.getall("on", list(Topic))}, Fault)
    faults.set(msgspec.structs.replace(faults.plan, faults=(*faults.plan.faults, fault)))
    return _back()


@routes.post("/faults/clear")
async def clear_faults(request: web.Request) -> web.Response:
    """Nothing goes wrong any more."""
    request.app[DESK].faults.set(FaultPlan())
    return _back()


def _refusal(filled: Mapping[str, object], faults: int) -> str:
    """What is wrong with a fault as it was filled in, in a sentence."""
    if faults >= FAULTS_MAX:
        return f"There are {FAULTS_MAX} faults already: clear them first."
    if "next" in filled and "probability" in filled:
        return "A fault strikes so many messages, or each with a probability: leave one empty."
    if filled.get("kind") in TIMED and "seconds" not in filled:
        return f"A fault of the kind {filled['kind']} needs its seconds."
    for name, words in _WORDS.items():
        try:
            msgspec.convert(filled.get(name, 1), _TYPES[name], strict=False)
        except msgspec.ValidationError:
            return words
    return ""


def _back() -> web.Response:
    return web.Response(status=303, headers={"Location": "/"})
