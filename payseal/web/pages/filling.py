"""Filling: a payment form as its page shows it, with what was typed and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from payseal.core.card import holds_number
from payseal.core.ids import Mode
from payseal.links import Form, submission
from payseal.web.pages.address import web_address


class Asking(msgspec.Struct, frozen=True):
    """A field of the form's own, and what was typed into it."""

    key: str
    name: str
    kind: str
    required: bool
    options: tuple[str, ...]
    value: str


def filling(
    form: Form,
    currency: str,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """What the templates may know of a form."""
    price = form.price_in(currency) or form.prices[0]
    typed, errors = typed or {}, errors or {}
    presets = [str(preset) for preset in price.presets]
    fields = [
        Asking(key, each.name, each.kind.value, each.required, each.options, _again(typed, key))
        for each, key in (
            (each, submission.field_key(index)) for index, each in enumerate(form.fields)
        )
    ]
    labels = {submission.AMOUNT: "Amount", submission.QUANTITY: "Quantity"} | {
        each.key: each.name for each in fields
    }
    return {
        "form": form,
        "test": form.mode is Mode.TEST,
        "merchant": form.realm,
        "currency": price.currency.value,
        "currencies": [each.currency.value for each in form.prices],
        "fixed": str(price.minimum) if price.is_fixed else "",
        "minimum": str(price.minimum),
        "maximum": str(price.maximum),
        "presets": presets,
        "preset": typed.get(submission.PRESET) or (presets[0] if presets else ""),
        "amount": _again(typed, submission.AMOUNT),
        "quantity": _again(typed, submission.QUANTITY) or "1",
        "fields": fields,
        "labels": labels,
        "cancel_url": web_address(form.cancel_url),
        "errors": {key: errors[key] for key in labels if key in errors},
    }


def _again(typed: Mapping[str, str], key: str) -> str:
    """What was typed, unless it may be a card's number: such a page is not made."""
    text = typed.get(key, "")
    return "" if holds_number(text) else text
