from __future__ import annotations

from datetime import timedelta

import pytest

from payseal import links
from payseal.core.errors import Kind, Problem
from payseal.core.ids import Mode, homes
from payseal.core.money import Money
from payseal.core.offer import Offer
from payseal.links import Link, LinkStatus
from tests.shop import EUR, JPY, KWD, START

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
MICRO = timedelta(microseconds=1)
REFUSED = [  # wish, code, field
    *(({"amount": text}, "invalid_amount", "amount") for text in ["0", "-1", "12.345", "1e3"]),
    *(({"amount": text}, "invalid_amount", "amount") for text in ["NaN", "1_000", "١٢", "12.50\n"]),
    ({"amount": "9" * 20}, "invalid_amount", "amount"),
    ({"amount": "12.5", "currency": "JPY"}, "invalid_amount", "amount"),
    ({"currency": "XYZ"}, "unknown_currency", "currency"),
    ({"currency": "eur"}, "unknown_currency", "currency"),
    ({"currency": "USD"}, "currency_not_enabled", "currency"),
    ({"method": "cash"}, "unknown_method", "paymentMethod"),
    ({"method": ""}, "unknown_method", "paymentMethod"),
    ({"realm": ""}, "invalid_payment", "realm"),
    ({"realm": "x" * 101}, "invalid_payment", "realm"),
    ({"description": "x" * 501}, "invalid_payment", "description"),
    *(({"max_payments": n}, "invalid_payment", "maxPayments") for n in [0, -1, 1001, 10**30]),
    *(({"expires_in": n}, "invalid_expiry", "expiresIn") for n in [59, 0, -1, -(10**30)]),
    ({"expires_in": 90 * 86400 + 1}, "invalid_expiry", "expiresIn"),
    ({"expires_in": 10**30}, "invalid_expiry", "expiresIn"),
    ({"expires_at": START}, "invalid_expiry", "expiresAt"),
    ({"expires_at": START - DAY}, "invalid_expiry", "expiresAt"),
    ({"expires_at": START + 60 * SECOND - MICRO}, "invalid_expiry", "expiresAt"),
    ({"expires_at": START + 90 * DAY + MICRO}, "invalid_expiry", "expiresAt"),
    ({"expires_in": 60, "expires_at": START + DAY}, "invalid_expiry", "expiresAt"),
    *(
        ({name: url}, "invalid_payment", field)
        for name, field in [("success_url", "successUrl"), ("cancel_url", "cancelUrl")]
        for url in [
            "shop.example",
            "/thanks",
            "//shop.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://shop.example",
            "https://",
            "https://user:secret@shop.example",
            "https://shop.example\\@evil.example",
            "https://shop.example/ x",
            "https://shop.example/\n",
            "https://[::1",
            "https://shop.example/" + "x" * 2000,
        ]
    ),
    ({"metadata": {str(n): "" for n in range(21)}}, "invalid_payment", "metadata"),
    ({"metadata": {"": "x"}}, "invalid_payment", "metadata"),
    ({"metadata": {"x" * 41: ""}}, "invalid_payment", "metadata"),
    ({"metadata": {"x": "y" * 501}}, "invalid_payment", "metadata"),
]
EXPIRIES = [
    ({}, 24 * 3600 * SECOND),
    ({"expires_in": 60}, 60 * SECOND),
    ({"expires_in": 90 * 86400}, 90 * DAY),
    ({"expires_at": START + 60 * SECOND}, 60 * SECOND),
    ({"expires_at": START + 90 * DAY}, 90 * DAY),
]
FULL = {
    "description": "x" * 500,
    "realm": "r" * 100,
    "max_payments": 1000,
    "success_url": "https://shop.example/thanks?order=7",
    "cancel_url": "http://localhost:8080/",
    "metadata": {"n" * 40: "t" * 500} | {str(n): "" for n in range(19)},
}


@pytest.mark.parametrize(("wish", "code", "field"), REFUSED)
async def test_a_wish_that_cannot_be_met_names_its_field_and_writes_nothing(
    shop, wish, code, field
):
    with pytest.raises(Problem) as refused:
        await shop.link(**wish)
    assert refused.value.kind is Kind.INVALID
    assert (refused.value.code, refused.value.members["field"]) == (code, field)
    assert shop.dump() == b""


@pytest.mark.parametrize(
    ("amount", "currency", "money"),
    [
        ("12.50", "EUR", Money(1250, EUR)),
        ("1200", "JPY", Money(1200, JPY)),
        ("1.234", "KWD", Money(1234, KWD)),
    ],
)
async def test_a_link_asks_for_the_amount_in_minor_units(shop, amount, currency, money):
    link = await shop.link(amount=amount, currency=currency)
    assert (link.amount, str(link.amount)) == (money, amount)


async def test_a_link_is_kept_as_it_was_wished_and_told_in_the_same_commit(shop):
    link = await shop.link(**FULL)
    assert await shop.store.get(Link, link.id) == link
    for name, wished in FULL.items():
        assert getattr(link, name) == wished
    assert (link.status, link.version) == (LinkStatus.OPEN, 1)
    assert link.partition in homes(shop.account, Mode.TEST, shop.shards)
    (event,) = await shop.events()
    assert (event.type, event.resource, event.at) == ("link.created", link.id, START)


@pytest.mark.parametrize(("wish", "life"), EXPIRIES)
async def test_a_link_lives_from_a_minute_to_ninety_days(shop, wish, life):
    link = await shop.link(**wish)
    assert link.expires_at == START + life


@pytest.mark.parametrize("max_payments", [1, 2, 1000, None])
async def test_a_link_may_be_paid_once_or_up_to_a_thousand_times_or_without_end(shop, max_payments):
    assert (await shop.link(max_payments=max_payments)).max_payments == max_payments


@pytest.mark.parametrize(
    ("currency", "issuer"), [("EUR", "first"), ("JPY", "second"), ("KWD", "third")]
)
async def test_the_first_issuer_that_takes_the_currency_gets_it(shop, currency, issuer):
    offers = [
        Offer("other", "transfer", (EUR, JPY, KWD)),
        Offer("first", "card", (EUR,)),
        Offer("second", "card", (EUR, JPY)),
        Offer("third", "card", (KWD, JPY)),
    ]
    new = shop.wish(currency=currency, amount="1")
    link = await links.create(
        shop.store, shop.mint, shop.account, Mode.TEST, offers, new, at=shop.at
    )
    assert link.issuer == issuer


async def test_a_refusal_says_what_is_enabled(shop):
    with pytest.raises(links.CurrencyNotEnabled) as refused:
        await shop.link(currency="USD")
    assert refused.value.members["enabled"] == ["EUR", "JPY", "KWD"]
    with pytest.raises(links.UnknownMethod) as refused:
        await shop.link(method="cash")
    assert refused.value.members["enabled"] == ["card"]
    with pytest.raises(links.UnknownMethod):
        await links.create(
            shop.store, shop.mint, shop.account, Mode.TEST, (), shop.wish(), at=shop.at
        )
