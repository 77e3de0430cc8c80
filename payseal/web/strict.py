"""JSON, read strictly: what readers could read in two ways is refused, with its field."""

from __future__ import annotations

import json
import re
from typing import TypeVar

import msgspec

from payseal.core.errors import Invalid
from payseal.web.sentences import culprit, missing, sentence

# C0, DEL, C1, halves of surrogate pairs, and what breaks a line or turns the direction of the
# text after it: no text that a person typed has them.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")
NAME_MAX, PLACE_MAX = 80, 200  # of what a stranger chose, as far as it is repeated
_SPECIAL = re.compile(rb"[^\x20-\x5b\x5d-\x7e]")  # what is no printable ASCII, and the backslash
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
    """NUL, a line break, a mark that turns the direction of text, or another control character."""

    code, title = "control_character", "A text has control characters in it."


class UnknownField(Invalid):
    """A member that this call does not have."""

    code, title = "unknown_field", "The field is not known."


class InvalidField(Invalid):
    """A field is missing, or of another type or form."""

    code, title = "invalid_field", "A field is not valid."


def decode(body: bytes, kind: type[T]) -> T:
    """The JSON text as that type; `Invalid` with the field that is wrong."""
    if not _is_plain(body):
        check_json(body)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        check_json(body)
        raise invalid(str(error), kind, _plain(body)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotJson("The body must be one JSON text in UTF-8.") from None


def _is_plain(body: bytes) -> bool:
    """Whether there is surely nothing to be found by `check_json`, if it is JSON: most bodies.

    Without a backslash every quotation mark begins or ends a string, and one with a colon behind
    it is a name.
    """
    if _SPECIAL.search(body) is not None:
        return False
    parts = body.split(b'"')
    strings, gaps = parts[1::2], parts[2::2]
    names = [name for name, gap in zip(strings, gaps, strict=False) if gap.lstrip()[:1] == b":"]
    return len(set(names)) == len(names)


def check_json(body: bytes) -> None:
    """What a decoder takes silently and readers disagree on: `Invalid` with its field."""
    try:
        found = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_Members,
            parse_constant=_no_constant,
            parse_int=str,
            parse_float=str,
        )
        _check(found, "")
    except (ValueError, RecursionError):
        raise NotJson("The body must be one JSON text in UTF-8.") from None


def invalid(message: str, kind: type[object], data: object) -> Invalid:
    """Our refusal for the words of msgspec, which name the place in backticks."""
    at, named = _PLACE.search(message), _NAMED.search(message)
    words, place = _PLACE.sub("", message), _whole(message, at[1] if at else "", data)
    if named is None:
        members = {"field": place} if place else {}
        return InvalidField(sentence(words, kind, place), **members)
    field = _within(place, named[1])
    if message.startswith("Object contains unknown"):
        return UnknownField("This call does not have it.", field=field)
    needed = [] if place else missing(kind, data)
    all_of_it = f"These are needed: {', '.join(needed)}." if len(needed) > 1 else "It is needed."
    return InvalidField(all_of_it, field=field)


class _Members(list[tuple[str, object]]):
    """An object of the JSON text, with whatever is given twice."""


def _check(value: object, place: str) -> None:
    """Every object, name and text of the JSON text."""
    match value:
        case _Members():
            seen: set[str] = set()
            for name, one in value:
                if name in seen:
                    raise DuplicateMember("Give each member once.", field=_within(place, name))
                seen.add(name)
                _check(name, _within(place, name))
                _check(one, _within(place, name))
        case list():
            for i, one in enumerate(value):
                _check(one, f"{place}[{i}]")
        case str() if CONTROLS.search(value):
            members = {"field": place} if place else {}
            raise ControlCharacter("Please remove them.", **members)


def _whole(message: str, place: str, data: object) -> str:
    """The place with the name that msgspec leaves out: that of a member of a mapping."""
    before, dots, _ = place.partition("[...]")
    values = data.get(before) if dots and isinstance(data, dict) else None
    if not isinstance(values, dict):
        return place
    return _within(before, culprit(message, values.items()))


def _within(place: str, name: str) -> str:
    return ".".join(part for part in (place, shown(name)) if part)[:PLACE_MAX]


def _plain(body: bytes) -> object:
    """The JSON text in no type of ours; None where even that cannot be read."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None


def _no_constant(text: str) -> None:
    raise ValueError(text)


def shown(name: str) -> str:
    """A name that a stranger chose, fit to be repeated."""
    return CONTROLS.sub("", name)[:NAME_MAX]
