"""A state machine is a table: what may follow what."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from payseal.core.errors import NotAllowed

S = TypeVar("S", bound=StrEnum)


class Moves(Generic[S]):
    """`Moves({State.A: (State.B,), State.B: ()})`: each state, and what may follow it."""

    def __init__(self, table: Mapping[S, tuple[S, ...]]) -> None:
        states = set(type(next(iter(table))))
        assert set(table) == states, f"not in the table: {states - set(table)}"
        self._table = dict(table)

    def allow(self, before: S, after: S) -> bool:
        """Whether `after` may follow `before`."""
        return after in self._table[before]

    def check(self, before: S, after: S) -> None:
        """`NotAllowed` unless `after` may follow `before`."""
        if not self.allow(before, after):
            raise NotAllowed(f"It is {before}, so it cannot become {after}.", status=before.value)

    def is_final(self, state: S) -> bool:
        """Whether nothing may follow."""
        return not self._table[state]
