"""Retry: whether a declined card may be tried again, by its scheme's rules for the code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

import msgspec

CODE_CHARS = 2  # of a response code, ISO 8583 field 39; other codes are a provider's own


class Retry(StrEnum):
    """What has to be so before the same card is tried again."""

    NEVER = "never"  # the scheme forbids it, and takes a fee for it
    LATER = "later"  # at another time, or at another acquirer
    CORRECTED = "corrected"  # with other details
    AUTHENTICATED = "authenticated"  # with 3-D Secure


class Rules(msgspec.Struct, frozen=True):
    """One scheme's, as they were on a day. A code that they do not name may be tried later."""

    on: date
    source: str
    codes: Mapping[Retry, tuple[str, ...]]

    def of(self, code: str) -> Retry:
        """What they make of a response code."""
        return next((retry for retry, codes in self.codes.items() if code in codes), Retry.LATER)


RULES: Mapping[str, Rules] = {
    "visa": Rules(
        date(2022, 4, 29),
        "Visa's decline categories 1 (never), 3 (corrected), 2 and 4 (later), as checkout.com "
        "publishes them under Visa response code categories",
        {
            Retry.NEVER: ("04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3"),
            Retry.CORRECTED: ("54", "55", "63", "70", "82", "6P", "N7"),
            Retry.AUTHENTICATED: ("1A",),
        },
    ),
    # Where no merchant advice code comes along, a decline for security is read as 03, do not retry.
    "mastercard": Rules(
        date(2023, 4, 14),
        "Mastercard's groups 79 (life cycle), 82 (policy), 83 (security), as CyberSource's mandate "
        "of that day has them, and maast.com under Mastercard's decline code grouping and MAC",
        {
            Retry.NEVER: ("04", "07", "12", "14", "15", "41", "43", "46", "57", "62", "63"),
            Retry.CORRECTED: ("54", "55", "82", "N7"),
            Retry.AUTHENTICATED: ("65", "1A"),
        },
    ),
}
OTHERS = Rules(
    date(2026, 12, 1),
    "No scheme's rules: what the codes mean in ISO 8583:1987",
    {
        Retry.NEVER: ("04", "07", "14", "15", "41", "43", "46", "57"),
        Retry.CORRECTED: ("54", "55", "82", "N7"),
        Retry.AUTHENTICATED: ("65", "1A"),
    },
)


def retry_of(scheme: str, code: str) -> Retry | None:
    """By the scheme's rules; None for a code that is none of field 39."""
    return RULES.get(scheme, OTHERS).of(code) if len(code) == CODE_CHARS else None
