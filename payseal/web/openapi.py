"""The OpenAPI 3.1 document, made of the routes and the types that they read and show."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, get_type_hints

import msgspec
from litestar.handlers import HTTPRouteHandler

from payseal import __version__
from payseal.web.answer import Answer
from payseal.web.auth import Who, is_moded
from payseal.web.body import BODY_MAX
from payseal.web.messages import MESSAGES, webhooks
from payseal.web.once import KEY_MAX, KEY_MIN
from payseal.web.problem import MEDIA_TYPE, ProblemDocument

SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "basic",
        "description": "An API key (pk_…) as name and its secret (sk_…) as password.",
    },
    "session": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token of POST /api/sessions. With ?mode=test for test data.",
    },
}
SECURITY: dict[Who, list[dict[str, list[str]]]] = {
    Who.ANYBODY: [],
    Who.USER: [{"session": []}],
    Who.MERCHANT: [{"key": []}, {"session": []}],
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": 'Any visible ASCII characters of your own, without spaces, " and \\: the same'
    " request with the same key is done once.",
    "schema": {
        "type": "string",
        "minLength": KEY_MIN,
        "maxLength": KEY_MAX,
        "pattern": r"^[!#-\[\]-~]+$",
    },
}
MODE = {
    "name": "mode",
    "in": "query",
    "required": False,
    "description": "Whose data: of tests, or with real money. A key has a mode of its own, and this"
    " may only repeat it; for a session it is live where nothing is said.",
    "schema": {"type": "string", "enum": ["live", "test"]},
}
WHY = {
    400: "Something in the request is not valid; `field` names it.",
    401: "Credentials are needed, or wrong.",
    403: "The credentials are for something else.",
    404: "There is no such thing, or it is another account's.",
    405: "This method is not allowed here.",
    408: "The body did not come in time; nothing was done.",
    409: "It clashes with what is there, or a request with the same key is still running.",
    410: "Its time has passed.",
    413: f"The body has more than {BODY_MAX} bytes.",
    415: "The body is not application/json, or has a Content-Encoding.",
    422: "The Idempotency-Key was used for another request.",
    429: "Too many requests.",
    431: "The headers are too large.",
    503: "Please try again; nothing was done.",
}
_REF = "#/components/schemas/{name}"


class Route(NamedTuple):
    """A handler, whom it is for, and what it reads and shows."""

    handler: HTTPRouteHandler
    who: Who

    @property
    def path(self) -> str:
        """As the document writes it."""
        return re.sub(r"{(\w+):\w+}", r"{\1}", min(self.handler.paths))

    @property
    def method(self) -> str:
        """In small letters."""
        return min(self.handler.http_methods).lower()

    @property
    def hints(self) -> dict[str, Any]:
        """The types of its parameters and of its answer."""
        return _hints(self.handler.fn)


def document(routes: Sequence[Route], base_url: str) -> dict[str, Any]:
    """The whole document."""
    types = [t for r in routes for name in ("data", "return") if (t := _shape(r, name))]
    types.append(ProblemDocument)
    wanted = [t for r in routes if (t := r.hints.get("wanted"))]
    all_types = [*types, *wanted, *MESSAGES]
    schemas, parts = msgspec.json.schema_components(all_types, ref_template=_REF)
    named = dict(zip(all_types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method] = _operation(route, named, parts)
    hidden = {schema["$ref"].rpartition("/")[2] for t, schema in named.items() if t in wanted}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Payseal",
            "version": __version__,
            "description": "Payment links: signed, sealed and expiring. Amounts are strings"
            " such as 12.50, times are RFC 3339, errors are problem details (RFC 9457).",
        },
        "servers": [{"url": base_url}],
        "paths": paths,
        "webhooks": webhooks(named),
        "components": {
            "schemas": {name: part for name, part in parts.items() if name not in hidden},
            "securitySchemes": SCHEMES,
        },
    }


@cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    return get_type_hints(function)


def _operation(route: Route, named: dict[Any, Any], parts: dict[str, Any]) -> dict[str, Any]:
    summary, _, rest = (route.handler.fn.__doc__ or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": route.handler.fn.__name__,
        "summary": summary.removesuffix("."),
        "tags": [route.path.split("/")[2] if route.path.startswith("/api/") else "service"],
        "security": SECURITY[route.who],
        "parameters": _parameters(route, named, parts),
        "responses": _responses(route, named),
    }
    if rest:
        operation["description"] = rest.strip()
    if (data := _shape(route, "data")) is not None:
        content = {"application/json": {"schema": named[data]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(route: Route, named: dict[Any, Any], parts: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    wanted = route.hints.get("wanted")
    if wanted is not None:
        schema = parts[named[wanted]["$ref"].rpartition("/")[2]]
        required = schema.get("required", [])
        for name, kind in schema["properties"].items():
            shown = _without_null(kind)
            found.append(
                {"name": name, "in": "query", "required": name in required, "schema": shown}
            )
    if route.who is Who.MERCHANT or is_moded(route.handler.opt):
        found.append(MODE)
    if route.method == "post":
        found.append(IDEMPOTENCY_KEY)
    return found


def _responses(route: Route, named: dict[Any, Any]) -> dict[str, Any]:
    status = str(route.handler.status_code)
    answer: dict[str, Any] = {"description": "Done."}
    if (shape := _shape(route, "return")) is not None:
        answer["content"] = {"application/json": {"schema": named[shape]}}
    elif media := route.handler.opt.get("media"):
        answer["content"] = {media: {"schema": {"type": "string"}}}
    problem = {MEDIA_TYPE: {"schema": named[ProblemDocument]}}
    told = {str(s): {"description": WHY[s], "content": problem} for s in _refusals(route)}
    return {status: answer} | told


def _refusals(route: Route) -> list[int]:
    """The statuses that a refusal of this route may have."""
    if not route.path.startswith("/api/"):
        return [400, 405, 429, 431, 503]
    found = {400, 405, 429, 431, 503}
    if route.who is not Who.ANYBODY or "sessions" in route.path:
        found.add(401)
    if route.who is Who.MERCHANT:
        found.add(403)
    if "{" in route.path or route.path.endswith("/me") or route.method == "put":
        found.add(404)
    if route.method in ("post", "put", "delete"):
        found |= {408, 409, 413, 415}
    if route.method == "post":
        found |= {410, 422}
    return sorted(found)


def _shape(route: Route, name: str) -> object:
    """The type of the body or the answer; None if there is none to describe."""
    kind = route.hints.get(name)
    origin = getattr(kind, "__origin__", kind)
    is_struct = isinstance(origin, type) and issubclass(origin, msgspec.Struct)
    return kind if is_struct and kind is not Answer else None


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is there or not: it is never null."""
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    options = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    if len(options) == 1:
        rest |= options[0]
    if schema.get("default") is not None:
        rest["default"] = schema["default"]
    return rest
