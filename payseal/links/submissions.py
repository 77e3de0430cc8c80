"""What can be done with submissions: make the link of one, list those of a form."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from payseal.core.errors import Invalid
from payseal.core.event import happened
from payseal.core.history import newest
from payseal.core.ids import (
    MOMENT_CHARS,
    UNIQUE_CHARS,
    Mint,
    derive,
    home,
    homes,
    is_base32,
    moment,
    moment_at,
)
from payseal.core.offer import Offer
from payseal.core.record import Record
from payseal.core.store import PAGE_MAX, Insert, Page, Store, Taken
from payseal.links.form import Form
from payseal.links.link import Link
from payseal.links.submission import Submission
from payseal.links.wishes import choose

FILLED_IN_WITHIN = timedelta(hours=24)
CLOCKS_APART_MAX = timedelta(minutes=1)


class OutOfDate(Invalid):
    """The page was opened too long ago, or is not one of ours."""

    code, title = "form_out_of_date", "This form was open for too long."


class Submitted(Record, frozen=True, kw_only=True):
    """A filled-in form that was sent: made with its link, so that sent twice it makes one."""

    prefix, table = "sub", "submissions"

    link: str


def new_key(mint: Mint, *, at: datetime) -> str:
    """A fresh key for a page: its moment, and eighty random bits."""
    return moment(at) + mint.unique()


async def submit(
    store: Store,
    mint: Mint,
    form: Form,
    offers: Sequence[Offer],
    submission: Submission,
    key: str,
    *,
    shards: int = 1,
    at: datetime,
) -> Link:
    """The link of a submission, to be paid once; the same key and content again are the same link.

    Raises `FormOff`, `OutOfDate`, and what `choose` raises if a method has been given up since.
    """
    form.check_on()
    content = hashlib.sha256(msgspec.json.encode(submission, order="sorted")).hexdigest()
    there = home(form.account, form.mode)
    name = derive(Submitted.prefix, there, _opened_at(key, at), form.id, key, content)
    id = mint.id(Link.prefix, home(form.account, form.mode, mint.shard(shards)), at)
    link = _link(id, form, choose(offers, form.method, submission.price.currency), submission, at)
    made = Submitted(id=name, link=link.id)
    try:
        await store.commit(Insert(made), Insert(link), Insert(happened("link.created", link, at)))
    except Taken:
        before = await store.get(Submitted, name)
        found = await store.get(Link, before.link) if before else None
        if found is None:
            raise
        return found
    return link


async def history(
    store: Store,
    form: Form,
    *,
    shards: int = 1,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = PAGE_MAX,
    after: str | None = None,
) -> Page[Link]:
    """The links that a form has made, the newest first."""
    return await newest(
        store,
        Link,
        homes(form.account, form.mode, shards),
        of=form.id,
        start=start,
        end=end,
        after=after,
        limit=limit,
    )


def _opened_at(key: str, at: datetime) -> datetime:
    """When the page with that key was opened; `OutOfDate`."""
    if len(key) == MOMENT_CHARS + UNIQUE_CHARS and is_base32(key):
        opened = key[:MOMENT_CHARS]
        if moment(at - FILLED_IN_WITHIN) <= opened <= moment(at + CLOCKS_APART_MAX):
            return moment_at(opened)
    raise OutOfDate("Please check the form, and send it again.")


def _link(
    id: str, form: Form, issuers: Sequence[str], submission: Submission, at: datetime
) -> Link:
    return Link(
        id=id,
        amount=submission.amount,
        method=form.method,
        issuer=issuers[0],
        others=tuple(issuers[1:]),
        realm=form.realm,
        date=at,
        expires_at=at + form.life,
        capture=form.capture,
        at_end=form.at_end,
        description=_description(form, submission),
        success_url=form.success_url,
        cancel_url=form.cancel_url,
        form=form.id,
        quantity=submission.quantity,
        answers=submission.answers,
    )


def _description(form: Form, submission: Submission) -> str:
    many = submission.quantity
    return form.title if many == 1 else f"{many} × {form.title}"
