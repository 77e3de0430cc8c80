"""The process that pays is stopped until another has undone the payment; then it goes on."""

import pytest

from tests.e2e.people import agree
from tests.e2e.stopped import CASES

NAMED = [
    pytest.param(c, id=f"{c.where}-{'remembering' if c.remembers else 'forgetful'}_bank")
    for c in CASES
]


@pytest.mark.parametrize("case", NAMED)
def test_who_was_stopped_while_the_payment_was_undone_leaves_no_money_held(beside, case):
    outcome = beside.outcome(case)
    assert outcome.held_before == [], "it was stopped before the call"
    assert outcome.txn["status"] == "reversed"
    assert [e["type"] for e in outcome.txn["events"]] == [
        "transaction.started",
        "transaction.unknown",
        "transaction.reversed",
    ]
    assert [row for row in outcome.book if row["status"] == "approved"] == []
    if case.where == "before_call":
        assert outcome.book == [], "the sender looked at its time once more"
    else:
        assert len(outcome.book) == 1, "the bank was asked, late"
    assert "Pay 12.50 EUR" in outcome.page.text, "the link is open again"
    assert outcome.next_page.heading == "Paid"
    agree(outcome.transactions, outcome.book_at_last)
