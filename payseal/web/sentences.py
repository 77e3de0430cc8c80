"""Sentences: what is wrong with a value, in people's words instead of the decoder's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

MOMENT = "Give a date and time with its offset, such as 2026-11-22T10:00:00Z."
# Fields whose own sentence says more than their type does.
OF_FIELD = {"amount": 'Give the amount as a string such as "12.50".'}
_KINDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a decimal number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
_TYPES = re.compile(r"Expected `([^`]*)`, got `([^`]*)`")
_BOUND = re.compile(r"Expected `(\w+)` (?:of length )?(>=|<=) (\d+)")
_UNITS = {"str": "character", "array": "item"}
_CODE = "matching regex '^[A-Z]{3}$'"


def sentence(words: str, kind: type[object], place: str) -> str:
    """Our sentence for the words of msgspec on the value at that place of a body or query."""
    if "datetime" in words or "RFC3339" in words:
        return MOMENT
    if words.startswith("Invalid enum value"):
        return f"Give one of: {', '.join(allowed(kind, place))}."
    if types := _TYPES.match(words):
        return _of_type(types[1].split(" | "), types[2], place)
    if bound := _BOUND.match(words):
        side, number = "least" if bound[2] == ">=" else "most", bound[3]
        unit = _UNITS.get(bound[1], "")
        return f"Give at {side} {number}{' ' if unit else ''}{_plural(unit, number)}."
    is_code = _CODE in words
    return "Give three capital letters, such as EUR." if is_code else "It is not of its form."


def allowed(kind: type[object], place: str) -> Sequence[str]:
    """The values that a field of that struct may have, where they can be counted."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType), "bodies and queries are structs"
    for field in info.fields:
        if field.encode_name == place:
            return [str(value) for value in _values(field.type)]
    return []


def missing(kind: type[object], data: object) -> Sequence[str]:
    """The fields that it needs and has not, in their order."""
    assert issubclass(kind, msgspec.Struct), "bodies are structs"
    given = data if isinstance(data, dict) else {}
    fields = msgspec.structs.fields(kind)
    return [f.encode_name for f in fields if f.required and f.encode_name not in given]


def culprit(words: str, values: Iterable[tuple[str, object]]) -> str:
    """The name whose value is of the type that msgspec met and did not want."""
    types = _TYPES.match(words)
    return next((name for name, value in values if types and _kind(value) == types[2]), "")


def _of_type(wished: Sequence[str], got: str, place: str) -> str:
    not_this = f"not {_KINDS.get(got, got)}."
    if not place:
        return f"The body must be one JSON object, {not_this}"
    names = " or ".join(_KINDS.get(name, name) for name in wished)
    return OF_FIELD.get(place, f"Give {names}, {not_this}")


def _values(kind: msgspec.inspect.Type) -> Iterable[object]:
    match kind:
        case msgspec.inspect.UnionType(types=types):
            return [value for one in types for value in _values(one)]
        case msgspec.inspect.EnumType(cls=cls):
            return [member.value for member in cls]
        case msgspec.inspect.LiteralType(values=values):
            return values
    return []


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case dict():
            return "object"
        case list():
            return "array"
    return type(value).__name__


def _plural(unit: str, number: str) -> str:
    return unit if not unit or number == "1" else f"{unit}s"
