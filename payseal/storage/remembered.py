"""RememberedStore: another store, and for a moment what was read of it before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from payseal.core.record import R, Record
from payseal.core.store import Change, Store

REMEMBERED_S = 1.0
REMEMBERED_MAX = 10_000


class RememberedStore:
    """Remembers records of some kinds for a second after a `get`.

    For what every request asks for and people seldom change: a key, a user. What this process
    changes is seen at once, what another one changes after `REMEMBERED_S` at the latest; who
    decides on a record that has changed meanwhile loses by its version, and then reads the new one.
    """

    def __init__(self, inner: Store, kinds: Iterable[type[Record]]) -> None:
        self._inner, self._kinds = inner, frozenset(kinds)
        self._found: dict[str, tuple[float, Record]] = {}
        self._changes = 0
        self.get_many, self.page, self.due = inner.get_many, inner.page, inner.due
        self.lanes, self.feed = inner.lanes, inner.feed

    async def get(self, kind: type[R], id: str) -> R | None:
        """As committed a second ago, or later."""
        if kind not in self._kinds:
            return await self._inner.get(kind, id)
        at = asyncio.get_running_loop().time()
        found: Any = self._found.get(id)
        if found is not None and at - found[0] < REMEMBERED_S:
            remembered: R = found[1]
            return remembered
        before = self._changes
        record = await self._inner.get(kind, id)
        # What was read while this process changed something may be older than that.
        if record is not None and before == self._changes:
            if len(self._found) >= REMEMBERED_MAX:
                self._found.clear()
            self._found[id] = at, record
        return record

    async def commit(self, *changes: Change) -> None:
        """As the store's, and what it touched is forgotten, whatever came of it."""
        try:
            await self._inner.commit(*changes)
        finally:
            self._changes += 1
            for change in changes:
                self._found.pop(change.record.id, None)
