"""What can be done with forms: create, change, switch on and off, get, list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from payseal.core.errors import Missing
from payseal.core.event import happened
from payseal.core.history import newest
from payseal.core.ids import AccountId, Mint, Mode, home, is_id, is_theirs
from payseal.core.offer import Offer
from payseal.core.store import PAGE_MAX, Insert, Page, Store, Update
from payseal.links.form import Form
from payseal.links.new_form import NewForm, checked


async def create(
    store: Store,
    mint: Mint,
    account: AccountId,
    mode: Mode,
    offers: Sequence[Offer],
    new: NewForm,
    *,
    at: datetime,
) -> Form:
    """A form that is on; what it costs must be among the account's `offers`."""
    form = checked(mint.id(Form.prefix, home(account, mode), at), offers, new)
    await store.commit(Insert(form), Insert(happened("form.created", form, at)))
    return form


async def change(
    store: Store,
    account: AccountId,
    mode: Mode,
    form_id: str,
    offers: Sequence[Offer],
    wished: NewForm,
    *,
    at: datetime,
) -> Form:
    """All of it anew, but whether it is on. Run by `deciding`."""
    form = await get(store, account, mode, form_id)
    form = form.change(checked(form.id, offers, wished))
    await store.commit(Update(form), Insert(happened("form.changed", form, at)))
    return form


async def switch(
    store: Store, account: AccountId, mode: Mode, form_id: str, *, on: bool, at: datetime
) -> Form:
    """On or off; whoever has filled it in already can still pay. Run by `deciding`."""
    form = await get(store, account, mode, form_id)
    if form.is_on is not on:
        form = form.switch(on=on)
        told = "form.switched_on" if on else "form.switched_off"
        await store.commit(Update(form), Insert(happened(told, form, at)))
    return form


async def get(store: Store, account: AccountId, mode: Mode, form_id: str) -> Form:
    """The account's form; `Missing` when it is another account's, or of the other mode."""
    if is_theirs(form_id, Form.prefix, account, mode):
        form = await store.get(Form, form_id)
        if form is not None:
            return form
    raise Missing("You have no form with that id.", form=form_id)


async def opened(store: Store, form_id: str) -> Form:
    """The form that a payer opens; `Missing`."""
    form = await store.get(Form, form_id) if is_id(form_id, Form.prefix) else None
    if form is None:
        raise Missing("There is no such form.")
    return form


async def history(
    store: Store,
    account: AccountId,
    mode: Mode,
    *,
    limit: int = PAGE_MAX,
    after: str | None = None,
) -> Page[Form]:
    """The account's forms, the newest first."""
    return await newest(store, Form, [home(account, mode)], after=after, limit=limit)
