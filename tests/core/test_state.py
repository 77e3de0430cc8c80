from __future__ import annotations

from enum import StrEnum

import pytest

from payseal.core.errors import Kind, NotAllowed
from payseal.core.state import Moves


class Light(StrEnum):
    RED = "red"
    GREEN = "green"
    BROKEN = "broken"


LIGHTS = Moves(
    {Light.RED: (Light.GREEN, Light.BROKEN), Light.GREEN: (Light.RED,), Light.BROKEN: ()}
)
ALLOWED = {(Light.RED, Light.GREEN), (Light.RED, Light.BROKEN), (Light.GREEN, Light.RED)}


@pytest.mark.parametrize("before", Light)
@pytest.mark.parametrize("after", Light)
def test_only_what_the_table_names_may_follow(before, after):
    assert LIGHTS.allow(before, after) == ((before, after) in ALLOWED)
    if (before, after) in ALLOWED:
        LIGHTS.check(before, after)
    else:
        with pytest.raises(NotAllowed) as refused:
            LIGHTS.check(before, after)
        assert refused.value.kind is Kind.CONFLICT
        assert refused.value.members == {"status": before.value}


@pytest.mark.parametrize(("state", "final"), [("red", False), ("green", False), ("broken", True)])
def test_a_state_that_nothing_follows_is_final(state, final):
    assert LIGHTS.is_final(Light(state)) == final


def test_a_table_that_forgets_a_state_is_a_bug():
    with pytest.raises(AssertionError, match="broken"):
        Moves({Light.RED: (Light.GREEN,), Light.GREEN: (Light.RED,)})
