from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import msgspec
import pytest

from payseal.core.errors import NotAllowed
from payseal.core.ids import AccountId, Mint, home
from payseal.core.money import Currency, Money
from payseal.core.record import Record, decode, encode
from payseal.core.state import Moves

AT = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
HOME = home(AccountId("0" * 12))
ID = Mint(lambda size: b"\x07" * size).id("box", HOME, AT)


class BoxStatus(StrEnum):
    SHUT = "shut"
    OPEN = "open"


class Box(Record, frozen=True, kw_only=True):
    prefix, table = "box", "boxes"
    moves = Moves({BoxStatus.SHUT: (BoxStatus.OPEN,), BoxStatus.OPEN: ()})

    status: BoxStatus = BoxStatus.SHUT
    price: Money | None = None
    made: datetime | None = None
    words: dict[str, str] = msgspec.field(default_factory=dict)
    label: str = ""

    def open(self) -> Box:
        return self._become(BoxStatus.OPEN)

    def write(self, label: str) -> Box:
        return self._become(label=label)


class Stone(Record, frozen=True, kw_only=True):
    prefix, table = "stn", "stones"

    def melt(self) -> Stone:
        return self._become(BoxStatus.OPEN)


FULL = Box(
    id=ID,
    version=7,
    status=BoxStatus.OPEN,
    price=Money(1250, Currency.EUR),
    made=AT,
    words={"a": "é"},
    label="x",
)


@pytest.mark.parametrize("record", [FULL, Box(id=ID), Box(id=ID, version=3)])
def test_a_record_comes_back_from_its_body_key_and_version(record):
    assert decode(Box, record.id, record.version, encode(record)) == record


def test_a_body_does_not_repeat_what_its_key_holds():
    body = msgspec.json.decode(encode(FULL))
    assert set(body) == {"status", "price", "made", "words", "label"}
    assert ID.encode() not in encode(FULL)
    assert encode(Box(id=ID)) == b"{}"


def test_a_body_of_a_later_release_is_still_read():
    assert decode(Box, ID, 1, b'{"label":"x","added":1}') == Box(id=ID, label="x")


def test_a_status_that_this_release_does_not_know_is_not_guessed():
    with pytest.raises(msgspec.ValidationError):
        decode(Box, ID, 1, b'{"status":"melted"}')


def test_a_record_never_changes():
    with pytest.raises(AttributeError):
        FULL.label = "y"  # type: ignore[misc]  # that is the point


def test_a_change_is_a_copy_one_version_on():
    written = FULL.write("y")
    assert (written.label, written.version, written.id) == ("y", 8, ID)
    assert (FULL.label, FULL.version) == ("x", 7)
    assert written.write("x") != FULL


def test_a_move_follows_the_table():
    opened = Box(id=ID).open()
    assert (opened.status, opened.version) == (BoxStatus.OPEN, 2)
    with pytest.raises(NotAllowed):
        opened.open()


def test_a_move_without_a_table_is_a_bug():
    with pytest.raises(AssertionError, match="no table of moves"):
        Stone(id="stn" + ID[3:]).melt()


def test_a_record_stands_alone_unless_its_class_says_more():
    stone = Stone(id="stn" + ID[3:])
    assert (stone.of, stone.due, stone.partition) == (None, None, HOME)
    assert stone.facts() == {"id": stone.id}
