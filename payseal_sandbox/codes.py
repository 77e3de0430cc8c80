"""Response codes: field 39."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """What an answer says; docs/sandbox-iso8583.md, chapter 7."""

    OK = "00"
    KEEP_CARD = "04"
    DECLINED = "05"
    PARTLY = "10"
    INVALID_TRANSACTION = "12"
    INVALID_AMOUNT = "13"
    NO_SUCH_CARD = "14"
    NOT_FOUND = "25"
    FORMAT_ERROR = "30"
    NOT_SUPPORTED = "40"
    LOST_CARD = "41"
    STOLEN_CARD = "43"
    INSUFFICIENT_FUNDS = "51"
    EXPIRED_CARD = "54"
    NOT_SIGNED_ON = "58"
    NOT_PROVED = "63"
    WRONG_AMOUNT = "64"
    ASK_THE_HOLDER_TOO = "65"
    ALREADY_REVERSED = "79"
    DUPLICATE = "94"
    SYSTEM_ERROR = "96"
    ASK_THE_HOLDER = "1A"
