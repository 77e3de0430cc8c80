"""Payment methods: which of the issuers' offers an account takes its payments by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from payseal.accounts.user import User, user_of
from payseal.core.errors import Invalid
from payseal.core.event import happened
from payseal.core.ids import AccountId
from payseal.core.money import Currency
from payseal.core.offer import Offer
from payseal.core.store import Insert, Store, Update

METHODS_MAX = 50


class UnknownIssuer(Invalid):
    """No such integration is supported here."""

    code, title = "unknown_issuer", "The issuer is not known."


class UnknownMethod(Invalid):
    """The issuer does not offer that method."""

    code, title = "unknown_method", "The payment method is not known."


class CurrencyNotTaken(Invalid):
    """The issuer does not take that currency by that method."""

    code, title = "currency_not_taken", "The issuer does not take this currency."


class InvalidMethods(Invalid):
    """The list is too long, says a method twice, or one without a currency."""

    code, title = "invalid_payment_methods", "The payment methods are not valid."


async def set_methods(
    store: Store,
    offers: Sequence[Offer],
    account: AccountId,
    wished: Sequence[Offer],
    *,
    at: datetime,
) -> User:
    """Replace the account's payment methods by some of the `offers` there are."""
    if len(wished) > METHODS_MAX:
        raise InvalidMethods(f"Give at most {METHODS_MAX} methods.", field="paymentMethods")
    methods = tuple(_checked(offers, wish, index) for index, wish in enumerate(wished))
    if len({(method.issuer, method.method) for method in methods}) < len(methods):
        raise InvalidMethods("Give each method of an issuer once.", field="paymentMethods")
    user = await user_of(store, account)
    if methods == user.methods:
        return user
    user = user.use(methods)
    await store.commit(Update(user), Insert(happened("methods.changed", user, at)))
    return user


def _checked(offers: Sequence[Offer], wish: Offer, index: int) -> Offer:
    field = f"paymentMethods[{index}]"
    issuers = [offer for offer in offers if offer.issuer == wish.issuer]
    if not issuers:
        raise UnknownIssuer("See /api/issuers for those there are.", field=f"{field}.issuer")
    offered: dict[Currency, None] = {}
    for offer in issuers:
        if offer.method == wish.method:
            offered |= dict.fromkeys(offer.currencies)
    if not offered:
        raise UnknownMethod("This issuer does not offer it.", field=f"{field}.method")
    if not wish.currencies:
        raise InvalidMethods("Name at least one currency.", field=f"{field}.currencies")
    for currency in wish.currencies:
        if currency not in offered:
            raise CurrencyNotTaken(
                f"{wish.issuer} does not take {currency.value} by {wish.method}.",
                field=f"{field}.currencies",
            )
    return Offer(wish.issuer, wish.method, tuple(dict.fromkeys(wish.currencies)))
