"""/api/forms: what businesses put on their websites."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from payseal import accounts
from payseal.core.ids import Mode
from payseal.core.money import Money
from payseal.core.store import deciding
from payseal.links import (
    AtEnd,
    Capture,
    Field,
    FieldKind,
    Form,
    FormStatus,
    NewForm,
    NewPrice,
    Price,
    forms,
)
from payseal.web.api.lists import Listing, PartWanted, listing
from payseal.web.api.payments import AMOUNT, AT_END, CAPTURE
from payseal.web.auth import Caller
from payseal.web.body import Moment
from payseal.web.once import Effect
from payseal.web.parts import Parts
from payseal.web.strict import shaped

Text = Annotated[str, shaped(maxLength=500)]
Amount = Annotated[str, shaped("12.50", pattern=AMOUNT)]


class PriceWished(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """In one currency: `amount`, or what the payer chooses from `minimum` to `maximum`."""

    currency: Annotated[str, shaped("EUR", pattern="^[A-Z]{3}$")]
    amount: Amount | None = None
    minimum: Amount | None = None
    maximum: Amount | None = None
    presets: Annotated[list[Amount], shaped(maxItems=10)] = []


class FieldWished(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A question of your own; a checkbox that is required has to be ticked."""

    name: Annotated[str, shaped("Order number", minLength=1, maxLength=80)]
    kind: FieldKind = FieldKind.TEXT
    required: bool = True
    options: Annotated[list[str], shaped(maxItems=50)] = []


class FormWished(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A form. `logo` is a PNG, JPEG or WebP in base64; `origins` are the sites that may embed it.

    `expiresIn` (seconds) is the life of the payment that each submission makes.
    """

    title: Annotated[str, shaped("Workshop ticket", minLength=1, maxLength=100)]
    payment_method: Annotated[str, shaped("card")]
    realm: Annotated[str, shaped("shop.example", minLength=1, maxLength=100)]
    prices: Annotated[list[PriceWished], shaped(minItems=1, maxItems=30)]
    description: Text = ""
    quantity_max: Annotated[int, shaped(minimum=1, maximum=1000)] = 1
    fields: Annotated[list[FieldWished], shaped(maxItems=10)] = []
    accent: Annotated[str, shaped("#165d50", pattern="^(#[0-9a-f]{6})?$")] = ""
    logo: Annotated[str, shaped(contentEncoding="base64", maxLength=43692)] = ""
    terms: Annotated[str, shaped(maxLength=2000)] = ""
    origins: Annotated[list[str], shaped(["https://shop.example"], maxItems=20)] = []
    success_url: Annotated[str, shaped(maxLength=2000)] = ""
    cancel_url: Annotated[str, shaped(maxLength=2000)] = ""
    expires_in: Annotated[int, shaped(minimum=60, maximum=7776000)] = 3600
    capture: Annotated[Capture, CAPTURE] = Capture.AUTOMATIC
    authorization_end: Annotated[AtEnd, AT_END] = AtEnd.VOID


class PriceView(msgspec.Struct, frozen=True, rename="camel"):
    """What one costs: `amount` where it is fixed, else the ends of what may be chosen."""

    currency: str
    amount: str | None
    minimum: str | None
    maximum: str | None
    presets: list[str]


class FieldView(msgspec.Struct, frozen=True, rename="camel"):
    """A question of the merchant's own."""

    name: str
    kind: FieldKind
    required: bool
    options: list[str]


class FormView(msgspec.Struct, frozen=True, rename="camel"):
    """A form: `url` is its page. `logo` is the address of the picture."""

    id: str
    url: str
    status: FormStatus
    mode: Mode
    title: str
    description: str
    payment_method: str
    realm: str
    prices: list[PriceView]
    quantity_max: int
    fields: list[FieldView]
    accent: str
    logo: str | None
    terms: str
    origins: list[str]
    success_url: str
    cancel_url: str
    expires_in: int
    capture: Capture
    authorization_end: AtEnd
    created_at: Moment


def form_view(form: Form, parts: Parts, _at: datetime) -> FormView:
    """The form."""
    url = f"{parts.base_url}/f/{form.id}"
    return FormView(
        id=form.id,
        url=url,
        status=form.status,
        mode=form.mode,
        title=form.title,
        description=form.description,
        payment_method=form.method,
        realm=form.realm,
        prices=[_price_view(price) for price in form.prices],
        quantity_max=form.quantity_max,
        fields=[FieldView(f.name, f.kind, f.required, list(f.options)) for f in form.fields],
        accent=form.accent,
        logo=f"{url}/logo" if form.logo else None,
        terms=form.terms,
        origins=list(form.origins),
        success_url=form.success_url,
        cancel_url=form.cancel_url,
        expires_in=int(form.life.total_seconds()),
        capture=form.capture,
        authorization_end=form.at_end,
        created_at=form.created_at,
    )


_EFFECT = {"once": Effect("accounts", Form, form_view)}


@post("/api/forms", status_code=201, opt=_EFFECT)
async def create_form(data: JSONBody[FormWished], caller: NamedDependency[Caller]) -> FormView:
    """Make a form, and get the address of its page."""
    user = await accounts.user_of(caller.accounts, caller.account)
    form = await deciding(
        forms.create,
        caller.accounts,
        caller.parts.mint,
        caller.account,
        caller.mode,
        user.methods,
        _new(data),
        at=caller.at,
    )
    return form_view(form, caller.parts, caller.at)


@put("/api/forms/{form_id:str}")
async def change_form(
    form_id: FromPath[str], data: JSONBody[FormWished], caller: NamedDependency[Caller]
) -> FormView:
    """Change a form: this replaces all of it. Payments that it has made stay as they are."""
    user = await accounts.user_of(caller.accounts, caller.account)
    form = await deciding(
        forms.change,
        caller.accounts,
        caller.account,
        caller.mode,
        form_id,
        user.methods,
        _new(data),
        at=caller.at,
    )
    return form_view(form, caller.parts, caller.at)


@get("/api/forms")
async def list_forms(
    wanted: NamedDependency[PartWanted], caller: NamedDependency[Caller]
) -> Listing[FormView]:
    """List the forms, the newest first."""
    page = await forms.history(
        caller.accounts, caller.account, caller.mode, limit=wanted.limit, after=wanted.after
    )
    return listing(page, lambda form: form_view(form, caller.parts, caller.at))


@get("/api/forms/{form_id:str}")
async def get_form(form_id: FromPath[str], caller: NamedDependency[Caller]) -> FormView:
    """Show a form."""
    return form_view(await _form(form_id, caller), caller.parts, caller.at)


@post("/api/forms/{form_id:str}/off", status_code=200, opt=_EFFECT)
async def switch_form_off(form_id: FromPath[str], caller: NamedDependency[Caller]) -> FormView:
    """Switch a form off: nobody can submit it; who has submitted it can still pay."""
    return await _switch(form_id, caller, on=False)


@post("/api/forms/{form_id:str}/on", status_code=200, opt=_EFFECT)
async def switch_form_on(form_id: FromPath[str], caller: NamedDependency[Caller]) -> FormView:
    """Switch a form on again."""
    return await _switch(form_id, caller, on=True)


async def _form(form_id: str, caller: Caller) -> Form:
    return await forms.get(caller.accounts, caller.account, caller.mode, form_id)


async def _switch(form_id: str, caller: Caller, *, on: bool) -> FormView:
    form = await deciding(
        forms.switch, caller.accounts, caller.account, caller.mode, form_id, on=on, at=caller.at
    )
    return form_view(form, caller.parts, caller.at)


def _new(data: FormWished) -> NewForm:
    return NewForm(
        title=data.title,
        method=data.payment_method,
        realm=data.realm,
        prices=[
            NewPrice(
                currency=price.currency,
                amount=price.amount or "",
                minimum=price.minimum or "",
                maximum=price.maximum or "",
                presets=price.presets,
            )
            for price in data.prices
        ],
        description=data.description,
        quantity_max=data.quantity_max,
        fields=[Field(f.name, f.kind, f.required, tuple(f.options)) for f in data.fields],
        accent=data.accent,
        logo=data.logo,
        terms=data.terms,
        origins=data.origins,
        success_url=data.success_url,
        cancel_url=data.cancel_url,
        expires_in=data.expires_in,
        capture=data.capture,
        at_end=data.authorization_end,
    )


def _price_view(price: Price) -> PriceView:
    def free(money: Money) -> str | None:
        return None if price.is_fixed else str(money)

    return PriceView(
        currency=price.currency.value,
        amount=str(price.minimum) if price.is_fixed else None,
        minimum=free(price.minimum),
        maximum=free(price.maximum),
        presets=[str(preset) for preset in price.presets],
    )
