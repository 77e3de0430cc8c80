"""Signature: how who hears a message knows whose it is (Standard Webhooks 1.0.0, v1)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import datetime

SECRET_BYTES = 24
TOLERANCE_S = 300  # how old a message may be, or how far ahead its clock
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
SECRET_PREFIX = "whsec_"  # noqa: S105  the public part of every secret


def new_secret(entropy: Callable[[int], bytes]) -> str:
    """A `whsec_…` for one endpoint."""
    return SECRET_PREFIX + base64.b64encode(entropy(SECRET_BYTES)).decode()


def sign(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """`v1,…`: HMAC-SHA256 over `id.timestamp.body`, the time in seconds."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    signed = b"%s.%d.%s" % (id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def signed_headers(secret: str, id: str, body: bytes, *, at: datetime) -> dict[str, str]:
    """The headers of one attempt: the id stays, the time is that of this attempt."""
    timestamp = int(at.timestamp())
    return {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, id, timestamp, body),
    }


def is_signed(secret: str, body: bytes, headers: Mapping[str, str], *, at: datetime) -> bool:
    """Whether who has the secret signed these very bytes, a few minutes ago at most.

    The names of the headers are in small letters. Of several signatures one has to be right.
    """
    id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if _SECONDS.fullmatch(sent) is None or abs(int(sent) - at.timestamp()) > TOLERANCE_S:
        return False
    right = sign(secret, id, int(sent), body).encode()
    given = headers.get("webhook-signature", "").encode("latin-1", "replace").split(b" ")
    return any(hmac.compare_digest(right, each) for each in given)
