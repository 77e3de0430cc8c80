"""Card numbers: which the bank knows, what it says to them, and when."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Final

from payseal_sandbox import authentications
from payseal_sandbox.authentications import Authentication
from payseal_sandbox.codes import Code


class Delivery(Enum):
    """What becomes of the answer to a purchase with this card."""

    AT_ONCE = auto()
    SLOWLY = auto()
    NEVER = auto()


@dataclass(frozen=True, slots=True)
class Trace:
    """All that the book keeps of a card."""

    brand: str = "unknown"
    last_four: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A card as it was read from a purchase; it is never stored."""

    number: str = field(repr=False)
    expires_year: int
    expires_month: int

    @property
    def last_four(self) -> str:
        """All that anyone is shown of the number."""
        return self.number[-4:]

    @property
    def brand(self) -> str:
        """By the first digits of the number."""
        if self.number.startswith("4"):
            return "visa"
        if self.number.startswith(("34", "37")):
            return "amex"
        if "51" <= self.number[:2] <= "55" or "2221" <= self.number[:4] <= "2720":
            return "mastercard"
        return "unknown"

    def expired(self, at: datetime) -> bool:
        """Past the last day of its month."""
        return (self.expires_year, self.expires_month) < (at.year, at.month)

    def trace(self, key: bytes) -> Trace:
        """The same for the same number; its fingerprint is of no use to whoever lacks the key."""
        fingerprint = hmac.digest(key, self.number.encode(), hashlib.sha256).hex()[:32]
        return Trace(self.brand, self.last_four, fingerprint)


KNOWN: Final = {
    "4242424242424242": Code.OK,
    "5555555555554444": Code.OK,
    "378282246310005": Code.OK,
    "4000000000000002": Code.DECLINED,
    "4000000000009995": Code.INSUFFICIENT_FUNDS,
    "4000000000000069": Code.EXPIRED_CARD,
    "4000000000000119": Code.SYSTEM_ERROR,
    "4000000000005126": Code.OK,
    "4000000000000259": Code.OK,
    "4000000000000010": Code.PARTLY,
    "4000000000009987": Code.LOST_CARD,
    "4000000000009979": Code.STOLEN_CARD,
    "5555555555550004": Code.KEEP_CARD,
    "4000000000003055": Code.OK,
    "5200000000003050": Code.OK,
    "4000000000003220": Code.OK,
    "5200000000003225": Code.OK,
    "4000000000003246": Code.OK,
    "4000000000003063": Code.ASK_THE_HOLDER,
    "5200000000003068": Code.ASK_THE_HOLDER_TOO,
    "4000000000003097": Code.OK,
    "4000000000003105": Code.OK,
    "4000000000003113": Code.OK,
    "4000000000003121": Code.OK,
}
_ASKING: Final = (Code.ASK_THE_HOLDER, Code.ASK_THE_HOLDER_TOO)
_DELIVERIES: Final = {
    "4000000000005126": Delivery.NEVER,
    "4000000000000259": Delivery.SLOWLY,
}


def judge(card: Card, amount: int, at: datetime) -> Code:
    """What the issuer of the card says."""
    if amount == 0:
        return Code.INVALID_AMOUNT
    if card.expired(at):
        return Code.EXPIRED_CARD
    return KNOWN.get(card.number, Code.NO_SUCH_CARD)


def part(amount: int) -> int:
    """What a card that approves a part approves of an amount: half of it, rounded down."""
    return amount // 2


def ask_for_proof(
    code: Code, card: Card, shown: Authentication | None, key: bytes, money: str
) -> Code:
    """The same, held against what the charge says of its holder."""
    if shown is None:
        return code
    if not authentications.is_proved(key, card.number, shown, card.brand, money):
        return Code.NOT_PROVED
    asked = shown.eci == authentications.eci(card.brand, "Y")
    return Code.OK if code in _ASKING and asked else code


def delivery(card: Card) -> Delivery:
    """Whether and when the answer leaves, whatever it says."""
    return _DELIVERIES.get(card.number, Delivery.AT_ONCE)
