"""The bank books a payment and its answer is lost: what becomes of the money."""

import pytest

from tests.e2e.people import agree
from tests.e2e.recovery import CASES

NAMED = [
    pytest.param(
        case,
        card,
        id="-".join(
            (
                f"{card}_card",
                "killed" if case.killed else "alive",
                "with_look_up" if case.look_up else "without_look_up",
                "true_times" if case.true_times else "hasty",
            )
        ),
    )
    for case in CASES
    for card in ("slow", "mute")
]


@pytest.mark.parametrize(("case", "card"), NAMED)
def test_a_payment_whose_answer_is_lost_resolves_by_itself_and_the_bank_agrees(
    beside, case, card
):
    outcome = beside.outcome(case)[card]
    assert outcome.before["status"] in ("started", "unknown")
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
