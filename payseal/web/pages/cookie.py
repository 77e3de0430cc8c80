"""The cookie that names a payer's attempt: signed, and good for one link only."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from datetime import timedelta

from litestar.types import Scope

from payseal.core.master import MasterKey
from payseal.web.body import header

NAME = "payseal_attempt"
PURPOSE = "attempt cookie"
# Who pays a short link in its last second may still look at the outcome for so long.
LIFE_MIN = timedelta(hours=1)
_VALUE = re.compile(r"([0-9a-z]{1,64})\.([0-9A-Za-z_-]{43})", re.ASCII)


def attempt_cookie(
    master: MasterKey, token: str, attempt: str, life: timedelta, *, secure: bool
) -> str:
    """Lets this browser, and nobody else, see what became of the attempt (RFC 6265, 4.1)."""
    age = int(max(life, LIFE_MIN).total_seconds())
    facts = f"Max-Age={age}; Path=/p/{token}; SameSite=lax; HttpOnly"
    value = f"{attempt}.{_seal(master, token, attempt)}"
    return f"{NAME}={value}; {facts}{'; Secure' if secure else ''}"


def cookie_of(scope: Scope) -> str | None:
    """The cookie that the browser sent; of several the one of the longest path (RFC 6265, 5.4)."""
    for line in header(scope, b"cookie"):
        for pair in line.split(";"):
            name, equals, value = pair.strip().partition("=")
            if equals and name == NAME:
                return value
    return None


def attempt_of(master: MasterKey, token: str, value: str | None) -> str | None:
    """The attempt that the cookie names; None if it was not made here, or for another link."""
    match = _VALUE.fullmatch(value or "")
    if match is None or not hmac.compare_digest(match[2], _seal(master, token, match[1])):
        return None
    return match[1]


def _seal(master: MasterKey, token: str, attempt: str) -> str:
    # Neither a token nor an attempt has a line feed, so the two cannot run into each other.
    sealed = hmac.digest(master.key(PURPOSE), f"{token}\n{attempt}".encode(), "sha256")
    return urlsafe_b64encode(sealed).rstrip(b"=").decode()
