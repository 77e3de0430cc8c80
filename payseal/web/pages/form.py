"""The payer's form as it comes in: from our own page, small, and each field once."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.status_codes import (
    HTTP_400_BAD_REQUEST,
    HTTP_403_FORBIDDEN,
    HTTP_415_UNSUPPORTED_MEDIA_TYPE,
)

AnyRequest = Request[Any, Any, Any]

BODY_MAX = 16 * 1024
FIELDS_MAX = 20
# What the page has fields for, and how long each may be.
LENGTHS = {"number": 40, "expiry": 12, "cvc": 8, "name": 80, "email": 254, "attempt": 64}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def check_same_site(request: AnyRequest) -> None:
    """Refuse a form that another site sends (403). Browsers say where a form comes from."""
    sent_from = request.headers.get("sec-fetch-site")
    if sent_from is not None:
        ours = sent_from in {"same-origin", "none"}
    else:
        origin = request.headers.get("origin")
        ours = origin is None or origin.partition("://")[2] == request.headers.get("host")
    if not ours:
        raise HTTPException(status_code=HTTP_403_FORBIDDEN, detail="cross-site form")


async def read_form(request: AnyRequest) -> dict[str, str]:
    """The fields that we know, absent ones as empty texts; what else was sent is left out.

    Raises HTTP 400, 413 or 415 for what is no form.
    """
    if request.content_type[0] != "application/x-www-form-urlencoded":
        raise HTTPException(status_code=HTTP_415_UNSUPPORTED_MEDIA_TYPE, detail="not a form")
    sent = _parse(await request.body())
    if len({name for name, _ in sent}) < len(sent) or any(_CONTROL.search(t) for _, t in sent):
        raise HTTPException(status_code=HTTP_400_BAD_REQUEST, detail="not a form of ours")
    # One more than is allowed: what is too long stays so, and its own check refuses it.
    found = {name: text[: LENGTHS[name] + 1] for name, text in sent if name in LENGTHS}
    return dict.fromkeys(LENGTHS, "") | found


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
        raise HTTPException(status_code=HTTP_400_BAD_REQUEST, detail="not a form of ours") from None
