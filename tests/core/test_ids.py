from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payseal.core.ids import (
    ID_CHARS,
    POOL_BYTES,
    SHARDS_MAX,
    AccountId,
    Mint,
    Mode,
    Pool,
    account_of,
    by_time,
    derive,
    home,
    homes,
    in_shard,
    is_base32,
    is_id,
    made_at,
    mode_of,
    moment,
    moment_at,
    pack,
    partition_of,
    unpack,
    value_id,
)
from tests.chance import counted

AT = datetime(2026, 11, 22, 12, 0, 0, 123000, tzinfo=UTC)
ACCOUNT = AccountId("4f8q0r2m7c1d")
HOME = home(ACCOUNT)
GOOD = "lnk_" + "0" * 40
DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
MOMENTS = st.datetimes(
    datetime(1970, 1, 2),  # noqa: DTZ001  # hypothesis takes naive bounds and adds the zone
    datetime(2200, 1, 1),  # noqa: DTZ001  # likewise
    timezones=st.just(UTC),
)


@pytest.fixture
def mint():
    return Mint(counted())


def test_an_id_says_what_it_names_whose_it_is_and_when_it_was_made(mint):
    id = mint.id("lnk", home(ACCOUNT, Mode.TEST, 7), AT)
    assert id.startswith("lnk_4f8q0r2m7c1d")
    assert is_id(id, "lnk")
    assert account_of(id) == ACCOUNT
    assert partition_of(id) == home(ACCOUNT, Mode.TEST, 7)
    assert mode_of(id) is Mode.TEST
    assert made_at(id) == AT


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("shard", [0, 1, 31, 32, SHARDS_MAX - 1])
def test_every_shard_says_its_mode_and_none_is_shared(mint, mode, shard):
    id = mint.id("lnk", home(ACCOUNT, mode, shard), AT)
    assert mode_of(id) is mode
    homes = {home(ACCOUNT, m, s) for m in Mode for s in range(SHARDS_MAX)}
    assert len(homes) == 2 * SHARDS_MAX


@pytest.mark.parametrize("shard", [-1, SHARDS_MAX])
def test_there_are_only_so_many_shards(shard):
    with pytest.raises(AssertionError):
        home(ACCOUNT, Mode.LIVE, shard)


def test_two_ids_of_one_moment_differ(mint):
    assert len({mint.id("lnk", HOME, AT) for _ in range(100)}) == 100
    assert len({mint.account() for _ in range(100)}) == 100


def test_chance_fills_all_of_an_id():
    zeros, ones = Mint(lambda size: b"\x00" * size), Mint(lambda size: b"\xff" * size)
    assert (zeros.unique(), ones.unique()) == ("0" * 16, "z" * 16)
    assert (zeros.account(), ones.account()) == ("0" * 12, "z" * 12)


@given(MOMENTS, MOMENTS)
def test_ids_sort_by_time(one, other):
    earlier, later = sorted([one, other])
    assert moment(earlier) <= moment(later)
    if later - earlier >= timedelta(milliseconds=1):
        mint = Mint(lambda size: b"\xff" * size)
        zeros = Mint(lambda size: b"\x00" * size)
        assert mint.id("lnk", HOME, earlier) < zeros.id("lnk", HOME, later)


@given(MOMENTS)
def test_a_moment_is_kept_to_the_millisecond(at):
    assert timedelta(0) <= at - moment_at(moment(at)) < timedelta(milliseconds=1)


def test_the_same_words_give_the_same_id_and_other_words_another():
    first = derive("plc", HOME, AT, "ab", "c")
    assert first == derive("plc", HOME, AT, "ab", "c")
    others = {
        derive("txn", HOME, AT, "ab", "c"),
        derive("plc", home(ACCOUNT, Mode.TEST), AT, "ab", "c"),
        derive("plc", HOME, AT + timedelta(milliseconds=1), "ab", "c"),
        derive("plc", HOME, AT, "a", "bc"),
        derive("plc", HOME, AT, "abc"),
        derive("plc", HOME, AT, "c", "ab"),
        derive("plc", HOME, AT, "ab", "c", ""),
        derive("plc", HOME, AT, "1:a", "c"),
    }
    assert len(others) == 8
    assert first not in others
    assert is_id(first, "plc")


def test_a_unique_value_has_one_id_in_a_partition_of_its_own():
    one, other = value_id("eml", "a@shop.example"), value_id("eml", "b@shop.example")
    assert one == value_id("eml", "a@shop.example")
    assert is_id(one, "eml")
    assert partition_of(one) != partition_of(other)
    assert value_id("eml", "ab", "c") != value_id("eml", "a", "bc")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lnk_",
        "lnk",
        GOOD[:-1],
        GOOD + "0",
        "txn_" + "0" * 40,
        "LNK_" + "0" * 40,
        "lnk-" + "0" * 40,
        GOOD[:-1] + "\n",
        GOOD[:-1] + "\x00",
        GOOD[:-1] + "A",  # capital letters
        *(GOOD[:-1] + c for c in "ilou"),  # not in Crockford's alphabet
        *(GOOD[:10] + c + GOOD[11:] for c in "!/. %'é٣０"),
        GOOD[:20] + " " + GOOD[21:],
    ],
)
def test_foreign_text_is_no_id(text):
    assert not is_id(text, "lnk")


def test_only_digits_of_ids_are_base_32():
    assert is_base32(DIGITS)
    assert not is_base32("0" * 5 + "u" + "0" * 5)
    assert not is_base32("u")


@given(st.text(DIGITS, min_size=ID_CHARS - 4, max_size=ID_CHARS - 4))
def test_a_packed_id_is_25_bytes_and_comes_back(text):
    id = "lnk_" + text
    packed = pack(id)
    assert len(packed) == 25
    assert unpack("lnk", packed) == id


@given(st.binary(min_size=25, max_size=25), st.binary(min_size=25, max_size=25))
def test_25_bytes_are_an_id_and_sort_as_it_does(one, other):
    first, second = unpack("lnk", one), unpack("lnk", other)
    assert is_id(first, "lnk")
    assert pack(first) == one
    assert (first < second) == (one < other)


def test_across_shards_ids_sort_by_time_and_last_by_shard(mint):
    places = homes(ACCOUNT, Mode.TEST, 3)
    early = mint.id("lnk", places[2], AT)
    late = mint.id("lnk", places[0], AT + timedelta(milliseconds=1))
    alike = [in_shard(early, place) for place in places]
    assert sorted([late, *alike[::-1]], key=by_time) == [*alike, late]
    assert alike[2] == early
    assert [made_at(id) for id in alike] == [AT] * 3
    assert [partition_of(id) for id in alike] == places


def test_a_cursor_goes_to_shards_of_its_own_account_and_mode_only(mint):
    id = mint.id("lnk", home(ACCOUNT, Mode.LIVE, 1), AT)
    for place in (home(ACCOUNT, Mode.TEST, 1), home(AccountId("0" * 12), Mode.LIVE, 1)):
        assert in_shard(id, place) == id


def test_nothing_spreads_over_no_shard_or_too_many(mint):
    for shards in (0, -1, SHARDS_MAX + 1):
        with pytest.raises(AssertionError):
            mint.shard(shards)


def test_a_pool_draws_much_at_once_and_gives_no_byte_twice():
    drawn = []

    def entropy(size):
        drawn.append(size)
        return bytes(len(drawn) for _ in range(size))

    pool = Pool(entropy)
    given = [pool(10) for _ in range(POOL_BYTES // 10 + 1)]

    assert drawn == [POOL_BYTES, POOL_BYTES]
    assert given == [b"\x01" * 10] * (POOL_BYTES // 10) + [b"\x02" * 10]
    assert len(pool(2 * POOL_BYTES)) == 2 * POOL_BYTES


def test_what_a_pool_gives_is_what_it_drew_in_that_order():
    numbers = iter(range(256))
    pool = Pool(lambda size: bytes(next(numbers) % 256 for _ in range(256)))

    assert [pool(3), pool(2), pool(4)] == [b"\x00\x01\x02", b"\x03\x04", b"\x05\x06\x07\x08"]
