"""What a payer sees instead of a page when something is refused, or breaks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.status_codes import (
    HTTP_403_FORBIDDEN,
    HTTP_404_NOT_FOUND,
    HTTP_429_TOO_MANY_REQUESTS,
    HTTP_500_INTERNAL_SERVER_ERROR,
    HTTP_503_SERVICE_UNAVAILABLE,
)
from litestar.types import ExceptionHandlersMap, Scope

from payseal.core.errors import Problem, crash_facts
from payseal.core.ids import MOMENT_CHARS, UNIQUE_CHARS, is_base32
from payseal.web.answer import Answer
from payseal.web.pages.cookie import attempt_cookie, cookie_of
from payseal.web.pages.show import Pages
from payseal.web.pages.words import BROKEN, BUSY, NOT_FOUND, OUTSIDE, REFUSED
from payseal.web.parts import Parts
from payseal.web.problem import (
    RETRY_AFTER_S,
    NoSuchPath,
    Page,
    headers_and_members,
    log,
    status_of,
)

AnyRequest = Request[Any, Any, Any]
# Where a handler leaves the attempt that it began, for the case that it breaks.
ATTEMPT = "attempt"
COOKIE_LIFE = timedelta(days=1)
_MESSAGES = {
    HTTP_403_FORBIDDEN: OUTSIDE,
    HTTP_404_NOT_FOUND: NOT_FOUND,
    HTTP_429_TOO_MANY_REQUESTS: BUSY,
    HTTP_500_INTERNAL_SERVER_ERROR: BROKEN,
    HTTP_503_SERVICE_UNAVAILABLE: BUSY,
}


def page_of(parts: Parts) -> Page:
    """What is refused before a page's own handlers, for the browser of a person."""
    pages = Pages(parts)

    def page(scope: Scope, problem: Problem) -> Answer | None:
        first = scope["path"].lstrip("/").partition("/")[0]
        is_link = first == "p" and isinstance(problem, NoSuchPath)  # as any that is not ours
        if not is_link and (first not in ("", "p") or not _takes_html(scope)):
            return None
        status, (headers, _) = status_of(problem), headers_and_members(problem)
        return pages.message(_MESSAGES.get(status, REFUSED), status, headers=headers)

    return page


def refusals(pages: Pages) -> ExceptionHandlersMap:
    """The exception handlers of the pages: one message for each status, and a way forward."""

    def told(
        request: AnyRequest, status: int, retry_after: object = RETRY_AFTER_S
    ) -> Response[Any]:
        headers: dict[str, str] = {}
        if status in {HTTP_429_TOO_MANY_REQUESTS, HTTP_503_SERVICE_UNAVAILABLE}:
            headers["Retry-After"] = str(retry_after)
        token = str(request.path_params.get("token", ""))
        if status == HTTP_500_INTERNAL_SERVER_ERROR:
            headers |= _cookie(request.scope, pages.parts, token)
        here = f"/p/{token}" if token and status != HTTP_404_NOT_FOUND else ""
        message = _MESSAGES.get(status, REFUSED)
        return pages.message(message, status, here, headers=headers).as_response()

    def refused(request: AnyRequest, problem: Problem) -> Response[Any]:
        return told(request, status_of(problem), problem.members.get("retryAfter", RETRY_AFTER_S))

    def by_framework(request: AnyRequest, error: HTTPException) -> Response[Any]:
        return told(request, error.status_code)

    def crashed(request: AnyRequest, error: Exception) -> Response[Any]:
        log.error("crashed", **crash_facts(error), id=request.scope["state"].get("request_id"))
        return told(request, HTTP_500_INTERNAL_SERVER_ERROR)

    return {Problem: refused, HTTPException: by_framework, 500: crashed, Exception: crashed}


def _takes_html(scope: Scope) -> bool:
    return any(n.lower() == b"accept" and b"text/html" in v.lower() for n, v in scope["headers"])


def _cookie(scope: Scope, parts: Parts, token: str) -> dict[str, str]:
    """Money may have moved before it broke: this payer must see that, and not pay again."""
    attempt = scope["state"].get(ATTEMPT, "")
    if (
        cookie_of(scope) is not None
        or len(attempt) != MOMENT_CHARS + UNIQUE_CHARS
        or not is_base32(attempt)
    ):
        return {}  # the cookie that is there leads to this attempt
    secure = parts.base_url.startswith("https://")
    cookie = attempt_cookie(parts.master, token, attempt, COOKIE_LIFE, secure=secure)
    return {"Set-Cookie": cookie}
