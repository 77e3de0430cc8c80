"""Strict JSON: the quick look at the bytes lets nothing pass that the thorough one refuses."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from payseal.core.errors import Invalid
from payseal.web.strict import check_json, decode


class Sent(msgspec.Struct, forbid_unknown_fields=True):
    a: str = ""
    b: int | None = None
    c: dict[str, str] = {}
    d: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


# Pieces of JSON, put together rightly and wrongly: names twice, escapes, controls, deep and cut.
NAMES, SIGNS = ('"a"', '"b"', '"c"', '"d"'), (":", " : ", ",", "{", "}", "[", "]", "\n", "\t", '"')
VALUES = ('"x"', '":"', '","', "1", "1e2", "-0", "null")
ODD = ('"\\u0000"', '"\\""', '"\x7f"', '"é"', '"\u2028"')
PIECES = st.lists(st.sampled_from((*NAMES, *SIGNS, *VALUES, *ODD)), max_size=14).map(
    lambda pieces: "{" + "".join(pieces) + "}"
)


def verdict(read):
    try:
        return read()
    except Invalid as refused:
        return type(refused), refused.members


@given(PIECES)
@example('{"a":"x","a":"y"}')
@example('{"a" : "x", "a" :"y"}')
@example('{"c":{"x":"1","x":"2"}}')
@example('{"c":{"a":"1"},"a":"2"}')
@example('{"a":"\\u0000"}')
@example('{"a":"\x7f"}')
def test_a_body_is_judged_as_if_each_had_been_looked_through(text):
    body = text.encode()

    def thorough():
        check_json(body)
        return decode(body, Sent)

    assert verdict(lambda: decode(body, Sent)) == verdict(thorough)
