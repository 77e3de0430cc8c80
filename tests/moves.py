"""What a table of moves is tested with: every state, and every method, one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from payseal.core.errors import NotAllowed
from payseal.core.record import Record

Method = Callable[[Any], Record]


def what_follows(record: Record, methods: Mapping[str, Method]) -> dict[str, StrEnum]:
    """The state after each method that is allowed now; the others refuse, and change nothing."""
    follows = {}
    for name, method in methods.items():
        try:
            after = method(record)
        except NotAllowed:
            continue
        assert after.version == record.version + 1, f"{name} counts one version"
        assert after.id == record.id, f"{name} keeps the id"
        follows[name] = after.status
    return follows


def assert_table(
    in_state: Callable[[Any], Record],
    methods: Mapping[str, Method],
    table: Mapping[Any, Mapping[str, Any]],
) -> None:
    """The whole cross product of states and methods is as the table says, and no more."""
    states = type(next(iter(table)))
    assert set(table) == set(states), "one row for each state"
    moves = type(in_state(next(iter(table)))).moves
    assert moves is not None, "a record with states has a table"
    for state, expected in table.items():
        assert what_follows(in_state(state), methods) == dict(expected), state
        for after in expected.values():
            assert moves.allow(state, after), f"{state} to {after} is in the table of moves"
        assert moves.is_final(state) <= (not expected), f"{state} is final"
