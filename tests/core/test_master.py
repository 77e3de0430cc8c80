from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payseal.core.master import MasterKey, WrongMasterKey

SECRET = bytes(range(32))


def test_a_purpose_always_has_the_same_key_and_no_two_have_the_same():
    master, again = MasterKey(SECRET), MasterKey(SECRET)

    assert master.key("refresh") == again.key("refresh")
    assert len(master.key("refresh")) == 32
    assert len({master.key("refresh"), master.key("once"), MasterKey(bytes(32)).key("once")}) == 3


@given(st.binary(max_size=200), st.text(max_size=40))
def test_what_is_sealed_opens_again_and_is_not_in_clear(data, context):
    sealed = MasterKey(SECRET).seal(data, context)

    assert MasterKey(SECRET).unseal(sealed, context) == data
    assert len(sealed) == len(data) + 16
    assert len(data) < 4 or data not in sealed


@pytest.mark.parametrize(
    ("secret", "context", "sealed"),
    [
        (bytes(32), "endpoint", lambda s: s),
        (SECRET, "signing key", lambda s: s),
        (SECRET, "", lambda s: s),
        (SECRET, "endpoint", lambda s: s[:-1]),
        (SECRET, "endpoint", lambda s: bytes([s[0] ^ 1]) + s[1:]),
        (SECRET, "endpoint", lambda s: s + b"\0"),
        (SECRET, "endpoint", lambda s: b""),
    ],
    ids=["other master", "other context", "no context", "cut", "altered", "longer", "empty"],
)
def test_nothing_else_opens_it(secret, context, sealed):
    kept = MasterKey(SECRET).seal(b"whsec", "endpoint")

    with pytest.raises(WrongMasterKey):
        MasterKey(secret).unseal(sealed(kept), context)


def test_it_cannot_be_printed_or_pickled():
    master = MasterKey(SECRET)

    assert repr(master) == "MasterKey(…)"
    with pytest.raises(TypeError):
        pickle.dumps(master)


def test_it_has_thirty_two_bytes():
    with pytest.raises(AssertionError, match="32 bytes"):
        MasterKey(b"short")
