"""The payer's form as it comes in: from our own page, small, and each field once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from litestar.types import Receive, Scope

from payseal.core.errors import Forbidden, Invalid
from payseal.web.body import header, read_body
from payseal.web.problem import HttpProblem

FORM = "application/x-www-form-urlencoded"
BODY_MAX = 16 * 1024
FIELDS_MAX = 20
# What the page of a payment has fields for, and how long each may be.
CARD_LENGTHS = {
    "number": 40,
    "expiry": 12,
    "cvc": 8,
    "name": 80,
    "email": 254,
    "attempt": 64,
    "screen": 24,
}
LOOPBACK = ("localhost", "127.0.0.1", "::1")
PORTS = {"http": 80, "https": 443}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class NotAForm(HttpProblem):
    """The Content-Type is not that of a form, or there is a Content-Encoding."""

    status, code, title = 415, "not_a_form", "This is not a form."


def check_same_site(scope: Scope, base_url: str) -> None:
    """`Forbidden` for a form that another site sends. Browsers say where a form comes from."""
    sent_from = header(scope, b"sec-fetch-site") or ["none"]
    is_ours = all(_is_origin(origin, base_url) for origin in header(scope, b"origin"))
    if not (sent_from == ["same-origin"] or (sent_from == ["none"] and is_ours)):
        raise Forbidden("The form was sent by another site.")


async def read_form(scope: Scope, receive: Receive, lengths: Mapping[str, int]) -> dict[str, str]:
    """The fields that are in `lengths`, absent ones as empty texts; what else was sent is left out.

    Raises `NotAForm`, `BodyTooLarge` or `Invalid`.
    """
    encodings = header(scope, b"content-encoding")
    kinds = [line.partition(";")[0].strip().lower() for line in header(scope, b"content-type")]
    if kinds != [FORM] or any(line.strip().lower() != "identity" for line in encodings):
        raise NotAForm(f"Send it as {FORM}.")
    sent = _parse(await read_body(scope, receive, BODY_MAX))
    if len({name for name, _ in sent}) < len(sent) or any(_CONTROL.search(t) for _, t in sent):
        raise Invalid("The form cannot be read.")
    # One more than is allowed: what is too long stays so, and its own check refuses it.
    found = {name: text[: lengths[name] + 1] for name, text in sent if name in lengths}
    return dict.fromkeys(lengths, "") | found


def _is_origin(origin: str, base_url: str) -> bool:
    """Whether both are one place; the names of this machine are one."""
    try:
        return _place(origin) == _place(base_url)
    except ValueError:
        return False


def _place(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    host = "localhost" if parts.hostname in LOOPBACK else parts.hostname
    return parts.scheme, host, parts.port or PORTS.get(parts.scheme)


def _parse(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError:
        # Not chained: the message of the cause may quote what was typed.
        raise Invalid("The form cannot be read.") from None
