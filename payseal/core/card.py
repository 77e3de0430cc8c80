"""Card: what a payer types, kept in memory only, and a security code that cannot get out."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NoReturn

from payseal.core.errors import Invalid

NAME_MAX = 80
NOT_HERE = "Please type the card number into its own field only."
LOOKED_AT_MAX = 254  # as long as an e-mail address may be
YEARS_MAX = 20  # no card is valid for longer
# Brand, first digits, lengths, digits of the security code (ISO/IEC 7812-1; the schemes' rules).
_BRANDS = (
    ("amex", re.compile(r"3[47]"), (15,), 4),
    ("mastercard", re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,), 3),
    ("discover", re.compile(r"6011|64[4-9]|65"), (16, 17, 18, 19), 3),
    ("jcb", re.compile(r"35(2[89]|[3-8])"), (16, 17, 18, 19), 3),
    ("diners", re.compile(r"3(0[0-5]|[689])"), (14, 16, 17, 18, 19), 3),
    ("unionpay", re.compile(r"62"), (16, 17, 18, 19), 3),
    ("visa", re.compile(r"4"), (13, 16, 19), 3),
)
_EXPIRY = re.compile(r"\s*(0?[1-9]|1[0-2])\s*[/-]?\s*(?:20)?([0-9]{2})\s*", re.ASCII)


class InvalidCard(Invalid):
    """The member `fields` says what is wrong with which field; never what was typed."""

    code, title = "invalid_card", "The card details are not valid."


class SecurityCode:
    """The three or four digits: not printed, pickled, encoded or compared, only revealed."""

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        self._digits = digits

    def reveal(self) -> str:
        """For the connector that puts it on the wire, and for nobody else."""
        return self._digits

    def __repr__(self) -> str:
        return "SecurityCode(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a security code is never stored (PCI DSS 3.3.1)")


class Card:
    """A card as typed by its holder. Its text shows the brand and the last four digits only."""

    __slots__ = ("brand", "code", "expires_month", "expires_year", "name", "number")

    def __init__(
        self, number: str, expires_year: int, expires_month: int, code: SecurityCode, name: str
    ) -> None:
        self.number, self.name, self.code = number, name, code
        self.expires_year, self.expires_month = expires_year, expires_month
        self.brand = brand_of(number)

    @classmethod
    def parse(cls, typed: Mapping[str, str], *, at: datetime) -> Card:
        """Read the fields `number, expiry, cvc, name`; `InvalidCard` with a reason per field."""
        wrong: dict[str, str] = {}
        number = re.sub(r"[ -]", "", typed.get("number", ""))
        if not re.fullmatch(r"[0-9]{12,19}", number, re.ASCII) or not _luhn(number):
            wrong["number"] = "This is not a card number. Please check the digits."
        elif brand_of(number) == "unknown":
            wrong["number"] = "We do not know this kind of card."
        year, month = _expiry(typed.get("expiry", ""), at, wrong)
        cvc, digits = typed.get("cvc", "").strip(), _code_digits(number)
        if not re.fullmatch(rf"[0-9]{{{digits}}}", cvc, re.ASCII):
            wrong["cvc"] = f"The security code has {digits} digits."
        name = " ".join(typed.get("name", "").split())
        if len(name) > NAME_MAX:
            wrong["name"] = f"The name may have {NAME_MAX} characters."
        elif holds_number(name):
            wrong["name"] = NOT_HERE
        if wrong:
            raise InvalidCard("Please correct the card details.", fields=wrong)
        return cls(number, year, month, SecurityCode(cvc), name)

    @property
    def last4(self) -> str:
        """The last four digits: with the brand all that is ever kept (PCI DSS 3.4.1)."""
        return self.number[-4:]

    def fingerprint(self, key: bytes) -> str:
        """The same for the same number, and of no use without the key (PCI DSS 3.5.1.1)."""
        return hmac.new(key, self.number.encode(), hashlib.sha256).hexdigest()[:20]

    def __repr__(self) -> str:
        return f"Card({self.brand} …{self.last4})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a card stays in memory")


def holds_number(text: str) -> bool:
    """Whether a card number may stand where none belongs: it would be stored in clear."""
    if len(text) > LOOKED_AT_MAX:
        return True
    # As a person reads it: full-width digits are digits, and what is no letter parts or is unseen.
    plain = unicodedata.normalize("NFKC", text)
    runs = re.findall(r"[0-9](?:[\W_]*[0-9]){11,}", plain)
    return any(_is_number(re.sub(r"[^0-9]", "", run)) for run in runs)


def _is_number(digits: str) -> bool:
    """Whether any part of the digits is the number of a card of a known brand."""
    return any(
        brand_of(part) != "unknown" and _luhn(part)
        for length in range(12, 20)
        for first in range(len(digits) - length + 1)
        if (part := digits[first : first + length])
    )


def brand_of(number: str) -> str:
    """The scheme by the first digits, or `unknown`."""
    for brand, first, lengths, _ in _BRANDS:
        if first.match(number) and len(number) in lengths:
            return brand
    return "unknown"


def _code_digits(number: str) -> int:
    return next((n for _, first, _, n in _BRANDS if first.match(number)), 3)


def _expiry(text: str, at: datetime, wrong: dict[str, str]) -> tuple[int, int]:
    match = _EXPIRY.fullmatch(text)
    if match is None:
        wrong["expiry"] = "Give month and year, such as 09/29."
        return 0, 0
    month, year = int(match[1]), 2000 + int(match[2])
    now = at.astimezone(UTC)
    if (year, month) < (now.year, now.month):
        wrong["expiry"] = "This card has expired."
    elif year > now.year + YEARS_MAX:
        wrong["expiry"] = "Please check the year."
    return year, month


def _luhn(number: str) -> bool:
    """The check digit of ISO/IEC 7812-1, annex B."""
    digits = [int(digit) for digit in reversed(number)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
