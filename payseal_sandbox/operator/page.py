"""The operator's page, and what its forms do."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import jinja2
import msgspec
from aiohttp import web

from payseal_sandbox.book import Book
from payseal_sandbox.currencies import BY_CODE
from payseal_sandbox.faults import FAULTS_MAX, Fault, FaultPlan, Kind
from payseal_sandbox.messages import Topic
from payseal_sandbox.operator.desk import DESK, convert
from payseal_sandbox.rows import Abilities, Booking, Reversed

SHOWN_MAX: Final = 100
routes: Final = web.RouteTableDef()
_here: Final = Path(__file__).parent
_templates: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_here), autoescape=True, undefined=jinja2.StrictUndefined
)
_templates.filters["money"] = lambda row: BY_CODE[row.currency].shown(row.amount)


@routes.get("/")
async def show(request: web.Request) -> web.Response:
    """The book, newest first, and the forms."""
    desk = request.app[DESK]

    def read(book: Book) -> dict[str, object]:
        return {
            "bookings": book.newest(Booking, SHOWN_MAX),
            "reversals": book.newest(Reversed, SHOWN_MAX),
            "abilities": book.abilities(),
        }

    html = _templates.get_template("page.html").render(
        await desk.reader.run(read), plan=desk.faults.plan, kinds=list(Kind), topics=list(Topic)
    )
    return web.Response(text=html, content_type="text/html")


@routes.get("/style.css")
async def style(_: web.Request) -> web.Response:
    """The page's own style."""
    return web.Response(text=(_here / "style.css").read_text(), content_type="text/css")


@routes.post("/abilities")
async def switch(request: web.Request) -> web.Response:
    """A box that is not ticked is not sent: its ability is off."""
    form = await request.post()
    wanted = Abilities(look_up="lookUp" in form, reversal_memory="reversalMemory" in form)
    await request.app[DESK].writer.run(lambda book: book.set_abilities(wanted))
    return _back()


@routes.post("/faults")
async def add_fault(request: web.Request) -> web.Response:
    """One more fault, behind those that are set."""
    form = await request.post()
    filled = {name: value for name, value in form.items() if value != "" and name != "on"}
    fault = convert(filled | {"on": form.getall("on", list(Topic))}, Fault)
    faults = request.app[DESK].faults
    if len(faults.plan.faults) >= FAULTS_MAX:
        raise web.HTTPBadRequest(text=f"There are {FAULTS_MAX} faults already.\n")
    faults.set(msgspec.structs.replace(faults.plan, faults=(*faults.plan.faults, fault)))
    return _back()


@routes.post("/faults/clear")
async def clear_faults(request: web.Request) -> web.Response:
    """Nothing goes wrong any more."""
    request.app[DESK].faults.set(FaultPlan())
    return _back()


def _back() -> web.Response:
    return web.Response(status=303, headers={"Location": "/"})
