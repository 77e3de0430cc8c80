"""/openapi.json, and pages of ours that show it: no script and no outside host is needed."""

from __future__ import annotations

import inspect
import json
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response, Router, get
from litestar.handlers import HTTPRouteHandler

from payseal.web.openapi import Route, document
from payseal.web.problem import QUOTA_EXCEEDED, problems, status_of

FILES = Path(__file__).parent / "reference"
CSP = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_BOUNDS = (("minimum", "minLength"), ("maximum", "maxLength"))
CACHED = {"Cache-Control": "public, max-age=300"}


def docs_router(routes: Sequence[Route], base_url: str) -> Router:
    """The document of these routes, and its pages."""
    pages = Environment(
        loader=FileSystemLoader(FILES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    @cache
    def found() -> dict[str, Any]:
        return document(routes, base_url)

    def reference() -> str:
        return pages.get_template("reference.html").render(api=found(), groups=_groups(found()))

    def errors() -> str:
        return pages.get_template("errors.html").render(rows=error_rows(), quota=QUOTA_EXCEEDED)

    return Router(
        path="/",
        route_handlers=[
            _file("/openapi.json", lambda: msgspec.json.encode(found()).decode(), MediaType.JSON),
            _file("/docs", reference, MediaType.HTML),
            _file("/docs/errors", errors, MediaType.HTML),
            _file("/docs/reference.css", (FILES / "reference.css").read_text, MediaType.CSS),
        ],
    )


def error_rows() -> list[tuple[str, int, str, str, str]]:
    """Each code with its status, its title, what it means and what to do, by code."""
    advice = tomllib.loads((FILES / "advice.toml").read_text("utf-8"))
    rows = []
    for kind in problems():
        meaning = (inspect.getdoc(kind) or "").partition("\n")[0]
        row = kind.code, status_of(kind), kind.title, meaning, advice.get(kind.code, "")
        rows.append(row)
    return sorted(rows)


def _file(path: str, make: Callable[[], str], media_type: MediaType) -> HTTPRouteHandler:
    """A route that always answers the same, made when it is asked for first."""
    made = cache(make)
    headers = CACHED | ({"Content-Security-Policy": CSP} if media_type == MediaType.HTML else {})

    @get(path, name=path)
    async def file() -> Response[str]:
        """The same for everybody."""
        return Response(made(), media_type=media_type, headers=headers)

    return file


def _groups(found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by their first path word, with the fields of what they read and show."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in (found["paths"] | found["webhooks"]).items():
        for method, operation in methods.items():
            row = _row(found, operation) | {"path": path, "method": method.upper()}
            groups.setdefault(operation["tags"][0], []).append(row)
    return groups


def _row(found: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    status, answer = next(iter(operation["responses"].items()))
    shown = answer.get("content", {}).get("application/json", {})
    return operation | {
        "status": status,
        "example": json.dumps(body["example"], indent=2, ensure_ascii=False)
        if "example" in body
        else "",
        "reads": _fields(found, body.get("schema")),
        "reads_about": _about(found, body.get("schema")),
        "shows": _fields(found, shown.get("schema")),
        "shows_about": _about(found, shown.get("schema")),
        "parameters": [p | {"kind": _kind(found, p["schema"])} for p in operation["parameters"]],
    }


def _about(found: dict[str, Any], schema: dict[str, Any] | None) -> str:
    return str(_struct(found, schema).get("description", "")) if schema else ""


def _fields(
    found: dict[str, Any], schema: dict[str, Any] | None, before: str = ""
) -> list[dict[str, Any]]:
    """The fields of a struct, those of structs within it with the way to them."""
    rows: list[dict[str, Any]] = []
    shape = _struct(found, schema or {})
    for field, kind in shape.get("properties", {}).items():
        name, inner = before + field, kind.get("items", kind)
        rows.append(
            {
                "name": name,
                "kind": _kind(found, kind),
                "required": field in shape.get("required", []),
                "about": kind.get("description", ""),
            }
        )
        rows += _fields(found, inner, f"{name}[]." if "items" in kind else f"{name}.")
    return rows


def _struct(found: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, where there is only a reference to it."""
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rpartition("/")[2]
    shape: dict[str, Any] = found["components"]["schemas"][name]
    return shape


def _kind(found: dict[str, Any], schema: dict[str, Any]) -> str:
    """A type in a few words."""
    schema = _struct(found, schema)
    if "anyOf" in schema:
        return " or ".join(_kind(found, option) for option in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_kind(found, schema['items'])}"
    if isinstance(more := schema.get("additionalProperties"), dict) and more:
        return f"object: any name, and a {_kind(found, more)}"
    unit = " characters" if kind == "string" else ""
    least, most = (
        next((schema[name] for name in names if name in schema), None) for names in _BOUNDS
    )
    bounds = "" if most is None else f", {least or 0} to {most}{unit}"
    return f"{schema.get('format', kind)}{bounds}"
