"""The bank books a payment and its answer is lost: what becomes of the money."""

import pytest

from tests.e2e.people import agree
from tests.e2e.recovery import CASES

LOOK_UP = {True: "with_look_up", False: "without_look_up"}
NAMED = [
    pytest.param(c, card, id=f"{card}_card-{c.ending}-{LOOK_UP[c.look_up]}-{c.times}_times")
    for c in CASES
    for card in ("slow", "mute")
]


@pytest.mark.parametrize(("case", "card"), NAMED)
def test_a_payment_whose_answer_is_lost_resolves_by_itself_and_the_bank_agrees(beside, case, card):
    outcome = beside.outcome(case)[card]
    if case.times == "true":  # the others may be that far already on a slow machine
        assert outcome.before["status"] == "started"
    kinds = [event["type"] for event in outcome.after["events"]]
    assert kinds[0] == "transaction.started"
    assert len(kinds) == len(set(kinds))
    (booked,) = outcome.book
    if case.look_up:
        assert outcome.after["status"] == "captured"
        assert booked["status"] == "approved"
        assert outcome.reversals == []
        assert outcome.page.heading == "Paid"
        assert kinds[-1] == "transaction.captured"
    else:
        assert outcome.after["status"] == "reversed"
        assert booked["status"] == "reversed"
        assert [r["outcome"] for r in outcome.reversals] == ["reversed"]
        assert "Pay 12.50 EUR" in outcome.page.text
        assert kinds[-1] == "transaction.reversed"
    agree([outcome.after], outcome.book)
