from __future__ import annotations

from datetime import timedelta

import pytest

from payseal.core.ids import AccountId, Mint, Mode, home
from payseal.core.money import Money
from payseal.core.record import decode, encode
from payseal.issuers import Challenge, Operation, OperationKind
from payseal.transactions import MOVES, Reversal, ReversalStatus, Transaction, TransactionStatus
from payseal.transactions.looks import first_look
from payseal.transactions.reversal import MOVES as REVERSAL_MOVES
from payseal.transactions.reversal import reversal_of
from tests.moves import assert_table
from tests.shop import EUR, START

S, R = TransactionStatus, ReversalStatus
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
TRANSIT = timedelta(seconds=60)
METHODS = {
    "authorize": lambda txn: txn.authorize("A1B2C3", START),
    "capture": lambda txn: txn.capture("A1B2C3"),
    "void": Transaction.void,
    "lead_away": lambda txn: txn.lead_away(CHALLENGE),
    "go_on": lambda txn: txn.go_on(OPERATION),
    "decline": lambda txn: txn.decline("expired_card"),
    "fail": lambda txn: txn.fail("no_connection"),
    "lose_sight": lambda txn: txn.lose_sight("timeout"),
    "reverse": Transaction.reverse,
}
TABLE = {
    S.STARTED: {
        "lead_away": S.CHALLENGED,
        "authorize": S.AUTHORIZED,
        "capture": S.CAPTURED,
        "decline": S.DECLINED,
        "fail": S.FAILED,
        "lose_sight": S.UNKNOWN,
    },
    S.CHALLENGED: {
        "go_on": S.STARTED,
        "authorize": S.AUTHORIZED,
        "capture": S.CAPTURED,
        "decline": S.DECLINED,
        "fail": S.FAILED,
    },
    S.UNKNOWN: {
        "authorize": S.AUTHORIZED,
        "capture": S.CAPTURED,
        "decline": S.DECLINED,
        "reverse": S.REVERSED,
    },
    S.AUTHORIZED: {"capture": S.CAPTURED, "void": S.VOIDED},
    S.CAPTURED: {},
    S.DECLINED: {},
    S.REVERSED: {},
    S.VOIDED: {},
    S.FAILED: {},
}
FOLLOWS = {  # every pair of the table of moves, also those whose methods come later
    S.STARTED: {S.CHALLENGED, S.UNKNOWN, S.AUTHORIZED, S.CAPTURED, S.DECLINED, S.FAILED},
    S.CHALLENGED: {S.STARTED, S.AUTHORIZED, S.CAPTURED, S.DECLINED, S.FAILED},
    S.UNKNOWN: {S.AUTHORIZED, S.CAPTURED, S.DECLINED, S.REVERSED},
    S.AUTHORIZED: {S.CAPTURED, S.VOIDED},
}
# Which look comes how long after the one before (RELIABILITY.md, "When an answer does not come").
BACK_OFF = [
    *((n, seconds * SECOND) for n, seconds in enumerate([5, 15, 30, 60])),
    *((n, minutes * MINUTE) for n, minutes in enumerate([2, 5, 15, 30, 60], start=4)),
    (9, 60 * MINUTE),
    (1000, 60 * MINUTE),
]
CHALLENGE = Challenge("https://acs.example/", START + 10 * MINUTE, "memo")
MINT = Mint(lambda size: b"\x07" * size)
HOME = home(AccountId("0" * 12), Mode.TEST)
OPERATION = Operation(
    id=MINT.id("opn", HOME, START),
    kind=OperationKind.PURCHASE,
    reference="REFERENCE123",
    merchant="0" * 12,
    amount=Money(1250, EUR),
    asked_at=START,
    call_until=START + 30 * SECOND,
)


def txn_in(status: TransactionStatus = S.STARTED, **members: object) -> Transaction:
    return Transaction(
        id=MINT.id("txn", HOME, START),
        status=status,
        link=MINT.id("lnk", HOME, START),
        place=0,
        realm="shop",
        amount=Money(1250, EUR),
        issuer="bank",
        operation=OPERATION,
        payer="hash of an address",
        brand="visa",
        last4="4242",
        fingerprint="hash of a number",
        **members,
    )


def reversal_in(status: ReversalStatus = R.PENDING, **members: object) -> Reversal:
    return Reversal(
        id=MINT.id("rev", HOME, START),
        status=status,
        transaction=txn_in().id,
        issuer="bank",
        operation=OPERATION,
        send_at=START,
        **members,
    )


def test_each_status_of_a_transaction_allows_its_moves_and_no_others():
    assert_table(txn_in, METHODS, TABLE)


@pytest.mark.parametrize("before", S)
@pytest.mark.parametrize("after", S)
def test_what_may_follow_what(before, after):
    assert MOVES.allow(before, after) == (after in FOLLOWS.get(before, set()))


@pytest.mark.parametrize("status", S)
def test_a_status_that_nothing_follows_is_final(status):
    assert txn_in(status).is_final == (status not in FOLLOWS)


@pytest.mark.parametrize("status", [S.STARTED, S.UNKNOWN])
def test_whatever_is_known_for_certain_needs_no_look(status):
    txn = txn_in(status, look_at=START)
    assert txn.due == START
    assert txn.capture("A").due is None
    assert txn.decline("no").due is None
    assert txn.await_reversal().due is None, "from now on its reversal decides"
    assert txn_in(look_at=START).fail("no").due is None
    assert txn_in(look_at=START).lose_sight("timeout").due == START, "the look still comes"


@pytest.mark.parametrize("status", [S.STARTED, S.UNKNOWN])
def test_who_awaits_a_reversal_is_unknown_until_it_is_acknowledged(status):
    txn = txn_in(status, look_at=START).await_reversal()
    assert (txn.status, txn.reversals, txn.version) == (S.UNKNOWN, 1, 2)


@pytest.mark.parametrize("status", [s for s in S if MOVES.is_final(s)])
def test_compensation_changes_nothing_of_a_final_transaction_but_its_count(status):
    txn = txn_in(status)
    after = txn.compensate()
    assert (after.status, after.reversals, after.version) == (status, 1, 2)
    assert after.facts() == txn.facts()


def test_money_that_came_after_all_leaves_no_reason_behind():
    txn = txn_in().lose_sight("timeout")
    assert txn.facts()["reason"] == "timeout"
    assert txn.capture("A1B2C3").facts()["reason"] is None


@pytest.mark.parametrize(("looks", "pause"), BACK_OFF)
def test_the_looks_come_further_and_further_apart_then_hourly_for_ever(looks, pause):
    txn = txn_in(S.UNKNOWN, looks=looks, look_at=START).look_later(START)
    assert (txn.look_at, txn.looks, txn.status) == (START + pause, looks + 1, S.UNKNOWN)


@pytest.mark.parametrize(("tries", "pause"), BACK_OFF)
def test_reversals_come_further_and_further_apart_then_hourly_for_ever(tries, pause):
    reversal = reversal_in(tries=tries).hold(START).send_later(START)
    assert (reversal.send_at, reversal.tries) == (START + pause, tries + 1)


def test_nobody_looks_before_the_call_is_over_and_its_answer_cannot_be_on_its_way():
    assert first_look(OPERATION) == START + 45 * SECOND


def test_facts_hold_of_a_card_its_brand_and_last_four_digits_only():
    txn = txn_in(name="Ada Byron", email="ada@x.example", reason="timeout")
    assert txn.facts() == {
        "id": txn.id,
        "mode": "test",
        "payment": txn.link,
        "realm": "shop",
        "status": "started",
        "amount": "12.50",
        "captured": "0.00",
        "fee": "0.00",
        "currency": "EUR",
        "card": {"brand": "visa", "last4": "4242"},
        "reason": "timeout",
    }


@pytest.mark.parametrize("record", [txn_in(), txn_in(S.UNKNOWN, looks=3, look_at=START)])
def test_a_transaction_comes_back_from_its_body(record):
    assert decode(Transaction, record.id, 1, encode(record)) == record
    assert (record.of, record.created_at) == (record.link, START)


def test_each_status_of_a_reversal_allows_its_moves_and_no_others():
    assert_table(
        reversal_in, {"finish": Reversal.finish}, {R.PENDING: {"finish": R.DONE}, R.DONE: {}}
    )
    assert REVERSAL_MOVES.is_final(R.DONE)
    assert (reversal_in().due, reversal_in(R.DONE).due) == (START, None)


@pytest.mark.parametrize(
    ("members", "certain"),
    [
        ({}, False),  # never said before
        ({"not_found_at": START}, True),
        ({"not_found_at": START - TRANSIT}, True),
        ({"not_found_at": START + SECOND}, False),  # not long enough ago
        ({"not_found_at": START, "charged": True}, False),  # we know better
    ],
)
def test_no_such_original_is_final_when_said_again_after_the_transit_time(members, certain):
    assert reversal_in(**members).is_certain(TRANSIT, START + TRANSIT) == certain


@pytest.mark.parametrize(
    ("members", "asked_at", "send_at", "not_found_at"),
    [
        ({}, 60, 120, 60),
        ({}, 10, 90, 30),  # before call_until it says nothing
        ({"not_found_at": START + 60 * SECOND}, 100, 120, 60),
        ({"not_found_at": START + 60 * SECOND}, 200, 200, 60),
        ({"charged": True}, 60, 65, None),
    ],
)
def test_after_no_such_original_it_is_sent_again_once_nothing_can_be_on_its_way(
    members, asked_at, send_at, not_found_at
):
    held = reversal_in(**members).hold(START + MINUTE)
    reversal = held.miss(TRANSIT, START + asked_at * SECOND)
    assert reversal.send_at == START + send_at * SECOND
    assert reversal.not_found_at == (
        None if not_found_at is None else START + not_found_at * SECOND
    )
    assert (reversal.tries, reversal.status) == (1, R.PENDING)


def test_what_may_have_landed_after_all_makes_no_such_original_count_no_more():
    reversal = reversal_in(not_found_at=START, tries=1)
    anew = reversal.start_over(START + MINUTE)
    assert (anew.not_found_at, anew.due, anew.charged) == (None, START + MINUTE, False)
    charged = reversal.expect_charge(START + MINUTE)
    assert (charged.due, charged.charged) == (START + MINUTE, True)
    assert not anew.is_certain(TRANSIT, START + MINUTE)
    assert not charged.is_certain(TRANSIT, START + MINUTE)


def test_each_reversal_of_a_transaction_has_an_id_of_its_own():
    txn = txn_in(S.UNKNOWN, look_at=START).await_reversal()
    first = reversal_of(txn, charged=False, at=START)
    second = reversal_of(txn.compensate(), charged=True, at=START)
    assert first.id == reversal_of(txn, charged=True, at=START + SECOND).id != second.id
    assert first.operation == second.operation == txn.operation, "under the same reference"
    assert decode(Reversal, second.id, 1, encode(second)) == second
