"""What a caller is told when something is refused.

Problem                 a refusal: a value for the caller, not a bug
├── Invalid             the request itself is wrong            400
├── Unauthenticated     we do not know who asks                401
├── Forbidden           we know, and it is not theirs to do    403
├── Missing             nothing of theirs has that name        404
├── Conflict            it clashes with what is there          409
├── Gone                it was there, and its time has passed  410
├── TooMany             too often; later is fine               429
└── Unavailable         we cannot now; nothing was done        503

A subclass stands beside what raises it. A bug is an `assert` with a sentence.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class Kind(Enum):
    """Why, in a word; `web.problem` has the one table from kind to HTTP status."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    MISSING = "missing"
    CONFLICT = "conflict"
    GONE = "gone"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"


class Problem(Exception):
    """A refusal: `code` and `title` are stable, `detail` is for people, members for programs."""

    kind: ClassVar[Kind]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, **members: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members = members


class Invalid(Problem):
    """The request is wrong; the member `field` names where."""

    kind, code, title = Kind.INVALID, "invalid_request", "The request is not valid."


class Unauthenticated(Problem):
    """Nobody we know, or not with these credentials."""

    kind, code, title = Kind.UNAUTHENTICATED, "unauthenticated", "Credentials are needed."


class Forbidden(Problem):
    """Known, but this is not theirs to do."""

    kind, code, title = Kind.FORBIDDEN, "forbidden", "This is not allowed."


class Missing(Problem):
    """Not there, or another account's: one answer for both."""

    kind, code, title = Kind.MISSING, "not_found", "There is no such thing."


class Conflict(Problem):
    """It clashes with what is there."""

    kind, code, title = Kind.CONFLICT, "conflict", "It clashes with what is there."


class NotAllowed(Conflict):
    """The state that it is in does not allow this move."""

    code, title = "not_allowed_now", "Its state does not allow this."


class Gone(Problem):
    """It was there, and its time has passed."""

    kind, code, title = Kind.GONE, "gone", "Its time has passed."


class TooMany(Problem):
    """Too often; the member `retryAfter` says in how many seconds it may be tried again."""

    kind, code, title = Kind.TOO_MANY, "too_many_requests", "Too many requests."


class Unavailable(Problem):
    """We cannot now, and nothing was done."""

    kind, code, title = Kind.UNAVAILABLE, "busy", "Please try again."


def crash_facts(error: BaseException) -> dict[str, object]:
    """Where it broke: names and lines, without values, as those may be secret."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_qualname}:{trace.tb_lineno}")
        trace = trace.tb_next
    return {"error": type(error).__qualname__, "at": places[-8:]}
