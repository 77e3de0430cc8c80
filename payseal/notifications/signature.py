"""Signature: how an endpoint knows that a message is ours (Standard Webhooks 1.0.0, v1)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime

SECRET_BYTES = 24
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
