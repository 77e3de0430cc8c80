"""Row: what an adapter keeps of a record; and what every adapter holds a caller to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from payseal.core.event import Event
from payseal.core.ids import (
    MOMENT_CHARS,
    PREFIX_CHARS,
    UNIQUE_CHARS,
    Partition,
    in_shard,
    is_id,
    moment,
)
from payseal.core.record import Record, encode
from payseal.core.roll import Roll
from payseal.core.setback import Setback
from payseal.core.store import (
    CHANGES_MAX,
    PAGE_MAX,
    SCAN_MAX,
    Change,
    Check,
    Checkpoint,
    Delete,
    Insert,
    InvalidAfter,
    Update,
)

BODY_MAX = 256 * 1024  # bytes
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FIRST_VERSION: dict[type[Change], int] = {Insert: 1, Update: 2, Delete: 1, Check: 0}


class Row(NamedTuple):
    """The key, the version, what it is found by, and the body. `due` is in milliseconds."""

    id: str
    version: int
    of: str | None
    due: int | None
    body: bytes


class Span(NamedTuple):
    """The first and the last id that a page may hold; and one that it skips, "" for none."""

    first: str
    last: str
    skip: str


def row_of(record: Record) -> Row:
    """What is kept of the record."""
    body, due = encode(record), record.due
    assert len(body) <= BODY_MAX, f"{record.id} is too large to be stored: {len(body)} bytes"
    # Rounded up: nothing is due before its moment.
    due_ms = None if due is None else -((_EPOCH - due) // _MILLISECOND)
    return Row(record.id, record.version, record.of, due_ms, body)


def milliseconds(at: datetime) -> int:
    """Since 1970, rounded down: what compares with `Row.due`."""
    return (at - _EPOCH) // _MILLISECOND


def version_before(change: Change) -> int:
    """The version that must be there for the change to happen; 0: nothing."""
    match change:
        case Insert():
            return 0
        case Update():
            return change.record.version - 1
        case Delete() | Check():
            return change.record.version


def stored(kinds: Iterable[type[Record]]) -> list[type[Record]]:
    """All kinds that a store keeps: those of the features, and those of the port itself."""
    every: list[type[Record]] = [*kinds, Event, Checkpoint, Setback, Roll]
    every = list(dict.fromkeys(every))
    assert len({kind.table for kind in every}) == len(every), "two kinds share a table"
    assert len({kind.prefix for kind in every}) == len(every), "two kinds share a prefix"
    return every


def assert_sound(changes: Sequence[Change]) -> None:
    """A commit that no program should ask for is a bug of its caller."""
    assert 0 < len(changes) <= CHANGES_MAX, (
        f"a commit has from 1 to {CHANGES_MAX} changes, not {len(changes)}"
    )
    seen: set[str] = set()
    for change in changes:
        record, verb = change.record, type(change).__name__
        assert is_id(record.id, record.prefix), f"{record.id!r} is no id of {record.table}"
        of = record.of
        assert of is None or is_id(of, of[:PREFIX_CHARS]), f"{record.id} is of {of!r}, no id"
        assert record.id not in seen, f"a commit changes {record.id} twice"
        seen.add(record.id)
        first = _FIRST_VERSION[type(change)]
        assert record.version >= first, f"{verb} of {record.id} at version {record.version}"
        assert record.version == 1 or not isinstance(change, Insert), (
            f"Insert of {record.id} at version {record.version}: a new record has version 1"
        )
        assert not isinstance(record, Event) or not isinstance(change, Update), (
            f"{record.id} happened: an event never changes"
        )


def assert_few(ids: Sequence[str]) -> None:
    """`get_many` takes only so many."""
    assert len(ids) <= SCAN_MAX, f"at most {SCAN_MAX} ids at once, not {len(ids)}"


def assert_limit(limit: int) -> None:
    """No list is read without a limit."""
    assert 0 < limit <= PAGE_MAX, f"a limit is from 1 to {PAGE_MAX}, not {limit}"


def span(
    kind: type[Record],
    partition: Partition,
    start: datetime | None,
    end: datetime | None,
    after: str | None,
    newest_first: bool,
) -> Span:
    """Where a page lies: from `start` on, before `end`, and beyond `after`.

    `after` may be of another shard of the account: beyond it is beyond its moment and unique
    part; of two that share those, the one in the lower shard counts as the older.
    """
    home, floor, top = f"{kind.prefix}_{partition}", "0", "z"
    low = floor * MOMENT_CHARS if start is None else moment(max(start, _EPOCH))
    high = top * MOMENT_CHARS
    if end is not None:
        high = moment(max(end, _EPOCH + _MILLISECOND) - _MILLISECOND)
    first, last = f"{home}{low}{floor * UNIQUE_CHARS}", f"{home}{high}{top * UNIQUE_CHARS}"
    if after is None:
        return Span(first, last, "")
    if not is_id(after, kind.prefix):
        raise InvalidAfter("Give the `after` of the page before.", field="after")
    bound = in_shard(after, partition)
    beyond = bound < after if newest_first else bound > after
    skip = "" if beyond else bound
    if newest_first:
        return Span(first, min(last, bound), skip)
    return Span(max(first, bound), last, skip)
