"""What a payer sees instead of a page when something is refused, or breaks."""

from __future__ import annotations

from datetime import timedelta

from litestar.status_codes import (
    HTTP_403_FORBIDDEN,
    HTTP_404_NOT_FOUND,
    HTTP_429_TOO_MANY_REQUESTS,
    HTTP_500_INTERNAL_SERVER_ERROR,
    HTTP_503_SERVICE_UNAVAILABLE,
)
from litestar.types import Scope

from payseal.core.errors import Problem
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
    status_of,
)

PAGE = "page"  # in a route's `opt`: whoever asks is shown a page
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
    """The page of a refusal, one message for each status; None where a program is answered."""
    pages = Pages(parts)

    def page(scope: Scope, problem: Problem) -> Answer | None:
        handler, path = scope.get("route_handler"), scope["path"].lstrip("/")
        is_page = handler is not None and PAGE in handler.opt
        is_link = isinstance(problem, NoSuchPath) and path.startswith("p/")  # as any not of ours
        is_near = path.partition("/")[0] in ("", "p", "f")
        if not (is_page or is_link or (is_near and _takes_html(scope))):
            return None
        status, (headers, _) = status_of(problem), headers_and_members(problem)
        if status in (HTTP_429_TOO_MANY_REQUESTS, HTTP_503_SERVICE_UNAVAILABLE):
            headers.setdefault("Retry-After", str(RETRY_AFTER_S))
        token = scope["path_params"].get("token", "") if is_page else ""
        if token and status == HTTP_500_INTERNAL_SERVER_ERROR:
            headers |= _cookie(scope, parts, token)
        here = f"/p/{token}" if token and status != HTTP_404_NOT_FOUND else ""
        return pages.message(_MESSAGES.get(status, REFUSED), status, here, headers=headers)

    return page


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
