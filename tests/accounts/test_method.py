from __future__ import annotations

import pytest

from payseal.accounts import (
    CurrencyNotTaken,
    InvalidMethods,
    UnknownIssuer,
    UnknownMethod,
    set_methods,
    user_of,
)
from payseal.core.errors import Missing
from payseal.core.event import Event
from payseal.core.ids import AccountId, home
from payseal.core.money import Currency
from payseal.core.offer import Offer

EUR, USD, JPY, CHF = Currency.EUR, Currency.USD, Currency.JPY, Currency.CHF
OFFERS = (
    Offer("sandbox", "card", (EUR, USD)),
    Offer("sandbox", "card", (JPY,)),
    Offer("bank", "debit", (CHF,)),
)
CARD = Offer("sandbox", "card", (USD, EUR))


async def test_the_list_is_replaced_in_the_order_given(user, store, events, at):
    await set_methods(store, OFFERS, user.account, [OFFERS[2], CARD], at=at)
    again = await set_methods(store, OFFERS, user.account, [CARD], at=at)

    assert again.methods == (CARD,)
    assert await user_of(store, user.account) == again
    assert (await events(user.account)).count("methods.changed") == 2
    page = await store.page(Event, home(user.account))
    told = next(event.data for event in page.records if event.seq == again.version)
    assert told["paymentMethods"] == [
        {"issuer": "sandbox", "method": "card", "currencies": ["USD", "EUR"]}
    ]


async def test_the_same_list_again_changes_nothing(user, store, events, at):
    first = await set_methods(store, OFFERS, user.account, [CARD], at=at)
    second = await set_methods(store, OFFERS, user.account, [CARD], at=at)

    assert first == second
    assert (await events(user.account)).count("methods.changed") == 1


@pytest.mark.parametrize(
    ("wished", "methods"),
    [
        ([], ()),
        ([Offer("sandbox", "card", (JPY, EUR))], (Offer("sandbox", "card", (JPY, EUR)),)),
        ([Offer("sandbox", "card", (EUR, EUR))], (Offer("sandbox", "card", (EUR,)),)),
    ],
    ids=["none", "of two offers", "a currency twice"],
)
async def test_methods_may_be(user, store, at, wished, methods):
    assert (await set_methods(store, OFFERS, user.account, wished, at=at)).methods == methods


@pytest.mark.parametrize(
    ("wished", "refusal", "field"),
    [
        ([Offer("nobody", "card", (EUR,))], UnknownIssuer, "paymentMethods[0].issuer"),
        ([CARD, Offer("sandbox", "cash", (EUR,))], UnknownMethod, "paymentMethods[1].method"),
        ([Offer("bank", "card", (CHF,))], UnknownMethod, "paymentMethods[0].method"),
        (
            [Offer("sandbox", "card", (EUR, CHF))],
            CurrencyNotTaken,
            "paymentMethods[0].currencies",
        ),
        ([Offer("sandbox", "card", ())], InvalidMethods, "paymentMethods[0].currencies"),
        ([CARD, Offer("sandbox", "card", (JPY,))], InvalidMethods, "paymentMethods"),
        ([CARD] * 51, InvalidMethods, "paymentMethods"),
    ],
)
async def test_methods_may_not_be(user, store, at, wished, refusal, field):
    with pytest.raises(refusal) as refused:
        await set_methods(store, OFFERS, user.account, wished, at=at)

    assert refused.value.members == {"field": field}
    assert (await user_of(store, user.account)).methods == ()


async def test_methods_of_nobody_are_missing(store, at):
    with pytest.raises(Missing):
        await set_methods(store, OFFERS, AccountId("0" * 12), [CARD], at=at)
