"""JSON, read strictly: what readers could read in two ways is refused, with its field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from payseal.core.errors import Invalid

# C0, DEL, C1, and halves of surrogate pairs: no text that a person typed has them.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PLACE = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
_NAMED = re.compile(r"^Object (?:missing required|contains unknown) field `([^`]*)`")

T = TypeVar("T")


def shaped(*examples: object, **schema: object) -> msgspec.Meta:
    """What the API's document says of a field whose service judges it, with codes of its own."""
    return msgspec.Meta(examples=list(examples) or None, extra_json_schema=schema)


class NotJson(Invalid):
    """The bytes are no JSON text in UTF-8 (RFC 8259)."""

    code, title = "not_json", "The body is not JSON."


class DuplicateMember(Invalid):
    """An object names a member twice: readers would differ on which one counts."""

    code, title = "duplicate_member", "A member is given twice."


class ControlCharacter(Invalid):
    """A text has NUL or another control character in it."""

    code, title = "control_character", "A text has control characters in it."


class UnknownField(Invalid):
    """A member that this call does not have."""

    code, title = "unknown_field", "The field is not known."


class InvalidField(Invalid):
    """A field is missing, or of another type or form."""

    code, title = "invalid_field", "A field is not valid."


def decode(body: bytes, kind: type[T]) -> T:
    """The JSON text as that type; `Invalid` with the field that is wrong."""
    check_json(body)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotJson("The body must be one JSON text in UTF-8.") from None


def check_json(body: bytes) -> None:
    """What a decoder takes silently and readers disagree on: `Invalid` with its field."""
    try:
        json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_checked,
            parse_constant=_no_constant,
            parse_int=str,
            parse_float=str,
        )
    except (ValueError, RecursionError):
        raise NotJson("The body must be one JSON text in UTF-8.") from None


def invalid(message: str) -> Invalid:
    """Our refusal for the words of msgspec, which name the place in backticks."""
    place, named = _PLACE.search(message), _NAMED.search(message)
    parts = [part for part in (place and place[1], named and shown(named[1])) if part]
    if message.startswith("Object contains unknown"):
        return UnknownField("This call does not have it.", field=".".join(parts))
    if message.startswith("Object missing"):
        return InvalidField("It is needed.", field=".".join(parts))
    sentence = _PLACE.sub("", message).replace("`", "")
    return InvalidField(f"{sentence}.", field=".".join(parts))


def _checked(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """One object of the JSON text; its texts and names are looked at, also in its lists."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DuplicateMember("Give each member once.", field=shown(twice))
    for name, value in pairs:
        if any(CONTROLS.search(text) for text in (name, *_texts(value))):
            raise ControlCharacter("Please remove them.", field=shown(name))
    return found


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _no_constant(text: str) -> None:
    raise ValueError(text)


def shown(name: str) -> str:
    """A name that a stranger chose, fit to be repeated."""
    return CONTROLS.sub("", name)[:80]
