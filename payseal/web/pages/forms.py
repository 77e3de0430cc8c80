"""The pages of payment forms: fill one in, and go on to pay what it asks for."""

from __future__ import annotations

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from payseal import accounts
from payseal.checkout import visit
from payseal.core.errors import Missing
from payseal.core.ids import LinkId
from payseal.core.store import deciding
from payseal.links import (
    CurrencyNotEnabled,
    Form,
    FormOff,
    InvalidSubmission,
    Link,
    OutOfDate,
    UnknownMethod,
    forms,
    submission,
    submissions,
)
from payseal.web.answer import Answer, raw
from payseal.web.pages.asked import Asked, begun
from payseal.web.pages.form import check_same_site, read_form
from payseal.web.pages.look import look_of
from payseal.web.pages.refusals import PAGE
from payseal.web.pages.show import Pages

LOGO_AGE_S = 365 * 24 * 60 * 60  # its address changes with it
_PAGE = {PAGE: True}
_STALE = "This page was open for long. Please check it, and send it again."
_CLOSED = "This cannot be paid in this currency now. Please choose another, or ask the merchant."


@get("/f/{form_id:str}", opt=_PAGE)
async def show_form(
    asked: NamedDependency[Asked], form_id: FromPath[str], pages: NamedDependency[Pages]
) -> Answer:
    """The form, in the currency that the query names, or its first."""
    form = await forms.opened(pages.parts.accounts, form_id)
    return pages.form(form, _currency(asked, form), _key(pages))


@post("/f/{form_id:str}", opt=_PAGE)
async def submit_form(
    asked: NamedDependency[Asked], form_id: FromPath[str], pages: NamedDependency[Pages]
) -> Answer:
    """The payment that it makes, at once as its page: no address with a token is led to."""
    parts = pages.parts
    check_same_site(asked.scope, parts.base_url)
    form = await forms.opened(parts.accounts, form_id)
    typed = await read_form(asked.scope, asked.receive, _lengths(form))
    try:
        link = await _submitted(pages, form, typed)
    except InvalidSubmission as invalid:
        fields = invalid.members["fields"]
        assert isinstance(fields, dict), "it says what is wrong with which field"
        return pages.form(form, typed["currency"], typed["key"], errors=fields, typed=typed)
    except OutOfDate:
        return pages.form(form, typed["currency"], _key(pages), typed=typed, note=_STALE)
    except FormOff:
        return pages.form(form, typed["currency"], typed["key"])
    except (CurrencyNotEnabled, UnknownMethod):
        return pages.form(form, typed["currency"], typed["key"], typed=typed, note=_CLOSED)
    return await _shown(pages, form, link)


@get("/f/{form_id:str}/logo")
async def show_logo(form_id: FromPath[str], pages: NamedDependency[Pages]) -> Answer:
    """The merchant's picture."""
    form = await forms.opened(pages.parts.accounts, form_id)
    if form.logo is None:
        raise Missing("This form has no picture.")
    headers = {
        "Content-Type": form.logo.kind,
        "Cache-Control": f"public, max-age={LOGO_AGE_S}, immutable",
    }
    return Answer(200, raw(headers), form.logo.data)


async def _submitted(pages: Pages, form: Form, typed: dict[str, str]) -> Link:
    parts = pages.parts
    user = await accounts.user_of(parts.accounts, form.account)
    return await deciding(
        submissions.submit,
        parts.payments,
        parts.mint,
        form,
        user.methods,
        submission.read(form, typed),
        typed["key"],
        shards=user.shards,
        at=parts.now(),
    )


async def _shown(pages: Pages, form: Form, link: Link) -> Answer:
    parts, at = pages.parts, pages.parts.now()
    token = parts.seal.token(LinkId(link.id), link.expires_at, at=at)
    found = await visit(parts.till, parts.seal, token, None, at=at)
    headers = begun(parts, token, found, None)
    return pages.visit(found, f"/p/{token}", look_of(form), headers=headers)


def _currency(asked: Asked, form: Form) -> str:
    wished = asked.wished("currency")
    return wished if form.price_in(wished) else form.prices[0].currency.value


def _key(pages: Pages) -> str:
    return submissions.new_key(pages.parts.mint, at=pages.parts.now())


def _lengths(form: Form) -> dict[str, int]:
    """What its page has fields for."""
    own = {
        submission.field_key(index): submission.ANSWER_MAX for index, _ in enumerate(form.fields)
    }
    return {"key": 64, "currency": 3, "amount": 20, "preset": 20, "quantity": 8, **own}
