"""Frames and fields of ISO 8583, as docs/sandbox-iso8583.md has them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import iso8583

FRAME_MAX: Final = 2048
IDLE_S: Final = 300
PARTIAL_FRAME_S: Final = 30
_REQUEST_DIGITS: Final = "02468"  # the third of a message type; answers have odd ones

# A message is its type under "t" and its fields under their numbers.
Fields = Mapping[str, str]


class Unreadable(Exception):
    """These bytes are no message of the specification."""


@dataclass(frozen=True, slots=True)
class Field:
    """One row of the specification's field table."""

    name: str
    format: str
    length: str  # "12" is exactly 12, "..19" up to 19, "...999" up to 999

    @property
    def length_digits(self) -> int:
        """How many digits stand before a value of variable length."""
        return self.length.count(".")

    @property
    def length_max(self) -> int:
        """The characters of a value: exactly so many, or at most."""
        return int(self.length.lstrip("."))

    def pattern(self) -> re.Pattern[str]:
        """What a value of this field looks like."""
        at_least = 1 if self.length_digits else self.length_max
        characters = {"n": "[0-9]", "an": "[A-Za-z0-9]", "ans": "[ -~]", "hex": "[0-9A-F]"}
        return re.compile(f"{characters[self.format]}{{{at_least},{self.length_max}}}", re.ASCII)


FIELDS: Final[Mapping[str, Field]] = {
    "t": Field("message type", "n", "4"),
    "p": Field("primary bitmap", "hex", "16"),
    "1": Field("secondary bitmap", "hex", "16"),
    "2": Field("card number", "n", "..19"),
    "3": Field("processing code", "n", "6"),
    "4": Field("amount", "n", "12"),
    "7": Field("transmission date and time", "n", "10"),
    "11": Field("system trace audit number (STAN)", "n", "6"),
    "12": Field("local time", "n", "6"),
    "13": Field("local date", "n", "4"),
    "14": Field("expiry", "n", "4"),
    "18": Field("merchant category", "n", "4"),
    "22": Field("entry mode", "n", "3"),
    "25": Field("condition code", "n", "2"),
    "32": Field("acquirer", "n", "..11"),
    "37": Field("reference (RRN)", "an", "12"),
    "38": Field("approval code", "an", "6"),
    "39": Field("response code", "an", "2"),
    "41": Field("terminal", "ans", "8"),
    "42": Field("merchant", "ans", "15"),
    "43": Field("merchant's name and place", "ans", "40"),
    "44": Field("additional response data", "ans", "..25"),
    "48": Field("private data", "ans", "...999"),
    "49": Field("currency", "n", "3"),
    "70": Field("network management code", "n", "3"),
    "90": Field("original data elements", "n", "42"),
}
_PATTERNS: Final = {number: field.pattern() for number, field in FIELDS.items()}


def _spec() -> dict[str, dict[str, str | int]]:
    """The field table, as pyiso8583 wants it."""
    text: dict[str, str | int] = {"data_enc": "ascii", "len_enc": "ascii"}
    spec = {
        number: text
        | {"len_type": field.length_digits, "max_len": field.length_max, "desc": field.name}
        for number, field in FIELDS.items()
    }
    spec["h"] = text | {"len_type": 0, "max_len": 0, "desc": "no header"}
    return spec


_SPEC: Final = _spec()


def fits(number: str, value: str) -> bool:
    """Whether a value has its field's format and length."""
    return _PATTERNS[number].fullmatch(value) is not None


def decode(message: bytes) -> dict[str, str]:
    """The fields of a message, their lengths checked, their formats not.

    Raises Unreadable.
    """
    try:
        fields, _ = iso8583.decode(message, _SPEC)
    except (iso8583.DecodeError, KeyError) as error:
        raise Unreadable from error
    if not all(fits(bitmap, fields[bitmap]) for bitmap in ("t", "p", "1") if bitmap in fields):
        raise Unreadable
    return fields


def encode(fields: Fields) -> bytes:
    """A message in its frame, ready to be sent."""
    message, _ = iso8583.encode(dict(fields), _SPEC)
    return frame(bytes(message))


def frame(message: bytes) -> bytes:
    """A message with its length before it."""
    return len(message).to_bytes(2, "big") + message


async def read_request(reader: asyncio.StreamReader) -> dict[str, str] | None:
    """The next request; None when the other side has finished or fell silent.

    Raises Unreadable, also for a frame that is empty, too long, or cut off.
    """
    message = await _read_frame(reader)
    if message is None:
        return None
    fields = decode(message)
    if fields["t"][2] not in _REQUEST_DIGITS:
        raise Unreadable
    return fields


async def _read_frame(reader: asyncio.StreamReader) -> bytes | None:
    try:
        async with asyncio.timeout(IDLE_S):
            first = await reader.read(1)
        if not first:
            return None
        async with asyncio.timeout(PARTIAL_FRAME_S):
            length = int.from_bytes(first + await reader.readexactly(1), "big")
            if not 0 < length <= FRAME_MAX:
                raise Unreadable
            return await reader.readexactly(length)
    except (TimeoutError, ConnectionError):
        return None
    except asyncio.IncompleteReadError as error:
        raise Unreadable from error
