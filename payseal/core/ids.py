"""Ids that say what they name, whose they are, and when they were made.

    lnk_ 4f8q0r2m7c1d 00 01k9ayt3pe 9d3v5k8m2x7q1c0w
    what account      sh milliseconds random or derived

Forty characters of Crockford's base 32 in small letters (200 bits), which sort as their bits do:
within a partition ids sort by time. `sh` is ten bits: the mode (test or live), then the shard.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import NewType

AccountId = NewType("AccountId", str)
LinkId = NewType("LinkId", str)
Partition = NewType("Partition", str)

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_PAIRS = tuple(first + second for first in _DIGITS for second in _DIGITS)  # of ten bits each
_OF_BYTE = bytes(ord(_DIGITS[byte % 32]) for byte in range(256))  # five bits of each
# To the digits that `int` knows (RFC 4648, base 32 hex).
_HEX32 = "0123456789abcdefghijklmnopqrstuv"
_TO_HEX32 = bytes(ord(_HEX32[_VALUES[c]] if c in _VALUES else "!") for c in map(chr, range(256)))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
PREFIX_CHARS, ACCOUNT_CHARS, SHARD_CHARS, MOMENT_CHARS, UNIQUE_CHARS = 3, 12, 2, 10, 16
ID_CHARS = PREFIX_CHARS + 1 + ACCOUNT_CHARS + SHARD_CHARS + MOMENT_CHARS + UNIQUE_CHARS
_ACCOUNT = PREFIX_CHARS + 1
_SHARD = _ACCOUNT + ACCOUNT_CHARS
_MOMENT = _SHARD + SHARD_CHARS
_UNIQUE = _MOMENT + MOMENT_CHARS
SHARDS_MAX = 512
POOL_BYTES = 4096
# Of so many digits, two by two, how far each pair is from the right.
_SHIFTS = {chars: range(5 * chars - 10, -1, -10) for chars in range(2, ID_CHARS, 2)}


class Mode(StrEnum):
    """Play money or real money. What belongs to one is never seen by the other."""

    LIVE = "live"
    TEST = "test"


class Pool:
    """Chance that is drawn in bulk: a system call for each id would take longer than the id."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._drawn, self._used = b"", 0

    def __call__(self, n: int) -> bytes:
        """The next n bytes, which nobody is given again."""
        if self._used + n > len(self._drawn):
            self._drawn, self._used = self._entropy(max(n, POOL_BYTES)), 0
        start, self._used = self._used, self._used + n
        return self._drawn[start : self._used]


class Mint:
    """Makes new ids. Chance comes from outside: `entropy(n)` gives n bytes of it."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy

    def account(self) -> AccountId:
        """A new account: 60 bits."""
        return AccountId(_digits(self._entropy(ACCOUNT_CHARS)))

    def id(self, prefix: str, partition: Partition, at: datetime) -> str:
        """A new id in that partition."""
        assert len(prefix) == PREFIX_CHARS, f"{prefix} is no prefix"
        return f"{prefix}_{partition}{moment(at)}{self.unique()}"

    def shard(self, shards: int) -> int:
        """One of so many shards, each as likely as the others."""
        assert 0 < shards <= SHARDS_MAX, f"nothing spreads over {shards} shards"
        return 0 if shards == 1 else int.from_bytes(self._entropy(4), "big") % shards

    def unique(self) -> str:
        """Eighty random bits, sixteen characters."""
        return _digits(self._entropy(UNIQUE_CHARS))


def home(account: AccountId, mode: Mode = Mode.LIVE, shard: int = 0) -> Partition:
    """Where an account's things of one mode are kept."""
    assert 0 <= shard < SHARDS_MAX, f"there is no shard {shard}"
    number = shard + (SHARDS_MAX if mode is Mode.TEST else 0)
    return Partition(account + _PAIRS[number])


def place_of(partition: Partition) -> tuple[Mode, int]:
    """Of which mode it is, and which shard."""
    number = _PAIRS.index(partition[ACCOUNT_CHARS:])
    return (Mode.LIVE if number < SHARDS_MAX else Mode.TEST), number % SHARDS_MAX


def homes(account: AccountId, mode: Mode, shards: int) -> list[Partition]:
    """All places where things of a spread account may be."""
    return [home(account, mode, shard) for shard in range(shards)]


def derive(prefix: str, partition: Partition, at: datetime, *parts: str) -> str:
    """The id that the same words always give: who makes it twice finds it taken."""
    return f"{prefix}_{partition}{moment(at)}{_hash(parts, UNIQUE_CHARS)}"


def value_id(prefix: str, *parts: str) -> str:
    """The id of a unique value (an e-mail address, say), in a partition of its own."""
    return f"{prefix}_{_hash(parts, ID_CHARS - _ACCOUNT)}"


def is_id(text: str, prefix: str) -> bool:
    """Whether the text has the form of an id with that prefix."""
    return len(text) == ID_CHARS and text.startswith(f"{prefix}_") and is_base32(text[_ACCOUNT:])


def is_base32(text: str) -> bool:
    """Whether the text has digits of ids only."""
    return not text.strip(_DIGITS)


def account_of(id: str) -> AccountId:
    """Whose it is."""
    return AccountId(id[_ACCOUNT:_SHARD])


def is_theirs(id: str, prefix: str, account: AccountId, mode: Mode) -> bool:
    """Whether it is an id with that prefix, of that account and mode."""
    return is_id(id, prefix) and account_of(id) == account and mode_of(id) is mode


def partition_of(id: str) -> Partition:
    """Where it is kept."""
    return Partition(id[_ACCOUNT:_MOMENT])


def mode_of(id: str) -> Mode:
    """Test or live."""
    return Mode.TEST if _VALUES[id[_SHARD]] >= SHARDS_MAX >> 5 else Mode.LIVE


def made_at(id: str) -> datetime:
    """When it was made, to the millisecond."""
    return moment_at(id[_MOMENT:_UNIQUE])


def by_time(id: str) -> tuple[str, str]:
    """What sorts ids across the shards of an account: moment, unique part, and last the shard."""
    return id[_MOMENT:], id


def in_shard(id: str, partition: Partition) -> str:
    """As far in another shard of the same account and mode: the same moment and unique part.

    The id itself, if it is of another account or mode.
    """
    there = f"{id[:_ACCOUNT]}{partition}{id[_MOMENT:]}"
    alike = account_of(there) == account_of(id) and mode_of(there) is mode_of(id)
    return there if alike else id


@lru_cache(1024)
def moment(at: datetime) -> str:
    """Ten characters that sort as the milliseconds of `at` do."""
    return _number((at - _EPOCH) // _MILLISECOND, MOMENT_CHARS)


def moment_at(text: str) -> datetime:
    """The moment that `moment` wrote down."""
    return _EPOCH + _value(text) * _MILLISECOND


@lru_cache(4096)
def pack(id: str) -> bytes:
    """The 25 bytes of an id, without its prefix."""
    return _value(id[_ACCOUNT:]).to_bytes(25, "big")


def unpack(prefix: str, packed: bytes) -> str:
    """The id that `pack` made these 25 bytes of."""
    assert len(packed) == 25, "an id has 25 bytes"
    return f"{prefix}_{_number(int.from_bytes(packed, 'big'), ID_CHARS - _ACCOUNT)}"


def _hash(parts: tuple[str, ...], chars: int) -> str:
    # A length before each part: ("ab", "c") and ("a", "bc") are two things.
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return _digits(blake2b(text.encode(), digest_size=chars).digest())


def _digits(data: bytes) -> str:
    return data.translate(_OF_BYTE).decode("ascii")


def _value(digits: str) -> int:
    return int(digits.encode("ascii").translate(_TO_HEX32), 32)


def _number(number: int, chars: int) -> str:
    assert 0 <= number < 1 << 5 * chars, "the number has its place"
    return "".join([_PAIRS[number >> bits & 1023] for bits in _SHIFTS[chars]])
