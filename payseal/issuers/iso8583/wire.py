"""Fields and frames: a message as bytes, as a mapping, and as it may be logged.

A message is its type under `t` and its fields under their numbers, all of them text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import iso8583

Fields = Mapping[str, str]

FRAME_MAX = 2048
LENGTH_BYTES = 2
_BITMAP_CHARS = 16
_KEPT_FIRST, _KEPT_LAST = 6, 4  # of a card number in a log (PCI DSS 3.4.1)
_FORMATS = {"n": "[0-9]", "an": "[A-Za-z0-9]", "ans": "[ -~]"}
# Format and length, `..19` being up to 19: section 2 of the specification, row by row.
_TABLE = {
    "t": ("n", "4"),
    "2": ("n", "..19"),
    "3": ("n", "6"),
    "4": ("n", "12"),
    "7": ("n", "10"),
    "11": ("n", "6"),
    "12": ("n", "6"),
    "13": ("n", "4"),
    "14": ("n", "4"),
    "18": ("n", "4"),
    "22": ("n", "3"),
    "25": ("n", "2"),
    "32": ("n", "..11"),
    "37": ("an", "12"),
    "38": ("an", "6"),
    "39": ("an", "2"),
    "41": ("ans", "8"),
    "42": ("ans", "15"),
    "43": ("ans", "40"),
    "44": ("ans", "..25"),
    "48": ("ans", "...999"),
    "49": ("n", "3"),
    "70": ("n", "3"),
    "90": ("n", "42"),
}


class Malformed(Exception):
    """No message of the specification. It names the field at most, never a value."""


def encode(message: Fields) -> bytes:
    """The message in its frame; `Malformed` when a value does not fit its field."""
    _check(message)
    if "t" not in message:
        raise Malformed("field t")
    body = _written(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def frames(data: bytes) -> tuple[list[bytes], bytes]:
    """The bodies of the frames that are whole, and the beginning of the one that is not."""
    bodies, start = list[bytes](), 0
    while len(data) - start >= LENGTH_BYTES:
        body = start + LENGTH_BYTES
        end = body + int.from_bytes(data[start:body], "big")
        if not body < end <= body + FRAME_MAX:
            raise Malformed("length")
        if len(data) < end:
            break
        bodies.append(data[body:end])
        start = end
    return bodies, data[start:]


def decode(body: bytes) -> dict[str, str]:
    """The message of a frame's body, each value as its field wants it; else `Malformed`."""
    try:
        decoded, _ = iso8583.decode(body, _SPEC)
    except (ValueError, KeyError):
        # Not `from`: the library's error carries all that it had read.
        raise Malformed("the frame cannot be read") from None
    message = {field: value for field, value in decoded.items() if field not in {"p", "1"}}
    _check(message)
    # Whatever the library forgave (small letters in a bitmap, say) does not come out the same.
    if _written(message) != body:
        raise Malformed("the frame is not written as specified")
    return message


def subelements(text: str) -> dict[str, str]:
    """Field 48 taken apart: two digits of number, two of length, the value, and so on."""
    found: dict[str, str] = {}
    while text:
        match = re.match(r"([0-9]{2})([0-9]{2})", text, re.ASCII)
        if match is None:
            raise Malformed("field 48")
        number, end = match[1], 4 + int(match[2])
        if number in found or len(text) < end:
            raise Malformed("field 48")
        found[number], text = text[4:end], text[end:]
    return found


def subelement(number: str, value: str) -> str:
    """One part of field 48."""
    return f"{number}{len(value):02}{value}"


def scrub(message: Fields) -> dict[str, str]:
    """What a log may see: six and four digits of the number, no expiry, no private data."""
    shown = {field: value for field, value in message.items() if field not in {"14", "48"}}
    if number := shown.get("2"):
        hidden = "*" * max(len(number) - _KEPT_FIRST - _KEPT_LAST, 0)
        kept = number[:_KEPT_FIRST] + hidden + number[-_KEPT_LAST:]
        shown["2"] = kept if hidden else "*" * len(number)
    return shown


def _check(message: Fields) -> None:
    for field, value in message.items():
        pattern = _PATTERNS.get(field)
        if pattern is None or not pattern.fullmatch(value):
            raise Malformed(f"field {field}")


def _written(message: Fields) -> bytes:
    """A checked message in its one spelling: type, bitmaps, then fields, lengths before some."""
    fields = [field for field in _TABLE if field in message and field != "t"]
    bits = sum(1 << 128 - int(field) for field in fields)
    second = bits & (1 << 64) - 1
    bitmap = f"{bits | 1 << 127:032X}" if second else f"{bits >> 64:016X}"
    texts = [f"{_length(field, message[field])}{message[field]}" for field in fields]
    return f"{message['t']}{bitmap}{''.join(texts)}".encode("ascii")


def _length(field: str, value: str) -> str:
    digits = _LENGTHS[field]
    return f"{len(value):0{digits}}" if digits else ""


def _pattern(format: str, length: str) -> re.Pattern[str]:
    most = length.lstrip(".")
    least = "1" if most != length else most
    return re.compile(f"{_FORMATS[format]}{{{least},{most}}}", re.ASCII)


def _spec() -> dict[str, dict[str, str | int]]:
    """The table, in pyiso8583's words."""
    rows = [("h", "0"), ("p", str(_BITMAP_CHARS)), ("1", str(_BITMAP_CHARS))]
    rows += [(field, length) for field, (_, length) in _TABLE.items()]
    return {
        field: {
            "data_enc": "ascii",
            "len_enc": "ascii",
            "len_type": length.count("."),
            "max_len": int(length.lstrip(".")),
            "desc": field,
        }
        for field, length in rows
    }


_LENGTHS = {field: length.count(".") for field, (_, length) in _TABLE.items()}  # of a length
_PATTERNS = {field: _pattern(*row) for field, row in _TABLE.items()}
_SPEC = _spec()
