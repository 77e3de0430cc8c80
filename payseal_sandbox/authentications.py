"""The proof of an authentication: made by the ACS, checked where the charge is judged."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

CAVV_BYTES: Final = 20
# By brand: the holder was asked; their bank was, and does not take part; nobody was.
_INDICATORS: Final = {"mastercard": ("02", "01", "00")}
_INDICATORS_ELSE: Final = ("05", "06", "07")


@dataclass(frozen=True, slots=True)
class Authentication:
    """Subelements 42, 43 and 66 of a charge."""

    eci: str
    cavv: str
    ds_transaction: str


def eci(brand: str, status: str) -> str:
    """The electronic commerce indicator of a transStatus."""
    full, attempted, none = _INDICATORS.get(brand, _INDICATORS_ELSE)
    return {"Y": full, "A": attempted}.get(status, none)


def prove(key: bytes, number: str, ds_transaction: str, eci: str, money: str) -> str:
    """Twenty bytes, in base64, that only this bank can make: of this card and this money."""
    text = f"cavv {number} {ds_transaction} {eci} {money}"
    made = hmac.digest(key, text.encode(), hashlib.sha256)[:CAVV_BYTES]
    return base64.b64encode(made).decode()


def is_proved(key: bytes, number: str, shown: Authentication, brand: str, money: str) -> bool:
    """Whether a charge may say what it says: without a CAVV only that nobody was asked."""
    if not shown.cavv:
        return shown.eci == eci(brand, "")
    proof = prove(key, number, shown.ds_transaction, shown.eci, money)
    return hmac.compare_digest(proof, shown.cavv)
