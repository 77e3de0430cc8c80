"""NewForm: what a merchant wishes of a form, and what is wrong with it."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit

import msgspec

from payseal.core.errors import Invalid, Problem
from payseal.core.money import Money, currency_of
from payseal.core.offer import Offer
from payseal.links.form import (
    FIELD_NAME_MAX,
    FIELDS_MAX,
    LIFE,
    LOGO_MAX,
    OPTION_MAX,
    OPTIONS_MAX,
    ORIGINS_MAX,
    PRESETS_MAX,
    PRICES_MAX,
    QUANTITY_MAX,
    TERMS_MAX,
    TITLE_MAX,
    Field,
    FieldKind,
    Form,
    Logo,
    Price,
)
from payseal.links.link import DESCRIPTION_MAX, LIFE_MAX, LIFE_MIN, REALM_MAX, AtEnd, Capture
from payseal.links.wishes import choose, is_web_address, shows_something

_ACCENT = re.compile(r"#[0-9a-f]{6}", re.ASCII)
_PICTURES = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}


class InvalidForm(Invalid):
    """A wish cannot be met; the member `field` names it."""

    code, title = "invalid_form", "The form cannot be like this."


class NewPrice(msgspec.Struct, frozen=True, kw_only=True):
    """`amount`, or `minimum` and `maximum` with `presets`: as texts, not checked yet."""

    currency: str
    amount: str = ""
    minimum: str = ""
    maximum: str = ""
    presets: Sequence[str] = ()


class NewForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a merchant asks for; nothing of it is checked yet."""

    title: str
    method: str
    realm: str
    prices: Sequence[NewPrice]
    description: str = ""
    quantity_max: int = 1
    fields: Sequence[Field] = ()
    accent: str = ""
    logo: str = ""  # base64
    terms: str = ""
    origins: Sequence[str] = ()
    success_url: str = ""
    cancel_url: str = ""
    expires_in: int = int(LIFE.total_seconds())  # seconds
    capture: Capture = Capture.AUTOMATIC
    at_end: AtEnd = AtEnd.VOID


def checked(id: str, offers: Sequence[Offer], new: NewForm) -> Form:
    """The form, on; `InvalidForm`, or what `choose` and `Money.parse` raise, with its field."""
    _check_texts(new)
    if not 1 <= new.quantity_max <= QUANTITY_MAX:
        raise InvalidForm(f"Give 1 to {QUANTITY_MAX}.", field="quantityMax")
    life = timedelta(seconds=min(max(new.expires_in, 0), LIFE_MAX.total_seconds() + 1))
    if not LIFE_MIN <= life <= LIFE_MAX:
        raise InvalidForm("Its links live from 60 seconds to 90 days.", field="expiresIn")
    return Form(
        id=id,
        title=new.title,
        description=new.description,
        method=new.method,
        realm=new.realm,
        prices=_prices(offers, new),
        quantity_max=new.quantity_max,
        fields=_fields(new.fields),
        accent=new.accent,
        logo=_logo(new.logo),
        terms=new.terms,
        origins=_origins(new.origins),
        success_url=new.success_url,
        cancel_url=new.cancel_url,
        life=life,
        capture=new.capture,
        at_end=new.at_end,
    )


def _check_texts(new: NewForm) -> None:
    for name, text, most in (("title", new.title, TITLE_MAX), ("realm", new.realm, REALM_MAX)):
        if not 1 <= len(text) <= most or not shows_something(text):
            raise InvalidForm(f"Give 1 to {most} characters.", field=name)
    for name, text, most in (
        ("description", new.description, DESCRIPTION_MAX),
        ("terms", new.terms, TERMS_MAX),
    ):
        if len(text) > most:
            raise InvalidForm(f"Give at most {most} characters.", field=name)
    for name, url in (("successUrl", new.success_url), ("cancelUrl", new.cancel_url)):
        if url and not is_web_address(url):
            raise InvalidForm("Give a full https address.", field=name)
    if new.accent and _ACCENT.fullmatch(new.accent) is None:
        raise InvalidForm("Give a color such as #165d50.", field="accent")


def _prices(offers: Sequence[Offer], new: NewForm) -> tuple[Price, ...]:
    if not 1 <= len(new.prices) <= PRICES_MAX:
        raise InvalidForm(f"Give 1 to {PRICES_MAX} prices.", field="prices")
    prices = []
    for index, wished in enumerate(new.prices):
        try:
            prices.append(_price(offers, new.method, wished))
        except Problem as problem:
            problem.members["field"] = _within(index, problem.members.get("field", ""))
            raise
    if len({price.currency for price in prices}) < len(prices):
        raise InvalidForm("Give each currency once.", field="prices")
    return tuple(prices)


def _within(index: int, field: object) -> str:
    """Where in the list of prices; the method stands beside it."""
    return "paymentMethod" if field == "paymentMethod" else f"prices[{index}].{field}"


def _price(offers: Sequence[Offer], method: str, wished: NewPrice) -> Price:
    currency = currency_of(wished.currency)
    choose(offers, method, currency)

    def money(field: str, text: str) -> Money:
        try:
            return Money.parse(text, currency)
        except Problem as problem:
            problem.members["field"] = field
            raise

    if bool(wished.amount) == bool(wished.minimum or wished.maximum or wished.presets):
        raise InvalidForm("Give amount, or minimum and maximum.", field="amount")
    if wished.amount:
        fixed = money("amount", wished.amount)
        return Price(fixed, fixed)
    price = Price(
        money("minimum", wished.minimum),
        money("maximum", wished.maximum),
        tuple(money("presets", text) for text in wished.presets),
    )
    if not price.minimum < price.maximum:
        raise InvalidForm("It must be above the minimum.", field="maximum")
    if len(price.presets) > PRESETS_MAX or any(
        not price.minimum <= preset <= price.maximum for preset in price.presets
    ):
        told = f"Give at most {PRESETS_MAX} amounts, from the minimum to the maximum."
        raise InvalidForm(told, field="presets")
    return price


def _fields(fields: Sequence[Field]) -> tuple[Field, ...]:
    if len(fields) > FIELDS_MAX:
        raise InvalidForm(f"Give at most {FIELDS_MAX} fields.", field="fields")
    for index, field in enumerate(fields):
        where = f"fields[{index}]"
        if not 1 <= len(field.name) <= FIELD_NAME_MAX or not shows_something(field.name):
            told = f"Give 1 to {FIELD_NAME_MAX} characters."
            raise InvalidForm(told, field=f"{where}.name")
        is_select = field.kind is FieldKind.SELECT
        fits = all(0 < len(each) <= OPTION_MAX and shows_something(each) for each in field.options)
        apart = len(set(field.options)) == len(field.options)
        if not (fits and apart and is_select == (0 < len(field.options) <= OPTIONS_MAX)):
            told = f"Of a select give 1 to {OPTIONS_MAX} different texts; of another field none."
            raise InvalidForm(told, field=f"{where}.options")
    if len({field.name for field in fields}) < len(fields):
        raise InvalidForm("Give each name once.", field="fields")
    return tuple(fields)


def _logo(text: str) -> Logo | None:
    if not text:
        return None
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        data = b""
    kind = next((kind for kind, begin in _PICTURES.items() if begin.match(data)), None)
    if kind is None or len(data) > LOGO_MAX:
        told = f"Give a PNG, JPEG or WebP of at most {LOGO_MAX:,} bytes in base64."
        raise InvalidForm(told, field="logo")
    return Logo(kind, data)


def _origins(origins: Sequence[str]) -> tuple[str, ...]:
    if len(origins) > ORIGINS_MAX:
        raise InvalidForm(f"Give at most {ORIGINS_MAX} origins.", field="origins")
    for index, origin in enumerate(origins):
        if not (is_web_address(origin) and _is_origin(origin)):
            told = "Give an origin such as https://shop.example, without a path."
            raise InvalidForm(told, field=f"origins[{index}]")
    return tuple(dict.fromkeys(origins))


def _is_origin(url: str) -> bool:
    """As a browser writes one (RFC 6454, 6.2): it goes into a header, and is compared by bytes."""
    parts = urlsplit(url)
    plain = re.fullmatch(r"[a-z0-9.\-]+(:[0-9]{1,5})?|\[[0-9a-f:]+\](:[0-9]{1,5})?", parts.netloc)
    standard = {"https": ":443", "http": ":80"}[parts.scheme]
    return (
        url == f"{parts.scheme}://{parts.netloc}"
        and plain is not None
        and not parts.netloc.endswith(standard)
    )
