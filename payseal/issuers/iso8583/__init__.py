"""The connector to hosts that speak ISO 8583 over TCP, as docs/sandbox-iso8583.md has it."""

from __future__ import annotations

from payseal.issuers.iso8583.address import Address
from payseal.issuers.iso8583.connector import Iso8583
from payseal.issuers.iso8583.times import Times
from payseal.issuers.iso8583.wire import scrub

__all__ = ["Address", "Iso8583", "Times", "scrub"]
