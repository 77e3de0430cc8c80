"""What a caller sent: read with a limit, checked strictly, decoded into the handler's types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, NamedTuple
from urllib.parse import parse_qsl

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, HTTPDisconnectEvent, Receive, Scope, Send

from payseal.core.errors import Invalid
from payseal.web.problem import HttpProblem
from payseal.web.strict import (
    CONTROLS,
    ControlCharacter,
    InvalidField,
    NotJson,
    decode,
    invalid,
    shown,
)

BODY_MAX = 64 * 1024
QUERY_MAX = 4 * 1024
PARAMETERS_MAX = 20
ALSO = "also"  # in a scope's state: query parameters that were taken out before
YEAR_MIN, YEAR_MAX = 1970, 9998  # ids count from 1970; a day more must still be a date
_JSON_TYPE = re.compile(r'application/json(?:\s*;\s*charset="?utf-8"?)?', re.IGNORECASE)
_WHOLE = re.compile(r"[0-9]{1,6}", re.ASCII)

# A moment with its offset (RFC 3339); `utc` makes it one of ours.
Moment = Annotated[datetime, msgspec.Meta(tz=True, description="RFC 3339, with an offset")]


class InvalidQuery(Invalid):
    """A query parameter is unknown, given twice, or not of its form."""

    code, title = "invalid_query", "The query is not valid."


class NotExpected(Invalid):
    """There is a body, and the call takes none."""

    code, title = "body_not_expected", "This call takes no body."


class BodyTooLarge(HttpProblem):
    """More than 64 KiB, or of a form 16; the rest was not read."""

    status, code, title = 413, "body_too_large", "The body is too large."


class NotJsonType(HttpProblem):
    """The Content-Type is not application/json, or there is a Content-Encoding."""

    status, code, title = 415, "unsupported_media_type", "Send application/json."


class Read(msgspec.Struct, frozen=True):
    """What `Reader` leaves for the handler: the body's bytes, and both parts decoded."""

    KEY: ClassVar[str] = "read"

    body: bytes
    data: object  # of the type of the handler's `data`
    wanted: object  # of the type of the handler's `wanted`


class Reader:
    """Middleware: reads and checks query and body; whoever comes after it may trust them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read a request of the API; `Invalid`, `BodyTooLarge` or `NotJsonType`."""
        handler = scope["route_handler"]
        assert isinstance(handler, HTTPRouteHandler), "the API speaks HTTP"
        types = _types_of(handler)
        query = _query(scope, types.wanted)
        body, data = b"", None
        if scope.get("method") != "GET":
            body = await read_body(scope, receive, BODY_MAX)
            data = _data(scope, body, types.data)
        scope["state"][Read.KEY] = Read(body, data, query)
        await self._app(scope, _nothing_more, send)


def read_of(scope: Scope) -> Read:
    """What was read of this request."""
    read: Read = scope["state"][Read.KEY]
    return read


def utc(moment: datetime, field: str) -> datetime:
    """The same moment in UTC; `InvalidField` if it is nowhere near our time."""
    if not YEAR_MIN < moment.year < YEAR_MAX:
        raise InvalidField("Give a date between 1971 and 9997.", field=field)
    return moment.astimezone(UTC)


def header(scope: Scope, name: bytes) -> list[str]:
    """All lines of that header, its name in small letters, as servers hand them on (ASGI)."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


class _Types(NamedTuple):
    data: Any  # a type, as is the other one; None where a handler has no such parameter
    wanted: Any


@cache
def _types_of(handler: HTTPRouteHandler) -> _Types:
    types = {name: p.annotation for name, p in handler.parsed_fn_signature.parameters.items()}
    return _Types(types.get("data"), types.get("wanted"))


async def read_body(scope: Scope, receive: Receive, most: int) -> bytes:
    """The body, if it is not longer than `most`: what is more is not read."""
    lengths = header(scope, b"content-length")
    if lengths and (_WHOLE.fullmatch(lengths[0]) is None or int(lengths[0]) > most):
        raise BodyTooLarge(f"A body has at most {most} bytes.", maxBytes=most)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise NotJson("The connection ended before the body did.")
        body += message.get("body", b"")
        if len(body) > most:
            raise BodyTooLarge(f"A body has at most {most} bytes.", maxBytes=most)
        if not message.get("more_body", False):
            return bytes(body)


def _data(scope: Scope, body: bytes, kind: type[object] | None) -> object:
    if not body and kind is None:
        return None
    if any(c.strip().lower() != "identity" for c in header(scope, b"content-encoding")):
        raise NotJsonType("Send the body as it is, without a Content-Encoding.")
    types = header(scope, b"content-type")
    if len(types) != 1 or _JSON_TYPE.fullmatch(types[0].strip()) is None:
        raise NotJsonType("Send the body as application/json in UTF-8.")
    if kind is not None:
        return decode(body, kind)
    if decode(body, object) != {}:
        raise NotExpected("Leave the body empty.")
    return None


def _query(scope: Scope, kind: type[msgspec.Struct] | None) -> object:
    """The query as the handler's `wanted`; nothing is allowed where it has none."""
    raw = scope["query_string"]
    if not raw and kind is None:
        return None
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=PARAMETERS_MAX,
        )
    except ValueError:
        raise InvalidQuery("The query cannot be read.") from None
    if len(raw) > QUERY_MAX:
        raise InvalidQuery(f"The query has at most {QUERY_MAX} bytes.")
    given = dict(pairs)
    known = msgspec.structs.fields(kind) if kind is not None else ()
    names = {field.encode_name: field.type for field in known}
    for name, text in pairs:
        if name not in names:
            known_here = sorted([*names, *scope["state"].get(ALSO, ())])
            raise InvalidQuery(f"Known here: {', '.join(known_here) or 'none'}.", field=shown(name))
        if CONTROLS.search(text):
            raise ControlCharacter("Please remove them.", field=name)
    if len(given) < len(pairs):
        twice = next(name for name in given if sum(name == n for n, _ in pairs) > 1)
        raise InvalidQuery("Give each parameter once.", field=twice)
    return _converted(given, kind, names) if kind is not None else None


def _converted(
    given: Mapping[str, str], kind: type[msgspec.Struct], names: Mapping[str, object]
) -> object:
    """Whole numbers are read here: to msgspec `1e2` and `5.0` would be some too."""
    values: dict[str, object] = dict(given)
    for name, text in given.items():
        if _is_whole(names[name]):
            if _WHOLE.fullmatch(text) is None:
                raise InvalidQuery("Give a whole number.", field=name)
            values[name] = int(text)
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        problem = invalid(str(error), kind, values)
        raise InvalidQuery(problem.detail, **problem.members) from None


def _is_whole(kind: object) -> bool:
    return kind is int or getattr(kind, "__origin__", None) is int


async def _nothing_more() -> HTTPDisconnectEvent:
    return {"type": "http.disconnect"}
