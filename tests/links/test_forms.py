"""A form is what its merchant wishes, or it is refused with the field that is wrong."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta

import pytest

from payseal.core.errors import Kind, Missing, Problem
from payseal.core.event import Event
from payseal.core.ids import Mint, Mode, home
from payseal.core.money import Currency, Money
from payseal.core.offer import Offer
from payseal.core.store import deciding
from payseal.links import Capture, Field, FieldKind, Form, FormStatus, NewForm, NewPrice, forms
from payseal.storage import MemoryStore
from tests.shop import EUR, JPY, KWD, START

OFFERS = (Offer("bank", "card", (EUR, JPY, KWD)),)
PNG = b64encode(b"\x89PNG\r\n\x1a\n" + b"x" * 100).decode()
FIXED = NewPrice(currency="EUR", amount="12.50")
FREE = NewPrice(currency="EUR", minimum="5", maximum="100", presets=["5", "10.50", "100"])


def wish(**wished: object) -> NewForm:
    return NewForm(
        **{"title": "Ticket", "method": "card", "realm": "Acme", "prices": [FIXED]} | wished
    )


def price(**wished: object) -> dict[str, object]:
    return {"prices": [NewPrice(**{"currency": "EUR"} | wished)]}


def fields(*wished: Field) -> dict[str, object]:
    return {"fields": wished}


REFUSED = [  # wish, code, field
    ({"title": ""}, "invalid_form", "title"),
    ({"title": "\u200b "}, "invalid_form", "title"),
    ({"title": "x" * 101}, "invalid_form", "title"),
    ({"realm": ""}, "invalid_form", "realm"),
    ({"description": "x" * 501}, "invalid_form", "description"),
    ({"terms": "x" * 2001}, "invalid_form", "terms"),
    ({"method": "cash"}, "unknown_method", "paymentMethod"),
    ({"prices": []}, "invalid_form", "prices"),
    ({"prices": [FIXED, FIXED]}, "invalid_form", "prices"),
    ({"prices": [FIXED] * 31}, "invalid_form", "prices"),
    (price(), "invalid_form", "prices[0].amount"),
    (price(amount="0"), "invalid_amount", "prices[0].amount"),
    (price(amount="1.234"), "invalid_amount", "prices[0].amount"),
    (price(currency="JPY", amount="1.5"), "invalid_amount", "prices[0].amount"),
    (price(currency="XYZ", amount="1"), "unknown_currency", "prices[0].currency"),
    (price(currency="USD", amount="1"), "currency_not_enabled", "prices[0].currency"),
    (price(amount="1", maximum="2"), "invalid_form", "prices[0].amount"),
    (price(minimum="1"), "invalid_amount", "prices[0].maximum"),
    (price(maximum="1"), "invalid_amount", "prices[0].minimum"),
    (price(minimum="2", maximum="1"), "invalid_form", "prices[0].maximum"),
    (price(minimum="1", maximum="1"), "invalid_form", "prices[0].maximum"),
    (price(minimum="1", maximum="2", presets=["3"]), "invalid_form", "prices[0].presets"),
    (price(minimum="1", maximum="2", presets=["x"]), "invalid_amount", "prices[0].presets"),
    (price(minimum="1", maximum="2", presets=["1"] * 11), "invalid_form", "prices[0].presets"),
    ({"quantity_max": 0}, "invalid_form", "quantityMax"),
    ({"quantity_max": 1001}, "invalid_form", "quantityMax"),
    ({"expires_in": 59}, "invalid_form", "expiresIn"),
    ({"expires_in": 10**30}, "invalid_form", "expiresIn"),
    (fields(*[Field(str(n)) for n in range(11)]), "invalid_form", "fields"),
    (fields(Field("a"), Field("a")), "invalid_form", "fields"),
    (fields(Field("")), "invalid_form", "fields[0].name"),
    (fields(Field("x" * 81)), "invalid_form", "fields[0].name"),
    (fields(Field("a", FieldKind.SELECT)), "invalid_form", "fields[0].options"),
    (fields(Field("a", options=("x",))), "invalid_form", "fields[0].options"),
    (fields(Field("a", FieldKind.SELECT, options=("x", "x"))), "invalid_form", "fields[0].options"),
    (fields(Field("a", FieldKind.SELECT, options=("",))), "invalid_form", "fields[0].options"),
    ({"accent": "red"}, "invalid_form", "accent"),
    ({"accent": "#165D50"}, "invalid_form", "accent"),
    ({"accent": "#165d50;}"}, "invalid_form", "accent"),
    ({"logo": "###"}, "invalid_form", "logo"),
    ({"logo": b64encode(b"<svg onload=alert(1)>").decode()}, "invalid_form", "logo"),
    ({"logo": b64encode(b"\x89PNG\r\n\x1a\n" + b"x" * 32768).decode()}, "invalid_form", "logo"),
    ({"success_url": "javascript:alert(1)"}, "invalid_form", "successUrl"),
    ({"cancel_url": "//shop.example"}, "invalid_form", "cancelUrl"),
    *(
        ({"origins": [origin]}, "invalid_form", "origins[0]")
        for origin in [
            "shop.example",
            "https://shop.example/",
            "https://shop.example/x",
            "https://Shop.example",
            "https://shop.example:443",
            "https://shop.example;script-src *",
            "https://shop.example *",
            "https://*.shop.example",
            "https://*",
            "https://me@shop.example",
            "javascript:x",
            "https://shop.example?x",
        ]
    ),
    ({"origins": ["https://shop.example"] * 21}, "invalid_form", "origins"),
]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore((Form, Event))


@pytest.fixture
def mint() -> Mint:
    return Mint(lambda n: bytes(range(n)))


@pytest.mark.parametrize(("wished", "code", "field"), REFUSED)
async def test_a_wish_that_cannot_be_met_names_its_field_and_writes_nothing(
    store, mint, wished, code, field
):
    account = mint.account()
    with pytest.raises(Problem) as refused:
        await forms.create(store, mint, account, Mode.TEST, OFFERS, wish(**wished), at=START)
    assert refused.value.kind is Kind.INVALID
    assert (refused.value.code, refused.value.members["field"]) == (code, field)
    assert not (await store.page(Form, home(account, Mode.TEST))).records


async def test_a_form_is_kept_as_it_was_wished(store, mint):
    wished = wish(
        description="Two days.",
        prices=[FREE, NewPrice(currency="KWD", amount="1.234")],
        quantity_max=1000,
        fields=[Field("Size", FieldKind.SELECT, options=("S", "M"))],
        accent="#165d50",
        logo=PNG,
        terms="No refunds.",
        origins=["https://shop.example", "http://localhost:8000", "https://shop.example"],
        success_url="https://shop.example/thanks",
        expires_in=600,
        capture=Capture.MANUAL,
    )
    made = await forms.create(store, mint, mint.account(), Mode.TEST, OFFERS, wished, at=START)
    form = await store.get(Form, made.id)
    assert form == made
    assert form.prices[0].presets == (Money(500, EUR), Money(1050, EUR), Money(10000, EUR))
    assert form.price_in("KWD").minimum == Money(1234, Currency.KWD)
    assert form.price_in("JPY") is None
    assert (form.logo.kind, form.life) == ("image/png", timedelta(minutes=10))
    assert form.origins == ("https://shop.example", "http://localhost:8000")
    assert (form.status, form.created_at, form.mode) == (FormStatus.ACTIVE, START, Mode.TEST)


async def test_a_form_is_changed_as_a_whole_but_stays_off_if_it_is_off(store, mint):
    account = mint.account()
    form = await forms.create(
        store, mint, account, Mode.TEST, OFFERS, wish(accent="#000000"), at=START
    )
    await forms.switch(store, account, Mode.TEST, form.id, on=False, at=START)
    after = await deciding(
        forms.change, store, account, Mode.TEST, form.id, OFFERS, wish(title="New"), at=START
    )
    assert (after.id, after.version, after.title) == (form.id, 3, "New")
    assert (after.accent, after.status) == ("", FormStatus.OFF)
    events = (await store.page(Event, form.partition, of=form.id)).records
    assert sorted(event.type for event in events) == [
        "form.changed",
        "form.created",
        "form.switched_off",
    ]


async def test_to_switch_it_off_twice_is_to_switch_it_off_once(store, mint):
    account = mint.account()
    form = await forms.create(store, mint, account, Mode.TEST, OFFERS, wish(), at=START)
    for _ in range(2):
        off = await forms.switch(store, account, Mode.TEST, form.id, on=False, at=START)
    assert (off.version, off.is_on) == (2, False)
    assert (await forms.switch(store, account, Mode.TEST, form.id, on=True, at=START)).is_on


async def test_nobody_gets_the_form_of_another_or_of_the_other_mode(store, mint):
    account, other = mint.account(), Mint(lambda n: b"y" * n).account()
    form = await forms.create(store, mint, account, Mode.TEST, OFFERS, wish(), at=START)
    for whose, mode in [(other, Mode.TEST), (account, Mode.LIVE)]:
        with pytest.raises(Missing):
            await forms.get(store, whose, mode, form.id)
