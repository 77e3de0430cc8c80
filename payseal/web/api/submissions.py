"""/api/forms/…/submissions: what payers have filled in, as a list and as a table."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from payseal import accounts
from payseal.links import Link, forms, submissions
from payseal.web.answer import Answer, raw
from payseal.web.api.lists import Listing, SpanWanted, listing
from payseal.web.api.payments import PaymentView, payment_view
from payseal.web.api.table import csv_of
from payseal.web.auth import Caller

ROWS_MAX = 10_000  # of one export


@get("/api/forms/{form_id:str}/submissions")
async def list_submissions(
    form_id: FromPath[str],
    wanted: NamedDependency[SpanWanted],
    caller: NamedDependency[Caller],
) -> Listing[PaymentView]:
    """List the payments that a form has made, with the answers, the newest first."""
    form = await forms.get(caller.accounts, caller.account, caller.mode, form_id)
    start, end = wanted.span()
    page = await submissions.history(
        caller.payments,
        form,
        shards=await accounts.shards_of(caller.accounts, caller.account),
        start=start,
        end=end,
        limit=wanted.limit,
        after=wanted.after,
    )
    return listing(page, lambda link: payment_view(link, caller.parts, caller.at))


@get("/api/forms/{form_id:str}/submissions.csv", opt={"media": "text/csv"})
async def export_submissions(
    form_id: FromPath[str],
    wanted: NamedDependency[SpanWanted],
    caller: NamedDependency[Caller],
) -> Answer:
    """The same as a table (RFC 4180, UTF-8) of at most 10,000 rows; `limit` is of no account.

    Where there are more, the header `Link` leads to the rest (RFC 8288).
    """
    form = await forms.get(caller.accounts, caller.account, caller.mode, form_id)
    shards = await accounts.shards_of(caller.accounts, caller.account)
    rows: list[Link] = []
    (start, end), after = wanted.span(), wanted.after
    while len(rows) < ROWS_MAX:
        page = await submissions.history(
            caller.payments, form, shards=shards, start=start, end=end, after=after
        )
        rows += page.records
        after = page.after
        if after is None:
            break
    headers = {
        "Content-Type": "text/csv; charset=utf-8; header=present",
        "Content-Disposition": f'attachment; filename="{form.id}.csv"',
    }
    if after is not None:
        here = f"{caller.parts.base_url}/api/forms/{form.id}/submissions.csv"
        headers["Link"] = f'<{here}?after={after}>; rel="next"'
    return Answer(200, raw(headers), csv_of(form, rows, caller.at))
