from __future__ import annotations

import re
from importlib import import_module

import pytest

from payseal.core import errors
from payseal.core.errors import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    Kind,
    Missing,
    NotAllowed,
    Problem,
    TooMany,
    Unauthenticated,
    Unavailable,
)

import_module("payseal.main")  # and with it every refusal there is
KINDS = {
    Invalid: Kind.INVALID,
    Unauthenticated: Kind.UNAUTHENTICATED,
    Forbidden: Kind.FORBIDDEN,
    Missing: Kind.MISSING,
    Conflict: Kind.CONFLICT,
    NotAllowed: Kind.CONFLICT,
    Gone: Kind.GONE,
    TooMany: Kind.TOO_MANY,
    Unavailable: Kind.UNAVAILABLE,
}


def every(cls):
    return [cls, *(deeper for sub in cls.__subclasses__() for deeper in every(sub))]


REFUSALS = [c for c in every(Problem)[1:] if c.__module__.startswith("payseal.")]


@pytest.mark.parametrize("refusal", KINDS)
def test_each_kind_of_refusal_has_its_class(refusal):
    assert refusal.kind is KINDS[refusal]
    assert set(KINDS.values()) == set(Kind)


def test_a_refusal_has_a_detail_for_people_and_members_for_programs():
    problem = Invalid("Give a colour.", field="colour", known=["red"])
    assert problem.detail == str(problem) == "Give a colour."
    assert problem.members == {"field": "colour", "known": ["red"]}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_of_ours_has_a_stable_code_and_a_title(refusal):
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", refusal.code)
    assert refusal.title[0].isupper()
    assert refusal.title.endswith(".")
    assert isinstance(refusal.kind, Kind)


def test_the_tree_at_the_top_of_the_file_is_the_tree():
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__)
    assert drawn == [cls.__name__ for cls in KINDS if cls is not NotAllowed]
    assert [cls for cls in Problem.__subclasses__() if cls.__module__ == errors.__name__] == [
        cls for cls in KINDS if cls is not NotAllowed
    ]
