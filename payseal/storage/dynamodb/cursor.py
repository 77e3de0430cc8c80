"""Cursor: how far a lane was read. In the stream, in the table after a gap, or at the end."""

from __future__ import annotations

from typing import NamedTuple

END = "end"
_TABLE = "table"


class At(NamedTuple):
    """In the stream, behind this record; no sequence number: before the oldest that is there.

    `ms` is that record's moment, from which a gap would begin; 0 where nothing was ever read.
    """

    sequence: str = ""
    ms: int = 0

    def __str__(self) -> str:
        return f"{self.sequence}@{self.ms}" if self.ms else ""


class Gap(NamedTuple):
    """In the table, which is read again from one moment to another, behind the record `last`.

    `gone`: the lane is not there any more, and ends with it.
    """

    since_ms: int
    until_ms: int
    gone: bool
    last: str = ""

    def __str__(self) -> str:
        return f"{_TABLE}@{self.since_ms}@{self.until_ms}@{self.gone:d}@{self.last}"


def parse(text: str) -> At | Gap:
    """What `str` made of it."""
    if not text:
        return At()
    first, *rest = text.split("@")
    if first == _TABLE:
        since, until, gone, last = rest
        return Gap(int(since), int(until), gone == "1", last)
    return At(first, int(rest[0]))
