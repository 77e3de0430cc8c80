from __future__ import annotations

from datetime import UTC, datetime

import pytest

from payseal.core.ids import AccountId, Mint, home, is_id
from payseal.core.money import Currency, Money
from payseal.core.record import decode, encode
from payseal.core.store import Insert, Taken
from payseal.ledger import Entry, Line, book, capture
from payseal.storage import MemoryStore

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOME = home(AccountId("0" * 12))
TXN = Mint(lambda size: b"\x01" * size).id("txn", HOME, AT)
OPERATION = Mint(lambda size: b"\x02" * size).id("opn", HOME, AT)


def eur(minor: int) -> Money:
    return Money(minor, Currency.EUR)


def jpy(minor: int) -> Money:
    return Money(minor, Currency.JPY)


BALANCED = [
    (eur(1250), eur(-1250)),
    (eur(1250), eur(-1000), eur(-250)),
    (eur(100), eur(-100), jpy(5), jpy(-5)),
    (eur(0), eur(0)),
]
OFF = [
    (eur(1250),),
    (eur(1250), eur(-1249)),
    (eur(1250), jpy(-1250)),
    (eur(100), eur(-100), jpy(5)),
]


@pytest.mark.parametrize("amounts", BALANCED)
def test_an_entry_whose_lines_add_up_to_nothing_is_booked(amounts):
    lines = [Line(f"account {n}", amount) for n, amount in enumerate(amounts)]
    entry = book(TXN, OPERATION, *lines, at=AT)
    assert entry.lines == tuple(lines)
    assert is_id(entry.id, "ent")
    assert (entry.of, entry.operation, entry.at) == (TXN, OPERATION, AT)
    assert entry.partition == HOME


@pytest.mark.parametrize("amounts", OFF)
def test_an_entry_that_does_not_balance_in_each_currency_is_a_bug(amounts):
    with pytest.raises(AssertionError, match="is off by"):
        book(TXN, OPERATION, *(Line("account", amount) for amount in amounts), at=AT)


def test_a_capture_is_owed_by_the_issuer_and_to_the_merchant():
    entry = capture(TXN, OPERATION, "bank", jpy(1200), jpy(0), at=AT)
    assert entry.lines == (Line("clearing:bank", jpy(1200)), Line("payable", jpy(-1200)))


def test_what_the_issuer_keeps_is_a_line_of_its_own_and_the_merchant_is_owed_the_rest():
    entry = capture(TXN, OPERATION, "bank", eur(1250), eur(43), at=AT)
    assert entry.lines == (
        Line("clearing:bank", eur(1250)),
        Line("payable", eur(-1207)),
        Line("fees:bank", eur(-43)),
    )


async def test_one_operation_is_booked_once_whenever_it_is():
    store = MemoryStore((Entry,))
    first = capture(TXN, OPERATION, "bank", eur(1250), eur(0), at=AT)
    again = capture(TXN, OPERATION, "bank", eur(9999), eur(0), at=AT.replace(year=2027))
    await store.commit(Insert(first))
    with pytest.raises(Taken):
        await store.commit(Insert(again))
    assert await store.get(Entry, first.id) == first


def test_another_operation_has_another_entry():
    other = OPERATION[:-1] + "0"
    first = capture(TXN, OPERATION, "bank", eur(1250), eur(0), at=AT)
    assert first.id != capture(TXN, other, "bank", eur(1250), eur(0), at=AT).id


def test_an_entry_comes_back_from_its_body():
    entry = capture(TXN, OPERATION, "bank", eur(1250), eur(0), at=AT)
    assert decode(Entry, entry.id, 1, encode(entry)) == entry
