"""3-D Secure before an issuer of cards, as docs/sandbox-3ds.md has it (EMV 3-D Secure 2.2)."""

from __future__ import annotations

from payseal.issuers.three_ds.asking import Asking
from payseal.issuers.three_ds.server import Server

__all__ = ["Asking", "Server"]
