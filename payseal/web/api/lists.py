"""Lists: what every list of the API is asked with and answered as."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Generic, TypeVar

import msgspec

from payseal.core.record import Record
from payseal.core.store import PAGE_MAX, Page
from payseal.web.body import Moment, utc

LIMIT = 50

Limit = Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX, description="How many at most")]
After = Annotated[str, msgspec.Meta(min_length=1, description="The `after` of the page before")]
R = TypeVar("R", bound=Record)
V = TypeVar("V", bound=msgspec.Struct)


class Listing(msgspec.Struct, Generic[V], frozen=True):
    """A part of a list; `after`, if it is not null, asks for the next part."""

    data: list[V]
    after: str | None = None


class PartWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of a list."""

    limit: Limit = LIMIT
    after: After | None = None


class SpanWanted(PartWanted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part, from when on and before when."""

    start: Moment | None = msgspec.field(default=None, name="from")
    end: Moment | None = msgspec.field(default=None, name="to")

    def span(self) -> tuple[datetime | None, datetime | None]:
        """Both ends, in UTC."""
        start = None if self.start is None else utc(self.start, "from")
        return start, None if self.end is None else utc(self.end, "to")


def listing(page: Page[R], view: Callable[[R], V]) -> Listing[V]:
    """The page, as it is shown."""
    return Listing([view(record) for record in page.records], page.after)
