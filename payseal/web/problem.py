"""Problem details (RFC 9457): the one way an error is told over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import msgspec
import structlog
from litestar.exceptions import HTTPException, MethodNotAllowedException
from litestar.types import ASGIApp, Receive, Scope, Send

from payseal.core.errors import (
    Invalid,
    Kind,
    Missing,
    Problem,
    TooMany,
    Unauthenticated,
    crash_facts,
)
from payseal.web.answer import Answer, raw

MEDIA_TYPE = "application/problem+json"
# The registered type of IANA for a quota that is used up.
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
ASKED = "asked"  # in a scope's state: the method as it came
RETRY_AFTER_S = 60  # where the refusal itself names no time

STATUS = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.MISSING: 404,
    Kind.CONFLICT: 409,
    Kind.GONE: 410,
    Kind.TOO_MANY: 429,
    Kind.UNAVAILABLE: 503,
}

# Shows a refusal as a page, where a person's browser asked for one.
Page = Callable[[Scope, Problem], Answer | None]

log = structlog.get_logger("payseal.web")


class HttpProblem(Invalid):
    """A refusal that only HTTP knows, with a status of its own."""

    status: ClassVar[int]


class NoSuchPath(Missing):
    """No route has this path."""

    code, title = "no_such_path", "There is nothing at this address."


class MethodNotAllowed(HttpProblem):
    """The path is right, the method is not; the header `Allow` lists those that are."""

    status, code, title = 405, "method_not_allowed", "This method is not allowed here."


class Crashed(Problem):
    """A bug of ours. Nothing is told; the log has the rest under the request's id."""

    kind, code, title = Kind.UNAVAILABLE, "internal_error", "Something went wrong on our side."


class ProblemDocument(msgspec.Struct, frozen=True, rename="camel"):
    """RFC 9457: `code` is stable and explained at `type`; further members depend on it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str = ""
    field: str = ""


def status_of(problem: Problem | type[Problem]) -> int:
    """The HTTP status that a refusal is told with."""
    of = problem if isinstance(problem, type) else type(problem)
    if issubclass(of, Crashed):
        return 500
    return of.status if issubclass(of, HttpProblem) else STATUS[of.kind]


def answer_of(problem: Problem, base_url: str, *, instance: str = "") -> Answer:
    """The refusal as it is told, with the headers that its status asks for."""
    status = status_of(problem)
    kind = QUOTA_EXCEEDED if status == 429 else f"{base_url}/docs/errors#{problem.code}"
    document: dict[str, object] = {
        "type": kind,
        "title": problem.title,
        "status": status,
        "detail": problem.detail,
        "code": problem.code,
    }
    if instance:
        document["instance"] = instance
    headers, members = headers_and_members(problem)
    body = msgspec.json.encode(document | {n: m for n, m in members.items() if n not in document})
    return Answer(status, raw({"Content-Type": MEDIA_TYPE, **headers}), body)


def headers_and_members(problem: Problem) -> tuple[dict[str, str], dict[str, object]]:
    """The headers that its status asks for, and the members that are left for the document."""
    status, members = status_of(problem), dict(problem.members)
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = str(members.pop("challenge", "Bearer"))
    if status == 405:
        headers["Allow"] = str(members.pop("allow", ""))
    if "retryAfter" in members or isinstance(problem, TooMany):
        members.setdefault("retryAfter", RETRY_AFTER_S)
        headers["Retry-After"] = str(members["retryAfter"])
    return headers, members


def problems() -> Iterator[type[Problem]]:
    """Every refusal there is: each class that has a code of its own."""
    seen = set()
    waiting: list[type[Problem]] = [Problem]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        code = kind.__dict__.get("code")
        if code is not None and code not in seen and kind.__module__.startswith("payseal."):
            seen.add(code)
            yield kind


class Refusals:
    """Middleware: what is refused or breaks inside of it is told, to a program or to a person."""

    def __init__(self, app: ASGIApp, base_url: str, page: Page) -> None:
        self._app, self._base_url, self._page = app, base_url, page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and tell what comes of it."""
        try:
            await self._app(scope, receive, send)
        except Problem as problem:
            await self._told(scope, problem).give(send)
        except MethodNotAllowedException as error:
            await self._other_methods(scope, error).give(send)
        except HTTPException as error:
            await self._told(scope, _problem_of(error)).give(send)
        except Exception as error:  # noqa: BLE001  it is logged, and told as a bug of ours
            log.error("crashed", **crash_facts(error), id=scope["state"].get("request_id"))  # noqa: TRY400  without values
            await self._told(scope, _crashed()).give(send)

    def _told(self, scope: Scope, problem: Problem) -> Answer:
        request_id = scope["state"].get("request_id", "")
        instance = f"urn:payseal:request:{request_id}" if request_id else ""
        return self._page(scope, problem) or answer_of(problem, self._base_url, instance=instance)

    def _other_methods(self, scope: Scope, error: MethodNotAllowedException) -> Answer:
        allowed = _allowed(error)
        if scope["state"].get(ASKED) == "OPTIONS":
            return Answer(204, raw({"Allow": allowed}), b"")
        return self._told(scope, MethodNotAllowed(f"Allowed here: {allowed}.", allow=allowed))


def _problem_of(error: HTTPException) -> Problem:
    match error.status_code:
        case 401:
            return Unauthenticated("Credentials are needed.")
        case 404:
            return NoSuchPath("Please check the path; the API's is in /openapi.json.")
        case status if status >= 500:
            return _crashed()
    return Invalid("The request cannot be read.")


def _crashed() -> Crashed:
    return Crashed("It has been noted. Please try again later.")


def _allowed(error: HTTPException) -> str:
    named = {name.lower(): value for name, value in (error.headers or {}).items()}
    methods = set(named.get("allow", "").split(", "))
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
