"""Tried: an issuer that was asked in vain, before another one was asked in the same attempt."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Tried(msgspec.Struct, frozen=True, omit_defaults=True):
    """It declined, with its `code`; or nothing could be sent to it."""

    issuer: str
    reference: str  # what it may know the operation by
    at: datetime
    reason: str
    code: str = ""
